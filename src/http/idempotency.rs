//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07): a POST that comes again is answered again, not done again.
//!
//! A key counts per caller and route for a day. Only successes are kept: whatever else was answered, nothing was done, so the same key
//! may try again. A stream of events is not kept: it is done again.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http_body_util::{BodyExt, Limited};
use jiff::SignedDuration;
use sha2::{Digest, Sha256};

use super::{
    PREFIX, Shared,
    accept::{self, Form},
    body,
    caller::Caller,
    diagnose::now,
    problem::{Code, Problem},
};
use crate::pipeline::replays::{self, Begun, Given, RequestKey};

pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Longest key, in bytes.
const LONGEST_KEY: usize = 128;
/// A request whose process died may be tried again after its own time and this.
const MORE_TIME: SignedDuration = SignedDuration::from_secs(30);
/// Headers of an answer that are given again.
const KEPT: [HeaderName; 5] = [header::CONTENT_TYPE, header::ETAG, header::LOCATION, header::VARY, header::CACHE_CONTROL];

/// Does a POST with a key once.
pub async fn once(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let is_wanted = request.method() == Method::POST && request.headers().contains_key(IDEMPOTENCY_KEY);
    if !is_wanted || accept::choose(request.headers(), &[Form::Json, Form::Events]) == Form::Events {
        return next.run(request).await;
    }
    match work(&shared, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn work(shared: &Shared, request: Request, next: Next) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let key = key(&parts.headers)?.to_owned();
    let body = body::bytes(body, shared.body_deadline, body::MAX_BODY_BYTES).await?;
    let key = known_by(&key, &parts, &body);
    let now = now();
    let deadline = SignedDuration::try_from(shared.work_deadline).unwrap_or(SignedDuration::ZERO);
    let until = now.checked_add(deadline).and_then(|until| until.checked_add(MORE_TIME)).unwrap_or(now);
    let (begun, ticket) = replays::begin(&shared.stages, key, until, now).await;
    match begun {
        Begun::Answered(given) => return again(given),
        Begun::InWork => return Err(Problem::of(Code::IdempotencyInFlight).retry_after(1)),
        Begun::Other => return Err(Problem::of(Code::IdempotencyKeyReused)),
        Begun::First => {}
    }
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    if !response.status().is_success() {
        replays::release(&shared.stages, ticket).await;
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let Ok(body) = Limited::new(body, replays::MOST_BYTES).collect().await else {
        replays::release(&shared.stages, ticket).await;
        return Err(Problem::of(Code::Internal));
    };
    let body = body.to_bytes();
    match std::str::from_utf8(&body) {
        Ok(text) => {
            let kept = |name: &HeaderName| Some((name.to_string(), parts.headers.get(name)?.to_str().ok()?.to_owned()));
            let headers = KEPT.iter().filter_map(kept).collect();
            let given = Given { status: parts.status.as_u16(), headers, body: text.to_owned() };
            replays::finish(&shared.stages, ticket, given, now).await;
        }
        Err(_) => replays::release(&shared.stages, ticket).await,
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// The key that the client chose: a text in quotes, as the draft has it, or without, as most send it.
fn key(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let only = values.next().filter(|_| values.next().is_none()).and_then(|value| value.to_str().ok()).map(str::trim);
    let key = only.map(|key| key.strip_prefix('"').and_then(|key| key.strip_suffix('"')).unwrap_or(key));
    let is_key = |key: &&str| (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    key.filter(is_key).ok_or_else(|| Problem::of(Code::InvalidIdempotencyKey))
}

fn known_by(key: &str, parts: &Parts, body: &Bytes) -> RequestKey {
    let path = parts.uri.path();
    let path = path.strip_prefix(PREFIX).unwrap_or(path);
    let accept = parts.headers.get(header::ACCEPT).map_or(&b""[..], HeaderValue::as_bytes);
    let kind = parts.headers.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let condition = parts.headers.get(header::IF_MATCH).map_or(&b""[..], HeaderValue::as_bytes);
    let query = parts.uri.query().unwrap_or_default();
    let caller = Caller::from_extensions(&parts.extensions);
    RequestKey {
        name: hash(&[key.as_bytes(), caller.name.as_bytes(), path.as_bytes()]),
        request: hash(&[query.as_bytes(), accept, kind, condition, body]),
    }
}

/// Each part counts with its length, so that no two lists of parts are one.
fn hash(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    format!("{:x}", hash.finalize())
}

fn again(given: Given) -> Result<Response, Problem> {
    let status = StatusCode::from_u16(given.status).map_err(|_| Problem::of(Code::Internal))?;
    let mut response = (status, given.body).into_response();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    for (name, value) in &given.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}
