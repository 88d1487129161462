//! What makes pods: deployments, stateful sets, daemon sets, jobs, cron jobs, as facts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::{
    api::{
        apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet},
        batch::v1::{CronJob, Job},
        core::v1::PodTemplateSpec,
    },
    apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, OwnerReference},
};

use super::time::{ago, seconds_between};
use crate::domain::{
    evidence::Source,
    fact::{Fact, Weight},
    object::{Kind, ObjectRef},
};

/// A workload as far as the rest of the collectors need it.
pub struct Workload {
    pub object: ObjectRef,
    /// As the API takes it: `app=api,tier in (web)`. Empty = selects nothing that can be asked for.
    pub selector: String,
    /// Labels of the pods that it makes.
    pub labels: BTreeMap<String, String>,
    pub template: Option<PodTemplateSpec>,
    pub facts: Vec<Fact>,
    /// Fewer pods are ready than wanted.
    pub is_short: bool,
    pub desired: i32,
}

pub fn reference(kind: Kind, metadata: &ObjectMeta) -> ObjectRef {
    ObjectRef::new(kind, metadata.namespace.as_deref(), metadata.name.as_deref().unwrap_or_default())
}

/// The owner that keeps it, if it is of a kind that is looked at.
pub fn controller(owners: Option<&Vec<OwnerReference>>) -> Option<(Kind, &str)> {
    let owner = owners?.iter().find(|owner| owner.controller == Some(true)).or_else(|| owners?.first())?;
    Some((Kind::of(&owner.kind)?, owner.name.as_str()))
}

/// A label selector in the form of a query.
pub fn query(selector: &LabelSelector) -> String {
    let mut parts: Vec<String> = selector.match_labels.iter().flatten().map(|(key, value)| format!("{key}={value}")).collect();
    for one in selector.match_expressions.iter().flatten() {
        let values = one.values.clone().unwrap_or_default().join(",");
        parts.push(match one.operator.as_str() {
            "In" => format!("{} in ({values})", one.key),
            "NotIn" => format!("{} notin ({values})", one.key),
            "DoesNotExist" => format!("!{}", one.key),
            _ => one.key.clone(),
        });
    }
    parts.join(",")
}

pub fn of_labels(labels: &BTreeMap<String, String>) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

fn template_labels(template: &PodTemplateSpec) -> BTreeMap<String, String> {
    template.metadata.as_ref().and_then(|metadata| metadata.labels.clone()).unwrap_or_default()
}

/// A workload that counts its pods: those ready, of those desired.
fn counted(
    object: ObjectRef,
    selector: &LabelSelector,
    template: Option<PodTemplateSpec>,
    facts: Vec<Fact>,
    (ready, desired): (i32, i32),
) -> Workload {
    Workload {
        selector: query(selector),
        labels: template.as_ref().map(template_labels).unwrap_or_default(),
        template,
        facts,
        is_short: ready < desired,
        desired,
        object,
    }
}

struct Told<'a> {
    object: &'a ObjectRef,
    facts: Vec<Fact>,
}

impl Told<'_> {
    fn add(&mut self, weight: Weight, text: String, time: Option<Timestamp>) -> &mut Fact {
        self.facts.push(Fact::new(Source::Workload, self.object, weight, text).at(time));
        self.facts.last_mut().expect("just pushed")
    }

    /// A condition, as `deployment api condition Progressing=False ProgressDeadlineExceeded: ...`.
    fn condition(
        &mut self,
        weight: Weight,
        (kind, status): (&str, &str),
        reason: Option<&String>,
        message: Option<&String>,
        time: Option<Timestamp>,
    ) {
        let text = format!(
            "{} {} condition {kind}={status} {}: {}",
            self.object.kind.as_str(),
            self.object.name,
            reason.map_or("", String::as_str),
            message.map_or("", String::as_str)
        );
        self.add(weight, text, time);
    }
}

/// A deployment that became unavailable a moment ago may just be starting.
const STARTING_SECONDS: i64 = 120;

pub fn deployment(deployment: &Deployment, now: Timestamp) -> Workload {
    let object = reference(Kind::Deployment, &deployment.metadata);
    let spec = deployment.spec.clone().unwrap_or_default();
    let status = deployment.status.clone().unwrap_or_default();
    let desired = spec.replicas.unwrap_or(1);
    let ready = status.ready_replicas.unwrap_or(0);
    let mut told = Told { object: &object, facts: Vec::new() };
    let name = object.name.clone();
    for condition in status.conditions.iter().flatten() {
        let is_bad = match condition.type_.as_str() {
            "Available" | "Progressing" => condition.status == "False" && condition.reason.as_deref() != Some("DeploymentPaused"),
            "ReplicaFailure" => condition.status == "True",
            _ => false,
        };
        if is_bad {
            let time = condition.last_transition_time.as_ref().map(|time| time.0);
            let is_starting =
                condition.type_ == "Available" && time.is_some_and(|time| seconds_between(time, now) < STARTING_SECONDS);
            let weight = match condition.type_.as_str() {
                "ReplicaFailure" => Weight::Message,
                _ if is_starting => Weight::Context,
                _ => Weight::Trouble,
            };
            told.condition(
                weight,
                (&condition.type_, &condition.status),
                condition.reason.as_ref(),
                condition.message.as_ref(),
                time,
            );
        }
    }
    if spec.paused == Some(true) {
        let is_behind =
            status.updated_replicas.unwrap_or(0) < desired || status.observed_generation < deployment.metadata.generation;
        let weight = if is_behind { Weight::Trouble } else { Weight::Context };
        told.add(weight, format!("deployment {name} paused: changes to its template are not rolled out"), None).note =
            Some(format!("The rollout of deployment/{name} is paused (spec.paused)."));
    }
    scale(&mut told, desired, ready, status.updated_replicas);
    let facts = told.facts;
    counted(object, &spec.selector, Some(spec.template), facts, (ready, desired))
}

fn scale(told: &mut Told<'_>, desired: i32, ready: i32, updated: Option<i32>) {
    let (kind, name) = (told.object.kind.as_str(), told.object.name.clone());
    if desired == 0 {
        told.add(Weight::Context, format!("{kind} {name} scaled to zero: 0 replicas are wanted"), None).note =
            Some(format!("{kind}/{name} is scaled to zero, so no pod is meant to run."));
        return;
    }
    let updated = updated.filter(|updated| *updated < desired).map(|updated| format!(", {updated} of the newest revision"));
    let fact = told.add(
        Weight::Context,
        format!("{kind} {name} {ready} of {desired} replicas ready{}", updated.unwrap_or_default()),
        None,
    );
    fact.parameters.offer("replicas", &desired.to_string());
    fact.parameters.offer("ready_replicas", &ready.to_string());
}

pub fn stateful_set(set: &StatefulSet) -> Workload {
    let object = reference(Kind::StatefulSet, &set.metadata);
    let spec = set.spec.clone().unwrap_or_default();
    let status = set.status.clone().unwrap_or_default();
    let desired = spec.replicas.unwrap_or(1);
    let ready = status.ready_replicas.unwrap_or(0);
    let mut told = Told { object: &object, facts: Vec::new() };
    if ready < desired {
        told.add(
            Weight::Trouble,
            format!("statefulset {} rollout incomplete: {ready} of {desired} replicas ready", object.name),
            None,
        );
    }
    scale(&mut told, desired, ready, None);
    let facts = told.facts;
    counted(object, &spec.selector, Some(spec.template), facts, (ready, desired))
}

pub fn daemon_set(set: &DaemonSet) -> Workload {
    let object = reference(Kind::DaemonSet, &set.metadata);
    let spec = set.spec.clone().unwrap_or_default();
    let status = set.status.clone().unwrap_or_default();
    let desired = status.desired_number_scheduled;
    let ready = status.number_ready;
    let mut told = Told { object: &object, facts: Vec::new() };
    if ready < desired {
        told.add(Weight::Trouble, format!("daemonset {} rollout incomplete: {ready} of {desired} pods ready", object.name), None);
    }
    if desired == 0 {
        let selector = spec.template.spec.as_ref().and_then(|pod| pod.node_selector.clone()).unwrap_or_default();
        if selector.is_empty() {
            told.add(Weight::Context, format!("daemonset {} wants 0 pods", object.name), None);
        } else {
            let wanted = of_labels(&selector);
            let fact = told.add(
                Weight::Trouble,
                format!("daemonset {} event FailedScheduling: no node has the labels {wanted} of its node selector", object.name),
                None,
            );
            fact.note = Some(format!("daemonset/{} runs nowhere: no node matches its node selector {wanted}.", object.name));
            fact.parameters.offer("node_selector", &wanted);
        }
    } else {
        scale(&mut told, desired, ready, None);
    }
    let facts = told.facts;
    counted(object, &spec.selector, Some(spec.template), facts, (ready, desired))
}

pub fn replica_set(set: &ReplicaSet) -> Workload {
    let object = reference(Kind::ReplicaSet, &set.metadata);
    let spec = set.spec.clone().unwrap_or_default();
    let status = set.status.clone().unwrap_or_default();
    let desired = spec.replicas.unwrap_or(1);
    let ready = status.ready_replicas.unwrap_or(0);
    let mut told = Told { object: &object, facts: Vec::new() };
    for condition in
        status.conditions.iter().flatten().filter(|condition| condition.type_ == "ReplicaFailure" && condition.status == "True")
    {
        let time = condition.last_transition_time.as_ref().map(|time| time.0);
        told.condition(Weight::Message, ("ReplicaFailure", "True"), condition.reason.as_ref(), condition.message.as_ref(), time);
    }
    let facts = told.facts;
    let template = spec.template;
    counted(object, &spec.selector, template, facts, (ready, desired))
}

pub fn job(job: &Job, now: Timestamp) -> Workload {
    let object = reference(Kind::Job, &job.metadata);
    let spec = job.spec.clone().unwrap_or_default();
    let status = job.status.clone().unwrap_or_default();
    let mut told = Told { object: &object, facts: Vec::new() };
    let name = object.name.clone();
    let mut is_over = false;
    for condition in status.conditions.iter().flatten().filter(|condition| condition.status == "True") {
        let time = condition.last_transition_time.as_ref().map(|time| time.0);
        match condition.type_.as_str() {
            "Failed" => {
                is_over = true;
                let deadline = spec.active_deadline_seconds.filter(|_| condition.reason.as_deref() == Some("DeadlineExceeded"));
                if let Some(deadline) = deadline {
                    let fact = told.add(Weight::Context, format!("job {name} activeDeadlineSeconds={deadline}"), time);
                    fact.note = Some(format!(
                        "job/{name} may run for {deadline} seconds in all (activeDeadlineSeconds), and did not finish in that time."
                    ));
                    fact.parameters.offer("deadline", &deadline.to_string());
                }
                told.condition(Weight::Trouble, ("Failed", "True"), condition.reason.as_ref(), condition.message.as_ref(), time);
            }
            "Complete" | "SuccessCriteriaMet" => {
                is_over = true;
                told.add(Weight::Context, format!("job {name} complete"), time);
            }
            "Suspended" => {
                told.add(Weight::Context, format!("job {name} suspended: it starts no pods"), time);
            }
            _ => {}
        }
    }
    let failed = status.failed.unwrap_or(0);
    if failed > 0 && !is_over {
        let since = status.start_time.as_ref().map(|start| format!(" in {}", ago(start.0, now))).unwrap_or_default();
        told.add(
            Weight::Trouble,
            format!("job {name} {failed} failed pods{since}, backoffLimit={}", spec.backoff_limit.unwrap_or(6)),
            None,
        );
    }
    let facts = told.facts;
    let selector = spec.selector.as_ref().map(query).filter(|selector| !selector.is_empty());
    Workload {
        selector: selector.unwrap_or_else(|| format!("batch.kubernetes.io/job-name={name}")),
        labels: template_labels(&spec.template),
        template: Some(spec.template),
        facts,
        is_short: failed > 0 && status.succeeded.unwrap_or(0) == 0,
        desired: spec.completions.unwrap_or(1),
        object,
    }
}

/// The facts of a cron job itself; its jobs are looked at one by one.
pub fn cron_job(cron: &CronJob, now: Timestamp) -> Vec<Fact> {
    let object = reference(Kind::CronJob, &cron.metadata);
    let Some(spec) = &cron.spec else { return Vec::new() };
    let mut told = Told { object: &object, facts: Vec::new() };
    let name = object.name.clone();
    if spec.suspend == Some(true) {
        told.add(Weight::Context, format!("cronjob {name} suspended: it starts no jobs"), None).note =
            Some(format!("cronjob/{name} is suspended (spec.suspend), so it starts no jobs until somebody resumes it."));
    }
    let last = cron.status.as_ref().and_then(|status| status.last_schedule_time.as_ref()).map(|time| time.0);
    let last_text = last.map_or_else(|| "never ran".to_owned(), |last| format!("last started {} ago", ago(last, now)));
    told.add(Weight::Context, format!("cronjob {name} schedule {:?} {last_text}", spec.schedule), last);
    told.facts
}
