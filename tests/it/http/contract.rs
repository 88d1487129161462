//! Answers against the OpenAPI document, and its paths against the router.

use std::collections::BTreeSet;

use faultline::http::{PATHS, openapi, problem::Code};
use serde_json::{Value, json};

use crate::support::TestApp;

#[track_caller]
pub fn conforms(schema: &str, value: &Value) {
    let whole = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": format!("#/components/schemas/{schema}"),
        "components": openapi::document()["components"],
    });
    let validator = jsonschema::validator_for(&whole).expect("a valid schema");
    let errors: Vec<_> = validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{schema}: {errors:#?} in {value:#}");
}

#[tokio::test]
async fn answers_are_as_the_document_says() {
    let app = TestApp::new();
    let texts = [
        "OOMKilled",
        "CrashLoopBackOff: back-off 5m0s restarting failed container",
        "dial tcp: lookup db on 10.96.0.10:53: no such host",
        "everything is fine",
        "error: frobnication of the widget failed",
    ];
    for text in texts {
        conforms("Diagnosis", &app.post("/diagnose", &json!({"error_message": text})).await.json());
        conforms("Suggestions", &app.post("/suggest-runbook", &json!({"error_message": text})).await.json());
    }
    conforms("RunbookList", &app.get("/runbooks").await.json());
    conforms("Runbook", &app.get("/runbooks/oomkilled").await.json());
    conforms("ClusterHealth", &app.get("/cluster-health").await.json());
    conforms("Health", &app.get("/health").await.json());
    conforms("Status", &app.get("/livez").await.json());
    conforms("Status", &app.get("/readyz").await.json());
    conforms("ProblemMeaning", &app.get("/problems/internal").await.json());
    conforms("Problem", &app.get("/nothing").await.json());
    conforms("Problem", &app.post("/diagnose", &json!({"x": 1})).await.json());
    conforms("Problem", &app.post_text("/diagnose", "{").await.json());
}

#[test]
fn examples_are_as_the_document_says() {
    let document = openapi::document();
    conforms("DiagnoseRequest", &document["paths"]["/diagnose"]["post"]["requestBody"]["content"]["application/json"]["example"]);
    conforms(
        "SuggestRequest",
        &document["paths"]["/suggest-runbook"]["post"]["requestBody"]["content"]["application/json"]["example"],
    );
    for (name, example) in document["paths"]["/remediations"]["post"]["requestBody"]["content"]["application/json"]["examples"]
        .as_object()
        .expect("examples")
    {
        assert!(example["value"].is_object(), "{name}");
        conforms("ProposeRequest", &example["value"]);
    }
    let reasons = ["/remediations/pause", "/remediations/resume", "/remediations/{id}/approve", "/remediations/{id}/undo"];
    for path in reasons {
        conforms("ReasonRequest", &document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["example"]);
    }
    conforms("Problem", &document["components"]["responses"]["Problem"]["content"]["application/problem+json"]["example"]);
}

#[tokio::test]
async fn what_the_document_allows_is_what_the_service_takes() {
    let app = TestApp::new();
    let request = |extra: Value| {
        let mut body = json!({"error_message": "OOMKilled"});
        body.as_object_mut().expect("an object").extend(extra.as_object().expect("an object").clone());
        body
    };
    let bodies = [
        request(json!({})),
        request(json!({"namespace": "a.b", "target": {"kind": "Node", "label_selector": "app in (a,b)"}, "use_llm": false})),
        request(json!({"namespace": null, "logs": null, "target": null, "include_cluster_health": null})),
    ];
    for body in bodies {
        conforms("DiagnoseRequest", &body);
        assert_eq!(app.post("/diagnose", &body).await.status, 200, "{body}");
    }
}

#[test]
fn paths_and_codes_are_the_same_in_document_and_code() {
    let document = openapi::document();
    assert_eq!(document["openapi"], "3.1.0");
    let documented: BTreeSet<String> = document["paths"].as_object().expect("paths").keys().cloned().collect();
    let routed: BTreeSet<String> = PATHS.iter().map(|path| path.replace("{*", "{")).collect();
    assert_eq!(documented, routed);
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(document["components"]["schemas"]["Code"]["enum"], json!(codes));
}
