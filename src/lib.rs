//! Faultline: one error in, one proven diagnosis out.
//!
//! `ARCHITECTURE.md` beside this file is the map. `pipeline/diagnose.rs` is the product in one function.
#![forbid(unsafe_code)]

pub mod app;
pub mod auth;
pub mod classify;
pub mod cli;
pub mod cluster;
pub mod collect;
pub mod config;
pub mod domain;
pub mod guard;
pub mod http;
pub mod incidents;
pub mod net;
pub mod pipeline;
pub mod reason;
pub mod remediate;
pub mod retrieve;
pub mod telemetry;
