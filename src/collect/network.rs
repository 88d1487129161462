//! Services and what stands behind them.

use std::collections::BTreeMap;

use k8s_openapi::api::{
    core::v1::{Pod, Service, ServicePort},
    discovery::v1::EndpointSlice,
};

use super::{Look, pod, probe, workload};
use crate::{
    cluster::Select,
    domain::{
        evidence::Source,
        fact::{Fact, Weight},
        object::{Kind, ObjectRef},
    },
};

/// Services of one namespace that are weighed.
const MOST_SERVICES: usize = 200;
/// Pods behind one service that are looked at.
const MOST_PODS: usize = 40;

/// A service with its facts and the pods behind it.
pub struct Behind {
    pub facts: Vec<Fact>,
    pub pods: Vec<Pod>,
}

pub fn reference(service: &Service) -> ObjectRef {
    workload::reference(Kind::Service, &service.metadata)
}

pub fn selector(service: &Service) -> BTreeMap<String, String> {
    service.spec.as_ref().and_then(|spec| spec.selector.clone()).unwrap_or_default()
}

pub async fn services(look: &Look<'_>, namespace: &str) -> Vec<Service> {
    look.reader.list::<Service>(Some(namespace), Select { limit: MOST_SERVICES, ..Select::default() }).await.items
}

/// The services whose selector takes pods with these labels.
pub fn taking<'a>(services: &'a [Service], labels: &BTreeMap<String, String>) -> Vec<&'a Service> {
    let takes = |service: &&Service| {
        let selector = selector(service);
        !selector.is_empty() && selector.iter().all(|(key, value)| labels.get(key) == Some(value))
    };
    services.iter().filter(takes).collect()
}

/// The service that an init container which does not end waits for, as far as its command names one of the namespace's.
pub fn awaited(pod: &Pod, services: &[Service]) -> Option<String> {
    let members = pod::containers(pod);
    let waiting =
        members.iter().find(|member| member.role == pod::Role::Init && (!member.is_well(pod) || member.is_running()))?;
    let words = waiting.spec.command.iter().flatten().chain(waiting.spec.args.iter().flatten());
    let command = words.cloned().collect::<Vec<_>>().join(" ");
    let is_named = |name: &&str| command.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').any(|word| word == *name);
    services.iter().filter_map(|service| service.metadata.name.as_deref()).find(is_named).map(str::to_owned)
}

/// Endpoints that are ready, and all.
async fn endpoints(look: &Look<'_>, namespace: &str, name: &str) -> Option<(usize, usize)> {
    let labels = format!("kubernetes.io/service-name={name}");
    let slices =
        look.reader.list::<EndpointSlice>(Some(namespace), Select { labels: &labels, limit: 50, ..Select::default() }).await;
    if slices.items.is_empty() && !slices.is_complete {
        return None;
    }
    let mut counted: BTreeMap<String, bool> = BTreeMap::new();
    for endpoint in slices.items.iter().flat_map(|slice| &slice.endpoints) {
        // One pod has an address per family: it is still one endpoint.
        let of_target = endpoint.target_ref.as_ref().and_then(|target| target.name.clone());
        let key = of_target.or_else(|| endpoint.addresses.first().cloned()).unwrap_or_default();
        let is_ready = endpoint.conditions.as_ref().and_then(|conditions| conditions.ready).unwrap_or(true);
        *counted.entry(key).or_insert(false) |= is_ready;
    }
    Some((counted.values().filter(|is_ready| **is_ready).count(), counted.len()))
}

/// Everything about one service. `known` = the pods of the workload that it was found by.
pub async fn behind(look: &Look<'_>, service: &Service, known: &[Pod]) -> Behind {
    let object = reference(service);
    let name = object.name.clone();
    let namespace = object.namespace.clone().unwrap_or_default();
    let spec = service.spec.clone().unwrap_or_default();
    let make = |weight: Weight, text: String| Fact::new(Source::Network, &object, weight, text).with("service", &name);
    if let Some(external) = spec.external_name.filter(|_| spec.type_.as_deref() == Some("ExternalName")) {
        return Behind {
            facts: vec![make(Weight::Context, format!("service {name} stands for {external}, outside the cluster"))],
            pods: Vec::new(),
        };
    }
    let selector = selector(service);
    let query = workload::of_labels(&selector);
    let counted = endpoints(look, &namespace, &name).await;
    let pods = if selector.is_empty() {
        Vec::new()
    } else if known.is_empty() {
        look.reader.list::<Pod>(Some(&namespace), Select { labels: &query, limit: MOST_PODS, ..Select::default() }).await.items
    } else {
        known.to_vec()
    };
    let mut facts = Vec::new();
    match counted {
        Some((0, 0)) if selector.is_empty() => {
            facts.push(make(
                Weight::Trouble,
                format!("service {name} endpoints=0: it has no selector, and no endpoints were made for it"),
            ));
        }
        Some((0, _)) if pods.is_empty() && !selector.is_empty() => facts.push(no_pods(look, &object, &selector, make).await),
        Some((0, all)) => {
            let all = all.max(pods.len());
            let fact = make(Weight::Trouble, format!("service {name} endpoints=0/{all} ready, selector {query}"));
            let none = if all == 1 { "The one pod".to_owned() } else { format!("None of the {all} pods") };
            let not = if all == 1 { "not " } else { "" };
            facts.push(fact.with("selector", &query).note(format!("{none} behind service/{name} is {not}ready.")));
        }
        Some((ready, all)) => {
            facts
                .push(make(Weight::Context, format!("service {name} endpoints {ready} of {all} ready")).with("selector", &query));
        }
        None => {}
    }
    // Where nothing is ready, no port is to blame.
    if counted.is_some_and(|(ready, _)| ready > 0) {
        facts.extend(ports(&pods, spec.ports.as_deref().unwrap_or_default(), &name, &make));
    }
    Behind { facts, pods }
}

/// The fact of a selector that fits no pod, with the labels of those that it was probably meant for.
async fn no_pods(
    look: &Look<'_>,
    service: &ObjectRef,
    selector: &BTreeMap<String, String>,
    make: impl Fn(Weight, String) -> Fact,
) -> Fact {
    let query = workload::of_labels(selector);
    let namespace = service.namespace.as_deref();
    let nearby = look.reader.list::<Pod>(namespace, Select { limit: MOST_PODS, ..Select::default() }).await.items;
    let nearest = nearby
        .iter()
        .filter_map(|pod| {
            let labels = pod.metadata.labels.as_ref()?;
            let shared: BTreeMap<String, String> =
                selector.keys().filter_map(|key| Some((key.clone(), labels.get(key)?.clone()))).collect();
            let likeness = shared.iter().map(|(key, value)| alike(value, &selector[key])).sum::<usize>()
                + shared.values().map(|value| alike(value, &service.name)).sum::<usize>();
            (shared.len() == selector.len()).then_some((likeness, shared, pod))
        })
        .max_by_key(|(likeness, ..)| *likeness);
    let text = format!("service {} selector {query} matches no pods", service.name);
    match nearest {
        Some((likeness, labels, pod)) if likeness > 0 => {
            let carried = workload::of_labels(&labels);
            let fact = make(Weight::Trouble, format!("{text}; pod {} carries {carried}", pod::reference(pod).name));
            fact.with("selector", &query).with("right_selector", &carried).note(format!(
                "The selector {query} of service/{} matches no pod; the pods of {} carry {carried}.",
                service.name,
                owner_name(pod)
            ))
        }
        Some(_) | None => make(Weight::Trouble, text)
            .with("selector", &query)
            .note(format!("No pod carries the labels {query} that service/{} selects.", service.name)),
    }
}

/// The workload that a pod's name speaks of.
fn owner_name(pod: &Pod) -> String {
    match workload::controller(pod.metadata.owner_references.as_ref()) {
        Some((Kind::ReplicaSet, name)) => {
            format!("deployment/{}", name.rsplit_once('-').map_or(name, |(name, _)| name))
        }
        Some((kind, name)) => format!("{}/{name}", kind.as_str()),
        None => pod::reference(pod).short(),
    }
}

/// Leading bytes that two names share; 0 when they are hardly alike.
pub fn alike(one: &str, other: &str) -> usize {
    let shared = one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    if shared >= 3 || one == other { shared } else { 0 }
}

/// Target ports that no container listens on, as far as the containers say on which they do.
fn ports(pods: &[Pod], ports: &[ServicePort], name: &str, make: &dyn Fn(Weight, String) -> Fact) -> Vec<Fact> {
    let Some(pod) = pods.first() else { return Vec::new() };
    let declared: Vec<(Option<String>, i32)> = pod
        .spec
        .iter()
        .flat_map(|spec| spec.containers.iter().chain(spec.init_containers.iter().flatten()))
        .flat_map(|container| container.ports.iter().flatten())
        .map(|port| (port.name.clone(), port.container_port))
        .collect();
    let shown = declared
        .iter()
        .map(|(name, number)| name.as_ref().map_or_else(|| number.to_string(), |name| format!("{name}={number}")))
        .collect::<Vec<_>>()
        .join(", ");
    let wrong: Vec<String> = ports
        .iter()
        .filter_map(|port| {
            let target = port.target_port.as_ref().map_or_else(|| port.port.to_string(), probe::port);
            let is_number = target.bytes().all(|byte| byte.is_ascii_digit());
            let fits = if is_number {
                declared.is_empty() || declared.iter().any(|(_, number)| number.to_string() == target)
            } else {
                declared.iter().any(|(name, _)| name.as_deref() == Some(&target))
            };
            (!fits).then_some(target)
        })
        .collect();
    // Containers need not declare their ports: a service of which some port fits is not accused for another.
    let has_name = wrong.iter().any(|target| !target.bytes().all(|byte| byte.is_ascii_digit()));
    if wrong.is_empty() || wrong.len() < ports.len() && !has_name {
        return Vec::new();
    }
    let shown = if shown.is_empty() { "no port".to_owned() } else { format!("ports {shown}") };
    wrong
        .iter()
        .map(|target| {
            let is_number = target.bytes().all(|byte| byte.is_ascii_digit());
            // A name that no container gives leaves the endpoints without a port; a number is dialled all the same, and refused.
            let text = if is_number {
                format!("service {name} targetPort {target} does not match any container port; the pods declare {shown}")
            } else {
                format!(
                    "service {name} endpoints have no port: targetPort {target} is the name of no container port; the pods declare {shown}"
                )
            };
            let fact = make(Weight::Trouble, text);
            let right =
                declared.first().map(|(name, number)| name.clone().unwrap_or_else(|| number.to_string())).unwrap_or_default();
            fact.with("target_port", target)
                .with("right_port", &right)
                .note(format!("service/{name} sends to targetPort {target}, but its pods declare {shown}."))
        })
        .collect()
}
