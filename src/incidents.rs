//! What is remembered: incidents with their history, the audit log, remediations, the alert queue, and what replicas agree on.
//!
//! ```text
//! Records (is there a store, and if not, why) -> Store -> Database: one SQLite file, or Postgres
//!                                                  |- incidents()    record, read, change, count
//!                                                  |- audit()        begin and complete, verify the chain
//!                                                  |- remediations() propose, decide once, carry on
//!                                                  |- queue()        alerts that wait, taken by one worker at a time
//!                                                  |- firing()       alerts that fire, and the incidents that they belong to
//!                                                  '- leases(), claims(), replays(), model_replies(), flags(), budgets()
//! ```
//! No method reads a clock: the time is an argument. No text is changed or looked into: what comes in is redacted already.

mod audit;
mod budget;
mod change;
mod coordinate;
mod database;
mod firing;
mod kept;
mod model_replies;
mod postgres;
mod queue;
mod read;
mod record;
mod remediations;
mod replays;
mod retention;
mod schema;
pub mod settings;
mod sqlite;
mod stats;
mod store;
mod together;

use std::sync::{PoisonError, RwLock};

use jiff::Timestamp;
use tracing::{info, warn};

pub use self::{
    audit::Audit,
    budget::{Bound, Budgets, Spent},
    change::{Changed, NewEntry},
    coordinate::{Claims, Flags, Leases},
    database::StoreError,
    firing::{Belongs, Ended, Firing, KnownIncident, SeenAlert},
    model_replies::{KeptReply, MOST_BYTES_OF_ONE as MOST_BYTES_OF_REPLY, ModelReplies},
    queue::{AlertQueue, Pushed, QueueCounts, Released, TakenAlert, WaitingAlert},
    read::Listed,
    record::{Outcome, Recorded, Seen, Sighting},
    remediations::{Decision, Proposed, RemediationFilter, Remediations, Told},
    replays::Replays,
    retention::{Cleaned, Retention},
    schema::VERSION as SCHEMA_VERSION,
    settings::{Place, PlaceSettings, StoreSettings},
    store::{Incidents, OpenError, Store, StoreStatus},
};

pub use crate::domain::audit::AuditEntry;
use crate::domain::evidence::Gap;

/// Whether there is a store, now.
#[derive(Debug)]
pub struct Records {
    place: Place,
    opened: RwLock<Opened>,
}

#[derive(Clone, Debug)]
enum Opened {
    Store(Store),
    /// Nobody asked for one.
    Off,
    Missing(String),
}

impl Records {
    /// Nothing is kept, and nobody misses it.
    pub fn off() -> Self {
        Self { place: Place::Off, opened: RwLock::new(Opened::Off) }
    }

    /// A store that somebody else opened.
    pub fn of(store: Store) -> Self {
        Self { place: store.place().clone(), opened: RwLock::new(Opened::Store(store)) }
    }

    /// Opens the store at `place`. One that cannot be had just now is missing, and no error; see [`OpenError`] for what is.
    pub async fn open(place: Place, now: Timestamp) -> Result<Self, OpenError> {
        let opened = match &place {
            Place::Off => Opened::Off,
            Place::Nowhere(_) | Place::File { .. } | Place::Postgres(_) => match Store::open(&place, now).await {
                Ok(store) => Opened::Store(store),
                Err(OpenError::Unavailable(why)) => Opened::Missing(why),
                Err(error) => return Err(error),
            },
        };
        if let Opened::Missing(why) = &opened {
            warn!(why, "no incidents are kept: {why}");
        }
        Ok(Self { place, opened: RwLock::new(opened) })
    }

    /// Where it is, or would be.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// `None` = there is none now.
    pub fn store(&self) -> Option<Store> {
        match &*self.opened.read().unwrap_or_else(PoisonError::into_inner) {
            Opened::Store(store) => Some(store.clone()),
            Opened::Off | Opened::Missing(_) => None,
        }
    }

    /// Why there is no store. `None` = there is one.
    pub fn why_none(&self) -> Option<String> {
        match &*self.opened.read().unwrap_or_else(PoisonError::into_inner) {
            Opened::Store(_) => None,
            Opened::Off => Some("the store of incidents is switched off (DATABASE_URL)".to_owned()),
            Opened::Missing(why) => Some(why.clone()),
        }
    }

    /// What is to be said where something would have been recorded. `None` = there is a store, or none is wanted.
    pub fn gap(&self) -> Option<Gap> {
        match &*self.opened.read().unwrap_or_else(PoisonError::into_inner) {
            Opened::Store(_) | Opened::Off => None,
            Opened::Missing(why) => Some(Gap::new("record", "incident", why.clone())),
        }
    }

    /// Tries again where the store is missing. Returns whether there is one now.
    pub async fn try_again(&self, now: Timestamp) -> bool {
        let is_missing = matches!(&*self.opened.read().unwrap_or_else(PoisonError::into_inner), Opened::Missing(_));
        if is_missing {
            let opened = match Store::open(&self.place, now).await {
                Ok(store) => {
                    info!("incidents are kept: {}", self.place.describe());
                    Opened::Store(store)
                }
                Err(error) => Opened::Missing(error.to_string()),
            };
            *self.opened.write().unwrap_or_else(PoisonError::into_inner) = opened;
        }
        self.store().is_some()
    }

    /// Writes out what is left to write and lets go of the store.
    pub async fn close(&self) {
        let store = self.store();
        *self.opened.write().unwrap_or_else(PoisonError::into_inner) = Opened::Missing("the store was closed".to_owned());
        if let Some(store) = store {
            store.close().await;
        }
    }
}

/// A new id: a UUID that begins with `now`, so that ids sort by time.
fn new_id(now: Timestamp) -> String {
    let seconds = u64::try_from(now.as_second()).unwrap_or_default();
    let nanoseconds = u32::try_from(now.subsec_nanosecond()).unwrap_or_default();
    uuid::Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanoseconds)).to_string()
}

/// `text`, or as much of it as fits into `most_bytes`.
fn bounded(text: &str, most_bytes: usize) -> &str {
    let mut end = text.len().min(most_bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
