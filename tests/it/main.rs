//! Integration tests: a module per capability.

mod classify;
mod cli;
mod cluster;
mod cluster_health;
mod http;
mod readme;
mod recording;
mod retrieve;
mod store;
mod support;
mod tidy;
