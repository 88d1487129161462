//! From matches to findings: which is a detail, which a symptom, which the root.

use std::collections::HashMap;

use super::{
    catalogue::{Catalogue, Meaning},
    line::Level,
    mention,
    pattern::Match,
    text::{Line, Origin, Text},
};

/// One wording of one category, found in one place and meant.
#[derive(Clone, Copy, Debug)]
pub struct Hit {
    /// Number of the rule in the catalogue.
    pub rule: usize,
    /// Index of the line of [`Text`].
    pub line: usize,
    pub matched: Match,
    /// 0 to 1, with what the line's level and place say.
    pub confidence: f32,
    /// A fact pattern matched, not a wording.
    pub is_seen: bool,
}

/// A category with all its hits.
#[derive(Debug)]
pub struct Candidate {
    pub rule: usize,
    /// Best hit first.
    pub hits: Vec<Hit>,
    /// Every hit is a detail of another category's sentence.
    pub is_detail: bool,
}

/// What was found, the root first.
#[derive(Debug, Default)]
pub struct Ranking {
    pub root: Option<Candidate>,
    /// Explained by the root or by another finding.
    pub symptoms: Vec<Candidate>,
    pub contributing: Vec<Candidate>,
    /// Faults that the text reports as recovered, denied or over, so that an answer can say so.
    pub dismissed: usize,
}

/// Hits below this confidence are no finding.
const MIN_CONFIDENCE: f32 = 0.5;

/// Ranks everything that the catalogue matches in a text that somebody sent.
pub fn rank(catalogue: &Catalogue, text: &Text) -> Ranking {
    let (mut hits, mut dismissed) = said(catalogue, text, &|_, confidence| Some(confidence));
    if !hits.is_empty() && mention::is_over(text) {
        dismissed += hits.len();
        hits.clear();
    }
    sorted(catalogue, text, hits, dismissed)
}

/// Confidence in a fact that a fact pattern matches: a status field does not exaggerate.
const SEEN_CONFIDENCE: f32 = 0.97;

/// Ranks what was seen: `facts` are matches of [`Catalogue::sees`]; `weigh` corrects the confidence of a wording by its line, `None`
/// drops it.
pub fn rank_seen(catalogue: &Catalogue, text: &Text, facts: &[Match], weigh: &dyn Fn(&Line, f32) -> Option<f32>) -> Ranking {
    let (mut hits, dismissed) = said(catalogue, text, weigh);
    hits.extend(facts.iter().map(|matched| Hit {
        rule: catalogue.seen_by(matched.pattern),
        line: text.line_at(matched.start),
        matched: *matched,
        confidence: SEEN_CONFIDENCE,
        is_seen: true,
    }));
    sorted(catalogue, text, hits, dismissed)
}

fn sorted(catalogue: &Catalogue, text: &Text, hits: Vec<Hit>, dismissed: usize) -> Ranking {
    let details: Vec<bool> = hits.iter().map(|hit| is_absorbed(catalogue, text, hit, &hits)).collect();

    let mut candidates: Vec<Candidate> = Vec::new();
    for (hit, is_detail) in hits.iter().zip(&details) {
        let slot = candidates.iter().position(|candidate| candidate.rule == hit.rule).unwrap_or_else(|| {
            candidates.push(Candidate { rule: hit.rule, hits: Vec::new(), is_detail: true });
            candidates.len() - 1
        });
        let candidate = &mut candidates[slot];
        // A hit that stands for itself outweighs any number of details.
        if !is_detail && candidate.is_detail {
            candidate.is_detail = false;
            candidate.hits.clear();
        }
        if *is_detail == candidate.is_detail {
            candidate.hits.push(*hit);
        }
    }
    for candidate in &mut candidates {
        candidate.hits.sort_by(|a, b| b.confidence.total_cmp(&a.confidence).then(a.matched.start.cmp(&b.matched.start)));
    }

    let own: Vec<usize> = candidates.iter().filter(|candidate| !candidate.is_detail).map(|candidate| candidate.rule).collect();
    let is_explained = |rule: usize| own.iter().any(|&cause| cause != rule && catalogue.explains(cause, rule));
    let root = candidates
        .iter()
        .enumerate()
        .filter(|(_, candidate)| !candidate.is_detail && !is_explained(candidate.rule))
        .min_by(|(_, a), (_, b)| {
            precedence(a).total_cmp(&precedence(b)).then(a.hits[0].matched.start.cmp(&b.hits[0].matched.start))
        })
        .map(|(index, _)| index);
    let mut ranking = Ranking { dismissed, ..Ranking::default() };
    for (index, candidate) in candidates.into_iter().enumerate() {
        if Some(index) == root {
            ranking.root = Some(candidate);
        } else if is_explained(candidate.rule) {
            ranking.symptoms.push(candidate);
        } else {
            ranking.contributing.push(candidate);
        }
    }
    let by_confidence =
        |a: &Candidate, b: &Candidate| b.hits[0].confidence.total_cmp(&a.hits[0].confidence).then(a.rule.cmp(&b.rule));
    ranking.symptoms.sort_by(by_confidence);
    ranking.contributing.sort_by(by_confidence);
    ranking
}

/// Lower is first. Small differences of confidence do not outweigh what came first.
fn precedence(candidate: &Candidate) -> f32 {
    -(candidate.hits[0].confidence * 20.0).round()
}

/// The wordings that report a fault, with their confidence; and how many only mention one.
fn said(catalogue: &Catalogue, text: &Text, weigh: &dyn Fn(&Line, f32) -> Option<f32>) -> (Vec<Hit>, usize) {
    let matches = &catalogue.says().matches(text);
    let excluded: Vec<(usize, &Match)> = matches
        .iter()
        .filter_map(|matched| match catalogue.meaning(matched.pattern) {
            Meaning::Excludes { rule } => Some((rule, matched)),
            Meaning::Says { .. } => None,
        })
        .collect();
    let mut places: HashMap<Origin, Places> = HashMap::new();
    // What holds for a line holds for every match in it.
    let mut talk: HashMap<usize, bool> = HashMap::new();
    let mut recovered: HashMap<usize, bool> = HashMap::new();
    let mut dismissed = 0;
    let mut hits = Vec::new();
    for matched in matches {
        let Meaning::Says { rule, pattern } = catalogue.meaning(matched.pattern) else { continue };
        let said = &catalogue.rules()[rule].patterns[pattern];
        let is_excluded =
            excluded.iter().any(|(other, span)| *other == rule && span.start < matched.end && matched.start < span.end);
        // A pattern may begin with the blank or line feed before its first word.
        let words_start = matched.start
            + text.buffer().as_bytes()[matched.start..matched.end].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let index = text.line_at(words_start);
        let line = &text.lines()[index];
        let words = text.line_str(line).as_bytes();
        let is_fact = matches!(line.origin, Origin::Fact(_));
        let is_talk = *talk.entry(index).or_insert_with(|| mention::is_talk(words));
        // A fact reports what is; only texts talk about things.
        if is_excluded
            || !is_fact && is_talk
            || !is_fact
                && mention::is_mention(words, words_start - line.start, matched.end.clamp(words_start, line.end) - line.start)
        {
            dismissed += 1;
            continue;
        }
        if said.unless.iter().any(|unless| unless.regex().is_match(text.buffer().as_bytes())) {
            continue;
        }
        if !is_fact && *recovered.entry(index).or_insert_with(|| mention::is_recovered(text, index)) {
            dismissed += 1;
            continue;
        }
        let places = places.entry(line.origin).or_insert_with(|| Places::of(text, line.origin));
        let confidence = (said.confidence + places.weight(text, index)).min(0.99);
        if let Some(confidence) = weigh(line, confidence).filter(|confidence| *confidence >= MIN_CONFIDENCE) {
            hits.push(Hit { rule, line: index, matched: *matched, confidence: confidence.min(0.99), is_seen: false });
        }
    }
    (hits, dismissed)
}

/// True when another category's sentence owns this hit.
fn is_absorbed(catalogue: &Catalogue, text: &Text, hit: &Hit, hits: &[Hit]) -> bool {
    hits.iter().any(|outer| {
        outer.line == hit.line && catalogue.absorbs(outer.rule, hit.rule) && same_sentence(text, &outer.matched, &hit.matched)
    })
}

fn same_sentence(text: &Text, a: &Match, b: &Match) -> bool {
    let (from, to) = if a.start <= b.start { (a.end, b.start) } else { (b.end, a.start) };
    if from >= to {
        return true;
    }
    let between = &text.buffer().as_bytes()[from..to];
    ![&b". "[..], b"; ", b" | ", b"? ", b"! "].iter().any(|end| memchr::memmem::find(between, end).is_some())
}

/// Where in the text the decisive statements stand.
struct Places {
    /// First line of the last `Caused by` (the root of a JVM, Rust or .NET chain), with the line its block ends at.
    last_cause: Option<(usize, usize)>,
    /// The line before which a Python chain ("direct cause of the following") has its root.
    python_cause_ends: Option<usize>,
    last_good: Option<usize>,
}

impl Places {
    fn of(text: &Text, origin: Origin) -> Self {
        let mut places = Self { last_cause: None, python_cause_ends: None, last_good: None };
        for (index, line) in text.lines().iter().enumerate().filter(|(_, line)| line.origin == origin) {
            let words = text.line_str(line).trim_start();
            if words.starts_with("Caused by") || words.starts_with("---> ") {
                places.last_cause = Some((index, index + CAUSE_BLOCK_LINES));
            } else if words.starts_with("The above exception was the direct cause") && places.python_cause_ends.is_none() {
                places.python_cause_ends = Some(index);
            } else if line.stamped && mention::is_good(text, line) {
                places.last_good = Some(index);
            }
        }
        places
    }

    /// What the place and the level of a line add to the confidence of what it says.
    fn weight(&self, text: &Text, line: usize) -> f32 {
        let level = match text.lines()[line].level {
            Level::Fatal => 0.06,
            Level::Error => 0.03,
            Level::Unsaid => 0.0,
            Level::Warning => -0.05,
            Level::Info => -0.15,
            Level::Debug => -0.25,
        };
        let in_last_cause = self.last_cause.is_some_and(|(from, to)| (from..=to).contains(&line));
        let in_python_cause = self.python_cause_ends.is_some_and(|end| line < end);
        let chain = match (in_last_cause || in_python_cause, self.last_cause.is_some() || self.python_cause_ends.is_some()) {
            (true, _) => 0.08,
            (false, true) => -0.08,
            (false, false) => 0.0,
        };
        let order = if self.last_good.is_some_and(|good| line < good) { -0.06 } else { 0.0 };
        level + chain + order
    }
}

/// A cause of a chain is told in its first lines; its stack frames follow.
const CAUSE_BLOCK_LINES: usize = 3;
