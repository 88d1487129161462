//! The door: what is taken, what is refused, and with which answer.

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use faultline::{
    cluster::Cluster,
    http,
    incidents::{Place, Records},
};
use serde_json::{Value, json};

use super::bed::{Alerting, PATH, firing, killed, notification, pod, stages};
use crate::{
    http::contract::conforms,
    store::bed::Bed,
    support::{TestApp, json_request, settings},
};

async fn alerting() -> Alerting {
    Alerting::on(Bed::sqlite().await)
}

#[tokio::test]
async fn a_notification_as_alertmanager_sends_it_is_taken() {
    let alerting = alerting().await;
    let mut alert = killed(&pod("cart", 1));
    alert["fingerprint"] = json!("c0ffee1234567890");
    let body = notification(&[alert]);
    conforms("AlertNotification", &body);
    let answer = alerting.app.post("/api/v1/webhooks/alertmanager", &body).await;
    assert_eq!(answer.status, 202);
    let accepted = answer.json();
    conforms("AlertsAccepted", &accepted);
    assert_eq!(accepted["request_id"], answer.header("x-request-id"));
    assert_eq!(accepted["alerts"], json!([{"fingerprint": "c0ffee1234567890", "status": "queued", "incident_id": null}]));
    assert_eq!(alerting.waiting().await, 1);
}

#[tokio::test]
async fn what_is_unknown_is_left_alone_and_what_is_missing_has_a_default() {
    let alerting = alerting().await;
    let mut body = notification(&[
        json!({"labels": {"alertname": "A", "namespace": "shop"}, "colour": ["red"], "startsAt": null, "annotations": null}),
        json!({"labels": {}, "status": null}),
    ]);
    body["futureField"] = json!({"deep": [1, {"er": null}]});
    body.as_object_mut().expect("an object").remove("groupKey");
    let accepted = alerting.app.post(PATH, &body).await.json();
    // The first is what Prometheus computes for these labels: FNV-1a.
    assert_eq!(accepted["alerts"][0]["fingerprint"].as_str().map(str::len), Some(16));
    assert_eq!(accepted["alerts"][1]["fingerprint"], "cbf29ce484222325");
    assert_eq!(accepted["accepted"], 2);
    assert_eq!(alerting.send(&[]).await["accepted"], 0);
    let rounds = alerting.work().await;
    assert_eq!(rounds.iter().map(|round| round.fired).sum::<usize>(), 2);
}

#[tokio::test]
async fn what_is_wrong_is_pointed_at_and_nothing_is_taken() {
    let alerting = alerting().await;
    let good = firing("A", json!({}));
    let with = |name: &str, value: Value| {
        let mut wrong = good.clone();
        wrong[name] = value;
        notification(&[good.clone(), wrong])
    };
    let without_version = {
        let mut body = notification(&[]);
        body.as_object_mut().expect("an object").remove("version");
        body
    };
    let versioned = |version: Value| {
        let mut body = notification(std::slice::from_ref(&good));
        body["version"] = version;
        body
    };
    let cases = [
        (json!([]), "#"),
        (json!("firing"), "#"),
        (without_version, "#/version"),
        (versioned(json!("3")), "#/version"),
        (versioned(json!(4)), "#/version"),
        (json!({"version": "4"}), "#/alerts"),
        (json!({"version": "4", "alerts": {}}), "#/alerts"),
        (json!({"version": "4", "alerts": [], "groupKey": 7}), "#/groupKey"),
        (json!({"version": "4", "alerts": ["a"]}), "#/alerts/0"),
        (json!({"version": "4", "alerts": [{}]}), "#/alerts/0/labels"),
        (with("labels", json!([])), "#/alerts/1/labels"),
        (with("labels", json!({"a/b": 1})), "#/alerts/1/labels/a~1b"),
        (with("annotations", json!({"summary": {}})), "#/alerts/1/annotations/summary"),
        (with("status", json!("pending")), "#/alerts/1/status"),
        (with("startsAt", json!("yesterday")), "#/alerts/1/startsAt"),
        (with("endsAt", json!(17)), "#/alerts/1/endsAt"),
        (with("fingerprint", json!("a b")), "#/alerts/1/fingerprint"),
        (with("fingerprint", json!("a".repeat(129))), "#/alerts/1/fingerprint"),
    ];
    for (body, pointer) in cases {
        let answer = alerting.app.post(PATH, &body).await;
        assert_eq!(answer.problem(), (422, "invalid-request".to_owned(), vec![pointer.to_owned()]), "{body}");
    }
    let many: Vec<Value> = (0..500).map(|_| json!(1)).collect();
    assert_eq!(alerting.try_send(&many).await.problem().2.len(), 16);
    let deep = format!("{{\"version\":{}", "[".repeat(100_000));
    for body in ["", "{", "{\"version\":\"4\"} x", &deep] {
        assert_eq!(alerting.app.post_text(PATH, body.to_owned()).await.problem().1, "invalid-json");
    }
    assert_eq!(alerting.app.post_text(PATH, b"\"\xff\"".to_vec()).await.problem().1, "invalid-utf8");
    let large = json!({"version": "4", "alerts": [], "x": "x".repeat(2 << 20)});
    assert_eq!(alerting.app.post(PATH, &large).await.problem().1, "body-too-large");
    let fits = json!({"version": "4", "alerts": [], "x": "x".repeat((2 << 20) - 100)});
    assert_eq!(alerting.app.post(PATH, &fits).await.status, 202, "larger than any other body may be");
    assert_eq!(alerting.app.get(PATH).await.problem().0, 405);
    assert_eq!(alerting.waiting().await, 0);
}

#[tokio::test]
async fn alerts_that_are_no_trouble_are_skipped() {
    let alerting = alerting().await;
    let accepted =
        alerting.send(&[firing("Watchdog", json!({})), firing("A", json!({})), firing("InfoInhibitor", json!({}))]).await;
    assert_eq!(accepted["accepted"], 1);
    let statuses: Vec<_> = accepted["alerts"].as_array().expect("a list").iter().map(|one| one["status"].clone()).collect();
    assert_eq!(statuses, ["skipped", "queued", "skipped"]);
    assert_eq!(alerting.waiting().await, 1);
}

#[tokio::test]
async fn the_same_alert_waits_once() {
    let alerting = alerting().await;
    let alert = killed(&pod("cart", 1));
    let mut reordered = alert.clone();
    reordered["labels"] = json!({"container": "cart", "pod": pod("cart", 1), "namespace": "shop", "severity": "warning", "alertname": "CartKilled"});
    let first = alerting.send(&[alert]).await;
    let second = alerting.send(&[reordered]).await;
    assert_eq!(second["alerts"][0]["status"], "replaced");
    assert_eq!(first["alerts"][0]["fingerprint"], second["alerts"][0]["fingerprint"]);
    assert_eq!(alerting.waiting().await, 1);
    alerting.work().await;
    assert_eq!(alerting.incident().await.alerts, 1);
}

#[tokio::test]
async fn a_full_queue_is_a_503_and_takes_nothing() {
    let alerting = Alerting::with(Bed::sqlite().await, Cluster::none(), 2);
    alerting.send(&[killed(&pod("cart", 1))]).await;
    let answer = alerting.try_send(&[killed(&pod("cart", 2)), killed(&pod("cart", 3))]).await;
    assert_eq!(answer.problem(), (503, "alert-queue-full".to_owned(), vec![]));
    assert_eq!(answer.header("retry-after"), "15");
    assert_eq!(alerting.waiting().await, 1);
    alerting.work().await;
    alerting.send(&[killed(&pod("cart", 2)), killed(&pod("cart", 3))]).await;
}

#[tokio::test]
async fn without_a_store_it_is_a_503_with_the_reason() {
    let nowhere = Records::open(Place::Nowhere("there is no folder for it"), super::bed::now()).await.expect("a missing store");
    for (records, why) in [(Records::off(), "switched off"), (nowhere, "no folder")] {
        let app = TestApp { router: http::router(stages(records, Cluster::none(), 10), settings()) };
        let answer = app.post(PATH, &notification(&[killed("cart-0")])).await;
        assert_eq!(answer.problem().1, "no-store");
        assert!(answer.json()["detail"].as_str().expect("a text").contains(why), "{}", answer.text());
        assert!(!answer.header("retry-after").is_empty());
    }
    let alerting = alerting().await;
    alerting.bed.execute("DROP TABLE alert_queue").await.expect("somebody breaks it");
    assert_eq!(alerting.try_send(&[killed("cart-0")]).await.problem(), (503, "no-store".to_owned(), vec![]));
}

#[tokio::test]
async fn neither_the_limit_of_a_client_nor_that_of_requests_holds_here() {
    let bed = Bed::sqlite().await;
    let mut settings = settings();
    settings.rate_limit_requests = 1;
    settings.max_concurrent_requests = 1;
    let app = TestApp { router: http::router(stages(Records::of(bed.store.clone()), Cluster::none(), 100), settings) };
    for number in 0..20 {
        let mut request = json_request(PATH, notification(&[killed(&pod("cart", number))]).to_string());
        request.extensions_mut().insert(ConnectInfo::<SocketAddr>("192.0.2.1:1000".parse().expect("an address")));
        let answer = app.send(request).await;
        assert_eq!((answer.status.as_u16(), answer.header("ratelimit")), (202, ""));
    }
}
