//! Services whose selector misses the pods that it was meant for.

use std::collections::{BTreeMap, HashMap, HashSet};

use k8s_openapi::api::core::v1::Service;

use super::super::{network, workload};
use crate::domain::{
    evidence::Source,
    fact::{Fact, Weight},
    object::ObjectRef,
};

type Labels = BTreeMap<String, String>;

/// A service with a selector.
#[derive(Debug)]
pub struct Selecting {
    object: ObjectRef,
    selector: Labels,
}

/// `None` = it selects no pods, on purpose.
pub fn reduced(service: &Service) -> Option<Selecting> {
    let selector = network::selector(service);
    (!selector.is_empty()).then(|| Selecting { object: network::reference(service), selector })
}

/// The services that take no pod and no workload's pods, although some carry nearly what they select. A selector that is like nothing
/// here may wait for what is not installed, and is left alone.
pub fn that_miss<'a>(
    services: &[Selecting],
    pods: &HashSet<(String, Labels)>,
    templates: impl Iterator<Item = (&'a ObjectRef, &'a Labels)>,
) -> Vec<(ObjectRef, Fact)> {
    let mut by_namespace: HashMap<&str, Vec<(&Labels, Option<&ObjectRef>)>> = HashMap::new();
    for (object, labels) in templates {
        by_namespace.entry(object.namespace.as_deref().unwrap_or_default()).or_default().push((labels, Some(object)));
    }
    for (namespace, labels) in pods {
        by_namespace.entry(namespace).or_default().push((labels, None));
    }
    let mut missing = Vec::new();
    for service in services {
        let namespace = service.object.namespace.as_deref().unwrap_or_default();
        let around = by_namespace.get(namespace).map(Vec::as_slice).unwrap_or_default();
        if !around.iter().any(|(labels, _)| service.takes(labels)) {
            missing.extend(service.nearly(around).map(|fact| (service.object.clone(), fact)));
        }
    }
    missing
}

impl Selecting {
    fn takes(&self, labels: &Labels) -> bool {
        self.selector.iter().all(|(key, value)| labels.get(key) == Some(value))
    }

    /// What the labels nearest to the selector say; workloads before pods, whose order is nobody's.
    fn nearly(&self, around: &[(&Labels, Option<&ObjectRef>)]) -> Option<Fact> {
        let name = &self.object.name;
        let candidates = around.iter().filter_map(|(labels, object)| {
            let shared: Option<Labels> = self.selector.keys().map(|key| Some((key.clone(), labels.get(key)?.clone()))).collect();
            let shared = shared?;
            let likeness: usize = shared.iter().map(|(key, value)| network::alike(value, &self.selector[key])).sum::<usize>()
                + shared.values().map(|value| network::alike(value, name)).sum::<usize>();
            (likeness > 0).then_some((likeness, object.is_some(), shared, *object))
        });
        let (_, _, labels, object) = candidates.max_by(|a, b| (a.0, a.1, &a.2).cmp(&(b.0, b.1, &b.2)))?;
        let (query, carried) = (workload::of_labels(&self.selector), workload::of_labels(&labels));
        let whose = object.map_or_else(|| "pods here".to_owned(), |object| format!("the pods of {}", object.short()));
        let text = format!("service {name} selector {query} matches no pods; {whose} carry {carried}");
        let fact = Fact::new(Source::Network, &self.object, Weight::Trouble, text);
        let fact = fact.with("service", name).with("selector", &query).with("right_selector", &carried);
        Some(fact.note(format!("The selector {query} of service/{name} matches no pod; {whose} carry {carried}.")))
    }
}
