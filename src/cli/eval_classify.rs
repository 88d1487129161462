//! `faultline eval classify`: how well the rules do on texts that a person labelled.

use std::{collections::BTreeMap, fmt::Write as _};

use serde::{Deserialize, Serialize};

use crate::{
    classify::{self, Origin, Reading, catalogue::Catalogue},
    domain::{redact::Redactor, symptom::CategoryId},
};

/// One labelled text, one line of a JSONL file.
#[derive(Clone, Debug, Deserialize)]
pub struct Case {
    #[serde(default)]
    pub id: String,
    /// Kind of text: `plain`, `chat`, ... Figures are told per group.
    #[serde(default)]
    pub group: String,
    pub text: String,
    /// The category that is right; `Unknown` for a text without an error or with one of no category.
    pub category: String,
    /// Further categories that are right as well.
    #[serde(default)]
    pub also: Vec<String>,
    /// For `Unknown`: `MEDIUM` = an error of no category, `LOW` = no error at all.
    pub severity: Option<String>,
}

/// Figures over a labelled set.
#[derive(Debug, Serialize)]
pub struct Report {
    pub texts: usize,
    /// Share of texts whose category is right.
    pub accuracy: f64,
    /// Mean over categories of the harmonic mean of precision and recall.
    pub macro_f1: f64,
    /// Share of texts without an error (severity LOW) that were given a category or called an error.
    pub false_alarms: f64,
    pub groups: BTreeMap<String, Group>,
    pub misses: Vec<Miss>,
    /// Texts without an error in which one was seen.
    pub alarms: Vec<Miss>,
}

#[derive(Debug, Default, Serialize)]
pub struct Group {
    pub texts: usize,
    pub right: usize,
}

/// A text that got another category than its label.
#[derive(Debug, Serialize)]
pub struct Miss {
    pub id: String,
    pub expected: String,
    pub found: String,
    pub text: String,
}

impl Miss {
    fn of(case: &Case, found: &str) -> Self {
        let text = case.text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(140).collect();
        Self { id: case.id.clone(), expected: case.category.clone(), found: found.to_owned(), text }
    }
}

/// Classifies every case and counts.
pub fn evaluate(catalogue: &Catalogue, cases: &[Case]) -> Report {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    let mut per_category: BTreeMap<&str, Counts> = BTreeMap::new();
    let mut misses = Vec::new();
    let mut healthy = 0_usize;
    let mut alarms = Vec::new();
    let found: Vec<(String, bool)> = cases.iter().map(|case| answer(catalogue, &case.text)).collect();
    for (case, (found, sees_error)) in cases.iter().zip(&found) {
        let is_right = *found == case.category || case.also.contains(found);
        let group = groups.entry(case.group.clone()).or_default();
        group.texts += 1;
        group.right += usize::from(is_right);
        if case.severity.as_deref() == Some("LOW") {
            healthy += 1;
            if *sees_error {
                alarms.push(Miss::of(case, found));
            }
        }
        let label = if is_right { found.as_str() } else { case.category.as_str() };
        per_category.entry(label).or_default().expected += 1;
        per_category.entry(found).or_default().found += 1;
        per_category.entry(label).or_default().right += usize::from(is_right);
        if !is_right {
            misses.push(Miss::of(case, found));
        }
    }
    let labelled: Vec<&Counts> = per_category.values().filter(|counts| counts.expected > 0).collect();
    Report {
        texts: cases.len(),
        accuracy: share(cases.len() - misses.len(), cases.len()),
        macro_f1: labelled.iter().map(|counts| counts.f1()).sum::<f64>() / labelled.len().max(1) as f64,
        false_alarms: share(alarms.len(), healthy),
        groups,
        misses,
        alarms,
    }
}

/// The category of `text`, and whether any error was seen in it.
fn answer(catalogue: &Catalogue, text: &str) -> (String, bool) {
    let found = classify::classify(catalogue, &[(Origin::ErrorMessage, &Redactor::built_in().clean(text))]);
    let category = found.findings.first().map_or(CategoryId::UNKNOWN, |finding| finding.category.as_str()).to_owned();
    (category, !matches!(found.reading, Reading::NoError { .. }))
}

#[derive(Debug, Default)]
struct Counts {
    expected: usize,
    found: usize,
    right: usize,
}

impl Counts {
    fn f1(&self) -> f64 {
        share(2 * self.right, self.expected + self.found)
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

impl Report {
    /// For a terminal: figures, groups, and the confusions.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        let _ = writeln!(out, "texts         {}", self.texts);
        let _ = writeln!(out, "accuracy      {:.3}", self.accuracy);
        let _ = writeln!(out, "macro-F1      {:.3}", self.macro_f1);
        let _ = writeln!(out, "false alarms  {:.3}", self.false_alarms);
        for (name, group) in &self.groups {
            let _ = writeln!(out, "  {name:<14} {:>4}/{:<4} {:.3}", group.right, group.texts, share(group.right, group.texts));
        }
        if !self.misses.is_empty() {
            let _ = writeln!(out, "confusion (id: expected, found, text)");
        }
        for miss in &self.misses {
            let _ = writeln!(out, "  {}: {} -> {}: {}", miss.id, miss.expected, miss.found, miss.text);
        }
        if !self.alarms.is_empty() {
            let _ = writeln!(out, "false alarms (id: found, text)");
        }
        for alarm in &self.alarms {
            let _ = writeln!(out, "  {}: {}: {}", alarm.id, alarm.found, alarm.text);
        }
        out
    }
}
