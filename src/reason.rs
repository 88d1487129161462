//! From findings to advice: what it means and what to do. The rules answer always exists.

mod breaker;
pub mod client;
pub mod dialect;
pub mod failure;
mod pace;
mod provider;
pub mod rules;
pub mod settings;
mod template;
mod unknown;
