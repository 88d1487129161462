//! Gemini.

use std::time::Duration;

use faultline::reason::{dialect::Dialect, failure::Failure};
use serde_json::{Value, json};

use super::{ask, check_answer, check_failures, failure_of, good, providers};
use crate::support::model::{FakeModel, KEY, answer, body};

#[tokio::test]
async fn it_is_asked_as_its_documentation_says() {
    let fake = FakeModel::gemini(good()).await;
    check_answer(&fake).await;
    let asked = fake.asked().await;
    let [request] = asked.as_slice() else { panic!("{} requests", asked.len()) };
    assert_eq!((request.method.as_str(), request.url.path()), ("POST", "/v1beta/models/some-model:generateContent"));
    assert_eq!(request.headers["x-goog-api-key"], KEY);
    assert!(request.url.query().is_none() && !request.headers.contains_key("authorization"));
    let expected = json!({
        "systemInstruction": {"parts": [{"text": "You find causes."}]},
        "contents": [{"role": "user", "parts": [{"text": "Why was it killed?"}]}],
        "generationConfig": {
            "responseMimeType": "application/json",
            "maxOutputTokens": 2048,
            "candidateCount": 1,
            "responseJsonSchema": {
                "type": "object",
                "properties": {"quote": {"type": "string"}, "cause": {"type": "string", "enum": ["memory", "disk"]}},
                "required": ["quote", "cause"],
                "additionalProperties": false,
                "propertyOrdering": ["quote", "cause"],
            },
            "temperature": 0.1,
        },
        "safetySettings": [{"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "threshold": "BLOCK_ONLY_HIGH"}],
    });
    assert_eq!(request.body_json::<Value>().expect("JSON"), expected);
}

#[tokio::test]
async fn models_that_think_are_told_to_think_little() {
    for (model, thinking) in [
        ("models/gemini-2.5-flash", json!({"thinkingBudget": 512})),
        ("gemini-3-pro", json!({"thinkingLevel": "LOW"})),
        ("gemini-2.0-flash", Value::Null),
    ] {
        let fake = FakeModel::gemini(good()).await;
        let mut settings = fake.settings();
        model.clone_into(&mut settings.gemini_model);
        settings.gemini_base_url = format!("{}/v1beta/", fake.url());
        ask(&providers(&settings)).await.expect("an answer");
        assert_eq!(fake.bodies().await[0]["generationConfig"]["thinkingConfig"], thinking);
        let path = format!("/v1beta/models/{}:generateContent", model.trim_start_matches("models/"));
        assert_eq!(fake.asked().await[0].url.path(), path);
    }
}

#[tokio::test]
async fn every_reply_that_is_no_answer_is_understood() {
    let stopped =
        |reason: &str| json!({"candidates": [{"finishReason": reason, "index": 0}], "usageMetadata": {"promptTokenCount": 8}});
    let error = |status: u16, word: &str, message: &str| json!({"error": {"code": status, "message": message, "status": word}});
    let bad_key = json!({"error": {"code": 400, "message": "API key not valid. Please pass a valid API key.", "status": "INVALID_ARGUMENT",
        "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}]}});
    let blocked = json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT", "safetyRatings": []}, "modelVersion": "m"});
    let partial =
        json!({"candidates": [{"content": {"role": "model", "parts": [{"text": "{\"quo"}]}, "finishReason": "MAX_TOKENS"}]});
    let cases = vec![
        (200, blocked, "blocked", "prompt: PROHIBITED_CONTENT", 1),
        (200, stopped("SAFETY"), "blocked", "answer: SAFETY", 1),
        (200, stopped("RECITATION"), "blocked", "RECITATION", 1),
        (200, stopped("SPII"), "blocked", "SPII", 1),
        (200, partial, "truncated", "cut off", 2),
        (200, stopped("MALFORMED_FUNCTION_CALL"), "invalid_output", "MALFORMED_FUNCTION_CALL", 2),
        (200, stopped("STOP"), "invalid_output", "empty", 2),
        (200, json!({}), "invalid_output", "no candidate", 2),
        (200, json!({"candidates": []}), "invalid_output", "no candidate", 2),
        (200, json!({"candidates": 7}), "invalid_output", "invalid type", 2),
        (200, error(503, "UNAVAILABLE", "busy"), "overloaded", "busy", 3),
        (400, bad_key.clone(), "auth", "API key not valid", 1),
        (400, json!([bad_key]), "auth", "API key not valid", 1),
        (400, error(400, "INVALID_ARGUMENT", "bad field"), "bad_request", "bad field", 1),
        (400, error(400, "FAILED_PRECONDITION", "User location is not supported"), "bad_request", "location", 1),
        (401, error(401, "UNAUTHENTICATED", "no"), "auth", "no", 1),
        (403, error(403, "PERMISSION_DENIED", "denied"), "auth", "denied", 1),
        (404, error(404, "NOT_FOUND", "models/x is not found"), "not_found", "models/x", 1),
        (429, error(429, "RESOURCE_EXHAUSTED", "slow down"), "rate_limited", "slow down", 3),
        (499, error(499, "CANCELLED", "cancelled"), "overloaded", "cancelled", 3),
        (500, json!([error(500, "INTERNAL", "an internal error")]), "overloaded", "an internal error", 3),
        (503, error(503, "UNAVAILABLE", "The model is overloaded."), "overloaded", "The model is overloaded.", 3),
        (504, error(504, "DEADLINE_EXCEEDED", "late"), "timeout", "in time", 3),
        (302, json!({}), "not_found", "another address", 1),
    ];
    check_failures(Dialect::Gemini, cases).await;
}

fn limited(quota: &str, value: &str, delay: Option<&str>) -> Value {
    let mut details = vec![json!({"@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [{"quotaMetric": "generate_requests", "quotaId": quota, "quotaValue": value}]})];
    details.extend(delay.map(|delay| json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay})));
    json!({"error": {"code": 429, "message": "You exceeded your current quota", "status": "RESOURCE_EXHAUSTED", "details": details}})
}

#[tokio::test]
async fn limits_of_the_minute_pass_and_limits_of_the_day_do_not() {
    let day = "GenerateRequestsPerDayPerProjectPerModel-FreeTier";
    let minute = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier";
    for reply in [limited(day, "250", Some("1s")), limited(minute, "0", None), json!([limited(day, "250", None)])] {
        let (failure, asked) = failure_of(Dialect::Gemini, body(429, &reply)).await;
        assert_eq!((failure.label(), asked), ("quota_exhausted", 1), "{reply}");
    }
    // Longer than anybody waits here: it fails now, and says when to come back.
    let (failure, asked) = failure_of(Dialect::Gemini, body(429, &limited(minute, "10", Some("10.68s")))).await;
    assert_eq!((failure.retry_after(), asked), (Some(Duration::from_millis(10_680)), 1));
    assert!(matches!(failure, Failure::RateLimited { .. }));
    let replies = [body(429, &limited(minute, "10", Some("0.001s"))), answer(Dialect::Gemini, &good())];
    let fake = FakeModel::scripted(Dialect::Gemini, replies).await;
    assert_eq!(ask(&providers(&fake.settings())).await.expect("an answer").attempts, 2);
}

#[tokio::test]
async fn a_model_without_schemas_gets_it_in_words() {
    let rejection = json!({"error": {"code": 400, "status": "INVALID_ARGUMENT",
        "message": "Invalid JSON payload received. Unknown name \"responseJsonSchema\" at 'generation_config'"}});
    let fake = FakeModel::scripted(Dialect::Gemini, [body(400, &rejection), answer(Dialect::Gemini, &good())]).await;
    ask(&providers(&fake.settings())).await.expect("an answer");
    let second = &fake.bodies().await[1];
    assert!(second["generationConfig"].get("responseJsonSchema").is_none());
    assert!(second["systemInstruction"].to_string().contains("JSON schema"));
}
