//! Whatever is wrong with a model, the rules answer goes out, in time, with the reason.

use faultline::reason::dialect::Dialect;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::{good_reply, request};
use crate::support::{
    TestApp,
    model::{FakeModel, answer, body, envelope, late, text},
    settings,
};

fn same_but_for_the_model(answer: &Value, rules: &Value) {
    for field in ["error_category", "severity", "confidence", "root_cause", "explanation", "fix_commands", "findings", "evidence"]
    {
        assert_eq!(answer[field], rules[field], "{field}");
    }
    assert_eq!(answer["mode"], "rules");
    assert_eq!(answer["llm"]["status"], "unavailable");
    let why = answer["llm"]["reason"].as_str().expect("a reason");
    assert!(answer["gaps"].as_array().expect("gaps").iter().any(|gap| gap["stage"] == "reason" && gap["why"] == why), "{answer}");
}

#[tokio::test]
async fn every_fault_of_a_model_gives_the_rules_answer_and_its_reason() {
    let rules = TestApp::new().post("/diagnose", &request()).await.json();
    let gemini = Dialect::Gemini;
    let error = |code: u16, status: &str| body(code, &json!({"error": {"code": code, "message": "no", "status": status}}));
    let quota = json!({"error": {"code": 429, "message": "You exceeded your current quota", "status": "RESOURCE_EXHAUSTED", "details": [
        {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}]}});
    let finish = |reason: &str| {
        let mut whole = envelope(gemini, &good_reply().to_string());
        whole["candidates"][0]["finishReason"] = json!(reason);
        body(200, &whole)
    };
    let wrong_types = json!({"root_cause": 7, "confidence": "very", "fix_commands": "none"});
    let cases: Vec<(&str, ResponseTemplate)> = vec![
        ("400", error(400, "INVALID_ARGUMENT")),
        ("401", error(401, "UNAUTHENTICATED")),
        ("403", error(403, "PERMISSION_DENIED")),
        ("404", error(404, "NOT_FOUND")),
        ("429", error(429, "RESOURCE_EXHAUSTED")),
        ("quota", body(429, &quota)),
        ("500", error(500, "INTERNAL")),
        ("503", error(503, "UNAVAILABLE")),
        ("529", error(529, "OVERLOADED")),
        ("not JSON", text(gemini, "I think it is the database.")),
        ("half JSON", text(gemini, r#"{"root_cause": "the data"#)),
        ("wrong types", answer(gemini, &wrong_types)),
        ("an empty object", answer(gemini, &json!({}))),
        ("empty", ResponseTemplate::new(200).set_body_string("")),
        ("HTML", ResponseTemplate::new(200).set_body_string("<html>proxy</html>")),
        ("blocked prompt", body(200, &json!({"promptFeedback": {"blockReason": "SAFETY"}}))),
        ("blocked answer", finish("SAFETY")),
        ("cut off", finish("MAX_TOKENS")),
        ("10 MB", text(gemini, &"x".repeat(10_000_000))),
    ];
    let mut reasons = Vec::new();
    for (name, reply) in cases {
        let model = FakeModel::scripted(gemini, [reply]).await;
        let answer = TestApp::asking(&model.settings()).post("/diagnose", &request()).await;
        assert_eq!(answer.status, 200, "{name}");
        let answer = answer.json();
        same_but_for_the_model(&answer, &rules);
        reasons.push(format!("{name}: {}", answer["llm"]["reason"].as_str().expect("a reason")));
    }
    insta::assert_snapshot!(reasons.join("\n"));
}

#[tokio::test]
async fn a_model_that_does_not_answer_is_not_waited_for_beyond_the_deadline() {
    let rules = TestApp::new().post("/diagnose", &request()).await.json();
    let model = FakeModel::scripted(Dialect::OpenAi, [late(answer(Dialect::OpenAi, &good_reply()))]).await;
    let http = faultline::http::HttpSettings { request_timeout_seconds: 1, ..settings() };
    let app = TestApp::asking_about(&model.settings(), faultline::cluster::Cluster::none(), http);
    let answer = app.post("/diagnose", &request()).await;
    assert_eq!(answer.status, 200);
    same_but_for_the_model(&answer.json(), &rules);
}

#[tokio::test]
async fn where_one_model_fails_the_next_one_answers() {
    let down =
        FakeModel::scripted(Dialect::Gemini, [body(401, &json!({"error": {"code": 401, "status": "UNAUTHENTICATED"}}))]).await;
    let up = FakeModel::ollama(good_reply()).await;
    let mut settings = down.settings();
    up.join(&mut settings);
    let answer = TestApp::asking(&settings).post("/diagnose", &request()).await.json();
    assert_eq!((answer["mode"].as_str(), answer["llm"]["provider"].as_str()), (Some("llm"), Some("ollama")));
}
