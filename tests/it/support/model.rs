//! A server that speaks as one provider of language models does: scripted replies, every request kept.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use faultline::{
    net::Secret,
    reason::{dialect::Dialect, settings::LlmSettings},
};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, matchers::any};

/// The key that [`FakeModel::settings`] holds.
pub const KEY: &str = "test-key-0123456789abcdef";
pub const MODEL: &str = "some-model";

/// Serves until dropped.
pub struct FakeModel {
    pub dialect: Dialect,
    server: MockServer,
    script: Script,
}

/// Replies in sequence; the last one is given again and again.
#[derive(Clone)]
struct Script(Arc<Mutex<VecDeque<ResponseTemplate>>>);

impl Respond for Script {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        let mut replies = self.0.lock().expect("no panic");
        let last = replies.front().cloned().expect("a script has a reply");
        if replies.len() > 1 { replies.pop_front().expect("there are two") } else { last }
    }
}

impl FakeModel {
    /// Answers every question with this object, as Gemini does.
    pub async fn gemini(reply: Value) -> Self {
        Self::answering(Dialect::Gemini, &reply).await
    }

    pub async fn openai(reply: Value) -> Self {
        Self::answering(Dialect::OpenAi, &reply).await
    }

    pub async fn anthropic(reply: Value) -> Self {
        Self::answering(Dialect::Anthropic, &reply).await
    }

    pub async fn ollama(reply: Value) -> Self {
        Self::answering(Dialect::Ollama, &reply).await
    }

    pub async fn answering(dialect: Dialect, reply: &Value) -> Self {
        Self::scripted(dialect, [answer(dialect, reply)]).await
    }

    /// Gives these replies, one after the other.
    pub async fn scripted(dialect: Dialect, replies: impl IntoIterator<Item = ResponseTemplate>) -> Self {
        let script = Script(Arc::new(Mutex::new(replies.into_iter().collect())));
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(script.clone()).mount(&server).await;
        Self { dialect, server, script }
    }

    /// What it says from now on.
    pub fn now_says(&self, reply: ResponseTemplate) {
        *self.script.0.lock().expect("no panic") = [reply].into();
    }

    pub fn url(&self) -> String {
        self.server.uri()
    }

    /// With this model alone.
    pub fn settings(&self) -> LlmSettings {
        let mut settings = LlmSettings::default();
        self.join(&mut settings);
        settings
    }

    /// Adds it to the models of `settings`.
    pub fn join(&self, settings: &mut LlmSettings) {
        let (url, model, key) = (self.url(), MODEL.to_owned(), Secret::new(KEY));
        match self.dialect {
            Dialect::Gemini => {
                (settings.gemini_base_url, settings.gemini_model, settings.google_api_key) = (url, model, key);
            }
            Dialect::OpenAi => {
                (settings.openai_base_url, settings.openai_model, settings.openai_api_key) = (url, model, key);
            }
            Dialect::Anthropic => {
                (settings.anthropic_base_url, settings.anthropic_model, settings.anthropic_api_key) = (url, model, key);
            }
            Dialect::Ollama => (settings.ollama_host, settings.ollama_model) = (url, model),
        }
    }

    /// Every request so far, in order.
    pub async fn asked(&self) -> Vec<Request> {
        self.server.received_requests().await.expect("requests are recorded")
    }

    /// Their bodies.
    pub async fn bodies(&self) -> Vec<Value> {
        self.asked().await.iter().map(|request| request.body_json().expect("a JSON body")).collect()
    }
}

/// A whole answer as the provider sends it, whose model wrote `reply`.
pub fn answer(dialect: Dialect, reply: &Value) -> ResponseTemplate {
    text(dialect, &reply.to_string())
}

/// The same with any text.
pub fn text(dialect: Dialect, text: &str) -> ResponseTemplate {
    body(200, &envelope(dialect, text))
}

/// What a provider sends around the text of its model: 11 tokens in, 7 out.
pub fn envelope(dialect: Dialect, text: &str) -> Value {
    match dialect {
        Dialect::Gemini => json!({
            "candidates": [{
                "content": {"role": "model", "parts": [{"text": "let me think", "thought": true}, {"text": text}]},
                "finishReason": "STOP", "index": 0,
                "safetyRatings": [{"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "probability": "NEGLIGIBLE"}],
            }],
            "usageMetadata": {"promptTokenCount": 11, "candidatesTokenCount": 4, "thoughtsTokenCount": 3, "totalTokenCount": 18},
            "modelVersion": "some-model-001", "responseId": "r1",
        }),
        Dialect::OpenAi => json!({
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1_760_000_000, "model": "some-model-001",
            "choices": [{
                "index": 0, "logprobs": null, "finish_reason": "stop",
                "message": {"role": "assistant", "content": text, "refusal": null, "annotations": []},
            }],
            "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}, "service_tier": "default",
        }),
        Dialect::Anthropic => json!({
            "id": "msg_01", "type": "message", "role": "assistant", "model": "some-model-001",
            "content": [{"type": "thinking", "thinking": "let me think", "signature": "s"}, {"type": "text", "text": text}],
            "stop_reason": "end_turn", "stop_sequence": null,
            "usage": {"input_tokens": 10, "output_tokens": 7, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 1},
        }),
        Dialect::Ollama => json!({
            "model": "some-model-001", "created_at": "2026-01-01T00:00:00Z",
            "message": {"role": "assistant", "content": text, "thinking": "let me think"},
            "done": true, "done_reason": "stop", "total_duration": 1, "load_duration": 1,
            "prompt_eval_count": 11, "prompt_eval_duration": 1, "eval_count": 7, "eval_duration": 1,
        }),
    }
}

/// Any status with any JSON.
pub fn body(status: u16, body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(body)
}

/// The reply comes later than anybody waits.
pub fn late(reply: ResponseTemplate) -> ResponseTemplate {
    reply.set_delay(Duration::from_secs(3600))
}
