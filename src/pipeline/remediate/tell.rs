//! What was done is told: in the history of the incident, on the object, and in the metrics.

use jiff::Timestamp;
use serde_json::json;
use tracing::{info, warn};

use super::NotDone;
use crate::{
    cluster::{Report, Writer},
    domain::{
        action::{Action, ActionKind},
        incident::EntryKind,
        permit::Permit,
        remediation::Remediation,
    },
    incidents::{NewEntry, Store},
};

/// A line in the history of its incident.
pub async fn entry(
    store: &Store,
    remediation: &Remediation,
    kind: EntryKind,
    summary: &str,
    actor: Option<String>,
    now: Timestamp,
) -> Result<(), NotDone> {
    let Some(incident) = &remediation.proposal.incident_id else { return Ok(()) };
    let details = json!({"remediation_id": remediation.id, "target": remediation.proposal.target}).to_string();
    let entry = NewEntry { details: Some(details), ..NewEntry::new(kind, summary).by(actor) };
    store.incidents().add(incident, &entry, now).await?;
    Ok(())
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

/// What may become of an action.
const OUTCOMES: [&str; 7] = ["proposed", "applied", "verified", "undone", "failed", "stuck", "refused"];

/// Begins to count, so that the first action of each kind is seen as a rise.
pub fn begin_counting() {
    for action in ActionKind::STEPS.map(ActionKind::as_str) {
        for outcome in OUTCOMES {
            metrics::counter!("faultline_remediations_total", "action" => action, "outcome" => outcome).increment(0);
        }
    }
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
