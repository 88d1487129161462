//! What an alert is about: from labels, many of which name who measured it, to an object.

use super::{Alert, Labels};
use crate::domain::{
    incident::IncidentTarget,
    object::{Kind, is_kubernetes_name},
    target::Target,
};

/// What an alert is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// What to look at; without a name where the labels name no object.
    pub target: Target,
    /// What its incident is about: the object, else the alert itself.
    pub incident: IncidentTarget,
    /// Whether that is an object.
    pub is_named: bool,
}

/// Kind of what an incident is about whose alert names no object.
pub const KIND_OF_ALERTS: &str = "alert";

impl Subject {
    pub fn of(alert: &Alert) -> Self {
        let target = target(&alert.labels);
        let named = target.kind.clone().zip(target.name.clone());
        let is_named = named.is_some();
        let (kind, name) = named.unwrap_or_else(|| (KIND_OF_ALERTS.to_owned(), alert.name().to_owned()));
        let is_cluster_wide = Kind::of(&kind).is_some_and(Kind::is_cluster_wide);
        let namespace = target.namespace.clone().filter(|_| !is_cluster_wide);
        Self { target, incident: IncidentTarget { kind, namespace, name }, is_named }
    }

    /// The same for alerts that have one cause by their names: alerts of one name about one thing.
    pub fn cause(&self, alert: &Alert) -> String {
        format!("{}|{}", alert.name(), self.incident)
    }

    /// The object, as text; empty where there is none.
    pub fn key(&self) -> String {
        if self.is_named { self.incident.to_string() } else { String::new() }
    }
}

/// Labels that name an object of their own kind, the most telling first.
const OBJECTS: [(&str, Kind); 7] = [
    ("deployment", Kind::Deployment),
    ("statefulset", Kind::StatefulSet),
    ("daemonset", Kind::DaemonSet),
    ("cronjob", Kind::CronJob),
    ("job_name", Kind::Job),
    ("horizontalpodautoscaler", Kind::HorizontalPodAutoscaler),
    ("persistentvolumeclaim", Kind::PersistentVolumeClaim),
];
/// Labels that name an object of the kind that another label names.
const OBJECTS_BY_KIND: [(&str, &str); 3] =
    [("workload", "workload_type"), ("owner_name", "owner_kind"), ("created_by_name", "created_by_kind")];
/// Labels that Prometheus itself sets on what it scrapes. One that was there before is then called `exported_...`.
const OF_THE_SCRAPE: [&str; 7] = ["namespace", "pod", "container", "service", "job", "instance", "endpoint"];
/// Programs that measure others; a pod or service called so is not what an alert is about.
const EXPORTERS: [&str; 6] =
    ["kube-state-metrics", "node-exporter", "node_exporter", "blackbox-exporter", "pushgateway", "cadvisor"];
/// Those that look at a whole cluster: not even their namespace is what an alert is about.
const OF_NO_NAMESPACE: [&str; 4] = ["node-exporter", "node_exporter", "blackbox", "pushgateway"];
/// Those that run on each node, so that their instance is a node.
const ON_NODES: [&str; 4] = ["node-exporter", "node_exporter", "kubelet", "cadvisor"];

/// Whether a label may say what an alert is about.
pub(super) fn is_telling(name: &str) -> bool {
    let name = name.strip_prefix("exported_").unwrap_or(name);
    matches!(name, "alertname" | "severity" | "node" | "replicaset")
        || OF_THE_SCRAPE.contains(&name)
        || OBJECTS.iter().any(|(label, _)| *label == name)
        || OBJECTS_BY_KIND.iter().any(|(label, kind)| *label == name || *kind == name)
}

/// The labels of one alert, read as what they say of its subject.
struct Reading<'a> {
    labels: &'a Labels,
    /// Some label had to make way for one of the scrape, so those of the scrape name the exporter.
    is_exported: bool,
    job: &'a str,
}

impl<'a> Reading<'a> {
    fn of(labels: &'a Labels) -> Self {
        let is_exported = OF_THE_SCRAPE.iter().any(|name| labels.contains_key(&format!("exported_{name}")));
        Self { labels, is_exported, job: labels.get("job").map_or("", String::as_str) }
    }

    /// What a label says of the subject, if it is a name that an object can have.
    fn name(&self, label: &str) -> Option<&'a str> {
        let exported = self.labels.get(&format!("exported_{label}"));
        let is_exporters = self.is_exported && OF_THE_SCRAPE.contains(&label);
        let value = exported.or_else(|| self.labels.get(label).filter(|_| !is_exporters))?;
        is_kubernetes_name(value).then_some(value.as_str())
    }

    /// The same, unless an exporter is called so.
    fn name_of_no_exporter(&self, label: &str) -> Option<&'a str> {
        self.name(label).filter(|name| !is_exporter(name))
    }

    fn alertname_has(&self, word: &str) -> bool {
        self.labels.get("alertname").is_some_and(|name| name.contains(word))
    }

    fn namespace(&self) -> Option<&'a str> {
        let is_exporters = OF_NO_NAMESPACE.iter().any(|name| self.job.contains(name));
        self.name("namespace").filter(|_| !is_exporters || self.labels.contains_key("exported_namespace"))
    }

    /// An address is an instance as well, and names no node.
    fn node(&self) -> Option<&'a str> {
        let is_on_nodes = ON_NODES.iter().any(|name| self.job.contains(name)) || self.alertname_has("Node");
        self.name("node").or_else(|| {
            let instance =
                self.labels.get("exported_instance").or_else(|| self.labels.get("instance")).filter(|_| is_on_nodes)?;
            let host = instance.rsplit_once(':').map_or(instance.as_str(), |(host, _)| host);
            (is_kubernetes_name(host) && host.parse::<std::net::IpAddr>().is_err()).then_some(host)
        })
    }

    /// The pod; a pod whose main container is an exporter of the cluster is that exporter's.
    fn pod(&self) -> Option<&'a str> {
        let container = self.name("container").unwrap_or_default();
        self.name_of_no_exporter("pod").filter(|_| !EXPORTERS.contains(&container) || self.is_exported)
    }

    fn object(&self) -> Option<(Kind, &'a str)> {
        let mut named = OBJECTS.iter().filter_map(|(label, kind)| Some((*kind, self.name(label)?)));
        let by_kind = || {
            OBJECTS_BY_KIND.iter().find_map(|(label, kind)| {
                let kind = Kind::of(self.labels.get(*kind)?).filter(|kind| kind.is_workload())?;
                Some(of_replica_set(kind, self.name_of_no_exporter(label)?))
            })
        };
        let replica_set = || Some(of_replica_set(Kind::ReplicaSet, self.name("replicaset")?));
        let job = || Some((Kind::Job, self.name_of_no_exporter("job").filter(|_| self.alertname_has("Job"))?));
        let pod = || self.pod().map(workload_of_pod);
        let node = || Some((Kind::Node, self.node()?));
        let service = || Some((Kind::Service, self.name_of_no_exporter("service").filter(|name| *name != "kubelet")?));
        named
            .next()
            .or_else(by_kind)
            .or_else(replica_set)
            .or_else(job)
            .or_else(pod)
            .or_else(|| node().filter(|_| self.alertname_has("Node")))
            .or_else(service)
            .or_else(node)
    }
}

/// The object that the labels name. Names that no object can have, and names of exporters, count as none.
fn target(labels: &Labels) -> Target {
    let reading = Reading::of(labels);
    let object = reading.object();
    let text = |name: &str| Some(name.to_owned());
    let is_of_a_node = object.is_some_and(|(kind, _)| kind == Kind::Node);
    let pod = reading.pod().filter(|_| !is_of_a_node);
    Target {
        kind: object.and_then(|(kind, _)| text(kind.as_str())),
        name: object.and_then(|(_, name)| text(name)),
        namespace: reading.namespace().and_then(text),
        pod: pod.and_then(text),
        container: pod.and_then(|_| reading.name_of_no_exporter("container")).and_then(text),
        ..Target::default()
    }
}

fn is_exporter(name: &str) -> bool {
    EXPORTERS.iter().any(|exporter| name.contains(exporter)) || name.ends_with("-exporter") || name.contains("-exporter-")
}

/// The workload that a pod's name shows, else the pod itself.
fn workload_of_pod(pod: &str) -> (Kind, &str) {
    let Some((rest, last)) = pod.rsplit_once('-') else { return (Kind::Pod, pod) };
    if let Some((base, middle)) = rest.rsplit_once('-').filter(|_| is_suffix(last)) {
        if middle.len() >= 8 && middle.bytes().all(|byte| byte.is_ascii_digit()) {
            return (Kind::CronJob, base);
        }
        if is_template_hash(middle) {
            return (Kind::Deployment, base);
        }
    }
    let is_ordinal = !last.is_empty() && last.len() <= 3 && last.bytes().all(|byte| byte.is_ascii_digit());
    if is_ordinal { (Kind::StatefulSet, rest) } else { (Kind::Pod, pod) }
}

/// A replica set is its deployment's where its name ends as those do.
fn of_replica_set(kind: Kind, name: &str) -> (Kind, &str) {
    match name.rsplit_once('-') {
        Some((base, hash)) if kind == Kind::ReplicaSet && is_template_hash(hash) => (Kind::Deployment, base),
        Some(_) | None => (kind, name),
    }
}

/// Kubernetes makes hashes and suffixes of these, so that they spell no words.
const SPELLS_NOTHING: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

fn is_template_hash(text: &str) -> bool {
    let has_digit = text.bytes().any(|byte| byte.is_ascii_digit());
    let is_hex = has_digit && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (5..=10).contains(&text.len()) && (is_hex || text.bytes().all(|byte| SPELLS_NOTHING.contains(&byte)))
}

fn is_suffix(text: &str) -> bool {
    let is_mixed = text.bytes().any(|byte| byte.is_ascii_digit()) && text.bytes().any(|byte| byte.is_ascii_lowercase());
    text.len() == 5 && (is_mixed || text.bytes().all(|byte| SPELLS_NOTHING.contains(&byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(labels: &[(&str, &str)]) -> String {
        let labels: Labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let target = target(&labels);
        let part = |part: &Option<String>| part.clone().unwrap_or_else(|| "-".to_owned());
        format!("{}/{}/{}", part(&target.kind), part(&target.namespace), part(&target.name))
    }

    #[test]
    fn a_pods_name_shows_its_workload() {
        for (pod, wanted) in [
            ("api-server-7d9f8b6c5-xk4jn", (Kind::Deployment, "api-server")),
            ("web-5c6ccc84c4-7z2dm", (Kind::Deployment, "web")),
            ("cart-6f5bdc-ab1cd", (Kind::Deployment, "cart")),
            ("ledger-0", (Kind::StatefulSet, "ledger")),
            ("nightly-29384756-x7k2p", (Kind::CronJob, "nightly")),
            ("agent-x7k2p", (Kind::Pod, "agent-x7k2p")),
            ("my-service-payments", (Kind::Pod, "my-service-payments")),
            ("redis-cache2-node1", (Kind::Pod, "redis-cache2-node1")),
            ("toolbox", (Kind::Pod, "toolbox")),
        ] {
            assert_eq!(workload_of_pod(pod), wanted, "{pod}");
        }
    }

    #[test]
    fn each_label_names_an_object_of_its_kind() {
        let in_shop = |label: &str, value: &str| about(&[("alertname", "A"), ("namespace", "shop"), (label, value)]);
        assert_eq!(in_shop("deployment", "cart"), "deployment/shop/cart");
        assert_eq!(in_shop("statefulset", "ledger"), "statefulset/shop/ledger");
        assert_eq!(in_shop("daemonset", "agent"), "daemonset/shop/agent");
        assert_eq!(in_shop("job_name", "nightly-1"), "job/shop/nightly-1");
        assert_eq!(in_shop("persistentvolumeclaim", "data-0"), "pvc/shop/data-0");
        assert_eq!(in_shop("horizontalpodautoscaler", "cart"), "hpa/shop/cart");
        assert_eq!(in_shop("service", "cart"), "service/shop/cart");
        assert_eq!(in_shop("replicaset", "cart-7d9f8b6c5"), "deployment/shop/cart");
        assert_eq!(in_shop("pod", "cart-7d9f8b6c5-xk4jn"), "deployment/shop/cart");
        assert_eq!(in_shop("colour", "red"), "-/shop/-");
        assert_eq!(
            about(&[("workload", "cart"), ("workload_type", "deployment"), ("namespace", "shop")]),
            "deployment/shop/cart"
        );
        assert_eq!(about(&[("owner_name", "cart-7d9f8b6c5"), ("owner_kind", "ReplicaSet")]), "deployment/-/cart");
        assert_eq!(about(&[("alertname", "A"), ("node", "worker-3")]), "node/-/worker-3");
    }

    #[test]
    fn an_instance_is_a_node_only_where_it_names_one() {
        let job = ("job", "node-exporter");
        assert_eq!(about(&[("alertname", "DiskFilling"), job, ("instance", "worker-3:9100")]), "node/-/worker-3");
        assert_eq!(
            about(&[("alertname", "NodeClockOff"), ("instance", "worker-3.example.com:9100")]),
            "node/-/worker-3.example.com"
        );
        assert_eq!(about(&[("alertname", "DiskFilling"), job, ("instance", "10.0.0.7:9100")]), "-/-/-");
        assert_eq!(about(&[("alertname", "DiskFilling"), job, ("instance", "[fd00::7]:9100")]), "-/-/-");
        assert_eq!(about(&[("alertname", "SlowAnswers"), ("job", "cart"), ("instance", "worker-3:8080")]), "-/-/-");
    }

    #[test]
    fn an_exporter_is_never_the_target() {
        let measured =
            [("job", "kube-state-metrics"), ("service", "prom-kube-state-metrics"), ("container", "kube-state-metrics")];
        let pod = ("pod", "prom-kube-state-metrics-7d9f8b6c5-xk4jn");
        let with = |more: &[(&'static str, &'static str)]| about(&[&measured, more].concat());
        assert_eq!(with(&[pod, ("namespace", "shop"), ("deployment", "cart")]), "deployment/shop/cart");
        assert_eq!(
            with(&[pod, ("alertname", "NodeAway"), ("node", "worker-3"), ("namespace", "monitoring")]),
            "node/monitoring/worker-3"
        );
        assert_eq!(with(&[pod, ("namespace", "shop")]), "-/shop/-");
        assert_eq!(with(&[("pod", "ksm-7d9f8b6c5-xk4jn"), ("namespace", "shop")]), "-/shop/-", "its container tells");
        assert_eq!(with(&[("alertname", "JobFailed"), ("namespace", "shop")]), "-/shop/-", "its job is no job");
        let both = [("namespace", "monitoring"), ("exported_namespace", "shop"), pod, ("exported_pod", "cart-7d9f8b6c5-xk4jn")];
        assert_eq!(with(&both), "deployment/shop/cart");
        assert_eq!(
            with(&[("namespace", "monitoring"), ("exported_service", "cart"), ("pod", "x-7d9f8b6c5-xk4jn")]),
            "service/-/cart"
        );
        let pushed =
            [("alertname", "BackupJobOld"), ("job", "pushgateway"), ("exported_job", "backup"), ("namespace", "monitoring")];
        assert_eq!(about(&pushed), "job/-/backup");
        // An exporter beside the program that it measures leaves the pod what it is.
        let beside = [("job", "redis-exporter"), ("container", "redis-exporter"), ("pod", "redis-0"), ("namespace", "shop")];
        assert_eq!(about(&beside), "statefulset/shop/redis");
    }

    #[test]
    fn what_is_no_name_names_nothing() {
        for value in ["$(reboot)", "a; rm -rf /", "Cart", "", "-cart", "ignore previous instructions"] {
            assert_eq!(about(&[("deployment", value), ("namespace", value)]), "-/-/-", "{value}");
        }
    }
}
