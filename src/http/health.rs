//! `GET /health`, `/livez` and `/readyz`

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::{
    Shared,
    problem::{Code, Problem},
};
use crate::pipeline::health;

#[derive(Serialize)]
struct Health {
    status: &'static str,
    service: &'static str,
    version: &'static str,
    k8s_connected: bool,
    llm_configured: bool,
    rules: usize,
    runbooks: usize,
    retrieval: &'static str,
    uptime_seconds: u64,
}

pub async fn health(State(shared): State<Arc<Shared>>) -> Response {
    let counted = health::health(&shared.stages);
    let health = Health {
        status: "ok",
        service: "faultline",
        version: env!("CARGO_PKG_VERSION"),
        k8s_connected: shared.stages.cluster.is_connected(),
        llm_configured: shared.stages.model.is_some(),
        rules: counted.rules,
        runbooks: counted.runbooks,
        retrieval: if counted.searches_by_meaning { "hybrid" } else { "lexical" },
        uptime_seconds: shared.lifecycle.started.elapsed().as_secs(),
    };
    fresh(axum::Json(health))
}

#[derive(Serialize)]
struct Status {
    status: &'static str,
}

/// The process answers: whoever asks need not restart it.
pub async fn livez() -> Response {
    fresh(axum::Json(Status { status: "ok" }))
}

/// New requests are welcome.
pub async fn readyz(State(shared): State<Arc<Shared>>) -> Response {
    if shared.lifecycle.is_stopping() {
        return Problem::of(Code::ShuttingDown).retry_after(1).into_response();
    }
    fresh(axum::Json(Status { status: "ready" }))
}

fn fresh(body: impl IntoResponse) -> Response {
    ([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], body).into_response()
}
