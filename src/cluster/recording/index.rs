//! The objects of a recording, by resource, namespace and name.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    json::{self, Fields},
    kinds::{self, Known, Scope, Selectable},
    newest::Newest,
    object::{Object, without_values},
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
    pub fn add(&mut self, document: &str, named: Option<&'static Known>) -> Held {
        match document.as_bytes().first() {
            Some(b'{') => match json::fields(document) {
                Some(fields) if fields.contains_key("items") => self.add_list(&fields, named),
                Some(fields) => self.add_object(document, &fields, None),
                None => Held::Nothing,
            },
            Some(b'[') => self.add_items(document, named.map(|known| (known.api_version, known.kind))),
            // What some tools write for a list of none.
            Some(b'n') => self.add_items("[]", named.map(|known| (known.api_version, known.kind))),
            _ => Held::Nothing,
        }
    }

    /// Serves a copy of every object of one resource as another, where that is not served anyway.
    pub fn alias(&mut self, from: (&str, &str, &str), to: (&str, &str), convert: impl Fn(Value) -> Value) {
        let Some(resource) = self.resource(from.0, from.1, from.2) else { return };
        let plural = kinds::plural_of(kinds::group_of(to.0), to.1);
        if self.resource(kinds::group_of(to.0), kinds::version_of(to.0), &plural).is_some() {
            return;
        }
        let objects: Vec<String> = resource.objects().map(|object| convert(object.value()).to_string()).collect();
        self.open(to.0, to.1);
        for object in objects {
            if let Some(fields) = json::fields(&object) {
                self.add_object(&object, &fields, Some(to));
            }
        }
    }

    fn add_list(&mut self, list: &Fields<'_>, named: Option<&'static Known>) -> Held {
        let api_version = json::string(list, "apiVersion");
        let kind = json::string(list, "kind");
        // `kind: List` holds objects that each say their own kind.
        let of = match (api_version.as_deref(), kind.as_deref().and_then(|kind| kind.strip_suffix("List"))) {
            (Some(_), Some("")) => None,
            (Some(api_version), Some(kind)) => Some((api_version, kind)),
            _ => named.map(|known| (known.api_version, known.kind)),
        };
        let version = json::object(list, "metadata").and_then(|metadata| json::string(&metadata, "resourceVersion"));
        let version = version.and_then(|version| version.parse().ok()).unwrap_or(0);
        self.resource_version = self.resource_version.max(version);
        match list.get("items").map_or("null", |items| items.get()) {
            "null" => self.add_items("[]", of),
            items => self.add_items(items, of),
        }
    }

    fn add_items(&mut self, items: &str, of: Option<(&str, &str)>) -> Held {
        let Some(items) = json::items(items) else { return Held::Nothing };
        let mut held = Held::Nothing;
        for item in &items {
            if let Some(fields) = json::fields(item.get())
                && self.add_object(item.get(), &fields, of) == Held::Something
            {
                held = Held::Something;
            }
        }
        match of {
            Some((api_version, kind)) if items.is_empty() && !is_secret(api_version, kind) && is_kind(api_version, kind) => {
                self.open(api_version, kind);
                Held::Something
            }
            _ => held,
        }
    }

    fn add_object(&mut self, text: &str, object: &Fields<'_>, of: Option<(&str, &str)>) -> Held {
        let api_version = json::string(object, "apiVersion").or(of.map(|(api_version, _)| api_version.to_owned()));
        let kind = json::string(object, "kind").or(of.map(|(_, kind)| kind.to_owned()));
        let (Some(api_version), Some(kind)) = (api_version, kind) else { return Held::Nothing };
        if is_secret(&api_version, &kind) || !is_kind(&api_version, &kind) {
            return Held::Nothing;
        }
        let Some(metadata) = json::object(object, "metadata") else { return Held::Nothing };
        let Some(name) = json::string(&metadata, "name").filter(|name| !name.is_empty()) else { return Held::Nothing };
        let namespace = json::string(&metadata, "namespace").unwrap_or_else(|| NO_NAMESPACE.to_owned());
        if api_version == "v1" && kind == "ConfigMap" {
            let Some(text) = without_values(text) else { return Held::Nothing };
            let Some(fields) = json::fields(&text) else { return Held::Nothing };
            let Some(metadata) = json::object(&fields, "metadata") else { return Held::Nothing };
            let object = Object::new(&fields, &metadata, &[]);
            self.insert((&api_version, &kind), namespace, name, object);
            return Held::Something;
        }
        self.newest.look_at(text);
        let selectable = kinds::selectable(kinds::group_of(&api_version), &kind);
        self.insert((&api_version, &kind), namespace, name, Object::new(object, &metadata, selectable));
        Held::Something
    }

    fn insert(&mut self, of: (&str, &str), namespace: String, name: String, object: Object) {
        self.resource_version = self.resource_version.max(object.resource_version);
        let resource = self.open(of.0, of.1);
        if namespace == NO_NAMESPACE && kinds::scope_of(&resource.group, of.1).is_none() {
            resource.scope = Scope::Cluster;
        }
        let names = resource.namespaces.entry(namespace.into()).or_default();
        // Folders hold some objects twice; the later state is the one to show.
        let is_older = names.get(name.as_str()).is_some_and(|present| present.resource_version > object.resource_version);
        if !is_older {
            names.insert(name.into(), object);
        }
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
