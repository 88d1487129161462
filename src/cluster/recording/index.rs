//! The objects of a recording, by resource, namespace and name.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    kinds::{self, Known, Scope, Selectable},
    newest::Newest,
    object::{Object, forget_values},
};

/// The namespace that objects without one are kept under.
pub const NO_NAMESPACE: &str = "";

#[derive(Debug, Default)]
pub struct Index {
    /// By group, version and plural.
    resources: BTreeMap<(String, String, String), Resource>,
    newest: Newest,
    /// The highest seen; what lists say theirs is.
    resource_version: u64,
}

/// What is served under one path: `/apis/apps/v1/deployments`.
#[derive(Debug)]
pub struct Resource {
    pub group: String,
    pub version: String,
    pub plural: String,
    pub kind: String,
    pub scope: Scope,
    pub selectable: &'static [Selectable],
    pub namespaces: BTreeMap<Box<str>, BTreeMap<Box<str>, Object>>,
}

/// Whether a document held anything of Kubernetes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    Something,
    Nothing,
}

impl Index {
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty()
    }

    pub fn newest(&self) -> &Newest {
        &self.newest
    }

    pub fn resource_version(&self) -> u64 {
        self.resource_version.max(1)
    }

    pub fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.resources.values()
    }

    pub fn resource(&self, group: &str, version: &str, plural: &str) -> Option<&Resource> {
        // A key of three strings cannot be looked up by three borrowed ones; there are few resources.
        self.resources().find(|resource| resource.plural == plural && resource.version == version && resource.group == group)
    }

    /// A pod, as data.
    pub fn pod(&self, namespace: &str, name: &str) -> Option<Value> {
        Some(self.resource("", "v1", "pods")?.get(namespace, name)?.value())
    }

    /// Takes in an object, a list of them, or a bare array of objects of the kind that its file is named for.
    pub fn add(&mut self, document: Value, named: Option<&'static Known>) -> Held {
        match document {
            Value::Object(mut fields) => match fields.get_mut("items").map(Value::take) {
                Some(Value::Array(items)) => self.add_list(&fields, items, named),
                Some(Value::Null) => self.add_list(&fields, Vec::new(), named),
                Some(_) => Held::Nothing,
                None => self.add_object(fields, None),
            },
            Value::Array(items) => self.add_list(&Map::new(), items, named),
            Value::Null if named.is_some() => self.add_list(&Map::new(), Vec::new(), named),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Held::Nothing,
        }
    }

    /// Serves a copy of every object of one resource as another, where that is not served anyway.
    pub fn alias(&mut self, from: (&str, &str, &str), to: (&str, &str), convert: impl Fn(Value) -> Value) {
        let Some(resource) = self.resource(from.0, from.1, from.2) else { return };
        let plural = kinds::plural_of(kinds::group_of(to.0), to.1);
        if self.resource(kinds::group_of(to.0), kinds::version_of(to.0), &plural).is_some() {
            return;
        }
        let objects: Vec<Value> = resource.objects().map(|object| convert(object.value())).collect();
        self.open(to.0, to.1);
        for object in objects {
            if let Value::Object(fields) = object {
                self.add_object(fields, Some(to));
            }
        }
    }

    fn add_list(&mut self, list: &Map<String, Value>, items: Vec<Value>, named: Option<&'static Known>) -> Held {
        let api_version = list.get("apiVersion").and_then(Value::as_str);
        let kind = list.get("kind").and_then(Value::as_str).and_then(|kind| kind.strip_suffix("List"));
        // `kind: List` holds objects that each say their own kind.
        let of = match (api_version, kind) {
            (Some(_), Some("")) => None,
            (Some(api_version), Some(kind)) => Some((api_version, kind)),
            _ => named.map(|known| (known.api_version, known.kind)),
        };
        if let Some(version) = list.get("metadata").and_then(|metadata| metadata.get("resourceVersion")).and_then(Value::as_str) {
            self.resource_version = self.resource_version.max(version.parse().unwrap_or(0));
        }
        let is_empty = items.is_empty();
        let mut held = Held::Nothing;
        for item in items {
            if let Value::Object(fields) = item
                && self.add_object(fields, of) == Held::Something
            {
                held = Held::Something;
            }
        }
        match of {
            Some((api_version, kind)) if is_empty && !is_secret(api_version, kind) && is_kind(api_version, kind) => {
                self.open(api_version, kind);
                Held::Something
            }
            _ => held,
        }
    }

    fn add_object(&mut self, mut object: Map<String, Value>, of: Option<(&str, &str)>) -> Held {
        let own = |field: &str| object.get(field).and_then(Value::as_str).map(str::to_owned);
        let api_version = own("apiVersion").or(of.map(|(api_version, _)| api_version.to_owned()));
        let kind = own("kind").or(of.map(|(_, kind)| kind.to_owned()));
        let (Some(api_version), Some(kind)) = (api_version, kind) else { return Held::Nothing };
        let metadata = |field: &str| object.get("metadata").and_then(|metadata| metadata.get(field)).and_then(Value::as_str);
        let Some(name) = metadata("name").filter(|name| !name.is_empty()).map(Box::<str>::from) else { return Held::Nothing };
        let namespace: Box<str> = metadata("namespace").unwrap_or(NO_NAMESPACE).into();
        if is_secret(&api_version, &kind) || !is_kind(&api_version, &kind) {
            return Held::Nothing;
        }
        if api_version == "v1" && kind == "ConfigMap" {
            forget_values(&mut object);
        }
        self.newest.look_at(&object);
        let resource = self.open(&api_version, &kind);
        if &*namespace == NO_NAMESPACE && kinds::scope_of(&resource.group, &kind).is_none() {
            resource.scope = Scope::Cluster;
        }
        let object = Object::new(object, resource.selectable);
        let version = object.resource_version;
        let names = resource.namespaces.entry(namespace).or_default();
        // Folders hold some objects twice; the later state is the one to show.
        let is_older = names.get(&name).is_some_and(|present| present.resource_version > version);
        if !is_older {
            names.insert(name, object);
        }
        self.resource_version = self.resource_version.max(version);
        Held::Something
    }

    /// The resource of a kind, served from now on.
    fn open(&mut self, api_version: &str, kind: &str) -> &mut Resource {
        let (group, version) = (kinds::group_of(api_version), kinds::version_of(api_version));
        let plural = kinds::plural_of(group, kind);
        self.resources.entry((group.to_owned(), version.to_owned(), plural.clone())).or_insert_with(|| Resource {
            group: group.to_owned(),
            version: version.to_owned(),
            plural,
            kind: kind.to_owned(),
            scope: kinds::scope_of(group, kind).unwrap_or(Scope::Namespaced),
            selectable: kinds::selectable(group, kind),
            namespaces: BTreeMap::new(),
        })
    }
}

impl Resource {
    pub fn get(&self, namespace: &str, name: &str) -> Option<&Object> {
        self.namespaces.get(namespace)?.get(name)
    }

    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        self.namespaces.values().flat_map(BTreeMap::values)
    }

    /// `apps/v1`, or `v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// As messages name it: `deployments.apps`, `pods`.
    pub fn qualified(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }
}

fn is_secret(api_version: &str, kind: &str) -> bool {
    api_version == "v1" && kind == "Secret"
}

/// Whether both can be names of Kubernetes, so that answers can be written with them as they are.
fn is_kind(api_version: &str, kind: &str) -> bool {
    let is_version = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'/');
    !kind.is_empty()
        && kind.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && !kinds::version_of(api_version).is_empty()
        && api_version.bytes().all(is_version)
}
