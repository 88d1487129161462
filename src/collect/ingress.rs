//! Ingresses: their backends, class and TLS secret; and network policies.

use futures_util::future::join_all;
use k8s_openapi::api::{
    core::v1::Service,
    networking::v1::{Ingress, IngressBackend, IngressClass, IngressServiceBackend, NetworkPolicy},
};

use super::{Look, network, probe, workload};
use crate::{
    cluster::{Found, Select},
    domain::{
        evidence::Source,
        fact::{Fact, Weight},
        object::Kind,
    },
};

/// Backends of one ingress that are looked at.
const MOST_BACKENDS: usize = 4;

/// Facts of an ingress, and the services behind it.
pub async fn facts(look: &Look<'_>, ingress: &Ingress) -> (Vec<Fact>, Vec<Service>) {
    let object = workload::reference(Kind::Ingress, &ingress.metadata);
    let name = object.name.clone();
    let namespace = object.namespace.clone().unwrap_or_default();
    let spec = ingress.spec.clone().unwrap_or_default();
    let make = |weight: Weight, text: String| Fact::new(Source::Network, &object, weight, text).with("ingress", &name);
    let mut facts = Vec::new();
    let mut services = Vec::new();

    let backends: Vec<IngressServiceBackend> = spec
        .rules
        .iter()
        .flatten()
        .flat_map(|rule| rule.http.iter().flat_map(|http| &http.paths))
        .map(|path| &path.backend)
        .chain(&spec.default_backend)
        .filter_map(|backend: &IngressBackend| backend.service.clone())
        .collect();
    let mut names: Vec<&str> = backends.iter().map(|backend| backend.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names.truncate(MOST_BACKENDS);
    let found = join_all(names.iter().map(|name| look.reader.get::<Service>(Some(&namespace), name))).await;
    for (backend, found) in names.iter().zip(found) {
        match found {
            Found::Absent => {
                let fact =
                    make(Weight::Trouble, format!("ingress {name} backend service {backend} not found")).with("service", backend);
                facts.push(
                    fact.note(format!(
                        "ingress/{name} sends to service {backend}, which does not exist in namespace {namespace}."
                    )),
                );
            }
            Found::Seen(service) => {
                facts.extend(
                    backends.iter().filter(|one| one.name == *backend).filter_map(|one| wrong_port(&service, one, &name, &make)),
                );
                services.push(service);
            }
            Found::Unknown => {}
        }
    }
    let class = spec.ingress_class_name.clone();
    if let Some(class) = class.filter(|class| !class.is_empty())
        && look.reader.get::<IngressClass>(None, &class).await == Found::Absent
    {
        let fact = make(Weight::Trouble, format!("ingress {name} class {class} not found: no controller takes it"));
        facts.push(fact.with("class", &class).note(format!("ingress/{name} asks for class {class}, which does not exist.")));
    }
    for secret in spec.tls.iter().flatten().filter_map(|tls| tls.secret_name.as_deref()) {
        facts.push(
            make(Weight::Context, format!("ingress {name} takes its certificate from secret {secret} (never read)"))
                .with("tls_secret", secret),
        );
    }
    (facts, services)
}

fn wrong_port(
    service: &Service,
    backend: &IngressServiceBackend,
    name: &str,
    make: &dyn Fn(Weight, String) -> Fact,
) -> Option<Fact> {
    let asked = backend.port.as_ref()?;
    let ports = service.spec.as_ref()?.ports.as_deref().unwrap_or_default();
    let fits = ports
        .iter()
        .any(|port| asked.number.is_some_and(|number| number == port.port) || asked.name.is_some() && asked.name == port.name);
    if fits {
        return None;
    }
    let wanted = asked.name.clone().or_else(|| asked.number.map(|number| number.to_string()))?;
    let offered: Vec<String> = ports.iter().map(|port| port.port.to_string()).collect();
    let text = format!("ingress {name} backend service {} missing port {wanted}; it has {}", backend.name, offered.join(", "));
    let note =
        format!("ingress/{name} sends to port {wanted} of service/{}, which only has {}.", backend.name, offered.join(", "));
    Some(make(Weight::Trouble, text).with("service", &backend.name).with("port", &wanted).note(note))
}

/// Policies that leave no way out to `port` for pods with these labels. An approximation: peers are not weighed, ports are.
pub async fn denied_egress(
    look: &Look<'_>,
    namespace: &str,
    labels: &std::collections::BTreeMap<String, String>,
    port: Option<&str>,
) -> Vec<Fact> {
    let policies = look.reader.list::<NetworkPolicy>(Some(namespace), Select { limit: 100, ..Select::default() }).await.items;
    let mine = policies.iter().filter(|policy| {
        let Some(spec) = &policy.spec else { return false };
        let selector = spec.pod_selector.clone().unwrap_or_default();
        let is_mine = selector.match_labels.iter().flatten().all(|(key, value)| labels.get(key) == Some(value))
            && selector.match_expressions.is_none();
        is_mine && spec.policy_types.iter().flatten().any(|kind| kind == "Egress")
    });
    let mine: Vec<&NetworkPolicy> = mine.collect();
    let allows = |policy: &&NetworkPolicy| {
        policy.spec.iter().flat_map(|spec| spec.egress.iter().flatten()).any(|rule| {
            let ports = rule.ports.as_deref().unwrap_or_default();
            ports.is_empty()
                || port
                    .is_none_or(|port| ports.iter().any(|one| one.port.as_ref().is_none_or(|number| probe::port(number) == port)))
        })
    };
    if mine.is_empty() || mine.iter().any(allows) {
        return Vec::new();
    }
    let to = port.map(|port| format!(" to port {port}")).unwrap_or_default();
    mine.iter()
        .map(|policy| {
            let object = workload::reference(Kind::NetworkPolicy, &policy.metadata);
            let text = format!("networkpolicy {} denies egress{to} of these pods", object.name);
            let fact = Fact::new(Source::Network, &object, Weight::Trouble, text).with("policy", &object.name);
            fact.note(format!("NetworkPolicy {} leaves these pods no way out{to}.", object.name))
        })
        .collect()
}

/// The service that a name or address in a log means, as seen from `namespace`.
pub async fn named_service(look: &Look<'_>, namespace: &str, host: &str) -> Named {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    if host.is_empty() || matches!(host.as_str(), "localhost" | "127.0.0.1" | "::1" | "0.0.0.0") {
        return Named::Elsewhere;
    }
    if host.parse::<std::net::IpAddr>().is_ok() {
        let services = network::services(look, namespace).await;
        let is_meant = |service: &&Service| service.spec.as_ref().is_some_and(|spec| spec.cluster_ip.as_deref() == Some(&host));
        return services.iter().find(is_meant).cloned().map_or(Named::Elsewhere, |service| Named::Service(Box::new(service)));
    }
    let parts: Vec<&str> = host.split('.').collect();
    let (name, space) = match parts.as_slice() {
        [name] => (*name, namespace),
        [name, space] | [name, space, "svc", ..] => (*name, *space),
        _ => return Named::Elsewhere,
    };
    // Two labels can just as well be a domain of the world.
    let is_sure = parts.len() != 2;
    match look.reader.get::<Service>(Some(space), name).await {
        Found::Seen(service) => Named::Service(Box::new(service)),
        Found::Absent if is_sure => Named::Absent { name: name.to_owned(), namespace: space.to_owned() },
        Found::Absent | Found::Unknown => Named::Elsewhere,
    }
}

/// What a host name in a log means.
pub enum Named {
    Service(Box<Service>),
    /// It can only mean a service, and there is none of that name.
    Absent {
        name: String,
        namespace: String,
    },
    /// Outside of the cluster, or not to be told.
    Elsewhere,
}
