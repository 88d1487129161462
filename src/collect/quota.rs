//! Quotas and limit ranges of a namespace.

use k8s_openapi::api::core::v1::{LimitRange, ResourceQuota};

use super::workload::reference;
use crate::domain::{
    evidence::Source,
    fact::{Fact, Weight},
    object::Kind,
    quantity::Quantity,
};

/// Share of a quota from which on it is worth telling.
const NEARLY_USED: f64 = 0.9;

/// What of a quota is used up, or nearly. It is trouble only where something was refused for it: the refusal says so itself.
pub fn quota(quota: &ResourceQuota) -> Option<Fact> {
    let object = reference(Kind::ResourceQuota, &quota.metadata);
    let status = quota.status.as_ref()?;
    let used = status.used.as_ref()?;
    let full: Vec<String> = status
        .hard
        .iter()
        .flatten()
        .filter_map(|(resource, hard)| {
            let used = used.get(resource)?;
            let share = Quantity::parse(&used.0)?.share_of(Quantity::parse(&hard.0)?)?;
            (share >= NEARLY_USED).then(|| format!("{resource} {} of {}", used.0, hard.0))
        })
        .collect();
    if full.is_empty() {
        return None;
    }
    let full = full.join(", ");
    let fact = Fact::new(Source::Quota, &object, Weight::Context, format!("resourcequota {} used: {full}", object.name));
    Some(fact.with("quota", &object.name).with("quota_used", &full).note(format!("Quota {} is used up: {full}.", object.name)))
}

/// The bounds of a limit range, as one line.
pub fn limit_range(range: &LimitRange) -> Option<Fact> {
    let object = reference(Kind::LimitRange, &range.metadata);
    let mut parts = Vec::new();
    for item in &range.spec.as_ref()?.limits {
        for (title, map) in [("min", &item.min), ("max", &item.max), ("default", &item.default)] {
            for (resource, quantity) in map.iter().flatten() {
                parts.push(format!("{} {title} {resource} {}", item.type_, quantity.0));
            }
        }
    }
    parts.truncate(8);
    let bounds = parts.join(", ");
    (!bounds.is_empty()).then(|| {
        let fact = Fact::new(Source::Quota, &object, Weight::Context, format!("limitrange {}: {bounds}", object.name));
        fact.note(format!("LimitRange {} sets {bounds}.", object.name)).with("limitrange", &object.name)
    })
}
