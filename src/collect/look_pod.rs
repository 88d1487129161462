//! One pod, in depth: status, events, logs, node, claims, references, usage.

use k8s_openapi::api::core::v1::{Event, Node, Pod};
use tokio::join;

use super::{
    Look,
    events::{self, Happening},
    logs, node, pod, pod_events, references, spec, storage, usage,
};
use crate::{
    cluster::Select,
    domain::{
        fact::{Fact, Scope},
        object::ObjectRef,
    },
};

/// Events of one object that are read.
const MOST_EVENTS: usize = 100;
/// Nodes that are compared with what a pod demands.
const MOST_NODES: usize = 60;

/// The events of one object.
pub async fn happenings(look: &Look<'_>, object: &ObjectRef) -> Vec<Happening> {
    let fields = format!("involvedObject.name={}", object.name);
    let listed = look
        .reader
        .list::<Event>(object.namespace.as_deref(), Select { fields: &fields, limit: MOST_EVENTS, ..Select::default() })
        .await;
    events::folded(&listed.items).into_iter().filter(|happening| happening.object == *object).collect()
}

/// Adds everything about `pod` to `scope`.
pub async fn look_at(look: &Look<'_>, scope: &mut Scope, pod: &Pod) {
    let object = pod::reference(pod);
    let is_well = pod::is_ready(pod);
    let (happened, logs, node, claims) = join!(
        happenings(look, &object),
        async {
            if is_well && pod::unwellness(pod, look.now) == 0 { Vec::new() } else { logs::of_unwell(look.reader, pod).await }
        },
        node_facts(look, pod),
        async { if is_well { Vec::new() } else { storage::of_pod(look.reader, pod, look.now).await } },
    );
    scope.facts.extend(pod::facts(pod, look.now));
    let happened: Vec<&Happening> = events::of(&happened, &object);
    scope.facts.extend(pod_events::facts(pod, &happened, look.now));
    scope.facts.extend(node);
    scope.facts.extend(claims);
    scope.logs.extend(logs);
    let is_unscheduled = pod::condition(pod, "PodScheduled").is_some_and(|scheduled| scheduled.status == "False");
    let told: String =
        scope.facts.iter().filter(|fact| fact.is_trouble()).map(|fact| fact.text.as_str()).collect::<Vec<_>>().join("\n");
    let (missing, room, used) = join!(
        async { if is_well { Vec::new() } else { references::facts(look.reader, pod, &told).await } },
        async { if is_unscheduled { room(look, pod).await } else { None } },
        async {
            let is_running = pod::phase(pod) == "Running";
            if is_running { usage::facts(look.reader, pod, look.complaint.is_about_speed).await } else { Vec::new() }
        },
    );
    scope.facts.extend(missing);
    scope.facts.extend(room);
    scope.facts.extend(used);
    name(scope, pod);
}

async fn room(look: &Look<'_>, pod: &Pod) -> Option<Fact> {
    let nodes = look.reader.list::<Node>(None, Select { limit: MOST_NODES, ..Select::default() }).await;
    node::room(pod, &nodes.items, nodes.is_complete)
}

async fn node_facts(look: &Look<'_>, pod: &Pod) -> Vec<Fact> {
    let Some(name) = pod::node_name(pod) else { return Vec::new() };
    let node = look.reader.get::<Node>(None, name).await.seen();
    node.map(|node| node::facts(&node)).unwrap_or_default()
}

/// The names that commands need, from the pod that was looked at.
pub fn name(scope: &mut Scope, pod: &Pod) {
    let object = pod::reference(pod);
    let parameters = &mut scope.parameters;
    parameters.offer("namespace", object.namespace.as_deref().unwrap_or_default());
    parameters.offer("pod", &object.name);
    if let Some(node) = pod::node_name(pod) {
        parameters.offer("node", node);
    }
    let members = pod::containers(pod);
    let unwell = members.iter().find(|member| !member.is_well(pod) && member.waiting_reason() != Some("PodInitializing"));
    if let Some(member) = unwell.or_else(|| members.iter().find(|member| member.role == pod::Role::Main)) {
        for (name, value) in spec::container_parameters(member) {
            parameters.offer(name, &value);
        }
    }
}
