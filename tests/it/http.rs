//! The HTTP contract.

mod answers;
pub mod contract;
mod hostile;
mod limits;
mod manners;
mod pages;
mod refusals;
mod schema;
mod socket;
