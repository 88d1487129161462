//! The garbage collector: what its owners left behind goes.

use serde_json::Value;

use crate::support::living::{
    resource::{Resource, find_kind},
    value::{is_going, items, keep_items, text, uid},
    world::World,
};

const FOREGROUND: &str = "foregroundDeletion";

pub fn run(world: &mut World) {
    let owned: Vec<(&'static Resource, Value)> = world
        .everything()
        .filter(|(_, object)| !items(object, "/metadata/ownerReferences").is_empty())
        .map(|(key, object)| (key.resource, object.clone()))
        .collect();
    for (resource, object) in owned {
        let owners = items(&object, "/metadata/ownerReferences");
        let is_waited_for = owners.iter().any(|owner| is_waiting(world, text(owner, "/uid")));
        // Of a kind that is not served, nobody can say that it is gone.
        let is_gone = |owner: &Value| find_kind(text(owner, "/kind")).is_some() && !world.has_uid(text(owner, "/uid"));
        let is_left = owners.iter().all(|owner| is_gone(owner) || is_waiting(world, text(owner, "/uid")));
        if !is_left || is_going(&object) {
            continue;
        }
        // An owner that goes last makes its dependents go after theirs, too.
        if is_waited_for && has_dependents(world, &object) {
            hold_for_dependents(world, resource, &object);
        }
        let grace = if resource.kind == "Pod" && !text(&object, "/spec/nodeName").is_empty() { 30 } else { 0 };
        world.delete(resource, &object, grace);
    }
    let waiting: Vec<(&'static Resource, Value)> = world
        .everything()
        .filter(|(_, object)| waits_for_dependents(object))
        .map(|(key, object)| (key.resource, object.clone()))
        .collect();
    for (resource, object) in waiting {
        if !has_dependents(world, &object) {
            world.change(resource.kind, &object, |object| keep_items(object, "/metadata/finalizers", |one| one != FOREGROUND));
            world.delete(resource, &object, 0);
        }
    }
}

fn waits_for_dependents(object: &Value) -> bool {
    is_going(object) && items(object, "/metadata/finalizers").iter().any(|one| one == FOREGROUND)
}

fn is_waiting(world: &World, owner: &str) -> bool {
    world.everything().any(|(_, object)| uid(object) == owner && waits_for_dependents(object))
}

fn has_dependents(world: &World, object: &Value) -> bool {
    let owns = |other: &Value| items(other, "/metadata/ownerReferences").iter().any(|owner| text(owner, "/uid") == uid(object));
    world.everything().any(|(_, other)| owns(other))
}

/// Lets the object stay until its dependents are gone, once it is deleted.
pub fn hold_for_dependents(world: &mut World, resource: &Resource, object: &Value) {
    world.change(resource.kind, object, |object| {
        let mut finalizers = items(object, "/metadata/finalizers").to_vec();
        if !finalizers.iter().any(|one| one == FOREGROUND) {
            finalizers.push(FOREGROUND.into());
        }
        object["metadata"]["finalizers"] = finalizers.into();
    });
}
