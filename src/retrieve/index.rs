//! Where the vectors of a library are searched: in the process, or in Qdrant.

use super::asked::Asked;
use super::dense::{Dense, DenseText};
use super::embed::ModelIdentity;
use super::fuse::DenseScores;
use super::library::Library;
use super::vectors::{Key, Vectors};
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};

/// Everything that is to be found, with its vectors.
pub struct Contents<'a> {
    pub library: &'a Library,
    pub texts: &'a [DenseText],
    pub vectors: &'a Vectors,
    pub model: &'a ModelIdentity,
}

/// What is looked for, and in what.
pub struct Wanted<'a> {
    pub library: &'a Library,
    /// The library's texts, as [`super::dense::texts`] gives them.
    pub texts: &'a [DenseText],
    /// Where each text is in `texts`, by the id of its point.
    pub positions: &'a HashMap<u128, u32>,
    pub asked: &'a Asked<'a>,
    pub vector: &'a [f32],
    /// The runbooks whose cosines are needed in any case, as positions in the library: those that the words found.
    pub runbooks: &'a [usize],
}

/// What an index did to be up to date.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changes {
    pub added: usize,
    pub removed: usize,
    pub kept: usize,
}

/// Why an index did not do what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// It does not answer, or not in time.
    #[error("{0}")]
    Down(String),
    /// It answers, and what it holds is not what was asked for: another model, another library.
    #[error("{0}")]
    Stale(String),
}

pub type Doing<'a, T> = Pin<Box<dyn Future<Output = Result<T, IndexError>> + Send + 'a>>;

/// Called as an update proceeds: points done, and points in all.
pub type Progress<'a> = &'a (dyn Fn(usize, usize) + Send + Sync);

/// Holds vectors and tells how near they are to a query's.
pub trait VectorIndex: Send + Sync + fmt::Debug {
    /// Makes what is found exactly `contents`. A reader sees the old or the new, and nothing between.
    fn update<'a>(&'a self, contents: &'a Contents<'a>, progress: Progress<'a>) -> Doing<'a, Changes>;

    /// The cosines of the nearest passages and of all passages of the wanted runbooks. What is unknown is far away.
    fn search<'a>(&'a self, wanted: &'a Wanted<'a>) -> Doing<'a, DenseScores>;

    /// Vectors that it already has, of these texts; spares embedding them again.
    fn known<'a>(&'a self, library: &'a Library, texts: &'a [&'a DenseText], model: &'a ModelIdentity) -> Doing<'a, Vectors>;

    /// What is in it and should not be, or the other way round.
    fn verify<'a>(&'a self, contents: &'a Contents<'a>) -> Doing<'a, Vec<String>>;

    /// The next update makes everything anew beside what is there.
    fn start_afresh(&self);
}

/// Exact search in the process. One is made for each version of a library, since it knows texts by their position.
#[derive(Debug, Default)]
pub struct MemoryIndex {
    dense: RwLock<Arc<Dense>>,
}

impl MemoryIndex {
    pub fn dense(&self) -> Arc<Dense> {
        Arc::clone(&self.dense.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl VectorIndex for MemoryIndex {
    fn update<'a>(&'a self, contents: &'a Contents<'a>, progress: Progress<'a>) -> Doing<'a, Changes> {
        Box::pin(async move {
            let dense = Dense::new(contents.model.dimension, contents.texts, |key: &Key| contents.vectors.get(key).cloned());
            let before = self.dense().keys();
            let after = dense.keys();
            let added = after.difference(&before).count();
            let changes = Changes { added, removed: before.difference(&after).count(), kept: after.len() - added };
            progress(dense.len(), contents.texts.len());
            *self.dense.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(dense);
            Ok(changes)
        })
    }

    fn search<'a>(&'a self, wanted: &'a Wanted<'a>) -> Doing<'a, DenseScores> {
        Box::pin(async move { Ok(self.dense().scores(wanted.library, wanted.vector)) })
    }

    fn known<'a>(&'a self, _: &'a Library, texts: &'a [&'a DenseText], model: &'a ModelIdentity) -> Doing<'a, Vectors> {
        Box::pin(async move {
            let dense = self.dense();
            if dense.dimension() != model.dimension {
                return Ok(Vectors::default());
            }
            let vectors = dense.vectors();
            Ok(texts.iter().filter_map(|text| Some((text.key, vectors.get(&text.key)?.clone()))).collect())
        })
    }

    fn verify<'a>(&'a self, contents: &'a Contents<'a>) -> Doing<'a, Vec<String>> {
        Box::pin(async move {
            let has = self.dense().keys();
            let missing = contents.texts.iter().filter(|text| !has.contains(&text.key)).count();
            Ok(if missing > 0 { vec![format!("{missing} texts have no vector")] } else { Vec::new() })
        })
    }

    fn start_afresh(&self) {}
}
