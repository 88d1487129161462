//! How many pods each replica set of a deployment may have now.

use serde_json::Value;

use super::{
    Rounding,
    deployment::{DESIRED, MAX},
    scaled,
};
use crate::support::living::{
    resource::of_kind,
    value::{annotation, map, name, namespace, number, text},
    world::World,
};

pub fn replicas(deployment: &Value) -> i64 {
    number(deployment, "/spec/replicas").unwrap_or(1)
}

fn is_rolling(deployment: &Value) -> bool {
    text(deployment, "/spec/strategy/type") == "RollingUpdate"
}

fn surge(deployment: &Value) -> i64 {
    if !is_rolling(deployment) {
        return 0;
    }
    scaled(&deployment["spec"]["strategy"]["rollingUpdate"]["maxSurge"], replicas(deployment), Rounding::Up)
}

/// How many pods may be unavailable.
pub fn spare(deployment: &Value) -> i64 {
    if !is_rolling(deployment) || replicas(deployment) == 0 {
        return 0;
    }
    let spare = scaled(&deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"], replicas(deployment), Rounding::Down);
    // With neither, nothing could ever move.
    if spare == 0 && surge(deployment) == 0 { 1 } else { spare.min(replicas(deployment)) }
}

/// How many pods there may be at once.
pub fn most(deployment: &Value) -> i64 {
    if replicas(deployment) == 0 { 0 } else { replicas(deployment) + surge(deployment) }
}

fn size(set: &Value) -> i64 {
    number(set, "/spec/replicas").unwrap_or_default()
}

fn status(set: &Value, field: &str) -> i64 {
    number(set, &format!("/status/{field}")).unwrap_or_default()
}

/// The size that a new replica set begins with.
pub fn first_size(deployment: &Value, old: &[Value]) -> i64 {
    let present: i64 = old.iter().map(size).sum();
    if is_rolling(deployment) {
        (most(deployment) - present).clamp(0, replicas(deployment))
    } else if present == 0 && old.iter().all(|set| status(set, "replicas") == 0) {
        replicas(deployment)
    } else {
        0
    }
}

/// One step from the old replica sets to the new one.
pub fn advance(world: &mut World, deployment: &Value, new: &Value, old: &[Value]) {
    if is_rolling(deployment) {
        if !grow(world, deployment, new, old) {
            shrink(world, deployment, new, old);
        }
    } else {
        let left: Vec<&Value> = old.iter().filter(|set| size(set) > 0).collect();
        for set in &left {
            resize(world, deployment, set, 0);
        }
        if left.is_empty() && old.iter().all(|set| status(set, "replicas") == 0) && !has_live_pods(world, old) {
            resize(world, deployment, new, replicas(deployment));
        }
    }
    note_sizes(world, deployment, new);
    for set in old.iter().filter(|set| size(set) > 0) {
        note_sizes(world, deployment, set);
    }
}

fn has_live_pods(world: &World, sets: &[Value]) -> bool {
    let is_over = |pod: &Value| matches!(text(pod, "/status/phase"), "Succeeded" | "Failed");
    sets.iter().any(|set| world.controlled("Pod", set).iter().any(|pod| !is_over(pod)))
}

fn grow(world: &mut World, deployment: &Value, new: &Value, old: &[Value]) -> bool {
    let (wanted, present) = (replicas(deployment), size(new));
    if present > wanted {
        return resize(world, deployment, new, wanted);
    }
    let total = present + old.iter().map(size).sum::<i64>();
    let more = (most(deployment) - total).min(wanted - present);
    more > 0 && resize(world, deployment, new, present + more)
}

fn shrink(world: &mut World, deployment: &Value, new: &Value, old: &[Value]) {
    let least = replicas(deployment) - spare(deployment);
    let total = size(new) + old.iter().map(size).sum::<i64>();
    let unavailable = size(new) - status(new, "availableReplicas");
    let may_go = total - least - unavailable;
    if may_go <= 0 {
        return;
    }
    // Pods that are not available help nobody, so they go first.
    let mut sizes: Vec<i64> = old.iter().map(size).collect();
    let mut left = may_go;
    for (set, size) in old.iter().zip(&mut sizes) {
        let useless = (*size - status(set, "availableReplicas")).clamp(0, left);
        *size -= useless;
        left -= useless;
    }
    let available: i64 = status(new, "availableReplicas") + old.iter().map(|set| status(set, "availableReplicas")).sum::<i64>();
    let mut left = (available - least).max(0);
    for size in &mut sizes {
        let goes = (*size).min(left);
        *size -= goes;
        left -= goes;
    }
    for (set, size) in old.iter().zip(sizes) {
        resize(world, deployment, set, size);
    }
}

/// Whether somebody changed the size that the replica sets were made for.
pub fn is_scaling<'a>(deployment: &Value, sets: impl Iterator<Item = &'a Value>) -> bool {
    let wanted = replicas(deployment).to_string();
    sets.filter(|set| size(set) > 0).any(|set| annotation(set, DESIRED) != wanted)
}

/// Follows a change of the size without changing the rollout.
pub fn scale(world: &mut World, deployment: &Value, new: Option<&Value>, old: &[Value]) {
    let mut active: Vec<&Value> = new.into_iter().chain(old).filter(|set| size(set) > 0).collect();
    if active.is_empty() {
        active = new.or_else(|| old.last()).into_iter().collect();
    }
    if let [only] = active.as_slice() {
        resize(world, deployment, only, replicas(deployment));
        return note_sizes(world, deployment, only);
    }
    let total: i64 = active.iter().map(|set| size(set)).sum();
    let mut left = most(deployment) - total;
    active.sort_by_key(|set| -size(set));
    let largest = active.first().copied();
    for set in &active {
        let before: i64 = annotation(set, MAX).parse().unwrap_or(total).max(1);
        let share = (size(set) * most(deployment) * 2 + before) / (2 * before) - size(set);
        let share = if left >= 0 { share.clamp(0, left) } else { share.clamp(left, 0) };
        left -= share;
        let rest = if largest.is_some_and(|largest| name(largest) == name(set)) { 0 } else { share };
        if rest != 0 {
            resize(world, deployment, set, (size(set) + rest).max(0));
        }
    }
    // What rounding left over is the largest's.
    if let Some(largest) = largest {
        let others: i64 = active.iter().skip(1).filter_map(|set| current(world, set)).sum();
        resize(world, deployment, largest, (most(deployment) - others).max(0));
    }
    for set in active {
        note_sizes(world, deployment, set);
    }
}

fn current(world: &World, set: &Value) -> Option<i64> {
    world.get(of_kind("ReplicaSet"), namespace(set), name(set)).map(size)
}

fn resize(world: &mut World, deployment: &Value, set: &Value, to: i64) -> bool {
    let from = size(set);
    let is_changed = world.change("ReplicaSet", set, |set| set["spec"]["replicas"] = to.into());
    if is_changed {
        let way = if to > from { "up" } else { "down" };
        let message = format!("Scaled {way} replica set {} from {from} to {to}", name(set));
        world.event(deployment, "Normal", "ScalingReplicaSet", &message, "deployment-controller");
    }
    is_changed
}

fn note_sizes(world: &mut World, deployment: &Value, set: &Value) {
    let (desired, most) = (replicas(deployment).to_string(), most(deployment).to_string());
    world.change("ReplicaSet", set, |set| {
        let annotations = map(&mut set["metadata"], "annotations");
        annotations.insert(DESIRED.to_owned(), desired.into());
        annotations.insert(MAX.to_owned(), most.into());
    });
}
