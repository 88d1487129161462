//! Incidents as people read and change them.

use jiff::Timestamp;
use tracing::error;

use super::Stages;
use crate::{
    domain::{
        audit::{Act, ActOutcome},
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

impl Deed {
    /// Its name in the audit log.
    fn act(self) -> &'static str {
        match self {
            Self::Note => "note-incident",
            Self::Acknowledge => "acknowledge-incident",
            Self::Resolve => "resolve-incident",
        }
    }
}

/// Who does it, and what they say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    pub author: Option<String>,
    pub text: Option<String>,
    /// Who is proven to have sent it: then it stands in the audit log as well. `None` = nobody had to prove anything.
    pub caller: Option<String>,
    pub request_id: Option<String>,
}

/// Does it, and writes down who did and what they said.
pub async fn change(stages: &Stages, id: &str, deed: Deed, said: Said, now: Timestamp) -> Result<Changed, NoAnswer> {
    let store = store(stages)?;
    let Some(caller) = &said.caller else { return changed(stages, &store, id, deed, said, now).await };
    let act = Act {
        actor: stages.redactor.session().clean(caller).into_string(),
        action: deed.act().to_owned(),
        target: String::new(),
        incident_id: Some(id.to_owned()),
        request_id: said.request_id.clone(),
        details: "{}".to_owned(),
    };
    let entry = store.audit().begin(act, now).await.map_err(failed)?;
    let changed = changed(stages, &store, id, deed, said, now).await;
    let outcome = match &changed {
        Ok(Changed::Done) => ActOutcome::Done,
        Ok(Changed::AlreadySo | Changed::NotFound) => ActOutcome::Refused,
        Err(_) => ActOutcome::Failed,
    };
    store.audit().complete(entry, outcome, "{}", now).await.map_err(failed)?;
    changed
}

async fn changed(stages: &Stages, store: &Store, id: &str, deed: Deed, said: Said, now: Timestamp) -> Result<Changed, NoAnswer> {
    let mut redaction = stages.redactor.session();
    let mut clean = |said: String| redaction.clean(&said).into_string();
    let (author, text) = (said.author.map(&mut clean), said.text.map(&mut clean));
    let (kind, unsaid) = match deed {
        Deed::Note => (EntryKind::Note, ""),
        Deed::Acknowledge => (EntryKind::Acknowledged, "acknowledged"),
        Deed::Resolve => (EntryKind::Resolved, "resolved by hand"),
    };
    let entry = NewEntry::new(kind, text.unwrap_or_else(|| unsaid.to_owned())).by(author);
    let done = match deed {
        Deed::Note => of(store).add(id, &entry, now).await,
        Deed::Acknowledge => of(store).acknowledge(id, &entry, now).await,
        Deed::Resolve => of(store).resolve(id, &entry, now).await,
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
