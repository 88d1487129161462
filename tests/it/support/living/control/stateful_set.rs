//! Stateful sets: numbered pods, one after the other.

use serde_json::{Value, json};

use super::{
    Rounding,
    replica_set::{Name, create_pod},
    revision, scaled,
};
use crate::support::living::{
    resource::of_kind,
    value::{count, is_active, is_going, is_ready, items, label, map, name, number, text},
    world::World,
};

const REVISION: &str = "controller-revision-hash";

pub fn run(world: &mut World) {
    for set in world.all("StatefulSet") {
        if !is_going(&set) {
            let revisions = revision::record(world, &set);
            act(world, &set, &revisions);
            report(world, &set, &revisions);
        }
    }
}

fn ordinal(pod: &Value) -> i64 {
    name(pod).rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or(-1)
}

fn pods_of(world: &World, set: &Value) -> Vec<Value> {
    let mut pods = world.controlled("Pod", set);
    pods.sort_by_key(ordinal);
    pods
}

/// The newest revision is the template's; the current one is what pods below the partition have.
fn current_of<'a>(set: &Value, revisions: &'a [Value]) -> &'a Value {
    let current = text(set, "/status/currentRevision");
    revisions.iter().find(|one| name(one) == current).unwrap_or(&revisions[revisions.len() - 1])
}

/// One step: pods that are missing are made, or one is taken away.
fn act(world: &mut World, set: &Value, revisions: &[Value]) {
    let (wanted, is_ordered) = (number(set, "/spec/replicas").unwrap_or(1), text(set, "/spec/podManagementPolicy") != "Parallel");
    let update = &revisions[revisions.len() - 1];
    let current = current_of(set, revisions);
    let partition = number(set, "/spec/updateStrategy/rollingUpdate/partition").unwrap_or_default();
    let pods = pods_of(world, set);
    for at in 0..wanted {
        match pods.iter().find(|pod| ordinal(pod) == at) {
            None => {
                // A pod that is made while an update goes on has the new template, unless the partition holds it back.
                let is_new = at >= partition || name(current) == name(update);
                create(world, set, if is_new { update } else { current }, at);
                if is_ordered {
                    return;
                }
            }
            Some(pod) if !is_active(pod) && !is_going(pod) => {
                world.delete(of_kind("Pod"), pod, 0);
                return;
            }
            // An ordered set waits for each pod, even for one that will never be ready.
            Some(pod) if is_ordered && (is_going(pod) || !is_ready(pod)) => return,
            Some(_) => {}
        }
    }
    if let Some(surplus) = pods.iter().rev().find(|pod| ordinal(pod) >= wanted) {
        delete(world, set, surplus);
        return;
    }
    if text(set, "/spec/updateStrategy/type") == "OnDelete" {
        return;
    }
    // Pods that are not ready use up what may be unavailable, whichever revision they have.
    let spare = scaled(&set["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"], wanted, Rounding::Up).max(1);
    let unavailable = count(&pods.iter().filter(|pod| is_going(pod) || !is_ready(pod)).collect::<Vec<_>>());
    let may_go = usize::try_from(spare - unavailable).unwrap_or_default();
    let old = pods.iter().rev().filter(|pod| ordinal(pod) >= partition && label(pod, REVISION) != name(update) && !is_going(pod));
    for pod in old.take(may_go) {
        delete(world, set, pod);
    }
}

fn create(world: &mut World, set: &Value, revision: &Value, at: i64) {
    let mut template = revision["data"]["spec"]["template"].clone();
    let pod_name = format!("{}-{at}", name(set));
    let labels = map(&mut template["metadata"], "labels");
    labels.insert(REVISION.to_owned(), name(revision).into());
    labels.insert("statefulset.kubernetes.io/pod-name".to_owned(), pod_name.clone().into());
    labels.insert("apps.kubernetes.io/pod-index".to_owned(), at.to_string().into());
    // A refusal is tried again at the next look.
    let _ = create_pod(world, set, &template, &Name::Exact(pod_name));
}

fn delete(world: &mut World, set: &Value, pod: &Value) {
    if is_going(pod) {
        return;
    }
    let grace = number(pod, "/spec/terminationGracePeriodSeconds").unwrap_or(30);
    world.delete(of_kind("Pod"), pod, grace);
    let message = format!("delete Pod {} in StatefulSet {} successful", name(pod), name(set));
    world.event(set, "Normal", "SuccessfulDelete", &message, "statefulset-controller");
}

fn report(world: &mut World, set: &Value, revisions: &[Value]) {
    let update = name(&revisions[revisions.len() - 1]).to_owned();
    let current = name(current_of(set, revisions)).to_owned();
    let pods: Vec<Value> = pods_of(world, set).into_iter().filter(is_active).collect();
    let of = |revision: &str| count(&pods.iter().filter(|pod| label(pod, REVISION) == revision).collect::<Vec<_>>());
    let ready = count(&pods.iter().filter(|pod| is_ready(pod)).collect::<Vec<_>>());
    let wanted = number(set, "/spec/replicas").unwrap_or(1);
    let is_rolling = text(set, "/spec/updateStrategy/type") != "OnDelete";
    // The update is done when every pod has it and is ready; then it is the current revision.
    let is_done = is_rolling && of(&update) == wanted && ready == wanted && count(&pods) == wanted;
    let current = if is_done { update.clone() } else { current };
    let status = json!({
        "observedGeneration": set["metadata"]["generation"], "replicas": count(&pods), "readyReplicas": ready,
        "availableReplicas": ready, "currentReplicas": of(&current), "updatedReplicas": of(&update),
        "currentRevision": current, "updateRevision": update, "collisionCount": 0,
    });
    world.change("StatefulSet", set, |set| {
        let conditions = items(set, "/status/conditions").to_vec();
        set["status"] = status;
        if !conditions.is_empty() {
            set["status"]["conditions"] = conditions.into();
        }
    });
}
