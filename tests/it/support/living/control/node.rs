//! Nodes: a cordon is a taint; autoscalers keep workloads within their bounds.

use serde_json::{Value, json};

use crate::support::living::{
    resource::find_kind,
    value::{is_true, items, namespace, number, text},
    world::World,
};

const CORDONED: &str = "node.kubernetes.io/unschedulable";

pub fn run(world: &mut World) {
    for node in world.all("Node") {
        taint(world, &node);
    }
    for autoscaler in world.all("HorizontalPodAutoscaler") {
        keep_within_bounds(world, &autoscaler);
    }
}

fn taint(world: &mut World, node: &Value) {
    let time = world.time();
    let has_it = items(node, "/spec/taints").iter().any(|taint| taint["key"] == CORDONED);
    let wants_it = is_true(node, "/spec/unschedulable");
    if has_it == wants_it {
        return;
    }
    world.change("Node", node, |node| {
        let mut taints: Vec<Value> =
            items(node, "/spec/taints").iter().filter(|taint| taint["key"] != CORDONED).cloned().collect();
        if wants_it {
            taints.push(json!({ "key": CORDONED, "effect": "NoSchedule", "timeAdded": time }));
        }
        if taints.is_empty() {
            super::super::value::remove(&mut node["spec"], "taints");
        } else {
            node["spec"]["taints"] = taints.into();
        }
    });
}

/// An autoscaler moves what is outside of its bounds back; it has no metrics to do more.
fn keep_within_bounds(world: &mut World, autoscaler: &Value) {
    let target = &autoscaler["spec"]["scaleTargetRef"];
    let kind = text(target, "/kind");
    let found = find_kind(kind).and_then(|kind| world.get(kind, namespace(autoscaler), text(target, "/name")));
    let Some(object) = found.cloned() else { return };
    let replicas = number(&object, "/spec/replicas").unwrap_or(1);
    let least = number(autoscaler, "/spec/minReplicas").unwrap_or(1);
    let most = number(autoscaler, "/spec/maxReplicas").unwrap_or(replicas);
    // Zero switches it off.
    let wanted = if replicas == 0 { 0 } else { replicas.clamp(least, most.max(least)) };
    world.change(kind, &object, |object| object["spec"]["replicas"] = wanted.into());
    world.change("HorizontalPodAutoscaler", autoscaler, |autoscaler| {
        autoscaler["status"]["currentReplicas"] = replicas.into();
        autoscaler["status"]["desiredReplicas"] = wanted.into();
    });
}
