//! Integration tests: a module per capability.

mod http;
mod support;
mod tidy;
