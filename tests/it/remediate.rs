//! Remediation: every action from a wish to its end, and everything that can go wrong on the way.

mod actions;
mod approvals;
mod auto;
pub mod bed;
mod conflicts;
mod deaths;
mod diagnosed;
mod door;
mod http;
mod order;
mod quoted;
mod refusals;
mod running;
mod shapes;
mod terminal;
mod undo;
mod wishes;
