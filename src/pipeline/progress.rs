//! What a diagnosis tells on its way, for whoever does not want to wait for its end.

use std::{fmt, sync::Arc};

use crate::domain::{
    diagnosis::{LlmUse, RunbookPassage},
    evidence::Evidence,
    finding::Finding,
};

/// One step. Findings and evidence come before runbooks, runbooks before the model.
#[derive(Clone, Copy, Debug)]
pub enum Progress<'a> {
    Finding(&'a Finding),
    Evidence(&'a Evidence),
    Runbook(&'a RunbookPassage),
    /// A model is asked now; the names are `provider model`, in the order in which they are asked.
    Asking(&'a str),
    /// What came of it.
    Asked(&'a LlmUse),
}

/// Whoever is told. It is called in the middle of the work, so it must not wait.
#[derive(Clone, Default)]
pub struct Listener(Option<Arc<Hear>>);

type Hear = dyn Fn(Progress<'_>) + Send + Sync;

impl Listener {
    pub fn new(hear: impl Fn(Progress<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hear)))
    }

    pub fn tell(&self, progress: Progress<'_>) {
        if let Some(hear) = &self.0 {
            hear(progress);
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Listener" } else { "nobody" })
    }
}
