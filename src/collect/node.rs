//! Nodes: whether they are well, and what room they have for a pod.

use k8s_openapi::api::core::v1::{Node, Pod};

use super::workload::reference;
use crate::domain::{
    evidence::Source,
    fact::{Fact, Weight},
    object::{Kind, ObjectRef},
    quantity::Quantity,
};

pub fn is_ready(node: &Node) -> bool {
    condition(node, "Ready").is_some_and(|(status, ..)| status == "True")
}

fn condition<'a>(node: &'a Node, kind: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let conditions = node.status.as_ref()?.conditions.as_ref()?;
    let found = conditions.iter().find(|condition| condition.type_ == kind)?;
    Some((&found.status, found.reason.as_deref().unwrap_or_default(), found.message.as_deref().unwrap_or_default()))
}

/// Conditions, taints and cordon of a node. Conditions that others invented are left alone: only their makers know which value is bad.
pub fn facts(node: &Node) -> Vec<Fact> {
    let object = reference(Kind::Node, &node.metadata);
    let name = object.name.clone();
    let mut facts = Vec::new();
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    for condition in conditions {
        let is_bad = match condition.type_.as_str() {
            "Ready" => condition.status != "True",
            "MemoryPressure" | "DiskPressure" | "PIDPressure" | "NetworkUnavailable" => condition.status == "True",
            _ => false,
        };
        if is_bad {
            let reason = condition.reason.as_deref().unwrap_or_default();
            let message = condition.message.as_deref().unwrap_or_default();
            let text = format!("node {name} condition {}={} {reason}: {message}", condition.type_, condition.status);
            let since = condition.last_transition_time.as_ref().map(|time| time.0);
            facts.push(Fact::new(Source::Node, &object, Weight::Trouble, text).at(since).with("node", &name));
        }
    }
    let spec = node.spec.as_ref();
    if spec.and_then(|spec| spec.unschedulable) == Some(true) {
        let fact = Fact::new(Source::Node, &object, Weight::Context, format!("node {name} cordoned: it takes no new pods"));
        facts.push(fact.note(format!("Node {name} is cordoned, so it takes no new pods.")));
    }
    let taints: Vec<String> = spec
        .iter()
        .flat_map(|spec| spec.taints.iter().flatten())
        .map(|taint| format!("{}:{}", taint.key, taint.effect))
        .collect();
    if !taints.is_empty() {
        facts.push(Fact::new(Source::Node, &object, Weight::Context, format!("node {name} taints {}", taints.join(","))));
    }
    facts
}

/// Why no node takes `pod`, as far as requests, selectors, taints and cordons tell. Sentences for the explanation.
pub fn room(pod: &Pod, nodes: &[Node], is_all: bool) -> Option<Fact> {
    let spec = pod.spec.as_ref()?;
    let message =
        super::pod::condition(pod, "PodScheduled").and_then(|condition| condition.message.as_deref()).unwrap_or_default();
    // A claim is what it waits for, not a node.
    if nodes.is_empty() || message.to_ascii_lowercase().contains("persistentvolumeclaim") {
        return None;
    }
    let mut told = Vec::new();
    let mut fitting = Vec::new();
    let of = if is_all { format!("the {} nodes", nodes.len()) } else { format!("the first {} nodes", nodes.len()) };
    let demands = super::spec::scheduling_demands(pod);
    let demand = |name: &str| demands.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str());
    if let Some(requests) = demand("requests").filter(|_| message.contains("Insufficient")) {
        told.push(format!("The pod requests {requests}."));
    }
    if let Some(selector) = demand("node_selector") {
        told.push(format!("Its node selector asks for {selector}."));
    }
    for spread in spec.topology_spread_constraints.iter().flatten().filter(|spread| spread.when_unsatisfiable == "DoNotSchedule")
    {
        told.push(format!("It must spread over {} with a skew of at most {}.", spread.topology_key, spread.max_skew));
    }
    for resource in ["cpu", "memory", "ephemeral-storage", "nvidia.com/gpu"] {
        let asked: Quantity = spec
            .containers
            .iter()
            .filter_map(|container| container.resources.as_ref()?.requests.as_ref()?.get(resource))
            .filter_map(|quantity| Quantity::parse(&quantity.0))
            .sum();
        let most = nodes.iter().filter_map(|node| allocatable(node, resource)).max();
        if let Some(most) = most.filter(|_| asked > Quantity::ZERO) {
            fitting.push(format!("{resource}={}", asked.min(most).shown(resource)));
        }
        if asked > Quantity::ZERO && most.is_none_or(|most| asked > most) {
            let most = most.map_or_else(|| "none of it".to_owned(), |most| most.shown(resource));
            told.push(format!("The pod requests {resource} {}, and the largest of {of} offers {most}.", asked.shown(resource)));
        }
    }
    for (key, value) in spec.node_selector.iter().flatten() {
        if !nodes.iter().any(|node| node.metadata.labels.as_ref().is_some_and(|labels| labels.get(key) == Some(value))) {
            told.push(format!("None of {of} has the label {key}={value} that the node selector asks for."));
        }
    }
    for expression in required_affinity(pod) {
        told.push(format!("The node affinity requires {expression}."));
    }
    let taken = |what: &str, is: &dyn Fn(&Node) -> bool| {
        let count = nodes.iter().filter(|node| is(node)).count();
        (count > 0).then(|| format!("{count} of {of} {} {what}.", if count == 1 { "is" } else { "are" }))
    };
    told.extend(taken("not ready", &|node| !is_ready(node)));
    told.extend(taken("cordoned", &|node| node.spec.as_ref().and_then(|spec| spec.unschedulable) == Some(true)));
    let mut taints: Vec<String> = nodes
        .iter()
        .flat_map(|node| node.spec.iter().flat_map(|spec| spec.taints.iter().flatten()))
        .filter(|taint| taint.effect != "PreferNoSchedule" && !taint.key.starts_with("node.kubernetes.io/"))
        .map(|taint| format!("{}={}:{}", taint.key, taint.value.as_deref().unwrap_or_default(), taint.effect))
        .collect();
    taints.sort();
    taints.dedup();
    taints.truncate(4);
    if !taints.is_empty() {
        told.push(format!("Nodes carry the taints {}.", taints.join(", ")));
    }
    let object = super::pod::reference(pod);
    let note = told.join(" ");
    (!told.is_empty()).then(|| {
        let fact = Fact::new(Source::Node, &object, Weight::Context, note.clone()).note(note);
        fact.with("fitting_requests", &fitting.join(","))
    })
}

fn allocatable(node: &Node, resource: &str) -> Option<Quantity> {
    Quantity::parse(&node.status.as_ref()?.allocatable.as_ref()?.get(resource)?.0)
}

fn required_affinity(pod: &Pod) -> Vec<String> {
    let required = pod.spec.as_ref().and_then(|spec| {
        spec.affinity.as_ref()?.node_affinity.as_ref()?.required_during_scheduling_ignored_during_execution.as_ref()
    });
    let terms = required.iter().flat_map(|required| &required.node_selector_terms);
    terms
        .flat_map(|term| term.match_expressions.iter().flatten())
        .map(|one| {
            format!("{} {} {}", one.key, one.operator, one.values.clone().unwrap_or_default().join(",")).trim_end().to_owned()
        })
        .take(4)
        .collect()
}

/// What the pods on a node request, against what it offers. `is_all` = every pod of the node is among `pods`.
pub fn requested(node: &Node, pods: &[Pod], is_all: bool) -> Option<Fact> {
    let object: ObjectRef = reference(Kind::Node, &node.metadata);
    let running = pods.iter().filter(|pod| !matches!(super::pod::phase(pod), "Succeeded" | "Failed"));
    let specs: Vec<_> = running.filter_map(|pod| pod.spec.as_ref()).collect();
    let mut parts = Vec::new();
    for resource in ["cpu", "memory"] {
        let asked: Quantity = specs
            .iter()
            .flat_map(|spec| &spec.containers)
            .filter_map(|container| Quantity::parse(&container.resources.as_ref()?.requests.as_ref()?.get(resource)?.0))
            .sum();
        let offered = allocatable(node, resource)?;
        parts.push(format!("{resource} {} of {}", asked.shown(resource), offered.shown(resource)));
    }
    let at_least = if is_all { "" } else { "at least " };
    let text = format!("node {} requested by {} pods: {at_least}{}", object.name, specs.len(), parts.join(", "));
    Some(Fact::new(Source::Node, &object, Weight::Context, text))
}
