//! Requests that are to be done once, however often they come: known to every replica by the store, to this process alone without one.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::time::timeout;
use tracing::warn;

use super::Stages;
use crate::incidents::Store;

pub use crate::domain::replay::{Begun, Given, RequestKey};

/// An answer is given again for as long.
pub const KEPT_FOR: SignedDuration = SignedDuration::from_hours(24);
/// Longer answers are not kept.
pub const MOST_BYTES: usize = 1 << 20;

/// The store has as long to answer; then this process remembers by itself.
const STORE_DEADLINE: Duration = Duration::from_millis(500);
/// What this process remembers by itself, at most.
const MOST_REQUESTS: usize = 4096;
const MOST_BYTES_KEPT: usize = 16 << 20;

/// What this process remembers without a store.
#[derive(Debug, Default)]
pub struct Replays(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    known: HashMap<String, Known>,
    /// Names in the order in which they came, with when.
    order: VecDeque<(String, Timestamp)>,
    bytes: usize,
}

#[derive(Debug)]
struct Known {
    request: String,
    until: Timestamp,
    began: Timestamp,
    /// `None` = still in work.
    given: Option<Given>,
}

/// A request in work; to be finished or released.
#[derive(Debug)]
pub struct Ticket {
    key: RequestKey,
    /// `None` = it is in memory.
    store: Option<Store>,
}

/// Takes a request into work until `until`, unless it is known. With [`Begun::First`] comes a ticket.
pub async fn begin(stages: &Stages, key: RequestKey, until: Timestamp, now: Timestamp) -> (Begun, Ticket) {
    if let Some(store) = stages.records.store() {
        match timeout(STORE_DEADLINE, store.replays().begin(&key, until, now)).await {
            Ok(Ok(begun)) => return (begun, Ticket { key, store: Some(store) }),
            Ok(Err(error)) => warn!(%error, "the store does not keep keys of idempotency: this process does"),
            Err(_) => warn!("the store is too slow for keys of idempotency: this process keeps them"),
        }
    }
    (stages.replays.begin(&key, until, now), Ticket { key, store: None })
}

/// Keeps what was answered.
pub async fn finish(stages: &Stages, ticket: Ticket, given: Given, now: Timestamp) {
    let until = now.checked_add(KEPT_FOR).unwrap_or(now);
    match &ticket.store {
        None => stages.replays.finish(&ticket.key, given, until),
        Some(store) => match timeout(STORE_DEADLINE, store.replays().finish(&ticket.key, &given, until)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => {
                warn!("an answer was not kept for its key of idempotency: a repetition is told to wait, then done again");
            }
        },
    }
}

/// Forgets a request of which nothing came.
pub async fn release(stages: &Stages, ticket: Ticket) {
    match &ticket.store {
        None => stages.replays.release(&ticket.key),
        Some(store) => {
            let _ = timeout(STORE_DEADLINE, store.replays().release(&ticket.key)).await;
        }
    }
}

impl Replays {
    /// How many requests are remembered, and how many bytes of answers.
    pub fn remembered(&self) -> (usize, usize) {
        let memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (memory.known.len(), memory.bytes)
    }

    fn begin(&self, key: &RequestKey, until: Timestamp, now: Timestamp) -> Begun {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match memory.known.get(&key.name).filter(|known| now < known.until) {
            Some(known) if known.request != key.request => return Begun::Other,
            Some(Known { given: Some(given), .. }) => return Begun::Answered(given.clone()),
            Some(Known { given: None, .. }) => return Begun::InWork,
            None => {}
        }
        memory.forget(&key.name);
        memory.known.insert(key.name.clone(), Known { request: key.request.clone(), until, began: now, given: None });
        memory.order.push_back((key.name.clone(), now));
        memory.shrink();
        Begun::First
    }

    fn finish(&self, key: &RequestKey, given: Given, until: Timestamp) {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let size = given.body.len();
        let Some(known) = memory.known.get_mut(&key.name).filter(|known| known.request == key.request && known.given.is_none())
        else {
            return;
        };
        (known.given, known.until) = (Some(given), until);
        memory.bytes += size;
        memory.shrink();
    }

    fn release(&self, key: &RequestKey) {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.known.get(&key.name).is_some_and(|known| known.request == key.request && known.given.is_none()) {
            memory.forget(&key.name);
        }
    }
}

impl Memory {
    fn forget(&mut self, name: &str) {
        if let Some(known) = self.known.remove(name) {
            self.bytes -= known.given.map_or(0, |given| given.body.len());
        }
    }

    /// The oldest go first.
    fn shrink(&mut self) {
        while self.known.len() > MOST_REQUESTS || self.bytes > MOST_BYTES_KEPT || self.order.len() > 2 * MOST_REQUESTS {
            let Some((name, began)) = self.order.pop_front() else { return };
            // What was forgotten and began anew stands further back once more.
            if self.known.get(&name).is_some_and(|known| known.began == began) {
                self.forget(&name);
            }
        }
    }
}
