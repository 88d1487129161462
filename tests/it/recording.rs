//! Recordings of clusters: every layout loads, and is answered as an API server answers.

use std::{path::PathBuf, sync::Arc};

use bytes::Bytes;
use faultline::cluster::recording::Recording;
use http::{Request, StatusCode};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::ListParams};
use serde_json::Value;

fn fixture(name: &str) -> Recording {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/recordings").join(name);
    Recording::load(&folder).unwrap_or_else(|error| panic!("{error}"))
}

/// Status and body of an answer.
fn get(recording: &Recording, path: &str) -> (StatusCode, Value) {
    let response = recording.answer(&Request::get(path).body(Bytes::new()).expect("a valid request"));
    let body = serde_json::from_slice(response.body()).unwrap_or_else(|_| String::from_utf8_lossy(response.body()).into());
    (response.status(), body)
}

#[tokio::test]
async fn a_kubernetes_client_reads_the_zoo() {
    let recording = fixture("zoo");
    assert_eq!(recording.problems(), <[String; 0]>::default());
    assert_eq!(recording.newest().expect("a time").to_string(), "2026-11-21T06:17:03Z");
    let client = Arc::new(recording).client();
    let pods: Api<Pod> = Api::all(client.clone());
    assert_eq!(pods.list(&ListParams::default()).await.expect("a list").items.len(), 33);
    let pods: Api<Pod> = Api::namespaced(client, "crash-db");
    let pod = &pods.list(&ListParams::default().labels("app=orders")).await.expect("a list").items[0];
    let log = pods.logs(pod.metadata.name.as_deref().expect("a name"), &kube::api::LogParams::default()).await.expect("a log");
    assert!(log.starts_with("orders v2.3.1 starting\n"), "{log}");
}

#[test]
fn what_was_not_recorded_is_not_found() {
    let zoo = fixture("zoo");
    let (status, body) = get(&zoo, "/api/v1/configmaps");
    assert_eq!((status.as_u16(), &body["reason"]), (404, &"NotFound".into()), "{body}");
    assert_eq!(get(&zoo, "/apis/apps/v1/statefulsets").1["items"], Value::Array(Vec::new()));
}
