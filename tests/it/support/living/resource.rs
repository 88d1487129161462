//! What the server serves, and which of it a path names.

/// A kind of objects, as paths and bodies name it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Resource {
    /// Empty = core.
    pub group: &'static str,
    pub version: &'static str,
    pub plural: &'static str,
    pub kind: &'static str,
    pub is_namespaced: bool,
}

impl Resource {
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_owned() } else { format!("{}/{}", self.group, self.version) }
    }

    /// As messages name it: `deployments.apps`.
    pub fn qualified(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// As messages about invalid objects name it: `Deployment.apps`.
    pub fn qualified_kind(&self) -> String {
        if self.group.is_empty() { self.kind.to_owned() } else { format!("{}.{}", self.kind, self.group) }
    }

    pub fn is(&self, kind: &str) -> bool {
        self.kind == kind && self.group != "events.k8s.io"
    }
}

const fn namespaced(group: &'static str, version: &'static str, plural: &'static str, kind: &'static str) -> Resource {
    Resource { group, version, plural, kind, is_namespaced: true }
}

const fn of_cluster(group: &'static str, version: &'static str, plural: &'static str, kind: &'static str) -> Resource {
    Resource { group, version, plural, kind, is_namespaced: false }
}

/// Secrets are served, too, so that a test can see that nobody asked for one.
pub static RESOURCES: &[Resource] = &[
    namespaced("", "v1", "pods", "Pod"),
    namespaced("", "v1", "events", "Event"),
    namespaced("events.k8s.io", "v1", "events", "Event"),
    namespaced("", "v1", "services", "Service"),
    namespaced("", "v1", "configmaps", "ConfigMap"),
    namespaced("", "v1", "secrets", "Secret"),
    namespaced("", "v1", "serviceaccounts", "ServiceAccount"),
    namespaced("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim"),
    namespaced("", "v1", "resourcequotas", "ResourceQuota"),
    namespaced("", "v1", "limitranges", "LimitRange"),
    of_cluster("", "v1", "nodes", "Node"),
    of_cluster("", "v1", "namespaces", "Namespace"),
    of_cluster("", "v1", "persistentvolumes", "PersistentVolume"),
    namespaced("apps", "v1", "deployments", "Deployment"),
    namespaced("apps", "v1", "replicasets", "ReplicaSet"),
    namespaced("apps", "v1", "statefulsets", "StatefulSet"),
    namespaced("apps", "v1", "daemonsets", "DaemonSet"),
    namespaced("apps", "v1", "controllerrevisions", "ControllerRevision"),
    namespaced("batch", "v1", "jobs", "Job"),
    namespaced("batch", "v1", "cronjobs", "CronJob"),
    namespaced("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler"),
    namespaced("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget"),
    namespaced("networking.k8s.io", "v1", "ingresses", "Ingress"),
    namespaced("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy"),
    namespaced("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice"),
    of_cluster("storage.k8s.io", "v1", "storageclasses", "StorageClass"),
    of_cluster("apiregistration.k8s.io", "v1", "apiservices", "APIService"),
];

/// The resource of a kind that an object names. `None` = one that the server does not serve, say of an operator.
pub fn find_kind(kind: &str) -> Option<&'static Resource> {
    RESOURCES.iter().find(|resource| resource.is(kind))
}

/// The resource of a kind. Events are those of the core group.
#[track_caller]
pub fn of_kind(kind: &str) -> &'static Resource {
    find_kind(kind).unwrap_or_else(|| panic!("the server serves no {kind}"))
}

/// What a path names: `/apis/apps/v1/namespaces/shop/deployments/api/scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route<'a> {
    pub resource: &'static Resource,
    /// Empty = all namespaces, or none.
    pub namespace: &'a str,
    /// `None` = the collection.
    pub name: Option<&'a str>,
    /// Empty = the object itself.
    pub sub: &'a str,
}

impl<'a> Route<'a> {
    /// `None` where nothing is served.
    pub fn parse(path: &'a str) -> Option<Self> {
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let (group, version, rest) = match parts.as_slice() {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return None,
        };
        let (namespace, plural, rest) = match rest {
            ["namespaces", namespace, plural, rest @ ..] if !matches!(*plural, "status" | "finalize") => {
                (*namespace, *plural, rest)
            }
            [plural, rest @ ..] => ("", *plural, rest),
            [] => return None,
        };
        let (name, sub) = match rest {
            [] => (None, ""),
            [name] => (Some(*name), ""),
            [name, sub] => (Some(*name), *sub),
            _ => return None,
        };
        let is_it = |one: &&Resource| one.group == group && one.version == version && one.plural == plural;
        let resource = RESOURCES.iter().find(is_it)?;
        let fits = if resource.is_namespaced { !namespace.is_empty() || name.is_none() } else { namespace.is_empty() };
        (fits && name != Some("")).then_some(Self { resource, namespace, name, sub })
    }
}
