//! From findings to advice: what it means and what to do. The rules answer always exists; a model may add to it what passes the checks.
//!
//! ```text
//! rules answer -> brief (what a model is told) -> prompt -> reply -> check (by code) -> merge -> one answer
//! ```

mod breaker;
pub mod brief;
pub mod check;
mod claims;
pub mod client;
pub mod dialect;
pub mod failure;
pub mod merge;
pub mod model;
mod pace;
pub mod prompt;
mod provider;
pub mod replies;
pub mod reply;
pub mod rules;
pub mod settings;
pub mod template;
mod unknown;
