//! The living library: searched by many at once, kept up to date behind their backs.
//!
//! ```text
//! folders -> Shelf (library, words) ─┬─ swap ─> searches, at once
//!              └─> vectors: disk, index, embedder ─┴─ swap ─> searches, by meaning as well
//! ```

use super::asked::Asked;
use super::build::{self, Builder};
use super::embed::{EmbedError, ModelIdentity, Purpose, SharedEmbedder, Vector, normalised};
use super::fuse::{DenseScores, fuse};
use super::index::{VectorIndex, Wanted};
use super::library::Library;
use super::plain::QueryTexts;
use super::query::Query;
use super::ranking::Ranking;
use super::score::worth_showing;
use super::settings::RetrievalSettings;
use super::shelf::Shelf;
use super::state::DenseState;
use super::store::Store;
use super::vectors::VectorFile;
use super::watch::{Place, Snapshot};
use crate::domain::{evidence::Gap, passage::Suggestion, redact::Redactor};
use quick_cache::sync::Cache;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::time::Instant;

/// The library, its indexes and its embedder.
#[derive(Debug)]
pub struct Retriever {
    pub(super) place: Place,
    pub(super) redactor: Arc<Redactor>,
    pub(super) settings: RetrievalSettings,
    shelf: RwLock<Arc<Shelf>>,
    embedder: RwLock<Option<SharedEmbedder>>,
    state: RwLock<DenseState>,
    /// What was lost and mended on the way, until the next look: a damaged cache, a disk that is full.
    notes: RwLock<Vec<Gap>>,
    /// `None` = the index is in the process alone.
    pub(super) store: Option<Store>,
    pub(super) snapshot: RwLock<Snapshot>,
    /// When making vectors is tried again after it failed. `None` = at the next look.
    pub(super) next_try: RwLock<Option<Instant>>,
    /// Rises with every change of what a search may find.
    epoch: AtomicU64,
    vectors_of_queries: Cache<String, Arc<Vector>>,
    answers: Cache<Wish, Arc<Vec<Suggestion>>>,
}

/// What an answer depends on: the library and its vectors by their epoch, and of the query what all parts of the ranking read.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Wish {
    epoch: u64,
    gist: String,
    texts: Option<QueryTexts>,
    limit: usize,
}

/// What a query found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Best first; empty when no runbook fits.
    pub suggestions: Vec<Suggestion>,
    pub gaps: Vec<Gap>,
}

/// Which parts of the ranking are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parts {
    Words,
    Meaning,
    Both,
}

/// A query waits no longer for its vector; its words can answer it.
const QUERY_DEADLINE: Duration = Duration::from_secs(6);
const REST_AFTER_FAILURE: Duration = Duration::from_secs(30);
const REMEMBERED_QUERIES: usize = 2048;
const REMEMBERED_ANSWERS: usize = 512;
/// What the meaning of a query's codes and phrases counts in its vector.
const MEANT_SHARE: f32 = 0.35;
/// Runbooks found by words whose cosines are looked up in any case.
const LEXICAL_CANDIDATES: usize = 48;

impl Retriever {
    /// Reads the runbooks. Nothing is embedded and nobody is asked yet: that is [`Retriever::refresh`].
    pub fn open(place: Place, settings: RetrievalSettings, store: Option<Store>, redactor: Arc<Redactor>) -> Retriever {
        let snapshot = place.snapshot();
        let (library, problems) = place.load(&redactor);
        let state =
            if settings.embedder == super::settings::EmbedderChoice::Off { DenseState::Off } else { DenseState::Starting };

        Retriever {
            place,
            redactor,
            shelf: RwLock::new(Arc::new(Shelf::new(library, problems))),
            embedder: RwLock::new(None),
            state: RwLock::new(state),
            notes: RwLock::default(),
            store,
            snapshot: RwLock::new(snapshot),
            next_try: RwLock::new(None),
            epoch: AtomicU64::new(1),
            vectors_of_queries: Cache::new(REMEMBERED_QUERIES),
            answers: Cache::new(REMEMBERED_ANSWERS),
            settings,
        }
    }

    /// With an embedder that is made already.
    pub fn with_embedder(self, embedder: SharedEmbedder) -> Retriever {
        self.set_embedder(embedder);
        self
    }

    /// What there is now; stays as it is for whoever holds it.
    pub fn shelf(&self) -> Arc<Shelf> {
        Arc::clone(&self.shelf.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Equal numbers mean equal answers.
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Relaxed)
    }

    pub fn state(&self) -> DenseState {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn embedder(&self) -> Option<SharedEmbedder> {
        self.embedder.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What every answer has to say about what was not looked at.
    pub fn gaps(&self) -> Vec<Gap> {
        let mut gaps: Vec<Gap> = self.state().gap().into_iter().collect();
        gaps.extend(self.store.as_ref().and_then(Store::gap));
        gaps.extend(self.notes.read().unwrap_or_else(PoisonError::into_inner).iter().cloned());
        gaps
    }

    /// The runbooks that fit, best first, at most `limit`, with what was not looked at. A query of the same gist as an earlier one gets
    /// the earlier one's answer, as long as the index is in the process and nothing of it has changed.
    pub async fn search(&self, query: &Query<'_>, limit: usize) -> Found {
        // Before the shelf: an answer from a newer one does no harm, one from an older would.
        let epoch = self.epoch();
        let asked = Asked::of(query);
        if self.store.is_some() {
            return self.search_asked(Parts::Both, &asked, limit).await;
        }
        let texts = self.shelf().has_vectors().then(|| asked.texts().clone());
        let wish = Wish { epoch, gist: asked.gist(), texts, limit };
        if let Some(suggestions) = self.answers.get(&wish) {
            return Found { suggestions: suggestions.to_vec(), gaps: self.gaps() };
        }
        let found = self.search_asked(Parts::Both, &asked, limit).await;
        // A query may have failed for a reason of its own.
        if found.gaps == self.gaps() {
            self.answers.insert(wish, Arc::new(found.suggestions.clone()));
        }
        found
    }

    /// The same by the parts that are asked for; to measure them side by side.
    pub async fn search_by(&self, parts: Parts, query: &Query<'_>, limit: usize) -> Found {
        self.search_asked(parts, &Asked::of(query), limit).await
    }

    async fn search_asked(&self, parts: Parts, asked: &Asked<'_>, limit: usize) -> Found {
        let shelf = self.shelf();
        let mut gaps = self.gaps();
        if parts == Parts::Words || !shelf.has_vectors() {
            return Found { suggestions: shelf.library.answer(asked, limit), gaps };
        }
        let ranking = shelf.library.rank(asked);
        let dense = match self.scores(&shelf, asked, &ranking).await {
            Ok(dense) => dense,
            Err(gap) => {
                gaps.push(gap);
                return Found { suggestions: shelf.library.answer(asked, limit), gaps };
            }
        };
        let ranking = if parts == Parts::Meaning { ranking.without_words() } else { ranking };
        let hits = fuse(&shelf.library, ranking, &dense, asked.tone);
        let shown = worth_showing(hits.iter().map(|hit| hit.score)).min(limit);
        let suggestions = hits[..shown].iter().map(|hit| shelf.library.suggestion(hit)).collect();
        Found { suggestions, gaps }
    }

    /// The cosines, from Qdrant where it answers, else from the process.
    async fn scores(&self, shelf: &Shelf, asked: &Asked<'_>, ranking: &Ranking) -> Result<DenseScores, Gap> {
        let vector = self.vector(asked).await.map_err(|error| {
            Gap::new("retrieve", "dense vectors", format!("{error}: this query was answered by its words alone"))
        })?;
        let runbooks: Vec<usize> = ranking.hits.iter().take(LEXICAL_CANDIDATES).map(|hit| hit.runbook).collect();
        let (library, texts, positions) = (&*shelf.library, &*shelf.texts, shelf.positions());
        let wanted = Wanted { library, texts, positions, asked, vector: &vector, runbooks: &runbooks };
        if let Some(store) = &self.store
            && let Some(mut scores) = store.search(&wanted).await
        {
            scores.background = shelf.memory.dense().background();
            return Ok(scores);
        }
        shelf.memory.search(&wanted).await.map_err(|error| Gap::new("retrieve", "dense vectors", error.to_string()))
    }

    /// A query's vector: of what was said and, where it holds codes, of what they mean.
    async fn vector(&self, asked: &Asked<'_>) -> Result<Arc<Vector>, EmbedError> {
        let embedder = self.embedder().ok_or(EmbedError::NoModel)?;
        let QueryTexts { said, meant } = asked.texts().clone();
        let Some(meant) = meant else { return self.vector_of(&embedder, said).await };
        let (said, meant) = tokio::try_join!(self.vector_of(&embedder, said), self.vector_of(&embedder, meant))?;
        joined(&said, &meant).map(Arc::new).ok_or_else(no_vector)
    }

    /// A text's vector: remembered, or made once however many ask for it at the same time. Queries of many words mean the same few
    /// things, so that most of them have one vector made.
    async fn vector_of(&self, embedder: &SharedEmbedder, text: String) -> Result<Arc<Vector>, EmbedError> {
        let key = format!("{}\n{text}", embedder.identity().key());
        let made = self.vectors_of_queries.get_or_insert_async(&key, async {
            let vectors = embedder.embed(vec![text], Purpose::Query);
            let vectors = tokio::time::timeout(QUERY_DEADLINE, vectors).await;
            let vectors = vectors.map_err(|_| EmbedError::Failed("the model did not answer in time".to_owned()))??;
            vectors.into_iter().next().map(Arc::new).ok_or_else(no_vector)
        });
        made.await
    }

    /// Brings everything up to date once: runbooks that changed, a model that came, vectors that are missing. Embeds at most
    /// `patience` texts; what is left is said in the state.
    pub async fn refresh(&self, patience: build::Patience, progress: build::Report<'_>) {
        Builder { retriever: self, patience, progress }.run().await;
    }

    /// After a failure that is not over in a moment.
    pub(super) fn rest(&self) {
        *self.next_try.write().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + REST_AFTER_FAILURE);
    }

    pub(super) fn is_resting(&self) -> bool {
        self.next_try.read().unwrap_or_else(PoisonError::into_inner).is_some_and(|time| Instant::now() < time)
    }

    /// The same without changing anything on disk or elsewhere.
    pub async fn look(&self) {
        self.refresh(build::Patience::Look, &build::quiet).await;
    }

    /// `None` = the index is in the process alone.
    pub fn store(&self) -> Option<&Store> {
        self.store.as_ref()
    }

    /// Where vectors of this model are kept. `None` = there is no cache.
    pub fn vector_file(&self, model: &ModelIdentity) -> Option<VectorFile> {
        self.settings.cache_dir.as_ref().map(|cache| VectorFile::new(cache, model, &self.place.name()))
    }

    /// Looks for changes until the process ends.
    pub async fn keep_fresh(self: Arc<Self>) {
        let pause = Duration::from_secs(u64::from(self.settings.runbook_poll_seconds));
        loop {
            self.refresh(build::Patience::Endless, &build::quiet).await;
            if pause.is_zero() {
                return;
            }
            tokio::time::sleep(pause).await;
        }
    }

    pub(super) fn put(&self, shelf: Shelf) {
        *self.shelf.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(shelf);
        self.changed();
    }

    pub(super) fn set_state(&self, state: DenseState) {
        let mut current = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if *current != state {
            *current = state;
            self.changed();
        }
    }

    pub(super) fn set_embedder(&self, embedder: SharedEmbedder) {
        *self.embedder.write().unwrap_or_else(PoisonError::into_inner) = Some(embedder);
        self.changed();
    }

    pub(super) fn set_notes(&self, notes: Vec<Gap>) {
        let mut current = self.notes.write().unwrap_or_else(PoisonError::into_inner);
        if *current != notes {
            *current = notes;
            self.changed();
        }
    }

    pub(super) fn changed(&self) {
        self.epoch.fetch_add(1, Ordering::Relaxed);
    }

    /// The library as it is now.
    pub fn library(&self) -> Arc<Library> {
        Arc::clone(&self.shelf().library)
    }
}

fn no_vector() -> EmbedError {
    EmbedError::Failed("the model gave no vector".to_owned())
}

/// One vector of what was said and of what that means.
fn joined(said: &[f32], meant: &[f32]) -> Option<Vector> {
    normalised(said.iter().zip(meant).map(|(said, meant)| (1.0 - MEANT_SHARE) * said + MEANT_SHARE * meant).collect())
}
