//! One pass over a text: where the automaton finds a keyword, what belongs to it is looked at.

use std::{ops::Range, sync::LazyLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::{
    MARK, assign, base64, header, keys, manifest, mark_length, pem, placeholder,
    rules::{AHEAD, RULES},
    tokens::{self, TOKENS},
    url,
    user::UserRules,
};

/// A secret in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span<'r> {
    pub start: usize,
    pub end: usize,
    pub kind: &'r str,
}

/// What a keyword calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Do {
    Key,
    Token(usize),
    Jwt,
    Rule(usize),
    PemBegin,
    PemEnd,
    Url,
    Bearer,
    Basic,
    /// `data`, `stringData`: the values of a secret, where the text holds one.
    Data,
    /// `kind: Secret`
    SecretKind,
}

/// Shortest run of base64 that is decoded.
const RUN_BYTES: usize = 24;
/// Base64 within base64 is followed so deep.
const MOST_DEPTH: usize = 2;

/// The automaton, and what each of its patterns calls for.
static KEYWORDS: LazyLock<Option<(AhoCorasick, Vec<Do>)>> = LazyLock::new(|| {
    let mut patterns: Vec<&'static str> = Vec::new();
    let mut actions = Vec::new();
    let mut add = |pattern: &'static str, action: Do| {
        patterns.push(pattern);
        actions.push(action);
    };
    for word in keys::KEYWORDS {
        add(word, Do::Key);
    }
    TOKENS.iter().enumerate().for_each(|(number, token)| add(token.prefix, Do::Token(number)));
    for (number, rule) in RULES.iter().enumerate() {
        rule.keywords.iter().for_each(|word| add(word, Do::Rule(number)));
    }
    add("eyJ", Do::Jwt);
    add("-----BEGIN ", Do::PemBegin);
    add("---- BEGIN ", Do::PemBegin);
    add("-----END ", Do::PemEnd);
    add("://", Do::Url);
    add("bearer ", Do::Bearer);
    add("bearer%20", Do::Bearer);
    add("basic ", Do::Basic);
    add("data", Do::Data);
    add("secret", Do::SecretKind);
    let automaton = AhoCorasick::builder()
        .match_kind(MatchKind::Standard)
        .ascii_case_insensitive(true)
        .kind(Some(AhoCorasickKind::DFA))
        .build(&patterns);
    automaton.ok().map(|automaton| (automaton, actions))
});

/// The text, and what was found so far.
pub struct Scan<'t, 'r> {
    pub text: &'t str,
    pub bytes: &'t [u8],
    /// Names of keys up to here were read.
    pub keys_read: usize,
    spans: Vec<Span<'r>>,
    /// The last span that was masked by a hit.
    covered: Range<usize>,
    /// Where each rule has to look.
    regions: Vec<(usize, Range<usize>)>,
    last_region: Vec<Option<usize>>,
    /// `data` keys: their places, and whether each is the only-in-secrets `stringData`.
    data: Vec<(usize, usize)>,
    is_manifest: bool,
}

impl Scan<'_, '_> {
    pub fn mask(&mut self, start: usize, end: usize, kind: &'static str) {
        if start < end {
            self.covered = if start <= self.covered.end && end > self.covered.end && start >= self.covered.start {
                self.covered.start..end
            } else {
                start..end
            };
            self.spans.push(Span { start, end, kind });
        }
    }
}

/// Every secret of `text`, in no order; some may overlap.
pub fn spans<'r>(text: &str, user: &'r UserRules, depth: usize) -> Vec<Span<'r>> {
    let Some((automaton, actions)) = KEYWORDS.as_ref() else {
        // Without its automaton nothing can be called clean.
        return if text.is_empty() { Vec::new() } else { vec![Span { start: 0, end: text.len(), kind: "unchecked" }] };
    };
    let bytes = text.as_bytes();
    let mut scan = Scan {
        text,
        bytes,
        keys_read: 0,
        spans: Vec::new(),
        covered: 0..0,
        regions: Vec::new(),
        last_region: Vec::new(),
        data: Vec::new(),
        is_manifest: false,
    };
    for found in automaton.find_overlapping_iter(bytes) {
        let action = actions[found.pattern().as_usize()];
        if scan.covered.contains(&found.start()) && action != Do::PemBegin && !matches!(action, Do::SecretKind | Do::Data) {
            continue;
        }
        hit(&mut scan, action, found.start(), found.end());
    }
    if scan.is_manifest {
        let mut read = 0;
        for (start, end) in std::mem::take(&mut scan.data) {
            if start >= read {
                read = manifest::values(&mut scan, start, end);
            }
        }
    }
    for (rule, region) in std::mem::take(&mut scan.regions) {
        run(&mut scan, rule, region);
    }
    wrapped(&mut scan, user, depth);
    user.run(text, &mut scan.spans);
    scan.spans
}

fn hit(scan: &mut Scan<'_, '_>, action: Do, start: usize, end: usize) {
    match action {
        Do::Key => {
            if !is_in_mark(scan.bytes, start) {
                assign::at(scan, start, end);
            }
        }
        Do::Token(number) => {
            if let Some(end) = TOKENS[number].end(scan.bytes, start) {
                scan.mask(start, end, TOKENS[number].kind);
            }
        }
        Do::Jwt => {
            if let Some(end) = tokens::jwt_end(scan.bytes, start) {
                scan.mask(start, end, "jwt");
            }
        }
        Do::Rule(number) => scan.look(number, start, end),
        Do::PemBegin => pem::begin(scan, start, end),
        Do::PemEnd => pem::end(scan, start, end),
        Do::Url => url::at(scan, end),
        Do::Bearer => header::bearer(scan, end - 1),
        Do::Basic => header::basic(scan, end - 1),
        Do::Data => data(scan, start, end),
        Do::SecretKind => scan.is_manifest |= is_kind(scan.bytes, start, end),
    }
}

/// The word is the kind of a mark that is there already.
fn is_in_mark(text: &[u8], at: usize) -> bool {
    let from = at.saturating_sub(64);
    let before = &text[from..at];
    let Some(open) = before.iter().rposition(|byte| *byte == b'[') else { return false };
    text[from + open..]
        .strip_prefix(MARK.as_bytes())
        .and_then(mark_length)
        .is_some_and(|length| from + open + MARK.len() + length > at)
}

/// Remembers a `data` key for the case that the text is a secret's manifest.
fn data(scan: &mut Scan<'_, '_>, start: usize, end: usize) {
    let text = scan.bytes;
    if !matches!(text.get(end), Some(b':' | b'"' | b'\'' | b'\\' | b' ')) {
        return;
    }
    let string = text[..start].ends_with(b"string") && text[start..end] == *b"Data";
    let start = if string { start - 6 } else { start };
    let begins = start == 0 || !text[start - 1].is_ascii_alphanumeric() && !matches!(text[start - 1], b'-' | b'_' | b'.');
    if begins {
        scan.is_manifest |= string;
        scan.data.push((start, end));
    }
}

/// `kind: Secret`, `"kind":"Secret"`, `Kind:Secret`.
fn is_kind(text: &[u8], start: usize, end: usize) -> bool {
    if text[start..end] != *b"Secret" {
        return false;
    }
    let before = &text[start.saturating_sub(32)..start];
    let before: Vec<u8> = before.iter().copied().filter(|byte| !matches!(byte, b' ' | b'"' | b'\'' | b'\\' | b'\t')).collect();
    let ends = text.get(end).is_none_or(|byte| !byte.is_ascii_alphanumeric()) || text[end..].starts_with(b"List");
    ends && (before.ends_with(b"kind:") || before.ends_with(b"Kind:"))
}

impl Scan<'_, '_> {
    /// Has a rule look around a keyword. Regions of one rule that touch are one.
    fn look(&mut self, rule: usize, start: usize, end: usize) {
        if self.last_region.is_empty() {
            self.last_region = vec![None; RULES.len()];
        }
        let mut from = start.saturating_sub(RULES[rule].back);
        if let Some(line_feed) = self.bytes[from..start].iter().rposition(|byte| *byte == b'\n') {
            from += line_feed + 1;
        }
        let last = self.last_region[rule];
        let near = &self.bytes[end..self.bytes.len().min(end + AHEAD)];
        if let Some(last) = last
            && from <= self.regions[last].1.end
        {
            let seen = self.regions[last].1.end;
            if seen < end + near.len() && self.bytes.get(seen) != Some(&b'\n') {
                let more = &self.bytes[seen.max(end)..end + near.len()];
                let length = more.iter().position(|byte| *byte == b'\n').unwrap_or(more.len());
                self.regions[last].1.end = seen.max(end) + length;
            }
            return;
        }
        let length = near.iter().position(|byte| *byte == b'\n').unwrap_or(near.len());
        self.last_region[rule] = Some(self.regions.len());
        self.regions.push((rule, from..end + length));
    }
}

fn run(scan: &mut Scan<'_, '_>, number: usize, region: Range<usize>) {
    let rule = &RULES[number];
    let Some(regex) = rule.regex.as_ref() else {
        scan.mask(region.start, region.end, rule.kind);
        return;
    };
    let window = &scan.bytes[region.clone()];
    for found in regex.captures_iter(window) {
        let Some(secret) = found.iter().skip(1).flatten().next() else { continue };
        let (start, end) = (region.start + secret.start(), region.start + secret.end());
        let said = String::from_utf8_lossy(secret.as_bytes());
        let is_port = said.bytes().all(|byte| byte.is_ascii_digit()) && said.len() < 4 && rule.kind == "password";
        if !placeholder::is_placeholder(&said) && !super::is_mark(&said) && !is_port {
            scan.mask(start, end, rule.kind);
        }
    }
}

/// Masks runs of base64 that wrap something secret.
fn wrapped(scan: &mut Scan<'_, '_>, user: &UserRules, depth: usize) {
    if depth >= MOST_DEPTH {
        return;
    }
    let text = scan.bytes;
    let mut at = 0;
    while at + RUN_BYTES <= text.len() {
        // The last byte that a run from here would have: where it is none, no run crosses it.
        if !base64::is_digit(text[at + RUN_BYTES - 1]) {
            at += RUN_BYTES;
            continue;
        }
        let back =
            text[..at + RUN_BYTES - 1].iter().rev().take(RUN_BYTES - 1).take_while(|byte| base64::is_digit(**byte)).count();
        let start = at + RUN_BYTES - 1 - back;
        let mut end = at + RUN_BYTES;
        end += text[end..].iter().take_while(|byte| base64::is_digit(**byte)).count();
        if end - start >= RUN_BYTES {
            let end = run_end(text, start, end);
            if base64::text_in(&text[start..end]).is_some_and(|inner| !spans(&inner, user, depth + 1).is_empty()) {
                scan.mask(start, end, "base64");
            }
            at = end;
        } else {
            at = end;
        }
    }
}

/// The end of a run with its padding, and with the lines below it that go on with it.
fn run_end(text: &[u8], start: usize, end: usize) -> usize {
    let padded = |end: usize| end + text[end..].iter().take(2).take_while(|byte| **byte == b'=').count();
    let mut stop = padded(end);
    if end - start < 60 {
        return stop;
    }
    while stop == end || text[stop - 1] != b'=' {
        let blank = text[stop..].iter().take(64).take_while(|byte| byte.is_ascii_whitespace()).count();
        if blank == 0 || !text[stop..stop + blank].contains(&b'\n') {
            break;
        }
        let line = stop + blank;
        let length = text[line..].iter().take_while(|byte| base64::is_digit(**byte)).count();
        let next = padded(line + length);
        if length == 0 || text.get(next).is_some_and(|byte| !byte.is_ascii_whitespace()) {
            break;
        }
        stop = next;
    }
    stop
}

/// In order and apart, on whole characters; a mark that is there already stays whole, inside a span or outside.
pub fn merged<'r>(spans: Vec<Span<'r>>, text: &str) -> Vec<Span<'r>> {
    let spans = in_order(spans, text);
    let marks: Vec<Range<usize>> = text
        .match_indices(MARK)
        .filter_map(|(at, mark)| Some(at..at + mark.len() + mark_length(&text.as_bytes()[at + mark.len()..])?))
        .collect();
    if marks.is_empty() {
        return spans;
    }
    let whole = |mut span: Span<'r>| {
        let touched = &marks[marks.partition_point(|mark| mark.end <= span.start)..];
        let touched = &touched[..touched.partition_point(|mark| mark.start < span.end)];
        let (Some(first), Some(last)) = (touched.first(), touched.last()) else { return Some(span) };
        if first.start <= span.start && span.end <= first.end && has_kind_of_ours(&text[first.clone()]) {
            return None;
        }
        span.start = span.start.min(first.start);
        span.end = span.end.max(last.end);
        Some(span)
    };
    in_order(spans.into_iter().filter_map(whole).collect(), text)
}

/// Built-in kinds are small letters and dashes, but for one: what looks like a token can hide in no mark.
fn has_kind_of_ours(mark: &str) -> bool {
    let kind = mark[MARK.len()..].split(':').next().unwrap_or_default();
    kind == "base64" || kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

fn in_order<'r>(mut spans: Vec<Span<'r>>, text: &str) -> Vec<Span<'r>> {
    spans.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
    let mut merged: Vec<Span<'r>> = Vec::with_capacity(spans.len());
    for mut span in spans {
        span.end = span.end.min(text.len());
        while !text.is_char_boundary(span.start) {
            span.start -= 1;
        }
        while !text.is_char_boundary(span.end) {
            span.end += 1;
        }
        match merged.last_mut() {
            Some(last) if span.start < last.end => last.end = last.end.max(span.end),
            _ if span.start < span.end => merged.push(span),
            _ => {}
        }
    }
    merged
}
