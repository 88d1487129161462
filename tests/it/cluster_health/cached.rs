//! One sweep serves many.

use std::time::Duration;

use futures_util::{FutureExt, future::join_all};

use super::{health, over, service};
use crate::support::{TestApp, kubernetes::FakeApi};
use faultline::cluster::Cluster;

#[tokio::test(start_paused = true)]
async fn the_second_answer_comes_from_the_cache_until_it_is_old() {
    let api = FakeApi::zoo();
    let app = over(&api);
    let first = health(&app, "/cluster-health").await;
    assert!(!api.take_seen().is_empty());
    let second = health(&app, "/cluster-health").await;
    assert_eq!((&first["cached"], &second["cached"]), (&false.into(), &true.into()));
    assert_eq!(first["problems"], second["problems"]);
    assert_eq!(api.take_seen(), []);
    health(&app, "/cluster-health?namespace=oom").await;
    assert!(!api.take_seen().is_empty(), "another question, another sweep");
    tokio::time::advance(Duration::from_secs(11)).await;
    assert_eq!(health(&app, "/cluster-health").await["cached"], false);
    assert!(!api.take_seen().is_empty());
}

#[tokio::test]
async fn whoever_asks_at_the_same_time_waits_for_the_same_sweep() {
    let api = FakeApi::zoo();
    let app = over(&api);
    let answers = join_all((0..50).map(|_| health(&app, "/cluster-health"))).await;
    assert_eq!(answers.iter().filter(|answer| answer["cached"] == false).count(), 1);
    assert_eq!(api.seen().iter().filter(|seen| seen.path == "/api/v1/pods").count(), 1);
}

#[tokio::test]
async fn one_who_went_away_keeps_nobody_waiting() {
    let api = FakeApi::zoo();
    let app = over(&api);
    let gone = health(&app, "/cluster-health");
    // Polled once, so that the sweep has begun, and dropped.
    assert!(gone.now_or_never().is_none(), "a sweep takes more than one step");
    assert_eq!(health(&app, "/cluster-health").await["cached"], false);
}

#[tokio::test]
async fn many_different_questions_are_not_kept_for_ever() {
    let app = over(&FakeApi::of(super::of_objects(&[])));
    for number in 0..100 {
        assert_eq!(health(&app, &format!("/cluster-health?namespace=team-{number}")).await["cached"], false);
    }
    assert_eq!(health(&app, "/cluster-health?namespace=team-99").await["cached"], true);
}

#[tokio::test]
async fn without_a_cluster_it_is_unknown_and_no_error() {
    for app in [service(Cluster::none()), TestApp::new()] {
        let health = health(&app, "/cluster-health").await;
        assert_eq!(health["status"], "unknown");
        assert_eq!(health["gaps"][0]["what"], "cluster");
        assert_eq!(health["problems"], serde_json::json!([]));
        let diagnosis =
            app.post("/diagnose", &serde_json::json!({"error_message": "OOMKilled", "include_cluster_health": true})).await;
        assert_eq!(diagnosis.json()["cluster_health"], serde_json::Value::Null);
    }
}

#[tokio::test]
async fn wrong_parameters_are_pointed_at() {
    let app = TestApp::new();
    let cases = [
        ("namespace=Shop", "#/namespace"),
        ("namespace=", "#/namespace"),
        ("namespaces=a,%20b", "#/namespaces"),
        ("namespaces=a.b", "#/namespaces"),
        ("namespace=a&limit=3", "#/limit"),
        ("namespace=%2e%2e%2fx", "#/namespace"),
        ("a%2Fb=1", "#/a~1b"),
    ];
    for (query, pointer) in cases {
        let problem = app.get(&format!("/cluster-health?{query}")).await.problem();
        assert_eq!(problem, (422, "invalid-request".to_owned(), vec![pointer.to_owned()]), "{query}");
    }
    let many: Vec<String> = (0..51).map(|number| format!("n{number}")).collect();
    assert_eq!(app.get(&format!("/cluster-health?namespaces={}", many.join(","))).await.status, 422);
    assert_eq!(app.get(&format!("/cluster-health?{}", "&namespace=a".repeat(51))).await.status, 422, "as often as one is named");
    let loose = app.get("/cluster-health?namespaces=a,,b,").await.json();
    assert_eq!(loose["namespaces"], serde_json::json!(["a", "b"]), "nothing between commas names nothing");
    assert_eq!(app.post("/cluster-health", &serde_json::json!({})).await.status, 405);
}
