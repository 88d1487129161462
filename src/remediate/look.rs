//! What a step sees of the cluster, within bounds.

use jiff::Timestamp;
use serde_json::Value;

use super::refusal::Refusal;
use crate::{
    cluster::{Found, Reader, Select, wire::api_of},
    domain::object::{Kind, ObjectRef},
};

/// What no policy can lift.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Namespaces in which nothing is ever changed.
    pub protected_namespaces: Vec<String>,
    /// The namespace that Faultline itself runs in. `None` = it runs in none.
    pub own_namespace: Option<String>,
}

/// One look at the cluster: each object is read once, so that a plan speaks of one moment.
pub struct Look<'a> {
    pub reader: &'a Reader,
    pub bounds: &'a Bounds,
    pub now: Timestamp,
}

/// Items of one list.
const MOST_ITEMS: usize = 500;

impl Look<'_> {
    pub async fn target(&self, target: &ObjectRef) -> Result<Value, Refusal> {
        match self.reader.get_untyped(api_of(target.kind), target.namespace.as_deref(), &target.name).await {
            Found::Seen(object) => Ok(object),
            Found::Absent => Err(Refusal::absent(target)),
            Found::Unknown => Err(self.not_seen(target.to_string())),
        }
    }

    /// `None` = there is no such object.
    pub async fn object(&self, kind: Kind, namespace: Option<&str>, name: &str) -> Result<Option<Value>, Refusal> {
        let target = ObjectRef::new(kind, namespace, name);
        match self.target(&target).await {
            Ok(object) => Ok(Some(object)),
            Err(Refusal::Absent { .. }) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// All objects of a kind that match; a list that was not read whole is not seen.
    pub async fn all(&self, kind: Kind, namespace: Option<&str>, labels: &str, fields: &str) -> Result<Vec<Value>, Refusal> {
        let select = Select { labels, fields, limit: MOST_ITEMS, from: None };
        let listed = self.reader.list_untyped(api_of(kind), namespace, select).await;
        if listed.is_complete {
            return Ok(listed.items);
        }
        let of = namespace.map(|namespace| format!(" of namespace {namespace}")).unwrap_or_default();
        Err(self.not_seen(format!("the list of {}s{of}", kind.as_str())))
    }

    fn not_seen(&self, target: String) -> Refusal {
        let because = self.reader.gaps().pop().map_or_else(|| "there are too many".to_owned(), |gap| gap.why);
        Refusal::NotSeen { target, because }
    }
}
