//! One object, kept as the text that an answer will need, and the few of its fields that selectors ask for.

use std::ops::Range;

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value};

use super::kinds::Selectable;

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
    /// `object` must have been found to have metadata.
    pub fn new(mut object: Map<String, Value>, selectable: &[Selectable]) -> Self {
        let metadata = object.shift_remove("metadata").unwrap_or_default();
        let labels = metadata.get("labels").and_then(Value::as_object);
        let labels = labels.into_iter().flatten().filter_map(|(key, value)| Some((key.as_str().into(), value.as_str()?.into())));
        let labels = labels.collect();
        let fields = selectable.iter().map(|field| value_at(&object, field)).collect();
        let resource_version = metadata.get("resourceVersion").and_then(Value::as_str);
        let resource_version = resource_version.and_then(|version| version.parse().ok()).unwrap_or(0);

        let mut json = br#"{"metadata":"#.to_vec();
        let start = json.len();
        append(&mut json, &metadata);
        let metadata = start..json.len();
        for (key, value) in object.iter().filter(|(key, _)| !matches!(key.as_str(), "kind" | "apiVersion")) {
            json.push(b',');
            append(&mut json, key);
            json.push(b':');
            append(&mut json, value);
        }
        json.push(b'}');
        Self { json: json.into(), metadata, labels, fields, resource_version }
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

/// Takes the values of a `ConfigMap` away and leaves its keys.
pub fn forget_values(config_map: &mut Map<String, Value>) {
    for part in ["data", "binaryData"] {
        for value in config_map.get_mut(part).and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut) {
            *value = Value::from("");
        }
    }
    let annotations = config_map.get_mut("metadata").and_then(|metadata| metadata.get_mut("annotations"));
    if let Some(annotations) = annotations.and_then(Value::as_object_mut) {
        annotations.shift_remove(LAST_APPLIED);
    }
}

fn append(json: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    serde_json::to_writer(json, value).expect("text and data can always be written to memory");
}

fn value_at(object: &Map<String, Value>, field: &Selectable) -> Box<str> {
    let mut parts = field.path.split('.');
    let mut value = parts.next().and_then(|part| object.get(part));
    for part in parts {
        value = value.and_then(|value| value.get(part));
    }
    match value {
        Some(Value::String(text)) => text.as_str().into(),
        Some(Value::Number(number)) => number.to_string().into(),
        Some(Value::Bool(flag)) => flag.to_string().into(),
        None | Some(Value::Null | Value::Array(_) | Value::Object(_)) => field.default.into(),
    }
}
