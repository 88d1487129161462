//! One rule of a policy: conditions, all of which have to be met, and what it decides.

use serde::Serialize;

use super::{PolicyQuestion, bounds::Bounds, selector::Selector, times::Times};
use crate::{
    domain::{
        action::{ActionKind, Change},
        object::Kind,
        ruling::PolicyDecision,
    },
    guard::line::fits_glob,
};

/// A condition that is `None` or empty is no condition.
#[derive(Debug)]
pub struct Rule {
    pub id: String,
    pub actions: Actions,
    pub namespaces: Option<Vec<String>>,
    pub except_namespaces: Vec<String>,
    pub kinds: Option<Vec<Kind>>,
    pub names: Option<Vec<String>>,
    pub labels: Option<Selector>,
    /// Only where the rule grants something.
    pub bounds: Option<Bounds>,
    pub times: Option<Times>,
    pub decision: PolicyDecision,
    pub justification: String,
}

#[derive(Debug)]
pub enum Actions {
    /// `*`: only where the rule forbids.
    Every,
    These(Vec<ActionKind>),
}

/// One condition of a rule, held against a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// Name of the field: `namespaces`, or of the bound: `max_replicas`.
    pub field: &'static str,
    #[serde(rename = "met")]
    pub is_met: bool,
    /// Met only because it cannot be told, and the rule forbids.
    #[serde(rename = "assumed", skip_serializing_if = "std::ops::Not::not")]
    pub is_assumed: bool,
    /// `shop is not among web, team-*`
    pub why: String,
}

impl Condition {
    fn new(field: &'static str, is_met: bool, why: String) -> Self {
        Self { field, is_met, is_assumed: false, why }
    }

    /// True of a bound: how much, not what or where or when.
    pub fn is_bound(&self) -> bool {
        self.field.starts_with("max_") || self.field.starts_with("min_")
    }
}

impl Rule {
    /// Every condition that the rule has, in the order of its fields; of a rule for other actions the first alone.
    pub fn conditions(&self, question: &PolicyQuestion) -> Vec<Condition> {
        let mut conditions = vec![self.action(question)];
        if !conditions[0].is_met {
            return conditions;
        }
        conditions.extend(self.namespaces(question));
        conditions.extend(self.except_namespaces(question));
        conditions.extend(self.kinds(question));
        conditions.extend(self.names(question));
        conditions.extend(self.labels(question));
        if let Some(bounds) = &self.bounds {
            let held = bounds.hold(question.action, &question.magnitude);
            conditions.extend(held.into_iter().map(|held| Condition::new(held.bound, held.is_met, held.why)));
        }
        conditions.extend(self.times.as_ref().map(|times| match times.unmet(question.now) {
            Some(why) => Condition::new("times", false, why),
            None => Condition::new("times", true, "it is within".to_owned()),
        }));
        conditions
    }

    /// The kinds of actions that it names, each with the namespaces that it names. `None` = any, or many by a pattern.
    pub fn reach(&self) -> impl Iterator<Item = (ActionKind, Option<&str>)> {
        let kinds: &[ActionKind] = match &self.actions {
            Actions::Every => &ActionKind::STEPS,
            Actions::These(kinds) => kinds,
        };
        let names = self.namespaces.iter().flatten().map(|name| Some(name.as_str()).filter(|name| !name.contains(['*', '?'])));
        let namespaces: Vec<Option<&str>> = if self.namespaces.is_some() { names.collect() } else { vec![None] };
        kinds.iter().flat_map(move |kind| namespaces.clone().into_iter().map(move |namespace| (*kind, namespace)))
    }

    /// True when it forbids everything, always: nothing can be an example of what it does not match.
    pub fn is_unconditional(&self) -> bool {
        matches!(self.actions, Actions::Every)
            && self.namespaces.is_none()
            && self.except_namespaces.is_empty()
            && self.kinds.is_none()
            && self.names.is_none()
            && self.labels.is_none()
            && self.times.is_none()
    }

    fn action(&self, question: &PolicyQuestion) -> Condition {
        let kind = question.action.change.kind();
        match &self.actions {
            Actions::Every => Condition::new("actions", true, "every action".to_owned()),
            Actions::These(kinds) => {
                let names: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
                among("actions", kind.as_str(), kinds.contains(&kind), &names)
            }
        }
    }

    fn namespaces(&self, question: &PolicyQuestion) -> Option<Condition> {
        let globs = self.namespaces.as_ref()?;
        Some(match namespace(question) {
            Some(namespace) => among("namespaces", namespace, fits_any(globs, namespace), globs),
            None => Condition::new("namespaces", false, "the target is in no namespace".to_owned()),
        })
    }

    fn except_namespaces(&self, question: &PolicyQuestion) -> Option<Condition> {
        let namespace = namespace(question).filter(|_| !self.except_namespaces.is_empty())?;
        let is_excepted = fits_any(&self.except_namespaces, namespace);
        let condition = among("except_namespaces", namespace, is_excepted, &self.except_namespaces);
        Some(Condition { is_met: !is_excepted, ..condition })
    }

    fn kinds(&self, question: &PolicyQuestion) -> Option<Condition> {
        let kinds = self.kinds.as_ref()?;
        let kind = question.action.target.kind;
        let is_met = kinds.contains(&kind) || is_about_many(question) && kinds.contains(&Kind::Pod);
        let names: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
        Some(among("kinds", kind.as_str(), is_met, &names))
    }

    fn names(&self, question: &PolicyQuestion) -> Option<Condition> {
        let globs = self.names.as_ref()?;
        if is_about_many(question) {
            return Some(self.unknown("names", "the names of the pods are not known"));
        }
        let name = &question.action.target.name;
        Some(among("names", name, fits_any(globs, name), globs))
    }

    fn labels(&self, question: &PolicyQuestion) -> Option<Condition> {
        let selector = self.labels.as_ref()?;
        if is_about_many(question) {
            return Some(self.unknown("labels", "the labels of the pods are not known"));
        }
        if !question.labels_known {
            return Some(self.unknown("labels", "the labels were not read"));
        }
        let is_met = selector.selects(question.labels);
        let relation = if is_met { "fit" } else { "do not fit" };
        Some(Condition::new("labels", is_met, format!("the labels {relation} `{}`", selector.text)))
    }

    /// What cannot be told grants nothing, and forbids all the same.
    fn unknown(&self, field: &'static str, what: &str) -> Condition {
        let is_met = self.decision == PolicyDecision::Forbidden;
        let why = if is_met { format!("{what}, which counts as a match") } else { what.to_owned() };
        Condition { field, is_met, is_assumed: is_met, why }
    }
}

/// The namespace that the action is in: of failed pods the one that is named.
fn namespace<'a>(question: &PolicyQuestion<'a>) -> Option<&'a str> {
    let target = &question.action.target;
    if target.kind == Kind::Namespace { Some(&target.name) } else { target.namespace.as_deref() }
}

/// True when the target stands for objects that the action does not name.
fn is_about_many(question: &PolicyQuestion) -> bool {
    matches!(question.action.change, Change::DeleteFailedPods)
}

fn fits_any(globs: &[String], text: &str) -> bool {
    globs.iter().any(|glob| fits_glob(glob, text))
}

fn among(field: &'static str, value: &str, is_met: bool, list: &[impl AsRef<str>]) -> Condition {
    let list: Vec<&str> = list.iter().map(AsRef::as_ref).collect();
    let relation = if is_met { "is among" } else { "is not among" };
    Condition::new(field, is_met, format!("{value} {relation} {}", list.join(", ")))
}
