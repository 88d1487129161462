//! What was seen becomes an incident, or part of the one that is open already.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{
    bounded,
    change::{NewEntry, append},
    database::{StoreError, Work, values},
    kept::keep,
    new_id,
    read::{COLUMNS, incident},
    store::Incidents,
};
use crate::domain::{
    diagnosis::Diagnosis,
    incident::{EntryKind, Incident, IncidentTarget, Status},
    symptom::{CategoryId, Severity},
};

/// Trouble of one kind with one thing, seen once.
#[derive(Clone, Debug, PartialEq)]
pub struct Sighting {
    pub target: IncidentTarget,
    pub category: CategoryId,
    pub severity: Severity,
    /// What is wrong, in one line.
    pub title: String,
    /// When it began, as far as anybody can tell; a time after the sighting counts as the sighting's.
    pub started_at: Timestamp,
    pub seen: Seen,
}

/// Who saw it.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// It is kept as it is handed out, with the id of its incident, but without the state of the whole cluster.
    Diagnosis(Diagnosis),
    Alert {
        summary: String,
        /// The alert, as JSON.
        details: String,
    },
    /// Something was done to the target, or is about to be.
    Action(NewEntry),
    /// Alerts that [`super::Firing`] writes down by itself.
    FiringAlerts,
}

impl Sighting {
    /// What a diagnosis says about `target`.
    pub fn of_diagnosis(diagnosis: &Diagnosis, target: IncidentTarget, started_at: Timestamp) -> Self {
        Self {
            target,
            category: diagnosis.error_category.clone(),
            severity: diagnosis.severity,
            title: diagnosis.root_cause.clone(),
            started_at,
            seen: Seen::Diagnosis(diagnosis.clone()),
        }
    }
}

/// What a sighting led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    pub incident_id: String,
    pub outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Opened,
    /// It was open already.
    Updated,
    /// It had been resolved a short while before.
    Reopened,
}

/// The same trouble within this time after its end is the same incident again.
pub const REOPEN_WITHIN: SignedDuration = SignedDuration::from_mins(30);

/// Longest title.
pub(super) const TITLE_BYTES: usize = 512;
/// From this many entries on, alerts and diagnoses are only counted.
pub(super) const MANY_ENTRIES: u64 = 500;

impl Incidents<'_> {
    /// Opens an incident for what was seen, or adds it to the one that is open for the same target and category.
    pub async fn record(&self, sighting: &Sighting, now: Timestamp) -> Result<Recorded, StoreError> {
        let mut work = self.database.write().await?;
        let recorded = seen(&mut work, sighting, now).await?;
        work.commit().await?;
        Ok(recorded)
    }

    /// The same, in one transaction with what others record meanwhile. It is recorded even when nobody waits for it any more.
    pub async fn record_together(&self, sighting: Sighting, now: Timestamp) -> Result<Recorded, StoreError> {
        self.together.record(self.database, sighting, now).await
    }

    /// The target was looked at and is well: said in its open incidents, which stay open until an alert, a person or a
    /// verified action ends them. Returns how many there are.
    pub async fn seen_healthy(&self, target: &IncidentTarget, request_id: &str, now: Timestamp) -> Result<usize, StoreError> {
        let open = "SELECT id, entries FROM incidents WHERE status <> 'resolved' AND target_kind = $1 AND target_name = $2 \
                    AND coalesce(target_namespace, '') = $3 ORDER BY id";
        let namespace = target.namespace.as_deref().unwrap_or_default();
        let rows = self.database.read().await?.rows(open, values![&target.kind, &target.name, namespace]).await?;
        if rows.is_empty() {
            return Ok(0);
        }
        let mut work = self.database.write().await?;
        for row in &rows {
            if row.count("entries")? >= MANY_ENTRIES {
                continue;
            }
            let entry = NewEntry::new(EntryKind::Diagnosis, "looked at and found healthy");
            let details = json!({"request_id": request_id, "error_category": CategoryId::HEALTHY}).to_string();
            append(&mut work, &row.text("id")?, &NewEntry { details: Some(details), ..entry }, now).await?;
        }
        work.commit().await?;
        Ok(rows.len())
    }
}

/// Sightings with the same key are of the same incident.
pub(super) fn key(sighting: &Sighting) -> String {
    format!("{}|{}", sighting.target, sighting.category)
}

/// Opens an incident for what was seen, or adds it to the open one.
pub(super) async fn seen(work: &mut Work, sighting: &Sighting, now: Timestamp) -> Result<Recorded, StoreError> {
    let (found, outcome) = sight(work, sighting, now).await?;
    keep(work, &found, sighting, now).await?;
    Ok(Recorded { incident_id: found.id, outcome })
}

/// The incident of a sighting, open from now on. What was seen is for [`keep`] to write down.
pub(super) async fn sight(work: &mut Work, sighting: &Sighting, now: Timestamp) -> Result<(Incident, Outcome), StoreError> {
    let key = key(sighting);
    work.lock(&format!("incident {key}")).await?;
    let (found, outcome) = match last_of(work, &key).await? {
        Some(incident) if incident.status != Status::Resolved => (incident, Outcome::Updated),
        Some(incident) if incident.resolved_at.is_some_and(|ended| now.duration_since(ended) <= REOPEN_WITHIN) => {
            (incident, Outcome::Reopened)
        }
        Some(_) | None => (open(work, &key, sighting, now).await?, Outcome::Opened),
    };
    if outcome == Outcome::Reopened {
        let reopen = "UPDATE incidents SET status = 'open', resolved_at = NULL, mitigated_at = NULL, acknowledged_at = NULL, \
                      reopened = reopened + 1 WHERE id = $1";
        work.run(reopen, values![&found.id]).await?;
        append(work, &found.id, &NewEntry::new(EntryKind::Reopened, "seen again soon after it was resolved"), now).await?;
    }
    let severity = found.severity.max(sighting.severity);
    let update = "UPDATE incidents SET severity = $2, last_seen_at = $3, version = version + 1 WHERE id = $1";
    work.run(update, values![&found.id, severity.as_str(), now.max(found.last_seen_at)]).await?;
    Ok((Incident { severity, ..found }, outcome))
}

/// The incident of that key that is open, else the one that ended last.
async fn last_of(work: &mut Work, key: &str) -> Result<Option<Incident>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM incidents WHERE dedupe_key = $1 \
         ORDER BY CASE WHEN status = 'resolved' THEN 1 ELSE 0 END, resolved_at DESC, detected_at DESC LIMIT 1"
    );
    work.row(&sql, values![key]).await?.as_ref().map(incident).transpose()
}

async fn open(work: &mut Work, key: &str, sighting: &Sighting, now: Timestamp) -> Result<Incident, StoreError> {
    let id = new_id(now);
    let target = &sighting.target;
    let title = bounded(&sighting.title, TITLE_BYTES);
    let search = format!("{title}\n{target}\n{}", sighting.category).to_lowercase();
    let started_at = sighting.started_at.min(now);
    let insert = "INSERT INTO incidents (id, dedupe_key, status, severity, category, target_kind, target_namespace, target_name, \
                  title, started_at, detected_at, last_seen_at, diagnoses, alerts, reopened, entries, version, search_text) \
                  VALUES ($1, $2, 'open', $3, $4, $5, $6, $7, $8, $9, $10, $10, 0, 0, 0, 0, 0, $11)";
    let values = values![
        &id,
        key,
        sighting.severity.as_str(),
        sighting.category.as_str(),
        &target.kind,
        target.namespace.as_deref(),
        &target.name,
        title,
        started_at,
        now,
        search,
    ];
    work.run(insert, values).await?;
    let sql = format!("SELECT {COLUMNS} FROM incidents WHERE id = $1");
    let row = work.row(&sql, values![&id]).await?.ok_or(sqlx::Error::RowNotFound)?;
    incident(&row)
}
