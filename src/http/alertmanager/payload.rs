//! A notification as Alertmanager sends it, version 4. What we do not know of is left alone: Alertmanager adds fields.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::{
    domain::alert::{Alert, AlertState, Labels, fingerprint_of, web_address},
    http::{
        fields::pointer_in,
        problem::{Code, FieldError, Problem},
    },
};

/// Version of the payload, the only one that there is.
const VERSION: &str = "4";
/// Fields that are named as wrong in one answer.
const MAX_ERRORS: usize = 16;
/// Bytes of a name that a pointer quotes.
const POINTER_BYTES: usize = 128;
const MAX_FINGERPRINT_BYTES: usize = 128;
/// Annotations by which alerts name their runbook.
const RUNBOOKS: [&str; 2] = ["runbook_url", "runbook"];

/// The alerts of a notification.
pub fn read(text: &str) -> Result<Vec<Alert>, Problem> {
    let document: Value = serde_json::from_str(text)
        .map_err(|error| Problem::new(Code::InvalidJson, format!("the body is not valid JSON: {error}")))?;
    let mut wrong = Wrong::default();
    let alerts = notification(&document, &mut wrong);
    let Some(first) = wrong.0.first() else { return Ok(alerts) };
    let place = first.pointer.strip_prefix("#/").unwrap_or(&first.pointer);
    let detail = format!("{place} {}", first.detail);
    Err(Problem::new(Code::InvalidRequest, detail).with_errors(wrong.0))
}

/// What is wrong, as far as one answer tells it.
#[derive(Default)]
struct Wrong(Vec<FieldError>);

impl Wrong {
    fn add(&mut self, pointer: &str, detail: impl Into<String>) {
        if self.0.len() < MAX_ERRORS {
            self.0.push(FieldError { detail: detail.into(), pointer: pointer.to_owned() });
        }
    }

    fn kind(&mut self, pointer: &str, wanted: &str, value: &Value) {
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        };
        self.add(pointer, format!("must be {wanted}, not {kind}"));
    }
}

fn notification(document: &Value, wrong: &mut Wrong) -> Vec<Alert> {
    let Value::Object(fields) = document else {
        wrong.kind("#", "an object", document);
        return Vec::new();
    };
    match fields.get("version") {
        Some(Value::String(version)) if version == VERSION => {}
        Some(Value::String(_)) => wrong.add("#/version", "must be \"4\": no other version of the payload is understood"),
        Some(other) => wrong.kind("#/version", "the string \"4\"", other),
        None => wrong.add("#/version", "is required"),
    }
    let group_key = text(fields, "groupKey", "#", wrong);
    match present(fields, "alerts") {
        Some(Value::Array(alerts)) => {
            let read = |(number, one): (usize, &Value)| alert(one, &format!("#/alerts/{number}"), &group_key, wrong);
            alerts.iter().enumerate().filter_map(read).collect()
        }
        Some(other) => {
            wrong.kind("#/alerts", "an array", other);
            Vec::new()
        }
        None => {
            wrong.add("#/alerts", "is required");
            Vec::new()
        }
    }
}

/// `None` = it is no alert, and what is wrong was told.
fn alert(value: &Value, pointer: &str, group_key: &str, wrong: &mut Wrong) -> Option<Alert> {
    let Value::Object(fields) = value else {
        wrong.kind(pointer, "an object", value);
        return None;
    };
    let at = |name: &str| pointer_in(pointer, name, POINTER_BYTES);
    let labels = if let Some(labels) = present(fields, "labels") {
        texts(labels, &at("labels"), wrong)
    } else {
        wrong.add(&at("labels"), "is required");
        Labels::new()
    };
    let mut annotations = present(fields, "annotations").map(|all| texts(all, &at("annotations"), wrong)).unwrap_or_default();
    let starts_at = time(fields, "startsAt", pointer, wrong);
    let ends_at = time(fields, "endsAt", pointer, wrong);
    let status = text(fields, "status", pointer, wrong);
    let state = AlertState::of(&status).unwrap_or_else(|| {
        if !status.is_empty() {
            wrong.add(&at("status"), "must be firing or resolved");
        }
        AlertState::Firing
    });
    let given = text(fields, "fingerprint", pointer, wrong);
    let is_fingerprint =
        given.len() <= MAX_FINGERPRINT_BYTES && given.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte));
    if !is_fingerprint {
        wrong.add(&at("fingerprint"), "must have at most 128 letters, digits, '-', '_', '.' and ':'");
    }
    let runbook_url = RUNBOOKS.iter().find_map(|name| web_address(annotations.get(*name)?));
    let mut said = |name: &str| annotations.remove(name).unwrap_or_default();
    Some(Alert {
        fingerprint: if given.is_empty() { fingerprint_of(&labels) } else { given },
        group_key: group_key.to_owned(),
        state,
        summary: said("summary"),
        description: said("description"),
        message: said("message"),
        runbook_url,
        starts_at,
        ends_at: ends_at.filter(|_| state == AlertState::Resolved),
        labels,
    })
}

/// The field's value; absent and null are the same.
fn present<'v>(fields: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    fields.get(name).filter(|value| !value.is_null())
}

/// A text; empty where there is none.
fn text(fields: &Map<String, Value>, name: &str, pointer: &str, wrong: &mut Wrong) -> String {
    match present(fields, name) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => {
            wrong.kind(&pointer_in(pointer, name, POINTER_BYTES), "a string", other);
            String::new()
        }
        None => String::new(),
    }
}

/// Names with their texts.
fn texts(value: &Value, pointer: &str, wrong: &mut Wrong) -> Labels {
    let Value::Object(fields) = value else {
        wrong.kind(pointer, "an object", value);
        return Labels::new();
    };
    fields.keys().map(|name| (name.clone(), text(fields, name, pointer, wrong))).collect()
}

/// A time. Year 1 is how Alertmanager says that there is none.
fn time(fields: &Map<String, Value>, name: &str, pointer: &str, wrong: &mut Wrong) -> Option<Timestamp> {
    let text = text(fields, name, pointer, wrong);
    if text.is_empty() || text.starts_with("0001-") {
        return None;
    }
    let time = text.parse::<Timestamp>();
    if time.is_err() {
        wrong.add(&pointer_in(pointer, name, POINTER_BYTES), "must be a time such as 2026-11-21T04:50:00Z");
    }
    time.ok()
}
