//! How the server says no: `Status` objects with the words of a real one.

use serde_json::{Value, json};

use super::resource::Resource;

/// A refusal.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    pub code: u16,
    pub reason: &'static str,
    pub message: String,
    pub details: Value,
}

/// One field that is wrong, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    pub field: String,
    reason: &'static str,
    what: String,
}

impl Wrong {
    pub fn invalid(field: impl Into<String>, value: &Value, why: &str) -> Self {
        Self { field: field.into(), reason: "FieldValueInvalid", what: format!("Invalid value: {value}: {why}") }
    }

    pub fn required(field: impl Into<String>, why: &str) -> Self {
        let what = if why.is_empty() { "Required value".to_owned() } else { format!("Required value: {why}") };
        Self { field: field.into(), reason: "FieldValueRequired", what }
    }

    pub fn forbidden(field: impl Into<String>, why: &str) -> Self {
        Self { field: field.into(), reason: "FieldValueForbidden", what: format!("Forbidden: {why}") }
    }

    pub fn unsupported(field: impl Into<String>, value: &Value, supported: &str) -> Self {
        let what = format!("Unsupported value: {value}: supported values: {supported}");
        Self { field: field.into(), reason: "FieldValueNotSupported", what }
    }

    pub fn immutable(field: impl Into<String>, value: &Value) -> Self {
        Self::invalid(field, value, "field is immutable")
    }

    fn message(&self) -> String {
        format!("{}: {}", self.field, self.what)
    }
}

impl Failure {
    fn new(code: u16, reason: &'static str, message: impl Into<String>, details: Value) -> Self {
        Self { code, reason, message: message.into(), details }
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message, json!({}))
    }

    pub fn no_object(resource: &Resource, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{} {name:?} not found", resource.qualified()), about(resource, name))
    }

    pub fn no_path() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource", json!({}))
    }

    pub fn not_allowed() -> Self {
        Self::new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", json!({}))
    }

    /// What a real server can do and this one cannot: a test that sees it needs more of a fake.
    pub fn not_built(what: &str) -> Self {
        Self::new(501, "NotImplemented", format!("the fake API server does not do this: {what}"), json!({}))
    }

    pub fn exists(resource: &Resource, name: &str) -> Self {
        Self::new(409, "AlreadyExists", format!("{} {name:?} already exists", resource.qualified()), about(resource, name))
    }

    /// A change that was meant for another object, or another state of it. The server names neither the resource nor the kind
    /// alike here: `Pod`, `deployments/scale`.
    pub fn precondition(resource: &Resource, what: &str, name: &str, why: &str) -> Self {
        let qualified = if resource.group.is_empty() { what.to_owned() } else { format!("{what}.{}", resource.group) };
        let mut details = about(resource, name);
        details["kind"] = what.into();
        Self::new(409, "Conflict", format!("Operation cannot be fulfilled on {qualified} {name:?}: {why}"), details)
    }

    /// Somebody else was faster.
    pub fn modified(resource: &Resource, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        Self::precondition(resource, resource.plural, name, why)
    }

    pub fn forbidden(resource: &Resource, name: &str, why: &str) -> Self {
        let what = if name.is_empty() { resource.qualified() } else { format!("{} {name:?}", resource.qualified()) };
        Self::new(403, "Forbidden", format!("{what} is forbidden: {why}"), about(resource, name))
    }

    pub fn invalid(resource: &Resource, name: &str, wrong: &[Wrong]) -> Self {
        let mut details = json!({ "name": name, "kind": resource.kind });
        if !resource.group.is_empty() {
            details["group"] = resource.group.into();
        }
        Self::invalid_kind(&resource.qualified_kind(), name, details, wrong)
    }

    /// Options that no request can have: `dryRun=maybe`.
    pub fn invalid_options(kind: &str, wrong: &[Wrong]) -> Self {
        let details = json!({ "group": "meta.k8s.io", "kind": kind });
        Self::invalid_kind(&format!("{kind}.meta.k8s.io"), "", details, wrong)
    }

    /// What a JSON patch or merge patch makes is not of the kind's form.
    pub fn unreadable_patch(patched: &Value, why: &str) -> Self {
        let wrong = Wrong::invalid("patch", &Value::String(patched.to_string()), why);
        Self::invalid_kind("", "", json!({}), &[wrong])
    }

    fn invalid_kind(kind: &str, name: &str, mut details: Value, wrong: &[Wrong]) -> Self {
        let causes = wrong.iter().map(|one| json!({ "reason": one.reason, "message": one.what, "field": one.field }));
        details["causes"] = causes.collect();
        let messages: Vec<String> = wrong.iter().map(Wrong::message).collect();
        let messages = if let [one] = messages.as_slice() { one.clone() } else { format!("[{}]", messages.join(", ")) };
        Self::new(422, "Invalid", format!("{kind} {name:?} is invalid: {messages}"), details)
    }

    /// A JSON patch that could not be applied, say because its test failed.
    pub fn unprocessable() -> Self {
        Self::new(422, "Invalid", "the server rejected our request due to an error in our request", json!({}))
    }

    pub fn unsupported_media(supported: &[&str]) -> Self {
        let message =
            format!("the body of the request was in an unknown format - accepted media types include: {}", supported.join(", "));
        Self::new(415, "UnsupportedMediaType", message, json!({}))
    }

    /// An eviction that a budget does not allow.
    pub fn disruption(message: &str, retry_after_seconds: u32) -> Self {
        let mut details = json!({ "causes": [{ "reason": "DisruptionBudget", "message": message }] });
        if retry_after_seconds > 0 {
            details["retryAfterSeconds"] = retry_after_seconds.into();
        }
        let what = "Cannot evict pod as it would violate the pod's disruption budget.";
        Self::new(429, "TooManyRequests", what, details)
    }

    /// What is said with a bare status code, as proxies and overloaded servers do.
    pub fn of_code(code: u16) -> Self {
        let (reason, message) = match code {
            401 => ("Unauthorized", "Unauthorized"),
            403 => ("Forbidden", "forbidden: User \"tester\" cannot do this"),
            404 => ("NotFound", "the server could not find the requested resource"),
            409 => ("Conflict", "the server reported a conflict"),
            410 => ("Expired", "The provided continue parameter is too old to display a consistent list result."),
            429 => ("TooManyRequests", "the server has received too many requests and has asked us to try again later"),
            503 => ("ServiceUnavailable", "the server is currently unable to handle the request"),
            504 => ("Timeout", "request did not complete within the allotted timeout"),
            _ => ("InternalError", "Internal error occurred: a fault of the test"),
        };
        let details = if code == 429 { json!({ "retryAfterSeconds": 1 }) } else { json!({}) };
        Self::new(code, reason, message, details)
    }

    pub fn body(&self) -> Value {
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": self.message,
            "reason": self.reason, "details": self.details, "code": self.code,
        })
    }
}

fn about(resource: &Resource, name: &str) -> Value {
    let mut details = json!({});
    if !name.is_empty() {
        details["name"] = name.into();
    }
    if !resource.group.is_empty() {
        details["group"] = resource.group.into();
    }
    details["kind"] = resource.plural.into();
    details
}
