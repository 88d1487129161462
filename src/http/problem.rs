//! Every way in which a request can fail: one table of codes, one shape (RFC 9457).
//!
//! A handler returns a [`Problem`]; it travels as an extension of the response to the envelope, which alone knows the
//! request's id and path and writes the body. So a refusal looks the same wherever it comes from.

use std::borrow::Cow;

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::domain::redact::Redaction;

macro_rules! codes {
    ($($name:ident = $status:literal $code:literal $title:literal $meaning:literal;)+) => {
        /// What went wrong, as far as a client would act differently.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $(#[doc = $meaning] $name,)+ }

        impl Code {
            /// The whole table.
            pub const ALL: &'static [Code] = &[$(Code::$name,)+];

            /// The stable name that clients may rely on.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $code,)+ }
            }

            pub fn title(self) -> &'static str {
                match self { $(Code::$name => $title,)+ }
            }

            /// When it happens and what to do about it.
            pub fn meaning(self) -> &'static str {
                match self { $(Code::$name => $meaning,)+ }
            }

            pub fn status(self) -> StatusCode {
                let status: u16 = match self { $(Code::$name => $status,)+ };
                StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    };
}

codes! {
    InvalidJson = 400 "invalid-json" "Not valid JSON" "The body is not one JSON document. Send a JSON object.";
    InvalidUtf8 = 400 "invalid-utf8" "Not valid UTF-8" "The body is not UTF-8 text. Convert the log before sending it.";
    InvalidPath = 400 "invalid-path" "Not a valid path" "The path cannot be decoded. Percent-encode it as UTF-8.";
    IncompleteBody = 400 "incomplete-body" "Incomplete body" "The body broke off before its end. Send it again.";
    InvalidIdempotencyKey = 400 "invalid-idempotency-key" "Invalid Idempotency-Key" "The header is not one text of 1 to 128 visible characters. Send a UUID.";
    Unauthorized = 401 "unauthorized" "Who is it?" "This takes a key or a token. Send X-Api-Key or Authorization: Bearer.";
    Forbidden = 403 "forbidden" "Not allowed" "The caller may not do this.";
    PolicyForbids = 403 "policy-forbids" "The policy forbids it" "No rule of the policy (POLICY_FILE) allows this action. faultline policy explain shows why.";
    FourEyes = 403 "four-eyes" "A second person is needed" "Whoever asked for a remediation may not approve it (REQUIRE_FOUR_EYES).";
    NotFound = 404 "not-found" "No such path" "Nothing is served at this path. See /docs for the paths that there are.";
    RunbookNotFound = 404 "runbook-not-found" "No such runbook" "No runbook has this id. GET /runbooks lists them all.";
    IncidentNotFound = 404 "incident-not-found" "No such incident" "No incident has this id. GET /incidents lists those that are kept.";
    RemediationNotFound = 404 "remediation-not-found" "No such remediation" "No remediation has this id. GET /remediations lists those that are kept.";
    MethodNotAllowed = 405 "method-not-allowed" "Method not allowed" "The path is right, the method is not. The Allow header names the right ones.";
    BodyTimeout = 408 "body-timeout" "The body took too long" "The body did not arrive in time. Send it again, faster.";
    IdempotencyInFlight = 409 "idempotency-in-flight" "Still in work" "A request with this Idempotency-Key is in work. Wait for the seconds of Retry-After, then send the same again.";
    RemediationOff = 409 "remediation-off" "Remediation is off" "REMEDIATION_MODE does not go that far. Set it to propose, approve or auto.";
    RemediationPaused = 409 "remediation-paused" "Remediation is paused" "Somebody, or Faultline itself, holds it back. POST /remediations/resume lets it go on.";
    RemediationRefused = 409 "remediation-refused" "It is not safe to do" "The state of the object speaks against the action. The detail says what, and what to do instead.";
    RemediationChanged = 409 "remediation-changed" "It is not what it was" "The object or the remediation changed since it was proposed. Read it again, or propose it again.";
    RemediationBusy = 409 "remediation-busy" "Another one is in work" "Of one target one remediation is in work at a time. Try again when it has ended.";
    ClusterRefused = 409 "cluster-refused" "The cluster refused it" "The API server did not accept the change, and nothing was changed. The detail is what it said.";
    RemediationExpired = 410 "remediation-expired" "Its time is over" "A proposal lives for minutes. Propose it again.";
    EtagMismatch = 412 "etag-mismatch" "Not what you saw" "If-Match is not the etag of the remediation as it is now. Read it again and decide anew.";
    BodyTooLarge = 413 "body-too-large" "Body too large" "The body is larger than any valid request. Send the part of the log around the error.";
    TextTooLong = 413 "text-too-long" "Text too long" "A text is longer than 256 KiB. Send the part of the log around the error.";
    UnsupportedMediaType = 415 "unsupported-media-type" "Unsupported media type" "The body must be JSON in UTF-8 and say so. Send Content-Type: application/json.";
    InvalidRequest = 422 "invalid-request" "Invalid request" "The JSON is well-formed but not a valid request. errors[] points at each field that is wrong.";
    IdempotencyKeyReused = 422 "idempotency-key-reused" "Idempotency-Key of another request" "This Idempotency-Key came with another body before. A new request needs a new key.";
    EtagRequired = 428 "etag-required" "If-Match is required" "A decision names what it decides on: send the etag of the remediation as If-Match.";
    RateLimited = 429 "rate-limited" "Too many requests" "This client has used up its requests for now. Wait for the seconds of Retry-After.";
    Internal = 500 "internal" "Internal error" "Something went wrong inside. Report it with the request_id.";
    AuthenticationUnavailable = 503 "authentication-unavailable" "Nobody can be recognised just now" "What checks tokens does not answer. Wait for the seconds of Retry-After.";
    NoStore = 503 "no-store" "No store of incidents" "Incidents are not kept, or the store does not answer just now. Everything else works; the log says more.";
    AlertQueueFull = 503 "alert-queue-full" "The queue of alerts is full" "Not all of these alerts fit into the queue, so none was taken. Send them again after the seconds of Retry-After.";
    NoCluster = 503 "no-cluster" "No cluster" "There is no cluster that can be changed, or it does not answer just now.";
    Overloaded = 503 "overloaded" "Overloaded" "As many requests as fit are in work. Wait for the seconds of Retry-After.";
    ShuttingDown = 503 "shutting-down" "Shutting down" "This replica is about to stop. Ask another one.";
    Timeout = 504 "timeout" "Timed out" "The work took longer than the service allows. Send a shorter text, or try again.";
}

/// A refusal on its way to the client.
#[derive(Clone, Debug)]
pub struct Problem {
    pub code: Code,
    /// What is wrong with this request, for a person.
    pub detail: Cow<'static, str>,
    /// The fields that are wrong; empty where no field is to blame.
    pub errors: Vec<FieldError>,
    /// Seconds after which another try makes sense. `None` = trying again changes nothing.
    pub retry_after: Option<u64>,
}

/// One field that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    pub detail: String,
    /// JSON pointer as a URI fragment: `#/target/namespace`; `#` is the whole document.
    pub pointer: String,
}

impl Problem {
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into(), errors: Vec::new(), retry_after: None }
    }

    /// A problem that its code says all about.
    pub fn of(code: Code) -> Self {
        Self::new(code, code.meaning())
    }

    pub fn with_errors(self, errors: Vec<FieldError>) -> Self {
        Self { errors, ..self }
    }

    pub fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// The body, as RFC 9457 wants it. Names of fields and paths are what somebody sent, so they are cleaned.
    pub(super) fn document(&self, redaction: &mut Redaction, request_id: &str, path: &str) -> serde_json::Value {
        let (detail, path) = (redaction.clean(&self.detail), redaction.clean(path));
        let clean = |error: &FieldError, redaction: &mut Redaction| FieldError {
            detail: redaction.clean(&error.detail).into_string(),
            pointer: redaction.clean(&error.pointer).into_string(),
        };
        let errors: Vec<FieldError> = self.errors.iter().map(|error| clean(error, redaction)).collect();
        let wire = Wire {
            kind: format!("/problems/{}", self.code.as_str()),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            detail: &detail,
            instance: path.get(..path.len().min(MAX_INSTANCE_BYTES)).unwrap_or("/"),
            code: self.code.as_str(),
            request_id,
            errors: &errors,
        };
        serde_json::to_value(&wire).unwrap_or_default()
    }

    /// Writes the body and the headers; only the envelope does this.
    pub(super) fn render(&self, response: &mut Response, redaction: &mut Redaction, request_id: &str, path: &str) {
        let body = self.document(redaction, request_id, path).to_string();
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_LENGTH);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        *response.body_mut() = Body::from(body);
    }
}

/// Longest path quoted back.
const MAX_INSTANCE_BYTES: usize = 512;

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.code.status();
        response.extensions_mut().insert(self);
        response
    }
}

#[derive(Serialize)]
struct Wire<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    instance: &'a str,
    code: &'static str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    errors: &'a [FieldError],
}

#[cfg(test)]
mod tests {
    use super::Code;
    use std::collections::HashSet;

    #[test]
    fn codes_are_unique_kebab_case_errors() {
        let names: HashSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for code in Code::ALL {
            assert!(code.as_str().bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'));
            assert!(code.status().is_client_error() || code.status().is_server_error());
        }
    }
}
