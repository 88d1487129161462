//! The objects of the cluster, and the laws that hold for each change of one.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    Pace,
    resource::{Resource, of_kind},
    schema,
    value::{items, name, namespace, text, uid},
};

/// Letters that generated names are made of: none that makes words.
const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// Why the pods of a template, or one pod, do not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The process ends with exit code 1, again and again.
    Crashes,
    OutOfMemory,
    ImageIsMissing,
    /// Runs, and its readiness probe fails.
    NeverReady,
}

/// Tells of a pod template what is wrong with its pods; `None` = nothing.
pub type Judge = Arc<dyn Fn(&Value) -> Option<Trouble> + Send + Sync>;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub resource: &'static Resource,
    /// Empty for what is in none.
    pub namespace: String,
    pub name: String,
}

/// A right that the client does not have. Empty = any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    pub verb: String,
    /// With the sub-resource: `pods/eviction`.
    pub resource: String,
    pub namespace: String,
}

pub struct World {
    objects: BTreeMap<Key, Value>,
    /// Of the newest change.
    version: u64,
    /// Of the newest made-up name or uid.
    serial: u64,
    pub now: Timestamp,
    pub pace: Pace,
    /// Controllers, scheduler and kubelet do nothing.
    pub is_frozen: bool,
    /// Deadlines of rollouts that stand still have passed.
    pub is_patience_over: bool,
    pub judge: Judge,
    /// Of single pods, by uid.
    pub sick: HashMap<String, Trouble>,
    pub denied: Vec<Denied>,
    /// By namespace, pod and container; `true` = of the previous run.
    pub logs: HashMap<(String, String, String, bool), String>,
}

impl World {
    pub fn new(now: Timestamp) -> Self {
        Self {
            objects: BTreeMap::new(),
            version: 1000,
            serial: 0,
            now,
            pace: Pace::Immediate,
            is_frozen: false,
            is_patience_over: false,
            judge: Arc::new(|_| None),
            sick: HashMap::new(),
            denied: Vec::new(),
            logs: HashMap::new(),
        }
    }

    /// Of the newest change, as text.
    pub fn version(&self) -> String {
        self.version.to_string()
    }

    /// The time of the cluster as objects tell it, in seconds.
    pub fn time(&self) -> String {
        self.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// What the time was then, or will be.
    pub fn seconds_since(&self, time: &str) -> i64 {
        let Ok(then) = time.parse::<Timestamp>() else { return 0 };
        self.now.duration_since(then).as_secs()
    }

    pub fn pass(&mut self, time: SignedDuration) {
        self.now += time;
    }

    pub fn get(&self, resource: &'static Resource, namespace: &str, name: &str) -> Option<&Value> {
        self.objects.get(&Key { resource, namespace: namespace.to_owned(), name: name.to_owned() })
    }

    /// In the order of their namespaces and names.
    pub fn all(&self, kind: &str) -> Vec<Value> {
        self.of_resource(of_kind(kind)).cloned().collect()
    }

    pub fn of_resource(&self, resource: &'static Resource) -> impl Iterator<Item = &Value> {
        self.objects.iter().filter(move |(key, _)| key.resource == resource).map(|(_, object)| object)
    }

    pub fn everything(&self) -> impl Iterator<Item = (&Key, &Value)> {
        self.objects.iter()
    }

    /// Those of a kind that the owner controls.
    pub fn controlled(&self, kind: &str, owner: &Value) -> Vec<Value> {
        let all = self.of_resource(of_kind(kind)).filter(|object| namespace(object) == namespace(owner));
        all.filter(|object| super::value::is_controlled_by(object, owner)).cloned().collect()
    }

    pub fn has_uid(&self, wanted: &str) -> bool {
        self.objects.values().any(|object| uid(object) == wanted)
    }

    pub fn new_uid(&mut self) -> String {
        self.serial += 1;
        format!("5ca1ab1e-0000-4000-8000-{:012x}", self.serial)
    }

    /// The name with a suffix that was never used.
    pub fn new_name(&mut self, prefix: &str) -> String {
        self.serial += 1;
        let mut number = self.serial.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let letters = ALPHABET.len() as u64;
        let suffix = std::iter::repeat_with(|| {
            let letter = ALPHABET[usize::try_from(number % letters).unwrap_or_default()];
            number /= letters;
            char::from(letter)
        });
        let suffix: String = suffix.take(5).collect();
        format!("{prefix}{suffix}")
    }

    /// Puts a new object in, which gets its uid, its age and its version.
    pub fn insert(&mut self, resource: &'static Resource, object: Value) -> Value {
        let object = self.born(resource, object);
        self.store(resource, object)
    }

    /// The object as it would be put in.
    pub fn born(&mut self, resource: &'static Resource, mut object: Value) -> Value {
        object["apiVersion"] = resource.api_version().into();
        object["kind"] = resource.kind.into();
        let new_uid = self.new_uid();
        let time = self.time();
        let metadata = &mut object["metadata"];
        metadata["uid"] = new_uid.into();
        metadata["creationTimestamp"] = time.into();
        if has_generation(resource) {
            metadata["generation"] = 1.into();
        }
        object
    }

    /// Replaces the object, or puts it in, under a new version.
    pub fn store(&mut self, resource: &'static Resource, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version().into();
        // Also what controllers write has to be of the form of its kind.
        let read = schema::typed(resource, &object).unwrap_or_else(|error| panic!("{error} in {object:#}"));
        assert!(read.unknown.is_empty(), "{:?} in {object:#}", read.unknown);
        let key = Key { resource, namespace: namespace(&object).to_owned(), name: name(&object).to_owned() };
        self.objects.insert(key, object.clone());
        object
    }

    /// Changes an object the way controllers do; a change of the spec makes a new generation. Nothing happens where nothing
    /// is different, or where the object is gone.
    pub fn change(&mut self, kind: &str, of: &Value, change: impl FnOnce(&mut Value)) -> bool {
        let resource = of_kind(kind);
        let Some(old) = self.get(resource, namespace(of), name(of)).filter(|old| uid(old) == uid(of)).cloned() else {
            return false;
        };
        let mut new = old.clone();
        change(&mut new);
        if new == old {
            return false;
        }
        if has_generation(resource) && old["spec"] != new["spec"] {
            new["metadata"]["generation"] = next_generation(&old);
        }
        self.store(resource, new);
        true
    }

    /// Begins to delete an object: at once, or, where something holds it, when that is done.
    pub fn delete(&mut self, resource: &'static Resource, of: &Value, grace_seconds: i64) -> Option<Value> {
        let key = Key { resource, namespace: namespace(of).to_owned(), name: name(of).to_owned() };
        let mut object = self.objects.get(&key)?.clone();
        let is_held = grace_seconds > 0 || !items(&object, "/metadata/finalizers").is_empty();
        if !is_held {
            self.version += 1;
            let gone = self.objects.remove(&key)?;
            self.sick.remove(uid(&gone));
            return Some(gone);
        }
        if text(&object, "/metadata/deletionTimestamp").is_empty() {
            object["metadata"]["deletionTimestamp"] = self.time().into();
            object["metadata"]["deletionGracePeriodSeconds"] = grace_seconds.into();
            return Some(self.store(resource, object));
        }
        Some(object)
    }

    /// Reports something about an object, as a component of the cluster does.
    pub fn event(&mut self, about: &Value, kind: &'static str, reason: &str, message: &str, source: &str) {
        let time = self.time();
        let event_name = self.new_name(&format!("{}.", name(about)));
        let in_namespace = if namespace(about).is_empty() { "default" } else { namespace(about) };
        let event = json!({
            "metadata": {"name": event_name, "namespace": in_namespace},
            "involvedObject": {
                "apiVersion": about["apiVersion"], "kind": about["kind"], "namespace": about["metadata"]["namespace"],
                "name": name(about), "uid": uid(about), "resourceVersion": about["metadata"]["resourceVersion"],
            },
            "type": kind, "reason": reason, "message": message, "source": {"component": source}, "reportingComponent": source,
            "reportingInstance": "", "firstTimestamp": time, "lastTimestamp": time, "count": 1,
        });
        self.insert(of_kind("Event"), event);
    }
}

fn has_generation(resource: &Resource) -> bool {
    matches!(
        resource.kind,
        "Pod"
            | "Deployment"
            | "ReplicaSet"
            | "StatefulSet"
            | "DaemonSet"
            | "Job"
            | "CronJob"
            | "PodDisruptionBudget"
            | "Ingress"
            | "NetworkPolicy"
    )
}

/// A new spec is a new generation; of a deployment, new annotations are, too, when a client writes them.
pub fn raise_generation(resource: &Resource, old: &Value, new: &mut Value) {
    let is_annotated = resource.kind == "Deployment" && old["metadata"]["annotations"] != new["metadata"]["annotations"];
    if has_generation(resource) && (old["spec"] != new["spec"] || is_annotated) {
        new["metadata"]["generation"] = next_generation(old);
    }
}

fn next_generation(old: &Value) -> Value {
    (old["metadata"]["generation"].as_i64().unwrap_or_default() + 1).into()
}
