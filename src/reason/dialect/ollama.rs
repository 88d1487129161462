//! Ollama's chat, as <https://docs.ollama.com/api/chat> has it.

use super::{Decoded, Encoded, KeyHeader, Quirk, Request, by_status, parsed, system_with_schema, told, words_of};
use crate::reason::failure::{Failure, kept};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) fn encode(request: &Request<'_>) -> Encoded {
    let mut options = json!({"num_predict": request.max_output_tokens, "num_ctx": request.context_tokens});
    if !request.quirks.has(Quirk::NoTemperature) {
        options["temperature"] = json!(request.temperature);
    }
    let format = if request.quirks.has(Quirk::JsonMode) { json!("json") } else { request.ask.schema.clone() };
    Encoded {
        url: format!("{}/api/chat", request.base_url),
        headers: Vec::new(),
        key_header: KeyHeader::Bearer,
        body: json!({
            "model": request.model,
            "messages": [
                // The format binds only how it writes: what the fields mean it reads here.
                {"role": "system", "content": system_with_schema(&request.ask)},
                {"role": "user", "content": request.ask.user},
            ],
            "stream": false,
            "format": format,
            "options": options,
        }),
    }
}

#[derive(Deserialize)]
struct Answer {
    message: Option<Message>,
    model: Option<String>,
    done_reason: Option<String>,
    error: Option<String>,
}

/// What it thought (`thinking`) is not read.
#[derive(Deserialize)]
struct Message {
    content: Option<String>,
}

pub(super) fn decode(body: &[u8]) -> Result<Decoded, Failure> {
    let answer: Answer = parsed(body)?;
    if let Some(error) = answer.error {
        return Err(Failure::Overloaded { retry_after: None, said: kept(&error) });
    }
    let finish = answer.done_reason.unwrap_or_default();
    if finish == "length" {
        return Err(Failure::Truncated);
    }
    let text = answer.message.and_then(|message| message.content).unwrap_or_default();
    Ok(Decoded { text: told(text)?, usage: super::Dialect::Ollama.usage(body), model: answer.model, finish })
}

pub(super) fn failure(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Failure {
    let error: Value = serde_json::from_slice(body).unwrap_or_default();
    by_status(status, headers, &words_of(&error, body))
}
