//! What was said: from a pasted text to findings with evidence, by rules that are data.
//!
//! ```text
//! raw text -> digest (the lines that matter) -> Text (normalised) -> rank (matches, mentions, details, symptoms)
//!          -> Classification: findings, quoted evidence, parameters, or an honest "no category" / "no error"
//! ```

pub mod beside;
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
pub mod seen;
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
    text::CleanText,
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
    /// Sentences of what was seen, for the explanation.
    pub notes: Vec<String>,
    pub gaps: Vec<Gap>,
}

/// What kind of text it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The first finding is its root cause.
    Known,
    /// It reports an error that no category knows; the first evidence quotes it.
    UnknownError,
    /// A cluster was looked at, and nothing is wrong with what was asked about.
    Healthy,
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
pub fn classify(catalogue: &Catalogue, said: &[(Origin, &CleanText)]) -> Classification {
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
    let roles = roles(ranking);
    let cited = Cited::of(text, &roles, &|line| said_place(line));
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
    Classification {
        reading: Reading::Known,
        findings: cited.findings(catalogue, &roles),
        excerpt: excerpt(text, &cited.lines),
        evidence: cited.evidence,
        parameters: found,
        notes: Vec::new(),
        gaps,
    }
}

/// Every finding with its role, the root first.
fn roles(ranking: &Ranking) -> Vec<(Role, &Candidate)> {
    let roots = ranking.root.iter().map(|candidate| (Role::RootCause, candidate));
    let contributing = ranking.contributing.iter().map(|candidate| (Role::Contributing, candidate));
    roots.chain(contributing).chain(ranking.symptoms.iter().map(|candidate| (Role::Symptom, candidate))).collect()
}

/// One evidence per quoted line, numbered in the order of the text.
struct Cited {
    lines: Vec<usize>,
    evidence: Vec<Evidence>,
}

impl Cited {
    fn of(text: &Text, roles: &[(Role, &Candidate)], place: &dyn Fn(&text::Line) -> (Source, String)) -> Self {
        let mut quoted: Vec<&Hit> = roles.iter().flat_map(|(_, candidate)| quotes(candidate)).collect();
        quoted.sort_by_key(|hit| hit.line);
        quoted.dedup_by_key(|hit| hit.line);
        let numbered = quoted.iter().zip(1..);
        let evidence = numbered.map(|(hit, number)| evidence(text, hit.line, hit.matched.start, number, place)).collect();
        Self { lines: quoted.iter().map(|hit| hit.line).collect(), evidence }
    }

    fn id(&self, line: usize) -> Option<&str> {
        self.lines.iter().position(|quoted| *quoted == line).map(|index| self.evidence[index].id.as_str())
    }

    fn findings(&self, catalogue: &Catalogue, roles: &[(Role, &Candidate)]) -> Vec<Finding> {
        let finding = |(role, candidate): &(Role, &Candidate)| {
            let mut cited: Vec<String> = quotes(candidate).filter_map(|hit| self.id(hit.line).map(str::to_owned)).collect();
            cited.dedup();
            Finding {
                category: catalogue.rules()[candidate.rule].id.clone(),
                role: *role,
                confidence: (candidate.hits[0].confidence * 100.0).round() / 100.0,
                evidence: cited,
            }
        };
        roles.iter().map(finding).collect()
    }
}

fn unknown(text: &Text, ranking: &Ranking, gaps: Vec<Gap>) -> Classification {
    let mut found = Parameters::default();
    let Some(line) = generic::error_line(text) else {
        let reading = Reading::NoError { mentions_faults: ranking.dismissed > 0 };
        return Classification { excerpt: excerpt(text, &[]), gaps, ..Classification::of(reading) };
    };
    parameters::extract(text, &mut found);
    let evidence = vec![evidence(text, line, text.lines()[line].start, 1, &said_place)];
    Classification {
        findings: vec![unknown_finding(vec![evidence[0].id.clone()])],
        excerpt: excerpt(text, &[line]),
        evidence,
        parameters: found,
        gaps,
        ..Classification::of(Reading::UnknownError)
    }
}

fn unknown_finding(evidence: Vec<String>) -> Finding {
    Finding { category: CategoryId::unknown(), role: Role::RootCause, confidence: 0.5, evidence }
}

impl Classification {
    fn of(reading: Reading) -> Self {
        Self {
            reading,
            findings: Vec::new(),
            evidence: Vec::new(),
            parameters: Parameters::default(),
            excerpt: String::new(),
            notes: Vec::new(),
            gaps: Vec::new(),
        }
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

fn evidence(text: &Text, line: usize, from: usize, number: usize, place: &dyn Fn(&text::Line) -> (Source, String)) -> Evidence {
    let line = &text.lines()[line];
    let (source, object) = place(line);
    Evidence {
        id: format!("e{number}"),
        source,
        object,
        text: CleanText::derived(quote(text.line_str(line), from.saturating_sub(line.start))),
        observed_at: None,
    }
}

/// Where a line of a request's own texts stands.
fn said_place(line: &text::Line) -> (Source, String) {
    let source = if line.origin == Origin::Logs { Source::Logs } else { Source::Said };
    (source, format!("{} line {}", line.origin.as_str(), line.number))
}

/// `line` trimmed, without control characters, cut to [`QUOTE_BYTES`] around byte `from`.
fn quote(line: &str, from: usize) -> String {
    let start = if line.len() <= QUOTE_BYTES { 0 } else { floor_char_boundary(line, from.saturating_sub(QUOTE_BYTES / 4)) };
    let end = floor_char_boundary(line, start + QUOTE_BYTES);
    let mut quoted = String::with_capacity(end - start + 6);
    if start > 0 {
        quoted.push_str("... ");
    }
    let words = line[start..end].trim();
    if words.contains(char::is_control) {
        quoted.extend(words.chars().map(|character| if character.is_control() { ' ' } else { character }));
    } else {
        quoted.push_str(words);
    }
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
pub fn explain(catalogue: &Catalogue, raw: &CleanText) -> Vec<Explanation> {
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
