//! An embedder for tests: a text's vector follows from its words alone, so that near texts are near, everywhere alike.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::atomic::{AtomicUsize, Ordering},
};

use faultline::retrieve::embed::{Appetite, EmbedError, Embedder, Embedding, ModelIdentity, Purpose, normalised};

#[derive(Debug)]
pub struct WordsEmbedder {
    identity: ModelIdentity,
    /// Texts embedded as passages so far.
    passages: AtomicUsize,
    /// Queries embedded so far.
    queries: AtomicUsize,
    /// Fails once it has made so many.
    breaks_after: usize,
}

impl WordsEmbedder {
    pub fn new(name: &str) -> Self {
        Self::breaking_after(name, usize::MAX)
    }

    pub fn breaking_after(name: &str, passages: usize) -> Self {
        let identity = ModelIdentity { id: name.to_owned(), dimension: 96, sha256: format!("hash of {name}") };
        Self { identity, passages: AtomicUsize::new(0), queries: AtomicUsize::new(0), breaks_after: passages }
    }

    pub fn passages(&self) -> usize {
        self.passages.load(Ordering::SeqCst)
    }

    pub fn queries(&self) -> usize {
        self.queries.load(Ordering::SeqCst)
    }

    pub fn vector(&self, text: &str) -> Vec<f32> {
        let mut vector = vec![0.0; self.identity.dimension];
        for word in text.to_lowercase().split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 2) {
            let stem: String = word.chars().take(6).collect();
            let mut hasher = DefaultHasher::new();
            (stem, &self.identity.sha256).hash(&mut hasher);
            let hash = hasher.finish();
            let at = usize::try_from(hash % 96).expect("a small number");
            vector[at] += if hash >> 60 > 7 { 1.0 } else { -1.0 };
        }
        vector[0] += 0.01;
        normalised(vector).expect("a vector with a direction")
    }
}

impl Embedder for WordsEmbedder {
    fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    fn appetite(&self) -> Appetite {
        Appetite { texts: 8, calls: 2 }
    }

    fn embed(&self, texts: Vec<String>, purpose: Purpose) -> Embedding<'_> {
        Box::pin(async move {
            match purpose {
                Purpose::Query => _ = self.queries.fetch_add(texts.len(), Ordering::SeqCst),
                Purpose::Passage => {
                    let before = self.passages.fetch_add(texts.len(), Ordering::SeqCst);
                    if before + texts.len() > self.breaks_after {
                        return Err(EmbedError::Failed("the embedder broke".to_owned()));
                    }
                }
            }
            // Others get their turn, as with an embedder that takes its time.
            tokio::task::yield_now().await;
            Ok(texts.iter().map(|text| self.vector(text)).collect())
        })
    }
}
