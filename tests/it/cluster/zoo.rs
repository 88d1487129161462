//! Thirty faults of a real cluster, each asked for in several ways.

use faultline::cluster::{Cluster, recording::Recording};
use regex::Regex;
use serde_json::{Value, json};

use super::{diagnose, list, words};
use crate::support::{
    TestApp,
    kubernetes::{recorded, recordings},
};

fn expected() -> Vec<Value> {
    let text = std::fs::read_to_string(recordings().join("expected.json")).expect("the expected answers");
    serde_json::from_str(&text).expect("a list")
}

/// What an answer lacks of what is expected of it.
fn offences(answer: &Value, expected: &Value) -> Vec<String> {
    let mut offences = Vec::new();
    let found = &answer["error_category"];
    let also = list(expected, "also");
    if *found != expected["category"] && !also.contains(found) {
        offences.push(format!("category {found}, not {}", expected["category"]));
    }
    let words = words(answer);
    for pattern in list(expected, "must_mention").iter().filter_map(Value::as_str) {
        if !Regex::new(pattern).expect("a regex").is_match(&words) {
            offences.push(format!("does not mention {pattern}"));
        }
    }
    let (_, name) = expected["target"].as_str().and_then(|target| target.split_once('/')).expect("kind/name");
    let namespace = expected["namespace"].as_str().expect("a namespace");
    // A command without a name is about the cluster; one with a place to fill in must be about a value, never about a name.
    for fix in list(answer, "fix_commands") {
        let names = ["pod", "namespace", "workload", "deployment", "container", "node", "service", "claim", "hpa", "job"];
        let unfilled = list(fix, "placeholders").iter().filter(|place| names.contains(&place.as_str().unwrap_or_default()));
        for place in unfilled {
            offences.push(format!("<{place}> in {}", fix["command"]));
        }
    }
    let decisive: Vec<Regex> = list(expected, "must_mention")
        .iter()
        .filter_map(Value::as_str)
        .map(|pattern| Regex::new(pattern).expect("a regex"))
        .collect();
    let about = |fix: &Value| {
        let command = fix["command"].as_str().unwrap_or_default();
        command.contains(name) || command.contains(namespace) || decisive.iter().any(|pattern| pattern.is_match(command))
    };
    if !list(answer, "fix_commands").iter().any(about) {
        offences.push(format!("no command about {name}"));
    }
    offences
}

async fn ask_all(app: &TestApp, body: impl Fn(&str, &str, &str) -> Value, only: impl Fn(&str) -> bool) {
    let mut missed = Vec::new();
    for expected in expected() {
        let (kind, name) = expected["target"].as_str().and_then(|target| target.split_once('/')).expect("kind/name");
        let namespace = expected["namespace"].as_str().expect("a namespace");
        if !only(kind) {
            continue;
        }
        let answer = diagnose(app, body(namespace, kind, name)).await;
        for offence in offences(&answer, &expected) {
            missed.push(format!("{namespace}: {offence}: {}", answer["root_cause"]));
        }
    }
    assert!(missed.is_empty(), "{} offences:\n{}", missed.len(), missed.join("\n"));
}

fn zoo() -> TestApp {
    TestApp::looking_at(Cluster::of_recording(recorded("zoo")))
}

#[tokio::test]
async fn every_fault_is_found_by_its_target() {
    let body = |namespace: &str, kind: &str, name: &str| json!({"error_message": format!("{name} does not work"), "namespace": namespace, "target": {"kind": kind, "name": name}});
    ask_all(&zoo(), body, |_| true).await;
}

#[tokio::test]
async fn every_fault_is_found_by_a_name_in_the_text() {
    let body = |namespace: &str, _: &str, name: &str| json!({"error_message": format!("something is wrong with {name}, please look"), "namespace": namespace});
    ask_all(&zoo(), body, |_| true).await;
}

#[tokio::test]
async fn every_fault_is_found_by_its_namespace_alone() {
    let body =
        |namespace: &str, _: &str, _: &str| json!({"error_message": "something is wrong, please look", "namespace": namespace});
    ask_all(&zoo(), body, |_| true).await;
}

#[tokio::test]
async fn every_fault_of_a_deployment_is_found_by_the_first_generations_field() {
    let body = |namespace: &str, _: &str, name: &str| json!({"error_message": "it is unwell", "namespace": namespace, "deployment_name": name});
    ask_all(&zoo(), body, |kind| kind == "deployment").await;
}

/// Read aloud by eyes: the bar is `answer-crash-db.json` of the shared examples.
#[tokio::test]
async fn an_answer_reads_well() {
    let body = json!({"error_message": "orders keeps restarting", "namespace": "crash-db", "deployment_name": "orders"});
    let answer = diagnose(&zoo(), body).await;
    insta::assert_json_snapshot!(answer, {".request_id" => "[id]", ".timestamp" => "[timestamp]", ".timings_ms" => "[timings]"});
}

#[tokio::test]
async fn a_recording_is_not_passed_off_as_live() {
    let body = json!({"error_message": "orders is unwell", "namespace": "crash-db", "deployment_name": "orders"});
    let answer = diagnose(&zoo(), body).await;
    assert!(super::gaps(&answer).contains("recording of 2026-11-21"), "{}", super::gaps(&answer));
}

/// The same collectors over every layout that people have at hand.
#[tokio::test]
async fn dumps_must_gathers_and_support_bundles_give_the_same_diagnoses() {
    for (layout, namespace, deployment, category) in [
        ("zoo-dump", "crash-db", "orders", "DatabaseConnectionError"),
        ("must-gather", "crash-db", "orders", "DatabaseConnectionError"),
        ("must-gather", "init", "frontend", "InitContainerFailure"),
        ("support-bundle", "crash-db", "orders", "DatabaseConnectionError"),
    ] {
        let app = TestApp::looking_at(Cluster::of_recording(recorded(layout)));
        let body = json!({"error_message": "it is unwell", "namespace": namespace, "deployment_name": deployment});
        let answer = diagnose(&app, body).await;
        assert_eq!(answer["error_category"], category, "{layout}: {answer:#}");
    }
}

#[tokio::test]
async fn what_a_dump_does_not_hold_is_a_gap_and_not_absent() {
    let app = TestApp::looking_at(Cluster::of_recording(recorded("zoo-dump")));
    let answer =
        diagnose(&app, json!({"error_message": "it is unwell", "namespace": "crash-db", "deployment_name": "orders"})).await;
    assert!(super::gaps(&answer).contains("is not in the recording"), "{}", super::gaps(&answer));
}

#[tokio::test]
async fn a_reported_state_that_is_not_seen_is_over() {
    let body = json!({"error_message": "CrashLoopBackOff: back-off 5m0s restarting failed container", "namespace": "healthy", "deployment_name": "web"});
    let answer = diagnose(&zoo(), body).await;
    assert_eq!((&answer["error_category"], &answer["severity"]), (&json!("Healthy"), &json!("LOW")), "{answer:#}");
}

#[tokio::test]
async fn an_empty_recording_is_a_clear_error() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(Recording::load(folder.path()).is_err());
}
