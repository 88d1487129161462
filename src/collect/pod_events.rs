//! Which events of a pod still matter, given the state that it is in now.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;

use super::{
    events::{Happening, fact},
    pod::{self, Member, Role},
    probe,
    time::seconds_between,
};
use crate::domain::fact::{Fact, Weight};

/// An event this old no longer tells of now, where nothing else shows it.
const STALE_SECONDS: i64 = 600;

/// The facts of a pod's events, oldest first.
pub fn facts(pod: &Pod, happenings: &[&Happening], now: Timestamp) -> Vec<Fact> {
    let newest_pull = happenings.iter().rposition(|one| is_pull_error(one));
    happenings
        .iter()
        .enumerate()
        .filter(|(index, one)| !is_pull_error(one) || Some(*index) == newest_pull)
        .filter_map(|(_, one)| Some(with_probe(pod, one, fact(one, weight(pod, one, now)?))))
        .collect()
}

/// The facts of the events of a pod that is gone.
pub fn of_gone(happenings: &[&Happening]) -> Vec<Fact> {
    happenings.iter().filter(|one| one.is_warning).map(|one| fact(one, Weight::Message)).collect()
}

fn is_pull_error(happening: &Happening) -> bool {
    happening.reason == "Failed" && happening.message.starts_with("Failed to pull image")
}

/// `None` = says nothing that the pod's state does not say better.
fn weight(pod: &Pod, happening: &Happening, now: Timestamp) -> Option<Weight> {
    let is_well = pod::is_ready(pod) || pod::phase(pod) == "Succeeded";
    let members = pod::containers(pod);
    let is_recent = happening.last.is_none_or(|last| seconds_between(last, now) < STALE_SECONDS);
    let when = |holds: bool, weight: Weight| Some(if holds { weight } else { Weight::Context });
    let message = happening.message.as_str();
    match happening.reason.as_str() {
        "Unhealthy" | "ProbeWarning" => when(probe_matters(pod, &members, message, is_recent), Weight::Trouble),
        "Killing" if message.contains("probe") => when(!is_well || is_recent, Weight::Trouble),
        "Killing" => None,
        "BackOff" if message.contains("restarting") => when(!is_well, Weight::Trouble),
        "BackOff" => when(!is_well && members.iter().any(is_waiting), Weight::Message),
        "Failed" if message.starts_with("Error: ErrImagePull") || message.starts_with("Error: ImagePullBackOff") => None,
        "Failed" | "InspectFailed" | "ErrImageNeverPull" | "FailedToRetrieveImagePullSecret" => {
            when(!is_well && (members.iter().any(is_waiting) || members.iter().any(Member::ended_badly)), Weight::Message)
        }
        "FailedScheduling" => {
            let is_unscheduled = pod::condition(pod, "PodScheduled").is_some_and(|scheduled| scheduled.status == "False");
            when(is_unscheduled, Weight::Trouble)
        }
        "FailedMount"
        | "FailedAttachVolume"
        | "FailedMapVolume"
        | "FailedMountOnFilesystemMismatch"
        | "FailedCreatePodSandBox"
        | "NetworkNotReady"
        | "FailedPrepareDynamicResources" => when(!is_well && members.iter().all(is_not_started), Weight::Message),
        "Evicted"
        | "Preempted"
        | "Preempting"
        | "TaintManagerEviction"
        | "NodeNotReady"
        | "NodeShutdown"
        | "ExceededGracePeriod"
        | "FailedKillPod"
        | "FailedSync"
        | "FailedValidation" => when(!is_well, Weight::Message),
        "MissingClusterDNS" | "DNSConfigForming" | "CheckLimitsForResolvConf" | "MissingJobNode" => Some(Weight::Context),
        _ if happening.is_warning => when(!is_well, Weight::Message),
        _ => None,
    }
}

fn is_waiting(member: &Member<'_>) -> bool {
    member.waiting_reason().is_some()
}

fn is_not_started(member: &Member<'_>) -> bool {
    member.status.is_none_or(|status| {
        let state = status.state.as_ref();
        state.is_none_or(|state| state.running.is_none() && state.terminated.is_none()) && status.restart_count == 0
    })
}

/// The kind of probe that an event speaks of: `Liveness`, `Readiness`, `Startup`.
fn kind(message: &str) -> &str {
    ["Liveness", "Readiness", "Startup"].into_iter().find(|kind| message.starts_with(kind)).unwrap_or_default()
}

/// A probe that fails because the program ended by itself is no cause of anything.
fn probe_matters(pod: &Pod, members: &[Member<'_>], message: &str, is_recent: bool) -> bool {
    let kind = kind(message);
    let was_killed = |member: &Member<'_>| {
        let end = member.last_end().or(member.end());
        end.is_some_and(|end| matches!(end.exit_code, 137 | 143) && end.reason.as_deref() != Some("OOMKilled"))
    };
    members.iter().filter(|member| member.role == Role::Main && probe::of_kind(member, kind).is_some()).any(|member| {
        let is_running = member.is_running();
        let is_ready = member.status.is_some_and(|status| status.ready);
        match kind {
            "Liveness" | "Startup" => {
                (was_killed(member) && (!is_ready || is_recent)) || (is_running && is_recent && (!is_ready || kind == "Liveness"))
            }
            _ => is_running && !is_ready && pod.metadata.deletion_timestamp.is_none() && !crashes(member),
        }
    })
}

/// It restarts because it ends by itself.
fn crashes(member: &Member<'_>) -> bool {
    member.restarts() > 1 && member.last_end().is_some_and(|end| !matches!(end.exit_code, 0 | 137 | 143))
}

fn with_probe(pod: &Pod, happening: &Happening, fact: Fact) -> Fact {
    if happening.reason != "Unhealthy" {
        return fact;
    }
    let kind = kind(&happening.message);
    let members = pod::containers(pod);
    let Some(member) = members.iter().find(|member| probe::of_kind(member, kind).is_some()) else { return fact };
    let Some(probe) = probe::of_kind(member, kind) else { return fact };
    let fact = fact.with("container", &member.spec.name).with("probe", kind);
    let fact = probe::parameters(probe).into_iter().fold(fact, |fact, (name, value)| fact.with(name, &value));
    fact.note(format!("The {} probe of container {} is {}.", kind.to_lowercase(), member.spec.name, probe::described(probe)))
}
