//! What is seen in the cluster: from the names of a request to facts, logs and live values, within one budget.
//!
//! ```text
//! Asked (names in fields and text) -> resolve (objects) -> look_* (one subject in depth) -> Scope: facts, logs, parameters
//! ```
//! Every source of facts is one file of small functions over API objects; only `look_*` and `resolve` decide what is read.

pub mod asked;
mod autoscaler;
mod events;
pub mod health;
mod ingress;
mod logs;
mod look_namespace;
mod look_other;
mod look_pod;
mod look_workload;
mod network;
mod node;
mod pod;
mod pod_events;
mod probe;
mod quota;
mod references;
mod resolve;
mod revision;
mod spec;
mod storage;
mod time;
mod usage;
mod workload;

use jiff::Timestamp;
use k8s_openapi::api::{
    autoscaling::v2::HorizontalPodAutoscaler,
    batch::v1::CronJob,
    core::v1::{Node, Pod, Service},
    networking::v1::Ingress,
};

use asked::{Asked, Complaint};
use resolve::Subject;

use crate::{
    cluster::{Reader, Select},
    domain::{
        evidence::Source,
        fact::{Fact, Scope, Weight},
        object::{Kind, ObjectRef},
    },
};

/// What every look needs.
pub struct Look<'a> {
    pub reader: &'a Reader,
    /// The time of what is looked at.
    pub now: Timestamp,
    pub complaint: &'a Complaint,
}

/// Everything that was seen for one request, the likeliest subject first.
#[derive(Debug, Default)]
pub struct Seen {
    pub scopes: Vec<Scope>,
}

/// Looks at what `asked` names.
pub async fn collect(look: &Look<'_>, asked: &Asked) -> Seen {
    if asked.is_empty() {
        look.reader.note_why("target", "the request names no object and no namespace, so nothing was looked at");
        return Seen::default();
    }
    let subjects = resolve::resolve(look, asked).await;
    if subjects.is_empty() {
        look.reader.note_why("target", "nothing that the request names was found in the cluster, so nothing was looked at");
    }
    let mut seen = Seen::default();
    let mut same_name: Option<Scope> = None;
    for subject in subjects {
        match subject {
            Subject::Namespace(namespace) => seen.scopes.extend(look_namespace::look_at(look, &namespace).await),
            Subject::Selector { namespace, selector } => {
                seen.scopes.extend(by_selector(look, namespace.as_deref(), &selector).await);
            }
            Subject::GonePod(pod, owner) => {
                let mut scope = Scope::new(owner.clone().unwrap_or_else(|| pod.clone()));
                look_other::gone_pod(look, &mut scope, &pod).await;
                if let Some(owner) = owner {
                    object(look, &mut scope, &owner).await;
                }
                seen.scopes.push(scope);
            }
            // A deployment and its service of one name are one thing.
            Subject::Object(found) => match &mut same_name {
                Some(scope) if scope.subject.name == found.name && scope.subject.namespace == found.namespace => {
                    let is_known = scope.facts.iter().any(|fact| fact.object == found);
                    if !is_known {
                        object(look, scope, &found).await;
                    }
                }
                Some(_) | None => {
                    seen.scopes.extend(same_name.take());
                    let mut scope = Scope::new(found.clone());
                    object(look, &mut scope, &found).await;
                    same_name = Some(scope);
                }
            },
        }
    }
    seen.scopes.extend(same_name);
    seen.scopes.iter_mut().for_each(Scope::tidy);
    seen
}

/// Adds one object, with what belongs to it.
async fn object(look: &Look<'_>, scope: &mut Scope, object: &ObjectRef) {
    let (namespace, name) = (object.namespace.as_deref(), object.name.as_str());
    match object.kind {
        Kind::Pod => {
            if let Some(pod) = look.reader.get::<Pod>(namespace, name).await.seen() {
                look_other::one_pod(look, scope, &pod).await;
            }
        }
        Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet | Kind::ReplicaSet | Kind::Job => {
            if let Some(workload) = look_workload::read(look, object).await {
                look_workload::look_at(look, scope, workload).await;
            }
        }
        Kind::CronJob => {
            if let Some(cron) = look.reader.get::<CronJob>(namespace, name).await.seen() {
                look_workload::look_at_cron(look, scope, &cron).await;
            }
        }
        Kind::Service => {
            if let Some(service) = look.reader.get::<Service>(namespace, name).await.seen() {
                look_other::service(look, scope, &service).await;
            }
        }
        Kind::Ingress => {
            if let Some(ingress) = look.reader.get::<Ingress>(namespace, name).await.seen() {
                look_other::ingress(look, scope, &ingress).await;
            }
        }
        Kind::HorizontalPodAutoscaler => {
            if let Some(hpa) = look.reader.get::<HorizontalPodAutoscaler>(namespace, name).await.seen() {
                look_other::autoscaler(look, scope, &hpa).await;
            }
        }
        Kind::Node => {
            if let Some(node) = look.reader.get::<Node>(None, name).await.seen() {
                look_other::node(look, scope, &node).await;
            }
        }
        Kind::PersistentVolumeClaim => look_other::claim(look, scope, object).await,
        _ => look.reader.note_why("target", format!("objects of kind {} are not looked at", object.kind.as_str())),
    }
}

/// The workloads behind a label selector.
async fn by_selector(look: &Look<'_>, namespace: Option<&str>, selector: &str) -> Vec<Scope> {
    let listed = look.reader.list::<Pod>(namespace, Select { labels: selector, limit: 50, ..Select::default() }).await;
    let mut pods: Vec<&Pod> = listed.items.iter().collect();
    pods.sort_by_key(|pod| std::cmp::Reverse(pod::unwellness(pod, look.now)));
    let Some(worst) = pods.first() else {
        look.reader.note_why("target", format!("no pod carries the labels {selector}"));
        return Vec::new();
    };
    let owner = look_other::owner(look, worst).await.map(|owner| owner.object);
    let mut scope = Scope::new(owner.unwrap_or_else(|| pod::reference(worst)));
    look_other::owner_of(look, &mut scope, worst).await;
    vec![scope]
}

/// Reads the logs of the running containers of what was looked at, for a complaint that no status explains.
pub async fn running_logs(look: &Look<'_>, scope: &mut Scope) {
    let mut names: Vec<ObjectRef> =
        scope.facts.iter().map(|fact| fact.object.clone()).filter(|object| object.kind == Kind::Pod).collect();
    names.extend(scope.parameters.get("pod").map(|pod| ObjectRef::new(Kind::Pod, scope.parameters.get("namespace"), pod)));
    names.dedup();
    names.truncate(2);
    if names.is_empty() {
        return;
    }
    for name in names {
        let read = look.reader.get::<Pod>(name.namespace.as_deref(), &name.name).await;
        if let Some(pod) = read.seen() {
            scope.logs.extend(logs::of_running(look.reader, &pod).await);
        }
    }
}

/// Looks at the service that a log names, and what stands behind it. `None` = it is not of this cluster.
pub async fn neighbour(look: &Look<'_>, from: &Scope, host: &str, port: Option<&str>) -> Option<Scope> {
    let namespace = from.parameters.get("namespace").map(str::to_owned).or_else(|| from.subject.namespace.clone())?;
    match ingress::named_service(look, &namespace, host).await {
        ingress::Named::Elsewhere => None,
        ingress::Named::Absent { name, namespace } => {
            let object = ObjectRef::new(Kind::Service, Some(&namespace), &name);
            let mut scope = Scope::new(object.clone());
            let fact = Fact::new(
                Source::Network,
                &object,
                Weight::Context,
                format!("service {name} not found in namespace {namespace}"),
            )
            .at(Some(look.now))
            .note(format!("There is no Service named {name} in namespace {namespace}, so nothing there can be listening."));
            scope.facts.push(fact);
            Some(scope)
        }
        ingress::Named::Service(service) => {
            let object = network::reference(&service);
            let mut scope = Scope::new(object.clone());
            let ports: Vec<String> =
                service.spec.iter().flat_map(|spec| spec.ports.iter().flatten()).map(|port| port.port.to_string()).collect();
            if let Some(port) = port
                && !ports.is_empty()
                && !ports.iter().any(|offered| offered == port)
            {
                let offered = ports.join(", ");
                let text = format!("service {} targetPort {port} not exposed; it offers {offered}", object.name);
                let fact = Fact::new(Source::Network, &object, Weight::Trouble, text).with("service", &object.name);
                scope.facts.push(fact.note(format!("service/{} does not offer port {port}; it offers {offered}.", object.name)));
            }
            look_other::service(look, &mut scope, &service).await;
            scope.tidy();
            Some(scope)
        }
    }
}

/// Network policies that leave the pods of `scope` no way out to `port`.
pub async fn policies(look: &Look<'_>, scope: &Scope, port: Option<&str>) -> Vec<Fact> {
    let (Some(namespace), Some(pod)) = (scope.parameters.get("namespace"), scope.parameters.get("pod")) else {
        return Vec::new();
    };
    let Some(pod) = look.reader.get::<Pod>(Some(namespace), pod).await.seen() else { return Vec::new() };
    let labels = pod.metadata.labels.unwrap_or_default();
    ingress::denied_egress(look, namespace, &labels, port).await
}
