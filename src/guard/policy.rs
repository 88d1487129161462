//! Which changes may be made: a file of rules, of which the strictest that matches decides. What none of them matches is
//! forbidden.
//!
//! ```text
//! text -> file (fields, examples) -> Policy      Action + labels + magnitude + time -> every rule's conditions -> Ruling
//! ```

mod bounds;
mod examples;
mod file;
mod rule;
mod selector;
mod times;

pub use file::{PolicyError, Problem};
pub use rule::Condition;

use std::{cmp::Reverse, collections::BTreeMap};

use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::action::possible;
use crate::domain::{
    action::{Action, ActionKind},
    ruling::{Magnitude, PolicyDecision, RuleMatch, Ruling},
};
use rule::Rule;

/// A policy that people can start from; see `faultline policy example`.
pub const EXAMPLE: &str = include_str!("example-policy.yaml");

const DEFAULT: &str = include_str!("default.yaml");

/// A policy that was checked as a whole.
#[derive(Debug)]
pub struct Policy {
    rules: Vec<Rule>,
    version: String,
}

/// One action, and all that a policy may judge it by.
#[derive(Clone, Copy, Debug)]
pub struct PolicyQuestion<'a> {
    pub action: &'a Action,
    /// Labels of the target.
    pub labels: &'a BTreeMap<String, String>,
    /// False = the labels were not read yet: what asks for labels then grants nothing and forbids all the same.
    pub labels_known: bool,
    pub magnitude: Magnitude,
    pub now: Timestamp,
}

/// A rule held against a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleView<'a> {
    pub rule: &'a str,
    pub decision: PolicyDecision,
    /// All of its conditions are met.
    pub matches: bool,
    pub conditions: Vec<Condition>,
}

impl Policy {
    /// Denies every write.
    pub fn built_in() -> Self {
        Self::load(DEFAULT).expect("a test loads the built-in policy")
    }

    /// The policy of `text`, whose examples all hold. The error tells every mistake.
    pub fn load(text: &str) -> Result<Self, PolicyError> {
        let rules = file::rules(text)?;
        let hash = format!("{:x}", Sha256::digest(text));
        Ok(Self { rules, version: hash[..VERSION_LETTERS].to_owned() })
    }

    /// The beginning of the SHA-256 of the policy's text.
    pub fn version(&self) -> &str {
        &self.version
    }

    pub fn rule_count(&self) -> usize {
        self.rules.len()
    }

    /// What the policy grants or lets be approved somewhere: kinds of actions, each with the one namespace that a rule names. No
    /// namespace = any, or many by a pattern.
    pub fn may_be_done(&self) -> impl Iterator<Item = (ActionKind, Option<&str>)> {
        self.rules.iter().filter(|rule| rule.decision != PolicyDecision::Forbidden).flat_map(Rule::reach)
    }

    /// What the policy says about one action. The order of the rules has no part in it.
    pub fn judge(&self, question: &PolicyQuestion) -> Ruling {
        self.explain(question).0
    }

    /// The same, with what every rule has to do with it, in the order of the file.
    pub fn explain(&self, question: &PolicyQuestion) -> (Ruling, Vec<RuleView<'_>>) {
        let views: Vec<RuleView> = self.rules.iter().map(|rule| view(rule, question)).collect();
        let mut matched: Vec<(&Rule, &RuleView)> = self.rules.iter().zip(&views).filter(|(_, view)| view.matches).collect();
        matched.sort_by_key(|(rule, _)| (Reverse(rule.decision), &rule.id));
        let matches = matched.iter().map(|(rule, _)| RuleMatch { rule: rule.id.clone(), decision: rule.decision }).collect();
        let (decision, rule, reason) = match (possible(question.action), matched.first()) {
            (Err(error), _) => (PolicyDecision::Forbidden, None, format!("no action that can be carried out: {error}")),
            (Ok(()), Some((rule, view))) => (rule.decision, Some(rule.id.clone()), reason_of(rule, view)),
            (Ok(()), None) => (PolicyDecision::Forbidden, None, nothing_matches(&views)),
        };
        (Ruling::by_policy(decision, rule, reason, self.version.clone(), matches), views)
    }
}

/// Letters of a version: enough to tell the policies of one place apart.
const VERSION_LETTERS: usize = 12;
/// Rules that nearly matched, as far as a reason names them.
const MAX_NEAR_MISSES: usize = 3;
/// A rule that misses by more than this many conditions is not near.
const MAX_CONDITIONS_MISSED: usize = 2;

fn view<'a>(rule: &'a Rule, question: &PolicyQuestion) -> RuleView<'a> {
    let conditions = rule.conditions(question);
    let matches = conditions.iter().all(|condition| condition.is_met);
    RuleView { rule: &rule.id, decision: rule.decision, matches, conditions }
}

/// The justification, and what had to be assumed.
fn reason_of(rule: &Rule, view: &RuleView) -> String {
    let assumed = view.conditions.iter().filter(|condition| condition.is_assumed);
    let assumed: Vec<&str> = assumed.map(|condition| condition.why.as_str()).collect();
    if assumed.is_empty() { rule.justification.clone() } else { format!("{} ({})", rule.justification, assumed.join("; ")) }
}

/// Why nothing matches, with the granting rules that nearly did, the nearest first.
fn nothing_matches(views: &[RuleView]) -> String {
    let mut near: Vec<(usize, &str, String)> = views
        .iter()
        .filter(|view| view.decision != PolicyDecision::Forbidden)
        .filter_map(|view| {
            let missed: Vec<&Condition> = view.conditions.iter().filter(|condition| !condition.is_met).collect();
            // What is not known leaves several bounds unmet at once.
            let (bounds, others): (Vec<&Condition>, Vec<&Condition>) = missed.iter().partition(|condition| condition.is_bound());
            let count = others.len() + usize::from(!bounds.is_empty());
            let is_near = count <= MAX_CONDITIONS_MISSED && missed.iter().all(|condition| condition.field != "actions");
            let verb = if view.decision == PolicyDecision::Allow { "would allow it" } else { "would let it be approved" };
            let missed_in_words: Vec<String> =
                missed.iter().map(|condition| format!("{} ({})", condition.field, condition.why)).collect();
            let text = format!("rule {} {verb} but for its {}", view.rule, missed_in_words.join(" and "));
            is_near.then_some((count, view.rule, text))
        })
        .collect();
    near.sort();
    near.truncate(MAX_NEAR_MISSES);
    let near: Vec<String> = near.into_iter().map(|(_, _, text)| text).collect();
    if near.is_empty() {
        "no rule of the policy matches, and what none matches is forbidden".to_owned()
    } else {
        format!("no rule of the policy matches: {}", near.join("; "))
    }
}
