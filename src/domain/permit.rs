//! Proofs that a change may be made. Without one nothing that writes can be called.
//!
//! ```text
//! Ruling (a policy's) -> Clearance (not forbidden: may be rehearsed) -> Permit (decided, and in the audit log: may be done)
//! ```

use super::{
    action::Action,
    audit::AuditEntry,
    ruling::{PolicyDecision, Ruling},
};

/// Proof that a policy does not forbid an action, or that it is undone: what a rehearsal needs.
#[derive(Clone, Debug)]
pub struct Clearance {
    action: Action,
    ruling: Ruling,
    way: Way,
}

/// Which way a clearance holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Forth,
    Back,
}

impl Clearance {
    /// Gives the ruling back where it forbids the action.
    pub fn of(action: &Action, ruling: Ruling) -> Result<Self, Ruling> {
        if ruling.decision() == PolicyDecision::Forbidden {
            return Err(ruling);
        }
        Ok(Self { action: action.clone(), ruling, way: Way::Forth })
    }

    /// What was allowed and done may be undone, whatever the policy says by now: a window of time that ends meanwhile, or a stricter
    /// policy, must not leave things half done. `tests/it/tidy.rs` holds that the undo alone calls this.
    pub(crate) fn to_undo(action: &Action, ruling: Ruling) -> Self {
        Self { action: action.clone(), ruling, way: Way::Back }
    }

    pub fn action(&self) -> &Action {
        &self.action
    }

    pub fn ruling(&self) -> &Ruling {
        &self.ruling
    }
}

/// Who decided that an action is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecidedBy<'a> {
    /// The policy allows it without asking anybody.
    Policy,
    /// A person approved exactly this.
    Person(&'a str),
}

/// Proof that an action was decided on and that its act is in the audit log: what a write needs.
#[derive(Debug)]
pub struct Permit<'a> {
    clearance: &'a Clearance,
    entry: &'a AuditEntry,
}

impl<'a> Permit<'a> {
    /// `None` = the policy wants a person to decide, or the audit row is about something else.
    pub fn new(clearance: &'a Clearance, decided_by: DecidedBy<'_>, entry: &'a AuditEntry) -> Option<Self> {
        let is_decided = match decided_by {
            DecidedBy::Policy => clearance.ruling.decision() == PolicyDecision::Allow || clearance.way == Way::Back,
            DecidedBy::Person(name) => !name.is_empty(),
        };
        let is_its_row = entry.act().target == clearance.action.target.to_string()
            && entry.act().action == clearance.action.change.kind().as_str();
        (is_decided && is_its_row).then_some(Self { clearance, entry })
    }

    pub fn action(&self) -> &Action {
        &self.clearance.action
    }

    /// The row of the audit log that begins it.
    pub fn audit_seq(&self) -> i64 {
        self.entry.seq()
    }
}
