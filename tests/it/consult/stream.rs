//! The answer as events.

use axum::body::Body;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{good_reply, request};
use crate::support::{
    TestApp, json_request,
    model::{FakeModel, answer, body, late},
    settings,
};

/// Name and data of each event.
fn events(text: &str) -> Vec<(String, Value)> {
    let field =
        |event: &str, name: &str| event.lines().find_map(|line| line.strip_prefix(name).map(str::trim).map(str::to_owned));
    let events = text.split("\n\n").filter(|event| !event.trim().is_empty() && !event.starts_with(':'));
    events
        .map(|event| {
            let data = field(event, "data:").expect("data");
            (field(event, "event:").expect("a name"), serde_json::from_str(&data).expect("JSON"))
        })
        .collect()
}

#[tokio::test]
async fn steps_come_first_and_the_json_answer_last() {
    let model = FakeModel::gemini(good_reply()).await;
    let app = TestApp::asking(&model.settings());
    let streamed = app.post_as("/diagnose", &request(), "text/event-stream").await;
    assert_eq!((streamed.status.as_u16(), streamed.header("content-type")), (200, "text/event-stream"));
    assert_eq!(streamed.header("cache-control"), "no-store");
    assert!(streamed.text().contains("id: 1\n") && streamed.text().contains("retry: 3000"), "{}", streamed.text());
    let events = events(&streamed.text());
    let mut names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    names.dedup();
    assert_eq!(names, ["accepted", "finding", "evidence", "runbook", "llm", "diagnosis", "done"]);
    assert_eq!(events[0].1["request_id"], streamed.header("x-request-id"));
    let plain = app.post("/diagnose", &request()).await.json();
    let mut last = events[events.len() - 2].1.clone();
    for field in ["request_id", "timestamp", "timings_ms", "llm"] {
        last[field] = plain[field].clone();
    }
    assert_eq!(last, plain);
}

#[tokio::test]
async fn a_refusal_is_a_problem_and_no_stream() {
    let app = TestApp::new();
    let answer = app.post_as("/diagnose", &json!({"error_message": ""}), "text/event-stream").await;
    assert_eq!(answer.problem().0, 422);
}

#[tokio::test]
async fn work_that_takes_too_long_ends_in_an_error_event() {
    let model = FakeModel::scripted(faultline::reason::dialect::Dialect::Gemini, [late(body(200, &json!({})))]).await;
    let http = faultline::http::HttpSettings { request_timeout_seconds: 1, ..settings() };
    let app = TestApp::asking_about(&model.settings(), faultline::cluster::Cluster::none(), http);
    let events = events(&app.post_as("/diagnose", &request(), "text/event-stream").await.text());
    let (name, last) = &events[events.len() - 2];
    assert_eq!((name.as_str(), last["llm"]["status"].as_str()), ("diagnosis", Some("unavailable")));
}

#[tokio::test]
async fn a_client_that_goes_away_takes_the_work_with_it() {
    let model = FakeModel::scripted(
        faultline::reason::dialect::Dialect::Gemini,
        [late(answer(faultline::reason::dialect::Dialect::Gemini, &good_reply()))],
    )
    .await;
    let http = faultline::http::HttpSettings { max_concurrent_requests: 1, ..settings() };
    let app = TestApp::asking_about(&model.settings(), faultline::cluster::Cluster::none(), http);
    let mut ask = json_request("/diagnose", request().to_string());
    ask.headers_mut().insert("accept", "text/event-stream".parse().expect("a header"));
    let mut response = app.router.clone().oneshot(ask).await.expect("never fails");
    response.body_mut().frame().await.expect("an event").expect("no error");
    // Its place is taken as long as its events are being written ...
    assert_eq!(app.post("/diagnose", &json!({"error_message": "OOMKilled", "use_llm": false})).await.problem().1, "overloaded");
    drop::<axum::response::Response<Body>>(response);
    // ... and free once the client is gone.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(app.post("/diagnose", &json!({"error_message": "OOMKilled", "use_llm": false})).await.status, 200);
}
