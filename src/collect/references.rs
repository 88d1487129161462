//! Config maps and secrets that a pod needs: which, and which of their keys. Secrets are never read.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Pod, ServiceAccount};

use super::pod;
use crate::{
    cluster::{Found, Reader},
    domain::{
        evidence::Source,
        fact::{Fact, Weight},
        object::{Kind, ObjectRef},
    },
};

/// One config map or secret by name, with the keys that the pod takes from it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted {
    keys: Vec<String>,
    is_optional: bool,
}

/// Looked up for one pod.
const MOST_LOOKED_UP: usize = 3;

fn references(pod: &Pod) -> BTreeMap<(Kind, String), Wanted> {
    let mut all: BTreeMap<(Kind, String), Wanted> = BTreeMap::new();
    let Some(spec) = &pod.spec else { return all };
    let mut want = |kind: Kind, name: &str, keys: Vec<String>, optional: Option<bool>| {
        if name.is_empty() || name == "kube-root-ca.crt" || name == "openshift-service-ca.crt" {
            return;
        }
        let wanted = all.entry((kind, name.to_owned())).or_default();
        wanted.keys.extend(keys);
        wanted.is_optional |= optional == Some(true);
    };
    for container in spec.init_containers.iter().flatten().chain(&spec.containers) {
        for from in container.env_from.iter().flatten() {
            if let Some(map) = &from.config_map_ref {
                want(Kind::ConfigMap, &map.name, Vec::new(), map.optional);
            }
            if let Some(secret) = &from.secret_ref {
                want(Kind::Secret, &secret.name, Vec::new(), secret.optional);
            }
        }
        for source in container.env.iter().flatten().filter_map(|variable| variable.value_from.as_ref()) {
            if let Some(key) = &source.config_map_key_ref {
                want(Kind::ConfigMap, &key.name, vec![key.key.clone()], key.optional);
            }
            if let Some(key) = &source.secret_key_ref {
                want(Kind::Secret, &key.name, vec![key.key.clone()], key.optional);
            }
        }
    }
    for volume in spec.volumes.iter().flatten() {
        let keys = |items: &Option<Vec<k8s_openapi::api::core::v1::KeyToPath>>| {
            items.iter().flatten().map(|item| item.key.clone()).collect()
        };
        if let Some(map) = &volume.config_map {
            want(Kind::ConfigMap, &map.name, keys(&map.items), map.optional);
        }
        if let Some(secret) = &volume.secret {
            want(Kind::Secret, secret.secret_name.as_deref().unwrap_or_default(), keys(&secret.items), secret.optional);
        }
        for source in volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten()) {
            if let Some(map) = &source.config_map {
                want(Kind::ConfigMap, &map.name, keys(&map.items), map.optional);
            }
            if let Some(secret) = &source.secret {
                want(Kind::Secret, &secret.name, keys(&secret.items), secret.optional);
            }
        }
    }
    all
}

/// What the references of a pod that does not start are missing. `told` = what its status and events say.
pub async fn facts(reader: &Reader, pod: &Pod, told: &str) -> Vec<Fact> {
    let Some(namespace) = pod.metadata.namespace.as_deref() else { return Vec::new() };
    let mut facts = Vec::new();
    let mut looked_up = 0;
    for ((kind, name), wanted) in references(pod) {
        if wanted.is_optional
            || !told.contains(&format!("\"{name}\""))
                && !told.contains(&format!("/{name}"))
                && !told.contains(&format!(" {name}"))
        {
            continue;
        }
        let object = ObjectRef::new(kind, Some(namespace), &name);
        let keys = if wanted.keys.is_empty() { String::new() } else { format!(" keys={}", wanted.keys.join(",")) };
        // A config map can be looked up by its metadata; of a secret the kubelet's word has to do.
        let is_absent = if kind == Kind::ConfigMap && looked_up < MOST_LOOKED_UP {
            looked_up += 1;
            match reader.exists::<ConfigMap>(Some(namespace), &name).await {
                Found::Absent => Some(true),
                Found::Seen(()) => Some(false),
                Found::Unknown => None,
            }
        } else {
            None
        };
        let state = match is_absent {
            Some(true) => " does not exist",
            Some(false) => " exists",
            None => "",
        };
        let text = format!("{} {name}{state}, needed by pod {}{keys}", kind.as_str(), pod::reference(pod).name);
        let mut fact = Fact::new(Source::Pod, &object, Weight::Context, text).with(kind.as_str(), &name);
        if let Some(first) = wanted.keys.first() {
            fact = fact.with("key", first).with("keys", &wanted.keys.join(", "));
        }
        let needs = if wanted.keys.is_empty() { String::new() } else { format!(", and its keys {}", wanted.keys.join(", ")) };
        facts.push(match is_absent {
            Some(true) => {
                fact.note(format!("There is no {} {name} in namespace {namespace}; the pod needs it{needs}.", kind.as_str()))
            }
            Some(false) | None => fact.note(format!("The pod needs {} {name}{needs}.", kind.as_str())),
        });
    }
    facts
}

/// The service account of a pod template, where it does not exist.
pub async fn service_account(reader: &Reader, namespace: &str, name: &str) -> Option<Fact> {
    match reader.exists::<ServiceAccount>(Some(namespace), name).await {
        Found::Absent => {
            let object = ObjectRef::new(Kind::ServiceAccount, Some(namespace), name);
            let text = format!("serviceaccount {name} does not exist");
            let fact = Fact::new(Source::Workload, &object, Weight::Context, text).with("serviceaccount", name);
            Some(fact.note(format!("There is no service account {name} in namespace {namespace}.")))
        }
        Found::Seen(()) | Found::Unknown => None,
    }
}
