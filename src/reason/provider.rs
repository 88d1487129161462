//! One provider, and one request to it.

use super::breaker::Breaker;
use super::dialect::{Ask, Decoded, Dialect, KeyHeader, Quirk, Quirks, Request, Usage, has_new_tokens_field};
use super::failure::Failure;
use super::settings::{Configured, LlmSettings, MaxTokensField};
use crate::net;
use reqwest::header::HeaderMap;
use std::sync::{Mutex, PoisonError};
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument, Span, field};

/// No answer to one question is larger.
const MAX_ANSWER_BYTES: usize = 1 << 20;

#[derive(Debug)]
pub struct Provider {
    pub at: Configured,
    pub breaker: Breaker,
    /// How it turned out to want to be asked.
    quirks: Mutex<Quirks>,
    temperature: f64,
    context_tokens: u32,
}

/// What came of one request.
pub struct Attempt {
    pub result: Result<Decoded, Failure>,
    /// As the provider counted.
    pub usage: Usage,
    /// The provider says that asking again is of no use.
    pub is_final: bool,
}

impl Provider {
    pub fn new(at: Configured, settings: &LlmSettings) -> Provider {
        let is_old = match settings.openai_max_tokens_field {
            MaxTokensField::Usual => !has_new_tokens_field(&at.base_url),
            MaxTokensField::MaxTokens => true,
            MaxTokensField::MaxCompletionTokens => false,
        };
        let quirks = match at.dialect {
            Dialect::OpenAi if is_old => Quirks::default().toggled(Quirk::MaxTokens),
            _ => Quirks::default(),
        };
        // Room for the answer that is asked for again with twice the tokens; in steps, and always the same, because Ollama
        // loads a model anew when it changes.
        let context = settings.llm_max_input_tokens.saturating_add(settings.llm_max_output_tokens.saturating_mul(2));
        let context_tokens = context.checked_next_multiple_of(2048).unwrap_or(context);
        Provider {
            at,
            breaker: Breaker::default(),
            quirks: Mutex::new(quirks),
            temperature: settings.llm_temperature,
            context_tokens,
        }
    }

    pub fn name(&self) -> &'static str {
        self.at.dialect.name()
    }

    /// Learns from a rejection. True = there is another way to ask.
    pub fn adapt(&self, failure: &Failure, asked_with: &Quirks) -> bool {
        let Failure::BadRequest { said } = failure else { return false };
        let Some(adapted) = self.at.dialect.adapted(asked_with, said) else { return false };
        tracing::info!(provider = self.name(), "the model of {} is asked in another way from now on", self.name());
        *self.quirks.lock().unwrap_or_else(PoisonError::into_inner) = adapted;
        true
    }

    pub fn quirks(&self) -> Quirks {
        self.quirks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends one request. Dropping the future drops the connection with it.
    pub async fn send(&self, http: &reqwest::Client, ask: Ask<'_>, quirks: &Quirks, tokens: u32, until: Instant) -> Attempt {
        let span = self.span(tokens);
        let attempt = self.exchange(http, ask, quirks, tokens, until).instrument(span.clone()).await;
        record(&span, &attempt);
        attempt
    }

    async fn exchange(&self, http: &reqwest::Client, ask: Ask<'_>, quirks: &Quirks, tokens: u32, until: Instant) -> Attempt {
        let encoded = self.at.dialect.encode(&Request {
            ask,
            base_url: &self.at.base_url,
            model: &self.at.model,
            max_output_tokens: tokens,
            context_tokens: self.context_tokens,
            temperature: self.temperature,
            quirks,
        });
        let mut request = http.post(&encoded.url).json(&encoded.body);
        for (name, value) in encoded.headers {
            request = request.header(name, value);
        }
        request = match (&self.at.key, encoded.key_header) {
            (Some(key), KeyHeader::Bearer) => request.bearer_auth(key.expose()),
            (Some(key), KeyHeader::Named(name)) => request.header(name, key.expose()),
            (None, _) => request,
        };
        match timeout_at(until, net::exchange(request, MAX_ANSWER_BYTES)).await {
            Ok(Ok(answer)) => Attempt {
                result: self.at.dialect.decode(answer.status, &answer.headers, &answer.body),
                usage: if answer.status.is_success() { self.at.dialect.usage(&answer.body) } else { Usage::default() },
                is_final: forbids_retry(&answer.headers),
            },
            Ok(Err(error)) => Attempt { result: Err(error.into()), usage: Usage::default(), is_final: false },
            Err(_) => Attempt { result: Err(Failure::Timeout), usage: Usage::default(), is_final: false },
        }
    }

    /// As OpenTelemetry names things (GenAI semantic conventions); neither prompts nor answers.
    fn span(&self, tokens: u32) -> Span {
        let host = self.at.base_url.split_once("://").map_or("", |(_, rest)| rest);
        tracing::info_span!(
            "chat",
            "otel.name" = format!("chat {}", self.at.model),
            "otel.kind" = "client",
            "gen_ai.operation.name" = "chat",
            "gen_ai.provider.name" = self.at.dialect.telemetry_name(),
            "gen_ai.request.model" = self.at.model,
            "gen_ai.request.max_tokens" = tokens,
            "gen_ai.request.temperature" = self.temperature,
            "gen_ai.output.type" = "json",
            "server.address" = host.split('/').next().unwrap_or_default(),
            "gen_ai.response.model" = field::Empty,
            "gen_ai.response.finish_reasons" = field::Empty,
            "gen_ai.usage.input_tokens" = field::Empty,
            "gen_ai.usage.output_tokens" = field::Empty,
            "error.type" = field::Empty,
        )
    }
}

fn record(span: &Span, attempt: &Attempt) {
    span.record("gen_ai.usage.input_tokens", attempt.usage.input_tokens);
    span.record("gen_ai.usage.output_tokens", attempt.usage.output_tokens);
    match &attempt.result {
        Ok(decoded) => {
            if let Some(model) = &decoded.model {
                span.record("gen_ai.response.model", model.as_str());
            }
            span.record("gen_ai.response.finish_reasons", decoded.finish.as_str());
        }
        Err(failure) => _ = span.record("error.type", failure.label()),
    }
}

/// `x-should-retry`, with which OpenAI and Anthropic overrule what a status means.
fn forbids_retry(headers: &HeaderMap) -> bool {
    headers.get("x-should-retry").is_some_and(|value| value.as_bytes() == b"false")
}
