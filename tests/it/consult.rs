//! A diagnosis with a language model beside the rules: what it adds, what it cannot do, and what happens when it fails.

mod adds;
mod eval;
mod faults;
mod injections;
mod prompt;
mod remembered;
mod stream;

use serde_json::{Value, json};

/// An error that rules know from its words alone, with names that a reply may use.
const CRASH: &str = "2026-11-21T06:16:20Z INFO starting orders 1.4.2\n\
    2026-11-21T06:16:21Z FATAL could not connect to server: Connection refused. Is the server running on host \"orders-db\" (10.96.44.7) and accepting TCP/IP connections on port 5432?\n\
    pod orders-7c58bc488d-ccpqw in namespace crash-db exited with exit code 1, back-off 1m20s restarting failed container app";

/// A reply that passes every check about [`CRASH`].
fn good_reply() -> Value {
    json!({
        "evidence_for": [{"id": "e1", "why": "the connection to orders-db is refused"}],
        "error_category": "DatabaseConnectionError",
        "root_cause": "The orders container stops at start because PostgreSQL at orders-db:5432 refuses its connection.",
        "evidence": ["e1"],
        "confidence": 0.85,
        "explanation": "The process asks for its database once and gives up. The kubelet restarts it with a growing delay.",
        "fix_commands": [{
            "command": "kubectl get endpointslices -n crash-db -l kubernetes.io/service-name=orders-db",
            "description": "See whether anything stands behind orders-db.",
            "risk_level": "LOW",
            "evidence": ["e1"],
        }],
        "prevention_tips": ["Retry the first connection with a back-off instead of exiting."],
        "runbooks": ["r1"],
    })
}

fn request() -> Value {
    json!({"error_message": CRASH, "namespace": "crash-db"})
}

/// The reply with other fields.
fn reply_with(fields: Value) -> Value {
    let mut reply = good_reply();
    for (name, value) in fields.as_object().expect("an object") {
        reply[name] = value.clone();
    }
    reply
}
