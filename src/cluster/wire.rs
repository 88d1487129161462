//! Paths and bodies of the Kubernetes API, as far as they are used here.

use http::{Method, Request, StatusCode, header, request::Builder};
use k8s_openapi::Resource;
use kube::client::Body;
use serde::Deserialize;

use super::ReadError;
use crate::{domain::object::Kind, net};

/// A resource that can be read by its path.
pub trait Readable: Resource + serde::de::DeserializeOwned + Send + 'static {}

impl<K: Resource + serde::de::DeserializeOwned + Send + 'static> Readable for K {}

/// `/apis/apps/v1/namespaces/shop/deployments/api`; without a namespace all of them, without a name the list.
pub fn path<K: Resource>(namespace: Option<&str>, name: Option<&str>) -> String {
    resource_path(K::GROUP, K::VERSION, K::URL_PATH_SEGMENT, namespace, name)
}

/// The same for a resource that has no type here.
pub fn resource_path(group: &str, version: &str, plural: &str, namespace: Option<&str>, name: Option<&str>) -> String {
    let mut path = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
    if let Some(namespace) = namespace {
        path.push_str("/namespaces/");
        path.push_str(&escaped(namespace));
    }
    path.push('/');
    path.push_str(plural);
    if let Some(name) = name {
        path.push('/');
        path.push_str(&escaped(name));
    }
    path
}

/// API group (empty = core), version and plural of a kind.
pub fn api_of(kind: Kind) -> (&'static str, &'static str, &'static str) {
    match kind {
        Kind::Pod => ("", "v1", "pods"),
        Kind::Service => ("", "v1", "services"),
        Kind::PersistentVolumeClaim => ("", "v1", "persistentvolumeclaims"),
        Kind::PersistentVolume => ("", "v1", "persistentvolumes"),
        Kind::ResourceQuota => ("", "v1", "resourcequotas"),
        Kind::LimitRange => ("", "v1", "limitranges"),
        Kind::ConfigMap => ("", "v1", "configmaps"),
        Kind::Secret => ("", "v1", "secrets"),
        Kind::ServiceAccount => ("", "v1", "serviceaccounts"),
        Kind::Node => ("", "v1", "nodes"),
        Kind::Namespace => ("", "v1", "namespaces"),
        Kind::Deployment => ("apps", "v1", "deployments"),
        Kind::ReplicaSet => ("apps", "v1", "replicasets"),
        Kind::StatefulSet => ("apps", "v1", "statefulsets"),
        Kind::DaemonSet => ("apps", "v1", "daemonsets"),
        Kind::Job => ("batch", "v1", "jobs"),
        Kind::CronJob => ("batch", "v1", "cronjobs"),
        Kind::EndpointSlice => ("discovery.k8s.io", "v1", "endpointslices"),
        Kind::Ingress => ("networking.k8s.io", "v1", "ingresses"),
        Kind::NetworkPolicy => ("networking.k8s.io", "v1", "networkpolicies"),
        Kind::StorageClass => ("storage.k8s.io", "v1", "storageclasses"),
        Kind::HorizontalPodAutoscaler => ("autoscaling", "v2", "horizontalpodautoscalers"),
        Kind::PodDisruptionBudget => ("policy", "v1", "poddisruptionbudgets"),
        Kind::ApiService => ("apiregistration.k8s.io", "v1", "apiservices"),
    }
}

/// Percent-encodes all but the unreserved characters of RFC 3986.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Asks for an object's metadata alone: what it holds never arrives.
pub const METADATA_ONLY: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
pub const JSON: &str = "application/json";
pub const PLAIN: &str = "text/plain, */*";

/// A request to an API server, which names the trace that it is a part of: the server can trace as well
/// (<https://kubernetes.io/docs/concepts/cluster-administration/system-traces/>).
pub fn request(method: Method, target: &str, accept: &str) -> Builder {
    let request = Request::builder().method(method).uri(target).header(header::ACCEPT, accept);
    net::trace_context().into_iter().fold(request, |request, (name, value)| request.header(name, value))
}

/// A GET request for `target`.
pub fn get(target: &str, accept: &str) -> Result<Request<Body>, ReadError> {
    request(Method::GET, target, accept).body(Body::empty()).map_err(|error| ReadError::Damaged(format!("not a path: {error}")))
}

/// What a refused answer means.
pub fn refusal(status: StatusCode, body: &[u8]) -> ReadError {
    #[derive(Default, Deserialize)]
    struct Status {
        #[serde(default)]
        message: String,
        #[serde(default)]
        reason: String,
        details: Option<Details>,
    }
    #[derive(Default, Deserialize)]
    struct Details {
        #[serde(default)]
        name: String,
    }
    let told: Option<Status> = serde_json::from_slice(body).ok();
    let message = match &told {
        Some(status) if !status.message.is_empty() => short(&status.message),
        Some(_) | None => short(&String::from_utf8_lossy(&body[..body.len().min(300)])),
    };
    match status {
        StatusCode::FORBIDDEN => ReadError::Denied(message),
        StatusCode::UNAUTHORIZED => ReadError::Unauthorized(message),
        StatusCode::GONE => ReadError::Expired,
        StatusCode::NOT_FOUND => {
            let status = told.unwrap_or_default();
            let is_object = status.reason == "NotFound"
                && !message.contains("could not find the requested resource")
                && (status.details.is_some_and(|details| !details.name.is_empty()) || message.contains('"'));
            if is_object { ReadError::Absent } else { ReadError::NotServed }
        }
        other => ReadError::Refused { status: other.as_u16(), message },
    }
}

/// A message of a server, bounded.
pub fn short(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() > 240 { format!("{}...", line.chars().take(240).collect::<String>()) } else { line }
}

/// `text`, or as much of it as fits into `most_bytes`.
pub fn bounded(text: &str, most_bytes: usize) -> &str {
    &text[..text.floor_char_boundary(most_bytes)]
}
