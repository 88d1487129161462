//! The HTTP contract.

mod answers;
mod contract;
mod hostile;
mod limits;
mod manners;
mod pages;
mod refusals;
mod socket;
