//! The one way to change something in a cluster. Every change needs a proof that it may be made (`domain::permit`), and only what
//! stands in the table of writes (`access::WRITES`) is ever sent. Nothing is sent twice: whoever gets no answer looks again.

use std::time::Duration;

use http::{Method, StatusCode, header};
use kube::{Client, client::Body};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{
    access,
    reader::unreachable_because,
    wire::{self, JSON, api_of, resource_path},
};
use crate::domain::{
    object::{Kind, ObjectRef},
    permit::{Clearance, Permit},
};

/// One call that changes one object, or makes or removes one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Write {
    pub verb: WriteVerb,
    pub object: ObjectRef,
    /// `None` = the object itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    pub body: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WriteVerb {
    Create,
    /// A JSON patch (RFC 6902): its tests make it fail where the object is not what was read.
    Patch,
    Delete,
}

/// A sub-resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    Scale,
    Eviction,
}

/// Why a change was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    #[error("the object changed meanwhile: {0}")]
    Conflict(String),
    /// A disruption budget does not allow the eviction now.
    #[error("a disruption budget does not allow it now: {0}")]
    Blocked(String),
    #[error("it does not exist any more")]
    Gone,
    #[error("the cluster forbids it: {0}")]
    Denied(String),
    /// Any other refusal of the server: nothing was changed.
    #[error("the API server answered {status}: {message}")]
    Refused { status: u16, message: String },
    /// No answer came: whether it was done has to be looked up.
    #[error("no answer to the change came: {0}")]
    Unanswered(String),
    /// It does not belong to what was permitted; nothing was sent.
    #[error("not sent: {0}")]
    NotPermitted(&'static str),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Run {
    Rehearsal,
    Real,
}

/// Makes changes, one call at a time.
#[derive(Clone)]
pub struct Writer {
    client: Client,
    call: Duration,
}

impl Writer {
    pub fn new(client: Client, call: Duration) -> Self {
        Self { client, call }
    }

    /// Has the server check a change, and change nothing (`dryRun=All`).
    pub async fn rehearse(&self, clearance: &Clearance, write: &Write) -> Result<Value, WriteError> {
        let is_listed = access::is_write_of(clearance.action().change.kind(), write);
        self.send(is_listed, write, Run::Rehearsal).await
    }

    /// Makes a change.
    pub async fn apply(&self, permit: &Permit<'_>, write: &Write) -> Result<Value, WriteError> {
        let is_listed = access::is_write_of(permit.action().change.kind(), write);
        self.send(is_listed, write, Run::Real).await
    }

    /// Tells on the object what was done to it, as an Event. A server that does not take it changes nothing about the deed.
    pub async fn report(&self, permit: &Permit<'_>, report: &Report<'_>) -> Result<(), WriteError> {
        let target = &permit.action().target;
        let namespace = target.namespace.as_deref().unwrap_or("default");
        let (group, version, _) = api_of(target.kind);
        let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
        let body = json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": format!("{}.faultline-", wire::bounded(&target.name, 200).trim_end_matches(['-', '.'])), "namespace": namespace},
            "involvedObject": {
                "apiVersion": api_version, "kind": api_kind(target.kind), "name": target.name,
                "namespace": target.namespace, "uid": report.uid,
            },
            "type": if report.is_warning { "Warning" } else { "Normal" },
            "reason": report.reason,
            "message": wire::bounded(report.message, 1024),
            "source": {"component": "faultline"},
            "reportingComponent": "faultline.io/agent",
            "firstTimestamp": report.at, "lastTimestamp": report.at, "count": 1,
        });
        let path = resource_path("", "v1", "events", Some(namespace), None);
        self.call(Method::POST, &path, JSON, &body).await.map(|_| ())
    }

    async fn send(&self, is_listed: bool, write: &Write, run: Run) -> Result<Value, WriteError> {
        if !is_listed {
            return Err(WriteError::NotPermitted("the action does not make such a change"));
        }
        let (group, version, plural) = api_of(write.object.kind);
        let name = (write.verb != WriteVerb::Create || write.part.is_some()).then_some(write.object.name.as_str());
        let mut path = resource_path(group, version, plural, write.object.namespace.as_deref(), name);
        match write.part {
            Some(Part::Scale) => path.push_str("/scale"),
            Some(Part::Eviction) => path.push_str("/eviction"),
            None => {}
        }
        path.push_str("?fieldManager=faultline");
        if run == Run::Rehearsal {
            path.push_str("&dryRun=All");
        }
        let (method, content) = match write.verb {
            WriteVerb::Create => (Method::POST, JSON),
            WriteVerb::Patch => (Method::PATCH, "application/json-patch+json"),
            WriteVerb::Delete => (Method::DELETE, JSON),
        };
        let answer = self.call(method, &path, content, &write.body).await;
        match answer {
            // A budget answers 429; any other server that is busy would have been asked too often as well.
            Err(WriteError::Refused { status: 429, message }) if write.part == Some(Part::Eviction) => {
                Err(WriteError::Blocked(message))
            }
            // The server says so of a patch whose tests fail.
            Err(WriteError::Refused { status: 422, message }) if write.verb == WriteVerb::Patch && is_failed_test(&message) => {
                Err(WriteError::Conflict(message))
            }
            other => other,
        }
    }

    async fn call(&self, method: Method, path: &str, content: &str, body: &Value) -> Result<Value, WriteError> {
        let damaged = |why: String| WriteError::Unanswered(wire::short(&why));
        let request = wire::request(method, path, JSON)
            .header(header::CONTENT_TYPE, content)
            .body(Body::from(body.to_string().into_bytes()))
            .map_err(|error| damaged(error.to_string()))?;
        let answered = timeout(self.call, async {
            let response = self.client.send(request).await.map_err(|error| damaged(unreachable_because(&error).to_string()))?;
            let status = response.status();
            let bytes = response.into_body().collect_bytes().await.map_err(|error| damaged(error.to_string()))?;
            Ok((status, bytes))
        });
        let (status, bytes) = answered.await.map_err(|_| damaged("no answer in time".to_owned()))??;
        let answer: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        // An eviction under two budgets is refused in the body of a 201 (pkg/registry/core/pod/storage/eviction.go).
        let is_refused_in_body = answer.get("kind").and_then(Value::as_str) == Some("Status")
            && answer.get("status").and_then(Value::as_str) == Some("Failure");
        if status.is_success() && !is_refused_in_body {
            return Ok(answer);
        }
        if status.is_success() {
            let message = wire::short(answer.get("message").and_then(Value::as_str).unwrap_or_default());
            let code = answer.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok()).unwrap_or(500);
            return Err(WriteError::Refused { status: code, message });
        }
        let message = match answer.get("message").and_then(Value::as_str) {
            Some(message) => wire::short(message),
            None => wire::short(&String::from_utf8_lossy(&bytes[..bytes.len().min(300)])),
        };
        Err(match status {
            StatusCode::CONFLICT => WriteError::Conflict(message),
            StatusCode::NOT_FOUND => WriteError::Gone,
            StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => WriteError::Denied(message),
            // It may have been done before the server, or what stands before it, gave up.
            StatusCode::GATEWAY_TIMEOUT | StatusCode::BAD_GATEWAY | StatusCode::INTERNAL_SERVER_ERROR => {
                WriteError::Unanswered(format!("{}: {message}", status.as_u16()))
            }
            other => WriteError::Refused { status: other.as_u16(), message },
        })
    }
}

/// What an Event on the target says.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// UID of the target. `None` = it is not known.
    pub uid: Option<&'a str>,
    pub is_warning: bool,
    /// One word in CamelCase.
    pub reason: &'a str,
    pub message: &'a str,
    /// RFC 3339, in seconds.
    pub at: &'a str,
}

/// Wordings of the API server and its JSON patch library.
fn is_failed_test(message: &str) -> bool {
    message.contains("the server rejected our request due to an error in our request")
        || message.contains("testing value")
        || message.contains("testing path")
        || message.contains("test failed")
}

/// `Deployment`, as manifests name a kind.
fn api_kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Pod => "Pod",
        Kind::Deployment => "Deployment",
        Kind::StatefulSet => "StatefulSet",
        Kind::DaemonSet => "DaemonSet",
        Kind::Job => "Job",
        Kind::Node => "Node",
        Kind::Namespace => "Namespace",
        other => other.as_str(),
    }
}
