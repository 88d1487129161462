//! Actions that a rule matches and does not match, checked whenever a policy is loaded.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_saphyr::{Location, Spanned};

use super::{PolicyQuestion, rule::Rule};
use crate::{domain::ruling::Magnitude, guard::action::written};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Examples {
    #[serde(default)]
    r#match: Vec<Spanned<Example>>,
    #[serde(default)]
    not_match: Vec<Spanned<Example>>,
}

/// `rollout-restart deployment/shop/api`, or the same in the field `action` beside others.
struct Example(Told);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    /// As an action prints itself.
    action: String,
    /// `None` = as if they had not been read.
    labels: Option<BTreeMap<String, String>>,
    /// `None` = at no particular time, which is no match of a rule that has times.
    at: Option<Timestamp>,
    #[serde(default)]
    magnitude: Magnitude,
}

/// What the examples say against `rule`, and where they do. `None` = the examples as a whole.
pub fn problems(rule: &Rule, examples: &Examples) -> Vec<(Option<Location>, String)> {
    let mut problems = Vec::new();
    if examples.r#match.is_empty() {
        problems.push((None, "there is no `match`: tell one action that the rule is for".to_owned()));
    }
    if examples.not_match.is_empty() && !rule.is_unconditional() {
        problems.push((None, "there is no `not_match`: tell one action that the rule is not for".to_owned()));
    }
    for example in &examples.r#match {
        let unmet = unmet(rule, &example.value.0);
        let problem =
            unmet.map_or_else(Some, |unmet| (!unmet.is_empty()).then(|| format!("does not match: {}", unmet.join("; "))));
        problems.extend(problem.map(|what| (Some(example.referenced), format!("`{}` {what}", example.value.0.action))));
    }
    for example in &examples.not_match {
        let unmet = unmet(rule, &example.value.0);
        let problem = unmet.map_or_else(Some, |unmet| unmet.is_empty().then(|| "matches, and must not".to_owned()));
        problems.extend(problem.map(|what| (Some(example.referenced), format!("`{}` {what}", example.value.0.action))));
    }
    problems
}

/// The conditions that the example does not meet, in words; the error tells what is wrong with the example.
fn unmet(rule: &Rule, told: &Told) -> Result<Vec<String>, String> {
    let action = match written(&told.action) {
        None => return Err("is no action; one is written as `rollout-restart deployment/shop/api`".to_owned()),
        Some(Err(error)) => return Err(format!("is no action: {error}")),
        Some(Ok(action)) => action,
    };
    let none = BTreeMap::new();
    let question = PolicyQuestion {
        action: &action,
        labels: told.labels.as_ref().unwrap_or(&none),
        labels_known: told.labels.is_some(),
        magnitude: told.magnitude,
        now: told.at.unwrap_or(Timestamp::UNIX_EPOCH),
    };
    let mut conditions = rule.conditions(&question);
    conditions.retain(|condition| !condition.is_met || condition.field == "times" && told.at.is_none());
    let why = |condition: super::rule::Condition| match condition.field {
        "times" if told.at.is_none() => "times: it says no `at`".to_owned(),
        field => format!("{field}: {}", condition.why),
    };
    Ok(conditions.into_iter().map(why).collect())
}

impl<'de> Deserialize<'de> for Example {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LineOrFields;
        impl<'de> Visitor<'de> for LineOrFields {
            type Value = Example;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an action, or one in the field `action`")
            }

            fn visit_str<E>(self, action: &str) -> Result<Example, E> {
                Ok(Example(Told { action: action.to_owned(), labels: None, at: None, magnitude: Magnitude::default() }))
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Example, A::Error> {
                Told::deserialize(MapAccessDeserializer::new(fields)).map(Example)
            }
        }
        deserializer.deserialize_any(LineOrFields)
    }
}
