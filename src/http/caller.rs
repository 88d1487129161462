//! Who sends a request, and what they may do.

use axum::http::Extensions;

/// What a caller may do; the higher includes the lower.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads.
    Viewer,
    /// Diagnoses, asks for runbooks, proposes.
    Developer,
    /// Approves, pauses, decides.
    Admin,
}

/// Who sends a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// What audit rows and timelines say.
    pub name: String,
    pub role: Role,
}

impl Caller {
    /// Where nobody has to say who they are.
    pub fn anonymous() -> Self {
        Self { name: "anonymous".to_owned(), role: Role::Admin }
    }

    pub fn from_extensions(extensions: &Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_else(Self::anonymous)
    }
}
