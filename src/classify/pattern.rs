//! Many regexes over one text at the price of few: a literal prefilter, and regexes compiled when first needed.

use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex::bytes::{Regex, RegexBuilder};
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
        self.compiled.get_or_init(|| {
            build(&self.source).unwrap_or_else(|_| Regex::new(r"\z\A.").expect("a regex that never matches is valid"))
        })
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
    RegexBuilder::new(source)
        .unicode(false)
        .case_insensitive(true)
        .multi_line(true)
        .size_limit(SIZE_LIMIT_BYTES)
        .build()
        .map_err(|error| PatternError::Syntax(one_line(&error.to_string())))
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
    /// For each literal of the prefilter, the ways that require it, each with the bit of the set it belongs to.
    owners: Vec<Vec<(u32, u8)>>,
    ways: Vec<Way>,
}

/// A way in which a pattern can match.
#[derive(Clone, Copy, Debug)]
struct Way {
    pattern: u32,
    /// The bits of all its sets of literals.
    complete: u8,
    /// Its pattern's: a text touches a thousand ways, and their patterns lie far apart.
    stays_in_line: bool,
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
        let mut owners = vec![Vec::new(); literals.len()];
        let mut ways = Vec::new();
        for (pattern, way) in all_ways() {
            let number = u32::try_from(ways.len()).unwrap_or(u32::MAX);
            let mut complete = 0;
            for (set, alternatives) in way.iter().enumerate() {
                complete |= 1 << set;
                for literal in alternatives {
                    if let Ok(place) = literals.binary_search(&literal.as_str()) {
                        owners[place].push((number, 1 << set));
                    }
                }
            }
            let stays_in_line = patterns[pattern].stays_in_line;
            ways.push(Way { pattern: u32::try_from(pattern).unwrap_or(u32::MAX), complete, stays_in_line });
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
        let mut in_line = vec![0_u8; self.ways.len()];
        let mut in_text = vec![0_u8; self.ways.len()];
        let mut touched: Vec<u32> = Vec::new();
        let mut line = 0;
        for hit in self.prefilter.find_overlapping_iter(text.lowered()) {
            // Overlapping matches come in order of their end, so lines come in order.
            while line + 1 < text.lines().len() && text.lines()[line + 1].start < hit.end() {
                line += 1;
                touched.drain(..).for_each(|way| in_line[way as usize] = 0);
            }
            for &(number, bit) in &self.owners[hit.pattern().as_usize()] {
                let way = self.ways[number as usize];
                let (seen, place) = if way.stays_in_line {
                    touched.push(number);
                    (&mut in_line[number as usize], Place::Line(line))
                } else {
                    (&mut in_text[number as usize], Place::Text)
                };
                let before = *seen;
                *seen |= bit;
                if *seen == way.complete && before != *seen {
                    candidates.push((way.pattern as usize, place));
                }
            }
        }
        candidates.sort_unstable();
        candidates.dedup();
        candidates
    }

    /// The named captures of a match found in `text`.
    pub fn captures<'t>(&self, text: &'t Text, matched: Match) -> Vec<(String, &'t str)> {
        let regex = self.patterns[matched.pattern].regex();
        if regex.captures_len() == 1 {
            return Vec::new();
        }
        // From the start of the match, but with what stands before it in view, so that `\b` and `^` see the same.
        let Some(captures) = regex.captures_at(text.buffer().as_bytes(), matched.start) else { return Vec::new() };
        regex
            .capture_names()
            .flatten()
            .filter_map(|name| {
                let value = std::str::from_utf8(captures.name(name)?.as_bytes()).ok()?;
                Some((name.to_owned(), value))
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
