//! What the schemas of the document allow is taken, and what they forbid is refused: findings of schemathesis (`make fuzz-api`).

use faultline::http::openapi;
use serde_json::{Value, json};

use crate::support::TestApp;

/// Whether the document allows `value` where it names `schema`.
fn allows(schema: &str, value: &Value) -> bool {
    let mut root = json!({"$ref": format!("#/components/schemas/{schema}")});
    root["components"] = openapi::document()["components"].clone();
    jsonschema::validator_for(&root).expect("a good schema").is_valid(value)
}

#[tokio::test]
async fn a_whole_number_may_be_written_with_a_fraction_of_zero() {
    let app = TestApp::new();
    for (top_k, is_taken) in [("16.0", true), ("2e0", true), ("16.5", false), ("0.0", false), ("21.0", false), ("-1.0", false)] {
        let body = format!(r#"{{"error_message":"OOMKilled","top_k":{top_k}}}"#);
        let document: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(allows("SuggestRequest", &document), is_taken, "{top_k}");
        let answer = app.post_text("/suggest-runbook", body).await;
        assert_eq!(answer.status.as_u16(), if is_taken { 200 } else { 422 }, "{top_k}");
    }
}

#[tokio::test]
async fn a_text_of_blanks_is_forbidden_where_it_is_refused() {
    let app = TestApp::new();
    for (text, is_taken) in [
        (" ", false),
        ("\t\r\n\u{b}\u{c}", false),
        ("\u{85}\u{a0}\u{1680}\u{2003}\u{2028}\u{202f}\u{205f}\u{3000}", false),
        ("\u{1c}", true),
        ("\u{200b}", true),
        ("\u{feff}", true),
        (" x ", true),
    ] {
        let body = json!({"error_message": text});
        for schema in ["SuggestRequest", "DiagnoseRequest"] {
            assert_eq!(allows(schema, &body), is_taken, "{text:?}");
        }
        let answer = app.post("/suggest-runbook", &body).await;
        assert_eq!(answer.status.as_u16(), if is_taken { 200 } else { 422 }, "{text:?}");
    }
}

#[tokio::test]
async fn an_empty_list_names_nothing() {
    let app = TestApp::new();
    let all = app.get("/cluster-health").await.json();
    let empty = app.get("/cluster-health?namespaces=").await;
    assert_eq!((empty.status.as_u16(), &empty.json()["namespaces"]), (200, &all["namespaces"]));
    assert_eq!(app.get("/cluster-health?namespace=").await.problem().2, ["#/namespace"], "an empty name is none");
}

#[test]
fn a_command_and_an_action_are_not_both_allowed() {
    let action = json!({"action": "pause", "target": {"kind": "deployment", "namespace": "shop", "name": "api"}});
    for (body, is_allowed) in [
        (json!({"command": "kubectl rollout restart deployment/api"}), true),
        (json!({"command": "kubectl rollout restart deployment/api", "action": null}), true),
        (json!({"action": action}), true),
        (json!({"action": action, "command": null, "author": "ada"}), true),
        (json!({"action": action, "command": "kubectl rollout pause deployment/api"}), false),
        (json!({"author": "ada"}), false),
        (json!({"command": " "}), false),
    ] {
        assert_eq!(allows("ProposeRequest", &body), is_allowed, "{body}");
    }
}
