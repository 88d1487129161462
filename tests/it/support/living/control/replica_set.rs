//! As many pods as a replica set wants.

use serde_json::{Value, json};

use super::set_condition;
use crate::support::living::{
    resource::of_kind,
    value::{count, is_active, is_going, is_ready, name, namespace, number, owner_reference, remove, text},
    world::World,
    write,
};

pub fn run(world: &mut World) {
    for set in world.all("ReplicaSet") {
        if !is_going(&set) {
            sync(world, &set);
        }
    }
}

fn sync(world: &mut World, set: &Value) {
    let mut active: Vec<Value> = world.controlled("Pod", set).into_iter().filter(is_active).collect();
    let wanted = number(set, "/spec/replicas").unwrap_or(1);
    let mut refusal = None;
    for _ in count(&active)..wanted {
        if let Err(failure) = create_pod(world, set, &set["spec"]["template"], &Name::Generated) {
            refusal = Some(failure);
            break;
        }
    }
    // Those that help least go first: without a node, not ready, younger.
    active.sort_by_key(|pod| {
        let is_placed = !text(pod, "/spec/nodeName").is_empty();
        let age = world.seconds_since(text(pod, "/metadata/creationTimestamp"));
        (is_placed, is_ready(pod), age)
    });
    let surplus = usize::try_from(count(&active) - wanted).unwrap_or_default();
    for pod in active.iter().take(surplus) {
        let grace = number(pod, "/spec/terminationGracePeriodSeconds").unwrap_or(30);
        let grace = if text(pod, "/spec/nodeName").is_empty() { 0 } else { grace };
        world.delete(of_kind("Pod"), pod, grace);
        world.event(set, "Normal", "SuccessfulDelete", &format!("Deleted pod: {}", name(pod)), "replicaset-controller");
    }
    report(world, set, refusal.as_deref());
}

fn report(world: &mut World, set: &Value, refusal: Option<&str>) {
    let active: Vec<Value> = world.controlled("Pod", set).into_iter().filter(is_active).collect();
    let ready = count(&active.iter().filter(|pod| is_ready(pod)).collect::<Vec<_>>());
    let (time, total) = (world.time(), count(&active));
    let mut is_news = false;
    world.change("ReplicaSet", set, |set| {
        let conditions = remove(&mut set["status"], "conditions");
        let generation = set["metadata"]["generation"].clone();
        set["status"] = json!({ "replicas": total, "observedGeneration": generation });
        if total > 0 {
            set["status"]["fullyLabeledReplicas"] = total.into();
        }
        if ready > 0 {
            set["status"]["readyReplicas"] = ready.into();
            set["status"]["availableReplicas"] = ready.into();
        }
        if let Some(refusal) = refusal {
            is_news = conditions.is_none();
            match conditions {
                // The first refusal stays what is said, although the names of pods in it change.
                Some(conditions) => set["status"]["conditions"] = conditions,
                None => set_condition(set, &time, "ReplicaFailure", "True", "FailedCreate", refusal),
            }
        }
    });
    if let Some(refusal) = refusal.filter(|_| is_news) {
        world.event(set, "Warning", "FailedCreate", &format!("Error creating: {refusal}"), "replicaset-controller");
    }
}

/// How a controller names a pod.
pub enum Name {
    /// After its owner, with a suffix.
    Generated,
    Exact(String),
}

/// Makes a pod of the template, which the owner controls. The error is what the server says.
pub fn create_pod(world: &mut World, owner: &Value, template: &Value, pod_name: &Name) -> Result<Value, String> {
    let prefix = format!("{}-", name(owner));
    let mut metadata = json!({
        "namespace": namespace(owner), "ownerReferences": [owner_reference(owner)],
        "labels": template["metadata"]["labels"], "annotations": template["metadata"]["annotations"],
    });
    metadata["name"] = match pod_name {
        Name::Generated => {
            metadata["generateName"] = prefix.clone().into();
            world.new_name(&prefix).into()
        }
        Name::Exact(pod_name) => pod_name.clone().into(),
    };
    for field in ["labels", "annotations"] {
        if metadata[field].is_null() {
            remove(&mut metadata, field);
        }
    }
    let pod = json!({ "metadata": metadata, "spec": template["spec"] });
    let pod = write::make(world, of_kind("Pod"), pod).map_err(|failure| failure.message)?;
    let pod = world.store(of_kind("Pod"), pod);
    let component = format!("{}-controller", text(owner, "/kind").to_lowercase());
    world.event(owner, "Normal", "SuccessfulCreate", &format!("Created pod: {}", name(&pod)), &component);
    Ok(pod)
}
