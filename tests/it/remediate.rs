//! Remediation: every action from a wish to its end, and everything that can go wrong on the way.

mod actions;
mod approvals;
mod auto;
pub mod bed;
mod conflicts;
mod deaths;
mod order;
mod refusals;
mod undo;
