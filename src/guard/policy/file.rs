//! From the text of a policy to its rules, with every mistake by rule, field and line.

use std::collections::BTreeSet;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{SeqAccess, Visitor},
};
use serde_saphyr::Spanned;

use super::{
    bounds::{self, Bounds},
    examples::{self, Examples},
    rule::{Actions, Rule},
    selector::Selector,
    times::{self, Times},
};
use crate::domain::{action::ActionKind, object::Kind, ruling::PolicyDecision};

/// Why a text is no policy. Nothing of it holds then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  "))]
pub struct PolicyError {
    /// At least one.
    pub problems: Vec<Problem>,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Id of the rule. `None` = the file as a whole.
    pub rule: Option<String>,
    /// `None` = the rule as a whole.
    pub field: Option<&'static str>,
    /// From 1. `None` = no line can be told.
    pub line: Option<u64>,
    pub what: String,
}

/// Prints `rule restart-web, namespaces, line 7: names nothing`.
impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rule = self.rule.as_ref().map(|rule| format!("rule {rule}"));
        let line = self.line.map(|line| format!("line {line}"));
        let place: Vec<String> = [rule, self.field.map(str::to_owned), line].into_iter().flatten().collect();
        if !place.is_empty() {
            write!(f, "{}: ", place.join(", "))?;
        }
        f.write_str(&self.what)
    }
}

const MAX_BYTES: usize = 1024 * 1024;
const MAX_RULES: usize = 1000;
/// More in one glob would make it slow to hold against a name.
const MAX_STARS: usize = 3;
const MAX_JUSTIFICATION_BYTES: usize = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: Spanned<u32>,
    rules: Vec<Spanned<Written>>,
}

/// A rule as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: Spanned<String>,
    actions: Spanned<Names>,
    namespaces: Option<Spanned<Vec<String>>>,
    except_namespaces: Option<Spanned<Vec<String>>>,
    kinds: Option<Spanned<Vec<String>>>,
    names: Option<Spanned<Vec<String>>>,
    labels: Option<Spanned<String>>,
    bounds: Option<Spanned<bounds::Written>>,
    times: Option<Spanned<times::Written>>,
    decision: PolicyDecision,
    justification: Spanned<String>,
    examples: Spanned<Examples>,
}

/// One name, or a list of them.
struct Names(Vec<String>);

/// The rules of `text`, all checked, each against its own examples.
pub fn rules(text: &str) -> Result<Vec<Rule>, PolicyError> {
    let whole = |line: Option<u64>, what: String| PolicyError { problems: vec![Problem { rule: None, field: None, line, what }] };
    if text.len() > MAX_BYTES {
        return Err(whole(None, format!("the file is larger than {MAX_BYTES} bytes")));
    }
    let file: File = serde_saphyr::from_str(text).map_err(|error| {
        let line = error.location().map(|location| location.line());
        let message = error.without_snippet().to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        let what = message.rsplit_once(" at line ").map_or(message.as_str(), |(what, _)| what);
        whole(line, what.to_owned())
    })?;
    if file.version.value != 1 {
        return Err(whole(Some(file.version.referenced.line()), "`version` is not 1, the only one there is".to_owned()));
    }
    if file.rules.len() > MAX_RULES {
        return Err(whole(None, format!("more than {MAX_RULES} rules")));
    }
    let mut problems = Vec::new();
    let mut ids = BTreeSet::new();
    let mut rules = Vec::new();
    for Spanned { value: written, .. } in file.rules {
        let mut reading = Reading { rule: written.id.value.clone(), problems: Vec::new() };
        if !ids.insert(written.id.value.clone()) {
            reading.add("id", &written.id, "another rule has it, too".to_owned());
        }
        rules.extend(reading.read(written));
        problems.append(&mut reading.problems);
    }
    if problems.is_empty() { Ok(rules) } else { Err(PolicyError { problems }) }
}

/// One rule while it is read.
struct Reading {
    rule: String,
    problems: Vec<Problem>,
}

impl Reading {
    fn add<T>(&mut self, field: &'static str, place: &Spanned<T>, what: String) {
        let line = Some(place.referenced.line()).filter(|line| *line > 0);
        self.problems.push(Problem { rule: Some(self.rule.clone()), field: Some(field), line, what });
    }

    /// `None` = it has problems.
    fn read(&mut self, mut written: Written) -> Option<Rule> {
        let bounds = written.bounds.take();
        let Written { id, decision, justification, examples, .. } = &written;
        if !is_id(&id.value) {
            self.add("id", id, "is not of small letters, digits and `-`, at most 63".to_owned());
        }
        let said = justification.value.trim();
        if said.is_empty() || said.len() > MAX_JUSTIFICATION_BYTES {
            self.add("justification", justification, format!("is not a text of 1 to {MAX_JUSTIFICATION_BYTES} bytes"));
        }
        let is_granting = *decision != PolicyDecision::Forbidden;
        let actions = self.parse("actions", &written.actions, |names| actions(names, is_granting))?;
        let namespaces = self.globs("namespaces", written.namespaces.as_ref());
        let except_namespaces = self.globs("except_namespaces", written.except_namespaces.as_ref());
        let kinds = written.kinds.as_ref().and_then(|written| self.parse("kinds", written, |names| kinds(names)));
        let names = self.globs("names", written.names.as_ref());
        let labels = written.labels.as_ref().and_then(|written| self.parse("labels", written, |text| Selector::parse(text)));
        let times = written.times.as_ref().and_then(|written| self.parse("times", written, Times::parse));
        let rule = Rule {
            id: id.value.clone(),
            namespaces,
            except_namespaces: except_namespaces.unwrap_or_default(),
            kinds,
            names,
            labels,
            bounds: bounds.and_then(|bounds| self.bounds(bounds, &actions, is_granting)),
            actions,
            times,
            decision: *decision,
            justification: said.split_whitespace().collect::<Vec<_>>().join(" "),
        };
        // Examples of a rule that was not understood would only repeat that.
        if self.problems.is_empty() {
            for (place, what) in examples::problems(&rule, &examples.value) {
                self.add("examples", &Spanned::new((), place.unwrap_or(examples.referenced), examples.defined), what);
            }
        }
        self.problems.is_empty().then_some(rule)
    }

    fn parse<T, P>(
        &mut self,
        field: &'static str,
        written: &Spanned<T>,
        parse: impl FnOnce(&T) -> Result<P, String>,
    ) -> Option<P> {
        parse(&written.value).map_err(|what| self.add(field, written, what)).ok()
    }

    fn bounds(&mut self, written: Spanned<bounds::Written>, actions: &Actions, is_granting: bool) -> Option<Bounds> {
        let place = Spanned::new((), written.referenced, written.defined);
        let bounds = match actions {
            Actions::These(kinds) if is_granting => Bounds::parse(written.value, kinds),
            Actions::These(_) | Actions::Every => Err("bound what is granted; a rule that forbids has none".to_owned()),
        };
        bounds.map_err(|what| self.add("bounds", &place, what)).ok()
    }

    fn globs(&mut self, field: &'static str, written: Option<&Spanned<Vec<String>>>) -> Option<Vec<String>> {
        self.parse(field, written?, |globs| {
            if globs.is_empty() {
                return Err("names nothing; leave the field out where everything is meant".to_owned());
            }
            match globs.iter().find(|glob| !is_glob(glob)) {
                Some(wrong) => Err(format!("`{wrong}` is no name, nor one with at most {MAX_STARS} `*`")),
                None => Ok(globs.clone()),
            }
        })
    }
}

fn actions(names: &Names, is_granting: bool) -> Result<Actions, String> {
    let step = |name: &String| {
        let found = ActionKind::STEPS.into_iter().find(|kind| kind.as_str() == name);
        let known = || ActionKind::STEPS.map(ActionKind::as_str).join(", ");
        found.ok_or_else(|| format!("`{name}` is no action; actions are {}", known()))
    };
    match names.0.as_slice() {
        [] => Err("names nothing".to_owned()),
        [every] if every == "*" && is_granting => Err("`*` may only be forbidden; what is granted is named".to_owned()),
        [every] if every == "*" => Ok(Actions::Every),
        names => names.iter().map(step).collect::<Result<_, _>>().map(Actions::These),
    }
}

fn kinds(names: &[String]) -> Result<Vec<Kind>, String> {
    if names.is_empty() {
        return Err("names nothing; leave the field out where everything is meant".to_owned());
    }
    names.iter().map(|name| Kind::of(name).ok_or_else(|| format!("`{name}` is no kind of object that is known here"))).collect()
}

fn is_id(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len()) && !text.starts_with('-') && !text.ends_with('-') && text.bytes().all(is_part)
}

fn is_glob(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.' | b'*');
    (1..=253).contains(&text.len()) && text.matches('*').count() <= MAX_STARS && text.bytes().all(is_part)
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Names;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a name or a list of names")
            }

            fn visit_str<E>(self, name: &str) -> Result<Names, E> {
                Ok(Names(vec![name.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = list.next_element()? {
                    names.push(name);
                }
                Ok(Names(names))
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}
