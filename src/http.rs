//! The HTTP service: every route stands in [`routes`], every layer in [`router`], one handler per file.
//!
//! Wire names and shapes are those of `http/openapi.yaml`, which a test compares with the routes and real answers.

pub mod accept;
pub mod access;
pub mod alertmanager;
pub mod authentication;
pub mod body;
pub mod caller;
pub mod client;
pub mod cluster_health;
pub mod diagnose;
pub mod fields;
pub mod health;
pub mod idempotency;
pub mod incidents;
pub mod json;
pub mod limiter;
pub mod log_level;
pub mod markdown;
pub mod metrics;
pub mod middleware;
pub mod openapi;
pub mod page;
mod parameters;
pub mod problem;
pub mod rate_limit;
pub mod remediations;
pub mod request_id;
pub mod runbooks;
pub mod server;
pub mod settings;
mod stream;
pub mod suggest;
pub mod trace;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    middleware::from_fn_with_state,
    routing::{get, post},
};
use tokio::sync::Semaphore;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;

use self::{
    log_level::LogControl,
    metrics::Metrics,
    problem::{Code, Problem},
    rate_limit::Limits,
    settings::Lifecycle,
};
use crate::pipeline::Stages;

pub use self::settings::HttpSettings;

/// Every path is also served under this one.
pub const PREFIX: &str = "/api/v1";

/// What every handler can reach.
pub struct Shared {
    pub stages: Arc<Stages>,
    pub metrics: Metrics,
    pub lifecycle: Lifecycle,
    pub log: LogControl,
    pub permits: Arc<Semaphore>,
    /// Notifications of alerts that are read at the same time.
    pub notifications: Semaphore,
    pub limits: Limits,
    /// Whether `/metrics` asks nobody who they are.
    pub metrics_public: bool,
    /// Whether only this machine reaches the service.
    pub is_loopback: bool,
    pub body_deadline: Duration,
    pub work_deadline: Duration,
}

/// A body has to arrive in this time, however long its work may take.
const BODY_DEADLINE: Duration = Duration::from_secs(10);

/// Work on a body up to this size takes less time than handing it to another thread.
const INLINE_BYTES: usize = 32 << 10;

/// The whole service, ready for requests.
pub fn router(stages: Arc<Stages>, settings: HttpSettings) -> Router {
    let shared = Arc::new(Shared::new(stages, &settings));
    let routes = routes(&shared);
    layered(Router::new().merge(routes.clone()).nest(PREFIX, routes), shared, &settings)
}

/// Puts around `routes` what every request passes; see `middleware.rs` for the order.
pub fn layered(routes: Router<Arc<Shared>>, shared: Arc<Shared>, settings: &HttpSettings) -> Router {
    let router = routes
        .fallback(|| async { Problem::of(Code::NotFound) })
        .method_not_allowed_fallback(|| async { Problem::of(Code::MethodNotAllowed) })
        .layer(
            ServiceBuilder::new()
                .layer(CatchPanicLayer::custom(middleware::panicked))
                .layer(middleware::compression())
                .layer(from_fn_with_state(Arc::clone(&shared), authentication::guard)),
        );
    let router = match middleware::cors(&settings.cors_origins) {
        Some(cors) => router.layer(cors),
        None => router,
    };
    router.layer(from_fn_with_state(Arc::clone(&shared), middleware::envelope)).with_state(shared)
}

/// Every path that is served, as the router and the OpenAPI document write it.
pub const PATHS: &[&str] = &[
    "/diagnose",
    "/suggest-runbook",
    "/runbooks",
    "/runbooks/{*id}",
    "/cluster-health",
    "/incidents",
    "/incidents/stats",
    "/incidents/{id}",
    "/incidents/{id}/timeline",
    "/incidents/{id}/notes",
    "/incidents/{id}/acknowledge",
    "/incidents/{id}/resolve",
    "/webhooks/alertmanager",
    "/remediations",
    "/remediations/pause",
    "/remediations/resume",
    "/remediations/{id}",
    "/remediations/{id}/approve",
    "/remediations/{id}/reject",
    "/remediations/{id}/undo",
    "/",
    "/health",
    "/livez",
    "/readyz",
    "/metrics",
    "/log-level",
    "/openapi.json",
    "/docs",
    "/problems/{code}",
];

fn routes(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    // These do work, so they are limited: per client, and in how many run at once.
    let working = Router::new()
        .route("/diagnose", post(diagnose::handler))
        .route("/suggest-runbook", post(suggest::handler))
        .route("/runbooks", get(runbooks::list))
        .route("/runbooks/{*id}", get(runbooks::read))
        .route("/cluster-health", get(cluster_health::handler))
        .route("/incidents", get(incidents::list))
        .route("/incidents/stats", get(incidents::stats))
        .route("/incidents/{id}", get(incidents::read))
        .route("/incidents/{id}/timeline", get(incidents::timeline))
        .route("/incidents/{id}/notes", post(incidents::note))
        .route("/incidents/{id}/acknowledge", post(incidents::acknowledge))
        .route("/incidents/{id}/resolve", post(incidents::resolve))
        .route("/remediations", get(remediations::list).post(remediations::propose))
        .route("/remediations/pause", post(remediations::pause))
        .route("/remediations/resume", post(remediations::resume))
        .route("/remediations/{id}", get(remediations::read))
        .route("/remediations/{id}/approve", post(remediations::approve))
        .route("/remediations/{id}/reject", post(remediations::reject))
        .route("/remediations/{id}/undo", post(remediations::undo))
        .route("/log-level", get(log_level::read).post(log_level::change))
        .route_layer(
            ServiceBuilder::new()
                .layer(from_fn_with_state(Arc::clone(shared), rate_limit::limit))
                .layer(from_fn_with_state(Arc::clone(shared), middleware::admission))
                .layer(from_fn_with_state(Arc::clone(shared), idempotency::once)),
        );
    // What is refused here for its number would be lost: its own queue is its limit.
    let webhooks = Router::new().route("/webhooks/alertmanager", post(alertmanager::handler));
    // These answer whatever happens.
    let always = Router::new()
        .route("/", get(page::home))
        .route("/health", get(health::health))
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(metrics::page))
        .route("/openapi.json", get(openapi::json))
        .route("/docs", get(openapi::docs))
        .route("/problems/{code}", get(openapi::problem));
    working.merge(webhooks).merge(always)
}

/// The routes as metrics name them: with and without the prefix.
fn route_names() -> Vec<String> {
    let prefixed = |path: &str| if path == "/" { PREFIX.to_owned() } else { format!("{PREFIX}{path}") };
    PATHS.iter().flat_map(|path| [(*path).to_owned(), prefixed(path)]).collect()
}

impl Shared {
    pub fn new(stages: Arc<Stages>, settings: &HttpSettings) -> Self {
        Self {
            stages,
            metrics: Metrics::new(route_names().iter().map(String::as_str)),
            lifecycle: settings.lifecycle.clone(),
            log: settings.log.clone(),
            permits: Arc::new(Semaphore::new(
                usize::try_from(settings.max_concurrent_requests).unwrap_or(Semaphore::MAX_PERMITS),
            )),
            notifications: Semaphore::new(alertmanager::AT_ONCE),
            limits: Limits::new(settings),
            metrics_public: settings.metrics_public,
            is_loopback: settings.is_loopback(),
            body_deadline: settings.request_timeout().min(BODY_DEADLINE),
            work_deadline: settings.request_timeout(),
        }
    }

    /// When an answer has to be ready, so that it still goes out before the request's time is up.
    pub fn answer_by(&self) -> tokio::time::Instant {
        tokio::time::Instant::now() + self.work_deadline.mul_f32(0.9)
    }

    /// Does `work`: here when it is small, else on a thread that may be busy for long.
    pub async fn work<T, Doing>(
        &self,
        size_bytes: usize,
        work: impl FnOnce(Arc<Stages>) -> Doing + Send + 'static,
    ) -> Result<T, Problem>
    where
        T: Send + 'static,
        Doing: Future<Output = T> + Send + 'static,
    {
        let stages = Arc::clone(&self.stages);
        if size_bytes <= INLINE_BYTES {
            return tokio::time::timeout(self.work_deadline, work(stages)).await.map_err(|_| Problem::of(Code::Timeout));
        }
        let runtime = tokio::runtime::Handle::current();
        let work = trace::here(work(stages));
        let task = tokio::task::spawn_blocking(move || runtime.block_on(work));
        match tokio::time::timeout(self.work_deadline, task).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_)) => Err(Problem::of(Code::Internal)),
            Err(_) => Err(Problem::of(Code::Timeout)),
        }
    }
}
