//! Deployments: one replica set per template, and the way from one to the next.

use serde_json::{Value, json};

use super::{
    revision::{hash, plain},
    rollout, set_condition,
};
use crate::support::living::{
    resource::of_kind,
    value::{
        annotation, condition, count, is_going, is_true, keep_items, map, name, namespace, number, owner_reference, remove, text,
    },
    world::World,
};

pub const REVISION: &str = "deployment.kubernetes.io/revision";
pub const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
pub const MAX: &str = "deployment.kubernetes.io/max-replicas";
const HISTORY: &str = "deployment.kubernetes.io/revision-history";

/// Annotations of a deployment that its replica sets do not get.
const NOT_COPIED: [&str; 6] =
    ["kubectl.kubernetes.io/last-applied-configuration", REVISION, HISTORY, DESIRED, MAX, "deprecated.deployment.rollback.to"];

pub fn run(world: &mut World) {
    for deployment in world.all("Deployment") {
        if !is_going(&deployment) {
            sync(world, &deployment);
        }
    }
}

fn sync(world: &mut World, deployment: &Value) {
    let is_paused = is_true(deployment, "/spec/paused");
    note_pause(world, deployment, is_paused);
    let (new, old) = sets_of(world, deployment);
    if is_paused || rollout::is_scaling(deployment, new.iter().chain(&old)) {
        rollout::scale(world, deployment, new.as_ref(), &old);
        return report(world, deployment);
    }
    let new = match new {
        None => create_set(world, deployment, &old),
        Some(new) => take_up(world, deployment, &new, &old),
    };
    rollout::advance(world, deployment, &new, &old);
    clean_up(world, deployment);
    report(world, deployment);
}

/// The replica set of the template, if there is one, and the others, oldest first.
fn sets_of(world: &World, deployment: &Value) -> (Option<Value>, Vec<Value>) {
    let mut sets = world.controlled("ReplicaSet", deployment);
    sets.sort_by_key(|set| number(set, "/metadata/resourceVersion").unwrap_or_default());
    sets.sort_by_key(revision_of);
    let wanted = plain(&deployment["spec"]["template"]);
    let at = sets.iter().position(|set| plain(&set["spec"]["template"]) == wanted);
    let new = at.map(|at| sets.remove(at));
    (new, sets)
}

fn revision_of(set: &Value) -> i64 {
    annotation(set, REVISION).parse().unwrap_or_default()
}

fn newest_of(old: &[Value]) -> i64 {
    old.iter().map(revision_of).max().unwrap_or_default()
}

fn create_set(world: &mut World, deployment: &Value, old: &[Value]) -> Value {
    let hash = hash(&plain(&deployment["spec"]["template"]));
    let revision = (newest_of(old) + 1).to_string();
    let mut template = deployment["spec"]["template"].clone();
    map(&mut template["metadata"], "labels").insert("pod-template-hash".to_owned(), hash.clone().into());
    let mut selector = deployment["spec"]["selector"].clone();
    map(&mut selector, "matchLabels").insert("pod-template-hash".to_owned(), hash.clone().into());
    let mut annotations = copied(deployment);
    annotations[REVISION] = revision.clone().into();
    annotations[DESIRED] = rollout::replicas(deployment).to_string().into();
    annotations[MAX] = rollout::most(deployment).to_string().into();
    let set = json!({
        "metadata": {
            "name": format!("{}-{hash}", name(deployment)), "namespace": namespace(deployment),
            "labels": template["metadata"]["labels"], "annotations": annotations,
            "ownerReferences": [owner_reference(deployment)],
        },
        "spec": {"replicas": rollout::first_size(deployment, old), "selector": selector, "template": template},
        "status": {"replicas": 0},
    });
    let set = world.insert(of_kind("ReplicaSet"), set);
    let (time, set_name) = (world.time(), name(&set).to_owned());
    world.change("Deployment", deployment, |deployment| {
        map(&mut deployment["metadata"], "annotations").insert(REVISION.to_owned(), revision.into());
        let message = format!("Created new replica set \"{set_name}\"");
        set_condition(deployment, &time, "Progressing", "True", "NewReplicaSetCreated", &message);
    });
    let message = format!("Scaled up replica set {set_name} from 0 to {}", set["spec"]["replicas"]);
    world.event(deployment, "Normal", "ScalingReplicaSet", &message, "deployment-controller");
    set
}

/// A replica set that has the template already becomes the newest again.
fn take_up(world: &mut World, deployment: &Value, set: &Value, old: &[Value]) -> Value {
    let (before, next) = (revision_of(set), newest_of(old) + 1);
    let revision = before.max(next);
    let copied = copied(deployment);
    world.change("ReplicaSet", set, |set| {
        let annotations = map(&mut set["metadata"], "annotations");
        for (key, value) in copied.as_object().into_iter().flatten() {
            annotations.insert(key.clone(), value.clone());
        }
        if before < next {
            let history =
                annotations.get(HISTORY).and_then(Value::as_str).map_or_else(String::new, |history| format!("{history},"));
            annotations.insert(HISTORY.to_owned(), format!("{history}{before}").into());
            annotations.insert(REVISION.to_owned(), next.to_string().into());
        }
    });
    world.change("Deployment", deployment, |deployment| {
        map(&mut deployment["metadata"], "annotations").insert(REVISION.to_owned(), revision.to_string().into());
        if condition(deployment, "Progressing").is_none() {
            let message = format!("Found new replica set {:?}", name(set));
            set_condition(
                deployment,
                text(set, "/metadata/creationTimestamp"),
                "Progressing",
                "True",
                "FoundNewReplicaSet",
                &message,
            );
        }
    });
    world.get(of_kind("ReplicaSet"), namespace(set), name(set)).cloned().unwrap_or_else(|| set.clone())
}

fn copied(deployment: &Value) -> Value {
    let all = deployment["metadata"]["annotations"].as_object().into_iter().flatten();
    let copied = all.filter(|(key, _)| !NOT_COPIED.contains(&key.as_str()));
    Value::Object(copied.map(|(key, value)| (key.clone(), value.clone())).collect())
}

/// Old replica sets without pods go, the oldest first, when there are more than the history may have.
fn clean_up(world: &mut World, deployment: &Value) {
    let is_empty = |set: &&Value| number(set, "/spec/replicas") == Some(0) && number(set, "/status/replicas") == Some(0);
    let (_, old) = sets_of(world, deployment);
    let empty: Vec<&Value> = old.iter().filter(is_empty).collect();
    let limit = number(deployment, "/spec/revisionHistoryLimit").unwrap_or(10);
    let surplus = usize::try_from(count(&old) - limit).unwrap_or_default();
    for set in empty.into_iter().take(surplus) {
        world.delete(of_kind("ReplicaSet"), set, 0);
    }
}

fn note_pause(world: &mut World, deployment: &Value, is_paused: bool) {
    let reason = condition(deployment, "Progressing").map_or("", |one| text(one, "/reason"));
    let (reason, message) = match (is_paused, reason) {
        (_, "ProgressDeadlineExceeded") | (true, "DeploymentPaused") => return,
        (true, _) => ("DeploymentPaused", "Deployment is paused"),
        (false, "DeploymentPaused") => ("DeploymentResumed", "Deployment is resumed"),
        (false, _) => return,
    };
    let time = world.time();
    world.change("Deployment", deployment, |one| set_condition(one, &time, "Progressing", "Unknown", reason, message));
}

/// Writes what is into the status.
fn report(world: &mut World, deployment: &Value) {
    let Some(deployment) = world.get(of_kind("Deployment"), namespace(deployment), name(deployment)).cloned() else { return };
    let (new, old) = sets_of(world, &deployment);
    let sum = |sets: &[&Value], field: &str| sets.iter().filter_map(|set| number(set, &format!("/status/{field}"))).sum::<i64>();
    let all: Vec<&Value> = new.iter().chain(&old).collect();
    let newest: Vec<&Value> = new.iter().collect();
    let (replicas, available) = (sum(&all, "replicas"), sum(&all, "availableReplicas"));
    let wanted = rollout::replicas(&deployment);
    let wanted_total: i64 = all.iter().filter_map(|set| number(set, "/spec/replicas")).sum();
    let mut status = json!({ "observedGeneration": deployment["metadata"]["generation"] });
    for (field, count) in [
        ("replicas", replicas),
        ("updatedReplicas", sum(&newest, "replicas")),
        ("readyReplicas", sum(&all, "readyReplicas")),
        ("availableReplicas", available),
        ("unavailableReplicas", (wanted_total - available).max(0)),
    ] {
        if count > 0 {
            status[field] = count.into();
        }
    }
    let failure = all.iter().find_map(|set| condition(set, "ReplicaFailure"));
    let before = deployment["status"].clone();
    let (time, is_late) = (world.time(), is_late(world, &deployment));
    world.change("Deployment", &deployment, |deployment| {
        let conditions = remove(&mut deployment["status"], "conditions").unwrap_or_else(|| json!([]));
        status["conditions"] = conditions;
        deployment["status"] = status;
        let (value, reason, message) = if available >= wanted - rollout::spare(deployment) {
            ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
        } else {
            ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
        };
        set_condition(deployment, &time, "Available", value, reason, message);
        if let Some(failure) = failure {
            set_condition(deployment, &time, "ReplicaFailure", "True", "FailedCreate", text(failure, "/message"));
        } else {
            keep_items(deployment, "/status/conditions", |one| one["type"] != "ReplicaFailure");
        }
        let set = new.as_ref().map_or_else(String::new, |set| name(set).to_owned());
        if !is_true(deployment, "/spec/paused") {
            progress(deployment, &before, &set, &time, is_late);
        }
    });
}

/// How the rollout goes, by what the status was before.
fn progress(deployment: &mut Value, before: &Value, set: &str, time: &str, is_late: bool) {
    let now = |field: &str| number(deployment, &format!("/status/{field}")).unwrap_or_default();
    let then = |field: &str| number(before, &format!("/{field}")).unwrap_or_default();
    let wanted = rollout::replicas(deployment);
    let reason = condition(deployment, "Progressing").map_or("", |one| text(one, "/reason")).to_owned();
    if now("replicas") == now("updatedReplicas") && reason == "NewReplicaSetAvailable" {
        return;
    }
    let is_complete = now("updatedReplicas") == wanted && now("replicas") == wanted && now("availableReplicas") == wanted;
    let went_on = now("updatedReplicas") > then("updatedReplicas")
        || now("replicas") - now("updatedReplicas") < then("replicas") - then("updatedReplicas")
        || now("readyReplicas") > then("readyReplicas")
        || now("availableReplicas") > then("availableReplicas");
    if is_complete {
        let message = format!("ReplicaSet \"{set}\" has successfully progressed.");
        set_condition(deployment, time, "Progressing", "True", "NewReplicaSetAvailable", &message);
    } else if went_on {
        // Each step starts the clock anew.
        let conditions = deployment["status"]["conditions"].as_array_mut();
        for one in conditions.into_iter().flatten().filter(|one| one["type"] == "Progressing") {
            one["lastUpdateTime"] = time.into();
        }
        let message = format!("ReplicaSet \"{set}\" is progressing.");
        set_condition(deployment, time, "Progressing", "True", "ReplicaSetUpdated", &message);
    } else if is_late {
        let message = format!("ReplicaSet \"{set}\" has timed out progressing.");
        set_condition(deployment, time, "Progressing", "False", "ProgressDeadlineExceeded", &message);
    }
}

/// Whether there was no step for longer than the deadline.
fn is_late(world: &World, deployment: &Value) -> bool {
    let Some(progressing) = condition(deployment, "Progressing") else { return false };
    match text(progressing, "/reason") {
        "ProgressDeadlineExceeded" => true,
        "NewReplicaSetAvailable" => false,
        _ => {
            let deadline = number(deployment, "/spec/progressDeadlineSeconds").unwrap_or(600);
            world.is_patience_over || world.seconds_since(text(progressing, "/lastUpdateTime")) > deadline
        }
    }
}
