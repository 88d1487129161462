//! One version of the library with what finds it; read by many, replaced as a whole.

use super::dense::{DenseText, texts};
use super::embed::ModelIdentity;
use super::index::{Contents, MemoryIndex, VectorIndex};
use super::library::Library;
use super::qdrant::points::ids_of;
use super::runbook::Problem;
use super::vectors::Vectors;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

/// What a search sees, from its beginning to its end.
#[derive(Debug)]
pub struct Shelf {
    pub library: Arc<Library>,
    /// What is wrong with files of the library.
    pub problems: Arc<[Problem]>,
    /// Everything that is embedded.
    pub texts: Arc<[DenseText]>,
    /// Where each text is, by the id of its point.
    positions: Arc<OnceLock<HashMap<u128, u32>>>,
    pub memory: MemoryIndex,
    /// The model of the vectors. `None` = there are none.
    pub model: Option<ModelIdentity>,
}

impl Shelf {
    /// A library that is found by its words alone.
    pub fn new(library: Library, problems: Vec<Problem>) -> Shelf {
        let texts = texts(&library).into();
        Shelf {
            library: Arc::new(library),
            problems: problems.into(),
            texts,
            positions: Arc::default(),
            memory: MemoryIndex::default(),
            model: None,
        }
    }

    /// The texts that have no vector yet, each once.
    pub fn missing(&self, vectors: &Vectors) -> Vec<&DenseText> {
        let mut seen = HashSet::new();
        self.texts.iter().filter(|text| !vectors.contains_key(&text.key) && seen.insert(text.key)).collect()
    }

    /// The same library with these vectors, whether or not all are there.
    pub async fn with_vectors(&self, model: &ModelIdentity, vectors: &Vectors) -> Shelf {
        let contents = Contents { library: &self.library, texts: &self.texts, vectors, model };
        let memory = MemoryIndex::default();
        // The index in the process has no way to fail.
        let _ = memory.update(&contents, &|_, _| ()).await;
        Shelf {
            library: Arc::clone(&self.library),
            problems: Arc::clone(&self.problems),
            texts: Arc::clone(&self.texts),
            positions: Arc::clone(&self.positions),
            memory,
            model: Some(model.clone()),
        }
    }

    /// Where each text is, by the id of its point; found out on first use.
    pub fn positions(&self) -> &HashMap<u128, u32> {
        self.positions.get_or_init(|| {
            let ids = ids_of(&self.library, &self.texts);
            ids.into_iter().map(|(id, at)| (id, u32::try_from(at).unwrap_or(u32::MAX))).collect()
        })
    }

    /// Whether some of its texts can be found by meaning.
    pub fn has_vectors(&self) -> bool {
        self.model.is_some() && !self.memory.dense().is_empty()
    }
}
