//! Passages: the pieces of runbooks that search finds, and the suggestions made of them.

use serde::Serialize;

/// A piece of a runbook small enough to read at a glance: one section, or a part of a long one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Passage {
    /// The runbook's file, relative to its folder and written with `/`.
    pub runbook: String,
    /// The headings above the text, outermost first, joined by ` > `. The title for text before any heading.
    pub section: String,
    /// The fragment that leads to the section on the rendered page. Empty for the top of the page.
    pub anchor: String,
    /// Plain text: markup removed, commands and code kept, paragraphs separated by an empty line.
    pub text: String,
}

/// A runbook that fits a query, with the passage that fits best.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Suggestion {
    /// The runbook's file, relative to its folder and written with `/`.
    pub runbook: String,
    /// What the runbook calls itself.
    pub title: String,
    /// The section the excerpt is from.
    pub section: String,
    /// The fragment that leads to the section on the rendered page. Empty for the top of the page.
    pub anchor: String,
    /// The beginning of the best passage, at most 400 characters of plain text.
    pub excerpt: String,
    /// How sure we are that the runbook fits, 0 to 1, comparable between queries.
    pub score: f64,
    /// The error categories the runbook declares.
    pub categories: Vec<String>,
    /// What the score rests on.
    pub why: Why,
}

/// What a suggestion's score rests on, for a person who wonders.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Why {
    /// The raw lexical score (BM25); not comparable between queries.
    pub lexical: f64,
    /// The cosine of the query with the nearest text of the runbook. `None` where no vectors were compared.
    pub dense: Option<f64>,
    /// The query's words found in the runbook, most telling first.
    pub matched: Vec<String>,
}
