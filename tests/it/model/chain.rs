//! Several providers: who is asked, who is left alone.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use faultline::reason::{
    client::{Observed, Providers},
    dialect::Dialect,
    settings::LlmSettings,
};
use serde_json::{Value, json};

use super::{ask, good, providers};
use crate::support::model::{FakeModel, answer, body, late};

fn pair(first: FakeModel, second: FakeModel) -> (FakeModel, FakeModel, LlmSettings) {
    let mut settings = LlmSettings::default();
    first.join(&mut settings);
    second.join(&mut settings);
    (first, second, settings)
}

#[tokio::test]
async fn what_one_provider_will_never_answer_goes_to_the_next_at_once() {
    for (status, error) in [(401, "no"), (400, "bad"), (404, "unknown"), (402, "pay")] {
        let failing = FakeModel::scripted(Dialect::Gemini, [body(status, &json!({"error": {"message": error}}))]).await;
        let (first, second, settings) = pair(failing, FakeModel::ollama(good()).await);
        let reply = ask(&providers(&settings)).await.expect("an answer");
        assert_eq!((reply.provider, reply.value, reply.attempts), ("ollama", good(), 2));
        assert_eq!((first.asked().await.len(), second.asked().await.len()), (1, 1), "{status}");
    }
}

#[tokio::test]
async fn a_provider_that_is_silent_is_not_waited_for_twice() {
    let silent = FakeModel::scripted(Dialect::Gemini, [late(answer(Dialect::Gemini, &good()))]).await;
    let (first, _second, mut settings) = pair(silent, FakeModel::openai(good()).await);
    settings.llm_timeout_seconds = 1;
    assert_eq!(ask(&providers(&settings)).await.expect("an answer").provider, "openai");
    assert_eq!(first.asked().await.len(), 1);
}

#[tokio::test]
async fn the_order_is_the_one_that_is_set_and_all_failures_are_told() {
    let (_gemini, _anthropic, mut settings) = pair(
        FakeModel::scripted(Dialect::Gemini, [body(401, &json!({"error": {"message": "key?"}}))]).await,
        FakeModel::scripted(
            Dialect::Anthropic,
            [body(529, &json!({"error": {"type": "overloaded_error", "message": "Overloaded"}}))],
        )
        .await,
    );
    settings.llm_providers = "anthropic,gemini".parse().expect("names");
    let providers = providers(&settings);
    assert_eq!(providers.models().collect::<Vec<_>>(), [("anthropic", "some-model"), ("gemini", "some-model")]);
    let failed = ask(&providers).await.expect_err("none answers");
    assert_eq!(
        failed.reason(),
        "no language model answered (anthropic: it is overloaded or in trouble (Overloaded); gemini: it does not accept the key (key?))"
    );
}

#[tokio::test]
async fn a_provider_that_fails_again_and_again_is_left_alone_for_a_while() {
    let down = body(503, &json!({"error": {"message": "down"}}));
    let fake = FakeModel::scripted(Dialect::OpenAi, [down]).await;
    let providers = providers(&fake.settings());
    for (expected, words) in [(3, "down"), (5, "not asked for a while"), (5, "not asked for a while")] {
        let failed = ask(&providers).await.expect_err("it is down");
        assert!(failed.reason().contains(words), "{failed}");
        assert_eq!(fake.asked().await.len(), expected);
    }
    rest().await;
    let failed = ask(&providers).await.expect_err("it is still down");
    assert!(failed.retry_after().is_some_and(|wait| wait > Duration::from_secs(25)), "{failed:?}");
    assert_eq!(fake.asked().await.len(), 6, "one is let through");
    rest().await;
    fake.now_says(answer(Dialect::OpenAi, &good()));
    assert_eq!(ask(&providers).await.expect("it is well again").attempts, 1);
    fake.now_says(body(503, &Value::Null));
    ask(&providers).await.expect_err("it is down again");
    assert_eq!(fake.asked().await.len(), 6 + 1 + 3, "which counts anew");
}

/// Half a minute, which nobody has to wait for.
async fn rest() {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(30)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn refusals_do_not_speak_against_a_provider() {
    let fake = FakeModel::scripted(Dialect::OpenAi, [body(400, &json!({"error": {"message": "bad"}}))]).await;
    let providers = providers(&fake.settings());
    for _ in 0..8 {
        ask(&providers).await.expect_err("it is rejected");
    }
    assert_eq!(fake.asked().await.len(), 8);
}

#[tokio::test]
async fn what_each_provider_did_is_told_with_its_cost() {
    let failing = FakeModel::scripted(Dialect::Gemini, [body(503, &json!({"error": {"message": "down"}}))]).await;
    let (_first, _second, mut settings) = pair(failing, FakeModel::anthropic(good()).await);
    settings.llm_price_input_per_mtok = "3".parse().expect("a price");
    settings.llm_price_output_per_mtok = "15".parse().expect("a price");
    let seen: Arc<Mutex<Vec<Observed>>> = Arc::default();
    let providers = observing(providers(&settings), &seen);
    ask(&providers).await.expect("an answer");
    let seen = seen.lock().expect("no panic");
    let told: Vec<_> =
        seen.iter().map(|o| (o.provider, o.model.as_str(), o.outcome, o.attempts, o.usage.output_tokens)).collect();
    assert_eq!(told, [("gemini", "some-model", "overloaded", 3, 0), ("anthropic", "some-model", "ok", 1, 7)]);
    let costs: Vec<_> = seen.iter().map(|o| o.cost).collect();
    assert_eq!(costs, [Some(0.0), Some((3.0 * 11.0 + 15.0 * 7.0) / 1e6)]);
}

fn observing(providers: Providers, seen: &Arc<Mutex<Vec<Observed>>>) -> Providers {
    let seen = Arc::clone(seen);
    providers.observed_by(move |observed| seen.lock().expect("no panic").push(observed.clone()))
}
