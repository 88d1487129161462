//! Many regexes over one text at the price of few: a literal prefilter, and regexes compiled when first needed.

use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex_automata::{Anchored, Input, PatternID, meta::Regex, util::syntax};
use regex_syntax::hir::Hir;

use super::{
    literal::{required_literals, stays_in_line},
    text::Text,
};

/// One regex of a rule: ASCII, case-insensitive, multi-line anchors.
#[derive(Clone, Debug)]
pub struct Pattern {
    source: String,
    /// See [`required_literals`]. Empty only for [`Pattern::parse_free`].
    ways: Vec<Vec<Vec<String>>>,
    stays_in_line: bool,
    compiled: OnceLock<Regex>,
}

/// Why a regex cannot serve as a pattern.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PatternError {
    #[error("not a valid regex: {0}")]
    Syntax(String),
    #[error("every match must contain a literal of 3 or more characters, so that a text without it is skipped quickly")]
    NoLiteral,
    #[error("matches the empty text")]
    MatchesEmpty,
}

/// Compiled size of one regex: a rule that needs more is a mistake.
const SIZE_LIMIT_BYTES: usize = 1 << 20;

impl Pattern {
    /// Checks `source` without compiling it.
    pub fn parse(source: &str) -> Result<Self, PatternError> {
        let hir = parse(source)?;
        let ways = required_literals(&hir, MAX_SETS);
        if ways.is_empty() {
            return Err(PatternError::NoLiteral);
        }
        Ok(Self { source: source.to_owned(), ways, stays_in_line: stays_in_line(&hir), compiled: OnceLock::new() })
    }

    /// A pattern that is only tried where another one matched, and so needs no literal.
    pub fn parse_free(source: &str) -> Result<Self, PatternError> {
        let hir = parse(source)?;
        Ok(Self { source: source.to_owned(), ways: Vec::new(), stays_in_line: stays_in_line(&hir), compiled: OnceLock::new() })
    }

    /// Compiles now instead of at the first match, so that a regex too large is an error and not a pattern that never matches.
    pub fn compile(&self) -> Result<(), PatternError> {
        build(&self.source).map(|regex| {
            self.compiled.get_or_init(|| regex);
        })
    }

    pub fn source(&self) -> &str {
        &self.source
    }

    /// One of these, in lower case, is part of every match.
    pub fn literals(&self) -> impl Iterator<Item = &str> {
        self.ways.iter().filter_map(|way| way.first()).flatten().map(String::as_str)
    }

    pub fn regex(&self) -> &Regex {
        self.compiled
            .get_or_init(|| build(&self.source).unwrap_or_else(|_| build(r"\z\A.").expect("a regex that never matches is valid")))
    }
}

fn parse(source: &str) -> Result<Hir, PatternError> {
    let hir = regex_syntax::ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .multi_line(true)
        .build()
        .parse(source)
        .map_err(|error| PatternError::Syntax(one_line(&error.to_string())))?;
    if hir.properties().minimum_len().unwrap_or(0) == 0 {
        return Err(PatternError::MatchesEmpty);
    }
    Ok(hir)
}

fn build(source: &str) -> Result<Regex, PatternError> {
    Regex::builder()
        .syntax(syntax::Config::new().unicode(false).utf8(false).case_insensitive(true).multi_line(true))
        .configure(Regex::config().utf8_empty(false).nfa_size_limit(Some(SIZE_LIMIT_BYTES)))
        .build(source)
        .map_err(|error| PatternError::Syntax(reason(&error)))
}

/// A regex that is too large, or what is wrong with it.
fn reason(error: &regex_automata::meta::BuildError) -> String {
    match (error.size_limit(), error.syntax_error()) {
        (Some(bytes), _) => format!("Compiled regex exceeds size limit of {bytes} bytes."),
        (None, Some(error)) => one_line(&error.to_string()),
        (None, None) => one_line(&error.to_string()),
    }
}

/// A parser's message, which may draw the place over several lines, as one line of a list.
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Where pattern number `pattern` matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    pub pattern: usize,
    /// Byte offsets into [`Text::buffer`].
    pub start: usize,
    pub end: usize,
}

/// A set of patterns searched together.
#[derive(Debug)]
pub struct PatternSet {
    patterns: Vec<Pattern>,
    prefilter: AhoCorasick,
    /// For each literal of the prefilter, the ways of whose most telling set it is. Only these are looked at where it stands: common
    /// literals belong to hundreds of ways.
    owners: Vec<Vec<u32>>,
    ways: Vec<Way>,
}

/// A way in which a pattern can match.
#[derive(Debug)]
struct Way {
    pattern: usize,
    stays_in_line: bool,
    /// Its sets of literals beside the most telling one.
    further: Vec<Vec<u32>>,
}

impl Way {
    fn is_complete(&self, literals: &Literals) -> bool {
        self.further.iter().all(|set| set.iter().any(|&literal| literals.has(literal)))
    }
}

/// Which literals of the prefilter stand in a line or a text.
struct Literals {
    bits: Vec<u64>,
}

impl Literals {
    fn none_of(count: usize) -> Self {
        Self { bits: vec![0; count.div_ceil(64)] }
    }

    fn add(&mut self, literal: u32) {
        self.bits[literal as usize / 64] |= 1 << (literal % 64);
    }

    fn has(&self, literal: u32) -> bool {
        self.bits[literal as usize / 64] & (1 << (literal % 64)) != 0
    }
}

/// Sets of literals per pattern that are looked for: two tell most, a third is rarely worth its search.
const MAX_SETS: usize = 3;

/// Matches of one pattern in one line (or, for a pattern that crosses lines, in the whole text) that are looked at.
const MATCHES_PER_PLACE: usize = 4;

impl PatternSet {
    pub fn new(patterns: Vec<Pattern>) -> Self {
        let all_ways =
            || patterns.iter().enumerate().flat_map(|(index, pattern)| pattern.ways.iter().map(move |way| (index, way)));
        let mut literals: Vec<&str> = all_ways().flat_map(|(_, way)| way.iter().flatten()).map(String::as_str).collect();
        literals.sort_unstable();
        literals.dedup();
        let places = |set: &Vec<String>| -> Vec<u32> {
            let places = set.iter().filter_map(|literal| literals.binary_search(&literal.as_str()).ok());
            places.map(|place| u32::try_from(place).unwrap_or(u32::MAX)).collect()
        };
        let mut owners = vec![Vec::new(); literals.len()];
        let mut ways = Vec::new();
        for (pattern, way) in all_ways() {
            let number = u32::try_from(ways.len()).unwrap_or(u32::MAX);
            let mut sets = way.iter().map(places);
            sets.next().into_iter().flatten().for_each(|literal| owners[literal as usize].push(number));
            ways.push(Way { pattern, stays_in_line: patterns[pattern].stays_in_line, further: sets.collect() });
        }
        let prefilter = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&literals)
            .expect("literals of checked patterns are few and short");
        Self { patterns, prefilter, owners, ways }
    }

    /// Every match in `text`, in order of pattern, then of place.
    pub fn matches(&self, text: &Text) -> Vec<Match> {
        let mut found = Vec::new();
        for (pattern, place) in self.candidates(text) {
            let (from, haystack) = match place {
                Place::Text => (0, text.buffer()),
                Place::Line(line) => (text.lines()[line].start, text.line_str(&text.lines()[line])),
            };
            let matches = self.patterns[pattern].regex().find_iter(haystack.as_bytes()).take(MATCHES_PER_PLACE);
            found.extend(matches.map(|matched| Match { pattern, start: from + matched.start(), end: from + matched.end() }));
        }
        found
    }

    /// The patterns that can match, each with where: all its sets of literals are there.
    fn candidates(&self, text: &Text) -> Vec<(usize, Place)> {
        let mut candidates = Vec::new();
        let mut in_line = Literals::none_of(self.owners.len());
        let mut in_text = Literals::none_of(self.owners.len());
        let (mut possible_in_line, mut possible_in_text) = (Vec::new(), Vec::new());
        let mut line = 0;
        for hit in self.prefilter.find_overlapping_iter(text.lowered()) {
            // Overlapping matches come in order of their end, so lines come in order.
            let passed = text.lines()[line + 1..].iter().take_while(|next| next.start < hit.end()).count();
            if passed > 0 {
                self.complete(&mut possible_in_line, &in_line, Place::Line(line), &mut candidates);
                in_line.bits.fill(0);
                line += passed;
            }
            let literal = hit.pattern().as_u32();
            in_line.add(literal);
            in_text.add(literal);
            for &way in &self.owners[literal as usize] {
                let stays_in_line = self.ways[way as usize].stays_in_line;
                (if stays_in_line { &mut possible_in_line } else { &mut possible_in_text }).push(way);
            }
        }
        self.complete(&mut possible_in_line, &in_line, Place::Line(line), &mut candidates);
        self.complete(&mut possible_in_text, &in_text, Place::Text, &mut candidates);
        candidates.sort_unstable();
        candidates.dedup();
        candidates
    }

    /// Takes the ways whose most telling literal stands in `place`; those of which all the rest stands there, too, are candidates.
    fn complete(&self, ways: &mut Vec<u32>, literals: &Literals, place: Place, candidates: &mut Vec<(usize, Place)>) {
        ways.sort_unstable();
        ways.dedup();
        let complete = ways.drain(..).map(|way| &self.ways[way as usize]).filter(|way| way.is_complete(literals));
        candidates.extend(complete.map(|way| (way.pattern, place)));
    }

    /// The named captures of a match found in `text`.
    pub fn captures<'t>(&self, text: &'t Text, matched: Match) -> Vec<(String, &'t str)> {
        let regex = self.patterns[matched.pattern].regex();
        if regex.captures_len() == 1 {
            return Vec::new();
        }
        // The match itself is known; what stands around it is in view, so that `\b` and `^` see the same.
        let found = Input::new(text.buffer()).span(matched.start..matched.end).anchored(Anchored::Yes);
        let mut captures = regex.create_captures();
        regex.captures(found, &mut captures);
        let names = regex.group_info().pattern_names(PatternID::ZERO).enumerate();
        names
            .filter_map(|(group, name)| {
                let value = text.buffer().as_bytes().get(captures.get_group(group)?.range())?;
                Some((name?.to_owned(), std::str::from_utf8(value).ok()?))
            })
            .collect()
    }
}

/// Where a pattern is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Line(usize),
    /// It can cross lines.
    Text,
}
