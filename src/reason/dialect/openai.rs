//! OpenAI's chat completions, as <https://platform.openai.com/docs/api-reference/chat> has them, and what Azure and
//! compatible servers make of them.

use super::{Decoded, Encoded, KeyHeader, Quirk, Request, by_status, parsed, system_with_schema, told, words_of};
use crate::reason::failure::{Failure, kept};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

/// The dated Azure interface that is asked where the base URL names none: the first stable one with schemas.
const AZURE_API_VERSION: &str = "2024-10-21";
const AZURE_HOSTS: [&str; 3] = [".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com"];
const LONGEST_NAME: usize = 64;

pub(super) fn encode(request: &Request<'_>) -> Encoded {
    let quirks = request.quirks;
    let has_schema = !quirks.has(Quirk::JsonMode) && !quirks.has(Quirk::PlainText);
    let system = if has_schema { request.ask.system.to_owned() } else { system_with_schema(&request.ask) };
    let mut body = json!({
        "model": request.model,
        "messages": [{"role": "system", "content": system}, {"role": "user", "content": request.ask.user}],
    });
    if has_schema {
        let schema = json!({"name": schema_name(request.ask.schema_name), "strict": true, "schema": request.ask.schema});
        body["response_format"] = json!({"type": "json_schema", "json_schema": schema});
    } else if !quirks.has(Quirk::PlainText) {
        body["response_format"] = json!({"type": "json_object"});
    }
    let tokens_field = if quirks.has(Quirk::MaxTokens) { "max_tokens" } else { "max_completion_tokens" };
    body[tokens_field] = json!(request.max_output_tokens);
    if !quirks.has(Quirk::NoTemperature) {
        body["temperature"] = json!(request.temperature);
    }
    let is_azure = is_azure(request.base_url);
    let url = if is_azure { azure_url(request) } else { format!("{}/chat/completions", with_version(request.base_url)) };
    let key_header = if is_azure { KeyHeader::Named("api-key") } else { KeyHeader::Bearer };
    Encoded { url, headers: Vec::new(), key_header, body }
}

/// Whether the service knows `max_completion_tokens`; older compatible ones ignore or reject it.
pub(in crate::reason) fn has_new_tokens_field(base_url: &str) -> bool {
    host(base_url) == "api.openai.com" || is_azure(base_url)
}

fn host(url: &str) -> &str {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest).split(['/', '?']).next().unwrap_or_default();
    authority.rsplit_once(':').map_or(authority, |(host, _)| host)
}

fn is_azure(url: &str) -> bool {
    AZURE_HOSTS.iter().any(|suffix| host(url).ends_with(suffix))
}

/// The base URL as clients of OpenAI have it: with `/v1`, which is easily forgotten where there is no path.
fn with_version(url: &str) -> String {
    let has_path = url.split_once("://").is_some_and(|(_, rest)| rest.contains('/'));
    if has_path { url.to_owned() } else { format!("{url}/v1") }
}

/// A deployment of the dated interface, or `/openai/v1`, which has no date.
fn azure_url(request: &Request<'_>) -> String {
    let (base, query) = request.base_url.split_once('?').unwrap_or((request.base_url, ""));
    let base = base.trim_end_matches('/');
    if base.ends_with("/v1") {
        return format!("{base}/chat/completions");
    }
    let deployment = if base.contains("/deployments/") {
        base.to_owned()
    } else {
        format!("{}/openai/deployments/{}", base.trim_end_matches("/openai"), request.model)
    };
    let version = query.split('&').find_map(|part| part.strip_prefix("api-version=")).unwrap_or(AZURE_API_VERSION);
    format!("{deployment}/chat/completions?api-version={version}")
}

/// Of the letters that the service takes.
fn schema_name(name: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' };
    let name: String = name.chars().take(LONGEST_NAME).map(letter).collect();
    if name.is_empty() { "answer".to_owned() } else { name }
}

/// Compatible servers leave out most of it.
#[derive(Deserialize)]
struct Answer {
    choices: Option<Vec<Choice>>,
    model: Option<String>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    message: Option<Message>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<Content>,
    refusal: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
struct Part {
    text: Option<String>,
}

pub(super) fn decode(headers: &HeaderMap, body: &[u8]) -> Result<Decoded, Failure> {
    let answer: Answer = parsed(body)?;
    let Some(choice) = answer.choices.into_iter().flatten().next() else {
        // Proxies that ask others have sent their success already when those fail.
        return Err(match answer.error {
            Some(error) => {
                let code = error["code"].as_u64().and_then(|code| u16::try_from(code).ok());
                let status = code.and_then(|code| StatusCode::from_u16(code).ok());
                failure(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), headers, body)
            }
            None => Failure::InvalidOutput { why: "the reply holds no choice".to_owned() },
        });
    };
    let finish = choice.finish_reason.unwrap_or_default();
    let (content, refusal) = choice.message.map_or((None, None), |message| (message.content, message.refusal));
    if let Some(refusal) = refusal.filter(|refusal| !refusal.trim().is_empty()) {
        return Err(Failure::Refused { text: kept(&refusal) });
    }
    match finish.as_str() {
        "length" => return Err(Failure::Truncated),
        "content_filter" => return Err(Failure::Blocked { reason: "answer: content_filter".to_owned() }),
        _ => {}
    }
    let text = match content {
        Some(Content::Text(text)) => text,
        Some(Content::Parts(parts)) => parts.into_iter().filter_map(|part| part.text).collect(),
        None => String::new(),
    };
    Ok(Decoded { text: told(text)?, usage: super::Dialect::OpenAi.usage(body), model: answer.model, finish })
}

/// What says that waiting does not help, in `code` or `type`.
const USED_UP: [&str; 7] = [
    "insufficient_quota",
    "billing_hard_limit_reached",
    "billing_not_active",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
];

pub(super) fn failure(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Failure {
    let error: Value = serde_json::from_slice(body).unwrap_or_default();
    let said = words_of(&error, body);
    let word = |place: &str| error.pointer(place).and_then(Value::as_str).unwrap_or_default();
    let (code, kind) = (word("/error/code"), word("/error/type"));
    let said_kept = kept(&said);
    match code {
        _ if USED_UP.contains(&code) || USED_UP.contains(&kind) => Failure::QuotaExhausted { said: said_kept },
        "invalid_api_key" => Failure::Auth { said: said_kept },
        "model_not_found" | "DeploymentNotFound" => Failure::NotFound { said: said_kept },
        "content_filter" | "content_policy_violation" => Failure::Blocked { reason: format!("prompt: {said_kept}") },
        "context_length_exceeded" => Failure::TooLarge { said: said_kept },
        "server_is_overloaded" => by_status(StatusCode::SERVICE_UNAVAILABLE, headers, &said),
        // The field is sometimes named apart from the words.
        _ => match (by_status(status, headers, &said), word("/error/param")) {
            (Failure::BadRequest { said }, param) if !param.is_empty() && !said.contains(param) => {
                Failure::BadRequest { said: format!("{param}: {said}") }
            }
            (failure, _) => failure,
        },
    }
}
