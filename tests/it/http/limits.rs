//! How much one client, and all together, may ask.

use std::{
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::ConnectInfo,
    http::Request,
};
use hyper::body::Frame;
use serde_json::json;

use crate::support::{Answer, TestApp, json_request, settings};

fn limited(requests: u32, proxies: &str) -> TestApp {
    let mut settings = settings();
    settings.rate_limit_requests = requests;
    settings.trusted_proxies = proxies.parse().expect("proxies");
    TestApp::with(settings)
}

async fn ask(app: &TestApp, peer: &str, forwarded: &str) -> Answer {
    let mut request = json_request("/suggest-runbook", r#"{"error_message":"OOMKilled"}"#);
    let peer: SocketAddr = peer.parse().expect("an address");
    request.extensions_mut().insert(ConnectInfo(peer));
    request.headers_mut().insert("x-forwarded-for", forwarded.parse().expect("a header"));
    app.send(request).await
}

#[tokio::test]
async fn a_client_over_its_limit_is_told_when_to_come_back() {
    let app = limited(3, "");
    for left in [2, 1, 0] {
        let answer = ask(&app, "192.0.2.1:1000", "").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("ratelimit-policy"), "\"default\";q=3;w=60");
        assert!(answer.header("ratelimit").starts_with(&format!("\"default\";r={left};t=")), "{answer:?}");
        assert_eq!(answer.header("x-ratelimit-limit"), "3");
    }
    // The client's port and forwarded header change nothing.
    let refused = ask(&app, "192.0.2.1:2000", "198.51.100.1").await;
    assert_eq!(refused.problem(), (429, "rate-limited".to_owned(), vec![]));
    let wait: u64 = refused.header("retry-after").parse().expect("seconds");
    assert!((1..=21).contains(&wait), "{wait}");
    assert!(refused.header("ratelimit").starts_with("\"default\";r=0;t=60"), "{refused:?}");
    assert_eq!(refused.header("x-ratelimit-after"), wait.to_string());
    assert_eq!(ask(&app, "192.0.2.2:1000", "").await.status, 200, "another client has its own limit");
    for path in ["/health", "/livez", "/readyz", "/metrics", "/docs", "/openapi.json"] {
        let mut request = Request::get(path).body(Body::empty()).expect("a request");
        request.extensions_mut().insert(ConnectInfo::<SocketAddr>("192.0.2.1:1000".parse().expect("an address")));
        assert_eq!(app.send(request).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn both_prefixes_and_all_working_paths_share_one_limit() {
    let app = limited(2, "");
    assert_eq!(app.get("/runbooks").await.status, 200);
    assert_eq!(app.post("/api/v1/diagnose", &json!({"error_message": "OOMKilled"})).await.status, 200);
    assert_eq!(app.get("/runbooks/oomkilled").await.status, 429);
    assert_eq!(app.get("/api/v1/runbooks").await.status, 429);
}

#[tokio::test]
async fn only_a_trusted_proxy_names_the_client() {
    let app = limited(1, "10.0.0.0/8");
    assert_eq!(ask(&app, "10.0.0.1:1", "198.51.100.1").await.status, 200);
    assert_eq!(ask(&app, "10.0.0.2:1", "6.6.6.6, 198.51.100.1").await.status, 429, "what the client wrote itself does not count");
    assert_eq!(ask(&app, "10.0.0.1:1", "198.51.100.2").await.status, 200);
}

#[tokio::test]
async fn one_ipv6_network_is_one_client() {
    let app = limited(1, "");
    assert_eq!(ask(&app, "[2001:db8:0:1::1]:1", "").await.status, 200);
    assert_eq!(ask(&app, "[2001:db8:0:1:ffff::2]:1", "").await.status, 429);
    assert_eq!(ask(&app, "[2001:db8:0:2::1]:1", "").await.status, 200);
}

/// A body that never arrives.
struct Never;

impl HttpBody for Never {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Pending
    }
}

#[tokio::test]
async fn one_request_too_many_is_shed_at_once() {
    let mut settings = settings();
    settings.max_concurrent_requests = 1;
    let app = TestApp::with(settings);
    let body = json!({"error_message": "OOMKilled"});
    let mut slow = Box::pin(app.send(json_request("/diagnose", Body::new(Never))));
    let first = tokio::select! {
        biased;
        _ = &mut slow => panic!("its body never arrives"),
        answer = app.post("/diagnose", &body) => answer,
    };
    assert_eq!(first.problem(), (503, "overloaded".to_owned(), vec![]));
    assert_eq!(first.header("retry-after"), "1");
    assert_eq!(app.get("/readyz").await.status, 200);
    drop(slow);
    assert_eq!(app.post("/diagnose", &body).await.status, 200, "its place is free again");
}

#[tokio::test]
async fn a_body_that_never_arrives_is_given_up() {
    let mut settings = settings();
    settings.request_timeout_seconds = 1;
    let answer = TestApp::with(settings).send(json_request("/diagnose", Body::new(Never))).await;
    assert_eq!(answer.problem(), (408, "body-timeout".to_owned(), vec![]));
}
