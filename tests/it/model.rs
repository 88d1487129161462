//! Asking language models: what is sent, what is made of every reply, and what happens when things go wrong.

mod anthropic;
mod budgets;
mod chain;
mod faults;
mod gemini;
mod ollama;
mod openai;
mod secrets;
mod shapes;

use std::time::Duration;

use faultline::reason::{
    client::{Ask, Outcome, Providers},
    dialect::Dialect,
    failure::Failure,
    settings::LlmSettings,
};
use serde_json::{Value, json};
use tokio::time::Instant;
use wiremock::ResponseTemplate;

use crate::support::model::{self, FakeModel};

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {"quote": {"type": "string"}, "cause": {"type": "string", "enum": ["memory", "disk"]}},
        "required": ["quote", "cause"],
        "additionalProperties": false,
    })
}

fn good() -> Value {
    json!({"quote": "Killed", "cause": "memory"})
}

/// Without pauses between tries.
fn providers(settings: &LlmSettings) -> Providers {
    let providers = Providers::from_settings(settings).expect("the settings are fine").expect("a model is configured");
    providers.paced_from(Duration::ZERO)
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

/// What the caller makes of an answer: it has to have a cause.
fn check(text: &str) -> Result<Value, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if value["cause"].is_string() { Ok(value) } else { Err("`cause` is missing".to_owned()) }
}

async fn ask(providers: &Providers) -> Outcome<Value> {
    ask_until(providers, soon()).await
}

async fn ask_until(providers: &Providers, deadline: Instant) -> Outcome<Value> {
    let schema = schema();
    let ask = Ask { system: "You find causes.", user: "Why was it killed?", schema: &schema, schema_name: "diagnosis" };
    providers.ask(&ask, &check, deadline).await
}

/// The only failure of a chain of one provider that always gives this reply, and how often it was asked.
async fn failure_of(dialect: Dialect, reply: ResponseTemplate) -> (Failure, usize) {
    let fake = FakeModel::scripted(dialect, [reply]).await;
    let failed = ask(&providers(&fake.settings())).await.expect_err("no answer");
    assert_eq!(failed.failures.len(), 1, "{failed:?}");
    let (provider, failure) = failed.failures.into_iter().next().expect("one");
    assert_eq!(provider, dialect.name());
    (failure, fake.asked().await.len())
}

/// Replies, each with the label of what is made of it, a part of the words, and how often it is asked for.
async fn check_failures(dialect: Dialect, cases: Vec<(u16, Value, &str, &str, usize)>) {
    for (status, body, label, words, requests) in cases {
        let (failure, asked) = failure_of(dialect, model::body(status, &body)).await;
        assert_eq!((failure.label(), asked), (label, requests), "{status} {body}: {failure}");
        assert!(failure.to_string().contains(words), "{failure}");
    }
}

/// Any reply that was asked for with the right settings is given as it is.
async fn check_answer(fake: &FakeModel) {
    let reply = ask(&providers(&fake.settings())).await.expect("an answer");
    assert_eq!((reply.value, reply.provider, reply.model.as_str()), (good(), fake.dialect.name(), "some-model-001"));
    assert_eq!((reply.usage.input_tokens, reply.usage.output_tokens, reply.attempts), (11, 7, 1));
}
