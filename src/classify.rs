//! What was said: from a pasted text to findings with evidence, by rules that are data.
//!
//! ```text
//! raw text -> digest (the lines that matter) -> Text (normalised) -> rank (matches, mentions, details, symptoms)
//!          -> Classification: findings, quoted evidence, parameters, or an honest "no category" / "no error"
//! ```

pub mod catalogue;
pub mod check;
pub mod digest;
mod generic;
mod line;
mod literal;
mod mention;
mod parameters;
mod pattern;
mod rank;
pub mod rule;
mod text;
mod unwrap_json;

use catalogue::{Catalogue, Meaning};
use rank::{Candidate, Hit, Ranking};
use text::{Text, floor_char_boundary};

pub use text::Origin;

use crate::domain::{
    evidence::{Evidence, Gap, Source},
    finding::{Finding, Role},
    parameters::Parameters,
    symptom::CategoryId,
};

/// What the texts of one request say.
#[derive(Debug)]
pub struct Classification {
    pub reading: Reading,
    /// The root first, then contributing findings, then symptoms. Empty unless `reading` is [`Reading::Known`].
    pub findings: Vec<Finding>,
    /// The quoted lines that findings cite, in the order of the text.
    pub evidence: Vec<Evidence>,
    /// Names and numbers from the decisive lines first, then from the rest of the text.
    pub parameters: Parameters,
    /// The decisive lines, for retrieval.
    pub excerpt: String,
    pub gaps: Vec<Gap>,
}

/// What kind of text it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The first finding is its root cause.
    Known,
    /// It reports an error that no category knows; the first evidence quotes it.
    UnknownError,
    /// It reports no error.
    NoError {
        /// It mentions faults, but as denied, counted as zero, or over.
        mentions_faults: bool,
    },
}

/// Lines of evidence quoted per category.
const QUOTES_PER_CATEGORY: usize = 2;
/// Bytes of one quoted line.
const QUOTE_BYTES: usize = 400;
/// Bytes handed to retrieval.
const EXCERPT_BYTES: usize = 2000;

/// Classifies the texts of one request together.
pub fn classify(catalogue: &Catalogue, said: &[(Origin, &str)]) -> Classification {
    let mut text = Text::default();
    let mut gaps = Vec::new();
    for (origin, raw) in said {
        if digest::read(&mut text, *origin, raw, catalogue.gate()) {
            let why = "more different lines than can be weighed; the first and the last of them were read";
            gaps.push(Gap::new("classify", origin.as_str(), why));
        }
    }
    text.finish();
    let ranking = rank::rank(catalogue, &text);
    match &ranking.root {
        Some(_) => known(catalogue, &text, &ranking, gaps),
        None => unknown(&text, &ranking, gaps),
    }
}

fn known(catalogue: &Catalogue, text: &Text, ranking: &Ranking, gaps: Vec<Gap>) -> Classification {
    let roles = ranking
        .root
        .iter()
        .map(|candidate| (Role::RootCause, candidate))
        .chain(ranking.contributing.iter().map(|candidate| (Role::Contributing, candidate)))
        .chain(ranking.symptoms.iter().map(|candidate| (Role::Symptom, candidate)));
    let roles: Vec<(Role, &Candidate)> = roles.collect();

    // One evidence per quoted line, numbered in the order of the text.
    let mut quoted: Vec<&Hit> = roles.iter().flat_map(|(_, candidate)| quotes(candidate)).collect();
    quoted.sort_by_key(|hit| hit.line);
    quoted.dedup_by_key(|hit| hit.line);
    let evidence: Vec<Evidence> =
        quoted.iter().enumerate().map(|(index, hit)| evidence(text, hit.line, hit.matched.start, index + 1)).collect();
    let id_of = |hit: &Hit| {
        quoted.iter().position(|quoted| quoted.line == hit.line).map(|index| evidence[index].id.clone()).unwrap_or_default()
    };

    let findings = roles
        .iter()
        .map(|(role, candidate)| {
            let mut cited: Vec<String> = quotes(candidate).map(id_of).collect();
            cited.dedup();
            Finding {
                category: catalogue.rules()[candidate.rule].id.clone(),
                role: *role,
                confidence: (candidate.hits[0].confidence * 100.0).round() / 100.0,
                evidence: cited,
            }
        })
        .collect();

    let mut found = Parameters::default();
    // Everything that the root says, and the best of what the others say.
    let told = roles
        .iter()
        .flat_map(|(role, candidate)| &candidate.hits[..if *role == Role::RootCause { candidate.hits.len() } else { 1 }]);
    for hit in told {
        for (name, value) in catalogue.says().captures(text, hit.matched) {
            parameters::offer(&mut found, &name, value);
        }
    }
    parameters::extract(text, &mut found);
    let lines: Vec<usize> = quoted.iter().map(|hit| hit.line).collect();
    Classification { reading: Reading::Known, findings, evidence, parameters: found, excerpt: excerpt(text, &lines), gaps }
}

fn unknown(text: &Text, ranking: &Ranking, gaps: Vec<Gap>) -> Classification {
    let mut found = Parameters::default();
    let Some(line) = generic::error_line(text) else {
        let reading = Reading::NoError { mentions_faults: ranking.dismissed > 0 };
        return Classification {
            reading,
            findings: Vec::new(),
            evidence: Vec::new(),
            parameters: found,
            excerpt: excerpt(text, &[]),
            gaps,
        };
    };
    parameters::extract(text, &mut found);
    let evidence = vec![evidence(text, line, text.lines()[line].start, 1)];
    Classification {
        reading: Reading::UnknownError,
        findings: vec![Finding {
            category: CategoryId::unknown(),
            role: Role::RootCause,
            confidence: 0.5,
            evidence: vec![evidence[0].id.clone()],
        }],
        excerpt: excerpt(text, &[line]),
        evidence,
        parameters: found,
        gaps,
    }
}

/// The hits of a candidate that are quoted: the best, on different lines.
fn quotes(candidate: &Candidate) -> impl Iterator<Item = &Hit> {
    let mut lines: Vec<usize> = Vec::new();
    candidate
        .hits
        .iter()
        .filter(move |hit| {
            let is_new = !lines.contains(&hit.line);
            lines.push(hit.line);
            is_new
        })
        .take(QUOTES_PER_CATEGORY)
}

fn evidence(text: &Text, line: usize, from: usize, number: usize) -> Evidence {
    let line = &text.lines()[line];
    let source = match line.origin {
        Origin::ErrorMessage => Source::Said,
        Origin::Logs => Source::Logs,
    };
    Evidence {
        id: format!("e{number}"),
        source,
        object: format!("{} line {}", line.origin.as_str(), line.number),
        text: quote(text.line_str(line), from.saturating_sub(line.start)),
        observed_at: None,
    }
}

/// `line` trimmed, without control characters, cut to [`QUOTE_BYTES`] around byte `from`.
fn quote(line: &str, from: usize) -> String {
    let start = if line.len() <= QUOTE_BYTES { 0 } else { floor_char_boundary(line, from.saturating_sub(QUOTE_BYTES / 4)) };
    let end = floor_char_boundary(line, start + QUOTE_BYTES);
    let mut quoted = String::with_capacity(end - start + 6);
    if start > 0 {
        quoted.push_str("... ");
    }
    quoted.extend(line[start..end].trim().chars().map(|character| if character.is_control() { ' ' } else { character }));
    if end < line.len() {
        quoted.push_str(" ...");
    }
    quoted
}

/// A short text whole; of a long one the decisive lines, or its head where there are none.
fn excerpt(text: &Text, lines: &[usize]) -> String {
    if text.buffer().len() <= EXCERPT_BYTES {
        return text.buffer().to_owned();
    }
    let mut excerpt = String::new();
    let head = 0..text.lines().len();
    let chosen: Box<dyn Iterator<Item = usize>> = if lines.is_empty() { Box::new(head) } else { Box::new(lines.iter().copied()) };
    for line in chosen {
        let line = text.line_str(&text.lines()[line]);
        if excerpt.len() + line.len() > EXCERPT_BYTES {
            excerpt.push_str(&line[..floor_char_boundary(line, EXCERPT_BYTES.saturating_sub(excerpt.len()))]);
            break;
        }
        excerpt.push_str(line);
        excerpt.push('\n');
    }
    excerpt
}

/// Why a text gets the category it gets: every pattern that matched, for `faultline rules explain`.
pub fn explain(catalogue: &Catalogue, raw: &str) -> Vec<Explanation> {
    let mut text = Text::default();
    digest::read(&mut text, Origin::ErrorMessage, raw, catalogue.gate());
    text.finish();
    let ranking = rank::rank(catalogue, &text);
    let part = |role: &'static str, candidate: &Candidate| {
        candidate
            .hits
            .iter()
            .filter_map(|hit| {
                let Meaning::Says { rule, pattern } = catalogue.meaning(hit.matched.pattern) else { return None };
                let rule = &catalogue.rules()[rule];
                Some(Explanation {
                    category: rule.id.clone(),
                    role: if candidate.is_detail { "detail" } else { role },
                    confidence: hit.confidence,
                    pattern: rule.patterns[pattern].pattern.source().to_owned(),
                    line: text.lines()[hit.line].number,
                    matched: quote(&text.buffer()[hit.matched.start..hit.matched.end].replace('\n', " "), 0),
                })
            })
            .collect::<Vec<_>>()
    };
    let mut all: Vec<Explanation> = ranking.root.iter().flat_map(|candidate| part("root_cause", candidate)).collect();
    all.extend(ranking.contributing.iter().flat_map(|candidate| part("contributing", candidate)));
    all.extend(ranking.symptoms.iter().flat_map(|candidate| part("symptom", candidate)));
    all
}

/// One pattern that matched and was meant.
#[derive(Debug)]
pub struct Explanation {
    pub category: CategoryId,
    /// `root_cause`, `contributing`, `symptom` or `detail`.
    pub role: &'static str,
    pub confidence: f32,
    pub pattern: String,
    /// 1-based line of the text.
    pub line: u32,
    pub matched: String,
}
