//! Nodes of a sweep.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Node;

use super::super::{node, time::seconds_between, workload::reference};
use crate::domain::{
    evidence::Source,
    fact::{Fact, Weight},
    health::{NodeCondition, NodeHealth},
    object::{Kind, ObjectRef},
};

/// A node this young may still be on its way to being ready.
const YOUNG_SECONDS: i64 = 120;
/// Conditions of one node that are shown.
const MOST_CONDITIONS: usize = 16;
const OF_PRESSURE: [&str; 4] = ["MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"];

/// A node that is unwell.
#[derive(Debug)]
pub struct Unwell {
    pub object: ObjectRef,
    pub facts: Vec<Fact>,
    pub is_young: bool,
}

/// The node as an answer shows it, and its facts where it is unwell.
pub fn reduced(node: &Node, now: Timestamp) -> (NodeHealth, Option<Unwell>) {
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let conditions: Vec<NodeCondition> = conditions
        .take(MOST_CONDITIONS)
        .map(|condition| NodeCondition {
            kind: condition.type_.clone(),
            status: condition.status.clone(),
            reason: condition.reason.clone().unwrap_or_default(),
            since: condition.last_transition_time.as_ref().map(|time| time.0),
        })
        .collect();
    let is_pressure = |condition: &&NodeCondition| condition.status == "True" && OF_PRESSURE.contains(&condition.kind.as_str());
    let pressure = conditions.iter().filter(is_pressure).map(|condition| condition.kind.clone()).collect();
    let health = NodeHealth {
        name: node.metadata.name.clone().unwrap_or_default(),
        ready: node::is_ready(node),
        schedulable: node.spec.as_ref().and_then(|spec| spec.unschedulable) != Some(true),
        pressure,
        conditions,
    };
    let mut facts = node::facts(node);
    if !health.ready && !facts.iter().any(Fact::is_trouble) {
        let object = reference(Kind::Node, &node.metadata);
        let text =
            format!("node {} condition Ready=Unknown NodeStatusNeverUpdated: it has never said that it is ready", health.name);
        facts.push(Fact::new(Source::Node, &object, Weight::Trouble, text).with("node", &health.name));
    }
    let is_young = node.metadata.creation_timestamp.as_ref().is_some_and(|time| seconds_between(time.0, now) < YOUNG_SECONDS);
    let unwell =
        facts.iter().any(Fact::is_trouble).then(|| Unwell { object: reference(Kind::Node, &node.metadata), facts, is_young });
    (health, unwell)
}
