//! The HTTP contract.

mod answers;
pub mod contract;
mod hostile;
mod limits;
mod log_level;
mod manners;
mod pages;
mod refusals;
mod schema;
mod socket;
