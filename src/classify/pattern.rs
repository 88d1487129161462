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
    literals: Vec<String>,
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
        let literals = required_literals(&hir).ok_or(PatternError::NoLiteral)?;
        Ok(Self { source: source.to_owned(), literals, stays_in_line: stays_in_line(&hir), compiled: OnceLock::new() })
    }

    /// A pattern that is only tried where another one matched, and so needs no literal.
    pub fn parse_free(source: &str) -> Result<Self, PatternError> {
        let hir = parse(source)?;
        Ok(Self {
            source: source.to_owned(),
            literals: Vec::new(),
            stays_in_line: stays_in_line(&hir),
            compiled: OnceLock::new(),
        })
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

    pub fn literals(&self) -> &[String] {
        &self.literals
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

fn one_line(text: &str) -> String {
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
    /// For each literal of the prefilter, the patterns that require it.
    owners: Vec<Vec<u32>>,
}

/// Matches of one pattern in one line (or, for a pattern that crosses lines, in the whole text) that are looked at.
const MATCHES_PER_PLACE: usize = 4;

impl PatternSet {
    pub fn new(patterns: Vec<Pattern>) -> Self {
        let mut literals: Vec<&str> = patterns.iter().flat_map(|pattern| pattern.literals.iter().map(String::as_str)).collect();
        literals.sort_unstable();
        literals.dedup();
        let mut owners = vec![Vec::new(); literals.len()];
        for (index, pattern) in patterns.iter().enumerate() {
            for literal in &pattern.literals {
                if let Ok(place) = literals.binary_search(&literal.as_str()) {
                    owners[place].push(u32::try_from(index).unwrap_or(u32::MAX));
                }
            }
        }
        let prefilter = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&literals)
            .expect("literals of checked patterns are few and short");
        Self { patterns, prefilter, owners }
    }

    /// Every match in `text`, in order of pattern, then of place.
    pub fn matches(&self, text: &Text) -> Vec<Match> {
        let mut candidates: Vec<(u32, u32)> = Vec::new();
        let mut line = 0;
        for hit in self.prefilter.find_overlapping_iter(text.lowered()) {
            // Overlapping matches come in order of their end.
            while line + 1 < text.lines().len() && text.lines()[line + 1].start < hit.end() {
                line += 1;
            }
            for &pattern in &self.owners[hit.pattern().as_usize()] {
                let place = if self.patterns[pattern as usize].stays_in_line { line } else { WHOLE_TEXT as usize };
                candidates.push((pattern, u32::try_from(place).unwrap_or(WHOLE_TEXT)));
            }
        }
        candidates.sort_unstable();
        candidates.dedup();

        let mut found = Vec::new();
        for (pattern, place) in candidates {
            let pattern = pattern as usize;
            let (from, haystack) = match place {
                WHOLE_TEXT => (0, text.buffer().as_bytes()),
                line => {
                    let line = &text.lines()[line as usize];
                    (line.start, text.line_str(line).as_bytes())
                }
            };
            found.extend(self.patterns[pattern].regex().find_iter(haystack).take(MATCHES_PER_PLACE).map(|matched| Match {
                pattern,
                start: from + matched.start(),
                end: from + matched.end(),
            }));
        }
        found
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

/// Stands for "not one line" where a line number is expected.
const WHOLE_TEXT: u32 = u32::MAX;
