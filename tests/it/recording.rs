//! Recordings of clusters: every layout loads, and is answered as an API server answers.

mod answers;
mod big_cluster;
mod fake_api;
mod folders;
mod layouts;
mod logs;

use bytes::Bytes;
use faultline::cluster::recording::Recording;
use http::{Request, StatusCode, header::ACCEPT};
use serde_json::Value;

const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

/// Status and body of an answer.
fn get(recording: &Recording, path: &str) -> (u16, Value) {
    get_as(recording, path, "application/json")
}

fn get_as(recording: &Recording, path: &str, accept: &str) -> (u16, Value) {
    let request = Request::get(path).header(ACCEPT, accept).body(Bytes::new()).expect("a valid request");
    let response = recording.answer(&request);
    assert_eq!(response.headers()["content-type"], "application/json", "{path}");
    let body = serde_json::from_slice(response.body()).unwrap_or_else(|error| panic!("{path}: {error}"));
    (response.status().as_u16(), body)
}

/// The items of a list, having checked that there is one.
#[track_caller]
fn items(recording: &Recording, path: &str) -> Vec<Value> {
    let (status, mut body) = get(recording, path);
    assert_eq!(status, 200, "{path}: {body}");
    let Value::Array(items) = body["items"].take() else { panic!("{path}: no items") };
    items
}

/// The names in a list, in its order.
#[track_caller]
fn names(recording: &Recording, path: &str) -> Vec<String> {
    let items = items(recording, path);
    items.iter().map(|item| item["metadata"]["name"].as_str().expect("a name").to_owned()).collect()
}

/// Status and text of a log, or the message of a refusal.
fn log(recording: &Recording, path: &str) -> (u16, String) {
    let response = recording.answer(&Request::get(path).body(Bytes::new()).expect("a valid request"));
    let text = String::from_utf8_lossy(response.body()).into_owned();
    if response.status() == StatusCode::OK {
        return (200, text);
    }
    let status: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"));
    assert_eq!((&status["kind"], &status["code"]), (&"Status".into(), &response.status().as_u16().into()));
    (response.status().as_u16(), status["message"].as_str().expect("a message").to_owned())
}
