//! Actions as they print themselves: `scale deployment/shop/api to 4 replicas`.

use super::{NotAnAction, number, possible, refused};
use crate::domain::{
    action::{Action, ActionKind, Change},
    object::{Kind, ObjectRef},
};

/// The action that prints as `text`. `None` = the text does not begin with the name of an action.
pub fn written(text: &str) -> Option<Result<Action, NotAnAction>> {
    let mut words = text.split_ascii_whitespace();
    let name = words.next()?;
    let kind = ActionKind::STEPS.into_iter().find(|kind| kind.as_str() == name)?;
    Some(of_words(kind, &words.collect::<Vec<_>>()))
}

fn of_words(kind: ActionKind, words: &[&str]) -> Result<Action, NotAnAction> {
    let Some((target, details)) = words.split_first() else {
        return Err(refused("names no target, such as deployment/shop/api"));
    };
    let action = Action { target: object(target)?, change: change(kind, details)? };
    possible(&action)?;
    Ok(action)
}

/// `KIND/NAMESPACE/NAME`, or `KIND/NAME` of what is in no namespace.
fn object(text: &str) -> Result<ObjectRef, NotAnAction> {
    let parts: Vec<&str> = text.split('/').collect();
    let (kind, namespace, name) = match *parts.as_slice() {
        [kind, name] => (kind, None, name),
        [kind, namespace, name] => (kind, Some(namespace.to_owned()), name),
        _ => return Err(refused("its target is not of the form KIND/NAMESPACE/NAME")),
    };
    let kind = Kind::of(kind).ok_or_else(|| refused("names a kind that no action is done to"))?;
    Ok(ObjectRef { kind, namespace, name: name.to_owned() })
}

fn change(kind: ActionKind, details: &[&str]) -> Result<Change, NotAnAction> {
    let change = match (kind, details) {
        (ActionKind::EvictPod, []) => Change::EvictPod,
        (ActionKind::DeletePod, []) => Change::DeletePod,
        (ActionKind::DeleteFailedPods, []) => Change::DeleteFailedPods,
        (ActionKind::RolloutRestart, []) => Change::RolloutRestart,
        (ActionKind::RolloutUndo, []) => Change::RolloutUndo { to_revision: None },
        (ActionKind::RolloutUndo, ["to", "revision", revision]) => Change::RolloutUndo { to_revision: Some(number(revision)?) },
        (ActionKind::Scale, ["to", replicas, "replicas"]) => Change::Scale { replicas: number(replicas)? },
        (ActionKind::Scale, _) => return Err(refused("does not say how many replicas: `to 4 replicas`")),
        (ActionKind::Pause, []) => Change::Pause,
        (ActionKind::Resume, []) => Change::Resume,
        (ActionKind::Cordon, []) => Change::Cordon,
        (ActionKind::Uncordon, []) => Change::Uncordon,
        (ActionKind::RerunJob, []) => Change::RerunJob,
        (ActionKind::RaiseMemoryLimit, ["of", "container", container, "to", limit]) => {
            Change::RaiseMemoryLimit { container: (*container).to_owned(), limit: (*limit).to_owned() }
        }
        (ActionKind::RaiseMemoryLimit, _) => {
            return Err(refused("does not say which limit: `of container app to 512Mi`"));
        }
        (_, _) => return Err(refused("says more than the action and its target")),
    };
    Ok(change)
}
