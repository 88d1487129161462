//! Ollama.

use faultline::reason::dialect::Dialect;
use serde_json::{Value, json};

use super::{ask, check_answer, check_failures, good, providers, schema};
use crate::support::model::{FakeModel, answer, body};

#[tokio::test]
async fn it_is_asked_as_its_documentation_says() {
    let fake = FakeModel::ollama(good()).await;
    check_answer(&fake).await;
    let asked = fake.asked().await;
    let [request] = asked.as_slice() else { panic!("{} requests", asked.len()) };
    assert_eq!((request.method.as_str(), request.url.path()), ("POST", "/api/chat"));
    assert!(!request.headers.contains_key("authorization"));
    let mut sent: Value = request.body_json().expect("JSON");
    let system = sent["messages"][0]["content"].take();
    let system = system.as_str().expect("a text");
    assert!(system.starts_with("You find causes.\n") && system.ends_with(&schema().to_string()), "{system}");
    let expected = json!({
        "model": "some-model",
        "messages": [{"role": "system", "content": null}, {"role": "user", "content": "Why was it killed?"}],
        "stream": false,
        "format": schema(),
        // 12,000 in, 2,048 out and as many once more, in steps of 2,048.
        "options": {"num_predict": 2048, "num_ctx": 16384, "temperature": 0.1},
    });
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn every_reply_that_is_no_answer_is_understood() {
    let done = |content: Value, reason: &str| json!({"message": {"role": "assistant", "content": content}, "done": true, "done_reason": reason});
    let cases = vec![
        (200, done(json!("{\"quo"), "length"), "truncated", "cut off", 2),
        (200, done(json!(""), "load"), "invalid_output", "empty", 2),
        (200, done(json!(["{}"]), "stop"), "invalid_output", "no answer", 2),
        (200, json!({"done": true}), "invalid_output", "empty", 2),
        (200, json!({"error": "the runner has stopped"}), "overloaded", "the runner has stopped", 3),
        (400, json!({"error": "bad option"}), "bad_request", "bad option", 1),
        (404, json!({"error": "model 'x' not found"}), "not_found", "model 'x' not found", 1),
        (429, json!({"error": "too many"}), "rate_limited", "too many", 3),
        (500, json!({"error": "out of memory"}), "overloaded", "out of memory", 3),
        (502, json!({"error": "cloud"}), "overloaded", "cloud", 3),
    ];
    check_failures(Dialect::Ollama, cases).await;
}

#[tokio::test]
async fn a_model_without_schemas_is_asked_for_json() {
    let rejection = body(400, &json!({"error": "structured outputs are not supported"}));
    let fake = FakeModel::scripted(Dialect::Ollama, [rejection, answer(Dialect::Ollama, &good())]).await;
    ask(&providers(&fake.settings())).await.expect("an answer");
    assert_eq!(fake.bodies().await[1]["format"], "json");
}
