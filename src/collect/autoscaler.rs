//! Autoscalers and disruption budgets.

use k8s_openapi::api::{autoscaling::v2::HorizontalPodAutoscaler, policy::v1::PodDisruptionBudget};

use super::workload::reference;
use crate::domain::{
    evidence::Source,
    fact::{Fact, Weight},
    object::{Kind, ObjectRef},
};

/// What an autoscaler scales.
pub fn target(hpa: &HorizontalPodAutoscaler) -> Option<ObjectRef> {
    let target = &hpa.spec.as_ref()?.scale_target_ref;
    Some(ObjectRef::new(Kind::of(&target.kind)?, hpa.metadata.namespace.as_deref(), &target.name))
}

/// Conditions of an autoscaler. Being at its lower bound is what a calm service does; being at its upper one means that it wants more.
pub fn facts(hpa: &HorizontalPodAutoscaler) -> Vec<Fact> {
    let object = reference(Kind::HorizontalPodAutoscaler, &hpa.metadata);
    let name = object.name.clone();
    let Some(spec) = &hpa.spec else { return Vec::new() };
    let status = hpa.status.clone().unwrap_or_default();
    let current = status.current_replicas.unwrap_or(0);
    let fact = |weight: Weight, text: String| {
        let fact = Fact::new(Source::Autoscaler, &object, weight, text);
        let fact =
            fact.with("hpa", &name).with("max_replicas", &spec.max_replicas.to_string()).with("replicas", &current.to_string());
        target(hpa).map_or(fact.clone(), |target| fact.clone().with("workload", &target.short()))
    };
    let mut facts = Vec::new();
    for condition in status.conditions.iter().flatten() {
        let reason = condition.reason.as_deref().unwrap_or_default();
        let is_bad = match (condition.type_.as_str(), condition.status.as_str()) {
            // Scaled to zero on purpose.
            ("ScalingActive", "False") => reason != "ScalingDisabled",
            ("AbleToScale", "False") => reason != "BackoffBoth",
            ("ScalingLimited", "True") => reason == "TooManyReplicas" && current >= spec.max_replicas,
            _ => false,
        };
        if is_bad {
            let message = condition.message.as_deref().unwrap_or_default();
            let text = format!("hpa {name} condition {}={} {reason}: {message}", condition.type_, condition.status);
            let since = condition.last_transition_time.as_ref().map(|time| time.0);
            facts.push(fact(Weight::Trouble, text).at(since));
        }
    }
    let least = spec.min_replicas.unwrap_or(1);
    facts.push(fact(Weight::Context, format!("hpa {name} {current} replicas, {least} to {} allowed", spec.max_replicas)));
    facts
}

/// A budget that lets no pod go. It matters only to those who want to evict one.
pub fn budget(pdb: &PodDisruptionBudget, is_asked_for: bool) -> Option<Fact> {
    let object = reference(Kind::PodDisruptionBudget, &pdb.metadata);
    let status = pdb.status.as_ref()?;
    if status.disruptions_allowed > 0 || status.expected_pods == 0 {
        return None;
    }
    let text = format!(
        "pdb {} allows no disruption: Cannot evict pod as it would violate the pod's disruption budget. It needs {} healthy pods and has {} currently",
        object.name, status.desired_healthy, status.current_healthy
    );
    let weight = if is_asked_for { Weight::Message } else { Weight::Context };
    Some(Fact::new(Source::Autoscaler, &object, weight, text).with("pdb", &object.name))
}
