//! Bringing a library and its vectors up to date: files, disk, index, embedder, in this order.

use super::embed::{EmbedError, SharedEmbedder};
use super::jobs::Jobs;
use super::model;
use super::retriever::Retriever;
use super::settings::EmbedderChoice;
use super::shelf::Shelf;
use super::state::DenseState;
use super::vectors::{Key, Loaded, VectorFile, Vectors};
use crate::domain::evidence::Gap;
use std::collections::HashSet;
use std::io;
use std::sync::{Arc, PoisonError};

/// How many texts may be embedded before somebody gets impatient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    Endless,
    Texts(usize),
    /// None, and nothing is to be changed.
    Look,
}

/// What is being done, for a person who waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Embedding { done: usize, of: usize },
    Indexing { done: usize, of: usize },
}

pub type Report<'a> = &'a (dyn Fn(Step) + Send + Sync);

pub fn quiet(_: Step) {}

/// Vectors are saved whenever so many are new, so that an end in between costs little.
const SAVE_EVERY: usize = 512;

pub struct Builder<'a> {
    pub retriever: &'a Retriever,
    pub patience: Patience,
    pub progress: Report<'a>,
}

impl Builder<'_> {
    pub async fn run(&self) {
        let retriever = self.retriever;
        self.take_changed_files().await;
        if retriever.settings.embedder == EmbedderChoice::Off || retriever.is_resting() {
            return;
        }
        let Some(embedder) = self.embedder().await else { return };
        let shelf = retriever.shelf();
        let is_complete = shelf.model.as_ref() == Some(embedder.identity()) && retriever.state() == DenseState::Ready;
        if !is_complete {
            self.make_vectors(&embedder, &shelf).await;
        }
        let shelf = retriever.shelf();
        if let Some(store) = &retriever.store
            && shelf.has_vectors()
            && self.patience != Patience::Look
            && retriever.state() == DenseState::Ready
        {
            let report = |done, of| (self.progress)(Step::Indexing { done, of });
            if store.update(&shelf, &report).await {
                retriever.changed();
            }
        }
    }

    /// Puts a changed library in place at once, with the vectors of what did not change.
    async fn take_changed_files(&self) {
        let retriever = self.retriever;
        let place = retriever.place.clone();
        let Ok(snapshot) = tokio::task::spawn_blocking(move || place.snapshot()).await else { return };
        if *retriever.snapshot.read().unwrap_or_else(PoisonError::into_inner) == snapshot {
            return;
        }
        let place = retriever.place.clone();
        let redactor = Arc::clone(&retriever.redactor);
        let Ok((library, problems)) = tokio::task::spawn_blocking(move || place.load(&redactor)).await else { return };
        for problem in &problems {
            tracing::warn!(file = problem.file, "{}: {}", problem.file, problem.what);
        }
        tracing::info!(runbooks = library.runbooks().len(), "runbooks changed and were read again");
        let before = retriever.shelf();
        let mut shelf = Shelf::new(library, problems);
        if let Some(model) = &before.model {
            let vectors = before.memory.dense().vectors();
            let missing = shelf.missing(&vectors).len();
            shelf = shelf.with_vectors(model, &vectors).await;
            retriever.set_state(DenseState::Building { done: shelf.texts.len().saturating_sub(missing), of: shelf.texts.len() });
        }
        retriever.put(shelf);
        *retriever.snapshot.write().unwrap_or_else(PoisonError::into_inner) = snapshot;
    }

    async fn embedder(&self) -> Option<SharedEmbedder> {
        let retriever = self.retriever;
        if let Some(embedder) = retriever.embedder() {
            return Some(embedder);
        }
        match model::load(&retriever.settings).await {
            Ok(embedder) => {
                tracing::info!(model = %embedder.identity(), "embedding with {}", embedder.identity());
                retriever.set_embedder(Arc::clone(&embedder));
                Some(embedder)
            }
            Err(error) => {
                let state = DenseState::Missing(error.to_string());
                if error != EmbedError::NoModel {
                    if retriever.state() != state {
                        tracing::warn!("search by meaning is off: {error}");
                    }
                    retriever.rest();
                }
                retriever.set_state(state);
                None
            }
        }
    }

    async fn make_vectors(&self, embedder: &SharedEmbedder, shelf: &Arc<Shelf>) {
        let retriever = self.retriever;
        let mut notes = Vec::new();
        let file = retriever
            .settings
            .cache_dir
            .as_ref()
            .map(|cache| VectorFile::new(cache, embedder.identity(), &retriever.place.name()));
        let mut vectors = shelf.memory.dense().vectors();
        if shelf.model.as_ref() != Some(embedder.identity()) {
            vectors = Vectors::default();
            if let Some(file) = &file {
                let loaded = load(file).await;
                notes.extend(loaded.damage.map(|damage| {
                    tracing::warn!(file = %file.path().display(), "the vectors on disk: {damage}; what is missing is made again");
                    Gap::new("retrieve", "vector cache", format!("the file of vectors {damage}: they were made again"))
                }));
                vectors = loaded.vectors;
            }
        }
        let mut missing = shelf.missing(&vectors);
        if let Some(store) = retriever.store.as_ref().filter(|_| !missing.is_empty()) {
            vectors.extend(store.known(&shelf.library, &missing, embedder.identity()).await);
            missing = shelf.missing(&vectors);
        }
        let total = shelf.texts.len();
        let waiting = missing.len();
        let mut failure = None;
        let mut unsaved = vectors.len() > shelf.texts.len();
        if waiting > 0 && !self.is_too_much(waiting) {
            retriever.set_state(DenseState::Building { done: total - waiting, of: total });
            let file = file.as_ref();
            let mut done = 0;
            let mut jobs = Jobs::new(embedder, &missing);
            let mut new_since_save = 0;
            while let Some(result) = jobs.next().await {
                match result {
                    Ok(made) => {
                        done += made.len();
                        new_since_save += made.len();
                        vectors.extend(made);
                        (self.progress)(Step::Embedding { done, of: waiting });
                        retriever.set_state(DenseState::Building { done: total - waiting + done, of: total });
                    }
                    Err(error) => {
                        failure = Some(error.to_string());
                        break;
                    }
                }
                if new_since_save >= SAVE_EVERY
                    && let Some(file) = file
                {
                    new_since_save = 0;
                    // A failure is said at the end, once.
                    let _ = save(file, &vectors).await;
                }
            }
            unsaved |= done > 0;
        }
        let left = shelf.missing(&vectors).len();
        self.finish(embedder, shelf, &mut vectors).await;
        if unsaved
            && let Some(file) = &file
            && let Err(error) = save(file, &vectors).await
        {
            tracing::warn!(file = %file.path().display(), "could not save vectors: {error}");
            notes.push(Gap::new(
                "retrieve",
                "vector cache",
                format!("vectors could not be saved ({error}): the next start makes them again"),
            ));
        }
        retriever.set_notes(notes);
        retriever.set_state(match failure {
            Some(why) => {
                tracing::warn!("{why}");
                retriever.rest();
                DenseState::Partial(why)
            }
            None if left > 0 => DenseState::Building { done: total - left, of: total },
            None => DenseState::Ready,
        });
    }

    /// Puts the shelf with its vectors in place, unless the library changed meanwhile.
    async fn finish(&self, embedder: &SharedEmbedder, shelf: &Arc<Shelf>, vectors: &mut Vectors) {
        let wanted: HashSet<Key> = shelf.texts.iter().map(|text| text.key).collect();
        vectors.retain(|key, _| wanted.contains(key));
        if Arc::ptr_eq(shelf, &self.retriever.shelf()) {
            self.retriever.put(shelf.with_vectors(embedder.identity(), vectors).await);
        }
    }

    fn is_too_much(&self, texts: usize) -> bool {
        match self.patience {
            Patience::Endless => false,
            Patience::Texts(most) => texts > most,
            Patience::Look => true,
        }
    }
}

async fn load(file: &VectorFile) -> Loaded {
    let file = file.clone();
    tokio::task::spawn_blocking(move || file.load()).await.unwrap_or_default()
}

async fn save(file: &VectorFile, vectors: &Vectors) -> io::Result<()> {
    let (file, vectors) = (file.clone(), vectors.clone());
    tokio::task::spawn_blocking(move || file.save(&vectors)).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}
