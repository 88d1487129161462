//! Which changes may be made: a file of rules, of which the strictest that matches decides. What none of them matches is
//! forbidden.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::domain::{
    action::Action,
    ruling::{Magnitude, PolicyDecision, Ruling},
};

/// A policy that was checked as a whole.
#[derive(Debug)]
pub struct Policy {
    version: String,
}

/// Why a text is no policy.
#[derive(Debug, thiserror::Error)]
#[error("{}", .problems.join("\n  "))]
pub struct PolicyError {
    pub problems: Vec<String>,
}

/// One action, and all that a policy may judge it by.
#[derive(Clone, Copy, Debug)]
pub struct PolicyQuestion<'a> {
    pub action: &'a Action,
    /// Labels of the target.
    pub labels: &'a BTreeMap<String, String>,
    /// False = the labels were not read yet: what asks for labels then grants nothing and forbids all the same.
    pub labels_known: bool,
    pub magnitude: Magnitude,
    pub now: Timestamp,
}

impl Policy {
    /// Denies every write.
    pub fn built_in() -> Self {
        Self { version: String::new() }
    }

    pub fn load(_text: &str) -> Result<Self, PolicyError> {
        Err(PolicyError { problems: vec!["policies cannot be loaded yet".to_owned()] })
    }

    pub fn judge(&self, _question: &PolicyQuestion) -> Ruling {
        let reason = "nothing allows it".to_owned();
        Ruling::by_policy(PolicyDecision::Forbidden, None, reason, self.version.clone(), Vec::new())
    }
}
