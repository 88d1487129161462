//! The closed set of things that a fix command does, and the changes that Faultline can make itself.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::object::ObjectRef;

/// What a remedy does, as its rule file says. Only what stands here can ever be carried out by Faultline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActionKind {
    /// Looks, and changes nothing.
    Read,
    EvictPod,
    DeletePod,
    DeleteFailedPods,
    RolloutRestart,
    RolloutUndo,
    Scale,
    Pause,
    Resume,
    Cordon,
    Uncordon,
    RerunJob,
    RaiseMemoryLimit,
    /// Any other change: always left to a person.
    Change,
}

impl ActionKind {
    /// What can be carried out.
    pub const STEPS: [Self; 12] = [
        Self::EvictPod,
        Self::DeletePod,
        Self::DeleteFailedPods,
        Self::RolloutRestart,
        Self::RolloutUndo,
        Self::Scale,
        Self::Pause,
        Self::Resume,
        Self::Cordon,
        Self::Uncordon,
        Self::RerunJob,
        Self::RaiseMemoryLimit,
    ];

    pub fn is_read(self) -> bool {
        self == Self::Read
    }

    /// The name in rule files, policies and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::EvictPod => "evict-pod",
            Self::DeletePod => "delete-pod",
            Self::DeleteFailedPods => "delete-failed-pods",
            Self::RolloutRestart => "rollout-restart",
            Self::RolloutUndo => "rollout-undo",
            Self::Scale => "scale",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Cordon => "cordon",
            Self::Uncordon => "uncordon",
            Self::RerunJob => "rerun-job",
            Self::RaiseMemoryLimit => "raise-memory-limit",
            Self::Change => "change",
        }
    }
}

impl fmt::Display for ActionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One change that Faultline can make itself, to one object:
/// `{"action": "scale", "target": {"kind": "deployment", "namespace": "shop", "name": "api"}, "replicas": 4}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// The object that is named; of `delete-failed-pods` the namespace that they are in.
    pub target: ObjectRef,
    #[serde(flatten)]
    pub change: Change,
}

/// What is done to the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Change {
    EvictPod,
    DeletePod,
    DeleteFailedPods,
    RolloutRestart,
    RolloutUndo {
        /// `None` = the revision before the current one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to_revision: Option<u64>,
    },
    Scale {
        replicas: u32,
    },
    Pause,
    Resume,
    Cordon,
    Uncordon,
    RerunJob,
    RaiseMemoryLimit {
        container: String,
        /// A Kubernetes quantity: `512Mi`.
        limit: String,
    },
}

impl Change {
    pub fn kind(&self) -> ActionKind {
        match self {
            Self::EvictPod => ActionKind::EvictPod,
            Self::DeletePod => ActionKind::DeletePod,
            Self::DeleteFailedPods => ActionKind::DeleteFailedPods,
            Self::RolloutRestart => ActionKind::RolloutRestart,
            Self::RolloutUndo { .. } => ActionKind::RolloutUndo,
            Self::Scale { .. } => ActionKind::Scale,
            Self::Pause => ActionKind::Pause,
            Self::Resume => ActionKind::Resume,
            Self::Cordon => ActionKind::Cordon,
            Self::Uncordon => ActionKind::Uncordon,
            Self::RerunJob => ActionKind::RerunJob,
            Self::RaiseMemoryLimit { .. } => ActionKind::RaiseMemoryLimit,
        }
    }
}

/// Prints `scale deployment/shop/api to 4 replicas`.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.change.kind(), self.target)?;
        match &self.change {
            Change::RolloutUndo { to_revision: Some(revision) } => write!(f, " to revision {revision}"),
            Change::Scale { replicas } => write!(f, " to {replicas} replicas"),
            Change::RaiseMemoryLimit { container, limit } => write!(f, " of container {container} to {limit}"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, ActionKind, Change};
    use crate::domain::object::{Kind, ObjectRef};

    #[test]
    fn an_action_reads_what_it_wrote() {
        let target = ObjectRef::new(Kind::Deployment, Some("shop"), "api");
        let action = Action { target, change: Change::Scale { replicas: 4 } };
        let text = r#"{"target":{"kind":"deployment","namespace":"shop","name":"api"},"action":"scale","replicas":4}"#;
        assert_eq!(serde_json::to_string(&action).expect("it is plain"), text);
        assert_eq!(serde_json::from_str::<Action>(text).expect("it is an action"), action);
        assert_eq!(action.to_string(), "scale deployment/shop/api to 4 replicas");
    }

    #[test]
    fn steps_are_named_as_rule_files_name_them() {
        for kind in ActionKind::STEPS {
            assert_eq!(serde_json::to_value(kind).expect("a name"), kind.as_str());
        }
    }
}
