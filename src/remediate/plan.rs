//! What an action would change, as it is shown, approved, carried out, verified and undone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::value;
use crate::domain::{action::Action, object::ObjectRef, ruling::Magnitude, verdict::RiskLevel};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub action: Action,
    pub bound_to: Identity,
    /// Labels of the target, which policies judge by.
    pub labels: BTreeMap<String, String>,
    pub magnitude: Magnitude,
    pub risk: RiskLevel,
    /// What makes the risk, each in a clause.
    pub risk_reasons: Vec<String>,
    pub effect: Effect,
    /// For a person: `- spec.replicas: 3` and `+ spec.replicas: 4`.
    pub diff: String,
    pub verification: Verification,
    /// How it is undone, in a sentence. What cannot be undone says so.
    pub rollback: String,
}

impl Plan {
    /// As it may be kept and shown: what it quotes of the cluster passes `clean`. Values that undo it stay as they are.
    pub fn cleaned(self, clean: impl Fn(&str) -> String) -> Self {
        Self {
            labels: self.labels.into_iter().map(|(key, value)| (key, clean(&value))).collect(),
            risk_reasons: self.risk_reasons.iter().map(|reason| clean(reason)).collect(),
            diff: clean(&self.diff),
            verification: Verification { what: clean(&self.verification.what), ..self.verification },
            rollback: clean(&self.rollback),
            ..self
        }
    }
}

/// The object that was looked at, in the state in which it was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub uid: String,
    pub resource_version: String,
    /// Hash over its wishes and names, not over its status.
    pub content_hash: String,
}

impl Identity {
    pub fn of(object: &Value) -> Self {
        Self {
            uid: value::uid(object).to_owned(),
            resource_version: value::text(object, "/metadata/resourceVersion").to_owned(),
            content_hash: value::content_hash(object),
        }
    }

    /// Whether it is the same object, and nobody changed what is wanted of it. Its status may be another.
    pub fn is_still(&self, now: &Self) -> bool {
        self.uid == now.uid && self.content_hash == now.content_hash
    }
}

/// What is changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "kebab-case")]
pub enum Effect {
    /// Fields of the target.
    Fields { fields: Vec<Field> },
    /// The size of the target, through its scale.
    Replicas { before: u32, after: u32 },
    /// The pod template of a deployment becomes that of another of its replica sets.
    Template { from: Revision, to: Revision },
    /// Pods end; their controllers make new ones.
    Pods { way: Ending, pods: Vec<PodName> },
    /// A copy of the job is made.
    Job { name: String },
}

/// One field of the target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// A JSON pointer.
    pub pointer: String,
    /// `None` = it is not there.
    pub before: Option<Value>,
    /// `None` = it is taken away.
    pub after: Option<Value>,
}

/// A replica set that holds a revision of its deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    pub number: u64,
    pub replica_set: String,
    pub uid: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Disruption budgets are kept.
    Evict,
    Delete,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodName {
    pub name: String,
    pub uid: String,
}

/// What shows that it worked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// In a sentence.
    pub what: String,
    pub within_seconds: u64,
    pub watch: Watch,
}

/// What is looked at until it shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "watch", rename_all = "kebab-case")]
pub enum Watch {
    /// The rollout of the target is complete.
    Rollout,
    /// The target has as many available replicas.
    Replicas { available: u32 },
    /// What controlled the pod has as many ready pods as this, none of them the one that went.
    Replacement { owner: ObjectRef, selector: String, ready: u32 },
    /// The fields are as they were made, and that is all.
    Fields,
    /// The pods are gone.
    Gone,
    /// The new job is complete.
    Job { name: String },
}
