//! Lists: what a selector leaves of a resource, page by page.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::json;

use super::{
    index::{Index, Resource},
    object::Object,
    request::{Asked, View},
    selector::Selector,
    status,
};

/// What a page ends with when there is more: where to go on, in a form that clients should not look into.
struct Continue<'a> {
    resource_version: u64,
    namespace: &'a str,
    name: &'a str,
}

/// The list of a resource, in one namespace or (`None`) in all.
pub fn list(index: &Index, resource: &Resource, namespace: Option<&str>, asked: &Asked) -> Response<Bytes> {
    let (labels, fields) = (asked.parameter("labelSelector"), asked.parameter("fieldSelector"));
    let selector = match Selector::parse(resource, labels, fields) {
        Ok(selector) => selector,
        Err(what) => {
            let of = format!("\"{}, Resource={}\"", resource.api_version(), resource.plural);
            let by = format!("label selector \"{labels}\", field selector \"{fields}\"");
            return status::bad_request(&format!("Unable to find {of} that match {by}: {what}"));
        }
    };
    let limit = match asked.count("limit") {
        Ok(limit) => limit.filter(|limit| *limit > 0).unwrap_or(usize::MAX),
        Err(what) => return status::bad_request(&what),
    };
    let after = match asked.parameter("continue") {
        "" => None,
        token => match start_after(token, index.resource_version()) {
            Some(place) => Some(place),
            None => return expired(),
        },
    };

    let mut selected = selected(resource, namespace, &selector, after.as_ref());
    let page: Vec<(&str, &str, &Object)> = selected.by_ref().take(limit).collect();
    let left = if page.len() < limit { 0 } else { selected.count() };
    let mut metadata = json!({ "resourceVersion": index.resource_version().to_string() });
    if left > 0
        && let Some((namespace, name, _)) = page.last()
    {
        let place = Continue { resource_version: index.resource_version(), namespace, name };
        metadata["continue"] = place.token().into();
        // As the API server, which knows what is left only if it need not look at each.
        if selector.is_empty() {
            metadata["remainingItemCount"] = left.into();
        }
    }
    status::data(StatusCode::OK, written(resource, asked.view, &metadata.to_string(), &page))
}

/// One object with its kind.
pub fn object(resource: &Resource, view: View, object: &Object) -> Bytes {
    let mut body = Vec::with_capacity(object.json().len() + 64);
    match view {
        View::Whole => {
            let (kind, api_version) = (&resource.kind, resource.api_version());
            body.extend_from_slice(format!(r#"{{"kind":"{kind}","apiVersion":"{api_version}","#).as_bytes());
            body.extend_from_slice(&object.json()[1..]);
        }
        View::Metadata => partial(&mut body, object),
    }
    body.into()
}

fn written(resource: &Resource, view: View, metadata: &str, page: &[(&str, &str, &Object)]) -> Bytes {
    let (kind, api_version) = match view {
        View::Whole => (format!("{}List", resource.kind), resource.api_version()),
        View::Metadata => ("PartialObjectMetadataList".to_owned(), "meta.k8s.io/v1".to_owned()),
    };
    let size: usize = page.iter().map(|(_, _, object)| object.json().len() + 1).sum();
    let mut body = Vec::with_capacity(size + 512);
    body.extend_from_slice(
        format!(r#"{{"kind":"{kind}","apiVersion":"{api_version}","metadata":{metadata},"items":["#).as_bytes(),
    );
    for (number, (_, _, object)) in page.iter().enumerate() {
        if number > 0 {
            body.push(b',');
        }
        match view {
            View::Whole => body.extend_from_slice(object.json()),
            View::Metadata => partial(&mut body, object),
        }
    }
    body.extend_from_slice(b"]}");
    body.into()
}

fn partial(body: &mut Vec<u8>, object: &Object) {
    body.extend_from_slice(br#"{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":"#);
    body.extend_from_slice(object.metadata());
    body.push(b'}');
}

/// The objects that a selector leaves, with namespace and name, in that order, from behind a place on.
fn selected<'a>(
    resource: &'a Resource,
    namespace: Option<&'a str>,
    selector: &'a Selector,
    after: Option<&'a (String, String)>,
) -> impl Iterator<Item = (&'a str, &'a str, &'a Object)> {
    let only = namespace.or(selector.namespace.as_deref());
    let one = only.and_then(|only| resource.namespaces.get_key_value(only));
    let all = only.is_none().then_some(&resource.namespaces).into_iter().flatten();
    let namespaces =
        one.into_iter().chain(all).filter(move |(namespace, _)| after.is_none_or(|(from, _)| &***namespace >= from.as_str()));
    let objects = namespaces.flat_map(move |(namespace, names)| {
        let by_name = selector.name.as_deref().map(|name| names.get_key_value(name));
        let (one, all) = match by_name {
            Some(one) => (one, None),
            None => (None, Some(names)),
        };
        let all = all.into_iter().flatten();
        one.into_iter().chain(all).map(move |(name, object)| (&**namespace, &**name, object))
    });
    objects
        .filter(move |(namespace, name, _)| after.is_none_or(|(from, last)| (*namespace, *name) > (from.as_str(), last.as_str())))
        .filter(move |(namespace, name, object)| selector.selects(namespace, name, object))
}

impl Continue<'_> {
    /// Hexadecimal, so that nobody is tempted to take it apart.
    fn token(&self) -> String {
        hex::encode(format!("{}/{}/{}", self.resource_version, self.namespace, self.name))
    }
}

/// Namespace and name of the last object of the page before; `None` where the token is not one of ours.
fn start_after(token: &str, resource_version: u64) -> Option<(String, String)> {
    let place = String::from_utf8(hex::decode(token).ok()?).ok()?;
    let (version, place) = place.split_once('/')?;
    let (namespace, name) = place.split_once('/')?;
    (version.parse() == Ok(resource_version)).then(|| (namespace.to_owned(), name.to_owned()))
}

fn expired() -> Response<Bytes> {
    let message = "The provided continue parameter is too old to display a consistent list result. You can start a new list \
                   without the continue parameter.";
    status::failure(StatusCode::GONE, "Expired", message, &json!({}))
}
