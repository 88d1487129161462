//! From a request to its answer, as an API server would give it.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde_json::json;

use super::{
    Recording, discovery,
    index::{NO_NAMESPACE, Resource},
    kinds::Scope,
    list,
    pod_log::pod_log,
    request::Asked,
    review, status,
};

/// Where a client reviews what it may do.
const ACCESS_REVIEWS: [&str; 4] = ["apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"];

pub fn answer(recording: &Recording, request: &Request<Bytes>) -> Response<Bytes> {
    let asked = Asked::of(request);
    let segments: Vec<&str> = asked.segments.iter().map(String::as_str).collect();
    if *request.method() == Method::POST && segments == ACCESS_REVIEWS {
        return review::access_review(request.body());
    }
    if *request.method() != Method::GET || asked.flag("watch") {
        return status::method_not_allowed();
    }
    match segments.as_slice() {
        ["readyz" | "livez" | "healthz", ..] => status::text("ok"),
        ["version"] => status::data(StatusCode::OK, recording.version().to_string()),
        ["api"] => discovery::core_versions(),
        ["apis"] => discovery::groups(&recording.index),
        ["apis", group] => discovery::group(&recording.index, group),
        ["api", version] => discovery::resources(&recording.index, "", version),
        ["apis", group, version] => discovery::resources(&recording.index, group, version),
        ["api", version, path @ ..] => of_version(recording, "", version, path, &asked),
        ["apis", group, version, path @ ..] => of_version(recording, group, version, path, &asked),
        _ => status::unknown_path(),
    }
}

/// What is behind `/api/v1` or `/apis/GROUP/VERSION`.
fn of_version(recording: &Recording, group: &str, version: &str, path: &[&str], asked: &Asked) -> Response<Bytes> {
    let (namespace, path) = match path {
        ["namespaces", namespace, path @ ..] if !path.is_empty() => (Some(*namespace), path),
        _ => (None, path),
    };
    let [plural, path @ ..] = path else { return status::unknown_path() };
    if group.is_empty() && *plural == "secrets" {
        return no_secrets(namespace, path);
    }
    let Some(resource) = recording.index.resource(group, version, plural) else { return status::unknown_path() };
    let place = match (resource.scope, namespace) {
        (Scope::Cluster, None) => Some(NO_NAMESPACE),
        (Scope::Namespaced, namespace) => namespace,
        (Scope::Cluster, Some(_)) => return status::unknown_path(),
    };
    match (path, place) {
        ([], _) => list::list(&recording.index, resource, namespace, asked),
        ([name] | [name, "status"], Some(namespace)) => object(resource, namespace, name, asked),
        ([name, "log"], Some(namespace)) if group.is_empty() && *plural == "pods" => {
            pod_log(resource, &recording.logs, (namespace, name), asked)
        }
        _ => status::unknown_path(),
    }
}

fn object(resource: &Resource, namespace: &str, name: &str, asked: &Asked) -> Response<Bytes> {
    match resource.get(namespace, name) {
        Some(object) => status::data(StatusCode::OK, list::object(resource, asked.view, object)),
        None => status::no_object(resource, name),
    }
}

/// Secrets are never loaded, so whether there is one is not known: refused, not absent.
fn no_secrets(namespace: Option<&str>, path: &[&str]) -> Response<Bytes> {
    let (secret, verb) = match path {
        [name, ..] => (format!("secrets {name:?} is"), "get"),
        [] => ("secrets is".to_owned(), "list"),
    };
    let scope = namespace.map_or("at the cluster scope".to_owned(), |namespace| format!("in the namespace {namespace:?}"));
    let message = format!("{secret} forbidden: User \"recording\" cannot {verb} resource \"secrets\" in API group \"\" {scope}");
    let details = json!({ "name": path.first(), "kind": "secrets" });
    status::failure(StatusCode::FORBIDDEN, "Forbidden", &message, &details)
}
