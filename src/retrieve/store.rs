//! An index elsewhere, as this process sees it: kept up to date, left alone while it is down.
//!
//! A search that it does not answer in time is answered from the process, and the gap says so. After some failures in a
//! row it is not asked for a while (a breaker), so that a query does not wait for what will not come.

use super::dense::DenseText;
use super::embed::ModelIdentity;
use super::fuse::DenseScores;
use super::index::{Contents, IndexError, Progress, VectorIndex, Wanted};
use super::library::Library;
use super::shelf::Shelf;
use super::vectors::Vectors;
use crate::domain::evidence::Gap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout};

#[derive(Debug)]
pub struct Store {
    index: Arc<dyn VectorIndex>,
    name: String,
    health: Mutex<Health>,
    /// What it holds, as far as this process brought it there: the keys of all texts and the model.
    holds: Mutex<Option<Holding>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Holding {
    model: ModelIdentity,
    texts: u64,
}

#[derive(Debug, Default)]
struct Health {
    failures: u32,
    /// Not asked before this. `None` = it may be asked.
    closed_until: Option<Instant>,
    /// What was last wrong. `None` = it answers.
    trouble: Option<String>,
}

/// A query waits no longer for it.
const SEARCH_DEADLINE: Duration = Duration::from_millis(800);
/// Failures in a row after which it is left alone.
const FAILURES: u32 = 3;
const FIRST_REST: Duration = Duration::from_secs(2);
const LONGEST_REST: Duration = Duration::from_secs(60);

impl Store {
    pub fn new(index: Arc<dyn VectorIndex>, name: impl Into<String>) -> Store {
        Store { index, name: name.into(), health: Mutex::default(), holds: Mutex::default() }
    }

    /// What answers have to say about it. `None` = it does its work.
    pub fn gap(&self) -> Option<Gap> {
        let trouble = self.health().trouble.clone()?;
        Some(Gap::new("retrieve", self.name.clone(), format!("{trouble}: the index in the process answers")))
    }

    /// The cosines that it knows. `None` = it does not answer, or does not hold the library yet.
    pub async fn search(&self, wanted: &Wanted<'_>) -> Option<DenseScores> {
        let is_ready = self.holding().is_some();
        if !is_ready || self.is_resting() {
            return None;
        }
        let found = timeout(SEARCH_DEADLINE, self.index.search(wanted)).await;
        match found.unwrap_or_else(|_| Err(IndexError::Down("no answer in time".to_owned()))) {
            Ok(scores) => {
                self.well();
                Some(scores)
            }
            Err(error) => {
                self.unwell(&error);
                None
            }
        }
    }

    /// Brings the shelf there, unless it is there already. True when something about it changed.
    pub async fn update(&self, shelf: &Shelf, progress: Progress<'_>) -> bool {
        let Some(model) = &shelf.model else { return false };
        let holding = Holding { model: model.clone(), texts: fingerprint(&shelf.texts) };
        let before = self.health().trouble.clone();
        let is_current = self.holding().as_ref() == Some(&holding);
        if (is_current && before.is_none()) || self.is_resting() {
            return false;
        }
        let vectors = shelf.memory.dense().vectors();
        let contents = Contents { library: &shelf.library, texts: &shelf.texts, vectors: &vectors, model };
        match self.index.update(&contents, progress).await {
            Ok(changes) => {
                tracing::info!(
                    added = changes.added,
                    removed = changes.removed,
                    kept = changes.kept,
                    "{} holds the runbooks",
                    self.name
                );
                *self.holds.lock().unwrap_or_else(PoisonError::into_inner) = Some(holding);
                self.well();
                true
            }
            Err(error) => {
                self.unwell(&error);
                self.health().trouble != before
            }
        }
    }

    /// The vectors that it has of these texts; none where it does not answer.
    pub async fn known(&self, library: &Library, texts: &[&DenseText], model: &ModelIdentity) -> Vectors {
        if self.is_resting() {
            return Vectors::default();
        }
        match self.index.known(library, texts, model).await {
            Ok(vectors) => vectors,
            Err(error) => {
                self.unwell(&error);
                Vectors::default()
            }
        }
    }

    /// What is in it and should not be, or the other way round.
    pub async fn verify(&self, shelf: &Shelf) -> Vec<String> {
        let Some(model) = &shelf.model else { return Vec::new() };
        let vectors = shelf.memory.dense().vectors();
        let contents = Contents { library: &shelf.library, texts: &shelf.texts, vectors: &vectors, model };
        self.index.verify(&contents).await.unwrap_or_else(|error| vec![error.to_string()])
    }

    /// The next update makes everything anew beside what is there.
    pub fn start_afresh(&self) {
        self.index.start_afresh();
        *self.holds.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn holding(&self) -> Option<Holding> {
        self.holds.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn health(&self) -> std::sync::MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_resting(&self) -> bool {
        self.health().closed_until.is_some_and(|until| Instant::now() < until)
    }

    fn well(&self) {
        let mut health = self.health();
        if health.trouble.is_some() {
            tracing::info!("{} answers again", self.name);
        }
        *health = Health::default();
    }

    fn unwell(&self, error: &IndexError) {
        let mut health = self.health();
        if health.trouble.is_none() {
            tracing::warn!("{}: {error}", self.name);
        }
        health.failures += 1;
        health.trouble = Some(error.to_string());
        if health.failures >= FAILURES {
            let rest = FIRST_REST * 2_u32.saturating_pow(health.failures - FAILURES).min(64);
            health.closed_until = Some(Instant::now() + rest.min(LONGEST_REST));
        }
        // What it holds after this is anybody's guess; the next update looks.
        if matches!(error, IndexError::Stale(_)) {
            *self.holds.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }
}

/// Changes when any text does.
fn fingerprint(texts: &[DenseText]) -> u64 {
    use std::hash::{Hash, Hasher};
    let mut hasher = std::hash::DefaultHasher::new();
    for text in texts {
        (text.key, text.runbook, text.passage).hash(&mut hasher);
    }
    hasher.finish()
}
