//! Embedding many texts: as many at a time as the embedder likes.

use super::dense::DenseText;
use super::embed::{EmbedError, Purpose, SharedEmbedder};
use super::vectors::{Key, Vectors};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Texts on their way to becoming vectors.
pub struct Jobs {
    embedder: SharedEmbedder,
    waiting: VecDeque<(Key, String)>,
    running: JoinSet<Result<Vectors, EmbedError>>,
}

impl Jobs {
    pub fn new(embedder: &SharedEmbedder, texts: &[&DenseText]) -> Jobs {
        let waiting = texts.iter().map(|text| (text.key, text.text.clone())).collect();
        Jobs { embedder: Arc::clone(embedder), waiting, running: JoinSet::new() }
    }

    /// The next vectors, in whatever order they are ready. `None` = all are made.
    pub async fn next(&mut self) -> Option<Result<Vectors, EmbedError>> {
        let appetite = self.embedder.appetite();
        while self.running.len() < appetite.calls && !self.waiting.is_empty() {
            let count = appetite.texts.min(self.waiting.len());
            let (keys, texts): (Vec<Key>, Vec<String>) = self.waiting.drain(..count).unzip();
            let embedder = Arc::clone(&self.embedder);
            self.running.spawn(async move {
                let vectors = embedder.embed(texts, Purpose::Passage).await?;
                Ok(keys.into_iter().zip(vectors).map(|(key, vector)| (key, vector.into())).collect())
            });
        }
        let ended = self.running.join_next().await?;
        Some(ended.unwrap_or_else(|error| Err(EmbedError::Failed(format!("embedding ended early: {error}")))))
    }
}
