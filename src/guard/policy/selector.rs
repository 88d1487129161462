//! Label selectors as Kubernetes writes them: `tier in (web, api), env!=prod, !legacy`
//! (<https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors>).

use std::collections::BTreeMap;

/// All of its requirements have to be met.
#[derive(Debug)]
pub struct Selector {
    /// As it was written.
    pub text: String,
    requirements: Vec<Requirement>,
}

#[derive(Debug)]
struct Requirement {
    key: String,
    wanted: Wanted,
}

#[derive(Debug)]
enum Wanted {
    In(Vec<String>),
    /// Met by what does not have the label, too.
    NotIn(Vec<String>),
    Exists,
    Missing,
}

impl Selector {
    pub fn parse(text: &str) -> Result<Self, String> {
        let requirements = parts(text)?.into_iter().map(requirement).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { text: text.to_owned(), requirements })
    }

    pub fn selects(&self, labels: &BTreeMap<String, String>) -> bool {
        self.requirements.iter().all(|requirement| {
            let value = labels.get(&requirement.key);
            match &requirement.wanted {
                Wanted::In(values) => value.is_some_and(|value| values.contains(value)),
                Wanted::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
                Wanted::Exists => value.is_some(),
                Wanted::Missing => value.is_none(),
            }
        })
    }
}

/// What stands between the commas that are outside brackets.
fn parts(text: &str) -> Result<Vec<&str>, String> {
    let (mut parts, mut start, mut is_inside) = (Vec::new(), 0, false);
    for (at, character) in text.char_indices() {
        match character {
            '(' if !is_inside => is_inside = true,
            ')' if is_inside => is_inside = false,
            '(' | ')' => return Err("has a bracket too many".to_owned()),
            ',' if !is_inside => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    if is_inside {
        return Err("has a bracket that does not end".to_owned());
    }
    parts.push(text[start..].trim());
    Ok(parts)
}

fn requirement(text: &str) -> Result<Requirement, String> {
    if let Some(key) = text.strip_prefix('!') {
        return Ok(Requirement { key: key_of(key)?, wanted: Wanted::Missing });
    }
    if let Some((start, values)) = text.split_once('(') {
        let values = values.strip_suffix(')').ok_or("has something behind a bracket")?;
        let values = values.split(',').map(value_of).collect::<Result<Vec<_>, _>>()?;
        let (key, operator) = start.trim().rsplit_once([' ', '\t']).ok_or("has a bracket without `in` or `notin`")?;
        let wanted = match operator {
            "in" => Wanted::In(values),
            "notin" => Wanted::NotIn(values),
            _ => return Err("has a bracket without `in` or `notin`".to_owned()),
        };
        return Ok(Requirement { key: key_of(key)?, wanted });
    }
    let Some(at) = text.find(['=', '!']) else {
        return Ok(Requirement { key: key_of(text)?, wanted: Wanted::Exists });
    };
    let (key, rest) = text.split_at(at);
    let wanted = if let Some(value) = rest.strip_prefix("!=") {
        Wanted::NotIn(vec![value_of(value)?])
    } else if let Some(value) = rest.strip_prefix("==").or_else(|| rest.strip_prefix('=')) {
        Wanted::In(vec![value_of(value)?])
    } else {
        return Err("has a `!` in the middle".to_owned());
    };
    Ok(Requirement { key: key_of(key)?, wanted })
}

/// `app`, `app.kubernetes.io/name`.
fn key_of(text: &str) -> Result<String, String> {
    let text = text.trim();
    let (prefix, name) = text.split_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    let is_prefix = |prefix: &str| {
        let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
        !prefix.is_empty() && prefix.len() <= 253 && prefix.bytes().all(is_part)
    };
    if name.is_empty() || !is_value(name) || !prefix.is_none_or(is_prefix) {
        return Err(format!("`{text}` is no key of a label"));
    }
    Ok(text.to_owned())
}

fn value_of(text: &str) -> Result<String, String> {
    let text = text.trim();
    if is_value(text) { Ok(text.to_owned()) } else { Err(format!("`{text}` is no value of a label")) }
}

fn is_value(text: &str) -> bool {
    let is_edge = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_alphanumeric);
    text.len() <= 63
        && is_edge(text.as_bytes().first())
        && is_edge(text.as_bytes().last())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}
