//! One object, kept as the text that an answer will need, and the few of its fields that selectors ask for.

use std::ops::Range;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::{
    json::{self, Fields},
    kinds::Selectable,
};

/// An annotation that repeats the whole object, so for a `ConfigMap` its values, too.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// An object without its `kind` and `apiVersion`, as lists hold it.
#[derive(Debug)]
pub struct Object {
    /// `{"metadata":{..},..}`: the metadata come first.
    json: Bytes,
    metadata: Range<usize>,
    labels: Vec<(Box<str>, Box<str>)>,
    /// The values of the selectable fields of its kind, in their order.
    fields: Vec<Box<str>>,
    /// 0 where it has none.
    pub resource_version: u64,
}

impl Object {
    /// Of an object's fields, and those of its metadata.
    pub fn new(fields: &Fields<'_>, metadata: &Fields<'_>, selectable: &[Selectable]) -> Self {
        let labels = json::object(metadata, "labels").unwrap_or_default();
        let labels = labels.into_iter().filter_map(|(key, value)| Some((key.into(), json::string_of(value)?.into()))).collect();
        let resource_version = json::string(metadata, "resourceVersion").and_then(|version| version.parse().ok()).unwrap_or(0);

        let mut json = String::with_capacity(fields.values().map(|value| value.get().len() + 32).sum());
        json.push_str(r#"{"metadata":"#);
        let start = json.len();
        json.push_str(fields.get("metadata").map_or("{}", |metadata| metadata.get()));
        let metadata = start..json.len();
        for (key, value) in fields.iter().filter(|(key, _)| !matches!(key.as_str(), "metadata" | "kind" | "apiVersion")) {
            json.push(',');
            json.push_str(&Value::from(key.as_str()).to_string());
            json.push(':');
            json.push_str(value.get());
        }
        json.push('}');
        Self { json: json.into(), metadata, labels, fields: values_at(fields, selectable), resource_version }
    }

    /// As items of a list are written: without `kind` and `apiVersion`.
    pub fn json(&self) -> &[u8] {
        &self.json
    }

    pub fn metadata(&self) -> &[u8] {
        &self.json[self.metadata.clone()]
    }

    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels.iter().find(|(label, _)| &**label == key).map(|(_, value)| &**value)
    }

    /// The value of the selectable field of this number.
    pub fn field(&self, number: usize) -> &str {
        self.fields.get(number).map_or("", |value| value)
    }

    /// The object as data; for the few answers that look into it.
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.json).unwrap_or_default()
    }
}

/// The text of a `ConfigMap` without its values, but with their keys.
pub fn without_values(config_map: &str) -> Option<String> {
    let mut config_map: Value = config_map.parse().ok()?;
    for part in ["data", "binaryData"] {
        for value in config_map.get_mut(part).and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut) {
            *value = Value::from("");
        }
    }
    let annotations = config_map.get_mut("metadata").and_then(|metadata| metadata.get_mut("annotations"));
    if let Some(annotations) = annotations.and_then(Value::as_object_mut) {
        annotations.shift_remove(LAST_APPLIED);
    }
    Some(config_map.to_string())
}

fn values_at(fields: &Fields<'_>, selectable: &[Selectable]) -> Vec<Box<str>> {
    // Most are fields of the same one or two parents.
    let mut parent: (&str, Option<Fields<'_>>) = ("", None);
    let values = selectable.iter().map(|field| {
        let value = match field.path.split_once('.') {
            None => fields.get(field.path).copied(),
            Some((of, name)) => {
                if parent.0 != of {
                    parent = (of, json::object(fields, of));
                }
                parent.1.as_ref().and_then(|parent| parent.get(name).copied())
            }
        };
        value.and_then(json::scalar).map_or_else(|| field.default.into(), String::into_boxed_str)
    });
    values.collect()
}
