//! Whether Faultline itself is well.

use super::Stages;

/// What `GET /health` tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    pub rules: usize,
    pub runbooks: usize,
    /// Whether runbooks are found by their meaning as well as by their words.
    pub searches_by_meaning: bool,
}

/// Counts what this process works with.
pub fn health(stages: &Stages) -> Health {
    let shelf = stages.retriever.shelf();
    Health {
        rules: stages.catalogue.rules().len(),
        runbooks: shelf.library.runbooks().len(),
        searches_by_meaning: shelf.has_vectors(),
    }
}
