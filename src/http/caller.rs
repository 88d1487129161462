//! Who sends a request, as handlers see it.

use axum::http::Extensions;

use crate::domain::caller::Principal;
pub use crate::domain::caller::Role;

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
        Self::known(extensions).cloned().unwrap_or_else(Self::anonymous)
    }

    /// Who it is, proven. `None` = nobody has to say.
    pub fn known(extensions: &Extensions) -> Option<&Self> {
        extensions.get::<Self>()
    }
}

impl From<Principal> for Caller {
    fn from(principal: Principal) -> Self {
        Self { name: principal.name, role: principal.role }
    }
}
