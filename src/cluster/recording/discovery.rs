//! What an API server says of itself: which groups, versions and resources it has.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{
    index::{Index, Resource},
    kinds::Scope,
    status,
};

/// `/api`.
pub fn core_versions() -> Response<Bytes> {
    let versions = json!({ "kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [] });
    status::data(StatusCode::OK, versions.to_string())
}

/// `/apis`.
pub fn groups(index: &Index) -> Response<Bytes> {
    let mut names: Vec<&str> =
        index.resources().map(|resource| resource.group.as_str()).filter(|group| !group.is_empty()).collect();
    names.dedup();
    let groups: Vec<Value> = names.into_iter().map(|name| group_of(index, name)).collect();
    status::data(StatusCode::OK, json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups }).to_string())
}

/// `/apis/GROUP`.
pub fn group(index: &Index, name: &str) -> Response<Bytes> {
    if !index.resources().any(|resource| resource.group == name) {
        return status::unknown_path();
    }
    let mut group = group_of(index, name);
    group["kind"] = "APIGroup".into();
    group["apiVersion"] = "v1".into();
    status::data(StatusCode::OK, group.to_string())
}

/// `/api/v1` and `/apis/GROUP/VERSION`.
pub fn resources(index: &Index, group: &str, version: &str) -> Response<Bytes> {
    let served = index.resources().filter(|resource| resource.group == group && resource.version == version);
    let resources: Vec<Value> = served.flat_map(entries).collect();
    if resources.is_empty() {
        return status::unknown_path();
    }
    let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    let list = json!({
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources,
    });
    status::data(StatusCode::OK, list.to_string())
}

fn group_of(index: &Index, name: &str) -> Value {
    let mut versions: Vec<&str> =
        index.resources().filter(|resource| resource.group == name).map(|resource| resource.version.as_str()).collect();
    versions.dedup();
    let versions: Vec<Value> =
        versions.iter().map(|version| json!({ "groupVersion": format!("{name}/{version}"), "version": version })).collect();
    json!({ "name": name, "versions": versions, "preferredVersion": versions.last() })
}

fn entries(resource: &Resource) -> Vec<Value> {
    let is_namespaced = resource.scope == Scope::Namespaced;
    let entry = |name: &str, verbs: &[&str]| {
        json!({
            "name": name, "singularName": resource.kind.to_lowercase(), "namespaced": is_namespaced,
            "kind": resource.kind, "verbs": verbs,
        })
    };
    let mut entries = vec![entry(&resource.plural, &["get", "list"])];
    if resource.group.is_empty() && resource.plural == "pods" {
        entries.push(entry("pods/log", &["get"]));
    }
    entries
}
