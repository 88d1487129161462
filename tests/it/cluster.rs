//! Diagnoses of a cluster that is looked at, through the public door.

mod access;
mod bounds;
mod connecting;
mod naming;
mod survive;
mod zoo;

use faultline::cluster::Cluster;
use serde_json::{Value, json};

use crate::support::{TestApp, kubernetes::FakeApi};

/// The service, looking at a fake API server.
fn app(api: &FakeApi) -> TestApp {
    TestApp::looking_at(Cluster::of_client(api.client()))
}

async fn diagnose(app: &TestApp, body: Value) -> Value {
    let answer = app.post("/diagnose", &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = answer.json();
    check(&answer);
    answer
}

async fn about(app: &TestApp, namespace: &str, kind: &str, name: &str) -> Value {
    diagnose(
        app,
        json!({"error_message": format!("{name} is unwell"), "namespace": namespace, "target": {"kind": kind, "name": name}}),
    )
    .await
}

/// What must hold for every answer, whatever was seen.
#[track_caller]
fn check(answer: &Value) {
    let ids: Vec<&str> = list(answer, "evidence").iter().filter_map(|one| one["id"].as_str()).collect();
    for finding in list(answer, "findings") {
        let cited = list(finding, "evidence");
        assert!(!cited.is_empty(), "a finding without evidence: {finding}");
        assert!(cited.iter().all(|id| ids.contains(&id.as_str().unwrap_or_default())), "cites what is not there: {answer:#}");
    }
    let roots = list(answer, "findings").iter().filter(|finding| finding["role"] == "root_cause").count();
    assert!(roots <= 1, "{answer:#}");
    for text in ["root_cause", "explanation"] {
        assert!(!answer[text].as_str().unwrap_or_default().contains("  "), "{text}: {}", answer[text]);
    }
}

fn list<'a>(answer: &'a Value, field: &str) -> &'a [Value] {
    answer[field].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Everything that an answer says to a person.
fn words(answer: &Value) -> String {
    let commands = list(answer, "fix_commands").iter().filter_map(|fix| fix["command"].as_str());
    let mut all: Vec<&str> =
        vec![answer["root_cause"].as_str().unwrap_or_default(), answer["explanation"].as_str().unwrap_or_default()];
    all.extend(commands);
    all.join("\n")
}

fn gaps(answer: &Value) -> String {
    let told: Vec<String> =
        list(answer, "gaps").iter().map(|gap| format!("{}: {}: {}", gap["stage"], gap["what"], gap["why"])).collect();
    told.join("\n")
}
