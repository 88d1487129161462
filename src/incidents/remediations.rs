//! Remediations from proposal to end. Every step is a compare-and-set on status and etag, so that of two who try one wins. What
//! the history says of a step is written with it.

use jiff::Timestamp;
use serde_json::json;

use super::{
    change::{self, NewEntry},
    database::{Database, Row, StoreError, Work, values},
    new_id,
    record::{self, Sighting},
};
use crate::domain::{
    incident::Status,
    remediation::{Proposal, Remediation, RemediationStatus},
};

#[derive(Clone, Copy, Debug)]
pub struct Remediations<'a> {
    pub(super) database: &'a Database,
}

/// Which remediations are wanted; a part that is empty asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemediationFilter {
    pub status: Option<RemediationStatus>,
    /// `deployment/shop/api`
    pub target: Option<String>,
    pub incident_id: Option<String>,
}

/// What a step is told as, written in one transaction with it: whoever dies leaves both or neither.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// Trouble that the step makes known. A proposal that belongs to no incident belongs to this one's.
    pub sighting: Option<Sighting>,
    /// Lines in the history of its incident, in their order. Their details name the remediation.
    pub entries: Vec<NewEntry>,
    /// The line that tells that its incident is mitigated. `None` = the step mitigates nothing.
    pub mitigates: Option<NewEntry>,
}

impl Told {
    pub fn of(entry: NewEntry) -> Self {
        Self { entries: vec![entry], ..Self::default() }
    }
}

/// What became of a proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proposed {
    New(Box<Remediation>),
    /// The same is open already, and nothing was written.
    Same(Box<Remediation>),
}

/// What an attempt to change a remediation came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// As it now is.
    Done(Box<Remediation>),
    NotFound,
    /// It is not what the caller read: decided by another, changed, or in another status.
    Changed(Box<Remediation>),
    /// Its time was over.
    Expired,
}

const COLUMNS: &str = "id, incident_id, action, target, target_uid, resource_version, diff, status, etag, requested_by, approver, \
    undo, outcome, created_at, expires_at, decided_at, updated_at";

impl Remediations<'_> {
    /// Keeps a proposal, unless one of its target that is the same by `is_same` waits or is under way: of two who propose the same at
    /// one time, both get the first's.
    pub async fn propose(
        &self,
        proposal: &Proposal,
        told: &Told,
        is_same: impl Fn(&Remediation) -> bool + Send,
        now: Timestamp,
    ) -> Result<Proposed, StoreError> {
        let mut work = self.database.write().await?;
        work.lock(&format!("propose {}", proposal.target)).await?;
        for open in open(&mut work, &proposal.target, now).await? {
            if is_same(&open) {
                return Ok(Proposed::Same(Box::new(open)));
            }
        }
        let mut incident_id = proposal.incident_id.clone();
        if let (None, Some(sighting)) = (&incident_id, &told.sighting) {
            incident_id = Some(record::seen(&mut work, sighting, now).await?.incident_id);
        }
        let id = new_id(now);
        let insert = "INSERT INTO remediations (id, incident_id, action, target, target_uid, resource_version, diff, status, etag, \
                      requested_by, created_at, expires_at, updated_at) \
                      VALUES ($1, $2, $3, $4, $5, $6, $7, 'proposed', $8, $9, $10, $11, $10)";
        let values = values![
            &id,
            incident_id.as_deref(),
            &proposal.action,
            &proposal.target,
            proposal.target_uid.as_deref(),
            proposal.resource_version.as_deref(),
            &proposal.diff,
            new_id(now),
            &proposal.requested_by,
            now,
            proposal.expires_at,
        ];
        work.run(insert, values).await?;
        let made = find(&mut work, &id).await?.ok_or(sqlx::Error::RowNotFound)?;
        tell(&mut work, &made, told, now).await?;
        work.commit().await?;
        Ok(Proposed::New(Box::new(made)))
    }

    /// `None` = there is no such remediation.
    pub async fn read(&self, id: &str) -> Result<Option<Remediation>, StoreError> {
        find(&mut self.database.read().await?, id).await
    }

    /// Remediations of an incident, the oldest first.
    pub async fn of_incident(&self, incident_id: &str) -> Result<Vec<Remediation>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM remediations WHERE incident_id = $1 ORDER BY created_at, id");
        self.database.read().await?.rows(&sql, values![incident_id]).await?.iter().map(remediation).collect()
    }

    /// Remediations in one status, the oldest first: what waits, or what a dead process left behind.
    pub async fn in_status(&self, status: RemediationStatus) -> Result<Vec<Remediation>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM remediations WHERE status = $1 ORDER BY created_at, id LIMIT 1000");
        self.database.read().await?.rows(&sql, values![status.as_str()]).await?.iter().map(remediation).collect()
    }

    /// Those that pass the filter, the newest first; `before` is the one to go on after.
    pub async fn list(
        &self,
        filter: &RemediationFilter,
        limit: usize,
        before: Option<&str>,
    ) -> Result<Vec<Remediation>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM remediations WHERE ($1 = '' OR status = $1) AND ($2 = '' OR target = $2) \
             AND ($3 = '' OR incident_id = $3) AND ($4 = '' OR id < $4) ORDER BY id DESC LIMIT $5"
        );
        let values = values![
            filter.status.map_or("", RemediationStatus::as_str),
            filter.target.as_deref().unwrap_or_default(),
            filter.incident_id.as_deref().unwrap_or_default(),
            before.unwrap_or_default(),
            i64::try_from(limit).unwrap_or(i64::MAX),
        ];
        self.database.read().await?.rows(&sql, values).await?.iter().map(remediation).collect()
    }

    /// The remediation of a target that has begun or is about to, or waits for a decision that is still in time.
    pub async fn under_way(&self, target: &str, now: Timestamp) -> Result<Option<Remediation>, StoreError> {
        Ok(open(&mut self.database.read().await?, target, now).await?.into_iter().next())
    }

    /// How many remediations of a target ended since then without having helped.
    pub async fn failures_since(&self, target: &str, since: Timestamp) -> Result<i64, StoreError> {
        let sql = "SELECT count(*) FROM remediations WHERE target = $1 AND status IN ('failed', 'undone', 'stuck') \
                   AND undo IS NOT NULL AND updated_at >= $2";
        self.database.read().await?.number(sql, values![target, since]).await
    }

    /// Approves a proposal that still is as the approver saw it. It works once.
    pub async fn approve(&self, id: &str, etag: &str, by: &str, told: &Told, now: Timestamp) -> Result<Decision, StoreError> {
        self.decide((id, etag), RemediationStatus::Approved, by, told, now).await
    }

    pub async fn reject(&self, id: &str, etag: &str, by: &str, told: &Told, now: Timestamp) -> Result<Decision, StoreError> {
        self.decide((id, etag), RemediationStatus::Rejected, by, told, now).await
    }

    async fn decide(
        &self,
        (id, etag): (&str, &str),
        to: RemediationStatus,
        by: &str,
        told: &Told,
        now: Timestamp,
    ) -> Result<Decision, StoreError> {
        let mut work = self.database.write().await?;
        let decide = "UPDATE remediations SET status = $3, etag = $4, approver = $5, decided_at = $6, updated_at = $6 \
                      WHERE id = $1 AND etag = $2 AND status = 'proposed' AND expires_at > $6";
        let changed = work.run(decide, values![id, etag, to.as_str(), new_id(now), by, now]).await?;
        settled(work, id, changed, RemediationStatus::Proposed, told, now).await
    }

    /// Takes an approved remediation to carry it out, having written down what undoes it. Of two who try, one gets it.
    pub async fn start(&self, id: &str, etag: &str, undo: &str, now: Timestamp) -> Result<Decision, StoreError> {
        let mut work = self.database.write().await?;
        let start = "UPDATE remediations SET status = 'applying', etag = $3, undo = $4, updated_at = $5 \
                     WHERE id = $1 AND etag = $2 AND status = 'approved' AND expires_at > $5";
        let changed = work.run(start, values![id, etag, new_id(now), undo, now]).await?;
        settled(work, id, changed, RemediationStatus::Approved, &Told::default(), now).await
    }

    /// Says how it went on: from `applying` to `applied`, from there to `verified`, `undone` and so on.
    pub async fn advance(
        &self,
        id: &str,
        from: RemediationStatus,
        to: RemediationStatus,
        outcome: &str,
        told: &Told,
        now: Timestamp,
    ) -> Result<Decision, StoreError> {
        let mut work = self.database.write().await?;
        let advance =
            "UPDATE remediations SET status = $3, etag = $4, outcome = $5, updated_at = $6 WHERE id = $1 AND status = $2";
        let changed = work.run(advance, values![id, from.as_str(), to.as_str(), new_id(now), outcome, now]).await?;
        settled(work, id, changed, from, told, now).await
    }

    /// Proposals and approvals whose time is over. Returns how many.
    pub async fn expire(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut work = self.database.write().await?;
        let expire = "UPDATE remediations SET status = 'expired', etag = $1, updated_at = $2 \
                      WHERE status IN ('proposed', 'approved') AND expires_at <= $2";
        let expired = work.run(expire, values![new_id(now), now]).await?;
        work.commit().await?;
        Ok(expired)
    }
}

/// Ends an attempt to change one that was in status `from`, of which `changed` rows were, and says what it came to.
async fn settled(
    mut work: Work,
    id: &str,
    changed: u64,
    from: RemediationStatus,
    told: &Told,
    now: Timestamp,
) -> Result<Decision, StoreError> {
    let Some(found) = find(&mut work, id).await? else { return Ok(Decision::NotFound) };
    if changed == 1 {
        if let Some(sighting) = &told.sighting {
            record::seen(&mut work, sighting, now).await?;
        }
        tell(&mut work, &found, told, now).await?;
        work.commit().await?;
        return Ok(Decision::Done(Box::new(found)));
    }
    let waited = matches!(from, RemediationStatus::Proposed | RemediationStatus::Approved);
    let is_late = waited && found.status == from && found.proposal.expires_at <= now;
    Ok(if is_late { Decision::Expired } else { Decision::Changed(Box::new(found)) })
}

/// Writes a step down in the history of its incident, which may be gone.
async fn tell(work: &mut Work, made: &Remediation, told: &Told, now: Timestamp) -> Result<(), StoreError> {
    let Some(incident) = &made.proposal.incident_id else { return Ok(()) };
    let Some(status) = change::lock(work, incident).await? else { return Ok(()) };
    let details = json!({"remediation_id": made.id, "target": made.proposal.target}).to_string();
    for entry in &told.entries {
        change::add(work, incident, &NewEntry { details: Some(details.clone()), ..entry.clone() }, now).await?;
    }
    if let Some(entry) = &told.mitigates {
        change::advance(work, incident, status, Status::Mitigated, entry, now).await?;
    }
    Ok(())
}

/// Those of a target that have begun, are about to, or wait for a decision that is still in time; in this order, the newest first.
async fn open(work: &mut Work, target: &str, now: Timestamp) -> Result<Vec<Remediation>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM remediations WHERE target = $1 AND (status IN ('applying', 'applied') \
         OR (status IN ('proposed', 'approved') AND expires_at > $2)) \
         ORDER BY CASE status WHEN 'proposed' THEN 2 WHEN 'approved' THEN 1 ELSE 0 END, id DESC"
    );
    work.rows(&sql, values![target, now]).await?.iter().map(remediation).collect()
}

async fn find(work: &mut Work, id: &str) -> Result<Option<Remediation>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM remediations WHERE id = $1");
    work.row(&sql, values![id]).await?.as_ref().map(remediation).transpose()
}

fn remediation(row: &Row) -> Result<Remediation, StoreError> {
    Ok(Remediation {
        id: row.text("id")?,
        proposal: Proposal {
            incident_id: row.text_if_any("incident_id")?,
            action: row.text("action")?,
            target: row.text("target")?,
            target_uid: row.text_if_any("target_uid")?,
            resource_version: row.text_if_any("resource_version")?,
            diff: row.text("diff")?,
            requested_by: row.text("requested_by")?,
            expires_at: row.time("expires_at")?,
        },
        status: row.named("status", RemediationStatus::of)?,
        etag: row.text("etag")?,
        approver: row.text_if_any("approver")?,
        undo: row.text_if_any("undo")?,
        outcome: row.text_if_any("outcome")?,
        created_at: row.time("created_at")?,
        decided_at: row.time_if_any("decided_at")?,
        updated_at: row.time("updated_at")?,
    })
}
