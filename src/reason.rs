//! From findings to advice: what it means and what to do. The rules answer always exists.

pub mod rules;
mod template;
mod unknown;
