//! How far search by meaning is, in words for a gap.

use crate::domain::evidence::Gap;

/// What stands between a query and its vectors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DenseState {
    /// Switched off by a setting.
    Off,
    /// The model has not been looked for yet.
    Starting,
    /// There is none; words alone answer.
    Missing(String),
    /// Some texts have no vector yet.
    Building {
        done: usize,
        of: usize,
    },
    /// Making vectors failed; those that there are answer.
    Partial(String),
    Ready,
}

const WORDS_ALONE: &str = "runbooks are found by their words alone";

impl DenseState {
    /// What every answer says as long as this lasts.
    pub fn gap(&self) -> Option<Gap> {
        let why = match self {
            DenseState::Ready => return None,
            DenseState::Off => format!("switched off: {WORDS_ALONE}"),
            DenseState::Starting => format!("the model is being loaded: {WORDS_ALONE}"),
            DenseState::Missing(why) => format!("{why}: {WORDS_ALONE}"),
            DenseState::Building { done, of } => format!("{done} of {of} passages have their vector so far"),
            DenseState::Partial(why) => format!("some passages have no vector: {why}"),
        };
        Some(Gap::new("retrieve", "dense vectors", why))
    }
}
