//! The three patches that a client may send, and what they make of an object.

use serde_json::{Map, Value};

use super::failure::Failure;

/// A server takes no JSON patch of more operations.
const MAX_OPERATIONS: usize = 10_000;

pub const JSON_PATCH: &str = "application/json-patch+json";
pub const MERGE_PATCH: &str = "application/merge-patch+json";
pub const STRATEGIC_PATCH: &str = "application/strategic-merge-patch+json";

/// What the patch makes of the object.
pub fn apply(content_type: &str, object: &Value, patch: &[u8]) -> Result<Value, Failure> {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    if ![JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH].contains(&kind) {
        return Err(Failure::unsupported_media(&[JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH]));
    }
    let patch: Value =
        serde_json::from_slice(patch).map_err(|error| Failure::bad_request(format!("error decoding patch: {error}")))?;
    let mut patched = object.clone();
    match (kind, &patch) {
        (JSON_PATCH, Value::Array(operations)) if operations.len() <= MAX_OPERATIONS => {
            for operation in operations {
                operate(&mut patched, operation)?;
            }
        }
        (MERGE_PATCH, Value::Object(_)) => merge(&mut patched, &patch),
        (STRATEGIC_PATCH, Value::Object(_)) => merge_strategically(&mut patched, &patch, "")?,
        _ => return Err(Failure::bad_request("error decoding patch: json: cannot unmarshal the patch into what it should be")),
    }
    Ok(patched)
}

/// RFC 7386.
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(object) = target.as_object_mut() else { return };
    for (key, value) in fields {
        if value.is_null() {
            object.shift_remove(key);
        } else {
            merge(object.entry(key).or_insert(Value::Null), value);
        }
    }
}

/// Lists that are merged by a key of their items; every other list is replaced.
fn merge_key(field: &str) -> Option<&'static str> {
    match field {
        "containers" | "initContainers" | "env" | "volumes" | "imagePullSecrets" => Some("name"),
        "volumeMounts" => Some("mountPath"),
        "ports" => Some("containerPort"),
        "conditions" => Some("type"),
        "taints" => Some("key"),
        "ownerReferences" => Some("uid"),
        _ => None,
    }
}

fn merge_strategically(target: &mut Value, patch: &Value, field: &str) -> Result<(), Failure> {
    match patch {
        Value::Object(fields) => {
            if fields.get("$patch").is_some_and(|directive| directive == "replace") {
                let mut fields = fields.clone();
                fields.shift_remove("$patch");
                *target = Value::Object(fields);
                return Ok(());
            }
            if !target.is_object() {
                *target = Value::Object(Map::new());
            }
            let Some(object) = target.as_object_mut() else { return Ok(()) };
            for (key, value) in fields {
                if value.is_null() {
                    object.shift_remove(key);
                } else if key.starts_with("$setElementOrder/") {
                    // It orders what is merged anyway.
                } else if key.starts_with('$') {
                    return Err(Failure::not_built(&format!("the directive {key} of a strategic merge patch")));
                } else {
                    merge_strategically(object.entry(key).or_insert(Value::Null), value, key)?;
                }
            }
            Ok(())
        }
        Value::Array(items) => {
            if let (Some(key), Some(present)) = (merge_key(field), target.as_array_mut()) {
                return merge_items(present, items, key);
            }
            *target = patch.clone();
            Ok(())
        }
        _ => {
            *target = patch.clone();
            Ok(())
        }
    }
}

fn merge_items(present: &mut Vec<Value>, items: &[Value], key: &str) -> Result<(), Failure> {
    for item in items {
        if item[key].is_null() {
            return Err(Failure::bad_request(format!("map: {item} does not contain declared merge key: {key}")));
        }
        let at = present.iter().position(|one| one[key] == item[key]);
        match (item["$patch"].as_str(), at) {
            (Some("delete"), Some(at)) => {
                present.remove(at);
            }
            (Some("delete"), None) => {}
            (Some(other), _) => return Err(Failure::not_built(&format!("$patch: {other} in a list"))),
            (None, Some(at)) => merge_strategically(&mut present[at], item, "")?,
            (None, None) => present.push(item.clone()),
        }
    }
    Ok(())
}

/// One operation of RFC 6902.
fn operate(object: &mut Value, operation: &Value) -> Result<(), Failure> {
    let text = |field: &str| operation[field].as_str();
    let path = text("path").ok_or_else(Failure::unprocessable)?;
    let value = || operation.get("value").cloned().ok_or_else(Failure::unprocessable);
    match text("op") {
        Some("add") => add(object, path, value()?),
        Some("remove") => take(object, path).map(drop),
        Some("replace") => {
            let value = value()?;
            if path.is_empty() {
                *object = value;
                return Ok(());
            }
            *object.pointer_mut(path).ok_or_else(Failure::unprocessable)? = value;
            Ok(())
        }
        Some("move") => {
            let moved = take(object, text("from").ok_or_else(Failure::unprocessable)?)?;
            add(object, path, moved)
        }
        Some("copy") => {
            let from = text("from").ok_or_else(Failure::unprocessable)?;
            let copied = object.pointer(from).cloned().ok_or_else(Failure::unprocessable)?;
            add(object, path, copied)
        }
        Some("test") => {
            // The library of the server takes what is missing for null.
            let expected = operation.get("value").unwrap_or(&Value::Null);
            let found = object.pointer(path).unwrap_or(&Value::Null);
            if found == expected { Ok(()) } else { Err(Failure::unprocessable()) }
        }
        _ => Err(Failure::unprocessable()),
    }
}

fn split(path: &str) -> Result<(&str, String), Failure> {
    let (parent, key) = path.rsplit_once('/').ok_or_else(Failure::unprocessable)?;
    Ok((parent, key.replace("~1", "/").replace("~0", "~")))
}

fn add(object: &mut Value, path: &str, value: Value) -> Result<(), Failure> {
    if path.is_empty() {
        *object = value;
        return Ok(());
    }
    let (parent, key) = split(path)?;
    match object.pointer_mut(parent) {
        Some(Value::Object(fields)) => {
            fields.insert(key, value);
        }
        Some(Value::Array(items)) => {
            let at = if key == "-" { items.len() } else { key.parse().map_err(|_| Failure::unprocessable())? };
            if at > items.len() {
                return Err(Failure::unprocessable());
            }
            items.insert(at, value);
        }
        _ => return Err(Failure::unprocessable()),
    }
    Ok(())
}

fn take(object: &mut Value, path: &str) -> Result<Value, Failure> {
    let (parent, key) = split(path)?;
    match object.pointer_mut(parent) {
        Some(Value::Object(fields)) => fields.shift_remove(&key).ok_or_else(Failure::unprocessable),
        Some(Value::Array(items)) => {
            let at: usize = key.parse().map_err(|_| Failure::unprocessable())?;
            if at < items.len() { Ok(items.remove(at)) } else { Err(Failure::unprocessable()) }
        }
        _ => Err(Failure::unprocessable()),
    }
}
