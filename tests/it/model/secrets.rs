//! Keys are sent where they belong and shown nowhere.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use faultline::reason::dialect::Dialect;
use serde_json::json;

use super::{ask, good, providers};
use crate::support::{
    cli::faultline,
    model::{FakeModel, KEY, answer, body},
};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("no panic")).into_owned()
    }
}

/// Everything that is logged by this thread from now on.
fn listen() -> (Log, tracing::subscriber::DefaultGuard) {
    use tracing_subscriber::fmt::format::FmtSpan;
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::CLOSE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    (log, tracing::subscriber::set_default(subscriber))
}

#[tokio::test]
async fn a_key_that_a_server_repeats_is_not_passed_on() {
    let (log, _guard) = listen();
    for dialect in [Dialect::Gemini, Dialect::OpenAi, Dialect::Anthropic] {
        for status in [200, 400, 401, 403, 404, 413, 429, 500, 529] {
            let said = format!("{}your key {KEY} (Bearer {KEY}), that is {}...", "x".repeat(150), &KEY[..16]);
            let fake = FakeModel::scripted(dialect, [body(status, &json!({"error": {"message": said, "type": "t"}}))]).await;
            let settings = fake.settings();
            let providers = providers(&settings);
            let failed = ask(&providers).await.expect_err("no answer");
            let shown = format!("{failed:?} {} {failed} {providers:?} {settings:?}", failed.reason());
            for part in [KEY, &KEY[..8], &KEY[KEY.len() - 8..]] {
                assert!(!shown.contains(part), "{dialect:?} {status}: {shown}");
            }
            for request in fake.asked().await {
                assert!(!request.url.as_str().contains(KEY));
            }
        }
    }
    assert!(log.text().contains("gave no answer") && !log.text().contains(&KEY[..8]), "{}", log.text());
}

#[tokio::test]
async fn a_key_does_not_follow_a_redirect() {
    let elsewhere = FakeModel::gemini(good()).await;
    let to = format!("{}/v1beta/models/x:generateContent", elsewhere.url());
    for status in [301, 302, 307, 308] {
        let moved = wiremock::ResponseTemplate::new(status).insert_header("location", to.as_str());
        let fake = FakeModel::scripted(Dialect::Gemini, [moved]).await;
        let failed = ask(&providers(&fake.settings())).await.expect_err("it moved");
        assert!(failed.reason().contains("another address"), "{failed}");
    }
    assert_eq!(elsewhere.asked().await.len(), 0);
}

#[tokio::test]
async fn a_span_tells_what_was_asked_but_not_the_words() {
    let (log, _guard) = listen();
    let fake = FakeModel::scripted(Dialect::OpenAi, [answer(Dialect::OpenAi, &good())]).await;
    ask(&providers(&fake.settings())).await.expect("an answer");
    let log = log.text();
    for field in [
        r#"otel.name="chat some-model""#,
        r#"gen_ai.operation.name="chat""#,
        r#"gen_ai.provider.name="openai""#,
        r#"gen_ai.request.model="some-model""#,
        "gen_ai.request.max_tokens=2048",
        "gen_ai.request.temperature=0.1",
        r#"gen_ai.response.model="some-model-001""#,
        r#"gen_ai.response.finish_reasons="stop""#,
        "gen_ai.usage.input_tokens=11",
        "gen_ai.usage.output_tokens=7",
    ] {
        assert!(log.contains(field), "{field} in {log}");
    }
    assert!(!log.contains("Why was it killed?") && !log.contains("Killed") && !log.contains(KEY), "{log}");
}

#[test]
fn settings_that_lead_nowhere_stop_the_start() {
    let cases = [
        (vec![("LLM_PROVIDERS", "gemini")], "GOOGLE_API_KEY"),
        (vec![("LLM_PROVIDERS", "hal")], "LLM_PROVIDERS"),
        (vec![("LLM_TEMPERATURE", "3")], "LLM_TEMPERATURE"),
        (vec![("GOOGLE_API_KEY", "secret-0123"), ("GEMINI_BASE_URL", "nowhere")], "GEMINI_BASE_URL"),
        (vec![("OPENAI_BASE_URL", "http://me:secret-0123@a.example")], "OPENAI_BASE_URL"),
        (vec![("ANTHROPIC_API_KEY", "secret-0123\nx")], "ANTHROPIC_API_KEY"),
    ];
    for (variables, named) in cases {
        let mut command = faultline(&["serve", "--app-port=0", "--no-cluster"]);
        for (name, value) in &variables {
            command = command.env(name, value);
        }
        let error = command.ends_with(2).err;
        assert!(error.contains(named) && !error.contains("secret-0123"), "{error}");
    }
    let help = faultline(&["serve", "--help"]).env("OPENAI_API_KEY", "secret-0123").succeeds();
    assert!(help.contains("OPENAI_API_KEY") && !help.contains("secret-0123"));
}
