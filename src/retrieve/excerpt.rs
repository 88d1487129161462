//! A hit as a suggestion a person can read.

use super::ranking::Hit;
use super::runbook::Runbook;
use crate::domain::passage::{Passage, Suggestion, Why};

/// The most characters of an excerpt.
pub const EXCERPT_CHARS: usize = 400;

impl Hit {
    /// The suggestion, given the library's runbooks and passages.
    pub fn suggestion(&self, runbooks: &[Runbook], passages: &[Passage]) -> Suggestion {
        let runbook = &runbooks[self.runbook];
        let passage = self.passage.map(|passage| &passages[passage]);
        Suggestion {
            runbook: runbook.file.clone(),
            title: runbook.title.clone(),
            section: passage.map_or_else(|| runbook.title.clone(), |passage| passage.section.clone()),
            anchor: passage.map(|passage| passage.anchor.clone()).unwrap_or_default(),
            excerpt: passage.map(|passage| excerpt(&passage.text)).unwrap_or_default(),
            score: self.score,
            categories: runbook.categories.clone(),
            why: Why {
                lexical: (f64::from(self.raw) * 1000.0).round() / 1000.0,
                dense: self.dense.map(|cosine| (f64::from(cosine) * 1000.0).round() / 1000.0),
                matched: self.matched.iter().map(ToString::to_string).collect(),
            },
        }
    }
}

/// The beginning of a text, at most [`EXCERPT_CHARS`] characters, ending with a sentence or a line if one ends late
/// enough, else with a word and an ellipsis. Empty lines are dropped.
pub fn excerpt(text: &str) -> String {
    let lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
    let text = lines.collect::<Vec<_>>().join("\n");
    let Some((limit, _)) = text.char_indices().nth(EXCERPT_CHARS) else {
        return text;
    };
    // One character less leaves room for the ellipsis.
    let (room, _) = text.char_indices().nth(EXCERPT_CHARS - 1).unwrap_or((limit, ' '));
    let begun = &text[..room];
    let mut sentence_end =
        begun.rmatch_indices([' ', '\n']).filter(|&(at, space)| space == "\n" || begun[..at].ends_with(['.', '!', '?', ':']));
    if let Some((at, _)) = sentence_end.next().filter(|&(at, _)| at >= room / 2) {
        return begun[..at].trim_end().to_owned();
    }
    let word_end = begun.rfind(char::is_whitespace).unwrap_or(room);
    format!("{}…", begun[..word_end].trim_end())
}

#[cfg(test)]
mod tests {
    use super::{EXCERPT_CHARS, excerpt};

    #[test]
    fn excerpts_end_with_a_sentence_or_a_word() {
        assert_eq!(excerpt("short\n\ntext"), "short\ntext");
        let sentences = "One sentence that says something. ".repeat(20);
        assert!(excerpt(&sentences).ends_with("something."));
        let words = "ümläut ".repeat(100);
        assert!(excerpt(&words).ends_with("ümläut…"));
        for text in [sentences, words, "é".repeat(1000)] {
            assert!(excerpt(&text).chars().count() <= EXCERPT_CHARS);
        }
    }
}
