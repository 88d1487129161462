//! Daemon sets: one pod per node.

use serde_json::{Value, json};

use super::{
    Rounding,
    pod::is_selected,
    replica_set::{Name, create_pod},
    revision, scaled,
};
use crate::support::living::{
    resource::of_kind,
    value::{count, is_active, is_going, is_ready, label, map, name, number, text},
    world::World,
};

const REVISION: &str = "controller-revision-hash";

pub fn run(world: &mut World) {
    for set in world.all("DaemonSet") {
        if !is_going(&set) {
            let revisions = revision::record(world, &set);
            let hash = label(&revisions[revisions.len() - 1], REVISION).to_owned();
            place(world, &set, &hash);
            update(world, &set, &hash);
            report(world, &set, &hash);
        }
    }
}

/// The nodes that want a pod of the set: a cordon does not keep it away.
fn nodes_for(world: &World, set: &Value) -> Vec<String> {
    let nodes = world.all("Node");
    nodes.iter().filter(|node| is_selected(&set["spec"]["template"], node)).map(|node| name(node).to_owned()).collect()
}

fn on<'a>(pods: &'a [Value], node: &str) -> Vec<&'a Value> {
    pods.iter().filter(|pod| text(pod, "/spec/nodeName") == node).collect()
}

fn place(world: &mut World, set: &Value, hash: &str) {
    let nodes = nodes_for(world, set);
    let pods = world.controlled("Pod", set);
    for node in &nodes {
        let here = on(&pods, node);
        for failed in here.iter().filter(|pod| text(pod, "/status/phase") == "Failed" && !is_going(pod)) {
            world.delete(of_kind("Pod"), failed, 0);
        }
        if here.is_empty() {
            let mut template = set["spec"]["template"].clone();
            map(&mut template["metadata"], "labels").insert(REVISION.to_owned(), hash.into());
            template["spec"]["nodeName"] = node.clone().into();
            let _ = create_pod(world, set, &template, &Name::Generated);
        }
    }
    for pod in pods.iter().filter(|pod| !nodes.iter().any(|node| node == text(pod, "/spec/nodeName"))) {
        take_away(world, set, pod);
    }
}

fn update(world: &mut World, set: &Value, hash: &str) {
    if text(set, "/spec/updateStrategy/type") == "OnDelete" {
        return;
    }
    let nodes = nodes_for(world, set);
    let spare = &set["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"];
    let spare = scaled(spare, count(&nodes), Rounding::Up).max(1);
    let pods = world.controlled("Pod", set);
    let is_there = |node: &String| on(&pods, node).iter().any(|pod| is_active(pod) && is_ready(pod));
    let mut left = spare - count(&nodes.iter().filter(|node| !is_there(node)).collect::<Vec<_>>());
    let old = pods.iter().filter(|pod| is_active(pod) && label(pod, REVISION) != hash);
    let (ready, not_ready): (Vec<&Value>, Vec<&Value>) = old.partition(|pod| is_ready(pod));
    for pod in not_ready {
        take_away(world, set, pod);
    }
    for pod in ready {
        if left > 0 {
            take_away(world, set, pod);
            left -= 1;
        }
    }
}

fn take_away(world: &mut World, set: &Value, pod: &Value) {
    if is_going(pod) {
        return;
    }
    let grace = number(pod, "/spec/terminationGracePeriodSeconds").unwrap_or(30);
    world.delete(of_kind("Pod"), pod, grace);
    world.event(set, "Normal", "SuccessfulDelete", &format!("Deleted pod: {}", name(pod)), "daemonset-controller");
}

fn report(world: &mut World, set: &Value, hash: &str) {
    let nodes = nodes_for(world, set);
    let pods: Vec<Value> = world.controlled("Pod", set).into_iter().filter(|pod| !is_going(pod)).collect();
    let number_of =
        |fits: &dyn Fn(&&Value) -> bool| count(&nodes.iter().filter(|node| on(&pods, node).iter().any(fits)).collect::<Vec<_>>());
    let (wanted, ready) = (count(&nodes), number_of(&|pod| is_ready(pod)));
    let mut status = json!({
        "observedGeneration": set["metadata"]["generation"], "desiredNumberScheduled": wanted,
        "currentNumberScheduled": number_of(&|_| true), "numberMisscheduled": 0, "numberReady": ready,
    });
    for (field, count) in [
        ("numberAvailable", ready),
        ("numberUnavailable", wanted - ready),
        ("updatedNumberScheduled", number_of(&|pod| label(pod, REVISION) == hash)),
    ] {
        if count > 0 {
            status[field] = count.into();
        }
    }
    world.change("DaemonSet", set, |set| set["status"] = status);
}
