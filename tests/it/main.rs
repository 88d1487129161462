//! Integration tests: a module per capability.

mod alerts;
mod auth;
mod classify;
mod cli;
mod cluster;
mod cluster_health;
mod consult;
mod doctor;
mod http;
mod living;
mod model;
mod policy;
mod readme;
mod recording;
mod redact;
mod remediate;
mod retrieve;
mod store;
mod support;
mod tidy;
mod traces;
