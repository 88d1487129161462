//! How much one client may ask.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

use axum::{
    body::Body,
    extract::ConnectInfo,
    http::{HeaderName, HeaderValue, Request},
    response::{IntoResponse, Response},
};
use governor::middleware::StateInformationMiddleware;
use tower_governor::{GovernorError, GovernorLayer, governor::GovernorConfigBuilder, key_extractor::KeyExtractor};

use super::{
    client::{self, Network},
    problem::{Code, Problem},
    settings::HttpSettings,
};

const WINDOW: Duration = Duration::from_secs(60);
const SWEEP_EVERY: Duration = Duration::from_secs(60);

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const AFTER: HeaderName = HeaderName::from_static("x-ratelimit-after");

pub type Limit = GovernorLayer<ClientKey, StateInformationMiddleware, Body>;

/// `None` = no limit is set. Within a runtime it also sweeps out clients that have been quiet.
pub fn layer(settings: &HttpSettings) -> Option<Limit> {
    let requests = NonZeroU32::new(settings.rate_limit_requests)?;
    // `per_second(n)` would mean one request every n seconds; the period of one request is what is meant.
    let config = GovernorConfigBuilder::default()
        .key_extractor(ClientKey { trusted: settings.trusted_proxies.0.clone().into() })
        .period(WINDOW / requests.get())
        .burst_size(requests.get())
        .use_headers()
        .finish()?;
    let limiter = Arc::downgrade(config.limiter());
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(async move {
            loop {
                tokio::time::sleep(SWEEP_EVERY).await;
                let Some(limiter) = limiter.upgrade() else { break };
                limiter.retain_recent();
            }
        });
    }
    Some(GovernorLayer::new(config).error_handler(refuse))
}

/// Tells how much is left in the headers of the IETF draft, from those that the limiter sets itself.
pub fn announce(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let number = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let (Some(limit), Some(remaining)) = (number(&LIMIT), number(&REMAINING)) else {
        return response;
    };
    let window = WINDOW.as_secs();
    let until_full = ((limit.saturating_sub(remaining)) * window).div_ceil(limit.max(1));
    let policy = HeaderValue::try_from(format!("\"default\";q={limit};w={window}"));
    let state = HeaderValue::try_from(format!("\"default\";r={remaining};t={until_full}"));
    if let (Ok(policy), Ok(state)) = (policy, state) {
        headers.insert(HeaderName::from_static("ratelimit-policy"), policy);
        headers.insert(HeaderName::from_static("ratelimit"), state);
    }
    response
}

/// The limiter rounds its waiting time down, even to 0; a client that believed it would be refused again.
fn refuse(error: GovernorError) -> Response {
    match error {
        GovernorError::TooManyRequests { wait_time, headers } => {
            let seconds = wait_time + 1;
            let mut response = Problem::of(Code::RateLimited).retry_after(seconds).into_response();
            response.headers_mut().extend(headers.unwrap_or_default());
            response.headers_mut().insert(AFTER, HeaderValue::from(seconds));
            response
        }
        GovernorError::UnableToExtractKey | GovernorError::Other { .. } => Problem::of(Code::Internal).into_response(),
    }
}

/// Counts by client address.
#[derive(Clone, Debug)]
pub struct ClientKey {
    trusted: Arc<[Network]>,
}

impl KeyExtractor for ClientKey {
    type Key = IpAddr;

    fn extract<T>(&self, request: &Request<T>) -> Result<IpAddr, GovernorError> {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(socket)| socket.ip());
        Ok(client::key(client::address(peer, request.headers(), &self.trusted)))
    }
}
