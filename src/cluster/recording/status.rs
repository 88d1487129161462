//! Responses: data, text, and the `Status` object that an API server refuses with.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
use serde_json::{Value, json};

use super::index::Resource;

/// A refusal with its HTTP status, machine-readable reason and details.
pub fn failure(status: StatusCode, reason: &str, message: &str, details: &Value) -> Response<Bytes> {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "details": details, "code": status.as_u16(),
    });
    data(status, body.to_string())
}

pub fn bad_request(message: &str) -> Response<Bytes> {
    failure(StatusCode::BAD_REQUEST, "BadRequest", message, &json!({}))
}

/// No such path, so nothing that was recorded.
pub fn unknown_path() -> Response<Bytes> {
    failure(StatusCode::NOT_FOUND, "NotFound", "the server could not find the requested resource", &json!({}))
}

/// The resource was recorded, and has no object of this name.
pub fn no_object(resource: &Resource, name: &str) -> Response<Bytes> {
    let mut details = json!({ "name": name, "kind": resource.plural });
    if !resource.group.is_empty() {
        details["group"] = resource.group.as_str().into();
    }
    failure(StatusCode::NOT_FOUND, "NotFound", &format!("{} {name:?} not found", resource.qualified()), &details)
}

pub fn method_not_allowed() -> Response<Bytes> {
    let message = "the server does not allow this method on the requested resource";
    failure(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message, &json!({}))
}

pub fn data(status: StatusCode, body: impl Into<Bytes>) -> Response<Bytes> {
    respond(status, HeaderValue::from_static("application/json"), body.into())
}

pub fn text(body: impl Into<Bytes>) -> Response<Bytes> {
    respond(StatusCode::OK, HeaderValue::from_static("text/plain"), body.into())
}

fn respond(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
