//! What many see at the same time is recorded in one transaction: whoever comes while one is written waits for the next.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::{
    database::{Database, StoreError, Work},
    kept::{Told, keep, keep_diagnoses},
    record::{Outcome, Recorded, Seen, Sighting, key, sight},
};

/// Sightings of one transaction at most: others who write should not wait long for it.
const MOST: usize = 64;

/// Those who wait for their sightings to be recorded; a clone is the same one.
#[derive(Clone, Debug, Default)]
pub struct Together {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Waiting>,
    /// Somebody writes, and will see who has come meanwhile.
    is_written: bool,
}

#[derive(Debug)]
struct Waiting {
    sighting: Sighting,
    at: Timestamp,
    tell: oneshot::Sender<Result<Recorded, StoreError>>,
}

impl Together {
    pub(super) async fn record(&self, database: &Database, sighting: Sighting, at: Timestamp) -> Result<Recorded, StoreError> {
        let (tell, told) = oneshot::channel();
        let is_first = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.waiting.push(Waiting { sighting, at, tell });
            !std::mem::replace(&mut state.is_written, true)
        };
        if is_first {
            // A task of its own: it writes for others as well, and must not end with the request that began it.
            tokio::spawn(write_all(Writing { together: self.clone(), has_ended: false }, database.clone()));
        }
        told.await.unwrap_or(Err(StoreError::Database(sqlx::Error::WorkerCrashed)))
    }
}

/// Whoever writes. When it ends, however it ends, somebody else may.
struct Writing {
    together: Together,
    has_ended: bool,
}

impl Drop for Writing {
    fn drop(&mut self) {
        if !self.has_ended {
            let mut state = self.together.state.lock().unwrap_or_else(PoisonError::into_inner);
            // After a panic. Those who wait are told by the end of their channels.
            *state = State::default();
        }
    }
}

impl Writing {
    /// Those who wait now. Empty = nobody does: it is over, and the next who comes begins again.
    fn next(&mut self) -> Vec<Waiting> {
        let mut state = self.together.state.lock().unwrap_or_else(PoisonError::into_inner);
        let count = state.waiting.len().min(MOST);
        self.has_ended = count == 0;
        state.is_written = count > 0;
        state.waiting.drain(..count).collect()
    }
}

async fn write_all(mut writing: Writing, database: Database) {
    loop {
        let batch = writing.next();
        if batch.is_empty() {
            return;
        }
        match write(&database, &batch).await {
            Ok(recorded) => batch.into_iter().zip(recorded).for_each(|(one, recorded)| _ = one.tell.send(Ok(recorded))),
            // One of them may be the reason: each by itself.
            Err(_) => {
                for one in batch {
                    let recorded = write(&database, std::slice::from_ref(&one)).await;
                    let _ = one.tell.send(recorded.map(|mut recorded| recorded.remove(0)));
                }
            }
        }
    }
}

/// Records a batch, all of it or nothing, and tells of each what came of it.
async fn write(database: &Database, batch: &[Waiting]) -> Result<Vec<Recorded>, StoreError> {
    // In the order of their keys, as every replica does: nobody waits for another in a circle.
    let mut incidents: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (place, one) in batch.iter().enumerate() {
        incidents.entry(key(&one.sighting)).or_default().push(place);
    }
    let mut recorded: Vec<Option<Recorded>> = batch.iter().map(|_| None).collect();
    let mut work = database.write().await?;
    for places in incidents.into_values() {
        let (id, outcome) = write_incident(&mut work, &places.iter().map(|&place| &batch[place]).collect::<Vec<_>>()).await?;
        for (nth, place) in places.into_iter().enumerate() {
            let outcome = if nth == 0 { outcome } else { Outcome::Updated };
            recorded[place] = Some(Recorded { incident_id: id.clone(), outcome });
        }
    }
    work.commit().await?;
    Ok(recorded.into_iter().flatten().collect())
}

/// Sightings of one incident, at least one, the oldest first.
async fn write_incident(work: &mut Work, seen: &[&Waiting]) -> Result<(String, Outcome), StoreError> {
    let worst = seen.iter().rev().max_by_key(|one| one.sighting.severity).unwrap_or(&seen[0]);
    let last = seen.iter().map(|one| one.at).max().unwrap_or(worst.at);
    let (found, outcome) = sight(work, &worst.sighting, last).await?;
    let mut told = Vec::with_capacity(seen.len());
    for Waiting { sighting, at, .. } in seen {
        match &sighting.seen {
            Seen::Diagnosis(diagnosis) => told.push(Told { title: &sighting.title, diagnosis, at: *at }),
            Seen::Alert { .. } | Seen::Action(_) | Seen::FiringAlerts => keep(work, &found, sighting, *at).await?,
        }
    }
    if !told.is_empty() {
        keep_diagnoses(work, &found.id, &told).await?;
    }
    Ok((found.id, outcome))
}
