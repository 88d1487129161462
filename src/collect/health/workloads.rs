//! What makes pods, reduced to whether it is unwell by its own word.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::{
    apps::v1::{DaemonSet, Deployment, StatefulSet},
    batch::v1::{CronJob, Job},
};

use super::super::{
    time::seconds_between,
    workload::{self, Workload},
};
use crate::domain::{
    fact::Fact,
    object::{Kind, ObjectRef},
};

/// Being short of pods is no trouble of a workload this young.
const YOUNG_SECONDS: i64 = 120;

/// One workload of a sweep.
#[derive(Debug)]
pub struct Made {
    /// What it says of itself: trouble of its own, being short, and numbers.
    pub facts: Vec<Fact>,
    pub is_short: bool,
    pub is_young: bool,
    pub desired: i32,
    pub selector: String,
    pub labels: BTreeMap<String, String>,
}

impl Made {
    fn new(workload: Workload, is_young: bool) -> Self {
        let Workload { selector, labels, facts, is_short, desired, .. } = workload;
        Self { facts, is_short, is_young, desired, selector, labels }
    }

    /// Trouble that stands by itself, whatever the pods are doing.
    pub fn has_own_trouble(&self) -> bool {
        self.facts.iter().any(|fact| fact.is_trouble() && !is_shortage(fact))
    }

    /// It says no more than that it has fewer pods than it wants, which a start and a scaling do as well.
    pub fn says_short(&self) -> bool {
        self.facts.iter().any(|fact| fact.is_trouble() && is_shortage(fact))
    }
}

fn is_shortage(fact: &Fact) -> bool {
    fact.text.contains(" rollout incomplete: ") || fact.text.contains(" condition Available=False ")
}

/// All workloads of a sweep but jobs.
pub type Workloads = BTreeMap<ObjectRef, Made>;

pub fn deployment(all: &mut Workloads, deployment: &Deployment, now: Timestamp) {
    let is_young = is_young(&deployment.metadata, now);
    let made = workload::deployment(deployment, now);
    all.insert(made.object.clone(), Made::new(made, is_young));
}

pub fn stateful_set(all: &mut Workloads, set: &StatefulSet, now: Timestamp) {
    let is_young = is_young(&set.metadata, now);
    let made = workload::stateful_set(set);
    all.insert(made.object.clone(), Made::new(made, is_young));
}

pub fn daemon_set(all: &mut Workloads, set: &DaemonSet, now: Timestamp) {
    let is_young = is_young(&set.metadata, now);
    let mut made = workload::daemon_set(set);
    // Many clusters carry daemon sets for hardware that they do not have.
    if made.desired == 0 {
        made.facts.clear();
    }
    all.insert(made.object.clone(), Made::new(made, is_young));
}

fn is_young(metadata: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta, now: Timestamp) -> bool {
    metadata.creation_timestamp.as_ref().is_some_and(|created| seconds_between(created.0, now) < YOUNG_SECONDS)
}

/// Jobs by name, and what the cron jobs that made them need to know.
#[derive(Debug, Default)]
pub struct Jobs {
    all: BTreeMap<ObjectRef, OneJob>,
    /// The newest job of each cron job that came to an end or into trouble.
    newest: BTreeMap<ObjectRef, (Timestamp, ObjectRef)>,
}

#[derive(Debug)]
struct OneJob {
    made: Made,
    /// The cron job that made it.
    cron: Option<ObjectRef>,
    is_unwell: bool,
}

impl Jobs {
    pub fn add(&mut self, job: &Job, now: Timestamp) {
        let is_young = is_young(&job.metadata, now);
        let made = workload::job(job, now);
        let object = made.object.clone();
        let namespace = object.namespace.as_deref();
        let cron = match workload::controller(job.metadata.owner_references.as_ref()) {
            Some((Kind::CronJob, name)) => Some(ObjectRef::new(Kind::CronJob, namespace, name)),
            Some(_) | None => None,
        };
        let is_unwell = made.facts.iter().any(Fact::is_trouble);
        let is_complete = made.facts.iter().any(|fact| fact.text.ends_with(" complete"));
        let created = job.metadata.creation_timestamp.as_ref().map_or(Timestamp::MIN, |time| time.0);
        if let Some(cron) = cron.as_ref().filter(|_| is_unwell || is_complete) {
            let newest = self.newest.entry(cron.clone()).or_insert((created, object.clone()));
            if created > newest.0 {
                *newest = (created, object.clone());
            }
        }
        self.all.insert(object, OneJob { made: Made::new(made, is_young), cron, is_unwell });
    }

    /// Jobs that no cron job made.
    pub fn standalone(&self) -> usize {
        self.all.values().filter(|job| job.cron.is_none()).count()
    }

    /// Jobs that failed, each with the object that it counts for. A failure that a later run of its cron job has made good does not count.
    pub fn unwell<'a>(&'a self, crons: &'a CronJobs) -> impl Iterator<Item = (ObjectRef, &'a ObjectRef, &'a Made)> {
        let unwell = self.all.iter().filter(|(_, job)| job.is_unwell);
        unwell
            .filter(|(object, job)| self.counts(object, job, crons))
            .map(|(object, job)| (job.cron.clone().unwrap_or_else(|| object.clone()), object, &job.made))
    }

    fn counts(&self, object: &ObjectRef, job: &OneJob, crons: &CronJobs) -> bool {
        let Some(cron) = &job.cron else { return true };
        let is_newest = self.newest.get(cron).is_none_or(|(_, newest)| newest == object);
        (is_newest || !job.is_unwell) && crons.get(cron).is_none_or(|is_suspended| !is_suspended)
    }

    /// Whom the pods of a job count for: `None` = nobody, since the job ended well or its failure was made good.
    pub fn owner_of_pods(&self, job: &ObjectRef, crons: &CronJobs) -> Option<ObjectRef> {
        let Some(known) = self.all.get(job) else { return Some(job.clone()) };
        let is_over = known.made.facts.iter().any(|fact| fact.text.ends_with(" complete") || fact.text.contains(" suspended"));
        (!is_over && self.counts(job, known, crons)).then(|| known.cron.clone().unwrap_or_else(|| job.clone()))
    }
}

/// Cron jobs, and whether each is suspended.
pub type CronJobs = BTreeMap<ObjectRef, bool>;

pub fn cron_job(all: &mut CronJobs, cron: &CronJob) {
    let is_suspended = cron.spec.as_ref().and_then(|spec| spec.suspend) == Some(true);
    all.insert(workload::reference(Kind::CronJob, &cron.metadata), is_suspended);
}
