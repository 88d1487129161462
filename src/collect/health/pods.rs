//! Pods of a whole cluster, each reduced at once to what it adds to its owner.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;

use super::super::{
    pod::{self, Role},
    time::ago,
    workload,
};
use crate::domain::{
    evidence::Source,
    fact::{Fact, Weight},
    object::{Kind, ObjectRef},
};

/// A pod that is not ready, and has no trouble either, is taken to be starting for as long.
const STARTING_SECONDS: i64 = 600;
/// What no scheduler and no kubelet has touched for as long is waiting for nobody.
const UNTOUCHED_SECONDS: i64 = 300;
/// Owners of which unwell pods are kept; of more, only their number is.
const MOST_OWNERS: usize = 4000;
/// Owners of which a whole pod is kept for a closer look.
const MOST_SAMPLES: usize = 300;
/// Nodes and claims of one owner that are kept.
const MOST_NAMES: usize = 16;
/// Label sets that services are compared with.
const MOST_LABEL_SETS: usize = 50_000;
/// Labels that tell apart pods of one owner.
const PER_POD_LABELS: [&str; 8] = [
    "pod-template-hash",
    "controller-revision-hash",
    "pod-template-generation",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "controller-uid",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-completion-index",
];

/// Whom a pod counts for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Owner {
    /// A workload of a kind that is looked at; the pod itself where nothing else keeps it.
    Object(ObjectRef),
    /// A kind that others invented, which is named by one of its pods.
    Foreign { namespace: String, kind: String, name: String },
}

/// What the pods of one owner add up to.
#[derive(Debug, Default)]
pub struct Pods {
    /// Pods with trouble.
    pub unwell: usize,
    /// Not ready, and young enough not to be blamed.
    pub starting: usize,
    /// Not ready for long, without trouble of their own.
    pub stalled: usize,
    /// Nodes of those that are not ready.
    pub nodes: BTreeSet<String>,
    /// The worst of the pods that live.
    pub worst: Option<Sample>,
    /// The worst of those that ended for good and may have been replaced since.
    pub over: Option<Sample>,
}

/// One pod that speaks for others.
#[derive(Debug)]
pub struct Sample {
    pub object: ObjectRef,
    pub facts: Vec<Fact>,
    troubles: usize,
    pub claims: Vec<String>,
    /// `None` = too many pods are unwell to keep this one whole.
    pub pod: Option<Box<Pod>>,
}

/// All pods of a sweep.
#[derive(Debug, Default)]
pub struct AllPods {
    pub count: usize,
    pub by_owner: BTreeMap<Owner, Pods>,
    /// Namespace and labels of every kind of pod.
    pub labels: HashSet<(String, BTreeMap<String, String>)>,
    /// Unwell pods of owners that there was no room for.
    pub left_out: usize,
    samples: usize,
}

impl AllPods {
    pub fn add(&mut self, pod: Pod, now: Timestamp) {
        self.count += 1;
        self.remember_labels(&pod);
        let is_ready = pod::is_ready(&pod);
        if pod::phase(&pod) == "Succeeded" || is_ready && !has_restarted_badly(&pod) {
            return;
        }
        let mut facts = pod::facts(&pod, now);
        facts.extend(untouched(&pod, now));
        let troubles = facts.iter().filter(|fact| fact.is_trouble()).count();
        if is_ready && troubles == 0 {
            return;
        }
        let owner = owner(&pod);
        if !self.by_owner.contains_key(&owner) && self.by_owner.len() >= MOST_OWNERS {
            self.left_out += usize::from(troubles > 0);
            return;
        }
        let pods = self.by_owner.entry(owner).or_default();
        if !is_ready && pods.nodes.len() < MOST_NAMES {
            pods.nodes.extend(pod::node_name(&pod).map(str::to_owned));
        }
        if troubles == 0 {
            let is_young = pod::age_seconds(&pod, now) < STARTING_SECONDS;
            *(if is_young { &mut pods.starting } else { &mut pods.stalled }) += 1;
            return;
        }
        pods.unwell += 1;
        let is_over = pod::phase(&pod) == "Failed";
        let held = if is_over { &mut pods.over } else { &mut pods.worst };
        if held.as_ref().is_some_and(|held| held.troubles >= troubles) {
            return;
        }
        let has_room = held.as_ref().is_some_and(|held| held.pod.is_some()) || self.samples < MOST_SAMPLES;
        if held.is_none() && has_room {
            self.samples += 1;
        }
        let claims = super::super::storage::claims(&pod);
        *held = Some(Sample { object: pod::reference(&pod), facts, troubles, claims, pod: has_room.then(|| Box::new(pod)) });
    }

    fn remember_labels(&mut self, pod: &Pod) {
        if self.labels.len() >= MOST_LABEL_SETS {
            return;
        }
        let labels = pod.metadata.labels.iter().flatten().filter(|(key, _)| !PER_POD_LABELS.contains(&key.as_str()));
        let labels: BTreeMap<String, String> = labels.map(|(key, value)| (key.clone(), value.clone())).collect();
        self.labels.insert((pod.metadata.namespace.clone().unwrap_or_default(), labels));
    }

    /// True once there are more kinds of pods than services can be compared with.
    pub fn is_label_set_full(&self) -> bool {
        self.labels.len() >= MOST_LABEL_SETS
    }
}

/// Some container ended badly before: what is ready now may still be unwell.
fn has_restarted_badly(pod: &Pod) -> bool {
    pod::containers(pod).iter().any(|member| member.role == Role::Main && member.restarts() > 0 && member.ended_badly())
}

/// A pod that neither a scheduler nor a kubelet has said anything of.
fn untouched(pod: &Pod, now: Timestamp) -> Option<Fact> {
    let has_word = pod.status.as_ref().is_some_and(|status| status.conditions.is_some() || status.reason.is_some());
    let created = pod.metadata.creation_timestamp.as_ref()?.0;
    if has_word || pod::age_seconds(pod, now) < UNTOUCHED_SECONDS || pod.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let since = ago(created, now);
    let text = match pod::node_name(pod) {
        Some(node) => format!("pod pending for {since}: the kubelet of node {node} has not taken it"),
        None => format!("pod pending for {since}: no scheduler has taken it"),
    };
    Some(Fact::new(Source::Pod, &pod::reference(pod), Weight::Trouble, text).at(Some(created)))
}

/// The deployment rather than its replica set, whose name is the deployment's and the hash of the template.
fn owner(pod: &Pod) -> Owner {
    let itself = || Owner::Object(pod::reference(pod));
    let owners = pod.metadata.owner_references.as_ref();
    let namespace = pod.metadata.namespace.as_deref();
    match workload::controller(owners) {
        Some((Kind::ReplicaSet, name)) => {
            let hash = pod.metadata.labels.as_ref().and_then(|labels| labels.get("pod-template-hash"));
            let deployment = hash.and_then(|hash| name.strip_suffix(hash.as_str())?.strip_suffix('-'));
            Owner::Object(match deployment {
                Some(deployment) => ObjectRef::new(Kind::Deployment, namespace, deployment),
                None => ObjectRef::new(Kind::ReplicaSet, namespace, name),
            })
        }
        Some((kind, name)) if kind.is_workload() => Owner::Object(ObjectRef::new(kind, namespace, name)),
        // A static pod, which belongs to its node.
        Some(_) => itself(),
        None => match owners.into_iter().flatten().find(|owner| owner.controller == Some(true)) {
            Some(owner) => Owner::Foreign {
                namespace: namespace.unwrap_or_default().to_owned(),
                kind: owner.kind.clone(),
                name: owner.name.clone(),
            },
            None => itself(),
        },
    }
}
