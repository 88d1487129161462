//! Disruption budgets: how many pods may go.

use serde_json::{Value, json};

use super::{Rounding, scaled, set_condition};
use crate::support::living::{
    resource::{find_kind, of_kind},
    select::Labels,
    value::{controller, count, is_active, is_ready, items, namespace, number, text},
    world::World,
};

pub fn run(world: &mut World) {
    for budget in world.all("PodDisruptionBudget") {
        sync(world, &budget);
    }
}

fn sync(world: &mut World, budget: &Value) {
    let Some(labels) = Labels::of(&budget["spec"]["selector"]) else { return };
    let pods: Vec<Value> =
        world.all("Pod").into_iter().filter(|pod| namespace(pod) == namespace(budget) && labels.matches(pod)).collect();
    let pods: Vec<Value> = pods.into_iter().filter(is_active).collect();
    let healthy = count(&pods.iter().filter(|pod| is_ready(pod)).collect::<Vec<_>>());
    let spec = &budget["spec"];
    let (expected, desired) = if !spec["maxUnavailable"].is_null() {
        let expected = owners_want(world, &pods);
        (expected, (expected - scaled(&spec["maxUnavailable"], expected, Rounding::Up)).max(0))
    } else if spec["minAvailable"].is_string() {
        let expected = owners_want(world, &pods);
        (expected, scaled(&spec["minAvailable"], expected, Rounding::Up))
    } else {
        (count(&pods), number(spec, "/minAvailable").unwrap_or_default())
    };
    let allowed = if expected == 0 { 0 } else { (healthy - desired).max(0) };
    let time = world.time();
    world.change("PodDisruptionBudget", budget, |budget| {
        let conditions = items(budget, "/status/conditions").to_vec();
        let generation = budget["metadata"]["generation"].clone();
        budget["status"] = json!({
            "observedGeneration": generation, "disruptionsAllowed": allowed, "currentHealthy": healthy, "desiredHealthy": desired,
            "expectedPods": expected, "conditions": conditions,
        });
        let (status, reason) = if allowed > 0 { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
        set_condition(budget, &time, "DisruptionAllowed", status, reason, "");
    });
}

/// How many pods the owners of these pods want.
fn owners_want(world: &World, pods: &[Value]) -> i64 {
    let mut owners: Vec<(&str, &str)> =
        pods.iter().filter_map(controller).map(|owner| (text(owner, "/kind"), text(owner, "/name"))).collect();
    owners.sort_unstable();
    owners.dedup();
    let in_namespace = pods.first().map_or("", |pod| namespace(pod));
    let mut counted: Vec<String> = Vec::new();
    let mut total = 0;
    for (kind, owner) in owners {
        let Some(mut object) = find_kind(kind).and_then(|kind| world.get(kind, in_namespace, owner)) else { continue };
        // A replica set of a deployment stands for all of the deployment.
        if let Some(above) = controller(object).filter(|above| text(above, "/kind") == "Deployment")
            && let Some(deployment) = world.get(of_kind("Deployment"), in_namespace, text(above, "/name"))
        {
            object = deployment;
        }
        if !counted.iter().any(|uid| uid == text(object, "/metadata/uid")) {
            counted.push(text(object, "/metadata/uid").to_owned());
            total += number(object, "/spec/replicas").unwrap_or_default();
        }
    }
    total
}
