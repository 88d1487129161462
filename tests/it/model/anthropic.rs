//! Anthropic.

use std::time::Duration;

use faultline::reason::dialect::Dialect;
use serde_json::{Value, json};

use super::{ask, check_answer, check_failures, failure_of, good, providers, schema};
use crate::support::model::{FakeModel, KEY, answer, body};

#[tokio::test]
async fn it_is_asked_as_its_documentation_says() {
    let fake = FakeModel::anthropic(good()).await;
    check_answer(&fake).await;
    let asked = fake.asked().await;
    let [request] = asked.as_slice() else { panic!("{} requests", asked.len()) };
    assert_eq!((request.method.as_str(), request.url.path()), ("POST", "/v1/messages"));
    assert_eq!(
        (request.headers["x-api-key"].as_bytes(), &request.headers["anthropic-version"]),
        (KEY.as_bytes(), &"2023-06-01".parse().expect("a value"))
    );
    assert!(request.url.query().is_none() && !request.headers.contains_key("authorization"));
    let expected = json!({
        "model": "some-model",
        "max_tokens": 2048,
        "system": "You find causes.",
        "messages": [{"role": "user", "content": "Why was it killed?"}],
        "output_config": {"format": {"type": "json_schema", "schema": schema()}},
        "temperature": 0.1,
    });
    assert_eq!(request.body_json::<Value>().expect("JSON"), expected);
}

#[tokio::test]
async fn a_model_without_schemas_calls_a_tool_instead() {
    let rejection = json!({"type": "error", "request_id": "req_1",
        "error": {"type": "invalid_request_error", "message": "output_config: Extra inputs are not permitted"}});
    let called = json!({"id": "msg_2", "type": "message", "role": "assistant", "model": "m", "stop_reason": "tool_use",
        "content": [{"type": "text", "text": "I call {it}."}, {"type": "tool_use", "id": "toolu_1", "name": "emit_diagnosis", "input": good()}],
        "usage": {"input_tokens": 1, "output_tokens": 1}});
    let fake = FakeModel::scripted(Dialect::Anthropic, [body(400, &rejection), body(200, &called)]).await;
    let mut settings = fake.settings();
    settings.llm_temperature = 1.5;
    settings.anthropic_base_url = format!("{}/v1", fake.url());
    let reply = ask(&providers(&settings)).await.expect("an answer");
    assert_eq!((reply.value, reply.attempts, reply.finish.as_str()), (good(), 2, "tool_use"));
    let second = &fake.bodies().await[1];
    assert!(second.get("output_config").is_none());
    assert_eq!((&second["tools"][0]["name"], &second["tools"][0]["input_schema"]), (&json!("emit_diagnosis"), &schema()));
    assert_eq!(second["tool_choice"], json!({"type": "tool", "name": "emit_diagnosis", "disable_parallel_tool_use": true}));
    assert_eq!(second["temperature"], 1.0, "it knows no greater one");
    assert_eq!(fake.asked().await[1].url.path(), "/v1/messages");
}

#[tokio::test]
async fn every_reply_that_is_no_answer_is_understood() {
    let stopped =
        |reason: &str| json!({"type": "message", "content": [{"type": "text", "text": "{\"quo"}], "stop_reason": reason});
    let error =
        |kind: &str, message: &str| json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"});
    let refusal = json!({"type": "message", "content": [], "stop_reason": "refusal",
        "stop_details": {"type": "refusal", "category": "cyber", "explanation": "looks like an attack"}});
    let spent = json!({"type": "error", "error": {"type": "rate_limit_error", "message": "spend limit",
        "details": {"error_code": "enforced_spend_limit_reached"}}});
    let wrong_input = json!({"content": [{"type": "tool_use", "input": "text"}], "stop_reason": "tool_use"});
    let cases = vec![
        (200, refusal, "refused", "cyber: looks like an attack", 1),
        (200, json!({"content": [], "stop_reason": "refusal"}), "refused", "declined", 1),
        (200, stopped("max_tokens"), "truncated", "cut off", 2),
        (200, stopped("model_context_window_exceeded"), "too_large", "model_context_window_exceeded", 1),
        (200, stopped("pause_turn"), "invalid_output", "paused", 2),
        (200, stopped("end_turn"), "invalid_output", "no whole JSON", 2),
        (200, wrong_input, "invalid_output", "no object", 2),
        (200, json!({"content": [], "stop_reason": "end_turn"}), "invalid_output", "empty", 2),
        (200, json!({"content": "text"}), "invalid_output", "no answer", 2),
        (400, error("invalid_request_error", "messages: wrong"), "bad_request", "messages: wrong", 1),
        (400, error("invalid_request_error", "Your credit balance is too low to access the API"), "quota_exhausted", "credit", 1),
        (401, error("authentication_error", "invalid x-api-key"), "auth", "invalid x-api-key", 1),
        (402, error("billing_error", "pay"), "quota_exhausted", "pay", 1),
        (403, error("permission_error", "not yours"), "auth", "not yours", 1),
        (404, error("not_found_error", "model: x"), "not_found", "model: x", 1),
        (413, error("request_too_large", "too large"), "too_large", "too large", 1),
        (429, error("rate_limit_error", "slow down"), "rate_limited", "slow down", 3),
        (429, spent, "quota_exhausted", "spend limit", 1),
        (500, error("api_error", "internal"), "overloaded", "internal", 3),
        (504, error("timeout_error", "late"), "timeout", "in time", 3),
        (529, error("overloaded_error", "Overloaded"), "overloaded", "Overloaded", 3),
    ];
    check_failures(Dialect::Anthropic, cases).await;
}

#[tokio::test]
async fn a_limit_that_passes_says_when() {
    let limited = body(429, &json!({"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}));
    let (failure, asked) = failure_of(Dialect::Anthropic, limited.clone().insert_header("retry-after", "17.5")).await;
    assert_eq!((failure.retry_after(), asked), (Some(Duration::from_millis(17_500)), 1));
    let fake = FakeModel::scripted(
        Dialect::Anthropic,
        [limited.insert_header("retry-after-ms", "2"), answer(Dialect::Anthropic, &good())],
    )
    .await;
    assert_eq!(ask(&providers(&fake.settings())).await.expect("an answer").attempts, 2);
}
