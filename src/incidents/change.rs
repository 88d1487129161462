//! What people and remediations do to an incident.

use jiff::Timestamp;

use super::{
    database::{StoreError, Work, values},
    store::Incidents,
};
use crate::domain::incident::{EntryKind, Status};

/// A line for the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEntry {
    pub kind: EntryKind,
    pub summary: String,
    /// `None` = Faultline by itself.
    pub actor: Option<String>,
    /// A JSON object. `None` = nothing else is known.
    pub details: Option<String>,
}

impl NewEntry {
    pub fn new(kind: EntryKind, summary: impl Into<String>) -> Self {
        Self { kind, summary: summary.into(), actor: None, details: None }
    }

    pub fn by(self, actor: Option<String>) -> Self {
        Self { actor, ..self }
    }
}

/// What a change came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    Done,
    /// It is so already; nothing was written.
    AlreadySo,
    /// There is no such incident.
    NotFound,
}

/// Searchable text of one incident; later notes are kept, but not found by their words.
const SEARCH_BYTES: i64 = 64 << 10;

impl Incidents<'_> {
    /// Adds a line to the history. Its words are found by a search.
    pub async fn add(&self, id: &str, entry: &NewEntry, now: Timestamp) -> Result<Changed, StoreError> {
        let mut work = self.database.write().await?;
        if lock(&mut work, id).await?.is_none() {
            return Ok(Changed::NotFound);
        }
        add(&mut work, id, entry, now).await?;
        work.commit().await?;
        Ok(Changed::Done)
    }

    /// A person takes it on. One that is resolved stays so.
    pub async fn acknowledge(&self, id: &str, entry: &NewEntry, now: Timestamp) -> Result<Changed, StoreError> {
        self.advance(id, Status::Acknowledged, entry, now).await
    }

    /// A fix was applied and verified.
    pub async fn mitigate(&self, id: &str, entry: &NewEntry, now: Timestamp) -> Result<Changed, StoreError> {
        self.advance(id, Status::Mitigated, entry, now).await
    }

    /// It is over.
    pub async fn resolve(&self, id: &str, entry: &NewEntry, now: Timestamp) -> Result<Changed, StoreError> {
        self.advance(id, Status::Resolved, entry, now).await
    }

    /// Statuses only advance here; only a new sighting opens an incident again.
    async fn advance(&self, id: &str, to: Status, entry: &NewEntry, now: Timestamp) -> Result<Changed, StoreError> {
        let mut work = self.database.write().await?;
        let Some(from) = lock(&mut work, id).await? else { return Ok(Changed::NotFound) };
        if !advance(&mut work, id, from, to, entry, now).await? {
            return Ok(Changed::AlreadySo);
        }
        work.commit().await?;
        Ok(Changed::Done)
    }
}

/// Adds a line to the history of an incident that is locked. The words of a note are found by a search.
pub(super) async fn add(work: &mut Work, id: &str, entry: &NewEntry, now: Timestamp) -> Result<(), StoreError> {
    append(work, id, entry, now).await?;
    if entry.kind == EntryKind::Note {
        let add = "UPDATE incidents SET search_text = search_text || $2 WHERE id = $1 AND length(search_text) < $3";
        work.run(add, values![id, format!("\n{}", entry.summary.to_lowercase()), SEARCH_BYTES]).await?;
    }
    Ok(())
}

/// Advances the status of an incident that is locked. `false` = it is that far already.
pub(super) async fn advance(
    work: &mut Work,
    id: &str,
    from: Status,
    to: Status,
    entry: &NewEntry,
    now: Timestamp,
) -> Result<bool, StoreError> {
    if from >= to {
        return Ok(false);
    }
    let column = match to {
        Status::Open | Status::Acknowledged => "acknowledged_at",
        Status::Mitigated => "mitigated_at",
        Status::Resolved => "resolved_at",
    };
    let update = format!(
        "UPDATE incidents SET status = $2, {column} = CASE WHEN detected_at > $3 THEN detected_at ELSE $3 END WHERE id = $1"
    );
    work.run(&update, values![id, to.as_str(), now]).await?;
    append(work, id, entry, now).await?;
    Ok(true)
}

/// How far an incident is, which nobody else changes until this transaction ends. `None` = there is no such incident.
pub(super) async fn lock(work: &mut Work, id: &str) -> Result<Option<Status>, StoreError> {
    work.lock(&format!("incident id {id}")).await?;
    let row = work.row("SELECT status FROM incidents WHERE id = $1", values![id]).await?;
    row.map(|row| row.named("status", Status::of)).transpose()
}

/// The next line of the history. The row of the incident is changed first, which lets one writer at a time take a position.
pub(super) async fn append(work: &mut Work, id: &str, entry: &NewEntry, now: Timestamp) -> Result<(), StoreError> {
    work.run("UPDATE incidents SET entries = entries + 1, version = version + 1 WHERE id = $1", values![id]).await?;
    let insert = "INSERT INTO timeline (incident_id, position, at, kind, summary, actor, details) \
                  SELECT id, entries, $2, $3, $4, $5, $6 FROM incidents WHERE id = $1";
    let values = values![id, now, entry.kind.as_str(), &entry.summary, entry.actor.as_deref(), entry.details.as_deref(),];
    work.run(insert, values).await?;
    Ok(())
}
