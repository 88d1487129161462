//! What codes, and the phrases that programs say in trouble, mean in an operator's words: `exit code 137` is about memory,
//! `nf_conntrack: table full` about connection tracking.
//!
//! General knowledge and vendors' documentation only, one file for each field of knowledge: nothing here knows a runbook.
//! A line of a file is `phrase | phrase -> words`; a list that ends with `|` goes on in the next line. A phrase of one word
//! is also found as a part of a name, a number only where it is said as a code.

use super::hash::FastMap;
use aho_corasick::AhoCorasick;
use std::cmp::Reverse;
use std::sync::LazyLock;

/// The words that say what `word` (lower case, as written) stands for; nothing for ordinary words.
pub fn meaning(word: &str) -> Option<&'static str> {
    CODES.of_word.get(word).copied()
}

/// The words that say what the phrases of a text stand for, each once, in order of the phrases. A phrase within a longer
/// one is not heard: `memory cgroup out of memory` is about a container's limit, `out of memory` about anything.
pub fn meanings(text: &str) -> Vec<&'static str> {
    let spoken = spoken(text);
    let found = CODES.phrases.iter().flat_map(|phrases| phrases.find_overlapping_iter(&spoken));
    let mut heard: Vec<(usize, Reverse<usize>, &'static str)> =
        found.map(|phrase| (phrase.start(), Reverse(phrase.end()), CODES.of_phrase[phrase.pattern()])).collect();
    heard.sort_unstable();
    let (mut meanings, mut reached) = (Vec::new(), 0);
    for (_, Reverse(end), words) in heard {
        if end > reached && !meanings.contains(&words) {
            meanings.push(words);
        }
        reached = reached.max(end);
        if meanings.len() == MOST_MEANINGS {
            break;
        }
    }
    meanings
}

/// More than a page of log says; bounds what a hostile text can cost.
const MOST_MEANINGS: usize = 32;

const FILES: &[&str] = &[
    include_str!("codes/controlplane.txt"),
    include_str!("codes/databases.txt"),
    include_str!("codes/linux.txt"),
    include_str!("codes/metrics.txt"),
    include_str!("codes/network.txt"),
    include_str!("codes/node.txt"),
    include_str!("codes/observability.txt"),
    include_str!("codes/platform.txt"),
    include_str!("codes/runtimes.txt"),
    include_str!("codes/storage.txt"),
    include_str!("codes/web.txt"),
];

struct Codes {
    of_word: FastMap<String, &'static str>,
    /// `None` would mean that they are too many for an automaton.
    phrases: Option<AhoCorasick>,
    of_phrase: Vec<&'static str>,
}

static CODES: LazyLock<Codes> = LazyLock::new(|| {
    let mut of_word = FastMap::default();
    let (mut phrases, mut of_phrase) = (Vec::new(), Vec::new());
    for (phrase, words) in entries() {
        if !phrase.contains(' ') {
            of_word.insert(phrase.replace(|c: char| !c.is_alphanumeric(), ""), words);
        }
        if !phrase.bytes().all(|byte| byte.is_ascii_digit()) {
            phrases.push(spoken(phrase));
            of_phrase.push(words);
        }
    }
    Codes { of_word, phrases: AhoCorasick::new(phrases).ok(), of_phrase }
});

/// Each phrase with what it means.
fn entries() -> impl Iterator<Item = (&'static str, &'static str)> {
    let mut pending: Vec<&'static str> = Vec::new();
    let lines = FILES.iter().flat_map(|file| file.lines()).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.flat_map(move |line| {
        let (phrases, words) = line.split_once(" -> ").map_or((line, None), |(phrases, words)| (phrases, Some(words)));
        pending.extend(phrases.split('|').map(str::trim).filter(|phrase| !phrase.is_empty()));
        let complete = if words.is_some() { std::mem::take(&mut pending) } else { Vec::new() };
        complete.into_iter().zip(std::iter::repeat(words.unwrap_or_default()))
    })
}

/// A text as it would be said: words in lower case with one space before, between and after them.
fn spoken(text: &str) -> String {
    let mut spoken = String::with_capacity(text.len() + 2);
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        spoken.push(' ');
        spoken.extend(word.chars().flat_map(char::to_lowercase));
    }
    spoken.push(' ');
    spoken
}

#[cfg(test)]
mod tests {
    use super::{CODES, entries, meaning, meanings, spoken};
    use std::collections::HashSet;

    #[test]
    fn a_phrase_has_one_meaning_and_is_lower_case() {
        let mut seen = HashSet::new();
        for (phrase, words) in entries() {
            assert!(seen.insert(spoken(phrase)), "{phrase} is there twice");
            assert!(phrase == phrase.to_lowercase() && !words.is_empty(), "{phrase}");
        }
        assert!(seen.len() > 3000 && CODES.phrases.is_some(), "{}", seen.len());
    }

    #[test]
    fn codes_are_found_as_words_and_phrases_in_whatever_spelling() {
        assert_eq!(meaning("137"), Some("oomkilled memory limit sigkill"));
        assert_eq!(meaning("eaiagain"), meaning("eai_again".replace('_', "").as_str()));
        assert_eq!(meaning("banana"), None);
        let log = "Nov 3 web-1 kernel: nf_conntrack: nf_conntrack: table full, dropping packet\n137 rows";
        let found = meanings(log);
        assert!(found.iter().any(|words| words.contains("connection tracking")), "{found:?}");
        assert!(!found.iter().any(|words| words.contains("oomkilled")), "{found:?}");
        assert!(meanings("").is_empty());
        let within = meanings("Memory cgroup out of memory");
        assert!(within.len() == 1 && within[0].contains("limit"), "{within:?}");
    }
}
