//! The garbage collector: what its owners left behind goes.

use serde_json::Value;

use crate::support::living::{
    resource::Resource,
    value::{is_going, items, text, uid},
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
        let is_left =
            owners.iter().all(|owner| !world.has_uid(text(owner, "/uid")) || is_going_with_all(world, text(owner, "/uid")));
        if is_left && !is_going(&object) {
            let grace = if resource.kind == "Pod" && !text(&object, "/spec/nodeName").is_empty() { 30 } else { 0 };
            world.delete(resource, &object, grace);
        }
    }
    let waiting: Vec<(&'static Resource, Value)> = world
        .everything()
        .filter(|(_, object)| waits_for_dependents(object))
        .map(|(key, object)| (key.resource, object.clone()))
        .collect();
    for (resource, object) in waiting {
        let owns =
            |other: &Value| items(other, "/metadata/ownerReferences").iter().any(|owner| text(owner, "/uid") == uid(&object));
        let has_dependents = world.everything().any(|(_, other)| owns(other));
        if !has_dependents {
            world.change(resource.kind, &object, |object| {
                let finalizers = object["metadata"]["finalizers"].as_array_mut();
                finalizers.into_iter().for_each(|all| all.retain(|one| one != FOREGROUND));
            });
            world.delete(resource, &object, 0);
        }
    }
}

fn waits_for_dependents(object: &Value) -> bool {
    is_going(object) && items(object, "/metadata/finalizers").iter().any(|one| one == FOREGROUND)
}

fn is_going_with_all(world: &World, owner: &str) -> bool {
    world.everything().any(|(_, object)| uid(object) == owner && waits_for_dependents(object))
}
