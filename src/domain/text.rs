//! Text that may leave: quoted in an answer, embedded, sent to a model, logged, kept.

use std::{fmt, ops::Deref, ops::Range};

use serde::Serialize;

/// A text without secrets. Made by [`super::redact::Redaction::clean`], or out of texts that were.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct CleanText(String);

impl CleanText {
    /// What redaction let through; nothing else may call it.
    pub(super) fn redacted(text: String) -> Self {
        Self(text)
    }

    /// Words of our own.
    pub fn of_ours(text: &'static str) -> Self {
        Self(text.to_owned())
    }

    /// A text that consists of parts of clean texts and of words of ours. The tidy test lists who may say so.
    pub fn derived(text: String) -> Self {
        Self(text)
    }

    /// A part of it; `None` where the range does not lie on characters.
    pub fn part(&self, range: Range<usize>) -> Option<Self> {
        self.0.get(range).map(|part| Self(part.to_owned()))
    }

    /// Clean texts one after another.
    pub fn joined<'a>(parts: impl IntoIterator<Item = &'a CleanText>, between: &'static str) -> Self {
        Self(parts.into_iter().map(Deref::deref).collect::<Vec<&str>>().join(between))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_string(self) -> String {
        self.0
    }
}

impl Deref for CleanText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CleanText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl PartialEq<str> for CleanText {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for CleanText {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

/// Characters that a person does not see and a program does: of no width, turning the direction, tags. Text that is shown,
/// run or handed to a model has none of them.
pub fn is_hidden(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}
