//! `GET /incidents`, one of them, its history, what people do to it, and the figures over all.

mod query;

use std::sync::Arc;

use axum::{
    extract::{Path, Query, Request, State, rejection::PathRejection, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    Shared, body,
    caller::Caller,
    diagnose::now,
    fields::Fields,
    problem::{Code, Problem},
    request_id::RequestId,
};
use crate::{
    domain::incident::{EntryKind, Incident, IncidentDetail, TimelineEntry},
    pipeline::incidents::{self, Changed, Deed, NoAnswer, Said},
};

/// Longest note, in characters.
const NOTE_CHARACTERS: usize = 4096;
/// Longest name of who says something, in characters.
const AUTHOR_CHARACTERS: usize = 128;
/// Longest id that is looked for.
const ID_BYTES: usize = 64;

type QueryPairs = Result<Query<Vec<(String, String)>>, QueryRejection>;
type IdPath = Result<Path<String>, PathRejection>;

#[derive(Serialize)]
pub struct List<'a> {
    pub incidents: &'a [Incident],
    pub next_cursor: Option<String>,
}

#[derive(Serialize)]
pub struct Detail<'a> {
    #[serde(flatten)]
    incident: &'a Incident,
    diagnosis: Option<&'a RawValue>,
}

#[derive(Serialize)]
pub struct Timeline<'a> {
    incident_id: &'a str,
    entries: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    position: u64,
    at: String,
    kind: EntryKind,
    summary: &'a str,
    actor: Option<&'a str>,
    details: Option<&'a RawValue>,
}

impl<'a> Detail<'a> {
    pub fn new(detail: &'a IncidentDetail) -> Self {
        Self { incident: &detail.incident, diagnosis: detail.diagnosis.as_deref().and_then(raw) }
    }
}

impl<'a> Timeline<'a> {
    pub fn new(incident_id: &'a str, entries: &'a [TimelineEntry]) -> Self {
        let entry = |entry: &'a TimelineEntry| Entry {
            position: entry.position,
            at: format!("{:.3}", entry.at),
            kind: entry.kind,
            summary: &entry.summary,
            actor: entry.actor.as_deref(),
            details: entry.details.as_deref().and_then(raw),
        };
        Self { incident_id, entries: entries.iter().map(entry).collect() }
    }
}

/// JSON that was kept as text; what is none is left out.
fn raw(text: &str) -> Option<&RawValue> {
    serde_json::from_str(text).ok()
}

pub async fn list(State(shared): State<Arc<Shared>>, query: QueryPairs) -> Result<Response, Problem> {
    let (filter, wanted) = query::list(pairs(query)?)?;
    let page = within(&shared, incidents::list(&shared.stages, &filter, &wanted)).await?;
    json(&List { incidents: &page.incidents, next_cursor: page.next.as_ref().map(ToString::to_string) })
}

pub async fn stats(State(shared): State<Arc<Shared>>, query: QueryPairs) -> Result<Response, Problem> {
    let (since, until) = query::window(pairs(query)?, now())?;
    json(&within(&shared, incidents::stats(&shared.stages, since, until)).await?)
}

pub async fn read(State(shared): State<Arc<Shared>>, id: IdPath, headers: HeaderMap) -> Result<Response, Problem> {
    let id = known_form(id)?;
    let found = within(&shared, incidents::read(&shared.stages, &id)).await?;
    let detail = found.ok_or_else(|| Problem::of(Code::IncidentNotFound))?;
    let etag = format!("\"{}-{}\"", detail.incident.id, detail.incident.version);
    let is_known = |value: &HeaderValue| {
        let known = value.to_str().unwrap_or_default();
        known.split(',').map(str::trim).any(|known| known == "*" || known.trim_start_matches("W/") == etag)
    };
    let mut response = if headers.get_all(header::IF_NONE_MATCH).iter().any(is_known) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        json(&Detail::new(&detail))?
    };
    let etag = HeaderValue::try_from(etag).map_err(|_| Problem::of(Code::Internal))?;
    response.headers_mut().insert(header::ETAG, etag);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

pub async fn timeline(State(shared): State<Arc<Shared>>, id: IdPath) -> Result<Response, Problem> {
    let id = known_form(id)?;
    let found = within(&shared, incidents::timeline(&shared.stages, &id)).await?;
    let entries = found.ok_or_else(|| Problem::of(Code::IncidentNotFound))?;
    json(&Timeline::new(&id, &entries))
}

pub async fn note(State(shared): State<Arc<Shared>>, id: IdPath, request: Request) -> Result<Response, Problem> {
    let mut response = change(&shared, id, request, Deed::Note).await?;
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

pub async fn acknowledge(State(shared): State<Arc<Shared>>, id: IdPath, request: Request) -> Result<Response, Problem> {
    change(&shared, id, request, Deed::Acknowledge).await
}

pub async fn resolve(State(shared): State<Arc<Shared>>, id: IdPath, request: Request) -> Result<Response, Problem> {
    change(&shared, id, request, Deed::Resolve).await
}

/// Does what the body says and answers with the incident as it then is.
async fn change(shared: &Shared, id: IdPath, request: Request, deed: Deed) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let document = body::read(&parts.headers, body, shared.body_deadline).await?;
    let mut fields = Fields::open(document.json)?;
    let text = match deed {
        Deed::Note => Some(fields.required_words("text", NOTE_CHARACTERS)),
        Deed::Acknowledge | Deed::Resolve => fields.words("note", NOTE_CHARACTERS),
    };
    let caller = Caller::known(&parts.extensions);
    let author = signed(caller, fields.words("author", AUTHOR_CHARACTERS));
    fields.close()?;
    let request_id = Some(RequestId::from_extensions(&parts.extensions).as_str().to_owned());
    let said = Said { author, text, caller: caller.map(|caller| caller.name.clone()), request_id };
    let id = known_form(id)?;
    match within(shared, incidents::change(&shared.stages, &id, deed, said, now())).await? {
        Changed::NotFound => Err(Problem::of(Code::IncidentNotFound)),
        Changed::Done | Changed::AlreadySo => {
            let found = within(shared, incidents::read(&shared.stages, &id)).await?;
            json(&Detail::new(&found.ok_or_else(|| Problem::of(Code::IncidentNotFound))?))
        }
    }
}

/// Who did it, as the timeline says: what a caller proved to be comes first, and for whom they say it is stands behind.
fn signed(caller: Option<&Caller>, author: Option<String>) -> Option<String> {
    match (caller, author) {
        (Some(caller), Some(author)) if author != caller.name => Some(format!("{} (on behalf of {author})", caller.name)),
        (Some(caller), _) => Some(caller.name.clone()),
        (None, author) => author,
    }
}

/// The id, if any incident may have it.
fn known_form(id: IdPath) -> Result<String, Problem> {
    let Path(id) = id.map_err(|_| Problem::of(Code::InvalidPath))?;
    let may_be = id.len() <= ID_BYTES && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    if may_be { Ok(id) } else { Err(Problem::of(Code::IncidentNotFound)) }
}

fn pairs(query: QueryPairs) -> Result<Vec<(String, String)>, Problem> {
    query.map(|Query(pairs)| pairs).map_err(|_| Problem::new(Code::InvalidRequest, "the query cannot be decoded"))
}

async fn within<T>(shared: &Shared, asking: impl Future<Output = Result<T, NoAnswer>>) -> Result<T, Problem> {
    let answer = tokio::time::timeout(shared.work_deadline, asking).await.map_err(|_| Problem::of(Code::Timeout))?;
    answer.map_err(|none| match none {
        NoAnswer::NoStore(why) => Problem::new(Code::NoStore, why),
        NoAnswer::Failed => Problem::of(Code::NoStore).retry_after(1),
    })
}

fn json(body: &impl Serialize) -> Result<Response, Problem> {
    let text = serde_json::to_vec(body).map_err(|_| Problem::of(Code::Internal))?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], text).into_response())
}
