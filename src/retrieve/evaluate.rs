//! How well search does on questions with known answers.

use crate::domain::passage::Suggestion;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A question with its answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Case {
    /// What is asked.
    pub query: String,
    /// The files that answer it. Empty: no runbook fits, and saying so is the right answer.
    pub relevant: Vec<String>,
}

/// Figures over a set of cases. Shares are 0 to 1, and 1 where there was nothing to get wrong.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RetrievalReport {
    /// The share of fitting runbooks that came first.
    pub recall_at_1: f64,
    /// The share of fitting runbooks among the first three.
    pub recall_at_3: f64,
    /// The share of fitting runbooks among the first five.
    pub recall_at_5: f64,
    /// The mean of one over the rank of the first fitting runbook, 0 beyond rank 10.
    pub mrr_at_10: f64,
    /// Of the questions answered with nothing, the share that no runbook fits.
    pub no_fit_precision: f64,
    /// Of the questions that no runbook fits, the share answered with nothing.
    pub no_fit_recall: f64,
    /// How many cases there were.
    pub n: usize,
}

/// Asks `search` every question (for at most ten answers, best first) and compares the answers.
pub fn evaluate(search: impl Fn(&str) -> Vec<Suggestion>, cases: &[Case]) -> RetrievalReport {
    let mut recalls = [Share::default(), Share::default(), Share::default()];
    let mut reciprocal_rank = Share::default();
    let mut no_fit_precision = Share::default();
    let mut no_fit_recall = Share::default();
    for case in cases {
        let found = search(&case.query);
        let is_relevant: Vec<bool> = found.iter().map(|suggestion| case.relevant.contains(&suggestion.runbook)).collect();
        if found.is_empty() {
            no_fit_precision.add(f64::from(u8::from(case.relevant.is_empty())));
        }
        if case.relevant.is_empty() {
            no_fit_recall.add(f64::from(u8::from(found.is_empty())));
            continue;
        }
        for (recall, k) in recalls.iter_mut().zip([1, 3, 5]) {
            let hits = is_relevant.iter().take(k).filter(|&&hit| hit).count();
            recall.add(ratio(hits, case.relevant.len().min(k)));
        }
        let first = is_relevant.iter().position(|&hit| hit);
        reciprocal_rank.add(first.map_or(0.0, |position| ratio(1, position + 1)));
    }
    let [recall_at_1, recall_at_3, recall_at_5] = recalls.map(Share::value);
    RetrievalReport {
        recall_at_1,
        recall_at_3,
        recall_at_5,
        mrr_at_10: reciprocal_rank.value(),
        no_fit_precision: no_fit_precision.value(),
        no_fit_recall: no_fit_recall.value(),
        n: cases.len(),
    }
}

impl fmt::Display for RetrievalReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "queries           {}", self.n)?;
        writeln!(f, "recall@1          {:.3}", self.recall_at_1)?;
        writeln!(f, "recall@3          {:.3}", self.recall_at_3)?;
        writeln!(f, "recall@5          {:.3}", self.recall_at_5)?;
        writeln!(f, "MRR@10            {:.3}", self.mrr_at_10)?;
        writeln!(f, "no-fit precision  {:.3}", self.no_fit_precision)?;
        writeln!(f, "no-fit recall     {:.3}", self.no_fit_recall)
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Share {
    sum: f64,
    count: usize,
}

impl Share {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1;
    }

    fn value(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a count of cases is far below 2^52")]
        let count = self.count as f64;
        if self.count == 0 { 1.0 } else { self.sum / count }
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "ranks and counts are far below 2^52")]
    let ratio = part as f64 / whole as f64;
    ratio
}

#[cfg(test)]
mod tests {
    use super::{Case, evaluate};
    use crate::{
        domain::passage::Suggestion,
        retrieve::{library::Library, query::Query},
    };

    fn library() -> Library {
        let files = [("dns.md", "# DNS failure\n\nNo such host.\n"), ("disk.md", "# Disk full\n\nNo space left.\n")];
        Library::from_files(files.map(|(file, text)| (file, text.as_bytes()))).0
    }

    fn asking(library: &Library) -> impl Fn(&str) -> Vec<Suggestion> {
        |text| library.search(&Query { text, ..Query::default() }, 10)
    }

    fn case(query: &str, relevant: &[&str]) -> Case {
        Case { query: query.to_owned(), relevant: relevant.iter().map(|&file| file.to_owned()).collect() }
    }

    #[test]
    fn shares_are_counted() {
        let cases =
            [case("DNS failure", &["dns.md"]), case("disk full", &["dns.md"]), case("lentil soup", &[]), case("disk full", &[])];
        let report = evaluate(asking(&library()), &cases);
        assert_eq!((report.n, report.recall_at_1, report.mrr_at_10), (4, 0.5, 0.5));
        assert_eq!((report.no_fit_recall, report.no_fit_precision), (0.5, 1.0));
    }

    /// Floors a little below what was measured, so that a change of weights or of a runbook that does harm is seen.
    #[test]
    fn builtin_runbooks_answer_the_labelled_questions() {
        let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/retrieve/queries.jsonl"));
        let cases: Vec<Case> = text.lines().map(|line| serde_json::from_str(line).expect("a case")).collect();
        let report = evaluate(asking(&Library::builtin().0), &cases);
        assert!(report.recall_at_1 >= 0.83 && report.recall_at_3 >= 0.9, "{report:?}");
        assert!(report.no_fit_recall >= 0.92 && report.no_fit_precision >= 0.8, "{report:?}");
    }
}
