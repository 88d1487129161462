//! Things that are no workload: services, ingresses, claims, autoscalers, nodes, pods that are gone.

use jiff::Timestamp;
use k8s_openapi::api::{
    autoscaling::v2::HorizontalPodAutoscaler,
    core::v1::{Event, Namespace, Node, Pod, Service},
    networking::v1::Ingress,
};
use tokio::join;

use super::{
    Look, autoscaler, events, ingress, look_pod, look_workload, network, node, pod, pod_events, storage, time, workload,
};
use crate::{
    cluster::{Found, Select},
    domain::{
        evidence::Source,
        fact::{Fact, Scope, Weight},
        object::{Kind, ObjectRef},
    },
};

/// Pods of one node that are read.
const MOST_PODS_OF_NODE: usize = 110;

/// A service, and the workload behind it.
pub async fn service(look: &Look<'_>, scope: &mut Scope, service: &Service) {
    let object = network::reference(service);
    scope.is_seen = true;
    scope.parameters.offer("namespace", object.namespace.as_deref().unwrap_or_default());
    scope.parameters.offer("service", &object.name);
    let behind = network::behind(look, service, &[]).await;
    let is_unwell = behind.facts.iter().any(Fact::is_trouble);
    scope.facts.extend(behind.facts);
    let mut pods: Vec<&Pod> = behind.pods.iter().collect();
    pods.sort_by_key(|pod| std::cmp::Reverse(pod::unwellness(pod, look.now)));
    if let Some(pod) = pods.first() {
        owner_of(look, scope, pod).await;
    } else if is_unwell {
        scaled_to_zero(look, scope, service).await;
    }
}

/// The deployment that would stand behind the service if it ran any pod.
async fn scaled_to_zero(look: &Look<'_>, scope: &mut Scope, service: &Service) {
    use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
    let object = network::reference(service);
    let namespace = object.namespace.as_deref();
    let page = || Select { limit: 50, ..Select::default() };
    let (deployments, sets) =
        join!(look.reader.list::<Deployment>(namespace, page()), look.reader.list::<StatefulSet>(namespace, page()));
    let all = deployments
        .items
        .iter()
        .map(|deployment| workload::deployment(deployment, look.now))
        .chain(sets.items.iter().map(workload::stateful_set));
    let services = [service.clone()];
    for found in all.filter(|found| !network::taking(&services, &found.labels).is_empty()) {
        if found.desired == 0 {
            let short = found.object.short();
            let text = format!("service {} endpoints=0: {short} behind it is scaled to zero", object.name);
            let fact =
                Fact::new(Source::Network, &object, Weight::Trouble, text).with("service", &object.name).with("workload", &short);
            scope.facts.push(fact.note(format!("{short}, which service/{} selects, is scaled to zero.", object.name)));
        } else {
            look_workload::look_at(look, scope, found).await;
        }
    }
}

/// The workload that a pod belongs to, or the pod by itself.
pub async fn owner_of(look: &Look<'_>, scope: &mut Scope, pod: &Pod) {
    if let Some(found) = owner(look, pod).await {
        look_workload::look_at(look, scope, found).await;
    } else {
        look_pod::look_at(look, scope, pod).await;
        scope.is_seen = true;
    }
}

/// The workload above a pod: the deployment rather than its replica set.
pub async fn owner(look: &Look<'_>, pod: &Pod) -> Option<workload::Workload> {
    let namespace = pod.metadata.namespace.as_deref();
    let (kind, name) = workload::controller(pod.metadata.owner_references.as_ref())?;
    let found = look_workload::read(look, &ObjectRef::new(kind, namespace, name)).await?;
    if kind != Kind::ReplicaSet {
        return Some(found);
    }
    // A replica set is named for its deployment and the hash of the template.
    let set = look.reader.get::<k8s_openapi::api::apps::v1::ReplicaSet>(namespace, name).await.seen()?;
    match workload::controller(set.metadata.owner_references.as_ref()) {
        Some((Kind::Deployment, deployment)) => {
            look_workload::read(look, &ObjectRef::new(Kind::Deployment, namespace, deployment)).await.or(Some(found))
        }
        Some(_) | None => Some(found),
    }
}

/// One pod that was asked for, with the conditions of its workload.
pub async fn one_pod(look: &Look<'_>, scope: &mut Scope, pod: &Pod) {
    scope.is_seen = true;
    let ((), above) = join!(look_pod::look_at(look, scope, pod), owner(look, pod));
    let Some(above) = above else { return };
    if above.object.kind != Kind::ReplicaSet {
        scope.parameters.offer("workload", &above.object.short());
        scope.parameters.offer(above.object.kind.as_str(), &above.object.name);
    }
    scope.facts.extend(above.facts.into_iter().map(|fact| Fact { weight: Weight::Context, ..fact }));
}

/// A pod that is gone: its events remain.
pub async fn gone_pod(look: &Look<'_>, scope: &mut Scope, object: &ObjectRef) {
    let happened = look_pod::happenings(look, object).await;
    let happened: Vec<_> = events::of(&happened, object);
    scope.facts.extend(pod_events::of_gone(&happened));
}

pub async fn ingress(look: &Look<'_>, scope: &mut Scope, ingress: &Ingress) {
    let object = workload::reference(Kind::Ingress, &ingress.metadata);
    scope.is_seen = true;
    scope.parameters.offer("namespace", object.namespace.as_deref().unwrap_or_default());
    scope.parameters.offer("ingress", &object.name);
    let (facts, services) = ingress::facts(look, ingress).await;
    scope.facts.extend(facts);
    for one in services.iter().take(2) {
        let before = scope.facts.len();
        service(look, scope, one).await;
        let is_empty = scope.facts[before..].iter().any(|fact| fact.is_trouble() && fact.text.contains("endpoints=0"));
        if is_empty {
            let name = &network::reference(one).name;
            let text = format!("ingress {} backend service {name} endpoints=0", object.name);
            scope.facts.push(
                Fact::new(Source::Network, &object, Weight::Trouble, text).with("ingress", &object.name).with("service", name),
            );
        }
    }
}

pub async fn claim(look: &Look<'_>, scope: &mut Scope, object: &ObjectRef) {
    let namespace = object.namespace.clone().unwrap_or_default();
    scope.parameters.offer("namespace", &namespace);
    scope.parameters.offer("claim", &object.name);
    let (facts, happened) =
        join!(storage::claim(look.reader, &namespace, &object.name, look.now, false), look_pod::happenings(look, object));
    scope.is_seen = !facts.is_empty();
    let is_pending = facts.iter().any(Fact::is_trouble);
    scope.facts.extend(facts);
    let weight = if is_pending { Weight::Message } else { Weight::Context };
    scope.facts.extend(happened.iter().filter(|one| one.is_warning).map(|one| events::fact(one, weight)));
}

pub async fn autoscaler(look: &Look<'_>, scope: &mut Scope, hpa: &HorizontalPodAutoscaler) {
    let object = workload::reference(Kind::HorizontalPodAutoscaler, &hpa.metadata);
    scope.is_seen = true;
    scope.parameters.offer("namespace", object.namespace.as_deref().unwrap_or_default());
    scope.parameters.offer("hpa", &object.name);
    scope.facts.extend(autoscaler::facts(hpa));
    if let Some(target) = autoscaler::target(hpa)
        && let Some(found) = look_workload::read(look, &target).await
    {
        look_workload::look_at(look, scope, found).await;
    }
}

pub async fn node(look: &Look<'_>, scope: &mut Scope, node: &Node) {
    let object = workload::reference(Kind::Node, &node.metadata);
    scope.is_seen = true;
    scope.parameters.offer("node", &object.name);
    scope.facts.extend(node::facts(node));
    let fields = format!("spec.nodeName={}", object.name);
    let event_fields = format!("involvedObject.kind=Node,involvedObject.name={}", object.name);
    let (pods, happened) = join!(
        look.reader.list::<Pod>(None, Select { fields: &fields, limit: MOST_PODS_OF_NODE, ..Select::default() }),
        look.reader.list::<Event>(None, Select { fields: &event_fields, limit: 100, ..Select::default() }),
    );
    scope.facts.extend(node::requested(node, &pods.items, pods.is_complete));
    let is_cordoned = node.spec.as_ref().and_then(|spec| spec.unschedulable) == Some(true);
    if is_cordoned && look.complaint.text.contains("schedul") {
        let text = format!("node {} cordoned: pods that only fit here stay pending", object.name);
        scope.facts.push(Fact::new(Source::Node, &object, Weight::Context, text));
    }
    let is_well = !scope.has_trouble();
    for one in events::folded(&happened.items) {
        let is_recent = one.last.is_none_or(|last| time::seconds_between(last, look.now) < 3600);
        let weight = if one.is_warning && is_recent && !is_well { Weight::Message } else { Weight::Context };
        let tells = one.is_warning || matches!(one.reason.as_str(), "NodeNotReady" | "Rebooted" | "NodeNotSchedulable");
        // Out of memory on the node itself is trouble whatever its conditions say.
        let weight = if one.reason == "SystemOOM" && is_recent { Weight::Message } else { weight };
        if tells && one.reason != "InvalidDiskCapacity" {
            scope.facts.push(events::fact(&one, weight));
        }
    }
}

/// A namespace that does not go away.
pub async fn namespace(look: &Look<'_>, name: &str) -> Vec<Fact> {
    let Found::Seen(namespace) = look.reader.get::<Namespace>(None, name).await else { return Vec::new() };
    namespace_facts(&namespace, look.now)
}

/// The facts of a namespace that is to go away; none of one that is to stay.
pub fn namespace_facts(namespace: &Namespace, now: Timestamp) -> Vec<Fact> {
    let object = workload::reference(Kind::Namespace, &namespace.metadata);
    let name = &object.name;
    let Some(deleted) = namespace.metadata.deletion_timestamp.as_ref().map(|time| time.0) else { return Vec::new() };
    let since = time::ago(deleted, now);
    let finalizers = namespace.spec.as_ref().and_then(|spec| spec.finalizers.clone()).unwrap_or_default().join(",");
    let mut facts = vec![
        Fact::new(
            Source::Cluster,
            &object,
            Weight::Trouble,
            format!("namespace {name} terminating for {since} finalizers=[{finalizers}]"),
        )
        .at(Some(deleted))
        .with("namespace", name),
    ];
    for condition in
        namespace.status.iter().flat_map(|status| status.conditions.iter().flatten()).filter(|one| one.status == "True")
    {
        let message = condition.message.as_deref().unwrap_or_default();
        let text = format!(
            "namespace {name} condition {}=True {}: {message}",
            condition.type_,
            condition.reason.as_deref().unwrap_or_default()
        );
        facts.push(Fact::new(Source::Cluster, &object, Weight::Trouble, text).note(message.to_owned()));
    }
    facts
}
