//! What one diagnosis costs a cluster of ten thousand pods.

use serde_json::{Value, json};

use super::{app, diagnose, words};
use crate::support::{
    big_cluster::{BigCluster, FLEET, HIDDEN_POD, LONG_LOG, SILENT_NODE, STORM, UNWELL, big_cluster},
    kubernetes::FakeApi,
};

const MOST_REQUESTS: usize = 40;
const MOST_BYTES: usize = 4 << 20;

/// Asks, and checks that the answer cost no more than it may.
async fn asked(api: &FakeApi, body: Value) -> Value {
    api.take_seen();
    let answer = diagnose(&app(api), body).await;
    let seen = api.take_seen();
    let bytes: usize = seen.iter().map(|seen| seen.bytes).sum();
    assert!(seen.len() <= MOST_REQUESTS, "{} requests: {seen:#?}", seen.len());
    assert!(bytes <= MOST_BYTES, "{bytes} bytes: {seen:#?}");
    answer
}

#[tokio::test]
async fn ten_thousand_pods_cost_no_more_than_ten() {
    let api = FakeApi::of(big_cluster());
    for (namespace, name, category) in UNWELL {
        let by_name = json!({"error_message": "it is unwell", "namespace": namespace, "deployment_name": name});
        assert_eq!(asked(&api, by_name).await["error_category"], category, "{namespace}/{name}");
        let by_text = json!({"error_message": format!("something is wrong with {name}, please look"), "namespace": namespace});
        assert_eq!(asked(&api, by_text).await["error_category"], category, "{namespace}/{name} by text");
        let by_namespace = json!({"error_message": "something is wrong, please look", "namespace": namespace});
        assert_eq!(asked(&api, by_namespace).await["error_category"], category, "{namespace} alone");
    }
    // A name and no namespace: every namespace is asked, and still the bounds hold.
    asked(&api, json!({"error_message": "something is wrong with `checkout`"})).await;
    asked(&api, json!({"error_message": "it is slow", "target": {"kind": "node", "name": SILENT_NODE}})).await;
}

#[tokio::test]
async fn one_crashing_pod_of_two_thousand_is_found() {
    let api = FakeApi::of(big_cluster());
    let (namespace, name) = FLEET;
    let answer =
        asked(&api, json!({"error_message": "some workers restart", "namespace": namespace, "deployment_name": name})).await;
    assert_eq!(answer["error_category"], "DiskFull", "{answer:#}");
    assert!(words(&answer).contains(HIDDEN_POD), "{answer:#}");
    asked(&api, json!({"error_message": "something is wrong, please look", "namespace": namespace})).await;
}

#[tokio::test]
async fn a_storm_of_events_drowns_nothing() {
    let api = FakeApi::of(BigCluster::default().with_event_storm(50_000).build());
    let (namespace, name) = STORM;
    let answer = asked(&api, json!({"error_message": "it is unwell", "namespace": namespace, "deployment_name": name})).await;
    assert_ne!(answer["error_category"], "Unknown", "{answer:#}");
}

#[tokio::test]
async fn one_telling_line_of_a_long_log_is_found() {
    let api = FakeApi::of(BigCluster::default().with_long_log(40 << 20).build());
    let (namespace, name) = LONG_LOG;
    let answer =
        asked(&api, json!({"error_message": "requests fail with errors", "namespace": namespace, "deployment_name": name})).await;
    assert_ne!(answer["error_category"], "Unknown", "{answer:#}");
}
