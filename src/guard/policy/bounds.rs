//! How much a rule grants at most. What is not known is over every bound.

use serde::Deserialize;

use super::super::action::memory;
use crate::domain::{
    action::{Action, ActionKind, Change},
    quantity::Quantity,
    ruling::Magnitude,
};

/// As it is written in a file. Each `None` = no such bound.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// Of a `scale`: replicas afterwards.
    max_replicas: Option<u32>,
    min_replicas: Option<u32>,
    /// Of a `scale`: replicas afterwards over those before; a least factor of 1 grants growth alone.
    max_scale_factor: Option<f64>,
    min_scale_factor: Option<f64>,
    /// Of a `raise-memory-limit`: the new limit over the one before.
    max_memory_factor: Option<f64>,
    /// Of a `raise-memory-limit`: the new limit, as a quantity.
    max_memory: Option<String>,
    /// Pods that end or begin.
    max_pods: Option<u32>,
}

#[derive(Debug, Default)]
pub struct Bounds {
    written: Written,
    max_memory: Option<Quantity>,
}

/// Shown to the thousandth.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
struct Factor(f64);

impl std::fmt::Display for Factor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", (self.0 * 1000.0).round() / 1000.0)
    }
}

/// One bound that an action was held against.
pub struct Held {
    pub bound: &'static str,
    pub is_met: bool,
    /// `12 is more than 10`
    pub why: String,
}

impl Bounds {
    /// `actions` are those of the rule: a bound that none of them can reach is a mistake.
    pub fn parse(written: Written, actions: &[ActionKind]) -> Result<Self, String> {
        let uses = [
            ("max_replicas", written.max_replicas.is_some(), scales as fn(ActionKind) -> bool),
            ("min_replicas", written.min_replicas.is_some(), scales),
            ("max_scale_factor", written.max_scale_factor.is_some(), scales),
            ("min_scale_factor", written.min_scale_factor.is_some(), scales),
            ("max_memory_factor", written.max_memory_factor.is_some(), raises_memory),
            ("max_memory", written.max_memory.is_some(), raises_memory),
            ("max_pods", written.max_pods.is_some(), moves_pods),
        ];
        if uses.iter().all(|(_, is_set, _)| !is_set) {
            return Err("names no bound".to_owned());
        }
        if let Some((name, ..)) = uses.iter().find(|(_, is_set, reaches)| *is_set && !actions.iter().copied().any(*reaches)) {
            return Err(format!("{name} bounds none of the rule's actions"));
        }
        let factors = [
            ("max_scale_factor", written.max_scale_factor),
            ("min_scale_factor", written.min_scale_factor),
            ("max_memory_factor", written.max_memory_factor),
        ];
        if let Some((name, _)) =
            factors.iter().find(|(_, factor)| factor.is_some_and(|factor| !(factor.is_finite() && factor > 0.0)))
        {
            return Err(format!("{name} is not a number above 0"));
        }
        let max_memory = match &written.max_memory {
            Some(text) => Some(memory(text).ok_or("max_memory is no amount of memory, such as 2Gi")?),
            None => None,
        };
        Ok(Self { written, max_memory })
    }

    /// Every bound that `action` has to keep, and whether it does.
    pub fn hold(&self, action: &Action, magnitude: &Magnitude) -> Vec<Held> {
        let mut held = Vec::new();
        let written = &self.written;
        match &action.change {
            Change::Scale { replicas } => {
                // Two numbers for one thing: whoever computed them looked at another action.
                let after = magnitude.replicas_after.is_none_or(|after| after == *replicas).then_some(*replicas);
                held.push(at_most("max_replicas", after, written.max_replicas));
                held.push(at_least("min_replicas", after, written.min_replicas));
                let before = magnitude.replicas_before.filter(|before| *before > 0);
                let factor = before.zip(after).map(|(before, after)| Factor(f64::from(after) / f64::from(before)));
                held.push(at_most("max_scale_factor", factor, written.max_scale_factor.map(Factor)));
                held.push(at_least("min_scale_factor", factor, written.min_scale_factor.map(Factor)));
            }
            Change::RaiseMemoryLimit { limit, .. } => {
                let factor = magnitude.memory_factor.map(Factor);
                held.push(at_most("max_memory_factor", factor, written.max_memory_factor.map(Factor)));
                let shown = |quantity: Quantity| (quantity, quantity.shown("memory"));
                held.push(at_most_shown("max_memory", memory(limit).map(shown), self.max_memory.map(shown)));
            }
            Change::EvictPod
            | Change::DeletePod
            | Change::DeleteFailedPods
            | Change::RolloutRestart
            | Change::RolloutUndo { .. }
            | Change::Pause
            | Change::Resume
            | Change::Cordon
            | Change::Uncordon
            | Change::RerunJob => {}
        }
        if moves_pods(action.change.kind()) {
            held.push(at_most("max_pods", pods(action, magnitude), written.max_pods));
        }
        held.into_iter().flatten().collect()
    }
}

fn scales(kind: ActionKind) -> bool {
    kind == ActionKind::Scale
}

fn raises_memory(kind: ActionKind) -> bool {
    kind == ActionKind::RaiseMemoryLimit
}

/// True for what makes pods end or begin.
fn moves_pods(kind: ActionKind) -> bool {
    !matches!(kind, ActionKind::Pause | ActionKind::Cordon | ActionKind::Uncordon | ActionKind::Read | ActionKind::Change)
}

/// Pods that end or begin. `None` = nobody counted them.
fn pods(action: &Action, magnitude: &Magnitude) -> Option<u32> {
    magnitude.pods.or_else(|| match action.change {
        Change::EvictPod | Change::DeletePod => Some(1),
        Change::Scale { replicas } => magnitude.replicas_before.map(|before| before.abs_diff(replicas)),
        Change::DeleteFailedPods
        | Change::RolloutRestart
        | Change::RolloutUndo { .. }
        | Change::Pause
        | Change::Resume
        | Change::Cordon
        | Change::Uncordon
        | Change::RerunJob
        | Change::RaiseMemoryLimit { .. } => None,
    })
}

fn at_most<T: PartialOrd + ToString>(bound: &'static str, value: Option<T>, most: Option<T>) -> Option<Held> {
    let shown = |value: T| {
        let text = value.to_string();
        (value, text)
    };
    at_most_shown(bound, value.map(shown), most.map(shown))
}

fn at_most_shown<T: PartialOrd>(bound: &'static str, value: Option<(T, String)>, most: Option<(T, String)>) -> Option<Held> {
    let (most, most_shown) = most?;
    let Some((value, shown)) = value else { return Some(unknown(bound)) };
    let is_met = value <= most;
    let relation = if is_met { "is at most" } else { "is more than" };
    Some(Held { bound, is_met, why: format!("{shown} {relation} {most_shown}") })
}

fn at_least<T: PartialOrd + ToString>(bound: &'static str, value: Option<T>, least: Option<T>) -> Option<Held> {
    let least = least?;
    let Some(value) = value else { return Some(unknown(bound)) };
    let is_met = value >= least;
    let relation = if is_met { "is at least" } else { "is less than" };
    Some(Held { bound, is_met, why: format!("{} {relation} {}", value.to_string(), least.to_string()) })
}

fn unknown(bound: &'static str) -> Held {
    Held { bound, is_met: false, why: "cannot be told, because it is not known how much would change".to_owned() }
}
