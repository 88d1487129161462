//! Label and field selectors: which objects of a list are asked for.

use super::{index::Resource, object::Object};

/// Both selectors of a request; an object must meet every part of them.
#[derive(Debug, Default)]
pub struct Selector {
    labels: Vec<(String, Label)>,
    fields: Vec<Field>,
    /// Asked for by name, so that the others need not be looked at.
    pub name: Option<String>,
    pub namespace: Option<String>,
}

#[derive(Debug)]
enum Label {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Missing,
}

#[derive(Debug)]
struct Field {
    which: Which,
    wanted: Wanted,
    value: String,
}

#[derive(Debug)]
enum Which {
    Name,
    Namespace,
    /// By its number among the selectable fields of the kind.
    Number(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Equal,
    Unequal,
}

impl Selector {
    /// Reads both selectors for lists of `resource`; the error says, as the API server does, what is wrong with them.
    pub fn parse(resource: &Resource, labels: &str, fields: &str) -> Result<Self, String> {
        let mut selector = Self::default();
        for requirement in split_outside_brackets(labels) {
            selector.labels.push(label(requirement)?);
        }
        for requirement in split_unescaped(fields) {
            let field = field(resource, &requirement)?;
            let asked_for = match (&field.which, field.wanted) {
                (Which::Name, Wanted::Equal) => Some(&mut selector.name),
                (Which::Namespace, Wanted::Equal) => Some(&mut selector.namespace),
                (Which::Name | Which::Namespace | Which::Number(_), _) => None,
            };
            if let Some(asked_for) = asked_for {
                *asked_for = Some(field.value.clone());
            }
            selector.fields.push(field);
        }
        Ok(selector)
    }

    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    pub fn selects(&self, namespace: &str, name: &str, object: &Object) -> bool {
        self.fields.iter().all(|field| field.is_met(namespace, name, object))
            && self.labels.iter().all(|(key, label)| label.is_met(object.label(key)))
    }
}

impl Label {
    fn is_met(&self, value: Option<&str>) -> bool {
        match self {
            Self::In(values) => value.is_some_and(|value| values.iter().any(|wanted| wanted == value)),
            Self::NotIn(values) => value.is_none_or(|value| values.iter().all(|unwanted| unwanted != value)),
            Self::Exists => value.is_some(),
            Self::Missing => value.is_none(),
        }
    }
}

impl Field {
    fn is_met(&self, namespace: &str, name: &str, object: &Object) -> bool {
        let value = match self.which {
            Which::Name => name,
            Which::Namespace => namespace,
            Which::Number(number) => object.field(number),
        };
        (value == self.value) == (self.wanted == Wanted::Equal)
    }
}

fn label(requirement: &str) -> Result<(String, Label), String> {
    let wrong = || format!("unable to parse requirement: {requirement}");
    let (key, label) = if let Some(key) = requirement.strip_prefix('!') {
        (key.trim(), Label::Missing)
    } else if let Some((head, values)) = requirement.split_once('(') {
        let values = values.strip_suffix(')').ok_or_else(wrong)?;
        let values = values.split(',').map(|value| value.trim().to_owned()).collect();
        let (key, operator) = head.trim().rsplit_once(char::is_whitespace).ok_or_else(wrong)?;
        match operator {
            "in" => (key.trim(), Label::In(values)),
            "notin" => (key.trim(), Label::NotIn(values)),
            _ => return Err(wrong()),
        }
    } else if let Some((key, value)) = requirement.split_once("!=") {
        (key.trim(), Label::NotIn(vec![value.trim().to_owned()]))
    } else if let Some((key, value)) = requirement.split_once("==").or_else(|| requirement.split_once('=')) {
        (key.trim(), Label::In(vec![value.trim().to_owned()]))
    } else {
        (requirement, Label::Exists)
    };
    let values = match &label {
        Label::In(values) | Label::NotIn(values) => values.as_slice(),
        Label::Exists | Label::Missing => &[],
    };
    let is_valid = !key.is_empty() && is_word(&key.replacen('/', "", 1)) && values.iter().all(|value| is_word(value));
    if is_valid { Ok((key.to_owned(), label)) } else { Err(wrong()) }
}

fn is_word(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

fn field(resource: &Resource, requirement: &str) -> Result<Field, String> {
    let (label, wanted, value) = if let Some((label, value)) = requirement.split_once("!=") {
        (label, Wanted::Unequal, value)
    } else if let Some((label, value)) = requirement.split_once("==").or_else(|| requirement.split_once('=')) {
        (label, Wanted::Equal, value)
    } else {
        return Err(format!("invalid selector: '{requirement}'; can't understand '{requirement}'"));
    };
    let which = match label {
        "metadata.name" => Which::Name,
        "metadata.namespace" => Which::Namespace,
        _ => match resource.selectable.iter().position(|field| field.label == label) {
            Some(number) => Which::Number(number),
            None => return Err(format!("field label not supported: {label}")),
        },
    };
    Ok(Field { which, wanted, value: value.to_owned() })
}

/// The requirements of a label selector: split at commas, but not within `in (a,b)`.
fn split_outside_brackets(selector: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut depth) = (0, 0_u32);
    for (at, byte) in selector.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                parts.push(selector[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(selector[start..].trim());
    parts.retain(|part| !part.is_empty());
    parts
}

/// The requirements of a field selector: split at commas without a backslash before them.
fn split_unescaped(selector: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut letters = selector.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => parts.last_mut().into_iter().for_each(|part| part.extend(letters.next())),
            ',' => parts.push(String::new()),
            _ => parts.last_mut().into_iter().for_each(|part| part.push(letter)),
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}
