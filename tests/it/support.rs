//! The service as a client sees it, without a socket.

pub mod big_cluster;
pub mod cli;
pub mod collector;
pub mod kubernetes;
pub mod living;
pub mod model;
pub mod postgres;
pub mod qdrant;
pub mod serving;
pub mod words;

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderMap, Method, Request, StatusCode},
};
use faultline::{
    app,
    auth::Auth,
    cluster::Cluster,
    config::KnowledgeSettings,
    http::{self, HttpSettings, log_level::LogControl, settings::Lifecycle},
    incidents::Records,
    pipeline::Stages,
    reason::{
        client::Providers,
        model::{Model, ModelSettings, RedactNames},
        replies::Replies,
        settings::LlmSettings,
    },
};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

/// Made once, since it takes a while; nothing in it changes but the remembered answers.
static STAGES: LazyLock<Arc<Stages>> = LazyLock::new(|| {
    Arc::new(app::stages_without_cluster(&KnowledgeSettings::default()).expect("the built-in parts fit together"))
});

pub fn stages() -> Arc<Stages> {
    Arc::clone(&STAGES)
}

/// As they are by default, but without a limit per client.
pub fn settings() -> HttpSettings {
    HttpSettings {
        app_host: "127.0.0.1".to_owned(),
        app_port: 0,
        rate_limit_requests: 0,
        rate_limit_model_requests: 0,
        metrics_public: true,
        trusted_proxies: "".parse().expect("no proxies"),
        cors_origins: "".parse().expect("no origins"),
        max_concurrent_requests: 256,
        request_timeout_seconds: 30,
        shutdown_grace_seconds: 25,
        lifecycle: Lifecycle::default(),
        log: LogControl::default(),
    }
}

#[derive(Clone)]
pub struct TestApp {
    pub router: Router,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl TestApp {
    pub fn new() -> Self {
        Self::with(settings())
    }

    pub fn with(settings: HttpSettings) -> Self {
        Self { router: http::router(stages(), settings) }
    }

    /// The service with a cluster to look at.
    pub fn looking_at(cluster: Cluster) -> Self {
        let stages = app::stages_of(&KnowledgeSettings::default(), cluster).expect("the built-in parts fit together");
        Self { router: http::router(Arc::new(stages), settings()) }
    }

    /// The service with a model to ask, and no cluster.
    pub fn asking(model: &LlmSettings) -> Self {
        Self::asking_about(model, Cluster::none(), settings())
    }

    /// The same with a cluster to look at.
    pub fn asking_about(model: &LlmSettings, cluster: Cluster, settings: HttpSettings) -> Self {
        Self { router: http::router(Arc::new(Self::stages_asking(model, cluster)), settings) }
    }

    /// The service with a model to ask, and a store.
    pub fn asking_and_keeping(model: &LlmSettings, records: Records) -> Self {
        let mut stages = Self::stages_asking(model, Cluster::none());
        stages.records = Arc::new(records);
        Self { router: http::router(Arc::new(stages), settings()) }
    }

    fn stages_asking(model: &LlmSettings, cluster: Cluster) -> Stages {
        let stages = app::stages_of(&KnowledgeSettings::default(), cluster).expect("the built-in parts fit together");
        let model =
            ModelSettings { llm: model.clone(), prompts_dir: None, redact_names: RedactNames::Off, llm_cache_seconds: 3600 };
        let providers = Providers::from_settings(&model.llm).expect("settings that can be used").expect("a model");
        // No test waits for a pause between two tries.
        let replies = Replies::live(providers.paced_from(Duration::from_millis(1)), model.bounds());
        let model = Model::of(Model::prompts(&model).expect("the built-in prompts"), replies, &model);
        app::with(stages, model)
    }

    /// The service that asks who calls. `other` changes what else there is.
    pub fn guarded(auth: Auth, settings: HttpSettings, other: impl FnOnce(&mut Stages)) -> Self {
        let mut stages = app::stages_without_cluster(&KnowledgeSettings::default()).expect("the built-in parts fit together");
        stages.auth = Arc::new(auth);
        other(&mut stages);
        Self { router: http::router(Arc::new(stages), settings) }
    }

    /// The service with a store, and a cluster to look at where there is one.
    pub fn keeping(records: Records, cluster: Cluster) -> Self {
        let mut stages = app::stages_of(&KnowledgeSettings::default(), cluster).expect("the built-in parts fit together");
        stages.records = Arc::new(records);
        Self { router: http::router(Arc::new(stages), settings()) }
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.expect("the router never fails");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a body in memory").to_bytes();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.get_as(path, "*/*").await
    }

    pub async fn get_as(&self, path: &str, accept: &str) -> Answer {
        self.send(Request::get(path).header("accept", accept).body(Body::empty()).expect("a valid request")).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_text(path, body.to_string()).await
    }

    pub async fn post_text(&self, path: &str, body: impl Into<Body>) -> Answer {
        self.send(json_request(path, body)).await
    }

    pub async fn post_as(&self, path: &str, body: &Value, accept: &str) -> Answer {
        let mut request = json_request(path, body.to_string());
        request.headers_mut().insert("accept", accept.parse().expect("a valid header"));
        self.send(request).await
    }
}

pub fn json_request(path: &str, body: impl Into<Body>) -> Request<Body> {
    let request = Request::builder().method(Method::POST).uri(path).header("content-type", "application/json");
    request.body(body.into()).expect("a valid request")
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a readable header"))
    }

    /// The code and pointers of a problem, having checked what every problem has.
    #[track_caller]
    pub fn problem(&self) -> (u16, String, Vec<String>) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let problem = self.json();
        let text = |name: &str| problem[name].as_str().unwrap_or_else(|| panic!("{name} in {problem}")).to_owned();
        assert_eq!(problem["status"], self.status.as_u16());
        assert_eq!(text("request_id"), self.header("x-request-id"));
        assert_eq!(text("type"), format!("/problems/{}", text("code")));
        assert!(!text("title").is_empty() && !text("detail").is_empty() && text("instance").starts_with('/'));
        assert_eq!(self.header("cache-control"), "no-store");
        let errors = problem["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        let pointers = errors.iter().map(|error| error["pointer"].as_str().expect("a pointer").to_owned()).collect();
        (self.status.as_u16(), text("code"), pointers)
    }
}
