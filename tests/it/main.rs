//! Integration tests: a module per capability.

mod classify;
mod cluster_health;
mod cli;
mod http;
mod readme;
mod recording;
mod support;
mod tidy;
