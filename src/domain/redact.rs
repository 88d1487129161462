//! Redaction: the one door through which foreign text comes in. What comes out is [`CleanText`].
//!
//! ```text
//! text -> one automaton over all keywords -> at each hit: a token's format, a key and its value, a header, a URL, a PEM block,
//!         a manifest, or a regex over its line -> spans -> marks [REDACTED:<kind>:<n>]
//! ```
//! A mark's number says which secret it stands for: equal secrets have equal marks within one [`Redaction`], numbered by first
//! appearance, so that the same request always reads the same. Nothing of a secret is in its mark.

mod assign;
mod base64;
mod given;
mod header;
mod keys;
mod manifest;
mod pem;
mod placeholder;
pub mod pseudonyms;
mod rules;
mod scan;
pub mod scrub;
mod tokens;
mod url;
pub mod user;
mod value;
mod words;

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, LazyLock},
};

use self::user::{RuleError, UserRule, UserRules};
use super::text::CleanText;

/// What a mark begins with.
const MARK: &str = "[REDACTED:";
/// Cleaning is repeated until nothing changes, at most so often.
const MOST_PASSES: usize = 4;
/// Secrets of a request that are also looked for where nothing tells.
const MOST_KNOWN: usize = 64;
/// Shorter ones may be ordinary words.
const KNOWN_BYTES: usize = 8;

/// The rules of a process: those that are built in, and the user's own.
#[derive(Debug, Default)]
pub struct Redactor {
    user: UserRules,
}

static BUILT_IN: LazyLock<Arc<Redactor>> = LazyLock::new(Arc::default);

impl Redactor {
    /// The built-in rules alone.
    pub fn built_in() -> Arc<Self> {
        Arc::clone(&BUILT_IN)
    }

    /// The built-in rules, and these.
    pub fn with_rules(rules: &[UserRule]) -> Result<Self, RuleError> {
        Ok(Self { user: UserRules::new(rules)? })
    }

    /// Begins one request.
    pub fn session(self: &Arc<Self>) -> Redaction {
        Redaction { redactor: Arc::clone(self), marks: HashMap::new(), known: Vec::new(), counts: BTreeMap::new() }
    }

    /// One text by itself.
    pub fn clean(self: &Arc<Self>, text: &str) -> CleanText {
        self.session().clean(text)
    }
}

/// The redaction of one request: remembers which mark each secret has.
#[derive(Clone)]
pub struct Redaction {
    redactor: Arc<Redactor>,
    marks: HashMap<String, String>,
    /// Secrets with their kinds that are looked for everywhere from now on.
    known: Vec<(String, String)>,
    counts: BTreeMap<String, usize>,
}

impl fmt::Debug for Redaction {
    /// Without the secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Redaction").field("counts", &self.counts).finish_non_exhaustive()
    }
}

impl Redaction {
    /// The text with a mark in place of each secret.
    pub fn clean(&mut self, text: &str) -> CleanText {
        let mut clean = self.pass(text);
        // Rarely, something tells only once its neighbour is a mark.
        for _ in 1..MOST_PASSES {
            let Some(before) = clean else { break };
            match self.pass(&before) {
                Some(after) if after != before => clean = Some(after),
                Some(_) | None => return CleanText::redacted(before),
            }
        }
        CleanText::redacted(clean.unwrap_or_else(|| text.to_owned()))
    }

    /// How many places were masked, by kind.
    pub fn counts(&self) -> &BTreeMap<String, usize> {
        &self.counts
    }

    /// `None` = there is nothing to mask.
    fn pass(&mut self, text: &str) -> Option<String> {
        let redactor = Arc::clone(&self.redactor);
        let mut spans = scan::spans(text, &redactor.user, 0);
        for span in scan::merged(spans.clone(), text) {
            let secret = &text[span.start..span.end];
            if is_telling(secret) && self.known.len() < MOST_KNOWN && !self.known.iter().any(|(known, _)| known == secret) {
                self.known.push((secret.to_owned(), span.kind.to_owned()));
            }
        }
        let known = self.known.clone();
        for (secret, kind) in &known {
            spans.extend(text.match_indices(secret.as_str()).map(|(at, _)| scan::Span {
                start: at,
                end: at + secret.len(),
                kind,
            }));
        }
        if spans.is_empty() {
            return None;
        }
        let spans = scan::merged(spans, text);
        let mut out = String::with_capacity(text.len() + spans.len() * 8);
        let mut at = 0;
        for span in spans {
            out.push_str(&text[at..span.start]);
            out.push_str(self.mark(&text[span.start..span.end], span.kind));
            at = span.end;
        }
        out.push_str(&text[at..]);
        Some(out)
    }

    fn mark(&mut self, secret: &str, kind: &str) -> &str {
        *self.counts.entry(kind.to_owned()).or_default() += 1;
        let number = self.marks.len() + 1;
        self.marks.entry(secret.to_owned()).or_insert_with(|| format!("{MARK}{kind}:{number}]"))
    }
}

/// Whether a secret can be told from ordinary words wherever it stands.
fn is_telling(secret: &str) -> bool {
    let has = |is: fn(&u8) -> bool| secret.bytes().any(|byte| is(&byte));
    let is_mixed = has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic)
        || has(u8::is_ascii_punctuation) && has(u8::is_ascii_alphanumeric);
    secret.len() >= KNOWN_BYTES && secret.len() <= 4096 && is_mixed && !secret.contains(MARK)
}

/// Whether `text` is one mark and nothing more but quotes and punctuation around it.
fn is_mark(text: &str) -> bool {
    let text =
        text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | ',' | ';' | '.' | ')' | '}' | '\\'));
    text.strip_prefix(MARK).and_then(|rest| mark_length(rest.as_bytes())).is_some_and(|length| MARK.len() + length == text.len())
}

/// Length of the rest of a mark, whose beginning was read.
fn mark_length(rest: &[u8]) -> Option<usize> {
    let kind = rest.iter().take(64).take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')).count();
    let digits = rest.get(kind + 1..)?.iter().take(10).take_while(|byte| byte.is_ascii_digit()).count();
    (kind > 0 && rest[kind] == b':' && digits > 0 && rest.get(kind + 1 + digits) == Some(&b']')).then_some(kind + digits + 2)
}

#[cfg(test)]
mod tests;
