//! `POST /webhooks/alertmanager`: the alerts of one notification are queued, or none of them.
//!
//! Alertmanager sends again what is answered 5xx and drops what is answered 4xx. So whatever may go better later is a 503 here.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use tokio::time::timeout;

mod payload;

use super::{
    Shared, body,
    diagnose::now,
    problem::{Code, Problem},
    request_id::RequestId,
};
use crate::{
    domain::alert::AlertState,
    pipeline::{
        Stages,
        alerts::{self, NotTaken, Receipt, Taken},
        incidents::NoAnswer,
    },
};

/// Largest body: some thousand alerts.
const MAX_BODY_BYTES: usize = 2 << 20;
/// Bodies that are read at the same time; one more waits its turn.
pub const AT_ONCE: usize = 16;
/// When it makes sense to send alerts again that found no room, and those that found no store.
const FULL_SECONDS: u64 = 15;
const NO_STORE_SECONDS: u64 = 15;

#[derive(Serialize)]
struct Accepted<'a> {
    request_id: &'a str,
    /// Alerts that are queued.
    accepted: usize,
    alerts: Vec<Told<'a>>,
}

#[derive(Serialize)]
struct Told<'a> {
    fingerprint: &'a str,
    status: &'static str,
    incident_id: Option<&'a str>,
}

pub async fn handler(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, Problem> {
    let answer = take(&shared, request).await;
    if answer.is_err() {
        shared.metrics.alerts_refused();
    }
    answer
}

async fn take(shared: &Shared, request: Request) -> Result<Response, Problem> {
    let busy = || Problem::of(Code::Overloaded).retry_after(1);
    let turn = timeout(shared.body_deadline, shared.notifications.acquire()).await;
    let _turn = turn.map_err(|_| busy())?.map_err(|_| busy())?;
    let (parts, body) = request.into_parts();
    let text = body::read_text(&parts.headers, body, shared.body_deadline, MAX_BODY_BYTES).await;
    let text = text.map_err(|problem| if problem.code == Code::BodyTimeout { busy() } else { problem })?;
    let work = async move |stages: Arc<Stages>| {
        let alerts = payload::read(&text)?;
        let mut redaction = stages.redactor.session();
        alerts::accept(&stages, alerts, &mut redaction, now()).await.map_err(refused)
    };
    let receipts = shared.work(MAX_BODY_BYTES, work).await??;
    for receipt in &receipts {
        shared.metrics.alert_received(status(receipt));
    }
    let id = RequestId::from_extensions(&parts.extensions);
    let accepted = Accepted {
        request_id: id.as_str(),
        accepted: receipts.iter().filter(|receipt| receipt.taken != Taken::Skipped).count(),
        alerts: receipts.iter().map(told).collect(),
    };
    let text = serde_json::to_vec(&accepted).map_err(|_| Problem::of(Code::Internal))?;
    let content_type = HeaderValue::from_static("application/json");
    Ok((StatusCode::ACCEPTED, [(header::CONTENT_TYPE, content_type)], text).into_response())
}

fn refused(why: NotTaken) -> Problem {
    match why {
        NotTaken::NoAnswer(NoAnswer::NoStore(why)) => Problem::new(Code::NoStore, why).retry_after(NO_STORE_SECONDS),
        NotTaken::NoAnswer(NoAnswer::Failed) => Problem::of(Code::NoStore).retry_after(NO_STORE_SECONDS),
        NotTaken::Full => Problem::of(Code::AlertQueueFull).retry_after(FULL_SECONDS),
    }
}

fn told(receipt: &Receipt) -> Told<'_> {
    Told { fingerprint: &receipt.fingerprint, status: status(receipt), incident_id: receipt.incident_id.as_deref() }
}

fn status(receipt: &Receipt) -> &'static str {
    match (receipt.taken, receipt.state) {
        (Taken::Skipped, AlertState::Firing | AlertState::Resolved) => "skipped",
        (Taken::Queued | Taken::Replaced, AlertState::Resolved) => "resolved",
        (Taken::Queued, AlertState::Firing) => "queued",
        (Taken::Replaced, AlertState::Firing) => "replaced",
    }
}
