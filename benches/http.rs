//! What stands around a handler costs: who calls, how often, and whether it was asked before. The same short diagnosis each time, from
//! memory, so that the difference between two lines is the price.

use std::sync::{Arc, LazyLock};

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
};
use clap::Parser;
use divan::Bencher;
use faultline::{
    app,
    auth::{Auth, AuthMode, AuthSettings, NewKey},
    config::KnowledgeSettings,
    domain::caller::Role,
    http::{self, HttpSettings},
};
use http_body_util::BodyExt;
use tower::ServiceExt;

fn main() {
    divan::main();
}

static RUNTIME: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_current_thread().enable_all().build().expect("threads"));

#[derive(Parser)]
struct Only {
    #[command(flatten)]
    http: HttpSettings,
}

fn service(auth: Auth, requests: u32) -> Router {
    let mut stages = app::stages_without_cluster(&KnowledgeSettings::default()).expect("the built-in parts are sound");
    stages.auth = Arc::new(auth);
    let mut settings = Only::parse_from(["bench"]).http;
    settings.rate_limit_requests = requests;
    http::router(Arc::new(stages), settings)
}

/// A service with a hundred keys, and one of them.
fn keyed(requests: u32) -> (Router, String) {
    let file = std::env::temp_dir().join(format!("faultline-bench-{}.yaml", std::process::id()));
    let keys: Vec<NewKey> = (0..100).map(|n| NewKey::make(&format!("caller-{n}"), Role::Developer).expect("a name")).collect();
    let text = keys.iter().map(|key| key.entry.as_str()).collect::<Vec<_>>().join("\n");
    std::fs::write(&file, text).expect("a file");
    let settings = AuthSettings { auth_mode: AuthMode::ApiKey, api_keys_file: Some(file.clone()), ..AuthSettings::default() };
    let auth = Auth::open(&settings).expect("good keys");
    std::fs::remove_file(file).expect("the file is there");
    (service(auth, requests), keys[50].key.clone())
}

/// What a client is left: the limit of a benchmark never ends.
const ENDLESS: u32 = 1_000_000;

fn ask(bencher: Bencher<'_, '_>, router: &Router, headers: &[(&str, &str)], wanted: StatusCode) {
    bencher
        .with_inputs(|| {
            let mut request = Request::post("/diagnose").header("content-type", "application/json");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            request.body(Body::from(r#"{"error_message":"OOMKilled"}"#)).expect("a request")
        })
        .bench_local_values(|request| {
            RUNTIME.block_on(async {
                let answer = router.clone().oneshot(request).await.expect("an answer");
                assert_eq!(answer.status(), wanted);
                answer.into_body().collect().await.expect("a body").to_bytes()
            })
        });
}

#[divan::bench]
fn a_nobody_asked_no_limit(bencher: Bencher<'_, '_>) {
    ask(bencher, &service(Auth::none(), 0), &[], StatusCode::OK);
}

#[divan::bench]
fn b_nobody_asked_limited(bencher: Bencher<'_, '_>) {
    ask(bencher, &service(Auth::none(), ENDLESS), &[], StatusCode::OK);
}

#[divan::bench]
fn c_one_of_a_hundred_keys_limited(bencher: Bencher<'_, '_>) {
    let (router, key) = keyed(ENDLESS);
    ask(bencher, &router, &[("x-api-key", &key)], StatusCode::OK);
}

#[divan::bench]
fn d_no_key_refused(bencher: Bencher<'_, '_>) {
    let (router, _) = keyed(ENDLESS);
    ask(bencher, &router, &[], StatusCode::UNAUTHORIZED);
}

#[divan::bench]
fn e_answered_again_by_its_key(bencher: Bencher<'_, '_>) {
    ask(bencher, &service(Auth::none(), ENDLESS), &[("idempotency-key", "k-1")], StatusCode::OK);
}
