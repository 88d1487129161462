//! Whether an object is of the form of its kind, and what it has that the kind does not.

use k8s_openapi::{
    api::{
        apps::v1::{ControllerRevision, DaemonSet, Deployment, ReplicaSet, StatefulSet},
        autoscaling::{v1::Scale, v2::HorizontalPodAutoscaler},
        batch::v1::{CronJob, Job},
        core::v1::{
            ConfigMap, Event, LimitRange, Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod, ResourceQuota, Secret,
            Service, ServiceAccount,
        },
        discovery::v1::EndpointSlice,
        events,
        networking::v1::{Ingress, NetworkPolicy},
        policy::v1::{Eviction, PodDisruptionBudget},
        storage::v1::StorageClass,
    },
    kube_aggregator::pkg::apis::apiregistration::v1::APIService,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::resource::Resource;

/// An object as the server reads it.
#[derive(Debug)]
pub struct Typed {
    /// Without what the kind does not have.
    pub object: Value,
    /// What was left out: `spec.replica`.
    pub unknown: Vec<String>,
}

/// Reads an object as its kind; the error says where it is not of its form.
pub fn typed(resource: &Resource, object: &Value) -> Result<Typed, String> {
    let read = match (resource.group, resource.kind) {
        ("", "Pod") => of::<Pod>,
        ("", "Event") => of::<Event>,
        ("events.k8s.io", "Event") => of::<events::v1::Event>,
        ("", "Service") => of::<Service>,
        ("", "ConfigMap") => of::<ConfigMap>,
        ("", "Secret") => of::<Secret>,
        ("", "ServiceAccount") => of::<ServiceAccount>,
        ("", "PersistentVolumeClaim") => of::<PersistentVolumeClaim>,
        ("", "PersistentVolume") => of::<PersistentVolume>,
        ("", "ResourceQuota") => of::<ResourceQuota>,
        ("", "LimitRange") => of::<LimitRange>,
        ("", "Node") => of::<Node>,
        ("", "Namespace") => of::<Namespace>,
        ("apps", "Deployment") => of::<Deployment>,
        ("apps", "ReplicaSet") => of::<ReplicaSet>,
        ("apps", "StatefulSet") => of::<StatefulSet>,
        ("apps", "DaemonSet") => of::<DaemonSet>,
        ("apps", "ControllerRevision") => of::<ControllerRevision>,
        ("batch", "Job") => of::<Job>,
        ("batch", "CronJob") => of::<CronJob>,
        ("autoscaling", "HorizontalPodAutoscaler") => of::<HorizontalPodAutoscaler>,
        ("policy", "PodDisruptionBudget") => of::<PodDisruptionBudget>,
        ("networking.k8s.io", "Ingress") => of::<Ingress>,
        ("networking.k8s.io", "NetworkPolicy") => of::<NetworkPolicy>,
        ("discovery.k8s.io", "EndpointSlice") => of::<EndpointSlice>,
        ("storage.k8s.io", "StorageClass") => of::<StorageClass>,
        ("apiregistration.k8s.io", "APIService") => of::<APIService>,
        _ => return Err(format!("no kind {} is known", resource.qualified_kind())),
    };
    read(object)
}

pub fn scale(object: &Value) -> Result<Typed, String> {
    of::<Scale>(object)
}

pub fn eviction(object: &Value) -> Result<Typed, String> {
    of::<Eviction>(object)
}

fn of<T: Serialize + DeserializeOwned>(object: &Value) -> Result<Typed, String> {
    let read: T = serde_json::from_value(object.clone()).map_err(|error| error.to_string())?;
    let read = serde_json::to_value(read).map_err(|error| error.to_string())?;
    let mut unknown = Vec::new();
    lost(object, &read, "", &mut unknown);
    Ok(Typed { object: read, unknown })
}

/// The paths of what `before` has and `after` has not.
fn lost(before: &Value, after: &Value, path: &str, all: &mut Vec<String>) {
    match (before, after) {
        (Value::Object(before), after) => {
            for (key, value) in before.iter().filter(|(_, value)| !is_nothing(value)) {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                match after.get(key) {
                    Some(after) => lost(value, after, &path, all),
                    None => all.push(path),
                }
            }
        }
        (Value::Array(before), Value::Array(after)) => {
            for (at, (before, after)) in before.iter().zip(after).enumerate() {
                lost(before, after, &format!("{path}[{at}]"), all);
            }
        }
        _ => {}
    }
}

/// Null, and empty lists and objects: reading an object may drop them.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
