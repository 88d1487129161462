//! Reading API objects as they are: whatever is not there is empty.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

/// The text at a JSON pointer; empty where there is none.
pub fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// `None` = not there.
pub fn number(object: &Value, pointer: &str) -> Option<i64> {
    object.pointer(pointer).and_then(Value::as_i64)
}

pub fn is_true(object: &Value, pointer: &str) -> bool {
    object.pointer(pointer).and_then(Value::as_bool).unwrap_or_default()
}

pub fn items<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

pub fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

pub fn uid(object: &Value) -> &str {
    text(object, "/metadata/uid")
}

pub fn labels(object: &Value) -> BTreeMap<String, String> {
    texts(object, "/metadata/labels")
}

pub fn annotation<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.pointer("/metadata/annotations")?.get(name)?.as_str()
}

fn texts(object: &Value, pointer: &str) -> BTreeMap<String, String> {
    let map = object.pointer(pointer).and_then(Value::as_object);
    map.into_iter().flatten().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

/// The owner that controls the object, as kind, name and UID.
pub fn controller(object: &Value) -> Option<(&str, &str, &str)> {
    let owner = items(object, "/metadata/ownerReferences").iter().find(|owner| is_true(owner, "/controller"))?;
    Some((text(owner, "/kind"), text(owner, "/name"), text(owner, "/uid")))
}

/// The status of a condition: `True`, `False`, `Unknown`, or empty.
pub fn condition<'a>(object: &'a Value, kind: &str) -> &'a str {
    let found = items(object, "/status/conditions").iter().find(|condition| text(condition, "/type") == kind);
    found.map_or("", |condition| text(condition, "/status"))
}

/// `a=b,c=d` of the selector's labels; a selector with expressions is empty, so that nobody takes too much for its own.
pub fn selector(object: &Value) -> String {
    if !items(object, "/spec/selector/matchExpressions").is_empty() {
        return String::new();
    }
    let labels = texts(object, "/spec/selector/matchLabels");
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

/// A hash over what people and controllers want of the object, not over what it reports: equal as long as nobody changed it.
pub fn content_hash(object: &Value) -> String {
    let metadata = |name: &str| object.pointer(&format!("/metadata/{name}")).cloned().unwrap_or_default();
    let wanted = serde_json::json!([
        metadata("uid"),
        metadata("labels"),
        metadata("annotations"),
        metadata("ownerReferences"),
        metadata("finalizers"),
        metadata("deletionTimestamp"),
        object.get("spec").cloned().unwrap_or_default(),
    ]);
    format!("{:x}", Sha256::digest(canonical(&wanted)))
}

/// JSON text in which the order of members does not matter.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let sorted: BTreeMap<&String, String> = members.iter().map(|(key, value)| (key, canonical(value))).collect();
            let members: Vec<String> =
                sorted.iter().map(|(key, value)| format!("{}:{value}", Value::from(key.as_str()))).collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        plain => plain.to_string(),
    }
}

/// One part of a JSON pointer (RFC 6901).
pub fn escaped(part: &str) -> String {
    part.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::{content_hash, escaped, selector};
    use serde_json::json;

    #[test]
    fn a_report_of_status_changes_no_hash_and_a_change_of_wishes_does() {
        let object =
            json!({"metadata": {"uid": "1", "labels": {"a": "b", "c": "d"}}, "spec": {"replicas": 3}, "status": {"ready": 1}});
        let reported = json!({"status": {"ready": 2}, "spec": {"replicas": 3},
            "metadata": {"labels": {"c": "d", "a": "b"}, "uid": "1", "resourceVersion": "9", "managedFields": [1]}});
        assert_eq!(content_hash(&object), content_hash(&reported));
        for changed in [
            json!({"metadata": {"uid": "1", "labels": {"a": "b", "c": "d"}}, "spec": {"replicas": 4}}),
            json!({"metadata": {"uid": "1", "labels": {"a": "b"}}, "spec": {"replicas": 3}}),
            json!({"metadata": {"uid": "2", "labels": {"a": "b", "c": "d"}}, "spec": {"replicas": 3}}),
        ] {
            assert_ne!(content_hash(&object), content_hash(&changed));
        }
    }

    #[test]
    fn pointers_and_selectors() {
        assert_eq!(escaped("kubectl.kubernetes.io/restartedAt~x"), "kubectl.kubernetes.io~1restartedAt~0x");
        assert_eq!(selector(&json!({"spec": {"selector": {"matchLabels": {"app": "a", "tier": "b"}}}})), "app=a,tier=b");
        let expressions = json!({"spec": {"selector": {"matchLabels": {"app": "a"}, "matchExpressions": [{"key": "x"}]}}});
        assert_eq!(selector(&expressions), "");
    }
}
