//! A POST with a key is done once, however often it is sent.

use axum::{body::Body, http::Request};
use faultline::{
    app,
    cluster::Cluster,
    config::KnowledgeSettings,
    domain::replay::RequestKey,
    incidents::Records,
    pipeline::replays::{self, Begun, Given},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{OOM, keyed, with};
use crate::{
    store::bed::{Bed, at, sighting},
    support::{
        Answer, TestApp, json_request,
        kubernetes::{FakeApi, Fault, Rule},
    },
};

fn keyed_request(path: &str, body: impl Into<Body>, key: &str) -> Request<Body> {
    with(json_request(path, body), "idempotency-key", key)
}

async fn post(app: &TestApp, path: &str, body: &Value, key: &str) -> Answer {
    app.send(keyed_request(path, body.to_string(), key)).await
}

/// Apart from what every answer has of its own.
#[track_caller]
fn assert_is_again(first: &Answer, again: &Answer) {
    assert_eq!((again.header("idempotency-replayed"), first.header("idempotency-replayed")), ("true", ""));
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    for name in ["content-type", "etag", "vary"] {
        assert_eq!(again.header(name), first.header(name), "{name}");
    }
    assert_ne!(again.header("x-request-id"), first.header("x-request-id"));
}

#[tokio::test]
async fn the_same_request_has_the_same_answer() {
    let app = TestApp::new();
    let first = app.send(keyed_request("/diagnose", OOM, "k-same")).await;
    assert_eq!(first.status, 200);
    assert_is_again(&first, &app.send(keyed_request("/diagnose", OOM, "k-same")).await);
    assert_is_again(&first, &app.send(keyed_request("/api/v1/diagnose", OOM, "\"k-same\"")).await);
    let other = app.send(keyed_request("/diagnose", OOM, "k-other")).await;
    assert_eq!(other.header("idempotency-replayed"), "");
    assert_ne!(other.body, first.body, "its request id is another");

    let page = app.send(with(keyed_request("/diagnose", OOM, "k-page"), "accept", "text/markdown")).await;
    assert_eq!(page.header("content-type"), "text/markdown; charset=utf-8");
    assert_is_again(&page, &app.send(with(keyed_request("/diagnose", OOM, "k-page"), "accept", "text/markdown")).await);
    let runbooks = app.send(keyed_request("/suggest-runbook", OOM, "k-same")).await;
    assert_eq!((runbooks.status.as_u16(), runbooks.header("idempotency-replayed")), (200, ""), "another route");
}

#[tokio::test]
async fn a_key_belongs_to_one_request() {
    let app = TestApp::new();
    assert_eq!(app.send(keyed_request("/diagnose", OOM, "k-one")).await.status, 200);
    let other = post(&app, "/diagnose", &json!({"error_message": "OOMKilled", "namespace": "shop"}), "k-one").await;
    assert_eq!(other.problem(), (422, "idempotency-key-reused".to_owned(), vec![]));
    let form = app.send(with(keyed_request("/diagnose", OOM, "k-one"), "accept", "text/markdown")).await;
    assert_eq!(form.problem().0, 422, "another form of the answer is another request");
}

#[tokio::test]
async fn a_key_belongs_to_one_caller() {
    let door = keyed("auth-idempotency-callers");
    let send = async |key: &str| door.app.send(with(keyed_request("/diagnose", OOM, "k-shared"), "x-api-key", key)).await;
    let first = send(&door.developer).await;
    let other = send(&door.admin).await;
    assert_eq!((first.status.as_u16(), other.status.as_u16(), other.header("idempotency-replayed")), (200, 200, ""));
    assert_ne!(first.body, other.body);
    assert_is_again(&first, &send(&door.developer).await);
    assert_eq!(send(&door.viewer).await.problem().0, 403, "an answer is not for those who may not ask");
    assert_eq!(send("wrong").await.problem().0, 401);
}

#[tokio::test]
async fn what_failed_may_be_tried_again() {
    let app = TestApp::new();
    let wrong = post(&app, "/diagnose", &json!({"error": "OOMKilled"}), "k-failed").await;
    assert_eq!(wrong.problem().0, 422);
    let right = app.send(keyed_request("/diagnose", OOM, "k-failed")).await;
    assert_eq!((right.status.as_u16(), right.header("idempotency-replayed")), (200, ""));
}

#[tokio::test]
async fn keys_are_bounded() {
    let app = TestApp::new();
    let longest = "k".repeat(128);
    assert_eq!(app.send(keyed_request("/diagnose", OOM, &longest)).await.status, 200);
    let too_long = "k".repeat(129);
    for key in ["", "\"\"", "two words", "\"", too_long.as_str()] {
        let answer = app.send(keyed_request("/diagnose", OOM, key)).await;
        let is_quote = key == "\"";
        if is_quote {
            assert_eq!(answer.status, 200, "a lone quote is a text of one character");
        } else {
            assert_eq!(answer.problem(), (400, "invalid-idempotency-key".to_owned(), vec![]), "{key:?}");
        }
    }
    let twice = with(keyed_request("/diagnose", OOM, "k-1"), "idempotency-key", "k-2");
    assert_eq!(app.send(twice).await.problem().0, 400);
    let huge = app.send(keyed_request("/diagnose", "x".repeat(700 << 10), "k-huge")).await;
    assert_eq!(huge.problem().0, 413);
}

#[tokio::test]
async fn one_that_is_in_work_is_not_begun_again() {
    let api = FakeApi::zoo().with(Rule::always(Fault::Hang));
    let app = TestApp::looking_at(Cluster::of_client(api.client()));
    let body = json!({"error_message": "OOMKilled", "namespace": "oom", "pod_name": "api"});
    let mut slow = Box::pin(post(&app, "/diagnose", &body, "k-slow"));
    let second = tokio::select! {
        biased;
        _ = &mut slow => panic!("the cluster never answers"),
        answer = post(&app, "/diagnose", &body, "k-slow") => answer,
    };
    assert_eq!(second.problem(), (409, "idempotency-in-flight".to_owned(), vec![]));
    assert_eq!(second.header("retry-after"), "1");
    let another = json!({"error_message": "x"});
    let other = tokio::select! {
        biased;
        _ = &mut slow => panic!("the cluster never answers"),
        answer = post(&app, "/diagnose", &another, "k-slow") => answer,
    };
    assert_eq!(other.problem().0, 422);
}

#[tokio::test]
async fn a_stream_is_done_again() {
    let app = TestApp::new();
    for _ in 0..2 {
        let stream = app.send(with(keyed_request("/diagnose", OOM, "k-stream"), "accept", "text/event-stream")).await;
        assert_eq!((stream.status.as_u16(), stream.header("idempotency-replayed")), (200, ""));
        assert!(stream.text().contains("event: done"));
    }
}

/// Two replicas on one store: what one did, the other only tells.
pub async fn replicas_know_of_each_other(bed: Bed) {
    let incident = bed.store.incidents().record(&sighting("api", "OOMKilled"), at(1)).await.expect("it is recorded").incident_id;
    let one = TestApp::keeping(Records::of(bed.store.clone()), Cluster::none());
    let two = TestApp::keeping(Records::of(bed.other().await), Cluster::none());
    let note = json!({"text": "rolled back to v41", "author": "ada"});
    let path = format!("/incidents/{incident}/notes");
    let first = post(&one, &path, &note, "n-1").await;
    assert_eq!(first.status, 201);
    for app in [&two, &one, &two] {
        assert_is_again(&first, &post(app, &path, &note, "n-1").await);
    }
    assert_eq!(post(&two, &path, &json!({"text": "another"}), "n-1").await.problem().0, 422);
    let timeline = one.get(&format!("/incidents/{incident}/timeline")).await.json();
    let notes = timeline["entries"].as_array().expect("entries").iter().filter(|entry| entry["kind"] == "note").count();
    assert_eq!(notes, 1);
}

pub async fn answers_are_kept_for_a_day(bed: Bed) {
    let key = RequestKey { name: "n".to_owned(), request: "r".to_owned() };
    let given = Given {
        status: 201,
        headers: vec![("content-type".to_owned(), "text/plain".to_owned())],
        body: "done \u{1f44d}".to_owned(),
    };
    let replays = bed.store.replays();
    assert_eq!(replays.begin(&key, at(60), at(0)).await.expect("it answers"), Begun::First);
    assert_eq!(replays.begin(&key, at(99), at(59)).await.expect("it answers"), Begun::InWork);
    // Whoever had it in work died: another may.
    assert_eq!(replays.begin(&key, at(120), at(60)).await.expect("it answers"), Begun::First);
    replays.finish(&key, &given, at(1000)).await.expect("it is kept");
    assert_eq!(replays.begin(&key, at(2000), at(999)).await.expect("it answers"), Begun::Answered(given));
    let other = RequestKey { request: "other".to_owned(), ..key.clone() };
    assert_eq!(replays.begin(&other, at(2000), at(999)).await.expect("it answers"), Begun::Other);
    replays.release(&key).await.expect("it answers");
    assert!(matches!(replays.begin(&key, at(2000), at(999)).await, Ok(Begun::Answered(_))), "an answer is not released");
    assert_eq!(replays.begin(&key, at(2000), at(1000)).await.expect("it answers"), Begun::First, "its day is over");
    replays.release(&key).await.expect("it answers");
    assert_eq!(replays.begin(&other, at(2000), at(1001)).await.expect("it answers"), Begun::First, "it was released");
}

#[tokio::test]
async fn without_a_store_memory_is_bounded() {
    let stages = app::stages_without_cluster(&KnowledgeSettings::default()).expect("the built-in parts fit together");
    let beginning: Timestamp = "2026-03-01T12:00:00Z".parse().expect("a time");
    let begin = async |name: &str, seconds: i64| {
        let now = beginning + SignedDuration::from_secs(seconds);
        let key = RequestKey { name: name.to_owned(), request: "r".to_owned() };
        replays::begin(&stages, key, now + SignedDuration::from_secs(60), now).await
    };
    let given = |bytes: usize| Given { status: 200, headers: Vec::new(), body: "x".repeat(bytes) };
    for number in 0..20_000 {
        let (begun, ticket) = begin(&format!("small-{number}"), number / 100).await;
        assert_eq!(begun, Begun::First);
        replays::finish(&stages, ticket, given(10), beginning).await;
    }
    let (requests, bytes) = stages.replays.remembered();
    assert_eq!((requests, bytes), (4096, 40960));
    assert_eq!(begin("small-0", 300).await.0, Begun::First, "the oldest are forgotten");
    assert!(matches!(begin("small-19999", 300).await.0, Begun::Answered(_)));
    for number in 0..100 {
        let (_, ticket) = begin(&format!("large-{number}"), 300).await;
        replays::finish(&stages, ticket, given(1 << 20), beginning).await;
    }
    let (_, bytes) = stages.replays.remembered();
    assert!((1 << 20..=16 << 20).contains(&bytes), "{bytes}");
    for round in 0..20_000 {
        let (_, ticket) = begin("the same", 1000 + round).await;
        replays::release(&stages, ticket).await;
    }
    assert!(stages.replays.remembered().0 <= 4096);
}
