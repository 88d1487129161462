//! Alerts: taken in at once and for good, worked off later.
//!
//! ```text
//! http -> accept: redact, queue all or none          (nothing is diagnosed while the sender waits)
//! app  -> work::next: take one cause -> is it known? -> diagnose it once -> every alert of it joins the incident
//!                                                                           those that are over leave it, the last one ends it
//! ```

mod case;
pub mod settings;
pub mod work;

use std::collections::HashMap;

use jiff::Timestamp;
use tokio::sync::Notify;

use super::{
    Stages,
    incidents::{NoAnswer, failed, store},
};
use crate::{
    domain::{
        alert::{Alert, AlertState, subject::Subject},
        redact::Redaction,
    },
    incidents::{Pushed, WaitingAlert},
};

pub use settings::AlertSettings;

/// Where alerts come in, shared by who takes them and who works them off.
#[derive(Debug)]
pub struct Intake {
    /// Alerts that may wait or be in work.
    most: usize,
    arrived: Notify,
}

impl Default for Intake {
    fn default() -> Self {
        Self::new(settings::DEFAULT_QUEUE_SIZE as usize)
    }
}

impl Intake {
    pub fn new(most: usize) -> Self {
        Self { most, arrived: Notify::new() }
    }

    /// Alerts that may wait or be in work.
    pub fn most(&self) -> usize {
        self.most
    }

    /// Ends when alerts came in.
    pub async fn arrival(&self) {
        self.arrived.notified().await;
    }
}

/// What became of one alert at the door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub fingerprint: String,
    pub state: AlertState,
    pub taken: Taken,
    /// The unresolved incident that it fires for already. `None` = none yet.
    pub incident_id: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    Queued,
    /// The same alert waited already; what came now takes its place.
    Replaced,
    /// It is about nothing that anybody could mend.
    Skipped,
}

/// Why none of the alerts was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotTaken {
    NoAnswer(NoAnswer),
    /// Not all of them fit into the queue.
    Full,
}

/// Queues the alerts, all or none of them, without what is secret.
pub async fn accept(
    stages: &Stages,
    alerts: Vec<Alert>,
    redaction: &mut Redaction,
    now: Timestamp,
) -> Result<Vec<Receipt>, NotTaken> {
    let store = store(stages).map_err(NotTaken::NoAnswer)?;
    let failed = |error| NotTaken::NoAnswer(failed(error));
    let mut receipts = Vec::with_capacity(alerts.len());
    let mut waiting = Vec::with_capacity(alerts.len());
    for alert in alerts {
        let taken = if alert.is_no_trouble() { Taken::Skipped } else { Taken::Queued };
        receipts.push(Receipt { fingerprint: alert.fingerprint.clone(), state: alert.state, taken, incident_id: None });
        if taken == Taken::Queued {
            waiting.push(queueable(alert, redaction));
        }
    }
    let pushed = store.queue().push_all(&waiting, stages.alerts.most, now).await.map_err(failed)?;
    let mut pushed = pushed.ok_or(NotTaken::Full)?.into_iter();
    stages.alerts.arrived.notify_waiters();
    stages.alerts.arrived.notify_one();
    let fingerprints: Vec<&str> = waiting.iter().map(|alert| alert.fingerprint.as_str()).collect();
    // They are queued: that their incidents cannot be told changes nothing.
    let incidents = store.firing().incidents_of(&fingerprints).await.unwrap_or_else(|_| HashMap::new());
    for receipt in receipts.iter_mut().filter(|receipt| receipt.taken != Taken::Skipped) {
        if pushed.next() == Some(Pushed::Replaced) {
            receipt.taken = Taken::Replaced;
        }
        receipt.incident_id = incidents.get(&receipt.fingerprint).cloned();
    }
    Ok(receipts)
}

fn queueable(alert: Alert, redaction: &mut Redaction) -> WaitingAlert {
    let alert = redaction.seal(alert).into_inner();
    let subject = Subject::of(&alert);
    WaitingAlert {
        cause: subject.cause(&alert),
        target: subject.key(),
        payload: serde_json::to_string(&alert).unwrap_or_default(),
        fingerprint: alert.fingerprint,
        group_key: alert.group_key,
        state: alert.state,
    }
}
