//! Whether Faultline itself is well.

use super::Stages;

/// What `GET /health` tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    pub rules: usize,
    pub runbooks: usize,
}

/// Counts what this process works with.
pub fn health(stages: &Stages) -> Health {
    Health { rules: stages.catalogue.rules().len(), runbooks: stages.retriever.library().runbooks().len() }
}
