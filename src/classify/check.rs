//! The catalogue as a whole against its own examples.

use super::{Classification, Origin, Reading, catalogue::Catalogue, classify, rule::Rule};
use crate::domain::redact::Redactor;

/// Every example that does not come out as its rule file says; empty = the catalogue is consistent.
///
/// Compiles every regex, so a regex that is too large is found here as well.
pub fn check(catalogue: &Catalogue) -> Vec<String> {
    catalogue.rules().iter().flat_map(|rule| check_rule(catalogue, rule)).collect()
}

fn check_rule(catalogue: &Catalogue, rule: &Rule) -> Vec<String> {
    let mut problems = Vec::new();
    let redactor = Redactor::built_in();
    let unless = rule.patterns.iter().flat_map(|said| &said.unless);
    for pattern in rule.patterns.iter().map(|said| &said.pattern).chain(unless).chain(&rule.facts).chain(&rule.excludes) {
        if let Err(error) = pattern.compile() {
            problems.push(format!("{}: `{}`: {error}", rule.id, pattern.source()));
        }
    }
    for example in &rule.examples.r#match {
        let found = classify(catalogue, &[(Origin::ErrorMessage, &redactor.clean(example))]);
        if root(&found) != rule.id.as_str() {
            problems.push(format!("{}: examples.match: yields {}: {}", rule.id, told(&found), short(example)));
        }
    }
    for example in &rule.examples.not_match {
        let found = classify(catalogue, &[(Origin::ErrorMessage, &redactor.clean(example))]);
        if root(&found) == rule.id.as_str() {
            problems.push(format!("{}: examples.not_match: yields {}: {}", rule.id, told(&found), short(example)));
        }
    }
    problems
}

fn root(found: &Classification) -> &str {
    match found.reading {
        Reading::Known => found.findings.first().map_or("", |finding| finding.category.as_str()),
        Reading::UnknownError | Reading::Healthy | Reading::NoError { .. } => "",
    }
}

fn told(found: &Classification) -> String {
    match found.reading {
        Reading::Known => found
            .findings
            .iter()
            .map(|finding| format!("{} ({}, {})", finding.category, finding.role.as_str(), finding.confidence))
            .collect::<Vec<_>>()
            .join(", "),
        Reading::UnknownError => "an error of no category".to_owned(),
        Reading::Healthy | Reading::NoError { .. } => "no error".to_owned(),
    }
}

fn short(example: &str) -> String {
    let line = example.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() > 160 { format!("{}...", line.chars().take(160).collect::<String>()) } else { line }
}
