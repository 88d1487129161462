//! A whole namespace: which of its workloads are unwell, and the worst of them in depth.

use std::collections::BTreeMap;

use k8s_openapi::api::{
    apps::v1::{DaemonSet, Deployment, StatefulSet},
    autoscaling::v2::HorizontalPodAutoscaler,
    batch::v1::Job,
    core::v1::{PersistentVolumeClaim, Pod, Service},
};
use tokio::join;

use super::{Look, autoscaler, look_other, network, pod, workload};
use crate::{
    cluster::Select,
    domain::{
        fact::{Fact, Scope},
        object::{Kind, ObjectRef},
    },
};

/// Objects of one kind that are listed.
const LISTED: usize = 60;
/// Unwell things that are looked at in depth.
const DEEP: usize = 2;
/// Requests that one deep look may need.
const REQUESTS_OF_A_LOOK: usize = 12;

/// One scope per unwell thing, the worst first; one for the namespace itself where nothing is unwell.
pub async fn look_at(look: &Look<'_>, namespace: &str) -> Vec<Scope> {
    let page = || Select { limit: LISTED, ..Select::default() };
    let (own, pods, failing, deployments, sets, daemons, jobs, scalers, services, claims) = join!(
        look_other::namespace(look, namespace),
        look.reader.list::<Pod>(Some(namespace), page()),
        look.reader.list::<Pod>(
            Some(namespace),
            Select { fields: "status.phase!=Running,status.phase!=Succeeded", limit: LISTED, ..Select::default() }
        ),
        look.reader.list::<Deployment>(Some(namespace), page()),
        look.reader.list::<StatefulSet>(Some(namespace), page()),
        look.reader.list::<DaemonSet>(Some(namespace), page()),
        look.reader.list::<Job>(Some(namespace), page()),
        look.reader.list::<HorizontalPodAutoscaler>(Some(namespace), page()),
        look.reader.list::<Service>(Some(namespace), page()),
        look.reader.list::<PersistentVolumeClaim>(Some(namespace), page()),
    );
    let is_seen = !pods.items.is_empty() || pods.is_complete;
    let mut all_pods = pods.items;
    for pod in failing.items {
        if !all_pods.iter().any(|known| known.metadata.name == pod.metadata.name) {
            all_pods.push(pod);
        }
    }
    let workloads: Vec<workload::Workload> = deployments
        .items
        .iter()
        .map(|deployment| workload::deployment(deployment, look.now))
        .chain(sets.items.iter().map(workload::stateful_set))
        .chain(daemons.items.iter().map(workload::daemon_set))
        .chain(jobs.items.iter().filter(|job| job.metadata.owner_references.is_none()).map(|job| workload::job(job, look.now)))
        .collect();

    let mut unwell: BTreeMap<ObjectRef, u32> = BTreeMap::new();
    for found in &workloads {
        let count = found.facts.iter().filter(|fact| fact.is_trouble()).count();
        if count > 0 {
            *unwell.entry(found.object.clone()).or_default() += u32::try_from(count).unwrap_or(u32::MAX);
        }
    }
    for pod in &all_pods {
        let score = pod::unwellness(pod, look.now);
        if score > 0 {
            *unwell.entry(owner(pod, &workloads)).or_default() += score + 2;
        }
    }
    for scaler in &scalers.items {
        if autoscaler::facts(scaler).iter().any(Fact::is_trouble) {
            let object = autoscaler::target(scaler)
                .unwrap_or_else(|| workload::reference(Kind::HorizontalPodAutoscaler, &scaler.metadata));
            *unwell.entry(object).or_default() += 1;
        }
    }
    for claim in
        claims.items.iter().filter(|claim| claim.status.as_ref().is_some_and(|status| status.phase.as_deref() == Some("Lost")))
    {
        *unwell.entry(workload::reference(Kind::PersistentVolumeClaim, &claim.metadata)).or_default() += 1;
    }
    // A selector that takes no pod shows nowhere else.
    for service in services.items.iter().filter(|service| takes_nothing(service, &all_pods, pods.next.is_none())) {
        *unwell.entry(network::reference(service)).or_default() += 1;
    }
    scopes(look, namespace, own, unwell, is_seen).await
}

async fn scopes(look: &Look<'_>, namespace: &str, own: Vec<Fact>, unwell: BTreeMap<ObjectRef, u32>, is_seen: bool) -> Vec<Scope> {
    let mut ranked: Vec<(ObjectRef, u32)> = unwell.into_iter().collect();
    ranked.sort_by_key(|(_, score)| std::cmp::Reverse(*score));
    let mut scopes = Vec::new();
    let mut whole = Scope::new(ObjectRef::new(Kind::Namespace, None, namespace));
    whole.parameters.offer("namespace", namespace);
    whole.is_seen = is_seen;
    whole.facts = own;
    if whole.has_trouble() {
        scopes.push(whole.clone());
    }
    let mut passed_over = Vec::new();
    for (object, _) in &ranked {
        let has_room = scopes.is_empty() || look.reader.requests_left() >= REQUESTS_OF_A_LOOK;
        if scopes.len() >= DEEP || !has_room {
            passed_over.push(object.short());
            continue;
        }
        let mut scope = Scope::new(object.clone());
        Box::pin(super::object(look, &mut scope, object)).await;
        if scope.has_trouble() || !scope.logs.is_empty() {
            scopes.push(scope);
        }
    }
    if !passed_over.is_empty() {
        let shown = passed_over.iter().take(8).cloned().collect::<Vec<_>>().join(", ");
        look.reader.note_why(
            format!("namespace {namespace}"),
            format!("{} more things are unwell and were not looked at in depth: {shown}", passed_over.len()),
        );
    }
    if scopes.is_empty() {
        scopes.push(whole);
    }
    scopes
}

/// The workload that a pod counts for: of the listed ones by name, else the pod itself.
fn owner(pod: &Pod, workloads: &[workload::Workload]) -> ObjectRef {
    let Some((kind, name)) = workload::controller(pod.metadata.owner_references.as_ref()) else { return pod::reference(pod) };
    let namespace = pod.metadata.namespace.as_deref();
    if kind == Kind::ReplicaSet
        && let Some((base, _)) = name.rsplit_once('-')
        && workloads.iter().any(|one| one.object.kind == Kind::Deployment && one.object.name == base)
    {
        return ObjectRef::new(Kind::Deployment, namespace, base);
    }
    ObjectRef::new(kind, namespace, name)
}

fn takes_nothing(service: &Service, pods: &[Pod], is_all: bool) -> bool {
    let has_selector = service.spec.as_ref().and_then(|spec| spec.selector.as_ref()).is_some_and(|selector| !selector.is_empty());
    let services = std::slice::from_ref(service);
    is_all
        && has_selector
        && !pods.iter().any(|pod| !network::taking(services, &pod.metadata.labels.clone().unwrap_or_default()).is_empty())
}
