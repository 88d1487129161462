//! Names for states of a template.

use serde_json::{Value, json};

use crate::support::living::{
    resource::of_kind,
    value::{label, name, namespace, number, owner_reference, remove},
    world::World,
};

/// The same for the same template, whatever the order of its fields.
pub fn hash(template: &Value) -> String {
    let mut hash: u32 = 0x811c_9dc5;
    for byte in sorted(template).to_string().bytes() {
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    // Digits as letters that make no words.
    let letters = b"bcdfghjklm";
    hash.to_string().bytes().map(|digit| char::from(letters[usize::from(digit - b'0')])).collect()
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            Value::Object(fields.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect())
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

/// The template without the label that controllers add to it.
pub fn plain(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
        labels.shift_remove("pod-template-hash");
        labels.shift_remove("controller-revision-hash");
    }
    remove(&mut template["metadata"], "creationTimestamp");
    template
}

/// Keeps the template of a stateful set or daemon set as its newest revision. All of its revisions come back, the oldest
/// first; the last one is the template's.
pub fn record(world: &mut World, owner: &Value) -> Vec<Value> {
    let mut data = json!({ "spec": { "template": plain(&owner["spec"]["template"]) } });
    data["spec"]["template"]["$patch"] = "replace".into();
    let mut revisions = world.controlled("ControllerRevision", owner);
    let newest = revisions.iter().filter_map(|one| number(one, "/revision")).max().unwrap_or_default();
    match revisions.iter().find(|one| one["data"] == data).cloned() {
        Some(same) if number(&same, "/revision") == Some(newest) => {}
        Some(same) => {
            world.change("ControllerRevision", &same, |one| one["revision"] = (newest + 1).into());
        }
        None => {
            let hash = hash(&data);
            let mut labels = owner["spec"]["template"]["metadata"]["labels"].clone();
            labels["controller-revision-hash"] = hash.clone().into();
            let revision = json!({
                "metadata": {
                    "name": format!("{}-{hash}", name(owner)), "namespace": namespace(owner), "labels": labels,
                    "ownerReferences": [owner_reference(owner)],
                },
                "data": data, "revision": newest + 1,
            });
            world.insert(of_kind("ControllerRevision"), revision);
        }
    }
    revisions = world.controlled("ControllerRevision", owner);
    revisions.sort_by_key(|one| number(one, "/revision"));
    let limit = usize::try_from(number(owner, "/spec/revisionHistoryLimit").unwrap_or(10)).unwrap_or_default();
    let in_use: Vec<String> =
        world.controlled("Pod", owner).iter().map(|pod| label(pod, "controller-revision-hash").to_owned()).collect();
    while revisions.len() > limit + 1 && !in_use.iter().any(|hash| is_revision(&revisions[0], hash)) {
        let oldest = revisions.remove(0);
        world.delete(of_kind("ControllerRevision"), &oldest, 0);
    }
    revisions
}

/// Whether a pod's label names this revision: stateful sets write its name, daemon sets its hash.
pub fn is_revision(revision: &Value, of_pod: &str) -> bool {
    name(revision) == of_pod || label(revision, "controller-revision-hash") == of_pod
}
