//! The closed set of things that a fix command does.

use serde::{Deserialize, Serialize};

/// What a remedy does, as its rule file says. Only what stands here can ever be carried out by Faultline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActionKind {
    /// Looks, and changes nothing.
    Read,
    EvictPod,
    DeletePod,
    RolloutRestart,
    RolloutUndo,
    Scale,
    Pause,
    Resume,
    Cordon,
    Uncordon,
    RerunJob,
    RaiseMemoryLimit,
    /// Any other change: always left to a person.
    Change,
}

impl ActionKind {
    pub fn is_read(self) -> bool {
        self == Self::Read
    }
}
