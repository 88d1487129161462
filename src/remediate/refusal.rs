//! Why an action is not done.

use serde::Serialize;

use crate::domain::object::ObjectRef;

/// Each names what a person would look at next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Refusal {
    #[error("{target} does not exist")]
    Absent { target: String },
    #[error("{target} could not be looked at: {because}")]
    NotSeen { target: String, because: String },
    /// The action is not one for this kind, or has a parameter that it cannot have.
    #[error("{reason}")]
    NotApplicable { reason: String },
    #[error("namespace {namespace} is protected: nothing is changed there")]
    Protected { namespace: String },
    /// Its source is elsewhere: a change here would be undone, or would hide the true state. The change to make there is a patch.
    #[error("{target} is managed by {manager}: make the change where {manager} takes it from")]
    Managed { target: String, manager: String, patch: String },
    /// The state of the object speaks against it.
    #[error("{reason}")]
    Unsafe { reason: String },
    /// It is so already.
    #[error("{reason}")]
    Already { reason: String },
}

impl Refusal {
    pub fn not_applicable(reason: impl Into<String>) -> Self {
        Self::NotApplicable { reason: reason.into() }
    }

    pub fn unsafe_because(reason: impl Into<String>) -> Self {
        Self::Unsafe { reason: reason.into() }
    }

    pub fn already(reason: impl Into<String>) -> Self {
        Self::Already { reason: reason.into() }
    }

    /// As it may be told: what it quotes of the cluster passes `clean`.
    pub fn cleaned(self, clean: impl Fn(&str) -> String) -> Self {
        match self {
            Self::NotSeen { target, because } => Self::NotSeen { target, because: clean(&because) },
            Self::NotApplicable { reason } => Self::NotApplicable { reason: clean(&reason) },
            Self::Managed { target, manager, patch } => Self::Managed { target, manager, patch: clean(&patch) },
            Self::Unsafe { reason } => Self::Unsafe { reason: clean(&reason) },
            Self::Already { reason } => Self::Already { reason: clean(&reason) },
            named @ (Self::Absent { .. } | Self::Protected { .. }) => named,
        }
    }

    pub fn absent(target: &ObjectRef) -> Self {
        Self::Absent { target: target.to_string() }
    }
}
