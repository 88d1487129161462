//! Log lines wrapped in JSON, back to the message a person would read.

use serde_json::{Map, Value};

use super::line::Level;

/// A JSON log line without its wrapping.
#[derive(Debug, PartialEq, Eq)]
pub struct Unwrapped {
    /// Message first, then the other fields as `key=value`; a stack trace keeps its lines.
    pub text: String,
    /// `None` = the line does not say.
    pub level: Option<Level>,
}

const MESSAGE_KEYS: [&str; 7] = ["msg", "message", "@message", "log", "MESSAGE", "textPayload", "short_message"];
const LEVEL_KEYS: [&str; 7] = ["level", "severity", "lvl", "log.level", "@level", "levelname", "loglevel"];
/// Fields that say when and where a line was written, not what it says.
const NOISE_KEYS: [&str; 26] = [
    "time",
    "ts",
    "timestamp",
    "@timestamp",
    "stream",
    "caller",
    "logger",
    "logger_name",
    "thread",
    "thread_name",
    "pid",
    "hostname",
    "trace_id",
    "span_id",
    "traceId",
    "spanId",
    "request_id",
    "v",
    "source",
    "file",
    "line",
    "func",
    "level_value",
    "@version",
    "@module",
    "container_id",
];

/// Nesting that is unwrapped: a runtime's JSON around a program's JSON.
const MAX_DEPTH: usize = 3;

/// The message of `line` if it is a JSON object with a message field. Other JSON (an API object, `docker inspect`) is left as it is.
pub fn unwrap_json(line: &str) -> Option<Unwrapped> {
    let trimmed = line.trim();
    if !(trimmed.starts_with('{') && trimmed.ends_with('}')) {
        return None;
    }
    unwrap_object(&serde_json::from_str(trimmed).ok()?, MAX_DEPTH)
}

fn unwrap_object(object: &Map<String, Value>, depth: usize) -> Option<Unwrapped> {
    // An API object has a kind and may have a message; it is data, not a log line.
    if object.contains_key("kind") && (object.contains_key("apiVersion") || object.contains_key("status")) {
        return None;
    }
    let message_key = MESSAGE_KEYS.into_iter().find(|key| object.get(*key).is_some_and(Value::is_string))?;
    let message = object[message_key].as_str().unwrap_or_default();
    let level = LEVEL_KEYS.iter().find_map(|key| match object.get(*key)? {
        Value::String(word) => Level::from_word(word),
        Value::Number(number) => pino_level(number.as_u64()?),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    });
    let inner = (depth > 0 && message.trim_start().starts_with('{'))
        .then(|| serde_json::from_str(message.trim()).ok())
        .flatten()
        .and_then(|object| unwrap_object(&object, depth - 1));
    let (mut text, level) = match inner {
        Some(inner) => (inner.text, inner.level.or(level)),
        None => (message.trim_end().to_owned(), level),
    };
    let mut stack = String::new();
    for (key, value) in object {
        if key != message_key && !LEVEL_KEYS.contains(&key.as_str()) && !NOISE_KEYS.contains(&key.as_str()) {
            append_field(&mut text, &mut stack, key, value, 2);
        }
    }
    text.push_str(&stack);
    Some(Unwrapped { text, level })
}

fn append_field(text: &mut String, stack: &mut String, key: &str, value: &Value, depth: usize) {
    match value {
        Value::String(value) if value.contains('\n') => {
            stack.push('\n');
            stack.push_str(value);
        }
        Value::String(value) if value.is_empty() => {}
        Value::String(value) => text.push_str(&format!(" {key}={value}")),
        Value::Number(_) | Value::Bool(_) => text.push_str(&format!(" {key}={value}")),
        Value::Object(fields) if depth > 0 => {
            for (key, value) in fields {
                append_field(text, stack, key, value, depth - 1);
            }
        }
        Value::Null | Value::Array(_) | Value::Object(_) => {}
    }
}

/// Numeric levels of pino and bunyan.
fn pino_level(number: u64) -> Option<Level> {
    match number {
        10 | 20 => Some(Level::Debug),
        30 => Some(Level::Info),
        40 => Some(Level::Warning),
        50 => Some(Level::Error),
        60 => Some(Level::Fatal),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_line_becomes_its_message_and_fields() {
        let line =
            r#"{"level":"error","ts":1,"msg":"request failed","error":"dial tcp 10.0.0.1:80: refused","stack":"a\n  at b"}"#;
        let expected = "request failed error=dial tcp 10.0.0.1:80: refused\na\n  at b";
        assert_eq!(unwrap_json(line), Some(Unwrapped { text: expected.to_owned(), level: Some(Level::Error) }));
    }

    #[test]
    fn json_in_json_is_unwrapped_too() {
        let line = r#"{"log":"{\"level\":60,\"msg\":\"down\"}\n","stream":"stderr","time":"2026"}"#;
        assert_eq!(unwrap_json(line), Some(Unwrapped { text: "down".to_owned(), level: Some(Level::Fatal) }));
    }

    #[test]
    fn other_json_is_left_as_it_is() {
        assert_eq!(unwrap_json(r#"{"OOMKilled":false,"ExitCode":0}"#), None);
        assert_eq!(unwrap_json(r#"{"kind":"Status","apiVersion":"v1","message":"x"}"#), None);
        assert_eq!(unwrap_json("{not json}"), None);
    }
}
