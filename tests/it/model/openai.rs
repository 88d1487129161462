//! OpenAI, Azure, and what speaks as they do.

use std::time::Duration;

use faultline::reason::{
    client::Ask,
    dialect::{Dialect, KeyHeader, Quirks, Request},
    settings::MaxTokensField,
};
use serde_json::{Value, json};

use super::{ask, check_answer, check_failures, failure_of, good, providers, schema};
use crate::support::model::{FakeModel, KEY, answer, body, text};

#[tokio::test]
async fn it_is_asked_as_its_documentation_says() {
    let fake = FakeModel::openai(good()).await;
    check_answer(&fake).await;
    let asked = fake.asked().await;
    let [request] = asked.as_slice() else { panic!("{} requests", asked.len()) };
    assert_eq!((request.method.as_str(), request.url.path()), ("POST", "/v1/chat/completions"));
    assert_eq!(request.headers["authorization"], format!("Bearer {KEY}"));
    assert!(request.url.query().is_none() && !request.headers.contains_key("api-key"));
    let expected = json!({
        "model": "some-model",
        "messages": [{"role": "system", "content": "You find causes."}, {"role": "user", "content": "Why was it killed?"}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "diagnosis", "strict": true, "schema": schema()}},
        "max_tokens": 2048,
        "temperature": 0.1,
    });
    assert_eq!(request.body_json::<Value>().expect("JSON"), expected);
}

#[tokio::test]
async fn a_server_that_wants_no_key_gets_none() {
    let fake = FakeModel::openai(good()).await;
    let mut settings = fake.settings();
    settings.openai_api_key = "".parse().expect("any text");
    settings.openai_base_url = format!("{}/custom/v1/", fake.url());
    settings.openai_max_tokens_field = MaxTokensField::MaxCompletionTokens;
    ask(&providers(&settings)).await.expect("an answer");
    let request = &fake.asked().await[0];
    assert_eq!(request.url.path(), "/custom/v1/chat/completions");
    assert!(!request.headers.contains_key("authorization"));
    assert_eq!(fake.bodies().await[0]["max_completion_tokens"], 2048);
}

#[test]
fn azure_is_asked_at_its_deployment_with_its_own_header() {
    let (schema, quirks) = (schema(), Quirks::default());
    let ask = Ask { system: "s", user: "u", schema: &schema, schema_name: "a name of 🦀" };
    let encoded = |base_url: &str| {
        let request = Request {
            ask,
            base_url,
            model: "gpt-x",
            max_output_tokens: 9,
            context_tokens: 99,
            temperature: 0.5,
            quirks: &quirks,
        };
        Dialect::OpenAi.encode(&request)
    };
    let host = "https://team.openai.azure.com";
    let dated = |version: &str| format!("{host}/openai/deployments/gpt-x/chat/completions?api-version={version}");
    for (base, url) in [
        (host.to_owned(), dated("2024-10-21")),
        (format!("{host}/openai"), dated("2024-10-21")),
        (format!("{host}/openai/deployments/gpt-x"), dated("2024-10-21")),
        (format!("{host}/?api-version=2025-04-01-preview"), dated("2025-04-01-preview")),
        (format!("{host}/openai/v1"), format!("{host}/openai/v1/chat/completions")),
    ] {
        let encoded = encoded(&base);
        assert_eq!((encoded.url, encoded.key_header), (url, KeyHeader::Named("api-key")));
    }
    let own = encoded("https://api.openai.com/v1");
    assert_eq!((own.url.as_str(), own.key_header), ("https://api.openai.com/v1/chat/completions", KeyHeader::Bearer));
    assert_eq!(own.body["response_format"]["json_schema"]["name"], "a_name_of__");
    assert!(encoded("https://openai.azure.com.example").url.ends_with("example/v1/chat/completions"), "not Azure's");
}

#[tokio::test]
async fn every_reply_that_is_no_answer_is_understood() {
    let choice = |message: Value, finish: Value| json!({"choices": [{"index": 0, "message": message, "finish_reason": finish}]});
    let error = |message: &str, kind: &str, code: Value| json!({"error": {"message": message, "type": kind, "param": null, "code": code}});
    let quota = |code: &str| error("You exceeded your current quota", "insufficient_quota", json!(code));
    let spend = error("Spend limit", "billing", json!("project_spend_limit_exceeded"));
    let refused = json!({"role": "assistant", "content": null, "refusal": "I can't help with that."});
    let cases = vec![
        (200, choice(refused, json!("stop")), "refused", "I can't help with that.", 1),
        (200, choice(json!({"content": "{\"quo"}), json!("length")), "truncated", "cut off", 2),
        (200, choice(json!({"content": ""}), json!("content_filter")), "blocked", "content_filter", 1),
        (200, choice(json!({"content": null}), json!("stop")), "invalid_output", "empty", 2),
        (200, choice(json!({"content": 5}), json!("stop")), "invalid_output", "no answer", 2),
        (200, choice(json!({"content": "I do not know."}), json!(null)), "invalid_output", "no whole JSON object", 2),
        (200, json!({"choices": []}), "invalid_output", "no choice", 2),
        (200, json!({"error": {"message": "upstream is down", "code": 502}}), "overloaded", "upstream is down", 3),
        (400, error("bad", "invalid_request_error", json!(null)), "bad_request", "bad", 1),
        (400, error("filtered", "x", json!("content_filter")), "blocked", "filtered", 1),
        (400, error("too long", "invalid_request_error", json!("context_length_exceeded")), "too_large", "too long", 1),
        (401, error("Incorrect API key provided", "invalid_request_error", json!("invalid_api_key")), "auth", "Incorrect", 1),
        (403, error("Country not supported", "request_forbidden", json!(null)), "auth", "Country", 1),
        (404, error("no such model", "invalid_request_error", json!("model_not_found")), "not_found", "no such model", 1),
        (404, json!({"detail": "Not Found"}), "not_found", "Not Found", 1),
        (413, json!({"message": "too big"}), "too_large", "too big", 1),
        (422, json!({"detail": [{"loc": ["body"], "msg": "field required"}]}), "bad_request", "field required", 1),
        (400, json!({"error": "some text"}), "bad_request", "some text", 1),
        (400, json!([1]), "bad_request", "status 400", 1),
        (429, error("Rate limit reached", "requests", json!("rate_limit_exceeded")), "rate_limited", "Rate limit", 3),
        (429, quota("insufficient_quota"), "quota_exhausted", "current quota", 1),
        (429, quota("x"), "quota_exhausted", "current quota", 1),
        (429, spend, "quota_exhausted", "Spend", 1),
        (500, json!({"error": {"message": "sorry"}}), "overloaded", "sorry", 3),
        (503, error("busy", "service_unavailable_error", json!("server_is_overloaded")), "overloaded", "busy", 3),
    ];
    check_failures(Dialect::OpenAi, cases).await;
}

#[tokio::test]
async fn what_compatible_servers_leave_out_is_not_missed() {
    let bare = json!({"choices": [{"message": {"content": good().to_string()}}]});
    let fake = FakeModel::scripted(Dialect::OpenAi, [body(200, &bare)]).await;
    let reply = ask(&providers(&fake.settings())).await.expect("an answer");
    assert_eq!((reply.model.as_str(), reply.usage.output_tokens), ("some-model", 0));
    let parts = json!({"choices": [{"message": {"content": [{"type": "text", "text": good().to_string()}]}}]});
    fake.now_says(body(200, &parts));
    assert_eq!(ask(&providers(&fake.settings())).await.expect("an answer").value, good());
    fake.now_says(text(Dialect::OpenAi, &format!("Sure! Here it is:\n```json\n{}\n```\nAnything else?", good())));
    assert_eq!(ask(&providers(&fake.settings())).await.expect("an answer").value, good());
}

#[tokio::test]
async fn fields_that_a_model_rejects_are_left_out_from_then_on() {
    let rejection = |message: &str, param: &str| {
        body(
            400,
            &json!({"error": {"message": message, "type": "invalid_request_error", "param": param, "code": "unsupported_parameter"}}),
        )
    };
    let replies = [
        rejection(
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
            "max_tokens",
        ),
        rejection("This value is not supported with this model.", "temperature"),
        answer(Dialect::OpenAi, &good()),
    ];
    let fake = FakeModel::scripted(Dialect::OpenAi, replies).await;
    let providers = providers(&fake.settings());
    assert_eq!(ask(&providers).await.expect("an answer").attempts, 3);
    assert_eq!(ask(&providers).await.expect("an answer").attempts, 1, "it remembers");
    let bodies = fake.bodies().await;
    assert!(bodies[0].get("max_tokens").is_some() && bodies[0].get("temperature").is_some());
    for body in &bodies[2..] {
        assert_eq!((body.get("max_tokens"), body.get("temperature")), (None, None));
        assert_eq!(body["max_completion_tokens"], 2048);
    }
}

#[tokio::test]
async fn the_server_says_when_to_come_back_and_whether() {
    let busy = || body(503, &json!({"error": {"message": "busy"}}));
    let (failure, asked) = failure_of(Dialect::OpenAi, busy().insert_header("retry-after", "60")).await;
    assert_eq!((failure.retry_after(), asked), (Some(Duration::from_secs(60)), 1));
    let (failure, asked) = failure_of(Dialect::OpenAi, busy().insert_header("retry-after-ms", "1")).await;
    assert_eq!((failure.retry_after(), asked), (Some(Duration::from_millis(1)), 3));
    let dated = busy().insert_header("date", "Wed, 21 Oct 2015 07:28:00 GMT");
    let (failure, asked) = failure_of(Dialect::OpenAi, dated.insert_header("retry-after", "Wed, 21 Oct 2015 07:29:30 GMT")).await;
    assert_eq!((failure.retry_after(), asked), (Some(Duration::from_secs(90)), 1));
    let (_, asked) = failure_of(Dialect::OpenAi, busy().insert_header("x-should-retry", "false")).await;
    assert_eq!(asked, 1);
}
