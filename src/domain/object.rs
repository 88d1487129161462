//! Objects of a cluster, by kind, namespace and name.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Longest name of a Kubernetes object.
pub const MAX_NAME_BYTES: usize = 253;

/// The kinds of objects that are looked at, as `kubectl` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Pod,
    Deployment,
    ReplicaSet,
    StatefulSet,
    DaemonSet,
    Job,
    CronJob,
    Service,
    EndpointSlice,
    Ingress,
    NetworkPolicy,
    PersistentVolumeClaim,
    PersistentVolume,
    StorageClass,
    HorizontalPodAutoscaler,
    PodDisruptionBudget,
    ResourceQuota,
    LimitRange,
    ConfigMap,
    Secret,
    ServiceAccount,
    Node,
    Namespace,
    ApiService,
}

/// Every kind with its name, its short name and its plural.
const NAMES: [(Kind, &str, &str, &str); 24] = [
    (Kind::Pod, "pod", "po", "pods"),
    (Kind::Deployment, "deployment", "deploy", "deployments"),
    (Kind::ReplicaSet, "replicaset", "rs", "replicasets"),
    (Kind::StatefulSet, "statefulset", "sts", "statefulsets"),
    (Kind::DaemonSet, "daemonset", "ds", "daemonsets"),
    (Kind::Job, "job", "job", "jobs"),
    (Kind::CronJob, "cronjob", "cj", "cronjobs"),
    (Kind::Service, "service", "svc", "services"),
    (Kind::EndpointSlice, "endpointslice", "endpointslice", "endpointslices"),
    (Kind::Ingress, "ingress", "ing", "ingresses"),
    (Kind::NetworkPolicy, "networkpolicy", "netpol", "networkpolicies"),
    (Kind::PersistentVolumeClaim, "pvc", "persistentvolumeclaim", "persistentvolumeclaims"),
    (Kind::PersistentVolume, "pv", "persistentvolume", "persistentvolumes"),
    (Kind::StorageClass, "storageclass", "sc", "storageclasses"),
    (Kind::HorizontalPodAutoscaler, "hpa", "horizontalpodautoscaler", "horizontalpodautoscalers"),
    (Kind::PodDisruptionBudget, "pdb", "poddisruptionbudget", "poddisruptionbudgets"),
    (Kind::ResourceQuota, "resourcequota", "quota", "resourcequotas"),
    (Kind::LimitRange, "limitrange", "limits", "limitranges"),
    (Kind::ConfigMap, "configmap", "cm", "configmaps"),
    (Kind::Secret, "secret", "secret", "secrets"),
    (Kind::ServiceAccount, "serviceaccount", "sa", "serviceaccounts"),
    (Kind::Node, "node", "no", "nodes"),
    (Kind::Namespace, "namespace", "ns", "namespaces"),
    (Kind::ApiService, "apiservice", "apiservice", "apiservices"),
];

impl Kind {
    /// The name used in facts, evidence and commands: `deployment`, `pvc`, `hpa`.
    pub fn as_str(self) -> &'static str {
        NAMES.iter().find(|(kind, ..)| *kind == self).map_or("", |(_, name, ..)| *name)
    }

    /// The kind of a name, a short name or a plural, in any case.
    pub fn of(name: &str) -> Option<Self> {
        NAMES
            .iter()
            .find(|(_, name_, short, plural)| [name_, short, plural].iter().any(|known| known.eq_ignore_ascii_case(name)))
            .map(|(kind, ..)| *kind)
    }

    /// True for objects that belong to no namespace.
    pub fn is_cluster_wide(self) -> bool {
        matches!(self, Self::Node | Self::Namespace | Self::PersistentVolume | Self::StorageClass | Self::ApiService)
    }

    /// True for objects that make pods.
    pub fn is_workload(self) -> bool {
        matches!(self, Self::Deployment | Self::ReplicaSet | Self::StatefulSet | Self::DaemonSet | Self::Job | Self::CronJob)
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::of(&name).ok_or_else(|| de::Error::custom("not a kind that is known here"))
    }
}

/// Prints `pod/shop/api-0`, `node/node-a`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectRef {
    pub kind: Kind,
    /// `None` = the kind has no namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    pub name: String,
}

impl ObjectRef {
    pub fn new(kind: Kind, namespace: Option<&str>, name: &str) -> Self {
        let namespace = namespace.filter(|_| !kind.is_cluster_wide()).map(str::to_owned);
        Self { kind, namespace, name: name.to_owned() }
    }

    /// `deployment/api`, as commands name it beside `-n`.
    pub fn short(&self) -> String {
        format!("{}/{}", self.kind.as_str(), self.name)
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{}/{namespace}/{}", self.kind.as_str(), self.name),
            None => write!(f, "{}/{}", self.kind.as_str(), self.name),
        }
    }
}

/// RFC 1123 subdomain: what most objects are named by, and nothing that a shell would read otherwise.
pub fn is_kubernetes_name(name: &str) -> bool {
    let is_edge = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    name.len() <= MAX_NAME_BYTES
        && name.split('.').all(|label| {
            let bytes = label.as_bytes();
            bytes.first().is_some_and(is_edge)
                && bytes.last().is_some_and(is_edge)
                && bytes.iter().all(|byte| is_edge(byte) || *byte == b'-')
        })
}

#[cfg(test)]
mod tests {
    use super::{Kind, NAMES, ObjectRef, is_kubernetes_name};

    #[test]
    fn every_kind_is_found_by_each_of_its_names() {
        for (kind, name, short, plural) in NAMES {
            for known in [name, short, plural, &name.to_uppercase()] {
                assert_eq!(Kind::of(known), Some(kind), "{known}");
            }
        }
        assert_eq!(Kind::of("widget"), None);
    }

    #[test]
    fn only_objects_of_a_namespace_print_it() {
        assert_eq!(ObjectRef::new(Kind::Pod, Some("shop"), "api-0").to_string(), "pod/shop/api-0");
        assert_eq!(ObjectRef::new(Kind::Node, Some("shop"), "node-a").to_string(), "node/node-a");
    }

    #[test]
    fn kubernetes_names_are_rfc_1123() {
        for name in ["a", "api-server-7d9f8b6c5-xk4jn", "node-1.eu-west.example.com", "0", &"a".repeat(253)] {
            assert!(is_kubernetes_name(name), "{name}");
        }
        for name in ["", "-a", "a-", "a..b", ".a", "A", "a_b", "a b", "a;b", "$(x)", "a/b", "é", "a\n", &"a".repeat(254)] {
            assert!(!is_kubernetes_name(name), "{name}");
        }
    }
}
