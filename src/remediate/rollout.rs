//! Whether a rollout is complete, as `kubectl rollout status` tells it
//! (k8s.io/kubectl/pkg/polymorphichelpers/rollout_status.go).

use serde_json::Value;

use super::value::{items, number, text};
use crate::domain::object::Kind;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rollout {
    Complete,
    /// What it still waits for.
    OnItsWay(String),
    /// It will not become complete by itself.
    Stalled(String),
}

/// The rollout of a workload as its status tells it.
pub fn of(kind: Kind, object: &Value) -> Rollout {
    let generation = number(object, "/metadata/generation").unwrap_or_default();
    if number(object, "/status/observedGeneration").unwrap_or_default() < generation {
        return Rollout::OnItsWay("its controller has not seen the change yet".to_owned());
    }
    match kind {
        Kind::Deployment => deployment(object),
        Kind::StatefulSet => stateful_set(object),
        Kind::DaemonSet => daemon_set(object),
        _ => Rollout::Complete,
    }
}

fn status(object: &Value, field: &str) -> i64 {
    number(object, &format!("/status/{field}")).unwrap_or_default()
}

fn deployment(object: &Value) -> Rollout {
    let conditions = items(object, "/status/conditions");
    let progressing = conditions.iter().find(|condition| text(condition, "/type") == "Progressing");
    if progressing.is_some_and(|condition| text(condition, "/reason") == "ProgressDeadlineExceeded") {
        return Rollout::Stalled("it exceeded its progress deadline".to_owned());
    }
    let wanted = number(object, "/spec/replicas").unwrap_or(1);
    let (all, updated, available) =
        (status(object, "replicas"), status(object, "updatedReplicas"), status(object, "availableReplicas"));
    if updated < wanted {
        return Rollout::OnItsWay(format!("{updated} of {wanted} replicas are of the new revision"));
    }
    if all > updated {
        return Rollout::OnItsWay(format!("{} replicas of old revisions are still there", all - updated));
    }
    if available < updated {
        return Rollout::OnItsWay(format!("{available} of {updated} replicas are available"));
    }
    Rollout::Complete
}

fn stateful_set(object: &Value) -> Rollout {
    let wanted = number(object, "/spec/replicas").unwrap_or(1);
    let ready = status(object, "readyReplicas");
    if ready < wanted {
        return Rollout::OnItsWay(format!("{ready} of {wanted} replicas are ready"));
    }
    let partition = number(object, "/spec/updateStrategy/rollingUpdate/partition").unwrap_or_default();
    if partition > 0 {
        let (updated, due) = (status(object, "updatedReplicas"), wanted - partition);
        if updated < due {
            return Rollout::OnItsWay(format!("{updated} of {due} replicas beyond the partition are of the new revision"));
        }
        return Rollout::Complete;
    }
    if text(object, "/status/updateRevision") != text(object, "/status/currentRevision") {
        return Rollout::OnItsWay(format!("{} replicas are of the new revision", status(object, "updatedReplicas")));
    }
    Rollout::Complete
}

fn daemon_set(object: &Value) -> Rollout {
    let wanted = status(object, "desiredNumberScheduled");
    let updated = status(object, "updatedNumberScheduled");
    if updated < wanted {
        return Rollout::OnItsWay(format!("{updated} of {wanted} pods are of the new revision"));
    }
    let available = status(object, "numberAvailable");
    if available < wanted {
        return Rollout::OnItsWay(format!("{available} of {wanted} pods are available"));
    }
    Rollout::Complete
}

#[cfg(test)]
mod tests {
    use super::{Rollout, of};
    use crate::domain::object::Kind;
    use serde_json::json;

    #[test]
    fn a_deployment_is_complete_when_all_replicas_are_new_and_available() {
        let with = |observed: i64, replicas: i64, updated: i64, available: i64| {
            json!({"metadata": {"generation": 2}, "spec": {"replicas": 3},
                   "status": {"observedGeneration": observed, "replicas": replicas, "updatedReplicas": updated, "availableReplicas": available}})
        };
        assert_eq!(of(Kind::Deployment, &with(2, 3, 3, 3)), Rollout::Complete);
        for going in [with(1, 3, 3, 3), with(2, 3, 2, 2), with(2, 4, 3, 3), with(2, 3, 3, 2)] {
            assert!(matches!(of(Kind::Deployment, &going), Rollout::OnItsWay(_)), "{going}");
        }
        let mut late = with(2, 4, 1, 3);
        late["status"]["conditions"] = json!([{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]);
        assert!(matches!(of(Kind::Deployment, &late), Rollout::Stalled(_)));
    }

    #[test]
    fn a_stateful_set_counts_from_its_partition() {
        let set = |partition: i64, updated: i64, current: &str| {
            json!({"metadata": {"generation": 1}, "spec": {"replicas": 3, "updateStrategy": {"rollingUpdate": {"partition": partition}}},
                   "status": {"observedGeneration": 1, "readyReplicas": 3, "updatedReplicas": updated, "updateRevision": "b", "currentRevision": current}})
        };
        assert_eq!(of(Kind::StatefulSet, &set(0, 3, "b")), Rollout::Complete);
        assert!(matches!(of(Kind::StatefulSet, &set(0, 1, "a")), Rollout::OnItsWay(_)));
        assert_eq!(of(Kind::StatefulSet, &set(2, 1, "a")), Rollout::Complete);
        assert!(matches!(of(Kind::StatefulSet, &set(2, 0, "a")), Rollout::OnItsWay(_)));
    }
}
