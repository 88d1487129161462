//! One round of work: the alerts of one cause, from the queue to their incident.

use std::{collections::BTreeSet, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use tracing::{Instrument, error, info, info_span, warn};

use super::case::Case;
use crate::{
    domain::{
        alert::AlertState,
        diagnosis::Diagnosis,
        symptom::{CategoryId, Severity},
    },
    incidents::{Belongs, Seen, SeenAlert, Sighting, Store, StoreError, TakenAlert},
    pipeline::{
        Stages,
        diagnose::{self, Pass, Question},
    },
};

/// Who works, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Worker<'a> {
    /// Its name among all workers of all replicas.
    pub holder: &'a str,
    /// One diagnosis has to be done in this time.
    pub diagnose_within: Duration,
}

/// What a round did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Round {
    pub fired: usize,
    pub ended: usize,
    /// `None` = nothing had to be diagnosed.
    pub diagnosed: Option<Diagnosed>,
    pub given_up: usize,
    /// From being queued to standing in an incident, for each alert.
    pub waited: Vec<Duration>,
}

/// How a diagnosis for alerts ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Diagnosed {
    Known,
    /// No category fits, or the cluster shows nothing wrong.
    Unknown,
    /// It panicked or took too long: the alerts have an incident, and nobody could say more.
    Failed,
}

/// Alerts of one cause that are dealt with in one round; if there are more, the next round counts them.
const AT_ONCE: usize = 500;
/// A cause that was diagnosed this short a while ago is not diagnosed again: its alerts are counted.
pub const DIAGNOSED_LATELY: SignedDuration = SignedDuration::from_mins(10);
/// After this many tries alerts get an incident without a diagnosis.
const MOST_TRIES: u64 = 3;
/// Distinct alerts whose texts are diagnosed together, and bytes of them.
const MOST_TEXTS: usize = 5;
const TEXT_BYTES: usize = 16 << 10;

/// Deals with the alerts of the oldest cause that nobody works at. `None` = there are none. What an error leaves taken is for the
/// caller to put back.
pub async fn next(stages: &Stages, store: &Store, worker: Worker<'_>, now: Timestamp) -> Result<Option<Round>, StoreError> {
    let began = Instant::now();
    let taken = store.queue().take(AT_ONCE, worker.holder, now).await?;
    if taken.is_empty() {
        return Ok(None);
    }
    let span = info_span!("alerts", "otel.name" = "work alerts", "otel.kind" = "consumer", "faultline.alerts" = taken.len());
    Box::pin(round(stages, store, worker, taken, began, now)).instrument(span).await.map(Some)
}

/// Deals with what was taken, all of one cause.
async fn round(
    stages: &Stages,
    store: &Store,
    worker: Worker<'_>,
    taken: Vec<TakenAlert>,
    began: Instant,
    now: Timestamp,
) -> Result<Round, StoreError> {
    let mut round = Round::default();
    let (mut firing, mut ended) = (Vec::new(), Vec::new());
    let mut queued_at = Vec::with_capacity(taken.len());
    for one in taken {
        let (id, queued) = (one.id.clone(), one.queued_at);
        let Some(case) = Case::of(stages, one) else {
            error!(id, "an alert in the queue cannot be read; it is given up");
            store.queue().give_up(&id, worker.holder).await?;
            round.given_up += 1;
            continue;
        };
        queued_at.push(queued);
        match case.alert.state {
            AlertState::Firing => firing.push(case),
            AlertState::Resolved => ended.push(case),
        }
    }
    (round.fired, round.ended) = (firing.len(), ended.len());
    let work = Work { stages, store, worker, now };
    let mut incident = None;
    if !firing.is_empty() {
        (incident, round.diagnosed) = work.fire(&firing).await?;
    }
    if !ended.is_empty() {
        work.end(&ended, incident).await?;
    }
    let worked = began.elapsed();
    let wait = |queued: Timestamp| Duration::try_from(now.duration_since(queued)).unwrap_or_default() + worked;
    round.waited = queued_at.into_iter().map(wait).collect();
    Ok(round)
}

struct Work<'a> {
    stages: &'a Stages,
    store: &'a Store,
    worker: Worker<'a>,
    now: Timestamp,
}

impl Work<'_> {
    /// Alerts fire: their cause is diagnosed unless that is known already, and they join its incident.
    async fn fire(&self, firing: &[Case]) -> Result<(Option<String>, Option<Diagnosed>), StoreError> {
        let seen: Vec<SeenAlert> = firing.iter().map(Case::seen).collect();
        let since = self.now.checked_sub(DIAGNOSED_LATELY).unwrap_or(Timestamp::MIN);
        if let Some(known) = self.store.firing().known(&seen[0], since).await? {
            let belongs = Belongs::Open { incident_id: known.id };
            if let Some(id) = self.join(&seen, &belongs, known.diagnosed_at).await? {
                return Ok((Some(id), None));
            }
        }
        let diagnosis = self.diagnose(firing).await;
        let (belongs, diagnosed) = self.belongs(firing, diagnosis).await?;
        let id = self.join(&seen, &belongs, self.now).await?;
        info!(
            cause = seen[0].cause,
            alerts = firing.len(),
            incident_id = id.as_deref().unwrap_or_default(),
            "diagnosed {} alerts of one cause",
            firing.len()
        );
        if id.is_none() {
            // Resolved by hand this very moment, or taken by somebody who thinks this worker dead.
            self.store.queue().hand_back(self.worker.holder).await?;
        }
        Ok((id, Some(diagnosed)))
    }

    async fn join(&self, seen: &[SeenAlert], belongs: &Belongs, diagnosed_at: Timestamp) -> Result<Option<String>, StoreError> {
        self.store.firing().join(seen, belongs, diagnosed_at, self.worker.holder, self.now).await
    }

    /// Alerts are over. Those that nobody looked at are told in `incident`, else in one that is open for their cause, else in one
    /// of their own, which then is over as well.
    async fn end(&self, ended: &[Case], incident: Option<String>) -> Result<(), StoreError> {
        let seen: Vec<SeenAlert> = ended.iter().map(Case::seen).collect();
        let is_unseen = |case: &&Case| case.taken.is_unseen_firing;
        let unseen: BTreeSet<&str> = ended.iter().filter(is_unseen).map(|case| case.taken.id.as_str()).collect();
        let first = ended.iter().find(is_unseen).unwrap_or(&ended[0]);
        let open = match incident {
            Some(id) => Some(id),
            None => self.store.firing().known(&first.seen(), Timestamp::MIN).await?.map(|known| known.id),
        };
        let belongs = match open {
            Some(incident_id) => Belongs::Open { incident_id },
            None => Belongs::Sighting(Box::new(first.unexplained(Seen::FiringAlerts, self.now))),
        };
        if self.store.firing().end(&seen, &unseen, &belongs, self.worker.holder, self.now).await?.is_none() {
            self.store.queue().hand_back(self.worker.holder).await?;
        }
        Ok(())
    }

    /// One diagnosis for all of them. `None` = it failed, or did so before.
    async fn diagnose(&self, firing: &[Case]) -> Option<Diagnosis> {
        let first = &firing[0];
        if first.taken.attempts > MOST_TRIES {
            return None;
        }
        let mut redaction = self.stages.redactor.session();
        let question = Question {
            error_message: redaction.clean(&texts(firing)),
            target: redaction.seal(first.subject.target.clone()).into_inner(),
            runbook: firing.iter().find_map(|case| case.runbook.clone()),
            without_guesses: true,
            ..Question::default()
        };
        let deadline = Instant::now() + self.worker.diagnose_within;
        let pass = Pass { deadline: Some(deadline), ..Pass::new(first.taken.id.clone(), self.now, redaction) };
        let diagnosing = AssertUnwindSafe(diagnose::diagnose(self.stages, &question, pass)).catch_unwind();
        // The stages keep the deadline; this is for one that does not.
        match tokio::time::timeout(self.worker.diagnose_within * 2, diagnosing).await {
            Ok(Ok(diagnosis)) => Some(diagnosis),
            Ok(Err(_)) => {
                error!(cause = first.taken.alert.cause, "the diagnosis of an alert panicked");
                None
            }
            Err(_) => {
                warn!(cause = first.taken.alert.cause, "the diagnosis of an alert took too long");
                None
            }
        }
    }

    /// The incident of what was diagnosed. Where that has no category: the newest that is open for the target, else one of the
    /// category `Unknown`, since the alert says that something is wrong.
    async fn belongs(&self, firing: &[Case], diagnosis: Option<Diagnosis>) -> Result<(Belongs, Diagnosed), StoreError> {
        let first = &firing[0];
        let severity = firing.iter().map(|case| case.alert.severity()).max().unwrap_or(Severity::Medium);
        let began = firing.iter().filter_map(|case| case.alert.starts_at).min().unwrap_or(self.now);
        let Some(diagnosis) = diagnosis else {
            let sighting = Sighting { severity, started_at: began, ..first.unexplained(Seen::FiringAlerts, self.now) };
            return Ok((Belongs::Sighting(Box::new(sighting)), Diagnosed::Failed));
        };
        if let Some(incident_id) = diagnosis.incident_id.clone() {
            return Ok((Belongs::Open { incident_id }, Diagnosed::Known));
        }
        let category = diagnosis.error_category.as_str();
        if category != CategoryId::UNKNOWN && category != CategoryId::HEALTHY {
            let sighting = Sighting::of_diagnosis(&diagnosis, first.incident_target(), began);
            return Ok((Belongs::Sighting(Box::new(sighting)), Diagnosed::Known));
        }
        let open = self.store.incidents().open_of(&first.subject.incident).await?;
        let belongs = if let Some(open) = open.into_iter().next() {
            Belongs::Open { incident_id: open.id }
        } else {
            let unexplained = first.unexplained(Seen::Diagnosis(diagnosis), self.now);
            Belongs::Sighting(Box::new(Sighting { severity, started_at: began, ..unexplained }))
        };
        Ok((belongs, Diagnosed::Unknown))
    }
}

/// What the alerts say, the first of each distinct text.
fn texts(firing: &[Case]) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    for case in firing {
        // Alerts of one name say the same of different things.
        if !names.contains(&case.alert.name()) && texts.len() < MOST_TEXTS {
            names.push(case.alert.name());
            texts.push(case.alert.text());
        }
    }
    let mut text = texts.join("\n");
    let mut end = text.len().min(TEXT_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}
