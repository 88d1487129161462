//! What acts in the cluster by itself. A tick is one look of each controller at what is there.

mod budget;
pub mod collector;
mod daemon_set;
mod deployment;
mod job;
mod node;
mod pod;
pub mod quota;
mod replica_set;
mod revision;
mod rollout;
mod stateful_set;

use serde_json::{Value, json};

use super::{
    value::{condition, items},
    world::World,
};

/// What is not quiet after as many ticks never will be.
const MOST_TICKS: usize = 2000;

/// One look of everyone. Whether anything changed.
pub fn tick(world: &mut World) -> bool {
    if world.is_frozen {
        return false;
    }
    let before = world.version();
    collector::run(world);
    node::run(world);
    pod::run(world);
    replica_set::run(world);
    deployment::run(world);
    stateful_set::run(world);
    daemon_set::run(world);
    job::run(world);
    budget::run(world);
    quota::run(world);
    world.version() != before
}

/// Until nobody has anything to do, and what waits for a deadline has waited long enough.
pub fn settle(world: &mut World) {
    for _ in 0..MOST_TICKS {
        if !tick(world) {
            if world.is_frozen || world.is_patience_over {
                world.is_patience_over = false;
                return;
            }
            world.is_patience_over = true;
        }
    }
    panic!("the controllers do not come to rest");
}

/// Sets a condition; its transition is when its status changes.
fn set_condition(object: &mut Value, time: &str, kind: &str, status: &str, reason: &str, message: &str) {
    let old = condition(object, kind).cloned();
    if let Some(old) = &old
        && old["status"] == status
        && old["reason"] == reason
        && old["message"] == message
    {
        return;
    }
    let transition =
        old.filter(|old| old["status"] == status).map_or_else(|| json!(time), |old| old["lastTransitionTime"].clone());
    let mut new = json!({
        "type": kind, "status": status, "lastTransitionTime": transition, "reason": reason, "message": message,
    });
    if object["kind"] == "Deployment" {
        new["lastUpdateTime"] = time.into();
    }
    let mut all: Vec<Value> = items(object, "/status/conditions").iter().filter(|one| one["type"] != kind).cloned().collect();
    all.push(new);
    object["status"]["conditions"] = all.into();
}

/// Of an int or a percentage, the count of `total`.
fn scaled(value: &Value, total: i64, rounding: Rounding) -> i64 {
    let Some(percent) = value.as_str().and_then(|text| text.strip_suffix('%')).and_then(|text| text.parse::<i64>().ok()) else {
        return value.as_i64().unwrap_or_default();
    };
    match rounding {
        Rounding::Up => (percent * total + 99) / 100,
        Rounding::Down => percent * total / 100,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rounding {
    Up,
    Down,
}
