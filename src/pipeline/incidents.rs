//! Incidents as people read and change them.

use jiff::Timestamp;
use tracing::error;

use super::Stages;
use crate::{
    domain::{
        incident::{EntryKind, IncidentDetail, IncidentFilter, IncidentPage, TimelineEntry},
        incident_stats::IncidentStats,
    },
    incidents::{Incidents, NewEntry, Store, StoreError},
};

pub use crate::incidents::{Changed, Listed};

/// Why nothing can be said about incidents just now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// There is no store, and why.
    NoStore(String),
    /// The store failed; the log says how.
    Failed,
}

pub async fn list(stages: &Stages, filter: &IncidentFilter, wanted: &Listed) -> Result<IncidentPage, NoAnswer> {
    let store = store(stages)?;
    of(&store).list(filter, wanted).await.map_err(failed)
}

/// `None` = there is no such incident.
pub async fn read(stages: &Stages, id: &str) -> Result<Option<IncidentDetail>, NoAnswer> {
    let store = store(stages)?;
    of(&store).read(id).await.map_err(failed)
}

/// `None` = there is no such incident.
pub async fn timeline(stages: &Stages, id: &str) -> Result<Option<Vec<TimelineEntry>>, NoAnswer> {
    let store = store(stages)?;
    of(&store).timeline(id).await.map_err(failed)
}

pub async fn stats(stages: &Stages, since: Timestamp, until: Timestamp) -> Result<IncidentStats, NoAnswer> {
    let store = store(stages)?;
    of(&store).stats(since, until).await.map_err(failed)
}

/// What a person does to an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    Note,
    Acknowledge,
    Resolve,
}

/// Does it, and writes down who did and what they said.
pub async fn change(
    stages: &Stages,
    id: &str,
    deed: Deed,
    author: Option<String>,
    text: Option<String>,
    now: Timestamp,
) -> Result<Changed, NoAnswer> {
    let store = store(stages)?;
    let mut redaction = stages.redactor.session();
    let mut clean = |said: String| redaction.clean(&said).into_string();
    let (author, text) = (author.map(&mut clean), text.map(&mut clean));
    let (kind, unsaid) = match deed {
        Deed::Note => (EntryKind::Note, ""),
        Deed::Acknowledge => (EntryKind::Acknowledged, "acknowledged"),
        Deed::Resolve => (EntryKind::Resolved, "resolved by hand"),
    };
    let entry = NewEntry::new(kind, text.unwrap_or_else(|| unsaid.to_owned())).by(author);
    let done = match deed {
        Deed::Note => of(&store).add(id, &entry, now).await,
        Deed::Acknowledge => of(&store).acknowledge(id, &entry, now).await,
        Deed::Resolve => of(&store).resolve(id, &entry, now).await,
    };
    done.map_err(failed)
}

pub(super) fn store(stages: &Stages) -> Result<Store, NoAnswer> {
    stages.records.store().ok_or_else(|| NoAnswer::NoStore(stages.records.why_none().unwrap_or_default()))
}

fn of(store: &Store) -> Incidents<'_> {
    store.incidents()
}

pub(super) fn failed(error: StoreError) -> NoAnswer {
    let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    error!(%error, cause, "the store of incidents failed");
    NoAnswer::Failed
}
