//! The fake API server that remediation is tested with, held against what a real one does.

mod dying;
mod patching;
mod reading;
mod rollouts;
mod workloads;
mod writing;

use bytes::Bytes;
use http::{Method, Request, Response};
use kube::client::Body;
use serde_json::Value;

use crate::support::living::Living;

const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/shop/deployments/api";
const PODS: &str = "/api/v1/namespaces/shop/pods";

const MERGE: &str = "application/merge-patch+json";
const JSON: &str = "application/json-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";

/// Three replicas of `api` in `shop`.
fn shop() -> Living {
    let living = Living::new();
    living.deployment("shop", "api").replicas(3).image("registry.example/api:1.4").memory_limit("app", "256Mi").create();
    living
}

/// An answer, read to its end.
#[derive(Debug)]
struct Said {
    status: u16,
    body: Value,
    text: String,
    warnings: Vec<String>,
}

impl Said {
    /// The status code and reason of a refusal, having checked that the body says the same.
    #[track_caller]
    fn refusal(&self) -> (u16, &str) {
        assert_eq!(self.body["kind"], "Status", "{self:?}");
        assert_eq!(self.body["status"], "Failure", "{self:?}");
        assert_eq!(self.body["code"], self.status);
        (self.status, self.body["reason"].as_str().expect("a reason"))
    }

    #[track_caller]
    fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{self:?}");
        self.body
    }
}

async fn send(client: &kube::Client, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Said {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from(Bytes::from(body.to_owned()))).expect("a valid request");
    said(client.send(request).await.expect("an answer")).await
}

async fn said(response: Response<Body>) -> Said {
    let status = response.status().as_u16();
    let warnings = response.headers().get_all("warning").iter();
    let warnings = warnings.map(|warning| warning.to_str().expect("plain text").to_owned()).collect();
    let body = response.into_body().collect_bytes().await.expect("a body in memory");
    let text = String::from_utf8_lossy(&body).into_owned();
    Said { status, body: serde_json::from_slice(&body).unwrap_or_default(), text, warnings }
}

async fn get(client: &kube::Client, path: &str) -> Said {
    send(client, Method::GET, path, &[], "").await
}

async fn post(client: &kube::Client, path: &str, body: &Value) -> Said {
    send(client, Method::POST, path, &[("content-type", "application/json")], &body.to_string()).await
}

async fn patch(client: &kube::Client, path: &str, content_type: &str, body: &Value) -> Said {
    send(client, Method::PATCH, path, &[("content-type", content_type)], &body.to_string()).await
}

async fn delete(client: &kube::Client, path: &str, options: &Value) -> Said {
    let body = if options.is_null() { String::new() } else { options.to_string() };
    send(client, Method::DELETE, path, &[("content-type", "application/json")], &body).await
}

fn names(all: &[crate::support::living::Snapshot]) -> Vec<String> {
    all.iter().map(|one| one["metadata"]["name"].as_str().expect("a name").to_owned()).collect()
}

#[track_caller]
fn condition<'a>(object: &'a Value, kind: &str) -> &'a Value {
    let all = object["status"]["conditions"].as_array().expect("conditions");
    all.iter().find(|one| one["type"] == kind).unwrap_or_else(|| panic!("no {kind} in {all:?}"))
}
