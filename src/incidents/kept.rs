//! What was seen, written down: the document of a diagnosis, and lines of the history.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;
use serde::Serialize;

use super::{
    bounded,
    change::{NewEntry, append},
    database::{StoreError, Work, values},
    new_id,
    record::{MANY_ENTRIES, Seen, Sighting, TITLE_BYTES},
};
use crate::domain::{
    diagnosis::{Answer, Diagnosis},
    evidence::Evidence,
    incident::{EntryKind, Incident},
    symptom::Severity,
};

/// Diagnoses of one incident that are kept, the newest.
const KEPT_DIAGNOSES: i64 = 50;

/// Writes down what was seen.
pub(super) async fn keep(work: &mut Work, found: &Incident, sighting: &Sighting, now: Timestamp) -> Result<(), StoreError> {
    let id = &found.id;
    match &sighting.seen {
        Seen::Diagnosis(diagnosis) => keep_diagnoses(work, id, &[Told { title: &sighting.title, diagnosis, at: now }]).await?,
        Seen::Alert { summary, details } => {
            work.run("UPDATE incidents SET alerts = alerts + 1 WHERE id = $1", values![id]).await?;
            if room(work, id).await? > 0 {
                let entry = NewEntry::new(EntryKind::Alert, bounded(summary, TITLE_BYTES));
                append(work, id, &NewEntry { details: Some(details.clone()), ..entry }, now).await?;
            }
        }
        Seen::Action(entry) => append(work, id, entry, now).await?,
        Seen::FiringAlerts => {}
    }
    Ok(())
}

/// A diagnosis of an incident.
#[derive(Clone, Copy)]
pub(super) struct Told<'a> {
    pub title: &'a str,
    pub diagnosis: &'a Diagnosis,
    pub at: Timestamp,
}

/// Writes down diagnoses of one incident, the oldest first. What was made a moment ago and would be forgotten at once is only counted.
pub(super) async fn keep_diagnoses(work: &mut Work, id: &str, told: &[Told<'_>]) -> Result<(), StoreError> {
    let kept = usize::try_from(KEPT_DIAGNOSES).unwrap_or(usize::MAX);
    for one in &told[told.len().saturating_sub(kept)..] {
        keep_document(work, id, one).await?;
    }
    let forget = "DELETE FROM diagnoses WHERE incident_id = $1 AND id NOT IN \
                  (SELECT id FROM diagnoses WHERE incident_id = $1 ORDER BY at DESC, id DESC LIMIT $2)";
    work.run(forget, values![id, KEPT_DIAGNOSES]).await?;
    let count = i64::try_from(told.len()).unwrap_or(i64::MAX);
    work.run("UPDATE incidents SET diagnoses = diagnoses + $2 WHERE id = $1", values![id, count]).await?;
    let mut known = BTreeSet::new();
    let mut room = room(work, id).await?;
    for Told { title, diagnosis, at } in told {
        if room == 0 {
            break;
        }
        let Diagnosis { request_id, answer, .. } = diagnosis;
        let details = text(&Made { request_id, severity: answer.severity, confidence: answer.confidence })?;
        let entry = NewEntry::new(EntryKind::Diagnosis, bounded(title, TITLE_BYTES));
        append(work, id, &NewEntry { details: Some(details), ..entry }, *at).await?;
        room -= 1;
        for finding in &diagnosis.findings {
            let summary = format!("{} ({})", finding.category, finding.role.as_str());
            if known.contains(&summary) {
                continue;
            }
            let there = "SELECT count(*) FROM timeline WHERE incident_id = $1 AND kind = 'finding' AND summary = $2";
            if work.number(there, values![id, &summary]).await? == 0 {
                let evidence = diagnosis.evidence.iter().filter(|one| finding.evidence.contains(&one.id)).collect();
                let details = text(&Proof { confidence: finding.confidence, evidence })?;
                let entry = NewEntry { details: Some(details), ..NewEntry::new(EntryKind::Finding, summary.clone()) };
                append(work, id, &entry, *at).await?;
                room = room.saturating_sub(1);
            }
            known.insert(summary);
        }
    }
    Ok(())
}

/// How many entries the history takes before alerts and diagnoses are only counted.
async fn room(work: &mut Work, id: &str) -> Result<u64, StoreError> {
    let entries = work.number("SELECT entries FROM incidents WHERE id = $1", values![id]).await?;
    Ok(MANY_ENTRIES.saturating_sub(u64::try_from(entries).unwrap_or_default()))
}

/// What the history says of a diagnosis beside its root cause.
#[derive(Serialize)]
struct Made<'a> {
    request_id: &'a str,
    severity: Severity,
    confidence: f32,
}

/// What speaks for a finding.
#[derive(Serialize)]
struct Proof<'a> {
    confidence: f32,
    evidence: Vec<&'a Evidence>,
}

/// JSON exactly as an answer writes it.
fn text(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(Box::new(error)).into())
}

async fn keep_document(work: &mut Work, id: &str, told: &Told<'_>) -> Result<(), StoreError> {
    let Told { diagnosis, at, .. } = *told;
    let answer = Answer { incident_id: Some(id.to_owned()), cluster_health: None, ..(*diagnosis.answer).clone() };
    let handed_out = Diagnosis { answer: Arc::new(answer), ..diagnosis.clone() };
    let document = text(&handed_out)?;
    let insert = "INSERT INTO diagnoses (id, incident_id, request_id, at, document) VALUES ($1, $2, $3, $4, $5)";
    work.run(insert, values![new_id(at), id, &diagnosis.request_id, at, document]).await?;
    Ok(())
}
