//! Long texts: the few lines that matter, found at the speed of one literal search.

use std::collections::HashMap;

use aho_corasick::{Span, packed};

use super::text::{Escapes, Origin, Text};

/// Texts up to this size are read whole.
const WHOLE_BYTES: usize = 24 << 10;
/// What is kept of a longer one.
const KEPT_BYTES: usize = 96 << 10;
/// Lines kept around one that may matter.
const LINES_BEFORE: usize = 3;
const LINES_AFTER: usize = 5;
/// Lines of one shape (equal but for digits) that are kept; the last one is kept besides.
const LINES_PER_SHAPE: u32 = 3;

/// Decides quickly whether a line can matter at all: only lines with a word of trouble can.
///
/// Few enough words for vectorised searches (Teddy, 64 words each), so that a long healthy log costs little more than
/// reading it. A test puts every example of every rule into the middle of a long log.
#[derive(Debug)]
pub struct Gate {
    searchers: Vec<packed::Searcher>,
    /// No vectorised search can be had: every line is let through instead.
    is_open: bool,
}

/// What trouble is told with, in lower case. Each has four bytes or more, and is rare in healthy logs; three searches hold them all.
const TROUBLE: &[&str] = &[
    "\nno ",
    " 0/1",
    " 0/2",
    " 0/3",
    " 401",
    " 403",
    " hang",
    "code 4",
    "didn",
    "election",
    "in use",
    "isnt",
    "less than",
    "nonroot",
    "nospace",
    "read only",
    "read-only",
    "runasnonroot",
    "slowdown",
    "wont ",
    " oom",
    "took too",
    "kubelet stopped",
    " 502 ",
    " 503 ",
    " 504 ",
    " down",
    " full",
    " no ",
    " not ",
    "100%",
    "abort",
    "already ",
    "back-off",
    "broken",
    "can't",
    "cannot",
    "cant ",
    "capacity",
    "certif",
    "circuit",
    "conflict",
    "corrupt",
    "crash",
    "creden",
    "dead",
    "declar",
    "delet",
    "denied",
    "dial ",
    "does",
    "dump",
    "eaddrin",
    "eai_",
    "endpoints",
    "enosp",
    "enot",
    "errno",
    "error",
    "evict",
    "exceed",
    "excepti",
    "exhaus",
    "exit",
    "expire",
    "fail",
    "false",
    "fatal",
    "forbid",
    "gateway",
    "gets 4",
    "hangs",
    "heap",
    "imagepull",
    "improper",
    "incomp",
    "init:",
    "inval",
    "kill",
    "limit",
    "lock",
    "lookup",
    "lost",
    "lowercase",
    "malformed",
    "match",
    "mismatch",
    "miss",
    "module",
    "multi-attach",
    "n't ",
    "never",
    "no such",
    "nodes are a",
    "not found",
    "notready",
    "oom ",
    "ooms",
    "orphan",
    "out of",
    "outof",
    "panic",
    "pending",
    "preempt",
    "press",
    "privil",
    "problematic",
    "progress",
    "provis",
    "quota",
    "rate ",
    "reach",
    "reclaim",
    "refus",
    "reject",
    "remain",
    "requir",
    "restart",
    "returned 4",
    "returns 4",
    "segmentation",
    "segv",
    "signal",
    "sigseg",
    "stale",
    "status: 4",
    "status=4",
    "stuck",
    "suffici",
    "taint",
    "terminat",
    "throttl",
    "timed",
    "timeout",
    "timing",
    "tls:",
    "too m",
    "toom",
    "unable",
    "unauth",
    "unavail",
    "undefin",
    "unhealth",
    "unknown",
    "unmounted",
    "unsched",
    "unsupp",
    "violat",
    "webhook",
    "x509",
];

/// Words of one vectorised search.
const WORDS_PER_SEARCH: usize = 64;
/// More words of users' own rules than this, and every line is let through.
const MAX_OWN_WORDS: usize = 128;

impl Gate {
    /// `own`: what the patterns of users' own rules require, in lower case.
    pub fn new<'a>(own: impl Iterator<Item = &'a str>) -> Self {
        let mut words: Vec<&str> = TROUBLE.to_vec();
        for literal in own {
            if !words.iter().any(|word| literal.contains(word)) {
                words.push(literal);
            }
        }
        let searchers: Option<Vec<_>> = words.chunks(WORDS_PER_SEARCH).map(packed::Searcher::new).collect();
        let searchers = searchers.filter(|_| words.len() <= TROUBLE.len() + MAX_OWN_WORDS).unwrap_or_default();
        Self { is_open: searchers.is_empty(), searchers }
    }

    /// True when the gate lets every line through.
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Start offsets of the lines of lower-case `text` that hold a word of trouble, in order.
    fn telling(&self, text: &[u8]) -> Vec<usize> {
        if self.is_open {
            return std::iter::once(0)
                .chain(memchr::memchr_iter(b'\n', text).map(|line_feed| line_feed + 1))
                .filter(|&start| start < text.len())
                .collect();
        }
        let mut starts = Vec::new();
        for searcher in &self.searchers {
            let mut at = 0;
            while let Some(hit) = searcher.find_in(text, Span::from(at..text.len())) {
                // A word may begin with the line feed before its line.
                starts.push(memchr::memrchr(b'\n', &text[..hit.end()]).map_or(0, |line_feed| line_feed + 1));
                let Some(length) = memchr::memchr(b'\n', &text[hit.end()..]) else { break };
                // From that line feed on: it may be the first byte of the next word.
                at = hit.end() + length;
            }
        }
        starts.sort_unstable();
        starts.dedup();
        starts
    }
}

/// Appends what matters of `raw` to `text`; true when something that may matter had to be left out.
pub fn read(text: &mut Text, origin: Origin, raw: &str, gate: &Gate) -> bool {
    let escapes = Escapes::of(raw);
    if raw.len() <= WHOLE_BYTES || escapes == Escapes::Unfold {
        for (index, line) in raw.lines().enumerate() {
            text.push(origin, line_number(index), line, escapes);
        }
        return false;
    }
    let telling = telling_lines(raw, gate);
    let (kept, complete) = keep(raw, &telling);
    let mut expected = kept.first().map_or(0, |line| line.index);
    for line in &kept {
        if line.index != expected {
            text.push_hole(origin, line_number(expected));
        }
        text.push(origin, line_number(line.index), &raw[line.start..line.end], escapes);
        expected = line.index + 1;
    }
    !complete
}

#[derive(Clone, Copy, Debug)]
struct RawLine {
    /// 0-based.
    index: usize,
    start: usize,
    end: usize,
}

fn line_number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX - 1) + 1
}

/// The lines in which the gate finds a word of trouble.
fn telling_lines(raw: &str, gate: &Gate) -> Vec<RawLine> {
    let lowered = raw.to_ascii_lowercase().into_bytes();
    let (mut index, mut counted) = (0, 0);
    let line = |start: usize| {
        let end = memchr::memchr(b'\n', &lowered[start..]).map_or(lowered.len(), |length| start + length);
        index += memchr::memchr_iter(b'\n', &lowered[counted..start]).count();
        counted = start;
        RawLine { index, start, end }
    };
    gate.telling(&lowered).into_iter().map(line).collect()
}

/// The first and last of each shape of telling lines with their neighbours, within [`KEPT_BYTES`]; false when more was there.
fn keep(raw: &str, telling: &[RawLine]) -> (Vec<RawLine>, bool) {
    let mut shapes: HashMap<u64, (u32, usize)> = HashMap::new();
    let mut chosen = Vec::new();
    for (position, line) in telling.iter().enumerate() {
        let seen = shapes.entry(shape(&raw[line.start..line.end])).or_insert((0, position));
        seen.0 += 1;
        seen.1 = position;
        if seen.0 <= LINES_PER_SHAPE {
            chosen.push(position);
        }
    }
    chosen.extend(shapes.values().map(|(_, last)| *last));
    chosen.sort_unstable();
    chosen.dedup();

    let mut complete = true;
    // Where even the different lines are too many, their head and their tail tell most.
    let total: usize = chosen.iter().map(|&position| cost(&telling[position])).sum();
    if total > KEPT_BYTES {
        complete = false;
        let within = |positions: &mut dyn Iterator<Item = usize>| {
            let mut room = KEPT_BYTES / 2;
            let mut taken = Vec::new();
            for position in positions {
                let Some(left) = room.checked_sub(cost(&telling[position])) else { break };
                room = left;
                taken.push(position);
            }
            taken
        };
        let mut both = within(&mut chosen.iter().copied());
        both.extend(within(&mut chosen.iter().rev().copied()));
        both.sort_unstable();
        both.dedup();
        chosen = both;
    }

    let mut kept: Vec<RawLine> = Vec::new();
    for position in chosen {
        let centre = telling[position];
        for line in neighbours(raw, centre) {
            if kept.last().is_none_or(|last| line.index > last.index) {
                kept.push(line);
            }
        }
    }
    (kept, complete)
}

/// Bytes that keeping a line takes, its neighbours counted as a guess.
fn cost(line: &RawLine) -> usize {
    (line.end - line.start).min(4096) + 64
}

/// `centre` with the lines around it.
fn neighbours(raw: &str, centre: RawLine) -> Vec<RawLine> {
    let mut lines = Vec::with_capacity(LINES_BEFORE + 1 + LINES_AFTER);
    let mut start = centre.start;
    for back in 1..=LINES_BEFORE.min(centre.index) {
        let end = start - 1;
        start = memchr::memrchr(b'\n', &raw.as_bytes()[..end]).map_or(0, |line_feed| line_feed + 1);
        lines.push(RawLine { index: centre.index - back, start, end });
    }
    lines.reverse();
    lines.push(centre);
    let mut end = centre.end;
    for ahead in 1..=LINES_AFTER {
        if end >= raw.len() {
            break;
        }
        let start = end + 1;
        end = memchr::memchr(b'\n', &raw.as_bytes()[start..]).map_or(raw.len(), |length| start + length);
        lines.push(RawLine { index: centre.index + ahead, start, end });
    }
    lines
}

/// Equal for lines that differ only in words with a digit in them: numbers, ids, hashes, addresses (FNV-1a of the rest).
fn shape(line: &str) -> u64 {
    let line = &line.as_bytes()[..line.len().min(SHAPE_BYTES)];
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut mix = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    for word in line.split_inclusive(|byte| !byte.is_ascii_alphanumeric()) {
        if word.iter().any(u8::is_ascii_digit) {
            mix(b'0');
            mix(word[word.len() - 1]);
        } else {
            for &byte in word {
                mix(byte);
            }
        }
    }
    hash
}

/// The head of a line that tells its shape.
const SHAPE_BYTES: usize = 2048;
