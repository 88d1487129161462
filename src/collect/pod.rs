//! A pod's spec and status as facts.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, ContainerState, ContainerStateTerminated, ContainerStatus, Pod, PodCondition};

use super::{
    probe, spec,
    time::{self, ago},
};
use crate::domain::{
    evidence::Source,
    fact::{Fact, Weight},
    object::{Kind, ObjectRef},
};

/// Starting takes a moment: what is younger than this is not yet stuck.
const STARTING_SECONDS: i64 = 120;
/// A probe may fail for as long after the start without anybody minding.
const WARM_UP_SECONDS: i64 = 45;
/// A pod this long past its grace period is stuck.
const TERMINATING_SECONDS: i64 = 60;
/// A restart of a container that is well again counts for as long.
const RECENT_RESTART_SECONDS: i64 = 15 * 60;
/// Restarts after which an older restart still counts, and for how long.
const MANY_RESTARTS: i32 = 4;
const MANY_RESTARTS_SECONDS: i64 = 2 * 3600;

pub fn reference(pod: &Pod) -> ObjectRef {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    ObjectRef::new(Kind::Pod, pod.metadata.namespace.as_deref(), name)
}

/// Everything that status and spec tell, trouble first within each container.
pub fn facts(pod: &Pod, now: Timestamp) -> Vec<Fact> {
    let object = reference(pod);
    let mut facts = Vec::new();
    whole_pod(pod, &object, now, &mut facts);
    for container in containers(pod) {
        container_facts(pod, &object, &container, now, &mut facts);
    }
    facts
}

/// How unwell a pod looks at first glance: 0 = well.
pub fn unwellness(pod: &Pod, now: Timestamp) -> u32 {
    let troubles = facts(pod, now).iter().filter(|fact| fact.is_trouble()).count();
    u32::try_from(troubles).unwrap_or(u32::MAX)
}

/// A container with its status, if the kubelet reported one.
pub struct Member<'a> {
    pub spec: &'a Container,
    pub status: Option<&'a ContainerStatus>,
    pub role: Role,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Runs to its end before the others start.
    Init,
    /// A main container, or a sidecar that runs beside them.
    Main,
}

impl Member<'_> {
    pub fn label(&self) -> String {
        let role = if self.role == Role::Init { "init container" } else { "container" };
        format!("{role} {}", self.spec.name)
    }

    /// It runs and is ready, or ended as it should.
    pub fn is_well(&self, pod: &Pod) -> bool {
        let Some(status) = self.status else { return false };
        let state = status.state.as_ref();
        if let Some(ended) = state.and_then(|state| state.terminated.as_ref()) {
            return ended.exit_code == 0 && (self.role == Role::Init || phase(pod) == "Succeeded" || !restarts_always(pod));
        }
        state.is_some_and(|state| state.running.is_some()) && (status.ready || self.role == Role::Init)
    }

    pub fn is_running(&self) -> bool {
        self.status.is_some_and(|status| status.state.as_ref().is_some_and(|state| state.running.is_some()))
    }

    /// The end of the run before this one.
    pub fn last_end(&self) -> Option<&ContainerStateTerminated> {
        self.status?.last_state.as_ref()?.terminated.as_ref()
    }

    /// The end that it has not come back from.
    pub fn end(&self) -> Option<&ContainerStateTerminated> {
        self.status?.state.as_ref()?.terminated.as_ref()
    }

    pub fn waiting_reason(&self) -> Option<&str> {
        self.status?.state.as_ref()?.waiting.as_ref()?.reason.as_deref()
    }

    pub fn restarts(&self) -> i32 {
        self.status.map_or(0, |status| status.restart_count)
    }

    /// A bad end that is worth asking its log about.
    pub fn ended_badly(&self) -> bool {
        let is_bad = |end: &ContainerStateTerminated| end.exit_code != 0 || end.reason.as_deref() == Some("OOMKilled");
        self.end().or(self.last_end()).is_some_and(is_bad)
    }
}

pub fn containers(pod: &Pod) -> Vec<Member<'_>> {
    let Some(spec) = &pod.spec else { return Vec::new() };
    let status = pod.status.as_ref();
    let find = |statuses: Option<&'_ Vec<ContainerStatus>>, name: &str| -> Option<usize> {
        statuses?.iter().position(|status| status.name == name)
    };
    let inits = status.and_then(|status| status.init_container_statuses.as_ref());
    let mains = status.and_then(|status| status.container_statuses.as_ref());
    let mut members = Vec::new();
    for container in spec.init_containers.iter().flatten() {
        // A sidecar is an init container that never stops (KEP-753).
        let role = if container.restart_policy.as_deref() == Some("Always") { Role::Main } else { Role::Init };
        let status = find(inits, &container.name).and_then(|at| inits.map(|all| &all[at]));
        members.push(Member { spec: container, status, role });
    }
    for container in &spec.containers {
        let status = find(mains, &container.name).and_then(|at| mains.map(|all| &all[at]));
        members.push(Member { spec: container, status, role: Role::Main });
    }
    members
}

pub fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

pub fn node_name(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.node_name.as_deref().filter(|name| !name.is_empty())
}

fn restarts_always(pod: &Pod) -> bool {
    pod.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref()).unwrap_or("Always") == "Always"
}

pub fn condition<'a>(pod: &'a Pod, kind: &str) -> Option<&'a PodCondition> {
    pod.status.as_ref()?.conditions.as_ref()?.iter().find(|condition| condition.type_ == kind)
}

/// All its containers are ready and nothing wants it gone.
pub fn is_ready(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_none() && condition(pod, "Ready").is_some_and(|ready| ready.status == "True")
}

pub fn age_seconds(pod: &Pod, now: Timestamp) -> i64 {
    pod.metadata.creation_timestamp.as_ref().map_or(i64::MAX, |created| time::seconds_between(created.0, now))
}

fn whole_pod(pod: &Pod, object: &ObjectRef, now: Timestamp, facts: &mut Vec<Fact>) {
    let status = pod.status.as_ref();
    let reason = status.and_then(|status| status.reason.as_deref()).unwrap_or_default();
    let message = status.and_then(|status| status.message.as_deref()).unwrap_or_default();
    if !reason.is_empty() && phase(pod) == "Failed" {
        let ended = condition(pod, "Ready").and_then(|ready| ready.last_transition_time.as_ref()).map(|time| time.0);
        facts.push(Fact::new(Source::Pod, object, Weight::Message, format!("pod status {reason}: {message}")).at(ended));
    }
    if let Some(deleted) = pod.metadata.deletion_timestamp.as_ref().map(|time| time.0) {
        terminating(pod, object, deleted, now, facts);
    }
    if let Some(scheduled) = condition(pod, "PodScheduled").filter(|scheduled| scheduled.status == "False") {
        let why = scheduled.reason.as_deref().unwrap_or("Unschedulable");
        let message = scheduled.message.as_deref().unwrap_or_default();
        let fact = Fact::new(Source::Pod, object, Weight::Trouble, format!("pod condition PodScheduled=False {why}: {message}"))
            .at(scheduled.last_transition_time.as_ref().map(|time| time.0));
        let fact = fact.with("reason", counted(message));
        facts.push(spec::scheduling_demands(pod).into_iter().fold(fact, |fact, (name, value)| fact.with(name, &value)));
    }
    if let Some(target) = condition(pod, "DisruptionTarget").filter(|target| target.status == "True") {
        let why = target.reason.as_deref().unwrap_or_default();
        let message = target.message.as_deref().unwrap_or_default();
        let text = format!("pod condition DisruptionTarget=True {why}: {message}");
        facts.push(
            Fact::new(Source::Pod, object, Weight::Trouble, text).at(target.last_transition_time.as_ref().map(|time| time.0)),
        );
    }
    let gates = pod.spec.iter().flat_map(|spec| spec.readiness_gates.iter().flatten());
    for gate in gates {
        let is_open = condition(pod, &gate.condition_type).is_some_and(|condition| condition.status == "True");
        if !is_open
            && age_seconds(pod, now) > STARTING_SECONDS
            && condition(pod, "ContainersReady").is_some_and(|ready| ready.status == "True")
        {
            let text = format!("pod readiness gate {} is not true", gate.condition_type);
            facts.push(Fact::new(Source::Pod, object, Weight::Trouble, text));
        }
    }
}

/// What the scheduler counted, without what it says of preemption.
fn counted(message: &str) -> &str {
    let end =
        [". no new claims", " no new claims", ". preemption:", " preemption:"].iter().filter_map(|mark| message.find(mark)).min();
    message[..end.unwrap_or(message.len())].trim_end_matches(['.', ' '])
}

fn terminating(pod: &Pod, object: &ObjectRef, deleted: Timestamp, now: Timestamp, facts: &mut Vec<Fact>) {
    let finalizers = pod.metadata.finalizers.clone().unwrap_or_default();
    let is_stuck = time::seconds_between(deleted, now) > TERMINATING_SECONDS;
    let weight = if is_stuck { Weight::Trouble } else { Weight::Context };
    let since = ago(deleted, now);
    let text = if finalizers.is_empty() {
        let node = node_name(pod).map(|node| format!(" on node {node}")).unwrap_or_default();
        format!("pod terminating for {since}{node}, no finalizers")
    } else {
        format!("pod terminating for {since} finalizers=[{}]", finalizers.join(","))
    };
    let mut fact = Fact::new(Source::Pod, object, weight, text).at(Some(deleted));
    if let Some(first) = finalizers.first() {
        fact = fact.with("finalizer", first).note(format!(
            "The pod was to be gone {since} ago, and the finalizer {} still holds it: the controller that owns this finalizer has not removed it.",
            finalizers.join(", ")
        ));
    }
    facts.push(fact);
}

fn container_facts(pod: &Pod, object: &ObjectRef, member: &Member<'_>, now: Timestamp, facts: &mut Vec<Fact>) {
    let label = member.label();
    let is_finished = phase(pod) == "Succeeded";
    let add = |facts: &mut Vec<Fact>, weight: Weight, text: String, time: Option<Timestamp>, note: Option<String>| {
        let weight = if is_finished { Weight::Context } else { weight };
        let mut fact = Fact::new(Source::Pod, object, weight, text).at(time);
        fact.note = note;
        for (name, value) in spec::container_parameters(member) {
            fact.parameters.offer(name, &value);
        }
        facts.push(fact);
    };
    let Some(status) = member.status else { return };
    let state = status.state.clone().unwrap_or_default();
    if let Some(waiting) = &state.waiting {
        let reason = waiting.reason.as_deref().unwrap_or("Waiting");
        let message = waiting.message.as_deref().unwrap_or_default();
        let is_starting = matches!(reason, "ContainerCreating" | "PodInitializing" | "Waiting");
        if !is_starting {
            // Of a crash loop only the fact that it loops is news: its message names nothing but the pod.
            let weight = if reason == "CrashLoopBackOff" { Weight::Trouble } else { Weight::Message };
            let restarts = if status.restart_count > 0 { format!(" ({} restarts)", status.restart_count) } else { String::new() };
            add(facts, weight, format!("{label} waiting: {reason}: {message}{restarts}"), None, None);
        } else if reason != "PodInitializing" && age_seconds(pod, now) > STARTING_SECONDS {
            let created = pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
            let since = created.map(|created| format!(" for {}", ago(created, now))).unwrap_or_default();
            add(facts, Weight::Trouble, format!("{label} waiting: {reason}{since}"), created, None);
        }
    }
    ends(pod, member, &state, now, &mut |weight, text, time, note| add(facts, weight, text, time, note));
    if member.ended_badly() && spec::raises_segv(member.spec) {
        let note = "The command of the container sends itself SIGSEGV (kill -SEGV), which is what a segmentation fault does to a process.".to_owned();
        add(facts, Weight::Trouble, format!("{label} command raises SIGSEGV"), None, Some(note));
    }
    if let Some(running) = &state.running {
        let started = running.started_at.as_ref().map(|time| time.0);
        let seconds = started.map_or(i64::MAX, |started| time::seconds_between(started, now));
        if member.role == Role::Init && seconds > STARTING_SECONDS {
            let since = started.map(|started| ago(started, now)).unwrap_or_default();
            add(
                facts,
                Weight::Trouble,
                format!("{label} still running after {since}: the other containers wait for it"),
                started,
                None,
            );
        } else if member.role == Role::Main
            && !status.ready
            && seconds > WARM_UP_SECONDS
            && pod.metadata.deletion_timestamp.is_none()
        {
            probe::not_ready(member, &label, &mut |text, note| add(facts, Weight::Trouble, text, started, note));
        }
    }
}

/// How the present and the last run of a container ended.
fn ends(
    pod: &Pod,
    member: &Member<'_>,
    state: &ContainerState,
    now: Timestamp,
    add: &mut dyn FnMut(Weight, String, Option<Timestamp>, Option<String>),
) {
    let label = member.label();
    let restarts = member.restarts();
    let mut told = |end: &ContainerStateTerminated, verb: &str, weight: Weight| {
        let reason = end.reason.as_deref().unwrap_or("Error");
        let finished = end.finished_at.as_ref().map(|time| time.0);
        let started = end.started_at.as_ref().map(|time| time.0);
        let lived = match (started, finished) {
            (Some(started), Some(finished)) if started.as_second() > 0 => format!(" after {}", ago(started, finished)),
            (Some(_) | None, Some(_) | None) => String::new(),
        };
        let signal = end.signal.filter(|signal| *signal > 0).map(|signal| format!(" signal={signal}")).unwrap_or_default();
        let limit =
            spec::memory_limit(member.spec).filter(|_| reason == "OOMKilled").map(|limit| format!(" limit.memory={limit}"));
        let times = if restarts > 0 { format!(" ({restarts} restarts)") } else { String::new() };
        let message = end.message.as_deref().map(str::trim).filter(|message| !message.is_empty());
        let message = message.map(|message| format!(": {message}")).unwrap_or_default();
        let text = format!(
            "{label} {verb}: {reason} exit={}{signal}{lived}{}{times}{message}",
            end.exit_code,
            limit.unwrap_or_default()
        );
        // What stands in a termination message is the program's or the runtime's own word.
        let weight = if weight == Weight::Trouble && !message.is_empty() { Weight::Message } else { weight };
        add(weight, text, finished, None);
    };
    let is_pod_over = phase(pod) == "Failed" && pod.status.as_ref().is_some_and(|status| status.reason.is_some());
    let is_leaving = pod.metadata.deletion_timestamp.is_some();
    if let Some(end) = &state.terminated {
        // The end of an evicted or deleted pod's containers is a consequence.
        let is_bad = (end.exit_code != 0 || restarts_always(pod) && member.role == Role::Main) && !is_pod_over && !is_leaving;
        told(end, "terminated", if is_bad { Weight::Trouble } else { Weight::Context });
    }
    if let Some(end) = member.last_end() {
        let finished = end.finished_at.as_ref().map_or(i64::MAX, |time| time::seconds_between(time.0, now));
        let is_lately = finished < RECENT_RESTART_SECONDS || (restarts >= MANY_RESTARTS && finished < MANY_RESTARTS_SECONDS);
        let is_trouble = !member.is_well(pod) || is_lately;
        told(end, "last terminated", if is_trouble && !is_leaving { Weight::Trouble } else { Weight::Context });
    }
}
