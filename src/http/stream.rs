//! A diagnosis as server-sent events (WHATWG HTML, section 9.2): each step when it is known, then the whole answer.
//!
//! ```text
//! accepted -> finding, evidence ... -> runbook ... -> llm (asking, then what came of it) -> diagnosis -> done
//!                                                                                \-> error -> done
//! ```
//! The client that goes away takes the work with it.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    http::{HeaderName, HeaderValue, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::Stream;
use serde::Serialize;
use serde_json::json;
use tokio::{sync::mpsc, task::JoinHandle};

use super::{Shared, middleware::Admitted, trace};
use crate::pipeline::{
    Stages,
    diagnose::{self, Pass, Question},
    progress::{Listener, Progress},
};

/// A comment goes out where nothing else has for this long, so that nobody in between takes the line for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// When a client that lost the stream may ask again, in milliseconds.
const RETRY: Duration = Duration::from_secs(3);
/// Steps that wait to be written; a client that reads more slowly than this loses steps, never the answer.
const WAITING: usize = 256;

/// Diagnoses `question` while its answer is being written.
pub fn diagnosis(shared: Arc<Shared>, question: Question, pass: Pass, size_bytes: usize, permit: Option<Admitted>) -> Response {
    let (sender, receiver) = mpsc::channel::<Step>(WAITING);
    let steps = sender.clone();
    let listener = Listener::new(move |progress| {
        let _ = steps.try_send(step(progress));
    });
    let request_id = pass.request_id.clone();
    let mut redaction = pass.redaction.clone();
    let pass = Pass { listener, ..pass };
    let work = async move {
        let _ = sender.send(Step::new("accepted", &json!({"request_id": request_id}))).await;
        let work = move |stages: Arc<Stages>| async move { diagnose::diagnose(&stages, &question, pass).await };
        let last = match shared.work(size_bytes, work).await {
            Ok(diagnosis) => {
                shared.metrics.diagnosed(&diagnosis);
                Step::new("diagnosis", &diagnosis)
            }
            Err(problem) => Step::new("error", &problem.document(&mut redaction, &request_id, "/diagnose")),
        };
        let _ = sender.send(last).await;
        let _ = sender.send(Step::new("done", &json!({}))).await;
        drop(permit);
    };
    let events = Events { receiver, work: tokio::spawn(trace::here(work)), number: 0 };
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    // Whatever stands between is to hand events on as they come.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// One event before it has its number.
struct Step {
    name: &'static str,
    data: String,
}

impl Step {
    fn new(name: &'static str, data: &impl Serialize) -> Self {
        Self { name, data: serde_json::to_string(data).unwrap_or_else(|_| "null".to_owned()) }
    }
}

fn step(progress: Progress<'_>) -> Step {
    match progress {
        Progress::Finding(finding) => Step::new("finding", finding),
        Progress::Evidence(evidence) => Step::new("evidence", evidence),
        Progress::Runbook(passage) => Step::new("runbook", passage),
        Progress::Asking(models) => Step::new("llm", &json!({"status": "asking", "models": models})),
        Progress::Asked(used) => Step::new("llm", used),
    }
}

/// The steps as they come. Dropped before its end, it ends the work.
struct Events {
    receiver: mpsc::Receiver<Step>,
    work: JoinHandle<()>,
    number: u64,
}

impl Stream for Events {
    type Item = Result<Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.receiver.poll_recv(context).map(|step| {
            let Step { name, data } = step?;
            self.number += 1;
            let event = Event::default().event(name).id(self.number.to_string()).data(data);
            Some(Ok(if self.number == 1 { event.retry(RETRY) } else { event }))
        })
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.work.abort();
    }
}
