//! Gemini `generateContent`, as <https://ai.google.dev/api/generate-content> has it.

use super::{Decoded, Encoded, KeyHeader, Quirk, Request, by_status, parsed, system_with_schema, told, words_of};
use crate::reason::failure::{Failure, kept};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

pub(super) fn encode(request: &Request<'_>) -> Encoded {
    let base = request.base_url.trim_end_matches("/v1beta");
    let model = request.model.trim_start_matches("models/");
    let mut config = json!({
        "responseMimeType": "application/json",
        "maxOutputTokens": request.max_output_tokens,
        "candidateCount": 1,
    });
    let has_schema = !request.quirks.has(Quirk::JsonMode);
    if has_schema {
        config["responseJsonSchema"] = ordered(request.ask.schema);
    }
    if !request.quirks.has(Quirk::NoTemperature) {
        config["temperature"] = json!(request.temperature);
    }
    // What a model thinks counts as output: unlimited, it leaves no room for the answer.
    if model.starts_with("gemini-3") {
        config["thinkingConfig"] = json!({"thinkingLevel": "LOW"});
    } else if model.starts_with("gemini-2.5") {
        config["thinkingConfig"] = json!({"thinkingBudget": 512});
    }
    let system = if has_schema { request.ask.system.to_owned() } else { system_with_schema(&request.ask) };
    Encoded {
        url: format!("{base}/v1beta/models/{model}:generateContent"),
        headers: Vec::new(),
        key_header: KeyHeader::Named("x-goog-api-key"),
        body: json!({
            "systemInstruction": {"parts": [{"text": system}]},
            "contents": [{"role": "user", "parts": [{"text": request.ask.user}]}],
            "generationConfig": config,
            // Logs of attacks and exploits are what this is about.
            "safetySettings": [{"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "threshold": "BLOCK_ONLY_HIGH"}],
        }),
    }
}

/// The schema with the order of properties spelled out, which models of the second generation need to keep to it.
fn ordered(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => {
            let mut fields: serde_json::Map<_, _> = fields.iter().map(|(name, value)| (name.clone(), ordered(value))).collect();
            let is_schema_of_object = fields.get("type").is_some_and(|kind| kind == "object");
            if is_schema_of_object && let Some(Value::Object(properties)) = fields.get("properties") {
                let order: Vec<Value> = properties.keys().map(|name| json!(name)).collect();
                fields.insert("propertyOrdering".to_owned(), Value::Array(order));
            }
            Value::Object(fields)
        }
        Value::Array(items) => Value::Array(items.iter().map(ordered).collect()),
        other => other.clone(),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    candidates: Option<Vec<Candidate>>,
    prompt_feedback: Option<PromptFeedback>,
    model_version: Option<String>,
    error: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PromptFeedback {
    block_reason: Option<String>,
    block_reason_message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    /// Not there where the answer was blocked.
    content: Option<Content>,
    finish_reason: Option<String>,
    finish_message: Option<String>,
}

#[derive(Deserialize)]
struct Content {
    parts: Option<Vec<Part>>,
}

#[derive(Deserialize)]
struct Part {
    text: Option<String>,
    /// What the model thought; no part of the answer.
    thought: Option<bool>,
}

pub(super) fn decode(headers: &HeaderMap, body: &[u8]) -> Result<Decoded, Failure> {
    let answer: Answer = parsed(body)?;
    let candidate = answer.candidates.into_iter().flatten().next();
    let Some(candidate) = candidate else {
        if let Some(reason) = answer.prompt_feedback.as_ref().and_then(|feedback| feedback.block_reason.as_deref()) {
            let message = answer.prompt_feedback.as_ref().and_then(|feedback| feedback.block_reason_message.as_deref());
            return Err(Failure::Blocked { reason: spoken("prompt", reason, message) });
        }
        if answer.error.is_some() {
            return Err(failure(status_within(body), headers, body));
        }
        return Err(Failure::InvalidOutput { why: "the reply holds no candidate".to_owned() });
    };
    let finish = candidate.finish_reason.unwrap_or_default();
    let message = candidate.finish_message.as_deref();
    match finish.as_str() {
        // Older servers leave it out.
        "STOP" | "" | "FINISH_REASON_UNSPECIFIED" => {}
        "MAX_TOKENS" => return Err(Failure::Truncated),
        "SAFETY" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "RECITATION" | "LANGUAGE" => {
            return Err(Failure::Blocked { reason: spoken("answer", &finish, message) });
        }
        other => return Err(Failure::InvalidOutput { why: spoken("the model stopped", other, message) }),
    }
    let parts = candidate.content.and_then(|content| content.parts).unwrap_or_default();
    let text: String = parts.into_iter().filter(|part| part.thought != Some(true)).filter_map(|part| part.text).collect();
    Ok(Decoded { text: told(text)?, usage: super::Dialect::Gemini.usage(body), model: answer.model_version, finish })
}

fn spoken(what: &str, reason: &str, message: Option<&str>) -> String {
    kept(&match message {
        Some(message) if !message.is_empty() => format!("{what}: {reason}: {message}"),
        Some(_) | None => format!("{what}: {reason}"),
    })
}

/// The status that an error in a success speaks of.
fn status_within(body: &[u8]) -> StatusCode {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let code = body.pointer("/error/code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    code.and_then(|code| StatusCode::from_u16(code).ok()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

pub(super) fn failure(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Failure {
    let mut error: Value = serde_json::from_slice(body).unwrap_or_default();
    // Some answers of this API are lists of one.
    if let Some(first) = error.get_mut(0) {
        error = first.take();
    }
    let said = words_of(&error, body);
    let details = error.pointer("/error/details").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if details.iter().any(|detail| detail["reason"] == "API_KEY_INVALID") {
        return Failure::Auth { said: kept(&said) };
    }
    match by_status(status, headers, &said) {
        Failure::RateLimited { said, .. } if is_used_up(details) => Failure::QuotaExhausted { said },
        Failure::RateLimited { said, retry_after } => Failure::RateLimited { said, retry_after: wished(details).or(retry_after) },
        Failure::Overloaded { said, retry_after } => Failure::Overloaded { said, retry_after: wished(details).or(retry_after) },
        other => other,
    }
}

/// Whether the limit is one of the day, or none at all was granted.
fn is_used_up(details: &[Value]) -> bool {
    let violations = details.iter().filter_map(|detail| detail["violations"].as_array()).flatten();
    violations
        .into_iter()
        .any(|violation| violation["quotaId"].as_str().is_some_and(|id| id.contains("PerDay")) || violation["quotaValue"] == "0")
}

/// `RetryInfo`: a duration of protobuf's JSON, as "10.68s".
fn wished(details: &[Value]) -> Option<Duration> {
    let delay = details.iter().find_map(|detail| detail["retryDelay"].as_str())?;
    Duration::try_from_secs_f64(delay.strip_suffix('s')?.parse().ok()?).ok()
}
