//! What was done is told: in the history of the incident, on the object, and in the metrics.

use jiff::Timestamp;
use tracing::{info, warn};

use super::{super::Stages, NotDone, pause};
use crate::{
    cluster::{Report, Writer},
    domain::{
        action::{Action, ActionKind},
        incident::EntryKind,
        permit::Permit,
        remediation::{Remediation, RemediationStatus},
    },
    incidents::{NewEntry, Store, Told},
};

/// A line in the history of its incident, for the step that it tells of.
pub fn line(kind: EntryKind, summary: impl Into<String>, actor: Option<String>) -> Told {
    Told::of(NewEntry::new(kind, summary).by(actor))
}

/// An Event on the object. One that cannot be made is no reason to stop.
pub async fn event(writer: &Writer, permit: &Permit<'_>, remediation: &Remediation, reason: &str, message: &str, now: Timestamp) {
    let at = format!("{now:.0}");
    let uid = remediation.proposal.target_uid.as_deref();
    let is_warning = matches!(reason, "RemediationFailed" | "RemediationStuck" | "RemediationUndone");
    let report = Report { uid, is_warning, reason, message, at: &at };
    if let Err(error) = writer.report(permit, &report).await {
        info!(%error, id = remediation.id, "could not tell on the object what was done to it");
    }
}

/// What can become of an action.
const OUTCOMES: [&str; 7] = ["proposed", "refused", "applied", "verified", "undone", "failed", "stuck"];
/// Those that somebody, or this process, has something to do about.
const OPEN: [RemediationStatus; 5] = [
    RemediationStatus::Proposed,
    RemediationStatus::Approved,
    RemediationStatus::Applying,
    RemediationStatus::Applied,
    RemediationStatus::Stuck,
];

/// Every series is there from the start, so that the first event is seen as a rise.
pub fn begin() {
    for action in ActionKind::STEPS {
        for outcome in OUTCOMES {
            metrics::counter!("faultline_remediations_total", "action" => action.as_str(), "outcome" => outcome).increment(0);
        }
    }
}

/// How much is open, and whether it is paused, as gauges.
pub async fn standing(stages: &Stages, store: &Store) -> Result<(), NotDone> {
    for status in OPEN {
        let count = store.remediations().in_status(status).await?.len();
        let count = f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        metrics::gauge!("faultline_remediations_open", "status" => status.as_str()).set(count);
    }
    let is_paused = pause::paused(stages, store).await?.is_some();
    metrics::gauge!("faultline_remediation_paused").set(if is_paused { 1.0 } else { 0.0 });
    Ok(())
}

/// Counts what became of an action.
pub fn counted(action: &Action, outcome: &'static str) {
    let action = action.change.kind().as_str();
    metrics::counter!("faultline_remediations_total", "action" => action, "outcome" => outcome).increment(1);
    if matches!(outcome, "failed" | "undone" | "stuck") {
        warn!(action, outcome, "a remediation did not help: {action} {outcome}");
    } else {
        info!(action, outcome, "remediation: {action} {outcome}");
    }
}
