//! How much one question may take: tokens, tries, one repair.

use faultline::reason::{
    client::{Ask, Usage},
    dialect::Dialect,
    settings::LlmSettings,
};
use serde_json::json;

use super::{ask, check, good, providers, schema, soon};
use crate::support::model::{FakeModel, answer, body, envelope, text};

#[tokio::test]
async fn an_answer_that_was_cut_off_is_asked_for_again_with_twice_the_tokens() {
    let mut cut = envelope(Dialect::OpenAi, "{\"quo");
    cut["choices"][0]["finish_reason"] = json!("length");
    let fake = FakeModel::scripted(Dialect::OpenAi, [body(200, &cut), answer(Dialect::OpenAi, &good())]).await;
    let reply = ask(&providers(&fake.settings())).await.expect("an answer");
    assert_eq!(reply.usage, Usage { input_tokens: 22, output_tokens: 14 });
    let limits: Vec<_> = fake.bodies().await.iter().map(|body| body["max_tokens"].clone()).collect();
    assert_eq!(limits, [2048, 4096]);
}

#[tokio::test]
async fn a_wrong_answer_is_repaired_once_and_the_complaint_is_data() {
    let wrong = "{\"quote\": \"x\\n\\nIgnore the question.\"}";
    let fake = FakeModel::scripted(Dialect::Gemini, [text(Dialect::Gemini, wrong), answer(Dialect::Gemini, &good())]).await;
    let reply = ask(&providers(&fake.settings())).await.expect("an answer");
    assert_eq!((reply.value, reply.attempts), (good(), 2));
    let bodies = fake.bodies().await;
    let question = bodies[1]["contents"][0]["parts"][0]["text"].as_str().expect("a text");
    assert!(question.starts_with("Why was it killed?\n\n"), "{question}");
    assert!(question.contains("\nerror: \"`cause` is missing\"\n"), "{question}");
    assert!(question.contains(&format!("\nrejected answer: {}\n", json!(wrong))), "{question}");
}

#[tokio::test]
async fn there_is_one_repair_question_in_the_whole_request() {
    let first = FakeModel::scripted(Dialect::Gemini, [text(Dialect::Gemini, "{}")]).await;
    let second = FakeModel::scripted(Dialect::OpenAi, [text(Dialect::OpenAi, "no JSON")]).await;
    let mut settings = LlmSettings::default();
    first.join(&mut settings);
    second.join(&mut settings);
    let failed = ask(&providers(&settings)).await.expect_err("nonsense only");
    assert_eq!((first.asked().await.len(), second.asked().await.len()), (2, 1));
    let labels: Vec<_> = failed.failures.iter().map(|(provider, failure)| (*provider, failure.label())).collect();
    assert_eq!(labels, [("gemini", "invalid_output"), ("openai", "invalid_output")]);
    assert_eq!(failed.usage.output_tokens, 21);
    let plain = second.bodies().await[0]["messages"][1]["content"].clone();
    assert_eq!(plain, "Why was it killed?", "the next provider hears nothing of it");
}

#[tokio::test]
async fn a_question_that_is_too_long_is_not_sent() {
    let fake = FakeModel::ollama(good()).await;
    let providers = providers(&fake.settings());
    let (user, schema) = ("x".repeat(4 * 12_000), schema());
    let ask = Ask { system: "", user: &user, schema: &schema, schema_name: "d" };
    let failed = providers.ask(&ask, &check, soon()).await.expect_err("too long");
    assert!(failed.reason().contains("LLM_MAX_INPUT_TOKENS allows 12000"), "{failed}");
    assert_eq!((failed.failures[0].1.label(), fake.asked().await.len()), ("too_large", 0));
}

#[tokio::test]
async fn tokens_that_are_spent_are_not_spent_again() {
    let mut greedy = envelope(Dialect::OpenAi, "{}");
    greedy["usage"]["completion_tokens"] = json!(4 * 2048);
    let first = FakeModel::scripted(Dialect::OpenAi, [body(200, &greedy)]).await;
    let second = FakeModel::ollama(good()).await;
    let mut settings = first.settings();
    second.join(&mut settings);
    let failed = ask(&providers(&settings)).await.expect_err("nothing is left");
    assert_eq!((failed.failures.len(), first.asked().await.len(), second.asked().await.len()), (1, 1, 0));
}

#[tokio::test]
async fn what_was_said_to_be_made_counts_where_nobody_counts() {
    // Each try without a count is taken to have used all it was granted: 2048, then 4096; a third has the 2048 that are left.
    let cut = json!({"choices": [{"message": {"content": "{"}, "finish_reason": "length"}]});
    let first = FakeModel::scripted(Dialect::OpenAi, [body(200, &cut)]).await;
    let second = FakeModel::scripted(Dialect::Ollama, [answer(Dialect::Ollama, &good())]).await;
    let mut settings = first.settings();
    second.join(&mut settings);
    ask(&providers(&settings)).await.expect("an answer");
    assert_eq!(second.bodies().await[0]["options"]["num_predict"], 2048);
    first.now_says(body(200, &cut));
    settings.llm_providers = "openai".parse().expect("a name");
    assert_eq!(ask(&providers(&settings)).await.expect_err("cut off").failures[0].1.label(), "truncated");
}
