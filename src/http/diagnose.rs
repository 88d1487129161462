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
    middleware::Admitted,
    problem::{Code, Problem},
    request_id::RequestId,
    stream,
};
use crate::{
    domain::{redact::Redaction, target::Target},
    pipeline::{
        Stages,
        diagnose::{self, Pass, Question},
        permit::Permit,
    },
};

pub async fn handler(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let document = body::read(&parts.headers, body, shared.body_deadline).await?;
    let mut redaction = shared.stages.redactor.session();
    let question = read(document.json, &mut redaction)?;
    let id = RequestId::from_extensions(&parts.extensions);
    let form = accept::choose(&parts.headers, &[Form::Json, Form::Markdown, Form::Plain, Form::Events]);
    let who = shared.limits.who(&parts.extensions, &parts.headers);
    let limits = Arc::clone(&shared);
    let may_ask_model = Permit::new(move || limits.limits.ask_model(who));
    let pass = Pass { deadline: Some(shared.answer_by()), may_ask_model, ..Pass::new(id.as_str(), now(), redaction) };
    if form == Form::Events {
        let permit = parts.extensions.get::<Admitted>().cloned();
        return Ok(stream::diagnosis(shared, question, pass, document.size_bytes, permit));
    }
    let work = move |stages: Arc<Stages>| async move { diagnose::diagnose(&stages, &question, pass).await };
    let diagnosis = shared.work(document.size_bytes, work).await?;
    shared.metrics.diagnosed(&diagnosis);

    let text = match form {
        Form::Markdown | Form::Plain => markdown::diagnosis(&diagnosis).into_bytes(),
        Form::Json | Form::Html | Form::Events => serde_json::to_vec(&diagnosis).map_err(|_| Problem::of(Code::Internal))?,
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
    let without_llm = fields.flag("use_llm") == Some(false);
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
    Ok(Question { error_message, logs, target, include_cluster_health, without_llm, ..Question::default() })
}

/// Milliseconds are what clients of the first generation parse.
#[expect(clippy::disallowed_methods, reason = "this is the edge where the clock is read, once per request")]
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    now.round(TimestampRound::new().smallest(Unit::Millisecond).mode(RoundMode::Trunc)).unwrap_or(now)
}
