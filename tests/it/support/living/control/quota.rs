//! Quotas: what pods may take of a namespace.

use faultline::domain::quantity::Quantity;
use serde_json::{Value, json};

use crate::support::living::{
    failure::Failure,
    resource::of_kind,
    value::{is_active, items, name, namespace, text},
    world::World,
};

pub fn run(world: &mut World) {
    for quota in world.all("ResourceQuota") {
        let pods: Vec<Value> = world.all("Pod").into_iter().filter(|pod| namespace(pod) == namespace(&quota)).collect();
        let mut used = json!({});
        for resource in quota["spec"]["hard"].as_object().into_iter().flat_map(|fields| fields.keys()) {
            used[resource] =
                shown(resource, pods.iter().filter(|pod| is_active(pod)).map(|pod| takes(pod, resource)).sum()).into();
        }
        world.change("ResourceQuota", &quota, |quota| {
            quota["status"] = json!({ "hard": quota["spec"]["hard"], "used": used });
        });
    }
}

/// Refuses a pod that a quota of its namespace has no room for.
pub fn admit(world: &World, pod: &Value) -> Result<(), Failure> {
    let all: Vec<Value> = world.all("Pod");
    let present = all.iter().filter(|other| namespace(other) == namespace(pod) && is_active(other));
    for quota in world.of_resource(of_kind("ResourceQuota")).filter(|quota| namespace(quota) == namespace(pod)) {
        let mut over: Vec<[String; 3]> = Vec::new();
        for (resource, hard) in quota["spec"]["hard"].as_object().into_iter().flatten() {
            let limit = hard.as_str().and_then(Quantity::parse).unwrap_or(Quantity::ZERO);
            let used: Quantity = present.clone().map(|other| takes(other, resource)).sum();
            let wanted = takes(pod, resource);
            if [used, wanted].into_iter().sum::<Quantity>() > limit {
                let said = |quantity: Quantity| format!("{resource}={}", shown(resource, quantity));
                over.push([said(wanted), said(used), said(limit)]);
            }
        }
        if !over.is_empty() {
            let joined = |at: usize| over.iter().map(|one| one[at].as_str()).collect::<Vec<_>>().join(",");
            let why =
                format!("exceeded quota: {}, requested: {}, used: {}, limited: {}", name(quota), joined(0), joined(1), joined(2));
            return Err(Failure::forbidden(of_kind("Pod"), name(pod), &why));
        }
    }
    Ok(())
}

/// How much of a resource of a quota one pod takes.
fn takes(pod: &Value, resource: &str) -> Quantity {
    let of_containers = |kind: &str, what: &str| {
        let containers = items(pod, "/spec/containers").iter();
        containers.filter_map(|container| Quantity::parse(text(container, &format!("/resources/{kind}/{what}")))).sum()
    };
    match resource.split_once('.') {
        None if matches!(resource, "pods" | "count/pods") => Quantity::parse("1").unwrap_or(Quantity::ZERO),
        None => of_containers("requests", resource),
        Some((kind, what)) => of_containers(kind, what),
    }
}

fn shown(resource: &str, quantity: Quantity) -> String {
    quantity.shown(resource)
}
