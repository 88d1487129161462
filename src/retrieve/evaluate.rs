//! How well search does on questions with known answers.

use super::runbook::{stem, without_extension};
use crate::domain::passage::Suggestion;
use serde::{Deserialize, Serialize};
use std::fmt::{self, Write};

/// A question with its answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Case {
    /// What is asked.
    pub query: String,
    /// The files that answer it. Empty: no runbook fits, and saying so is the right answer.
    pub relevant: Vec<String>,
}

impl Case {
    /// Whether a runbook is among the answers; an answer may be a path, or a file's name, with or without its ending.
    fn is_relevant(&self, runbook: &str) -> bool {
        let names = [without_extension(runbook), stem(runbook)];
        self.relevant.iter().any(|wanted| names.iter().any(|name| name.eq_ignore_ascii_case(without_extension(wanted))))
    }
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
    /// For each figure above, in this order, where 95 of 100 resamples of the cases put it.
    pub intervals: [Interval; FIGURES],
}

/// From and to.
pub type Interval = [f64; 2];

const FIGURES: usize = 6;
const NAMES: [&str; FIGURES] = ["recall@1", "recall@3", "recall@5", "MRR@10", "no-fit precision", "no-fit recall"];
const RESAMPLES: usize = 1000;

/// Compares the answers to the questions, each at most ten runbooks, best first, with what is right.
pub fn evaluate(answers: &[Vec<Suggestion>], cases: &[Case]) -> RetrievalReport {
    let outcomes: Vec<Outcome> = cases.iter().zip(answers).map(|(case, answer)| Outcome::of(case, answer)).collect();
    let figures = figures(outcomes.iter());
    let [recall_at_1, recall_at_3, recall_at_5, mrr_at_10, no_fit_precision, no_fit_recall] = figures;
    let intervals = intervals(&outcomes);
    RetrievalReport {
        recall_at_1,
        recall_at_3,
        recall_at_5,
        mrr_at_10,
        no_fit_precision,
        no_fit_recall,
        n: cases.len(),
        intervals,
    }
}

/// A question whose answer was not the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Miss {
    /// The beginning of what was asked, in one line.
    pub query: String,
    /// What answers it, each with its rank among those found. `None` = it was not found. Empty: no runbook fits.
    pub wanted: Vec<(String, Option<usize>)>,
    /// What came first. `None` = nothing was found to fit.
    pub first: Option<String>,
}

/// The most characters of a question that a miss shows.
const SHOWN_CHARS: usize = 100;

/// The questions whose first answer is not right, in order. The answers are those that [`evaluate`] is given.
pub fn misses(answers: &[Vec<Suggestion>], cases: &[Case]) -> Vec<Miss> {
    cases.iter().zip(answers).filter_map(|(case, answer)| Miss::of(case, answer)).collect()
}

impl Miss {
    fn of(case: &Case, found: &[Suggestion]) -> Option<Miss> {
        let first = found.first().map(|suggestion| suggestion.runbook.clone());
        let is_right = first.as_ref().map_or(case.relevant.is_empty(), |first| case.is_relevant(first));
        let rank = |wanted: &String| {
            let alone = Case { query: String::new(), relevant: vec![wanted.clone()] };
            found.iter().position(|suggestion| alone.is_relevant(&suggestion.runbook)).map(|position| position + 1)
        };
        let words: Vec<&str> = case.query.split_whitespace().collect();
        (!is_right).then(|| Miss {
            query: words.join(" ").chars().take(SHOWN_CHARS).collect(),
            wanted: case.relevant.iter().map(|wanted| (wanted.clone(), rank(wanted))).collect(),
            first,
        })
    }
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rank = |rank: &Option<usize>| rank.map_or("not found".to_owned(), |rank| format!("rank {rank}"));
        let wanted: Vec<String> = self.wanted.iter().map(|(file, found)| format!("{file} ({})", rank(found))).collect();
        let wanted = if wanted.is_empty() { "none".to_owned() } else { wanted.join(", ") };
        write!(f, "{}\n    wanted {wanted}; first {}", self.query, self.first.as_deref().unwrap_or("none"))
    }
}

impl RetrievalReport {
    fn figures(&self) -> [f64; FIGURES] {
        [self.recall_at_1, self.recall_at_3, self.recall_at_5, self.mrr_at_10, self.no_fit_precision, self.no_fit_recall]
    }
}

/// Reports side by side, by the name of what was measured.
pub fn side_by_side(reports: &[(&str, RetrievalReport)]) -> String {
    let mut text = format!("queries           {}\n{:<16}", reports.first().map_or(0, |(_, report)| report.n), "");
    for (name, _) in reports {
        let _ = write!(text, "  {name:<20}");
    }
    text = format!("{}\n", text.trim_end());
    for (row, name) in NAMES.iter().enumerate() {
        let _ = write!(text, "{name:<16}");
        for (_, report) in reports {
            let [from, to] = report.intervals[row];
            let _ = write!(text, "  {:.3} ({from:.3}-{to:.3})", report.figures()[row]);
        }
        text.push('\n');
    }
    text
}

/// What one question contributes.
struct Outcome {
    /// `None` = no runbook fits.
    recalls: Option<[f64; 3]>,
    reciprocal_rank: f64,
    is_answered: bool,
}

impl Outcome {
    fn of(case: &Case, found: &[Suggestion]) -> Outcome {
        let is_relevant: Vec<bool> = found.iter().map(|suggestion| case.is_relevant(&suggestion.runbook)).collect();
        let recall = |k: usize| {
            let hits = is_relevant.iter().take(k).filter(|&&hit| hit).count();
            ratio(hits, case.relevant.len().min(k))
        };
        let first = is_relevant.iter().position(|&hit| hit);
        Outcome {
            recalls: (!case.relevant.is_empty()).then(|| [1, 3, 5].map(recall)),
            reciprocal_rank: first.map_or(0.0, |position| ratio(1, position + 1)),
            is_answered: !found.is_empty(),
        }
    }
}

fn figures<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> [f64; FIGURES] {
    let mut shares = [Share::default(); FIGURES];
    for outcome in outcomes {
        if !outcome.is_answered {
            shares[4].add(f64::from(u8::from(outcome.recalls.is_none())));
        }
        match outcome.recalls {
            None => shares[5].add(f64::from(u8::from(!outcome.is_answered))),
            Some(recalls) => {
                for (share, recall) in shares.iter_mut().zip(recalls) {
                    share.add(recall);
                }
                shares[3].add(outcome.reciprocal_rank);
            }
        }
    }
    shares.map(Share::value)
}

/// By resampling the cases with replacement. The numbers are drawn from a fixed seed: the same cases, the same intervals.
fn intervals(outcomes: &[Outcome]) -> [Interval; FIGURES] {
    if outcomes.is_empty() {
        return [[1.0, 1.0]; FIGURES];
    }
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let count = outcomes.len() as u64;
        &outcomes[usize::try_from(state % count).unwrap_or(0)]
    };
    let mut samples: Vec<[f64; FIGURES]> = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        let drawn: Vec<&Outcome> = outcomes.iter().map(|_| draw()).collect();
        samples.push(figures(drawn.into_iter()));
    }
    std::array::from_fn(|figure| {
        let mut values: Vec<f64> = samples.iter().map(|sample| sample[figure]).collect();
        values.sort_by(f64::total_cmp);
        [values[RESAMPLES / 40], values[RESAMPLES - 1 - RESAMPLES / 40]]
    })
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
    use super::{Case, RetrievalReport, evaluate, misses, side_by_side};
    use crate::retrieve::{library::Library, query::Query};

    fn library() -> Library {
        let files = [("a/dns.md", "# DNS failure\n\nNo such host.\n"), ("disk.md", "# Disk full\n\nNo space left.\n")];
        Library::from_files(files.map(|(file, text)| (file, text.as_bytes()))).0
    }

    fn report(library: &Library, cases: &[Case]) -> RetrievalReport {
        let asked = |case: &Case| library.search(&Query { text: &case.query, ..Query::default() }, 10);
        evaluate(&cases.iter().map(asked).collect::<Vec<_>>(), cases)
    }

    fn case(query: &str, relevant: &[&str]) -> Case {
        Case { query: query.to_owned(), relevant: relevant.iter().map(|&file| file.to_owned()).collect() }
    }

    #[test]
    fn shares_are_counted() {
        let cases =
            [case("DNS failure", &["dns"]), case("disk full", &["a/dns.md"]), case("lentil soup", &[]), case("disk full", &[])];
        let report = report(&library(), &cases);
        assert_eq!((report.n, report.recall_at_1, report.mrr_at_10), (4, 0.5, 0.5));
        assert_eq!((report.no_fit_recall, report.no_fit_precision), (0.5, 1.0));
        let [from, to] = report.intervals[0];
        assert!(from < 0.5 && 0.5 < to, "{from} {to}");
        let table = side_by_side(&[("lexical", report), ("hybrid", report)]);
        assert!(table.contains("recall@1          0.500 (") && table.lines().count() == 8, "{table}");
    }

    #[test]
    fn misses_say_what_was_wanted_and_what_came_first() {
        let cases = [
            case("DNS failure", &["dns"]),
            case("disk full: no\nsuch host", &["dns", "gone.md"]),
            case("lentil soup", &["disk"]),
            case("disk full", &[]),
        ];
        let library = library();
        let asked = |case: &Case| library.search(&Query { text: &case.query, ..Query::default() }, 10);
        let misses = misses(&cases.iter().map(asked).collect::<Vec<_>>(), &cases);
        let said: Vec<String> = misses.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "disk full: no such host\n    wanted dns (rank 2), gone.md (not found); first disk.md",
                "lentil soup\n    wanted disk (not found); first none",
                "disk full\n    wanted none; first disk.md",
            ]
        );
    }

    /// Floors a little below what was measured, so that a change of weights or of a runbook that does harm is seen.
    #[test]
    fn builtin_runbooks_answer_the_labelled_questions() {
        let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/retrieve/queries.jsonl"));
        let cases: Vec<Case> = text.lines().map(|line| serde_json::from_str(line).expect("a case")).collect();
        let report = report(&Library::builtin().0, &cases);
        assert!(report.recall_at_1 >= 0.83 && report.recall_at_3 >= 0.9, "{report:?}");
        assert!(report.no_fit_recall >= 0.92 && report.no_fit_precision >= 0.8, "{report:?}");
    }
}
