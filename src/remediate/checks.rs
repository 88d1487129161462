//! What has to hold before anything is changed.

use serde_json::Value;

use super::{
    look::{Bounds, Look},
    refusal::Refusal,
    rollout::{self, Rollout},
    value::{annotation, items, labels, number, text},
};
use crate::domain::{
    action::{Action, ActionKind},
    object::{Kind, ObjectRef},
};

/// Whether the action can be done to such a target at all.
pub fn kind_fits(action: &Action) -> Result<(), Refusal> {
    let Action { target, change } = action;
    let kinds: &[Kind] = match change.kind() {
        ActionKind::EvictPod | ActionKind::DeletePod => &[Kind::Pod],
        ActionKind::DeleteFailedPods => &[Kind::Namespace],
        ActionKind::RolloutRestart | ActionKind::RaiseMemoryLimit => &[Kind::Deployment, Kind::StatefulSet, Kind::DaemonSet],
        ActionKind::RolloutUndo | ActionKind::Pause | ActionKind::Resume => &[Kind::Deployment],
        ActionKind::Scale => &[Kind::Deployment, Kind::StatefulSet],
        ActionKind::Cordon | ActionKind::Uncordon => &[Kind::Node],
        ActionKind::RerunJob => &[Kind::Job],
        ActionKind::Read | ActionKind::Change => &[],
    };
    if !kinds.contains(&target.kind) {
        let known: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
        let reason = format!("{} is for a {}, not for a {}", change.kind(), known.join(", a "), target.kind.as_str());
        return Err(Refusal::not_applicable(reason));
    }
    if target.kind.is_cluster_wide() == target.namespace.is_some() {
        let lacks = if target.namespace.is_some() { "belongs to no namespace" } else { "needs a namespace" };
        return Err(Refusal::not_applicable(format!("a {} {lacks}", target.kind.as_str())));
    }
    let names = [Some(target.name.as_str()), target.namespace.as_deref()];
    if names.into_iter().flatten().all(is_name) {
        Ok(())
    } else {
        Err(Refusal::not_applicable("the name is not one of Kubernetes"))
    }
}

/// A DNS subdomain name (RFC 1123), as names of objects are.
fn is_name(name: &str) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_part = |part: &str| {
        let bytes = part.as_bytes();
        let has_edges = bytes.first().is_some_and(is_plain) && bytes.last().is_some_and(is_plain);
        has_edges && bytes.iter().all(|byte| is_plain(byte) || *byte == b'-')
    };
    name.len() <= 253 && name.split('.').all(is_part)
}

pub fn namespace_is_open(target: &ObjectRef, bounds: &Bounds) -> Result<(), Refusal> {
    let namespace = if target.kind == Kind::Namespace { Some(&target.name) } else { target.namespace.as_ref() };
    let Some(namespace) = namespace else { return Ok(()) };
    if bounds.protected_namespaces.contains(namespace) || bounds.own_namespace.as_ref() == Some(namespace) {
        return Err(Refusal::Protected { namespace: namespace.clone() });
    }
    Ok(())
}

/// Who owns the manifest of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manager {
    ArgoCd,
    Flux,
    Helm,
}

const ARGO_CD: [&str; 2] = ["argocd.argoproj.io/instance", "argocd.argoproj.io/tracking-id"];
const FLUX: [&str; 2] = ["kustomize.toolkit.fluxcd.io/name", "helm.toolkit.fluxcd.io/name"];
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

impl Manager {
    pub fn of(object: &Value) -> Option<Self> {
        let labels = labels(object);
        let has = |names: &[&str]| names.iter().any(|name| labels.contains_key(*name) || annotation(object, name).is_some());
        if has(&ARGO_CD) {
            return Some(Self::ArgoCd);
        }
        if has(&FLUX) {
            return Some(Self::Flux);
        }
        (labels.get(MANAGED_BY).map(String::as_str) == Some("Helm")).then_some(Self::Helm)
    }

    /// Whether a label or an annotation says that a manager owns the object, or how it is to treat it.
    pub fn is_mark(key: &str, value: &str) -> bool {
        let domain = key.split_once('/').map_or("", |(domain, _)| domain);
        domain == "argocd.argoproj.io" || domain.ends_with(".toolkit.fluxcd.io") || (key, value) == (MANAGED_BY, "Helm")
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::ArgoCd => "Argo CD",
            Self::Flux => "Flux",
            Self::Helm => "Helm",
        }
    }

    /// True for those that set back at once what is changed in the cluster.
    fn reconciles(self) -> bool {
        matches!(self, Self::ArgoCd | Self::Flux)
    }
}

/// What of a managed object may be changed in the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touches {
    /// What its next deployment sets back or ignores: a restart, a pause, the number of replicas.
    State,
    /// What its next deployment is meant to say: the template.
    Manifest,
}

/// `patch` is the change that should be made at the source instead.
pub fn not_managed(target: &ObjectRef, object: &Value, touches: Touches, patch: &str) -> Result<(), Refusal> {
    let Some(manager) = Manager::of(object) else { return Ok(()) };
    if touches == Touches::State && !manager.reconciles() {
        return Ok(());
    }
    Err(Refusal::Managed { target: target.to_string(), manager: manager.as_str().to_owned(), patch: patch.to_owned() })
}

/// A patch as people write it.
pub fn as_yaml(patch: &Value) -> String {
    serde_saphyr::to_string(patch).unwrap_or_default()
}

pub fn not_paused(target: &ObjectRef, object: &Value) -> Result<(), Refusal> {
    if super::value::is_true(object, "/spec/paused") {
        return Err(Refusal::unsafe_because(format!("the rollout of {target} is paused: somebody holds it back")));
    }
    Ok(())
}

/// A new template replaces the pods by itself.
pub fn replaces_pods(target: &ObjectRef, object: &Value) -> Result<(), Refusal> {
    if text(object, "/spec/updateStrategy/type") == "OnDelete" {
        return Err(Refusal::not_applicable(format!("{target} replaces its pods only when somebody deletes them (OnDelete)")));
    }
    Ok(())
}

/// Old and new pods are there at the same time. Pods of one revision that do not become available are no rollout.
pub fn not_rolling(target: &ObjectRef, object: &Value) -> Result<(), Refusal> {
    let status = |field: &str| number(object, &format!("/status/{field}")).unwrap_or_default();
    let wanted = number(object, "/spec/replicas").unwrap_or(1);
    let is_unseen = status("observedGeneration") < number(object, "/metadata/generation").unwrap_or_default();
    let is_rolling = is_unseen
        || match target.kind {
            Kind::Deployment => status("updatedReplicas") < wanted || status("replicas") > status("updatedReplicas"),
            Kind::StatefulSet => text(object, "/status/updateRevision") != text(object, "/status/currentRevision"),
            Kind::DaemonSet => status("updatedNumberScheduled") < status("desiredNumberScheduled"),
            _ => false,
        };
    if is_rolling {
        return Err(Refusal::unsafe_because(format!("a rollout of {target} is under way already")));
    }
    Ok(())
}

/// A rollout that ran into its deadline would do so again with the same template.
pub fn not_stalled(target: &ObjectRef, object: &Value) -> Result<(), Refusal> {
    match rollout::of(target.kind, object) {
        Rollout::Stalled(why) => Err(Refusal::unsafe_because(format!(
            "the current template of {target} does not come up ({why}): the same again would not"
        ))),
        Rollout::Complete | Rollout::OnItsWay(_) => Ok(()),
    }
}

/// Disruption budgets that cover the labels have room for one pod.
pub async fn budgets_allow_one(look: &Look<'_>, namespace: &str, pod: &Value) -> Result<(), Refusal> {
    let labels = labels(pod);
    for budget in look.all(Kind::PodDisruptionBudget, Some(namespace), "", "").await? {
        let wanted = budget.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
        let all_match = wanted.into_iter().flatten().all(|(key, value)| labels.get(key).map(String::as_str) == value.as_str());
        let may_cover = all_match && budget.pointer("/spec/selector").is_some();
        if may_cover && number(&budget, "/status/disruptionsAllowed").unwrap_or_default() < 1 {
            let name = text(&budget, "/metadata/name");
            return Err(Refusal::unsafe_because(format!("the disruption budget {namespace}/{name} allows no disruption now")));
        }
    }
    Ok(())
}

/// How a deployment replaces pods.
pub fn is_rolling_update(object: &Value) -> bool {
    text(object, "/spec/strategy/type") != "Recreate"
}

/// Whether a rolling update begins with a new pod, or keeps at least one old one.
pub fn keeps_serving(object: &Value, replicas: i64) -> bool {
    let share = |pointer: &str, rounds_up: bool| match object.pointer(pointer) {
        Some(Value::Number(number)) => number.as_i64().unwrap_or_default(),
        Some(Value::String(percent)) => {
            let percent: i64 = percent.trim_end_matches('%').parse().unwrap_or_default();
            (percent * replicas + if rounds_up { 99 } else { 0 }) / 100
        }
        _ => (25 * replicas + if rounds_up { 99 } else { 0 }) / 100,
    };
    let surge = share("/spec/strategy/rollingUpdate/maxSurge", true);
    let unavailable = share("/spec/strategy/rollingUpdate/maxUnavailable", false);
    is_rolling_update(object) && (unavailable < replicas) && (surge > 0 || unavailable > 0)
}

/// Containers of the pod template.
pub fn containers(object: &Value) -> &[Value] {
    items(object, "/spec/template/spec/containers")
}

#[cfg(test)]
mod tests {
    use super::{is_name, keeps_serving};
    use serde_json::json;

    #[test]
    fn names_are_those_of_kubernetes() {
        for name in ["api", "api-7d9f8b6c5-xk4jn", "ip-10-0-0-1.ec2.internal", "0"] {
            assert!(is_name(name), "{name}");
        }
        for wrong in ["", "a..b", "a-.b", ".", "Api", "a/b", "-a", "a-", "a b", "../x", "a%2f", &"a".repeat(254)] {
            assert!(!is_name(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_rolling_update_keeps_serving_unless_it_may_stop_all_at_once() {
        let strategy = |surge: serde_json::Value, unavailable: serde_json::Value| json!({"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}}});
        assert!(keeps_serving(&strategy(json!("25%"), json!("25%")), 1));
        assert!(keeps_serving(&strategy(json!(0), json!(1)), 2));
        assert!(!keeps_serving(&strategy(json!(0), json!(1)), 1));
        assert!(!keeps_serving(&strategy(json!("25%"), json!("100%")), 3));
        assert!(!keeps_serving(&json!({"spec": {"strategy": {"type": "Recreate"}}}), 3));
    }
}
