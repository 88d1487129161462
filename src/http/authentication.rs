//! Who calls, and whether they may: what stands before every handler.

use std::sync::Arc;

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tracing::warn;

use super::{
    Shared, access,
    caller::{Caller, Role},
    diagnose::now,
    limiter::Who,
    problem::{Code, Problem},
};
use crate::pipeline::callers::{self, Credential, Refusal};

pub const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Longest key or token that is looked at.
const LONGEST_CREDENTIAL: usize = 16 << 10;

/// Lets through who may, with their [`Caller`] in the request.
pub async fn guard(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    // A path that leads nowhere is told so, whoever asks.
    let Some(route) = request.extensions().get::<MatchedPath>() else { return next.run(request).await };
    let need = access::need(request.method(), route.as_str());
    if !callers::are_asked(&shared.stages) {
        if need.writes()
            && let Err(problem) = is_at_home(&shared, request.headers())
        {
            shared.metrics.refused("no-authentication");
            return problem.into_response();
        }
        return next.run(request).await;
    }
    let Some(role) = need.role(shared.metrics_public) else { return next.run(request).await };
    let address = shared.limits.address(request.extensions(), request.headers());
    match caller(&shared, request.headers(), address).await {
        Ok(caller) if caller.role >= role => {
            request.extensions_mut().insert(caller);
            let mut response = next.run(request).await;
            keep_private(response.headers_mut());
            response
        }
        Ok(caller) => {
            shared.metrics.refused("role");
            too_little(&caller, role).into_response()
        }
        Err(refused) => refused,
    }
}

/// Who sends these headers from `address`, or the answer to them.
async fn caller(shared: &Shared, headers: &HeaderMap, address: Who) -> Result<Caller, Response> {
    let refuse = |reason: &'static str, problem: Problem, challenge: &'static str| {
        shared.metrics.refused(reason);
        let mut response = problem.into_response();
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        response
    };
    let wrong = |reason: &'static str| {
        shared.limits.failed(address);
        let detail = "the key or token is not valid (any more); send another in X-Api-Key or Authorization: Bearer";
        refuse(reason, Problem::new(Code::Unauthorized, detail), "Bearer realm=\"faultline\", error=\"invalid_token\"")
    };
    let credential = match credential(headers) {
        Ok(Some(credential)) => credential,
        Ok(None) => return Err(refuse("missing", Problem::of(Code::Unauthorized), "Bearer realm=\"faultline\"")),
        Err(Unreadable) => return Err(wrong("malformed")),
    };
    let now = now();
    let found = match callers::recognise(&shared.stages, &credential, now) {
        Some(Ok(principal)) => return Ok(principal.into()),
        // Whoever guesses costs no more than this from here on.
        found => match (shared.limits.slowed(address), found) {
            (Some(seconds), _) => {
                shared.metrics.refused("slowed");
                let detail = "too many attempts to sign in from this address failed; wait for the seconds of Retry-After";
                return Err(Problem::new(Code::RateLimited, detail).retry_after(seconds).into_response());
            }
            (None, Some(found)) => found,
            (None, None) => callers::identify(&shared.stages, &credential, now).await,
        },
    };
    match found {
        Ok(principal) => Ok(principal.into()),
        Err(refusal @ Refusal::Wrong(_)) => Err(wrong(refusal.as_str())),
        Err(refusal @ Refusal::NoRole) => {
            shared.metrics.refused(refusal.as_str());
            let detail = "the token is valid, but nothing gives its holder a role here: ask an administrator of this service";
            Err(Problem::new(Code::Forbidden, detail).into_response())
        }
        Err(refusal @ Refusal::Unavailable) => {
            shared.metrics.refused(refusal.as_str());
            warn!("a caller was turned away: what checks tokens does not answer");
            Err(Problem::of(Code::AuthenticationUnavailable).retry_after(5).into_response())
        }
    }
}

struct Unreadable;

/// What the headers say who it is; a key wins over a token. `None` = nothing.
fn credential(headers: &HeaderMap) -> Result<Option<Credential>, Unreadable> {
    if let Some(key) = only(headers, &X_API_KEY)? {
        return Ok(Some(callers::key(key)));
    }
    let Some(authorization) = only(headers, &header::AUTHORIZATION)? else { return Ok(None) };
    let (scheme, token) = authorization.split_once(' ').ok_or(Unreadable)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(Some(callers::bearer(token.trim()))) } else { Err(Unreadable) }
}

/// A header that may come once. `None` = it is not there, or empty.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, Unreadable> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().map_err(|_| Unreadable)?.trim();
    let is_fine = values.next().is_none() && text.len() <= LONGEST_CREDENTIAL;
    if is_fine { Ok((!text.is_empty()).then_some(text)) } else { Err(Unreadable) }
}

/// Without authentication a cluster is written to only from this machine: bound to loopback, and asked by a name of it, so that no web
/// page can have a browser do it under a name of its own.
fn is_at_home(shared: &Shared, headers: &HeaderMap) -> Result<(), Problem> {
    let host = headers.get(header::HOST).map(|host| host.to_str().unwrap_or_default());
    if !shared.is_loopback {
        let detail =
            "without authentication nobody may do this over a network: set AUTH_MODE, or listen on 127.0.0.1 alone (APP_HOST)";
        return Err(Problem::new(Code::Forbidden, detail));
    }
    if host.is_some_and(|host| !is_this_machine(host)) || headers.contains_key("x-forwarded-for") {
        let detail =
            "without authentication (AUTH_MODE) this may be done from this machine alone, by the name localhost or 127.0.0.1";
        return Err(Problem::new(Code::Forbidden, detail));
    }
    Ok(())
}

fn is_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn too_little(caller: &Caller, needed: Role) -> Problem {
    let article = if needed == Role::Admin { "an" } else { "a" };
    Problem::new(Code::Forbidden, format!("this takes {article} {needed}, and the caller is {}", caller.role))
}

/// What was shown to one caller is not for a cache that others share.
fn keep_private(headers: &mut HeaderMap) {
    headers.append(header::VARY, HeaderValue::from_static("authorization, x-api-key"));
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    }
}
