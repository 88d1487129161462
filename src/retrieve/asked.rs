//! A query, read once for all that rank it.

use super::codes::meanings;
use super::decisive::decisive;
use super::envelope::open;
use super::plain::QueryTexts;
use super::query::{Query, QueryWords};
use super::tokens::each_word;
use super::tone::Tone;
use std::sync::OnceLock;

/// What a query says.
#[derive(Debug)]
pub struct Asked<'a> {
    pub query: Query<'a>,
    /// The decisive lines, out of their envelope.
    pub message: String,
    /// Values of the labels that the message came with.
    pub values: Vec<String>,
    /// What the codes and phrases of the message mean, each once.
    pub meanings: Vec<&'static str>,
    pub tone: Tone,
    words: OnceLock<QueryWords>,
    texts: OnceLock<QueryTexts>,
}

impl<'a> Asked<'a> {
    pub fn of(query: &Query<'a>) -> Asked<'a> {
        let text = decisive(query.text);
        let opened = open(&text);
        let values = opened.values.into_iter().map(str::to_owned).collect();
        let message = opened.message.into_owned();
        Asked {
            query: *query,
            meanings: meanings(&message),
            tone: Tone::of(query.text),
            message,
            values,
            words: OnceLock::new(),
            texts: OnceLock::new(),
        }
    }

    /// Its words, weighed; found out on first use.
    pub fn words(&self) -> &QueryWords {
        self.words.get_or_init(|| QueryWords::of(self))
    }

    /// Its texts as an embedder wants them; made on first use.
    pub fn texts(&self) -> &QueryTexts {
        self.texts.get_or_init(|| QueryTexts::of(self))
    }

    /// Queries of equal gist get the same ranking by words: what machines made up (ids, addresses, times, counts) is not in it.
    pub fn gist(&self) -> String {
        let mut gist = String::with_capacity(self.message.len());
        for text in std::iter::once(&self.message).chain(&self.values) {
            each_word(text, &mut |word| {
                gist.push_str(word.text);
                gist.push(if word.is_compound { '+' } else { ' ' });
                // A word has one of two weights.
                gist.push_str(if word.weight < 1.0 { "-" } else { "" });
            });
            gist.push('\n');
        }
        let (categories, names) = (self.query.categories.iter(), self.query.words.iter());
        for part in self.meanings.iter().chain(categories.chain(&["\n"]).chain(names)) {
            gist.push_str(part);
            gist.push('\n');
        }
        gist.push(if self.tone == Tone::Healthy { '+' } else { '-' });
        gist
    }
}

#[cfg(test)]
mod tests {
    use super::{Asked, Query};

    fn gist(text: &str) -> String {
        Asked::of(&Query { text, ..Query::default() }).gist()
    }

    #[test]
    fn what_machines_made_up_makes_no_difference_and_words_and_codes_do() {
        let one = gist("2026-02-19T10:30:00Z api-7d9f8b6c5-xk4jn refused by 10.0.0.1:5432, request 12345-99");
        assert_eq!(one, gist("2026-02-20T11:00:01Z api-5c4d8b6c5-aa4jn refused by 10.0.0.7:5432, request 6-7"));
        let others = ["api-7d9f8b6c5-xk4jn refused", "api refused by 10.0.0.1:5432, request", "exit code 1", "exit code 137", ""];
        let gists = others.map(gist);
        assert!(gists.iter().enumerate().all(|(at, gist)| *gist != one && !gists[..at].contains(gist)), "{gists:?}");
    }

    #[test]
    fn who_asks_and_what_for_makes_a_difference() {
        let of = |categories, words| Asked::of(&Query { text: "disk full", categories, words }).gist();
        let gists =
            [of(&[], &[]), of(&["a"], &[]), of(&[], &["a"]), of(&["a"], &["a"]), of(&["a", "b"], &[]), of(&["a\nb"], &[])];
        assert_ne!(gists[1], gists[2]);
        assert_eq!(gists.iter().collect::<std::collections::HashSet<_>>().len(), 5, "no category has a line feed");
        assert_ne!(gist("disk full"), gist("disk full (namespace=\"shop\")"));
        assert_ne!(gist("memory is healthy"), gist("memory"));
    }
}
