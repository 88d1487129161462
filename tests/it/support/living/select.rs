//! Label selectors and field selectors, of queries and of objects.

use serde_json::Value;

use super::{
    failure::Failure,
    resource::Resource,
    value::{items, text},
};

/// Requirements that all have to hold.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Labels(Vec<Requirement>);

#[derive(Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    needs: Needs,
}

#[derive(Debug, PartialEq, Eq)]
enum Needs {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Absent,
}

impl Labels {
    /// The selector of a query: `app=api,tier in (web, edge),!canary`.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let requirements = split_outside_parentheses(text).into_iter().filter(|part| !part.trim().is_empty());
        requirements.map(|part| requirement(part.trim())).collect::<Result<_, _>>().map(Self)
    }

    /// The selector of an object, `matchLabels` and `matchExpressions`. `None` where it is absent or empty, and matches nothing.
    pub fn of(selector: &Value) -> Option<Self> {
        let mut all = Vec::new();
        for (key, value) in selector["matchLabels"].as_object().into_iter().flatten() {
            all.push(Requirement { key: key.clone(), needs: Needs::In(vec![value.as_str().unwrap_or_default().to_owned()]) });
        }
        for one in items(selector, "/matchExpressions") {
            let values = || items(one, "/values").iter().filter_map(Value::as_str).map(str::to_owned).collect();
            let needs = match text(one, "/operator") {
                "In" => Needs::In(values()),
                "NotIn" => Needs::NotIn(values()),
                "Exists" => Needs::Exists,
                _ => Needs::Absent,
            };
            all.push(Requirement { key: text(one, "/key").to_owned(), needs });
        }
        (!all.is_empty()).then_some(Self(all))
    }

    pub fn matches(&self, object: &Value) -> bool {
        self.0.iter().all(|requirement| {
            let label = object["metadata"]["labels"][&requirement.key].as_str();
            match &requirement.needs {
                Needs::In(values) => label.is_some_and(|label| values.iter().any(|value| value == label)),
                Needs::NotIn(values) => label.is_none_or(|label| values.iter().all(|value| value != label)),
                Needs::Exists => label.is_some(),
                Needs::Absent => label.is_none(),
            }
        })
    }
}

fn split_outside_parentheses(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0_u32);
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn requirement(part: &str) -> Result<Requirement, Failure> {
    let one = |key: &str, needs: Needs| Ok(Requirement { key: key.trim().to_owned(), needs });
    let value = |value: &str| vec![value.trim().to_owned()];
    if let Some((key, wanted)) = part.split_once("!=") {
        return one(key, Needs::NotIn(value(wanted)));
    }
    if let Some((key, wanted)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return one(key, Needs::In(value(wanted)));
    }
    if let Some((before, list)) = part.strip_suffix(')').and_then(|part| part.split_once('(')) {
        let values = list.split(',').map(|value| value.trim().to_owned()).collect();
        return match before.split_whitespace().collect::<Vec<_>>().as_slice() {
            [key, "in"] => one(key, Needs::In(values)),
            [key, "notin"] => one(key, Needs::NotIn(values)),
            _ => Err(unreadable(part)),
        };
    }
    if part.contains(char::is_whitespace) {
        return Err(unreadable(part));
    }
    part.strip_prefix('!').map_or_else(|| one(part, Needs::Exists), |key| one(key, Needs::Absent))
}

fn unreadable(part: &str) -> Failure {
    Failure::bad_request(format!("unable to parse requirement: found {part:?}, expected a label selector"))
}

/// The fields that lists can be selected by, beside name and namespace.
fn fields_of(resource: &Resource) -> &'static [&'static str] {
    match (resource.group, resource.kind) {
        ("", "Pod") => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
        ("", "Event") => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.fieldPath",
            "reason",
            "type",
        ],
        ("events.k8s.io", "Event") => {
            &["regarding.kind", "regarding.namespace", "regarding.name", "regarding.uid", "reason", "reportingController", "type"]
        }
        ("", "Namespace") => &["status.phase"],
        ("", "Node") => &["spec.unschedulable"],
        ("apps", "ReplicaSet") => &["status.replicas"],
        _ => &[],
    }
}

/// What fields have to be, or not to be.
#[derive(Debug, Default)]
pub struct Fields(Vec<(String, String, bool)>);

impl Fields {
    pub fn parse(resource: &Resource, text: &str) -> Result<Self, Failure> {
        let mut all = Vec::new();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (field, value, is_equal) = match (part.split_once("!="), part.split_once("==").or_else(|| part.split_once('='))) {
                (Some((field, value)), _) => (field, value, false),
                (None, Some((field, value))) => (field, value, true),
                (None, None) => {
                    return Err(Failure::bad_request(format!("invalid selector: '{text}'; can't understand '{part}'")));
                }
            };
            if !matches!(field, "metadata.name" | "metadata.namespace") && !fields_of(resource).contains(&field) {
                return Err(Failure::bad_request(format!("field label not supported: {field}")));
            }
            all.push((field.to_owned(), value.to_owned(), is_equal));
        }
        Ok(Self(all))
    }

    pub fn matches(&self, object: &Value) -> bool {
        self.0.iter().all(|(field, value, is_equal)| {
            let found = object.pointer(&format!("/{}", field.replace('.', "/")));
            let found = match found {
                Some(Value::String(text)) => text.clone(),
                Some(Value::Null) | None => if field == "spec.unschedulable" { "false" } else { "" }.to_owned(),
                Some(other) => other.to_string(),
            };
            (found == *value) == *is_equal
        })
    }
}
