//! Integration tests: a module per capability.

mod classify;
mod cli;
mod http;
mod readme;
mod retrieve;
mod support;
mod tidy;
