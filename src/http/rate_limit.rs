//! How much one caller, or one address, may ask.

use std::{
    hash::{BuildHasher, RandomState},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Instant,
};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{Extensions, HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{
    Shared,
    caller::Caller,
    client::{self, Network},
    limiter::{Limiter, Standing, WINDOW, Who},
    problem::{Code, Problem},
    settings::HttpSettings,
};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");
/// Names of clients of the first generation.
const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const AFTER: HeaderName = HeaderName::from_static("x-ratelimit-after");

/// Attempts to say who one is that may fail in a minute, per address.
const FAILED_ATTEMPTS: u32 = 10;

/// The limits of this process.
pub struct Limits {
    trusted: Arc<[Network]>,
    names: RandomState,
    /// `None` = no limit is set.
    requests: Option<Limiter>,
    /// Diagnoses that may ask a model. `None` = no limit is set.
    model: Option<Limiter>,
    failures: Option<Limiter>,
}

impl Limits {
    pub fn new(settings: &HttpSettings) -> Self {
        let began = Instant::now();
        Self {
            trusted: settings.trusted_proxies.0.clone().into(),
            names: RandomState::new(),
            requests: Limiter::new(settings.rate_limit_requests, began),
            model: Limiter::new(settings.rate_limit_model_requests, began),
            failures: Limiter::new(FAILED_ATTEMPTS, began),
        }
    }

    /// The address that a request comes from, as limits count it.
    pub fn address(&self, extensions: &Extensions, headers: &HeaderMap) -> Who {
        Who::Address(client::key(self.client(extensions, headers)))
    }

    /// The client's own address.
    pub fn client(&self, extensions: &Extensions, headers: &HeaderMap) -> IpAddr {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(socket)| socket.ip());
        client::address(peer, headers, &self.trusted)
    }

    /// Who is counted: the caller who said who they are, else the address.
    pub fn who(&self, extensions: &Extensions, headers: &HeaderMap) -> Who {
        match Caller::known(extensions) {
            Some(caller) => Who::Caller(self.names.hash_one(&caller.name)),
            None => self.address(extensions, headers),
        }
    }

    /// How long an address whose attempts failed too often has to wait, in seconds. `None` = it may try.
    pub fn slowed(&self, address: Who) -> Option<u64> {
        let standing = self.failures.as_ref()?.look(address, Instant::now());
        (!standing.wait.is_zero()).then(|| standing.retry_after())
    }

    /// Counts a failed attempt.
    pub fn failed(&self, address: Who) {
        if let Some(failures) = &self.failures {
            let _ = failures.take(address, Instant::now());
        }
    }

    /// Takes one use of a model, or tells in how many seconds there is one.
    pub fn ask_model(&self, who: Who) -> Result<(), u64> {
        let Some(model) = &self.model else { return Ok(()) };
        model.take(who, Instant::now()).map(|_| ()).map_err(|standing| standing.retry_after())
    }

    fn model_standing(&self, who: Who) -> Option<Standing> {
        Some(self.model.as_ref()?.look(who, Instant::now()))
    }
}

/// Lets through as many requests as fit, and tells with each how many are left.
pub async fn limit(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let Some(requests) = &shared.limits.requests else { return next.run(request).await };
    let who = shared.limits.who(request.extensions(), request.headers());
    let may_ask_model = shared.stages.model.is_some() && request.uri().path().ends_with("/diagnose");
    let (mut response, standing, after) = match requests.take(who, Instant::now()) {
        Ok(standing) => (next.run(request).await, standing, None),
        Err(standing) => {
            let seconds = standing.retry_after();
            (Problem::of(Code::RateLimited).retry_after(seconds).into_response(), standing, Some(seconds))
        }
    };
    let mut policy = policy("default", standing);
    let mut state = state("default", standing);
    if let Some(model) = shared.limits.model_standing(who).filter(|_| may_ask_model) {
        policy = format!("{policy}, {}", self::policy("model", model));
        state = format!("{state}, {}", self::state("model", model));
    }
    let headers = response.headers_mut();
    if let (Ok(policy), Ok(state)) = (HeaderValue::try_from(policy), HeaderValue::try_from(state)) {
        headers.insert(POLICY, policy);
        headers.insert(STATE, state);
    }
    headers.insert(LIMIT, HeaderValue::from(standing.quota));
    headers.insert(REMAINING, HeaderValue::from(standing.remaining));
    if let Some(seconds) = after {
        headers.insert(AFTER, HeaderValue::from(seconds));
    }
    response
}

/// The headers of the IETF draft (draft-ietf-httpapi-ratelimit-headers-11).
fn policy(name: &str, standing: Standing) -> String {
    format!("\"{name}\";q={};w={}", standing.quota, WINDOW.as_secs())
}

fn state(name: &str, standing: Standing) -> String {
    format!("\"{name}\";r={};t={}", standing.remaining, standing.full_in_seconds())
}
