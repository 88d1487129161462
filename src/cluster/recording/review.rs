//! `SelfSubjectAccessReview`: everything recorded may be read, and nothing may be written.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::status;

/// Answers a review with the review and its verdict.
pub fn access_review(body: &[u8]) -> Response<Bytes> {
    let Ok(Value::Object(mut review)) = serde_json::from_slice(body) else {
        return status::bad_request("the body of the request is not a SelfSubjectAccessReview");
    };
    let spec = review.get("spec").cloned().unwrap_or_default();
    let status = if is_allowed(&spec) {
        json!({ "allowed": true, "reason": "a recording can be read" })
    } else {
        json!({ "allowed": false, "reason": "a recording can only be read, and holds no secrets" })
    };
    review.insert("status".to_owned(), status);
    review.entry("kind").or_insert_with(|| "SelfSubjectAccessReview".into());
    review.entry("apiVersion").or_insert_with(|| "authorization.k8s.io/v1".into());
    status::data(StatusCode::CREATED, Value::Object(review).to_string())
}

fn is_allowed(spec: &Value) -> bool {
    if let Some(path) = spec.get("nonResourceAttributes") {
        return path["verb"].as_str() == Some("get");
    }
    let of = |field: &str| spec["resourceAttributes"][field].as_str().unwrap_or_default();
    let is_read = matches!(of("verb"), "get" | "list" | "watch");
    // `*` would be all resources, so secrets, too.
    let is_readable = !matches!(of("resource"), "" | "secrets" | "*");
    let is_plain = matches!(of("subresource"), "" | "log" | "status");
    is_read && is_readable && is_plain
}
