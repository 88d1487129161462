//! What every answer has, whatever it says.

use std::sync::Arc;

use axum::{Router, body::Body, http::Request, routing::get};
use faultline::http::{self, Shared};
use serde_json::json;

use crate::support::{TestApp, json_request, settings, stages};

#[tokio::test]
async fn every_answer_has_an_id_and_safe_headers() {
    let app = TestApp::new();
    let answers = [
        app.get("/health").await,
        app.get("/docs").await,
        app.get("/nothing").await,
        app.post("/health", &json!({})).await,
        app.post("/diagnose", &json!({"error_message": "OOMKilled"})).await,
        app.post("/diagnose", &json!({})).await,
        app.post("/diagnose", &json!({"error_message": "x".repeat(700 << 10)})).await,
    ];
    for answer in answers {
        assert_eq!(answer.header("x-request-id").len(), 36, "{answer:?}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
    }
    assert_eq!(app.post("/diagnose", &json!({"error_message": "OOMKilled"})).await.header("cache-control"), "no-store");
}

#[tokio::test]
async fn a_harmless_request_id_is_kept() {
    let app = TestApp::new();
    let send = async |id: &[u8]| {
        let mut request = json_request("/diagnose", r#"{"error_message":"OOMKilled"}"#);
        request.headers_mut().insert("x-request-id", axum::http::HeaderValue::from_bytes(id).expect("a header"));
        app.send(request).await
    };
    let longest = "a".repeat(128);
    for id in ["a1b2c3d4", "A.b-c_9", longest.as_str()] {
        let answer = send(id.as_bytes()).await;
        assert_eq!(answer.header("x-request-id"), id);
        assert_eq!(answer.json()["request_id"], id);
    }
    let too_long = "a".repeat(129);
    for id in ["", "a b", "a\"b", "<script>", "a/b", "\u{e9}", too_long.as_str()] {
        assert_eq!(send(id.as_bytes()).await.header("x-request-id").len(), 36, "{id}");
    }
}

#[tokio::test]
async fn a_panic_is_a_problem_without_its_text() {
    async fn panics() {
        panic!("secret text of a client")
    }
    let settings = settings();
    let shared = Arc::new(Shared::new(stages(), &settings));
    let router = http::layered(Router::new().route("/panic", get(panics)), shared, &settings);
    let answer = TestApp { router }.get("/panic").await;
    assert_eq!(answer.problem(), (500, "internal".to_owned(), vec![]));
    assert!(!answer.text().contains("secret"));
}

#[tokio::test]
async fn readiness_ends_when_stopping_begins() {
    let settings = settings();
    let lifecycle = settings.lifecycle.clone();
    let app = TestApp::with(settings);
    assert_eq!(app.get("/readyz").await.json(), json!({"status": "ready"}));
    lifecycle.begin_stopping();
    let answer = app.get("/readyz").await;
    assert_eq!(answer.problem(), (503, "shutting-down".to_owned(), vec![]));
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(app.get("/livez").await.json(), json!({"status": "ok"}));
    assert_eq!(app.post("/diagnose", &json!({"error_message": "OOMKilled"})).await.status, 200);
}

#[tokio::test]
async fn health_tells_what_there_is() {
    let health = TestApp::new().get("/health").await.json();
    assert_eq!(health["status"], "ok");
    assert_eq!(health["service"], "faultline");
    assert_eq!((&health["k8s_connected"], &health["llm_configured"]), (&json!(false), &json!(false)));
    assert!(health["rules"].as_u64() >= Some(40) && health["runbooks"].as_u64() >= Some(40), "{health}");
}

#[tokio::test]
async fn large_answers_are_compressed_for_those_who_ask() {
    let app = TestApp::new();
    let send = async |path: &str, accepted: &str| {
        app.send(Request::get(path).header("accept-encoding", accepted).body(Body::empty()).expect("a request")).await
    };
    let zipped = send("/openapi.json", "gzip").await;
    assert_eq!(zipped.header("content-encoding"), "gzip");
    assert!(zipped.body.starts_with(&[0x1f, 0x8b]));
    assert_eq!(send("/openapi.json", "identity").await.header("content-encoding"), "");
    assert_eq!(send("/health", "gzip").await.header("content-encoding"), "");
}

#[tokio::test]
async fn pages_of_other_origins_may_call_only_where_allowed() {
    let origin = "https://backstage.example.com";
    let preflight = || {
        let request = Request::options("/diagnose").header("origin", origin).header("access-control-request-method", "POST");
        request.header("access-control-request-headers", "content-type").body(Body::empty()).expect("a request")
    };
    assert_eq!(TestApp::new().send(preflight()).await.header("access-control-allow-origin"), "");

    let app = |origins: &str| {
        let mut settings = settings();
        settings.cors_origins = origins.parse().expect("origins");
        TestApp::with(settings)
    };
    let allowed = app("https://backstage.example.com,http://localhost:3000").send(preflight()).await;
    assert_eq!(allowed.status, 200);
    assert_eq!(allowed.header("access-control-allow-origin"), origin);
    assert_eq!(allowed.header("access-control-allow-methods"), "GET,HEAD,POST");
    assert_eq!(allowed.header("access-control-allow-credentials"), "");
    assert_eq!(app("https://other.example").send(preflight()).await.header("access-control-allow-origin"), "");
    assert_eq!(app("*").send(preflight()).await.header("access-control-allow-origin"), "*");

    let mut refused = json_request("/diagnose", "{}");
    refused.headers_mut().insert("origin", origin.parse().expect("a header"));
    let answer = app(origin).send(refused).await;
    assert_eq!((answer.problem().0, answer.header("access-control-allow-origin")), (422, origin));
    assert!(answer.header("access-control-expose-headers").contains("x-request-id"));
}
