//! Bad input: the right status, a stable code, and a pointer to what is wrong.

use axum::{
    body::Body,
    http::{Method, Request},
};
use serde_json::{Value, json};

use crate::support::{TestApp, json_request};

const MAX_TEXT: usize = 256 << 10;

#[tokio::test]
async fn fields_that_are_wrong_are_pointed_at() {
    let app = TestApp::new();
    let with = |name: &str, value: Value| {
        let mut body = json!({"error_message": "OOMKilled"});
        body[name] = value;
        body
    };
    let cases = [
        (json!({}), "#/error_message"),
        (json!([]), "#"),
        (json!("OOMKilled"), "#"),
        (json!(null), "#"),
        (with("error_message", json!("")), "#/error_message"),
        (with("error_message", json!(" \n\t\u{a0}")), "#/error_message"),
        (with("error_message", json!(null)), "#/error_message"),
        (with("error_message", json!(137)), "#/error_message"),
        (with("error_message", json!(["OOMKilled"])), "#/error_message"),
        (with("logs", json!({})), "#/logs"),
        (with("namespace", json!("Production")), "#/namespace"),
        (with("namespace", json!("a".repeat(254))), "#/namespace"),
        (with("pod_name", json!("$(reboot)")), "#/pod_name"),
        (with("pod_name", json!("a; rm -rf /")), "#/pod_name"),
        (with("deployment_name", json!("-a")), "#/deployment_name"),
        (with("deployment_name", json!("")), "#/deployment_name"),
        (with("container", json!(1)), "#/container"),
        (with("include_cluster_health", json!("yes")), "#/include_cluster_health"),
        (with("use_llm", json!(1)), "#/use_llm"),
        (with("target", json!("pod/a")), "#/target"),
        (with("target", json!({"name": "A B"})), "#/target/name"),
        (with("target", json!({"namespace": "a/b"})), "#/target/namespace"),
        (with("target", json!({"kind": "pod/x"})), "#/target/kind"),
        (with("target", json!({"label_selector": "app=a; rm"})), "#/target/label_selector"),
        (with("target", json!({"nmae": "a"})), "#/target/nmae"),
        (with("eror_message", json!("a")), "#/eror_message"),
        (with("a/b~c d", json!(1)), "#/a~1b~0c%20d"),
    ];
    for (body, pointer) in cases {
        let answer = app.post("/diagnose", &body).await;
        assert_eq!(answer.problem(), (422, "invalid-request".to_owned(), vec![pointer.to_owned()]), "{body}");
    }
    for top_k in [json!(0), json!(21), json!(-1), json!(1.5), json!("3"), json!(1e300)] {
        let answer = app.post("/suggest-runbook", &with("top_k", top_k.clone())).await;
        assert_eq!(answer.problem(), (422, "invalid-request".to_owned(), vec!["#/top_k".to_owned()]), "{top_k}");
    }
}

#[tokio::test]
async fn all_wrong_fields_are_named_at_once_but_not_without_end() {
    let app = TestApp::new();
    let answer = app.post("/diagnose", &json!({"namespace": 1, "x": 2, "target": {"name": "", "y": 3}})).await;
    let mut pointers = answer.problem().2;
    pointers.sort();
    assert_eq!(pointers, ["#/error_message", "#/namespace", "#/target/name", "#/target/y", "#/x"]);
    let many: serde_json::Map<_, _> = (0..20_000).map(|n| (format!("field{n}"), json!(n))).collect();
    let answer = app.post("/diagnose", &Value::Object(many)).await;
    assert!(answer.problem().2.len() <= 16 && answer.body.len() < 8192);
}

#[tokio::test]
async fn a_field_given_twice_is_refused() {
    let app = TestApp::new();
    for (body, pointer) in [
        (r#"{"error_message":"a","error_message":"b"}"#, "#/error_message"),
        (r#"{"error_message":"a","logs":null,"logs":null,"logs":"x"}"#, "#/logs"),
        (r#"{"error_message":"a","target":{"name":"a","name":"b"}}"#, "#/target/name"),
    ] {
        assert_eq!(
            app.post_text("/diagnose", body).await.problem(),
            (422, "invalid-request".to_owned(), vec![pointer.to_owned()])
        );
    }
}

#[tokio::test]
async fn what_is_not_json_is_refused() {
    let app = TestApp::new();
    let deep = "{\"target\":".repeat(40_000);
    for body in [
        "",
        "{",
        "OOMKilled",
        "{\"error_message\":\"a\"} x",
        "{'error_message':'a'}",
        "{\"error_message\":\"\\ud800\"}",
        "{\"a\":1e999}",
        &deep,
    ] {
        let (status, code, _) = app.post_text("/diagnose", body.to_owned()).await.problem();
        assert_eq!((status, code.as_str()), (400, "invalid-json"), "{}", &body[..body.len().min(80)]);
    }
    let not_utf8 = b"{\"error_message\":\"\xff\xfe\"}".to_vec();
    let deep_array = format!("{{\"error_message\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(app.post_text("/diagnose", deep_array).await.problem().0, 422);
    assert_eq!(app.post_text("/diagnose", not_utf8).await.problem().1, "invalid-utf8");
}

#[tokio::test]
async fn texts_and_bodies_have_a_largest_size() {
    let app = TestApp::new();
    let fits = app.post("/suggest-runbook", &json!({"error_message": "x".repeat(MAX_TEXT)})).await;
    assert_eq!(fits.status, 200);
    for (name, length) in [("error_message", MAX_TEXT + 1), ("error_message", 300 << 10), ("logs", MAX_TEXT + 1)] {
        let mut body = json!({"error_message": "a"});
        body[name] = json!("x".repeat(length));
        assert_eq!(app.post("/diagnose", &body).await.problem(), (413, "text-too-long".to_owned(), vec![format!("#/{name}")]));
    }
    let body = app.post("/diagnose", &json!({"error_message": "x".repeat(700 << 10)})).await;
    assert_eq!(body.problem(), (413, "body-too-large".to_owned(), vec![]));
}

#[tokio::test]
async fn only_json_in_utf8_is_read() {
    let app = TestApp::new();
    let send = async |content_type: Option<&str>| {
        let mut request = json_request("/diagnose", r#"{"error_message":"OOMKilled"}"#);
        match content_type {
            Some(content_type) => _ = request.headers_mut().insert("content-type", content_type.parse().expect("a header")),
            None => _ = request.headers_mut().remove("content-type"),
        }
        app.send(request).await
    };
    for good in
        ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=\"UTF-8\"", "application/vnd.api+json"]
    {
        assert_eq!(send(Some(good)).await.status, 200, "{good}");
    }
    for bad in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("application/json; charset=latin1"),
        Some("application/+json"),
        Some("json"),
    ] {
        assert_eq!(send(bad).await.problem().1, "unsupported-media-type", "{bad:?}");
    }
    let mut zipped = json_request("/diagnose", "x");
    zipped.headers_mut().insert("content-encoding", "gzip".parse().expect("a header"));
    assert_eq!(app.send(zipped).await.problem().0, 415);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_told_apart() {
    let app = TestApp::new();
    for path in
        ["/nothing", "/api/v1/nothing", "/api/v2/diagnose", "/diagnose/x", "/runbooks/nothing", "/problems/nothing", "//", "/%ff"]
    {
        assert_eq!(app.get(path).await.problem().0, 404, "{path}");
    }
    assert_eq!(app.get("/runbooks/nothing").await.problem().1, "runbook-not-found");
    assert_eq!(app.get("/runbooks/%ff").await.problem().1, "invalid-path");
    for (method, path, allow) in [
        (Method::GET, "/diagnose", "POST"),
        (Method::DELETE, "/api/v1/diagnose", "POST"),
        (Method::PUT, "/suggest-runbook", "POST"),
        (Method::POST, "/health", "GET,HEAD"),
        (Method::OPTIONS, "/runbooks/oomkilled", "GET,HEAD"),
    ] {
        let request = Request::builder().method(method.clone()).uri(path).body(Body::empty()).expect("a request");
        let answer = app.send(request).await;
        assert_eq!(answer.header("allow"), allow, "{method} {path}");
        assert_eq!(answer.problem(), (405, "method-not-allowed".to_owned(), vec![]), "{method} {path}");
    }
}
