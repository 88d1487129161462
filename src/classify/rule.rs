//! One rule file: a category, how it shows, and what to do about it.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::pattern::{Pattern, PatternError, one_line};
use crate::domain::{
    advice::{Playbook, Remedy},
    symptom::{CategoryId, Severity},
};

/// A parsed and checked rule.
#[derive(Debug)]
pub struct Rule {
    pub id: CategoryId,
    pub title: String,
    pub severity: Severity,
    /// How the category is said in texts.
    pub patterns: Vec<RulePattern>,
    /// How it shows in the canonical fact lines that collectors write.
    pub facts: Vec<Pattern>,
    /// Spans of text that mention the category without reporting it.
    pub excludes: Vec<Pattern>,
    /// Categories that are a mere detail when said in the same sentence.
    pub absorbs: Vec<CategoryId>,
    /// Categories that are consequences of this one wherever both are found.
    pub explains: Vec<CategoryId>,
    /// Every deeper finding explains this one: it is the root only where nothing else is found.
    pub symptom: bool,
    /// It shows in the state of objects: reported of an object that is well, it is over.
    pub in_status: bool,
    /// What to look at for it; names of collectors.
    pub evidence: Vec<String>,
    pub parameters: BTreeMap<String, String>,
    pub playbook: Playbook,
    pub references: Vec<String>,
    pub examples: Examples,
    /// It came from the user's folder, not with the program.
    pub is_own: bool,
}

/// One wording of a category.
#[derive(Debug)]
pub struct RulePattern {
    pub pattern: Pattern,
    /// 0 to 1.
    pub confidence: f32,
    /// The wording does not count in a text where one of these matches.
    pub unless: Vec<Pattern>,
}

/// Texts that the whole catalogue is checked against.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Examples {
    /// Each must rank this category first over all rules.
    pub r#match: Vec<String>,
    /// None may yield this category as its root cause.
    pub not_match: Vec<String>,
}

/// Everything wrong with one rule file, one sentence each, the field first.
pub type Problems = Vec<String>;

impl Rule {
    /// Parses one YAML rule file; every problem is told, not just the first.
    pub fn parse(yaml: &str) -> Result<Self, Problems> {
        let file: RuleFile = serde_saphyr::from_str(yaml).map_err(|error| vec![one_line(&error.to_string())])?;
        let mut problems = file.check_words();
        let mut parsed = |field: &str, source: &str, parse: fn(&str) -> Result<Pattern, PatternError>| match parse(source) {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                problems.push(format!("{field}: `{source}`: {error}"));
                None
            }
        };
        let mut patterns = Vec::new();
        for entry in &file.patterns {
            let (source, confidence, unless) = match entry {
                PatternEntry::Plain(source) => (source, None, &[][..]),
                PatternEntry::Detailed(detailed) => (&detailed.pattern, detailed.confidence, &detailed.unless[..]),
            };
            let unless = unless.iter().filter_map(|source| parsed("unless", source, Pattern::parse_free)).collect();
            if let Some(pattern) = parsed("patterns", source, Pattern::parse) {
                patterns.push(RulePattern { pattern, confidence: confidence.unwrap_or(file.confidence), unless });
            }
        }
        let facts = file.facts.iter().filter_map(|source| parsed("facts", source, Pattern::parse)).collect();
        let excludes = file.excludes.iter().filter_map(|source| parsed("excludes", source, Pattern::parse)).collect();
        for confidence in patterns.iter().map(|pattern| pattern.confidence) {
            if !(0.0..=1.0).contains(&confidence) {
                problems.push(format!("confidence: {confidence} is not between 0 and 1"));
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let id = CategoryId::new(&file.id);
        let ids = |names: &[String]| names.iter().map(|name| CategoryId::new(name)).collect();
        Ok(Self {
            title: file.title.clone(),
            severity: file.severity,
            patterns,
            facts,
            excludes,
            absorbs: ids(&file.absorbs),
            explains: ids(&file.explains),
            symptom: file.symptom,
            in_status: file.in_status,
            evidence: file.evidence,
            parameters: file.parameters,
            playbook: Playbook {
                category: id.clone(),
                title: file.title,
                severity: file.severity,
                root_cause: file.root_cause.trim().to_owned(),
                explanation: file.explanation.trim().to_owned(),
                remedies: file.remedies,
                prevention: file.prevention,
                runbook: format!("{}.md", file.runbook.trim_end_matches(".md")),
            },
            references: file.references,
            examples: file.examples,
            is_own: false,
            id,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    id: String,
    title: String,
    severity: Severity,
    confidence: f32,
    patterns: Vec<PatternEntry>,
    #[serde(default)]
    facts: Vec<String>,
    #[serde(default)]
    excludes: Vec<String>,
    #[serde(default)]
    absorbs: Vec<String>,
    #[serde(default)]
    explains: Vec<String>,
    #[serde(default)]
    symptom: bool,
    #[serde(default)]
    in_status: bool,
    #[serde(default)]
    evidence: Vec<String>,
    #[serde(default)]
    parameters: BTreeMap<String, String>,
    root_cause: String,
    explanation: String,
    remedies: Vec<Remedy>,
    prevention: Vec<String>,
    runbook: String,
    #[serde(default)]
    references: Vec<String>,
    examples: Examples,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum PatternEntry {
    Plain(String),
    Detailed(DetailedPattern),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DetailedPattern {
    pattern: String,
    confidence: Option<f32>,
    #[serde(default)]
    unless: Vec<String>,
}

/// What a rule may ask collectors for.
const EVIDENCE: [&str; 11] =
    ["said", "pod-status", "previous-logs", "logs", "workload", "usage", "events", "node", "storage", "network", "quota"];

impl RuleFile {
    fn check_words(&self) -> Problems {
        let mut problems = Problems::new();
        let mut require = |holds: bool, problem: &str| {
            if !holds {
                problems.push(problem.to_owned());
            }
        };
        let is_pascal =
            self.id.starts_with(|c: char| c.is_ascii_uppercase()) && self.id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        require(is_pascal, "id: must be PascalCase");
        require(!matches!(self.id.as_str(), CategoryId::UNKNOWN | CategoryId::HEALTHY), "id: Unknown and Healthy have no rule");
        require(!self.title.trim().is_empty(), "title: is empty");
        require(!self.patterns.is_empty(), "patterns: is empty");
        require(!self.root_cause.trim().is_empty(), "root_cause: is empty");
        require(!self.explanation.trim().is_empty(), "explanation: is empty");
        require(!self.remedies.is_empty(), "remedies: is empty");
        require(!self.prevention.is_empty(), "prevention: is empty");
        require(!self.runbook.trim().is_empty(), "runbook: is empty");
        require(self.examples.r#match.len() >= 2, "examples.match: needs two or more texts");
        require(!self.examples.not_match.is_empty(), "examples.not_match: needs one or more texts");
        for wanted in &self.evidence {
            require(EVIDENCE.contains(&wanted.as_str()), &format!("evidence: `{wanted}` is none of {}", EVIDENCE.join(", ")));
        }
        problems
    }
}
