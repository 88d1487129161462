//! What the last rollout changed.

use jiff::Timestamp;
use k8s_openapi::api::{
    apps::v1::ReplicaSet,
    core::v1::{Container, PodSpec},
};

use super::{
    spec::{Side, quantity},
    time::{ago, seconds_between},
};
use crate::domain::{
    evidence::Source,
    fact::{Fact, Weight},
    object::ObjectRef,
};

/// A rollout this young is a suspect.
const RECENT_SECONDS: i64 = 2 * 3600;
/// Differences told.
const MOST_DIFFERENCES: usize = 6;

fn number(set: &ReplicaSet) -> u64 {
    let annotations = set.metadata.annotations.as_ref();
    annotations.and_then(|all| all.get("deployment.kubernetes.io/revision")?.parse().ok()).unwrap_or(0)
}

/// The replica set of the newest revision.
pub fn newest(sets: &[ReplicaSet]) -> Option<&ReplicaSet> {
    sets.iter().max_by_key(|set| number(set))
}

/// One fact about the newest revision of a deployment: since when, what it changed, whether the one before still serves.
pub fn fact(deployment: &ObjectRef, sets: &[ReplicaSet], now: Timestamp) -> Option<Fact> {
    let newest = newest(sets)?;
    let previous = sets.iter().filter(|set| number(set) < number(newest)).max_by_key(|set| number(set));
    let born = newest.metadata.creation_timestamp.as_ref().map(|time| time.0);
    let since = born.map(|born| format!(" since {}", ago(born, now))).unwrap_or_default();
    let revision = number(newest);
    let Some(previous) = previous else {
        let never = newest.status.as_ref().and_then(|status| status.ready_replicas).unwrap_or(0) == 0;
        let ready = if never { ", none of its pods is ready" } else { "" };
        let text = format!("{} revision {revision}{since}, its only one{ready}", deployment.short());
        let fact = Fact::new(Source::Workload, deployment, Weight::Context, text).at(born);
        return Some(if never {
            fact.note(format!("Nothing changed since {} was created: its only revision has no ready pod.", deployment.short()))
        } else {
            fact
        });
    };
    let changes = differences(previous, newest);
    let what = if changes.is_empty() { "nothing that shows in its template".to_owned() } else { changes.join("; ") };
    let text = format!("{} revision {revision}{since}, changed from revision {}: {what}", deployment.short(), number(previous));
    let mut fact = Fact::new(Source::Workload, deployment, Weight::Context, text)
        .at(born)
        .with("revision", &revision.to_string())
        .with("previous_revision", &number(previous).to_string());
    let is_recent = born.is_some_and(|born| seconds_between(born, now) < RECENT_SECONDS);
    if is_recent && !changes.is_empty() {
        fact = fact.with("changed_recently", "true");
    }
    let still = previous.status.as_ref().and_then(|status| status.ready_replicas).unwrap_or(0);
    let serving = if still > 0 {
        format!(" Ready pods of revision {} that still serve: {still}.", number(previous))
    } else {
        String::new()
    };
    Some(
        fact.note(format!(
            "Revision {revision} was rolled out{} and changed {what}.{serving}",
            since.replace(" since", "") + " ago"
        )),
    )
}

fn pod_spec(set: &ReplicaSet) -> Option<&PodSpec> {
    set.spec.as_ref()?.template.as_ref()?.spec.as_ref()
}

/// `image of app: shop:v1 to shop:v2`. Values of variables are never told: they may be secrets.
fn differences(before: &ReplicaSet, after: &ReplicaSet) -> Vec<String> {
    let (Some(before), Some(after)) = (pod_spec(before), pod_spec(after)) else { return Vec::new() };
    let mut changes = Vec::new();
    let all =
        |spec: &PodSpec| -> Vec<Container> { spec.init_containers.iter().flatten().chain(&spec.containers).cloned().collect() };
    let (old, new) = (all(before), all(after));
    for container in &new {
        match old.iter().find(|other| other.name == container.name) {
            Some(earlier) => container_differences(earlier, container, &mut changes),
            None => changes.push(format!("container {} is new", container.name)),
        }
    }
    for gone in old.iter().filter(|one| !new.iter().any(|other| other.name == one.name)) {
        changes.push(format!("container {} was taken out", gone.name));
    }
    let mut differs = |what: &str, is_different: bool| {
        if is_different {
            changes.push(what.to_owned());
        }
    };
    differs("the node selector", before.node_selector != after.node_selector);
    differs("the affinity", before.affinity != after.affinity);
    differs("the tolerations", before.tolerations != after.tolerations);
    differs("the volumes", before.volumes != after.volumes);
    differs("the service account", before.service_account_name != after.service_account_name);
    changes.truncate(MOST_DIFFERENCES);
    changes
}

fn container_differences(before: &Container, after: &Container, changes: &mut Vec<String>) {
    let name = &after.name;
    if before.image != after.image {
        let image = |container: &Container| container.image.clone().unwrap_or_default();
        changes.push(format!("the image of {name} from {} to {}", image(before), image(after)));
    }
    for (side, title) in [(Side::Limits, "limit"), (Side::Requests, "request")] {
        for resource in ["memory", "cpu"] {
            let (old, new) = (quantity(before, side, resource), quantity(after, side, resource));
            if old != new {
                changes.push(format!(
                    "the {resource} {title} of {name} from {} to {}",
                    old.unwrap_or("none"),
                    new.unwrap_or("none")
                ));
            }
        }
    }
    let names =
        |container: &Container| -> Vec<String> { container.env.iter().flatten().map(|variable| variable.name.clone()).collect() };
    let (old, new) = (names(before), names(after));
    for added in new.iter().filter(|variable| !old.contains(variable)) {
        changes.push(format!("variable {added} of {name} was added"));
    }
    for removed in old.iter().filter(|variable| !new.contains(variable)) {
        changes.push(format!("variable {removed} of {name} was taken out"));
    }
    if old == new && before.env != after.env {
        let of = |container: &Container, name: &str| container.env.iter().flatten().find(|one| one.name == name).cloned();
        let changed: Vec<&String> = new.iter().filter(|variable| of(before, variable) != of(after, variable)).collect();
        changes.push(format!("the value of {} of {name}", changed.into_iter().cloned().collect::<Vec<_>>().join(", ")));
    }
    let mut differs = |what: &str, is_different: bool| {
        if is_different {
            changes.push(format!("the {what} of {name}"));
        }
    };
    differs("command", before.command != after.command || before.args != after.args);
    differs("sources of variables", before.env_from != after.env_from);
    differs("liveness probe", before.liveness_probe != after.liveness_probe);
    differs("readiness probe", before.readiness_probe != after.readiness_probe);
    differs("startup probe", before.startup_probe != after.startup_probe);
    differs("ports", before.ports != after.ports);
    differs("mounts", before.volume_mounts != after.volume_mounts);
    differs("security context", before.security_context != after.security_context);
}
