//! Reading and writing fields of objects by JSON pointers.

use serde_json::{Map, Value, json};

/// Empty where there is no such text.
pub fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

pub fn number(object: &Value, pointer: &str) -> Option<i64> {
    object.pointer(pointer).and_then(Value::as_i64)
}

pub fn is_true(object: &Value, pointer: &str) -> bool {
    object.pointer(pointer).and_then(Value::as_bool).unwrap_or_default()
}

pub fn items<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Leaves the items out of a list that are not to be kept.
pub fn keep_items(object: &mut Value, pointer: &str, keep: impl Fn(&Value) -> bool) {
    if let Some(items) = object.pointer_mut(pointer).and_then(Value::as_array_mut) {
        items.retain(keep);
    }
}

pub fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

pub fn namespace(object: &Value) -> &str {
    text(object, "/metadata/namespace")
}

pub fn uid(object: &Value) -> &str {
    text(object, "/metadata/uid")
}

pub fn label<'a>(object: &'a Value, key: &str) -> &'a str {
    object["metadata"]["labels"][key].as_str().unwrap_or_default()
}

pub fn annotation<'a>(object: &'a Value, key: &str) -> &'a str {
    object["metadata"]["annotations"][key].as_str().unwrap_or_default()
}

/// The object at `field`, made where there is none.
pub fn map<'a>(object: &'a mut Value, field: &str) -> &'a mut Map<String, Value> {
    let value = &mut object[field];
    if !value.is_object() {
        *value = json!({});
    }
    value.as_object_mut().expect("an object was just made")
}

pub fn remove(object: &mut Value, field: &str) -> Option<Value> {
    object.as_object_mut().and_then(|fields| fields.shift_remove(field))
}

/// Sets the field where there is none.
pub fn default(object: &mut Value, field: &str, value: impl Into<Value>) {
    if object[field].is_null() {
        object[field] = value.into();
    }
}

/// The owner that controls it, if any.
pub fn controller(object: &Value) -> Option<&Value> {
    items(object, "/metadata/ownerReferences").iter().find(|owner| is_true(owner, "/controller"))
}

pub fn is_controlled_by(object: &Value, owner: &Value) -> bool {
    controller(object).is_some_and(|controller| text(controller, "/uid") == uid(owner))
}

pub fn owner_reference(owner: &Value) -> Value {
    json!({
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": name(owner), "uid": uid(owner),
        "controller": true, "blockOwnerDeletion": true,
    })
}

pub fn is_going(object: &Value) -> bool {
    !text(object, "/metadata/deletionTimestamp").is_empty()
}

pub fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    items(object, "/status/conditions").iter().find(|condition| condition["type"] == kind)
}

pub fn is_ready(pod: &Value) -> bool {
    condition(pod, "Ready").is_some_and(|ready| ready["status"] == "True")
}

/// Whether the pod still counts for its owner: neither ended nor going.
pub fn is_active(pod: &Value) -> bool {
    !is_going(pod) && !matches!(text(pod, "/status/phase"), "Succeeded" | "Failed")
}

/// A count as the JSON of a status has it.
pub fn count<T>(all: &[T]) -> i64 {
    i64::try_from(all.len()).expect("a count of objects in memory")
}
