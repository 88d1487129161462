//! From what was swept together to what is unwell: each thing once, under the workload that it belongs to, and nothing that is only
//! starting, over, asked for, or made good since.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;

use super::super::{autoscaler, look_pod, time::seconds_between, workload};
use super::{
    Unwell,
    claims::{Claim, Classes},
    nodes,
    pods::{AllPods, Owner, Pods, Sample},
    services,
    workloads::{CronJobs, Jobs, Made, Workloads},
};
use crate::domain::{
    fact::{Fact, Scope},
    object::{Kind, ObjectRef},
};

/// An autoscaler without metrics for as long is one that has only begun.
const SCALER_SECONDS: i64 = 180;

/// An autoscaler with trouble.
#[derive(Debug)]
pub struct Scaler {
    object: ObjectRef,
    target: Option<ObjectRef>,
    facts: Vec<Fact>,
}

/// `None` = nothing is wrong with it, or not for long enough.
pub fn scaler(hpa: &HorizontalPodAutoscaler, now: Timestamp) -> Option<Scaler> {
    let facts = autoscaler::facts(hpa);
    let counts =
        |fact: &Fact| fact.is_trouble() && fact.observed_at.is_none_or(|since| seconds_between(since, now) > SCALER_SECONDS);
    let object = workload::reference(Kind::HorizontalPodAutoscaler, &hpa.metadata);
    facts.iter().any(counts).then(|| Scaler { object, target: autoscaler::target(hpa), facts })
}

/// Everything of a sweep that can be unwell.
#[derive(Debug)]
pub struct Swept {
    pub nodes: Vec<nodes::Unwell>,
    pub namespaces: Vec<Vec<Fact>>,
    pub workloads: Workloads,
    pub jobs: Jobs,
    pub crons: CronJobs,
    pub claims: Vec<Claim>,
    /// `None` = they could not be read.
    pub classes: Option<Classes>,
    pub scalers: Vec<Scaler>,
    pub services: Vec<services::Selecting>,
    pub pods: AllPods,
    /// Every pod, and every workload, was seen.
    pub is_whole: bool,
}

/// What belongs to one unwell thing.
#[derive(Default)]
struct Group {
    facts: Vec<Fact>,
    sample: Option<Sample>,
    pods_unwell: usize,
    made: Option<ObjectRef>,
}

/// All that is unwell, in no order that matters yet.
pub fn unwell(mut swept: Swept, now: Timestamp) -> Vec<Unwell> {
    let mut groups: BTreeMap<ObjectRef, Group> = BTreeMap::new();
    let dead: BTreeMap<String, Vec<Fact>> = std::mem::take(&mut swept.nodes)
        .into_iter()
        .map(|node| {
            if !node.is_young {
                groups.insert(node.object.clone(), Group { facts: node.facts.clone(), ..Group::default() });
            }
            (node.object.name, node.facts)
        })
        .filter(|(_, facts)| facts.iter().any(|fact| fact.is_trouble() && fact.text.contains(" condition Ready=")))
        .collect();
    for facts in std::mem::take(&mut swept.namespaces) {
        if let Some(first) = facts.first() {
            groups.insert(first.object.clone(), Group { facts, ..Group::default() });
        }
    }
    for (owner, job, made) in swept.jobs.unwell(&swept.crons) {
        let group = groups.entry(owner).or_default();
        group.facts.extend(made.facts.iter().cloned());
        group.made = Some(job.clone());
    }
    let mut claims: BTreeMap<ObjectRef, Fact> = BTreeMap::new();
    for claim in &swept.claims {
        claims.extend(claim.fact(swept.classes.as_ref(), now).map(|fact| (fact.object.clone(), fact)));
    }
    let mut awaited: BTreeSet<ObjectRef> = BTreeSet::new();
    let mut of_workloads: BTreeMap<ObjectRef, Pods> = BTreeMap::new();
    for (owner, pods) in std::mem::take(&mut swept.pods.by_owner) {
        match owner {
            Owner::Object(object) if object.kind == Kind::Job => {
                if let Some(owner) = swept.jobs.owner_of_pods(&object, &swept.crons) {
                    let mut group = groups.remove(&owner).unwrap_or_default();
                    group.made.get_or_insert(object);
                    let facts = std::mem::take(&mut group.facts);
                    group = of_pods(group, pods, Keeps::All, &dead);
                    group.facts.splice(0..0, facts);
                    if group.facts.iter().any(Fact::is_trouble) {
                        groups.insert(owner, group);
                    }
                }
            }
            Owner::Object(object) if swept.workloads.contains_key(&object) => {
                of_workloads.insert(object, pods);
            }
            Owner::Object(object) => {
                let keeps = if object.kind == Kind::Pod { Keeps::All } else { Keeps::Living };
                add(&mut groups, Some(object), of_pods(Group::default(), pods, keeps, &dead));
            }
            Owner::Foreign { .. } => add(&mut groups, None, of_pods(Group::default(), pods, Keeps::Living, &dead)),
        }
    }
    for (object, made) in &swept.workloads {
        let pods = of_workloads.remove(object).unwrap_or_default();
        if let Some(group) = of_workload(object, made, pods, &dead) {
            groups.insert(object.clone(), group);
        }
    }
    for group in groups.values_mut() {
        let Some(sample) = &group.sample else { continue };
        for name in &sample.claims {
            let claim = ObjectRef::new(Kind::PersistentVolumeClaim, sample.object.namespace.as_deref(), name);
            if let Some(fact) = claims.get(&claim) {
                group.facts.push(fact.clone());
                awaited.insert(claim);
            }
        }
    }
    for (object, fact) in claims.into_iter().filter(|(object, _)| !awaited.contains(object)) {
        groups.insert(object, Group { facts: vec![fact], ..Group::default() });
    }
    for scaler in std::mem::take(&mut swept.scalers) {
        match scaler.target.as_ref().and_then(|target| groups.get_mut(target)) {
            Some(group) => group.facts.extend(scaler.facts),
            None => {
                groups.insert(scaler.object, Group { facts: scaler.facts, made: scaler.target, ..Group::default() });
            }
        }
    }
    if swept.is_whole && !swept.pods.is_label_set_full() {
        let templates = swept.workloads.iter().map(|(object, made)| (object, &made.labels));
        for (object, fact) in services::that_miss(&swept.services, &swept.pods.labels, templates) {
            groups.insert(object, Group { facts: vec![fact], ..Group::default() });
        }
    }
    groups.into_iter().map(|(object, group)| finished(object, group, &swept)).collect()
}

/// Adds pods that no listed workload keeps. `None` for `object` = their owner has no name here, so the worst of them stands for it.
fn add(groups: &mut BTreeMap<ObjectRef, Group>, object: Option<ObjectRef>, group: Group) {
    let object = object.or_else(|| group.sample.as_ref().map(|sample| sample.object.clone()));
    if let Some(object) = object.filter(|_| group.facts.iter().any(Fact::is_trouble)) {
        groups.insert(object, group);
    }
}

/// Which pods speak against their owner.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keeps {
    /// Also those that ended for good: nobody replaces them, or their end is the trouble.
    All,
    /// Those that ended have been replaced.
    Living,
}

fn of_pods(mut group: Group, pods: Pods, keeps: Keeps, dead: &BTreeMap<String, Vec<Fact>>) -> Group {
    group.pods_unwell += pods.unwell;
    group.sample = pods.worst.or(pods.over.filter(|_| keeps == Keeps::All)).or(group.sample);
    if let Some(sample) = &mut group.sample {
        group.facts.append(&mut sample.facts);
    }
    let lost = pods.nodes.iter().filter_map(|node| dead.get(node)).take(1).flatten();
    group.facts.extend(lost.cloned());
    group
}

/// A listed workload with its pods. `None` = it is well, or on its way.
fn of_workload(object: &ObjectRef, made: &Made, pods: Pods, dead: &BTreeMap<String, Vec<Fact>>) -> Option<Group> {
    let has_living = pods.worst.is_some();
    let has_own = made.has_own_trouble();
    let is_on_dead_nodes = !pods.nodes.is_empty() && pods.nodes.iter().all(|node| dead.contains_key(node));
    // Nothing can be done for it but for the node, which is named already.
    if object.kind == Kind::DaemonSet && !has_own && is_on_dead_nodes {
        return None;
    }
    let ended_in_vain = pods.over.is_some() && made.is_short;
    let lacks_pods = made.says_short() && pods.starting == 0 && !made.is_young;
    if !has_living && !has_own && !ended_in_vain && !lacks_pods {
        return None;
    }
    let keeps = if made.is_short { Keeps::All } else { Keeps::Living };
    let group = of_pods(Group { facts: made.facts.clone(), ..Group::default() }, pods, keeps, dead);
    group.facts.iter().any(Fact::is_trouble).then_some(group)
}

fn finished(object: ObjectRef, group: Group, swept: &Swept) -> Unwell {
    let mut scope = Scope::new(object.clone());
    scope.is_seen = true;
    scope.facts = group.facts;
    let parameters = &mut scope.parameters;
    parameters.offer("namespace", object.namespace.as_deref().unwrap_or_default());
    if object.kind.is_workload() && object.kind != Kind::ReplicaSet {
        parameters.offer("workload", &object.short());
    }
    let name = if object.kind == Kind::PersistentVolumeClaim { "claim" } else { object.kind.as_str() };
    parameters.offer(name, &object.name);
    if let Some(made) = swept.workloads.get(&object) {
        parameters.offer("pod_selector", &made.selector);
        parameters.offer("replicas", &made.desired.to_string());
    }
    if let Some(target) = group.made.filter(|made| *made != object) {
        parameters.offer(target.kind.as_str(), &target.name);
        parameters.offer("workload", &target.short());
    }
    if let Some(pod) = group.sample.as_ref().and_then(|sample| sample.pod.as_ref()) {
        look_pod::name(&mut scope, pod);
    }
    let shown = group.sample.as_ref().map(|sample| sample.object.name.clone());
    let worst = group.sample.and_then(|sample| sample.pod);
    Unwell { scope, pods_unwell: group.pods_unwell, pod: shown, worst }
}
