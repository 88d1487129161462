//! `/remediations`: what is proposed, decided, done and undone.

use std::sync::Arc;

use axum::{
    extract::{Path, Query, Request, State, rejection::PathRejection, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::{
    Shared, body,
    caller::Caller,
    diagnose::now,
    fields::{Fields, is_target},
    parameters::Parameters,
    problem::{Code, FieldError, Problem},
    request_id::RequestId,
    trace,
};
use crate::{
    domain::{
        action::{Action, ActionKind, Change},
        object::{Kind, ObjectRef},
        remediation::RemediationStatus,
    },
    pipeline::remediate::{self, Filter, NotDone, Shown, Standing, Wish},
};

const COMMAND_CHARACTERS: usize = 2000;
const REASON_CHARACTERS: usize = 500;
const AUTHOR_CHARACTERS: usize = 128;
const ID_BYTES: usize = 64;
const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;

type QueryPairs = Result<Query<Vec<(String, String)>>, QueryRejection>;
type IdPath = Result<Path<String>, PathRejection>;

#[derive(Serialize)]
struct List {
    standing: Standing,
    remediations: Vec<Shown>,
    next_cursor: Option<String>,
}

pub async fn list(State(shared): State<Arc<Shared>>, query: QueryPairs) -> Result<Response, Problem> {
    let Query(pairs) = query.map_err(|_| Problem::new(Code::InvalidRequest, "the query cannot be decoded"))?;
    let mut parameters = Parameters::of(pairs);
    let id = |text: &str| is_id(text).then(|| text.to_owned());
    let filter = Filter {
        status: parameters.read("status", "must be a status such as proposed", RemediationStatus::of),
        target: parameters
            .read("target", "must be KIND/NAMESPACE/NAME, or KIND/NAME", |text| is_target(text).then(|| text.to_owned())),
        incident_id: parameters.read("incident", "must be the id of an incident", id),
    };
    let limit = parameters.read("limit", "must be an integer from 1 to 200", |text| {
        text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit))
    });
    let cursor = parameters.read("cursor", "must be the next_cursor of a page", id);
    parameters.close()?;
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    let standing = within(&shared, remediate::standing(&shared.stages)).await?;
    let mut remediations = within(&shared, remediate::list(&shared.stages, &filter, limit + 1, cursor.as_deref())).await?;
    let has_more = remediations.len() > limit;
    remediations.truncate(limit);
    let next_cursor = remediations.last().filter(|_| has_more).map(|last| last.id().to_owned());
    json(&List { standing, remediations, next_cursor })
}

pub async fn read(State(shared): State<Arc<Shared>>, id: IdPath) -> Result<Response, Problem> {
    let id = known_form(id)?;
    shown(&within(&shared, remediate::read(&shared.stages, &id)).await?)
}

pub async fn propose(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let document = body::read(&parts.headers, body, shared.body_deadline).await?;
    let mut fields = Fields::open(document.json)?;
    let command = fields.words("command", COMMAND_CHARACTERS);
    let namespace = fields.name("namespace");
    let action = fields.object("action", action);
    let incident_id = fields.words("incident_id", ID_BYTES);
    let author = fields.words("author", AUTHOR_CHARACTERS);
    fields.close()?;
    let action = match (&command, action) {
        (Some(command), None) => remediate::action_of(command, namespace.as_deref()).map_err(|why| wrong("command", &why))?,
        (None, Some(_)) if namespace.is_some() => return Err(wrong("namespace", "belongs to a command; an action has its own")),
        (None, Some(action)) => {
            let action = action.map_err(|(pointer, why)| wrong(pointer, &why))?;
            remediate::is_possible(&action).map_err(|why| wrong("action", &why))?;
            action
        }
        (Some(_), Some(_)) => return Err(wrong("action", "must not be given beside a command")),
        (None, None) => return Err(wrong("command", "is required, or an action")),
    };
    let wish = Wish {
        action,
        command,
        requested_by: signed(&Caller::from_extensions(&parts.extensions), author),
        incident_id,
        request_id: Some(RequestId::from_extensions(&parts.extensions).as_str().to_owned()),
    };
    let stages = Arc::clone(&shared.stages);
    let made = to_its_end(&shared, async move { remediate::propose(&stages, &wish, now()).await }).await?;
    let mut response = shown(&made)?;
    *response.status_mut() = StatusCode::CREATED;
    let place = HeaderValue::try_from(format!("/remediations/{}", made.id())).map_err(|_| Problem::of(Code::Internal))?;
    response.headers_mut().insert(header::LOCATION, place);
    Ok(response)
}

pub async fn approve(State(shared): State<Arc<Shared>>, id: IdPath, request: Request) -> Result<Response, Problem> {
    let Decision { id, etag, by, .. } = decision(&shared, id, request).await?;
    let etag = etag?;
    let stages = Arc::clone(&shared.stages);
    shown(&to_its_end(&shared, async move { remediate::approve(&stages, &id, &etag, &by, now()).await }).await?)
}

pub async fn reject(State(shared): State<Arc<Shared>>, id: IdPath, request: Request) -> Result<Response, Problem> {
    let Decision { id, etag, by, why } = decision(&shared, id, request).await?;
    let etag = etag?;
    let stages = Arc::clone(&shared.stages);
    shown(&to_its_end(&shared, async move { remediate::reject(&stages, &id, &etag, &by, &why, now()).await }).await?)
}

pub async fn undo(State(shared): State<Arc<Shared>>, id: IdPath, request: Request) -> Result<Response, Problem> {
    let Decision { id, by, .. } = decision(&shared, id, request).await?;
    let stages = Arc::clone(&shared.stages);
    shown(&to_its_end(&shared, async move { remediate::undo(&stages, &id, &by, now()).await }).await?)
}

pub async fn pause(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, Problem> {
    let Words { by, why } = words(&shared, request).await?;
    let why = if why.is_empty() { "somebody paused it".to_owned() } else { why };
    let stages = Arc::clone(&shared.stages);
    json(&to_its_end(&shared, async move { remediate::pause(&stages, &why, &by, now()).await }).await?)
}

pub async fn resume(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, Problem> {
    let Words { by, .. } = words(&shared, request).await?;
    let stages = Arc::clone(&shared.stages);
    json(&to_its_end(&shared, async move { remediate::resume(&stages, &by, now()).await }).await?)
}

/// Who says what.
struct Words {
    by: String,
    why: String,
}

async fn words(shared: &Shared, request: Request) -> Result<Words, Problem> {
    let (parts, body) = request.into_parts();
    let document = body::read_optional(&parts.headers, body, shared.body_deadline).await?;
    let mut fields = Fields::open(document.json)?;
    let why = fields.words("reason", REASON_CHARACTERS).unwrap_or_default();
    let author = fields.words("author", AUTHOR_CHARACTERS);
    fields.close()?;
    Ok(Words { by: signed(&Caller::from_extensions(&parts.extensions), author), why })
}

/// Who decides on which remediation, as they saw it.
struct Decision {
    id: String,
    etag: Result<String, Problem>,
    by: String,
    why: String,
}

async fn decision(shared: &Shared, id: IdPath, request: Request) -> Result<Decision, Problem> {
    let etag = seen(request.headers());
    let Words { by, why } = words(shared, request).await?;
    Ok(Decision { id: known_form(id)?, etag, by, why })
}

/// The etag that the caller saw.
fn seen(headers: &HeaderMap) -> Result<String, Problem> {
    let given = headers.get(header::IF_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default().trim();
    let etag = given.trim_start_matches("W/").trim_matches('"');
    if is_id(etag) { Ok(etag.to_owned()) } else { Err(Problem::of(Code::EtagRequired)) }
}

/// A proven name, and for whom they say it is.
fn signed(caller: &Caller, author: Option<String>) -> String {
    match author {
        Some(author) if author != caller.name => format!("{} ({author})", caller.name),
        _ => caller.name.clone(),
    }
}

type Wrong = (&'static str, String);

/// An action as JSON: `{"action": "scale", "target": {...}, "replicas": 4}`.
fn action(fields: &mut Fields) -> Result<Action, Wrong> {
    let name = fields.required_words("action", 64);
    let target = fields.object("target", |target| (target.kind("kind"), target.name("namespace"), target.name("name")));
    let replicas = fields.integer("replicas", 0..=10_000);
    let to_revision = fields.integer("to_revision", 1..=u64::from(u32::MAX));
    let (container, limit) = (fields.words("container", 63), fields.words("limit", 32));
    let kind = ActionKind::STEPS.into_iter().find(|kind| kind.as_str() == name);
    let kind = kind.ok_or_else(|| ("action/action", "is not an action that can be carried out".to_owned()))?;
    let (target_kind, namespace, target_name) = target.unwrap_or_default();
    let target_kind =
        target_kind.as_deref().and_then(Kind::of).ok_or_else(|| ("action/target/kind", "is required".to_owned()))?;
    let target_name = target_name.ok_or_else(|| ("action/target/name", "is required".to_owned()))?;
    let needs = |field: &'static str| (field, "is required for this action".to_owned());
    let is_given = [
        ("action/replicas", replicas.is_some(), ActionKind::Scale),
        ("action/to_revision", to_revision.is_some(), ActionKind::RolloutUndo),
        ("action/container", container.is_some(), ActionKind::RaiseMemoryLimit),
        ("action/limit", limit.is_some(), ActionKind::RaiseMemoryLimit),
    ];
    if let Some((field, ..)) = is_given.into_iter().find(|(_, is_given, of)| *is_given && *of != kind) {
        return Err((field, "is no part of this action".to_owned()));
    }
    let change = match kind {
        ActionKind::EvictPod => Change::EvictPod,
        ActionKind::DeletePod => Change::DeletePod,
        ActionKind::DeleteFailedPods => Change::DeleteFailedPods,
        ActionKind::RolloutRestart => Change::RolloutRestart,
        ActionKind::RolloutUndo => Change::RolloutUndo { to_revision },
        ActionKind::Scale => {
            let replicas = replicas.and_then(|replicas| u32::try_from(replicas).ok());
            Change::Scale { replicas: replicas.ok_or_else(|| needs("action/replicas"))? }
        }
        ActionKind::Pause => Change::Pause,
        ActionKind::Resume => Change::Resume,
        ActionKind::Cordon => Change::Cordon,
        ActionKind::Uncordon => Change::Uncordon,
        ActionKind::RerunJob => Change::RerunJob,
        ActionKind::RaiseMemoryLimit => Change::RaiseMemoryLimit {
            container: container.ok_or_else(|| needs("action/container"))?,
            limit: limit.ok_or_else(|| needs("action/limit"))?,
        },
        ActionKind::Read | ActionKind::Change => return Err(("action/action", "is not carried out".to_owned())),
    };
    Ok(Action { target: ObjectRef { kind: target_kind, namespace, name: target_name }, change })
}

fn wrong(pointer: &str, why: &str) -> Problem {
    let error = FieldError { detail: why.to_owned(), pointer: format!("#/{pointer}") };
    Problem::new(Code::InvalidRequest, format!("{pointer} {why}")).with_errors(vec![error])
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= ID_BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

fn known_form(id: IdPath) -> Result<String, Problem> {
    let Path(id) = id.map_err(|_| Problem::of(Code::InvalidPath))?;
    if is_id(&id) { Ok(id) } else { Err(Problem::of(Code::RemediationNotFound)) }
}

/// What is begun goes on, also when the client does not wait for it.
async fn to_its_end<T: Send + 'static>(
    shared: &Shared,
    doing: impl Future<Output = Result<T, NotDone>> + Send + 'static,
) -> Result<T, Problem> {
    let doing = tokio::spawn(trace::here(doing));
    within(shared, async { doing.await.unwrap_or(Err(NotDone::Failed)) }).await
}

async fn within<T>(shared: &Shared, doing: impl Future<Output = Result<T, NotDone>>) -> Result<T, Problem> {
    let done = tokio::time::timeout(shared.work_deadline, doing).await.map_err(|_| Problem::of(Code::Timeout))?;
    done.map_err(|not_done| {
        let code = match &not_done {
            NotDone::Off | NotDone::Mode(_) => Code::RemediationOff,
            NotDone::NoStore(_) => Code::NoStore,
            NotDone::NoCluster(_) => Code::NoCluster,
            NotDone::Paused(_) => Code::RemediationPaused,
            NotDone::Refused(_) | NotDone::CannotUndo(_) => Code::RemediationRefused,
            NotDone::Forbidden(_) => Code::PolicyForbids,
            NotDone::NotFound => Code::RemediationNotFound,
            NotDone::NoIncident => return wrong("incident_id", "is not the id of an incident that is kept"),
            NotDone::Changed(_) => Code::RemediationChanged,
            NotDone::NotSeen => Code::EtagMismatch,
            NotDone::Expired => Code::RemediationExpired,
            NotDone::FourEyes => Code::FourEyes,
            NotDone::Busy(_) => return Problem::new(Code::RemediationBusy, not_done.to_string()).retry_after(5),
            NotDone::Rejected(_) => Code::ClusterRefused,
            NotDone::Failed => return Problem::of(Code::NoStore).retry_after(1),
        };
        Problem::new(code, described(&not_done))
    })
}

/// With the patch that should be made elsewhere, where there is one.
fn described(not_done: &NotDone) -> String {
    match not_done.proposed_patch() {
        Some(patch) => format!("{not_done}:\n{patch}"),
        None => not_done.to_string(),
    }
}

fn shown(remediation: &Shown) -> Result<Response, Problem> {
    let mut response = json(remediation)?;
    let etag = HeaderValue::try_from(format!("\"{}\"", remediation.etag())).map_err(|_| Problem::of(Code::Internal))?;
    response.headers_mut().insert(header::ETAG, etag);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn json(body: &impl Serialize) -> Result<Response, Problem> {
    let text = serde_json::to_vec(body).map_err(|_| Problem::of(Code::Internal))?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], text).into_response())
}
