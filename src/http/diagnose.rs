//! `POST /diagnose`

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, header},
    response::Response,
};
use jiff::{RoundMode, Timestamp, TimestampRound, Unit};

use super::{
    Shared,
    accept::{self, Form},
    body,
    fields::Fields,
    json::Json,
    markdown,
    problem::{Code, Problem},
    request_id::RequestId,
};
use crate::{
    domain::{redact::Redaction, target::Target},
    pipeline::{
        Stages,
        diagnose::{self, Pass, Question},
    },
};

pub async fn handler(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let document = body::read(&parts.headers, body, shared.body_deadline).await?;
    let mut redaction = shared.stages.redactor.session();
    let question = read(document.json, &mut redaction)?;
    let id = RequestId::from_extensions(&parts.extensions);
    let pass = Pass { request_id: id.as_str().to_owned(), now: now(), redaction };
    let work = move |stages: Arc<Stages>| async move { diagnose::diagnose(&stages, &question, pass).await };
    let diagnosis = shared.work(document.size_bytes, work).await?;
    shared.metrics.diagnosed(&diagnosis);

    let form = accept::choose(&parts.headers, &[Form::Json, Form::Markdown, Form::Plain]);
    let text = match form {
        Form::Json | Form::Html => serde_json::to_vec(&diagnosis).map_err(|_| Problem::of(Code::Internal))?,
        Form::Markdown | Form::Plain => markdown::diagnosis(&diagnosis).into_bytes(),
    };
    Ok(answer(form, text))
}

/// An answer whose form the client chose.
pub fn answer(form: Form, text: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, form.content_type());
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    response
}

/// The wire's names for what a question has.
fn read(document: Json, redaction: &mut Redaction) -> Result<Question, Problem> {
    let mut fields = Fields::open(document)?;
    let error_message = fields.required_text("error_message");
    let logs = fields.text("logs").filter(|logs| !logs.trim().is_empty());
    let namespace = fields.name("namespace");
    let pod = fields.name("pod_name");
    let deployment = fields.name("deployment_name");
    let container = fields.name("container");
    let include_cluster_health = fields.flag("include_cluster_health").unwrap_or(false);
    // No model is asked yet, so either answer is the rules' own.
    let _use_llm = fields.flag("use_llm");
    let target = fields.object("target", |target| Target {
        kind: target.kind("kind"),
        name: target.name("name"),
        namespace: target.name("namespace"),
        label_selector: target.label_selector("label_selector"),
        ..Target::default()
    });
    fields.close()?;
    let target = target.unwrap_or_default();
    let target = Target { namespace: target.namespace.or(namespace), pod, deployment, container, ..target };
    let error_message = redaction.clean(&error_message);
    let logs = logs.map(|logs| redaction.clean(&logs));
    let target = redaction.seal(target).into_inner();
    Ok(Question { error_message, logs, target, include_cluster_health })
}

/// Milliseconds are what clients of the first generation parse.
#[expect(clippy::disallowed_methods, reason = "this is the edge where the clock is read, once per request")]
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    now.round(TimestampRound::new().smallest(Unit::Millisecond).mode(RoundMode::Trunc)).unwrap_or(now)
}
