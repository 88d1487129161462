//! How each provider is asked and understood: JSON in and out, nothing else. No file here does IO.

mod anthropic;
mod gemini;
mod ollama;
mod openai;

pub(super) use openai::has_new_tokens_field;

use super::failure::{Failure, kept};
use crate::net;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;
use std::ops::AddAssign;

/// One question to a model, whoever answers it.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// What the model is and how it has to answer.
    pub system: &'a str,
    /// What it is asked, with all data.
    pub user: &'a str,
    /// JSON schema of the answer, in the subset that all providers take: objects that name all their properties as
    /// required and allow no others, string enums, arrays without bounds, no recursion.
    pub schema: &'a Value,
    /// Name of the schema, for providers that want one.
    pub schema_name: &'a str,
}

/// An [`Ask`] with what the provider has to know besides.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub ask: Ask<'a>,
    /// Address of the service, as it was configured.
    pub base_url: &'a str,
    pub model: &'a str,
    pub max_output_tokens: u32,
    /// Room for question and answer together; the same for all questions.
    pub context_tokens: u32,
    pub temperature: f64,
    pub quirks: &'a Quirks,
}

/// What to POST, but for the key.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoded {
    pub url: String,
    pub headers: Vec<(&'static str, &'static str)>,
    /// Where the key goes; never into the URL, which ends in logs.
    pub key_header: KeyHeader,
    pub body: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyHeader {
    /// `Authorization: Bearer`
    Bearer,
    /// The key alone, under this name
    Named(&'static str),
}

/// An answer that the model finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// What the model wrote; [`json_within`] finds the answer in it.
    pub text: String,
    pub usage: Usage,
    /// The model that answered. `None` = the provider does not say.
    pub model: Option<String>,
    /// Why the model stopped, in the provider's word. Empty = it does not say.
    pub finish: String,
}

/// Zero = the provider does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub input_tokens: u64,
    /// With what the model thought before it wrote.
    pub output_tokens: u64,
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Usage) {
        self.input_tokens += other.input_tokens;
        self.output_tokens += other.output_tokens;
    }
}

/// A way of asking that a provider turned out to need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quirk {
    /// It rejects `temperature`, as reasoning models do.
    NoTemperature,
    /// It knows the limit of the answer as `max_tokens`, not as `max_completion_tokens`.
    MaxTokens,
    /// It takes no schema, only "some JSON": the schema goes into the prompt.
    JsonMode,
    /// It does not even take that.
    PlainText,
    /// It takes no schema for the answer, but for the input of a tool that it has to call.
    ForcedTool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quirks(Vec<Quirk>);

impl Quirks {
    pub fn has(&self, quirk: Quirk) -> bool {
        self.0.contains(&quirk)
    }

    /// The same with `quirk`, or without it where it was there.
    pub fn toggled(&self, quirk: Quirk) -> Quirks {
        let mut quirks = self.clone();
        match quirks.0.iter().position(|known| *known == quirk) {
            Some(at) => _ = quirks.0.remove(at),
            None => quirks.0.push(quirk),
        }
        quirks
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Gemini,
    /// OpenAI, Azure, and whatever speaks as they do
    OpenAi,
    Anthropic,
    Ollama,
}

impl Dialect {
    /// In the order in which they are asked where nothing else is set.
    pub const ALL: [Dialect; 4] = [Dialect::Gemini, Dialect::OpenAi, Dialect::Anthropic, Dialect::Ollama];

    /// In settings, answers and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Dialect::Gemini => "gemini",
            Dialect::OpenAi => "openai",
            Dialect::Anthropic => "anthropic",
            Dialect::Ollama => "ollama",
        }
    }

    /// `gen_ai.provider.name` of OpenTelemetry.
    pub fn telemetry_name(self) -> &'static str {
        match self {
            Dialect::Gemini => "gcp.gemini",
            Dialect::OpenAi | Dialect::Anthropic | Dialect::Ollama => self.name(),
        }
    }

    pub fn default_url(self) -> &'static str {
        match self {
            Dialect::Gemini => "https://generativelanguage.googleapis.com",
            Dialect::OpenAi => "https://api.openai.com/v1",
            Dialect::Anthropic => "https://api.anthropic.com",
            Dialect::Ollama => "http://127.0.0.1:11434",
        }
    }

    pub fn encode(self, request: &Request<'_>) -> Encoded {
        match self {
            Dialect::Gemini => gemini::encode(request),
            Dialect::OpenAi => openai::encode(request),
            Dialect::Anthropic => anthropic::encode(request),
            Dialect::Ollama => ollama::encode(request),
        }
    }

    pub fn decode(self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Result<Decoded, Failure> {
        if status.is_redirection() {
            return Err(Failure::NotFound { said: "it points to another address: set that one".to_owned() });
        }
        let is_success = status.is_success();
        match self {
            Dialect::Gemini if is_success => gemini::decode(headers, body),
            Dialect::Gemini => Err(gemini::failure(status, headers, body)),
            Dialect::OpenAi if is_success => openai::decode(headers, body),
            Dialect::OpenAi => Err(openai::failure(status, headers, body)),
            Dialect::Anthropic if is_success => anthropic::decode(body),
            Dialect::Anthropic => Err(anthropic::failure(status, headers, body)),
            Dialect::Ollama if is_success => ollama::decode(body),
            Dialect::Ollama => Err(ollama::failure(status, headers, body)),
        }
    }

    /// The tokens that an answer says it took, whatever else is in it.
    pub fn usage(self, body: &[u8]) -> Usage {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let sum = |pointers: &[&str]| pointers.iter().filter_map(|pointer| body.pointer(pointer)?.as_u64()).sum();
        let (input, output): (&[&str], &[&str]) = match self {
            Dialect::Gemini => (
                &["/usageMetadata/promptTokenCount"],
                &["/usageMetadata/candidatesTokenCount", "/usageMetadata/thoughtsTokenCount"],
            ),
            Dialect::OpenAi => (&["/usage/prompt_tokens"], &["/usage/completion_tokens"]),
            Dialect::Anthropic => (
                &["/usage/input_tokens", "/usage/cache_creation_input_tokens", "/usage/cache_read_input_tokens"],
                &["/usage/output_tokens"],
            ),
            Dialect::Ollama => (&["/prompt_eval_count"], &["/eval_count"]),
        };
        Usage { input_tokens: sum(input), output_tokens: sum(output) }
    }

    /// Another way to ask a provider that rejected a request and said why. `None` = there is none.
    pub fn adapted(self, quirks: &Quirks, said: &str) -> Option<Quirks> {
        let quirk = match self {
            _ if said.contains("temperature") => Quirk::NoTemperature,
            Dialect::Anthropic if said.contains("output_config") => Quirk::ForcedTool,
            Dialect::Gemini if names(said, &["responseJsonSchema", "response_json_schema", "JSON mode"]) => Quirk::JsonMode,
            Dialect::OpenAi if names(said, &["response_format", "json_schema"]) && quirks.has(Quirk::JsonMode) => {
                Quirk::PlainText
            }
            Dialect::OpenAi if names(said, &["response_format", "json_schema"]) => Quirk::JsonMode,
            Dialect::OpenAi => {
                let field = if quirks.has(Quirk::MaxTokens) { "max_tokens" } else { "max_completion_tokens" };
                return said.contains(field).then(|| quirks.toggled(Quirk::MaxTokens));
            }
            Dialect::Ollama if names(said, &["structured output", "format"]) => Quirk::JsonMode,
            Dialect::Gemini | Dialect::Anthropic | Dialect::Ollama => return None,
        };
        (!quirks.has(quirk)).then(|| quirks.toggled(quirk))
    }
}

fn names(said: &str, fields: &[&str]) -> bool {
    fields.iter().any(|field| said.contains(field))
}

/// For models that do not get the schema, or do not always keep to it.
fn system_with_schema(ask: &Ask<'_>) -> String {
    format!("{}\n\nAnswer with one JSON object of this JSON schema and nothing else:\n{}", ask.system, ask.schema)
}

/// The JSON object in what a model wrote, without the fence and the words around it: the longest one. `None` = none is whole.
pub fn json_within(text: &str) -> Option<&str> {
    /// Braces of prose at which an object is looked for.
    const TRIES: usize = 100;
    let (mut found, mut from): (Option<&str>, usize) = (None, 0);
    for _ in 0..TRIES {
        let Some(brace) = text[from..].find('{') else { break };
        let start = from + brace;
        let mut objects = serde_json::Deserializer::from_str(&text[start..]).into_iter::<IgnoredAny>();
        from = start + 1;
        if matches!(objects.next(), Some(Ok(_))) {
            from = start + objects.byte_offset();
            let object = &text[start..from];
            found = found.filter(|longest| longest.len() >= object.len()).or(Some(object));
        }
    }
    found
}

/// A success of the wrong shape is the model's or a proxy's fault.
fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body)
        .map_err(|error| Failure::InvalidOutput { why: kept(&format!("the reply is no answer: {error}")) })
}

/// A text that says nothing is no answer.
fn told(text: String) -> Result<String, Failure> {
    if text.trim().is_empty() { Err(Failure::InvalidOutput { why: "the reply is empty".to_owned() }) } else { Ok(text) }
}

/// What a status means where the body does not know better.
fn by_status(status: StatusCode, headers: &HeaderMap, said: &str) -> Failure {
    let said = if said.is_empty() { format!("status {}", status.as_u16()) } else { kept(said) };
    match status.as_u16() {
        401 | 403 => Failure::Auth { said },
        402 => Failure::QuotaExhausted { said },
        404 | 405 => Failure::NotFound { said },
        408 | 504 => Failure::Timeout,
        413 => Failure::TooLarge { said },
        429 => Failure::RateLimited { retry_after: net::retry_after(headers), said },
        409 | 499 | 500..=599 => Failure::Overloaded { retry_after: net::retry_after(headers), said },
        _ => Failure::BadRequest { said },
    }
}

/// The words of an error, in whichever of the usual places they are: `error.message`, `error`, `message`, `detail`; else
/// the body itself where it is no JSON.
fn words_of(error: &Value, body: &[u8]) -> String {
    let places = ["/error/message", "/error", "/message", "/detail", "/detail/message", "/detail/0/msg"];
    let words = places.iter().find_map(|place| error.pointer(place)?.as_str());
    match words {
        Some(words) => words.to_owned(),
        None if error.is_null() => kept(&String::from_utf8_lossy(&body[..body.len().min(4096)])),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Dialect, Quirk, Quirks, json_within};

    #[test]
    fn the_json_of_a_reply_is_cut_out() {
        let object = r#"{"a": "}{", "b": {"c": []}}"#;
        for text in [
            object.to_owned(),
            format!("```json\n{object}\n```"),
            format!("Here {{it}} is, see {{}}:\n\n```\n{object}\n```\nAnything else? {{\"a\":1}}"),
            format!("<think>maybe {{\"a\": 1</think>{object}"),
        ] {
            assert_eq!(json_within(&text), Some(object), "{text}");
        }
        for text in ["", "no", "{", r#"{"a": "#, "[1, 2]", &"{".repeat(100_000)] {
            assert_eq!(json_within(text), None, "{}", &text[..text.len().min(20)]);
        }
    }

    #[test]
    fn a_rejection_that_names_a_field_leads_to_another_way() {
        let none = Quirks::default();
        let quirk = |dialect: Dialect, quirks: &Quirks, said: &str| dialect.adapted(quirks, said);
        let with = |quirk| Some(none.toggled(quirk));
        let said = "Unsupported value: 'temperature' does not support 0.1 with this model.";
        for dialect in Dialect::ALL {
            assert_eq!(quirk(dialect, &none, said), with(Quirk::NoTemperature));
            assert_eq!(quirk(dialect, &none.toggled(Quirk::NoTemperature), said), None, "it is not sent any more");
            assert_eq!(quirk(dialect, &none, "messages: at least one message is required"), None);
        }
        assert_eq!(quirk(Dialect::Anthropic, &none, "output_config: Extra inputs are not permitted"), with(Quirk::ForcedTool));
        let said = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
        assert_eq!(quirk(Dialect::OpenAi, &none.toggled(Quirk::MaxTokens), said), Some(none.clone()));
        let said = "Unrecognized request argument supplied: max_completion_tokens";
        assert_eq!(quirk(Dialect::OpenAi, &none, said), with(Quirk::MaxTokens));
        let said = "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.";
        let json_mode = quirk(Dialect::OpenAi, &none, said);
        assert_eq!(json_mode, with(Quirk::JsonMode));
        let plain = quirk(Dialect::OpenAi, &json_mode.expect("another way"), said).expect("a plainer way");
        assert!(plain.has(Quirk::PlainText) && quirk(Dialect::OpenAi, &plain, said).is_none());
    }
}
