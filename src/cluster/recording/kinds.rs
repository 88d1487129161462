//! What is known of kinds beforehand: their plural, whether they live in a namespace, and which fields can be selected by.

/// Whether objects of a kind live in a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Cluster,
    Namespaced,
}

/// A kind as Kubernetes itself serves it.
#[derive(Debug)]
pub struct Known {
    pub api_version: &'static str,
    pub kind: &'static str,
    pub scope: Scope,
    /// Another name that files and folders have, such as `pvcs`.
    short: &'static str,
}

/// A field that a list can be selected by.
#[derive(Debug)]
pub struct Selectable {
    /// As the selector names it.
    pub label: &'static str,
    /// Where its value is in the object, with dots.
    pub path: &'static str,
    /// The value of an object that does not have it.
    pub default: &'static str,
}

const fn known(api_version: &'static str, kind: &'static str, scope: Scope, short: &'static str) -> Known {
    Known { api_version, kind, scope, short }
}

/// Those that folders hold without naming their kind, and those whose scope an empty list does not tell.
static KNOWN: &[Known] = &[
    known("v1", "Pod", Scope::Namespaced, ""),
    known("v1", "Service", Scope::Namespaced, ""),
    known("v1", "Endpoints", Scope::Namespaced, ""),
    known("v1", "Event", Scope::Namespaced, ""),
    known("v1", "ConfigMap", Scope::Namespaced, ""),
    known("v1", "ServiceAccount", Scope::Namespaced, ""),
    known("v1", "PersistentVolumeClaim", Scope::Namespaced, "pvcs"),
    known("v1", "ReplicationController", Scope::Namespaced, ""),
    known("v1", "ResourceQuota", Scope::Namespaced, ""),
    known("v1", "LimitRange", Scope::Namespaced, ""),
    known("v1", "PodTemplate", Scope::Namespaced, ""),
    known("v1", "Node", Scope::Cluster, ""),
    known("v1", "Namespace", Scope::Cluster, ""),
    known("v1", "PersistentVolume", Scope::Cluster, "pvs"),
    known("v1", "ComponentStatus", Scope::Cluster, ""),
    known("apps/v1", "Deployment", Scope::Namespaced, ""),
    known("apps/v1", "ReplicaSet", Scope::Namespaced, ""),
    known("apps/v1", "StatefulSet", Scope::Namespaced, ""),
    known("apps/v1", "DaemonSet", Scope::Namespaced, ""),
    known("apps/v1", "ControllerRevision", Scope::Namespaced, ""),
    known("batch/v1", "Job", Scope::Namespaced, ""),
    known("batch/v1", "CronJob", Scope::Namespaced, ""),
    known("autoscaling/v2", "HorizontalPodAutoscaler", Scope::Namespaced, "hpas"),
    known("policy/v1", "PodDisruptionBudget", Scope::Namespaced, "pdbs"),
    known("networking.k8s.io/v1", "Ingress", Scope::Namespaced, ""),
    known("networking.k8s.io/v1", "NetworkPolicy", Scope::Namespaced, ""),
    known("networking.k8s.io/v1", "IngressClass", Scope::Cluster, ""),
    known("discovery.k8s.io/v1", "EndpointSlice", Scope::Namespaced, ""),
    known("storage.k8s.io/v1", "StorageClass", Scope::Cluster, ""),
    known("storage.k8s.io/v1", "VolumeAttachment", Scope::Cluster, ""),
    known("storage.k8s.io/v1", "CSIDriver", Scope::Cluster, ""),
    known("storage.k8s.io/v1", "CSINode", Scope::Cluster, ""),
    known("storage.k8s.io/v1", "CSIStorageCapacity", Scope::Namespaced, ""),
    known("coordination.k8s.io/v1", "Lease", Scope::Namespaced, ""),
    known("scheduling.k8s.io/v1", "PriorityClass", Scope::Cluster, ""),
    known("rbac.authorization.k8s.io/v1", "Role", Scope::Namespaced, ""),
    known("rbac.authorization.k8s.io/v1", "RoleBinding", Scope::Namespaced, ""),
    known("rbac.authorization.k8s.io/v1", "ClusterRole", Scope::Cluster, ""),
    known("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", Scope::Cluster, ""),
    known("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", Scope::Cluster, ""),
    known("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", Scope::Cluster, ""),
    known("apiextensions.k8s.io/v1", "CustomResourceDefinition", Scope::Cluster, "crds"),
    known("apiregistration.k8s.io/v1", "APIService", Scope::Cluster, ""),
    known("events.k8s.io/v1", "Event", Scope::Namespaced, ""),
    known("metrics.k8s.io/v1beta1", "PodMetrics", Scope::Namespaced, ""),
    known("metrics.k8s.io/v1beta1", "NodeMetrics", Scope::Cluster, ""),
];

/// The group of an `apiVersion`; empty for the core group.
pub fn group_of(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

/// The version of an `apiVersion`, without its group.
pub fn version_of(api_version: &str) -> &str {
    api_version.split_once('/').map_or(api_version, |(_, version)| version)
}

/// The scope of a kind that Kubernetes itself serves, in whichever version.
pub fn scope_of(group: &str, kind: &str) -> Option<Scope> {
    KNOWN.iter().find(|known| known.kind == kind && group_of(known.api_version) == group).map(|known| known.scope)
}

/// The kind that a file or a folder is named for: `pods`, `storage-classes`, `clusterRoles`, `pvcs`.
pub fn named(name: &str) -> Option<&'static Known> {
    let name: String = name.chars().filter(|letter| !matches!(letter, '-' | '_')).flat_map(char::to_lowercase).collect();
    if name.is_empty() {
        return None;
    }
    KNOWN.iter().find(|known| name == plural_of("", known.kind) || name == known.kind.to_lowercase() || name == known.short)
}

/// How paths name a kind: `Ingress` as `ingresses`.
pub fn plural_of(group: &str, kind: &str) -> String {
    let name = kind.to_lowercase();
    match name.as_str() {
        "endpoints" => name,
        "podmetrics" if group == "metrics.k8s.io" => "pods".to_owned(),
        "nodemetrics" if group == "metrics.k8s.io" => "nodes".to_owned(),
        _ if ["s", "x", "z", "ch", "sh"].iter().any(|end| name.ends_with(end)) => name + "es",
        _ => match name.strip_suffix('y') {
            Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
            _ => name + "s",
        },
    }
}

const fn field(label: &'static str, default: &'static str) -> Selectable {
    Selectable { label, path: label, default }
}

/// The fields that lists of a kind can be selected by, beside `metadata.name` and `metadata.namespace`.
pub fn selectable(group: &str, kind: &str) -> &'static [Selectable] {
    static POD: &[Selectable] = &[
        field("spec.nodeName", ""),
        field("spec.restartPolicy", ""),
        field("spec.schedulerName", ""),
        field("spec.serviceAccountName", ""),
        field("spec.hostNetwork", "false"),
        field("status.phase", ""),
        field("status.podIP", ""),
        field("status.nominatedNodeName", ""),
    ];
    static EVENT: &[Selectable] = &[
        field("involvedObject.kind", ""),
        field("involvedObject.namespace", ""),
        field("involvedObject.name", ""),
        field("involvedObject.uid", ""),
        field("involvedObject.apiVersion", ""),
        field("involvedObject.resourceVersion", ""),
        field("involvedObject.fieldPath", ""),
        field("reason", ""),
        field("reportingComponent", ""),
        Selectable { label: "source", path: "source.component", default: "" },
        field("type", ""),
    ];
    static REGARDING: &[Selectable] = &[
        field("regarding.kind", ""),
        field("regarding.namespace", ""),
        field("regarding.name", ""),
        field("regarding.uid", ""),
        field("regarding.apiVersion", ""),
        field("regarding.resourceVersion", ""),
        field("regarding.fieldPath", ""),
        field("reason", ""),
        field("reportingController", ""),
        field("type", ""),
    ];
    static NODE: &[Selectable] = &[field("spec.unschedulable", "false")];
    static NAMESPACE: &[Selectable] = &[field("status.phase", "")];
    static REPLICAS: &[Selectable] = &[field("status.replicas", "0")];
    static JOB: &[Selectable] = &[field("status.successful", "0")];
    match (group, kind) {
        ("", "Pod") => POD,
        ("", "Event") => EVENT,
        ("events.k8s.io", "Event") => REGARDING,
        ("", "Node") => NODE,
        ("", "Namespace") => NAMESPACE,
        ("", "ReplicationController") | ("apps", "ReplicaSet") => REPLICAS,
        ("batch", "Job") => JOB,
        _ => &[],
    }
}
