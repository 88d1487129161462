//! Claims of a sweep: which of them wait in vain.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::{core::v1::PersistentVolumeClaim, storage::v1::StorageClass};

use super::super::{
    storage::DEFAULT_CLASS,
    time::{ago, seconds_between},
    workload::reference,
};
use crate::domain::{
    evidence::Source,
    fact::{Fact, Weight},
    object::{Kind, ObjectRef},
};

/// Making a volume takes a moment.
const PENDING_SECONDS: i64 = 120;
/// A claim is kept from going away while a pod uses it, which may be on its way out as well.
const TERMINATING_SECONDS: i64 = 300;

/// Storage classes by name: whether each waits for the first consumer.
#[derive(Debug, Default)]
pub struct Classes {
    waits: BTreeMap<String, bool>,
    has_default: bool,
}

impl Classes {
    pub fn add(&mut self, class: &StorageClass) {
        let annotations = class.metadata.annotations.as_ref();
        self.has_default |= annotations.is_some_and(|all| all.get(DEFAULT_CLASS).is_some_and(|value| value == "true"));
        let waits = class.volume_binding_mode.as_deref() == Some("WaitForFirstConsumer");
        self.waits.insert(class.metadata.name.clone().unwrap_or_default(), waits);
    }
}

/// A claim that is not simply bound.
#[derive(Debug)]
pub struct Claim {
    object: ObjectRef,
    state: State,
    class: Option<String>,
    size: Option<String>,
    since: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Pending,
    Lost,
    Terminating,
}

/// `None` = nothing is wrong with it, or not yet.
pub fn reduced(claim: &PersistentVolumeClaim, now: Timestamp) -> Option<Claim> {
    let phase = claim.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Pending");
    let deleted = claim.metadata.deletion_timestamp.as_ref().map(|time| time.0);
    let created = claim.metadata.creation_timestamp.as_ref().map(|time| time.0);
    let is_past = |time: Option<Timestamp>, seconds: i64| time.is_none_or(|time| seconds_between(time, now) > seconds);
    let (state, since) = match phase {
        _ if deleted.is_some() => (is_past(deleted, TERMINATING_SECONDS).then_some(State::Terminating)?, deleted),
        "Lost" => (State::Lost, None),
        "Pending" => (is_past(created, PENDING_SECONDS).then_some(State::Pending)?, created),
        _ => return None,
    };
    let spec = claim.spec.as_ref();
    let size = spec.and_then(|spec| Some(spec.resources.as_ref()?.requests.as_ref()?.get("storage")?.0.clone()));
    let class = spec.and_then(|spec| spec.storage_class_name.clone()).filter(|class| !class.is_empty());
    Some(Claim { object: reference(Kind::PersistentVolumeClaim, &claim.metadata), state, class, size, since })
}

impl Claim {
    /// What is wrong, as far as the classes tell. `None` for `classes` = they could not be read, which accuses nobody.
    pub fn fact(&self, classes: Option<&Classes>, now: Timestamp) -> Option<Fact> {
        let name = &self.object.name;
        let since = self.since.map(|since| format!(" for {}", ago(since, now))).unwrap_or_default();
        let (text, note) = match self.state {
            State::Lost => (format!("pvc {name} phase Lost: its volume is gone"), None),
            State::Terminating => (format!("pvc {name} terminating{since}"), None),
            State::Pending => {
                let (why, note) = self.pending(classes?)?;
                (format!("pvc {name} phase Pending{since}: {why}"), note)
            }
        };
        let mut fact = Fact::new(Source::Storage, &self.object, Weight::Trouble, text).at(self.since).with("claim", name);
        for (key, value) in [("storage_class", &self.class), ("size", &self.size)] {
            if let Some(value) = value {
                fact = fact.with(key, value);
            }
        }
        fact.note = note;
        Some(fact)
    }

    fn pending(&self, classes: &Classes) -> Option<(String, Option<String>)> {
        let Some(class) = &self.class else {
            // With a default class, it is that class that decides; which one it was is not written down.
            let note = "The claim names no StorageClass, and the cluster has no default one.".to_owned();
            return (!classes.has_default)
                .then(|| ("it names no storageclass and there is no default one".to_owned(), Some(note)));
        };
        match classes.waits.get(class) {
            Some(true) => None,
            Some(false) => Some((format!("storageclass {class} has made no volume"), None)),
            None => {
                let note = format!("The claim asks for StorageClass {class}, which does not exist in this cluster.");
                Some((format!("storageclass \"{class}\" not found"), Some(note)))
            }
        }
    }
}
