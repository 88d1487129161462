//! Events are one kind of objects that is served in two groups.

use serde_json::{Value, json};

use super::{
    resource::{Resource, of_kind},
    value::remove,
};

/// What core `v1` calls a field, and what `events.k8s.io/v1` calls it.
const RENAMED: &[(&str, &str)] = &[
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("reportingComponent", "reportingController"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
];

fn is_newer(resource: &Resource) -> bool {
    resource.group == "events.k8s.io"
}

/// The resource that its objects are kept under.
pub fn stored_as(resource: &'static Resource) -> &'static Resource {
    if is_newer(resource) { of_kind("Event") } else { resource }
}

/// A stored object as the resource shows it.
pub fn served_as(resource: &Resource, mut object: Value) -> Value {
    if is_newer(resource) {
        object["apiVersion"] = resource.api_version().into();
        rename(&mut object, RENAMED.iter().copied());
    }
    object
}

/// An object of the newer group as it is kept.
pub fn to_store(resource: &Resource, mut object: Value) -> Value {
    if is_newer(resource) {
        object["apiVersion"] = json!("v1");
        rename(&mut object, RENAMED.iter().map(|(older, newer)| (*newer, *older)));
    }
    object
}

fn rename<'a>(object: &mut Value, names: impl Iterator<Item = (&'a str, &'a str)>) {
    for (from, to) in names {
        if let Some(value) = remove(object, from) {
            object[to] = value;
        }
    }
}
