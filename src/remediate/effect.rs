//! A plan as calls to the API server, what undoes them, and how to tell which of the two states the cluster is in.

use serde_json::{Map, Value, json};

use super::{
    look::Look,
    plan::{Effect, Ending, Field, Plan, PodName, Revision},
    refusal::Refusal,
    rerun_job,
    value::{number, text, uid},
};
use crate::{
    cluster::{Part, Write, WriteVerb},
    domain::{
        object::{Kind, ObjectRef},
        quantity::Quantity,
    },
};

/// Where the cluster stands between before and done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Before,
    Done,
    /// Neither: a part was done, or somebody else changed it as well.
    Neither(String),
}

/// The calls that carry the plan out, on the target as it is now.
pub async fn writes(plan: &Plan, look: &Look<'_>) -> Result<Vec<Write>, Refusal> {
    let target = &plan.action.target;
    Ok(match &plan.effect {
        Effect::Fields { fields } => {
            let object = look.target(target).await?;
            let mut patch = bound_to(&plan.bound_to.uid, &plan.bound_to.resource_version);
            for field in fields {
                patch.extend(place(&object, field));
                patch.extend(change(field.before.as_ref(), field.after.as_ref(), &field.pointer));
            }
            vec![patched(target, None, patch)]
        }
        Effect::Replicas { before, after } => {
            let patch = resized(&plan.bound_to.uid, &plan.bound_to.resource_version, *before, *after);
            vec![patched(target, Some(Part::Scale), patch)]
        }
        Effect::Template { to, .. } => {
            let template = template_of(&revision(target, to, look).await?);
            let mut patch = bound_to(&plan.bound_to.uid, &plan.bound_to.resource_version);
            patch.push(json!({"op": "replace", "path": "/spec/template", "value": template}));
            vec![patched(target, None, patch)]
        }
        Effect::Pods { way, pods } => pods.iter().map(|pod| ending(target, *way, pod)).collect(),
        Effect::Job { name } => {
            let job = look.target(target).await?;
            let object = ObjectRef::new(Kind::Job, target.namespace.as_deref(), name);
            vec![Write { verb: WriteVerb::Create, object, part: None, body: rerun_job::copy(&job, name) }]
        }
    })
}

/// The calls that undo the plan, on the target as it is now. None = what was done cannot be undone.
pub async fn undo(plan: &Plan, look: &Look<'_>) -> Result<Vec<Write>, Refusal> {
    let target = &plan.action.target;
    if matches!(plan.effect, Effect::Pods { .. }) {
        return Ok(Vec::new());
    }
    if let Effect::Job { name } = &plan.effect {
        let object = ObjectRef::new(Kind::Job, target.namespace.as_deref(), name);
        let job = look.target(&object).await?;
        let body = json!({"preconditions": {"uid": uid(&job)}, "propagationPolicy": "Background"});
        return Ok(vec![Write { verb: WriteVerb::Delete, object, part: None, body }]);
    }
    let object = look.target(target).await?;
    let version = text(&object, "/metadata/resourceVersion");
    let mut patch = bound_to(&plan.bound_to.uid, version);
    Ok(match &plan.effect {
        Effect::Fields { fields } => {
            for field in fields {
                // A server may write a value in another way than it was given.
                let kept = object.pointer(&field.pointer).filter(|is| is_same(Some(is), field.after.as_ref(), &field.pointer));
                patch.extend(change(kept.or(field.after.as_ref()), field.before.as_ref(), &field.pointer));
            }
            vec![patched(target, None, patch)]
        }
        Effect::Replicas { before, after } => {
            vec![patched(target, Some(Part::Scale), resized(&plan.bound_to.uid, version, *after, *before))]
        }
        Effect::Template { from, .. } => {
            let template = template_of(&revision(target, from, look).await?);
            patch.push(json!({"op": "replace", "path": "/spec/template", "value": template}));
            vec![patched(target, None, patch)]
        }
        Effect::Pods { .. } | Effect::Job { .. } => Vec::new(),
    })
}

/// Which state the cluster is in.
pub async fn state(plan: &Plan, look: &Look<'_>) -> Result<State, Refusal> {
    let target = &plan.action.target;
    let namespace = target.namespace.as_deref();
    if let Effect::Pods { pods, .. } = &plan.effect {
        let namespace = namespace.unwrap_or(&target.name);
        let mut left = 0;
        for pod in pods {
            let found = look.object(Kind::Pod, Some(namespace), &pod.name).await?;
            let is_there = |found: &Value| uid(found) == pod.uid && found.pointer("/metadata/deletionTimestamp").is_none();
            left += usize::from(found.as_ref().is_some_and(is_there));
        }
        return Ok(match left {
            0 => State::Done,
            left if left == pods.len() => State::Before,
            left => State::Neither(format!("{left} of {} pods are still there", pods.len())),
        });
    }
    if let Effect::Job { name } = &plan.effect {
        let found = look.object(Kind::Job, namespace, name).await?;
        let is_there = found.is_some_and(|job| job.pointer("/metadata/deletionTimestamp").is_none());
        return Ok(if is_there { State::Done } else { State::Before });
    }
    let object = look.target(target).await?;
    // One of the same name that was made anew is not the one that was changed.
    if uid(&object) != plan.bound_to.uid {
        return Err(Refusal::absent(target));
    }
    let (is_before, is_done) = match &plan.effect {
        Effect::Fields { fields } => {
            let all = |wanted: fn(&Field) -> Option<&Value>| {
                fields.iter().all(|field| is_same(object.pointer(&field.pointer), wanted(field), &field.pointer))
            };
            (all(|field| field.before.as_ref()), all(|field| field.after.as_ref()))
        }
        Effect::Replicas { before, after } => {
            let replicas = number(&object, "/spec/replicas").unwrap_or(1);
            (replicas == i64::from(*before), replicas == i64::from(*after))
        }
        Effect::Template { from, to } => {
            let template = template_of(&object);
            let is_done = is_of(&template, target, to, look).await?;
            (!is_done && is_of(&template, target, from, look).await?, is_done)
        }
        Effect::Pods { .. } | Effect::Job { .. } => (false, false),
    };
    Ok(match (is_before, is_done) {
        (_, true) => State::Done,
        (true, false) => State::Before,
        (false, false) => State::Neither(format!("somebody else changed {target} meanwhile")),
    })
}

/// Whether two values of a field mean the same: a server leaves `false` out, and makes `1Gi` of `1024Mi`.
fn is_same(one: Option<&Value>, other: Option<&Value>, pointer: &str) -> bool {
    let meant = |value: Option<&Value>| value.filter(|value| **value != Value::Bool(false)).cloned();
    let amount = |value: Option<&Value>| value.and_then(Value::as_str).and_then(Quantity::parse);
    let is_amount = pointer.ends_with("/resources/limits/memory");
    meant(one) == meant(other) || is_amount && amount(one).is_some() && amount(one) == amount(other)
}

/// Whether a template is that of a revision; one whose replica set is gone is nobody's.
async fn is_of(template: &Value, target: &ObjectRef, wanted: &Revision, look: &Look<'_>) -> Result<bool, Refusal> {
    match revision(target, wanted, look).await {
        Ok(set) => Ok(template_of(&set) == *template),
        Err(Refusal::Absent { .. }) => Ok(false),
        Err(other) => Err(other),
    }
}

/// The pod template as people mean it: without the label that the controller adds to a replica set's.
pub fn template_of(object: &Value) -> Value {
    let mut template = object.pointer("/spec/template").cloned().unwrap_or_default();
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.remove("pod-template-hash");
    }
    if let Some(metadata) = template.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("creationTimestamp");
    }
    template
}

async fn revision(target: &ObjectRef, revision: &Revision, look: &Look<'_>) -> Result<Value, Refusal> {
    let set = ObjectRef::new(Kind::ReplicaSet, target.namespace.as_deref(), &revision.replica_set);
    let object = look.target(&set).await?;
    if uid(&object) == revision.uid { Ok(object) } else { Err(Refusal::absent(&set)) }
}

/// Tests that make a patch fail where the object is another, or newer.
fn bound_to(uid: &str, resource_version: &str) -> Vec<Value> {
    vec![
        json!({"op": "test", "path": "/metadata/uid", "value": uid}),
        json!({"op": "test", "path": "/metadata/resourceVersion", "value": resource_version}),
    ]
}

/// The map that an annotation goes into, where the object has none yet.
fn place(object: &Value, field: &Field) -> Option<Value> {
    let (map, _) = field.pointer.rsplit_once('/').filter(|(map, _)| map.ends_with("/annotations"))?;
    let is_missing = field.after.is_some() && object.pointer(map).is_none();
    is_missing.then(|| json!({"op": "add", "path": map, "value": {}}))
}

/// One field from one value to another.
fn change(from: Option<&Value>, to: Option<&Value>, pointer: &str) -> Vec<Value> {
    let tested = from.map(|value| json!({"op": "test", "path": pointer, "value": value}));
    let changed = match (from, to) {
        (from, Some(to)) if from == Some(to) => None,
        (Some(_), Some(to)) => Some(json!({"op": "replace", "path": pointer, "value": to})),
        (None, Some(to)) => Some(json!({"op": "add", "path": pointer, "value": to})),
        (Some(_), None) => Some(json!({"op": "remove", "path": pointer})),
        (None, None) => None,
    };
    tested.into_iter().chain(changed).collect()
}

fn resized(uid: &str, resource_version: &str, from: u32, to: u32) -> Vec<Value> {
    let mut patch = bound_to(uid, resource_version);
    // A scale of zero leaves the number out, and `add` sets it either way.
    if from > 0 {
        patch.push(json!({"op": "test", "path": "/spec/replicas", "value": from}));
    }
    patch.push(json!({"op": "add", "path": "/spec/replicas", "value": to}));
    patch
}

fn patched(target: &ObjectRef, part: Option<Part>, patch: Vec<Value>) -> Write {
    Write { verb: WriteVerb::Patch, object: target.clone(), part, body: Value::Array(patch) }
}

fn ending(target: &ObjectRef, way: Ending, pod: &PodName) -> Write {
    // Of failed pods the target is their namespace.
    let namespace = target.namespace.as_deref().unwrap_or(&target.name);
    let object = ObjectRef::new(Kind::Pod, Some(namespace), &pod.name);
    let preconditions = Map::from_iter([("uid".to_owned(), Value::from(pod.uid.as_str()))]);
    match way {
        Ending::Delete => {
            let body = json!({"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions});
            Write { verb: WriteVerb::Delete, object, part: None, body }
        }
        Ending::Evict => {
            let body = json!({
                "apiVersion": "policy/v1",
                "kind": "Eviction",
                "metadata": {"name": pod.name, "namespace": namespace},
                "deleteOptions": {"preconditions": preconditions},
            });
            Write { verb: WriteVerb::Create, object, part: Some(Part::Eviction), body }
        }
    }
}
