//! Anthropic's messages, as <https://platform.claude.com/docs/en/api/messages> has them.

use super::{Decoded, Encoded, KeyHeader, Quirk, Request, by_status, parsed, told, words_of};
use crate::reason::failure::{Failure, kept};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

/// The greatest temperature that this service knows.
const MAX_TEMPERATURE: f64 = 1.0;

pub(super) fn encode(request: &Request<'_>) -> Encoded {
    let base = request.base_url.trim_end_matches("/v1");
    let mut body = json!({
        "model": request.model,
        "max_tokens": request.max_output_tokens,
        "system": request.ask.system,
        "messages": [{"role": "user", "content": request.ask.user}],
    });
    if request.quirks.has(Quirk::ForcedTool) {
        let name = format!("emit_{}", request.ask.schema_name);
        body["tools"] = json!([{
            "name": name,
            "description": "Takes the answer. It is called once, with the whole answer.",
            "input_schema": request.ask.schema,
        }]);
        body["tool_choice"] = json!({"type": "tool", "name": name, "disable_parallel_tool_use": true});
    } else {
        body["output_config"] = json!({"format": {"type": "json_schema", "schema": request.ask.schema}});
    }
    if !request.quirks.has(Quirk::NoTemperature) {
        body["temperature"] = json!(request.temperature.min(MAX_TEMPERATURE));
    }
    Encoded {
        url: format!("{base}/v1/messages"),
        headers: vec![("anthropic-version", "2023-06-01")],
        key_header: KeyHeader::Named("x-api-key"),
        body,
    }
}

#[derive(Deserialize)]
struct Answer {
    content: Option<Vec<Block>>,
    model: Option<String>,
    stop_reason: Option<String>,
    stop_details: Option<StopDetails>,
}

/// A part of the answer; of what it thought (`thinking`, `redacted_thinking`) nothing is read.
#[derive(Deserialize)]
struct Block {
    #[serde(rename = "type")]
    kind: Option<String>,
    text: Option<String>,
    input: Option<Value>,
}

#[derive(Deserialize)]
struct StopDetails {
    category: Option<String>,
    explanation: Option<String>,
}

pub(super) fn decode(body: &[u8]) -> Result<Decoded, Failure> {
    let answer: Answer = parsed(body)?;
    let finish = answer.stop_reason.unwrap_or_default();
    match finish.as_str() {
        "refusal" => {
            let details = answer.stop_details.into_iter().flat_map(|details| [details.category, details.explanation]);
            let details: Vec<String> = details.flatten().collect();
            return Err(Failure::Refused { text: kept(&details.join(": ")) });
        }
        "max_tokens" => return Err(Failure::Truncated),
        "model_context_window_exceeded" => return Err(Failure::TooLarge { said: finish }),
        "pause_turn" => return Err(Failure::InvalidOutput { why: "the model paused before it answered".to_owned() }),
        _ => {}
    }
    let blocks = answer.content.unwrap_or_default();
    let of_kind = |wanted: &'static str| blocks.iter().filter(move |block| block.kind.as_deref() == Some(wanted));
    let input = of_kind("tool_use").find_map(|block| block.input.as_ref());
    let text = match input {
        Some(Value::Object(input)) => json!(input).to_string(),
        Some(_) => return Err(Failure::InvalidOutput { why: "the input of the tool is no object".to_owned() }),
        None => of_kind("text").filter_map(|block| block.text.as_deref()).collect(),
    };
    Ok(Decoded { text: told(text)?, usage: super::Dialect::Anthropic.usage(body), model: answer.model, finish })
}

pub(super) fn failure(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Failure {
    let error: Value = serde_json::from_slice(body).unwrap_or_default();
    let said = words_of(&error, body);
    let word = |place: &str| error.pointer(place).and_then(Value::as_str).unwrap_or_default();
    let status = match word("/error/type") {
        "authentication_error" | "permission_error" => StatusCode::UNAUTHORIZED,
        "billing_error" => StatusCode::PAYMENT_REQUIRED,
        "not_found_error" => StatusCode::NOT_FOUND,
        "request_too_large" => StatusCode::PAYLOAD_TOO_LARGE,
        "rate_limit_error" => StatusCode::TOO_MANY_REQUESTS,
        "timeout_error" => StatusCode::GATEWAY_TIMEOUT,
        "overloaded_error" | "api_error" => StatusCode::SERVICE_UNAVAILABLE,
        // What is missing is money, whatever the type says.
        "invalid_request_error" if said.contains("credit balance is too low") => StatusCode::PAYMENT_REQUIRED,
        _ => status,
    };
    match by_status(status, headers, &said) {
        Failure::RateLimited { said, retry_after: None }
            if word("/error/details/error_code") == "enforced_spend_limit_reached" =>
        {
            Failure::QuotaExhausted { said }
        }
        other => other,
    }
}
