//! What happens around every request.
//!
//! ```text
//! envelope            the id, the trace (trace.rs), the headers that every answer has, the body of problems, counting, the access log
//!   cors              only where origins are set
//!     catch panic     a panic is a problem like any other
//!       compression   answers over 8 KiB, for clients that ask for it
//!         guard       who calls, and whether they may (authentication.rs, access.rs)
//!           limit     only routes that do work: so many a minute (rate_limit.rs)
//!             admission   only routes that do work: as many at once as fit
//!               idempotency   a POST with a key is done once (idempotency.rs)
//!                 handler
//! ```
//! `Router::layer` runs these after the path was matched, so the envelope knows the route.

use std::{
    any::Any,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tokio::sync::OwnedSemaphorePermit;
use tower_http::{
    compression::{
        CompressionLayer,
        predicate::{NotForContentType, Predicate, SizeAbove},
    },
    cors::{AllowOrigin, Any as AnyOrigin, CorsLayer},
};
use tracing::{debug, error, info};

use super::{
    Shared,
    authentication::X_API_KEY,
    metrics::UNMATCHED,
    problem::{Code, Problem},
    request_id::{RequestId, X_REQUEST_ID},
    settings::CorsOrigins,
    trace::RequestTrace,
};

/// Below this a compressed answer saves less than its making costs.
const COMPRESS_ABOVE_BYTES: u64 = 8 << 10;

/// The outermost layer.
pub async fn envelope(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    let id = RequestId::of(request.headers());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or(UNMATCHED, MatchedPath::as_str);
    let client = shared.limits.client(request.extensions(), request.headers());
    let trace = RequestTrace::begin(request.headers(), &method, route, id.as_str(), client);
    request.extensions_mut().insert(id.clone());
    let answering = async {
        let started = Instant::now();
        let uri = request.uri().clone();
        let mut response = next.run(request).await;
        if let Some(problem) = response.extensions_mut().remove::<Problem>() {
            problem.render(&mut response, &mut shared.stages.redactor.session(), id.as_str(), uri.path());
        }
        let status = response.status();
        let headers = response.headers_mut();
        headers.insert(X_REQUEST_ID, id.header());
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        if method == Method::POST {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        let took = started.elapsed();
        shared.metrics.answered(route, &method, status, took);
        trace.answered(status);
        log(&method, route, status, took, &id);
        response
    };
    trace.of(answering).await
}

/// The path itself is not logged: it may hold anything.
fn log(method: &Method, route: &str, status: StatusCode, took: Duration, id: &RequestId) {
    let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let (code, request_id) = (status.as_u16(), id.as_str());
    if status.is_server_error() {
        error!(%method, route, status = code, microseconds, request_id, "{method} {route} failed with {code}");
    } else if status.is_client_error() {
        info!(%method, route, status = code, microseconds, request_id, "{method} {route} was refused with {code}");
    } else {
        debug!(%method, route, status = code, microseconds, request_id, "{method} {route} was answered");
    }
}

/// The place that a request has among those in work. It is free again when the last copy is dropped.
#[derive(Clone, Debug)]
pub struct Admitted(#[expect(dead_code, reason = "it is held, not read")] Arc<OwnedSemaphorePermit>);

/// As many requests in work as fit; one more is told to come back, at once.
pub async fn admission(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    let Ok(permit) = Arc::clone(&shared.permits).try_acquire_owned() else {
        return Problem::of(Code::Overloaded).retry_after(1).into_response();
    };
    let admitted = Admitted(Arc::new(permit));
    // An answer that is still being written after its head is still in work.
    request.extensions_mut().insert(admitted.clone());
    let response = next.run(request).await;
    drop(admitted);
    response
}

/// The text of a panic may quote what a client sent, so it goes nowhere.
pub fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    Problem::of(Code::Internal).into_response()
}

pub fn compression() -> CompressionLayer<impl Predicate> {
    let worth_it = SizeAbove::new(COMPRESS_ABOVE_BYTES).and(NotForContentType::IMAGES).and(NotForContentType::SSE);
    CompressionLayer::new().gzip(true).quality(tower_http::CompressionLevel::Fastest).compress_when(worth_it)
}

/// `None` = no page of another origin may call the service.
pub fn cors(origins: &CorsOrigins) -> Option<CorsLayer> {
    let layer = CorsLayer::new()
        .allow_methods([Method::GET, Method::HEAD, Method::POST])
        .allow_headers([
            header::ACCEPT,
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_MATCH,
            header::IF_NONE_MATCH,
            HeaderName::from_static("idempotency-key"),
            X_API_KEY,
            X_REQUEST_ID,
        ])
        .expose_headers([
            X_REQUEST_ID,
            HeaderName::from_static("ratelimit"),
            HeaderName::from_static("ratelimit-policy"),
            header::RETRY_AFTER,
            header::ETAG,
            header::LOCATION,
            header::WWW_AUTHENTICATE,
            HeaderName::from_static("idempotency-replayed"),
        ])
        .max_age(Duration::from_secs(3600));
    match origins {
        CorsOrigins::None => None,
        CorsOrigins::Any => Some(layer.allow_origin(AnyOrigin)),
        CorsOrigins::Exactly(origins) => Some(layer.allow_origin(AllowOrigin::list(origins.iter().cloned()))),
    }
}
