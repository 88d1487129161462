//! What containers use, where the metrics API is served.

use k8s_openapi::api::core::v1::Pod;
use serde::Deserialize;

use super::{
    pod,
    spec::{Side, quantity},
};
use crate::{
    cluster::Reader,
    domain::{
        evidence::Source,
        fact::{Fact, Weight},
        quantity::Quantity,
    },
};

/// Share of the cpu limit from which on a container is slowed down.
const THROTTLED: f64 = 0.95;

#[derive(Deserialize)]
struct PodMetrics {
    #[serde(default)]
    containers: Vec<ContainerMetrics>,
}

#[derive(Deserialize)]
struct ContainerMetrics {
    name: String,
    usage: Usage,
}

#[derive(Default, Deserialize)]
struct Usage {
    #[serde(default)]
    cpu: String,
    #[serde(default)]
    memory: String,
}

/// Usage of each container beside its limits (metrics.k8s.io/v1beta1). `is_about_speed` = the complaint is slowness.
pub async fn facts(reader: &Reader, pod: &Pod, is_about_speed: bool) -> Vec<Fact> {
    let object = pod::reference(pod);
    let found = reader.get_untyped(("metrics.k8s.io", "v1beta1", "pods"), object.namespace.as_deref(), &object.name).await;
    let Some(metrics) = found.seen().and_then(|value| serde_json::from_value::<PodMetrics>(value).ok()) else {
        return Vec::new();
    };
    let mut facts = Vec::new();
    for member in pod::containers(pod) {
        let Some(used) = metrics.containers.iter().find(|one| one.name == member.spec.name) else { continue };
        let mut parts = Vec::new();
        let mut is_throttled = false;
        for (resource, text) in [("memory", &used.usage.memory), ("cpu", &used.usage.cpu)] {
            let Some(amount) = Quantity::parse(text) else { continue };
            let limit = quantity(member.spec, Side::Limits, resource).and_then(Quantity::parse);
            let share = limit.and_then(|limit| amount.share_of(limit));
            let of = limit.map(|limit| format!(" of {}", limit.shown(resource))).unwrap_or_default();
            let percent = share.map(|share| format!(" ({:.0}%)", share * 100.0)).unwrap_or_default();
            parts.push(format!("{resource} {}{of}{percent}", amount.shown(resource)));
            is_throttled |= resource == "cpu" && share.is_some_and(|share| share >= THROTTLED);
        }
        let what = parts.join(", ");
        let (weight, text) = if is_throttled && is_about_speed {
            (Weight::Trouble, format!("container {} cpu throttled: uses {what}", member.spec.name))
        } else {
            (Weight::Context, format!("container {} uses {what}", member.spec.name))
        };
        let fact = Fact::new(Source::Usage, &object, weight, text).with("container", &member.spec.name);
        let memory = Quantity::parse(&used.usage.memory).map(|amount| amount.shown("memory")).unwrap_or_default();
        facts.push(fact.with("usage", &memory));
    }
    facts
}
