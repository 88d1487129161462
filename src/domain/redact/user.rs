//! The user's own rules, and what they never want masked.

use aho_corasick::AhoCorasick;
use regex::Regex;
use serde::Deserialize;

use super::{is_mark, scan::Span};

/// One rule as its file writes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserRule {
    /// Lower-case letters, digits and dashes: the kind of its marks.
    pub id: String,
    /// It runs only over texts with one of them; empty = over every text.
    #[serde(default)]
    pub keywords: Vec<String>,
    pub regex: String,
    /// The group that is the secret; 0 = the whole match.
    #[serde(default)]
    pub group: usize,
}

/// A rule that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError {
    pub rule: String,
    pub why: String,
}

impl std::fmt::Display for RuleError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "rule `{}`: {}", self.rule, self.why)
    }
}

impl std::error::Error for RuleError {}

/// Rules that were checked.
#[derive(Debug, Default)]
pub struct UserRules(Vec<Checked>);

#[derive(Debug)]
struct Checked {
    id: String,
    keywords: Option<AhoCorasick>,
    regex: Regex,
    group: usize,
}

/// The most that one rule may cost in memory.
const REGEX_BYTES: usize = 4 << 20;

impl UserRules {
    pub fn new(rules: &[UserRule]) -> Result<Self, RuleError> {
        rules.iter().map(checked).collect::<Result<_, _>>().map(Self)
    }

    /// Adds what the rules find in `text`.
    pub fn run<'r>(&'r self, text: &str, spans: &mut Vec<Span<'r>>) {
        for rule in self.0.iter().filter(|rule| rule.keywords.as_ref().is_none_or(|keywords| keywords.is_match(text))) {
            for found in rule.regex.captures_iter(text) {
                // A group that took no part leaves the whole match.
                let Some(secret) = found.get(rule.group).or_else(|| found.get(0)) else { continue };
                if !secret.is_empty() && !is_mark(secret.as_str()) {
                    spans.push(Span { start: secret.start(), end: secret.end(), kind: &rule.id });
                }
            }
        }
    }
}

fn checked(rule: &UserRule) -> Result<Checked, RuleError> {
    let error = |why: String| RuleError { rule: rule.id.clone(), why };
    let is_id = !rule.id.is_empty()
        && rule.id.len() <= 40
        && rule.id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !is_id {
        return Err(error("its id must be lower-case letters, digits and dashes, at most 40".to_owned()));
    }
    let regex = regex::RegexBuilder::new(&rule.regex).size_limit(REGEX_BYTES).build();
    let regex = regex.map_err(|cause| error(format!("its regex cannot be used: {cause}")))?;
    if regex.is_match("") {
        return Err(error("its regex matches the empty text".to_owned()));
    }
    if rule.group >= regex.captures_len() {
        return Err(error(format!("its regex has no group {}", rule.group)));
    }
    if rule.keywords.iter().any(String::is_empty) {
        return Err(error("an empty keyword".to_owned()));
    }
    let keywords = (!rule.keywords.is_empty())
        .then(|| AhoCorasick::builder().ascii_case_insensitive(true).build(&rule.keywords))
        .transpose()
        .map_err(|cause| error(format!("its keywords cannot be used: {cause}")))?;
    Ok(Checked { id: rule.id.clone(), keywords, regex, group: rule.group })
}
