//! Texts as an embedder wants them: identifiers in words, without what machines made up.

use super::asked::Asked;
use super::noise::{is_hash, is_machine_made};
use super::products::product;
use super::runbook::{Runbook, stem};
use super::tokens::{each_word, hump_end};
use crate::domain::passage::Passage;
use std::collections::BTreeSet;

/// The most bytes of a query that are embedded: about as many tokens as the time for a query allows.
const QUERY_BYTES: usize = 480;
/// The most bytes of a passage that are embedded; models of this size read no more.
const PASSAGE_BYTES: usize = 1100;

/// A query as it is embedded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct QueryTexts {
    /// Decisive lines only, cleaned.
    pub said: String,
    /// What its codes and phrases mean. `None` = it has none; an embedder's model knows nothing of errno.
    pub meant: Option<String>,
}

impl QueryTexts {
    /// The texts of what is asked.
    pub fn of(asked: &Asked<'_>) -> QueryTexts {
        let mut said = cleaned(&asked.message, QUERY_BYTES);
        for words in products_of(&said) {
            said.push_str(" (");
            said.push_str(words);
            said.push(')');
        }
        for category in asked.query.known_categories().take(1) {
            said.push_str(" (");
            said.push_str(&split_words(category));
            said.push(')');
        }
        QueryTexts { said, meant: meant(&asked.meanings) }
    }
}

/// The words of some meanings, each once.
fn meant(meanings: &[&str]) -> Option<String> {
    let mut words: Vec<&str> = Vec::new();
    for word in meanings.iter().flat_map(|meaning| meaning.split_whitespace()) {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    let mut text = words.join(" ");
    cut(&mut text, QUERY_BYTES);
    (!text.is_empty()).then_some(text)
}

/// The products whose parts are named, in order of their names.
fn products_of(text: &str) -> BTreeSet<&'static str> {
    let mut products = BTreeSet::new();
    each_word(text, &mut |word| products.extend(product(word.text)));
    products
}

/// A passage under its titles.
pub fn passage_text(runbook: &Runbook, passage: &Passage) -> String {
    let mut text = title_of(runbook);
    if passage.section != runbook.title {
        text.push_str(". ");
        text.push_str(&split_words(&passage.section));
    }
    text.push_str(": ");
    text.push_str(&passage.text);
    cut(&mut text, PASSAGE_BYTES);
    text
}

/// A runbook in one text: its names and tags, and as much of it as a model reads.
pub fn card_text(runbook: &Runbook, passages: &[Passage]) -> String {
    let mut text = title_of(runbook);
    for words in runbook.categories.iter().chain(&runbook.tags) {
        text.push_str(", ");
        text.push_str(&split_words(words));
    }
    text.push('.');
    for passage in passages {
        text.push('\n');
        text.push_str(&passage.text);
        if text.len() > PASSAGE_BYTES {
            break;
        }
    }
    cut(&mut text, PASSAGE_BYTES);
    text
}

fn title_of(runbook: &Runbook) -> String {
    let title = split_words(&runbook.title);
    let file = split_words(stem(&runbook.file));
    if title.eq_ignore_ascii_case(&file) || !runbook.has_title { title } else { format!("{title} ({file})") }
}

/// Words without timestamps, ids, hashes and addresses; identifiers taken apart; at most `bytes`.
pub fn cleaned(text: &str, bytes: usize) -> String {
    let mut clean = String::with_capacity(bytes.min(text.len()));
    for word in text.split_whitespace() {
        if clean.len() >= bytes {
            break;
        }
        let core = word.trim_matches(|c: char| !c.is_alphanumeric());
        if core.is_empty() || is_noise(core) {
            continue;
        }
        if !clean.is_empty() {
            clean.push(' ');
        }
        clean.push_str(&split_words(word.trim_matches(['"', '\\', '\'', '`', '{', '}', '[', ']', ','])));
    }
    cut(&mut clean, bytes);
    clean
}

/// `KubePodCrashLooping` as `Kube Pod Crash Looping`, `disk_full-soon` as `disk full soon`.
pub fn split_words(text: &str) -> String {
    let mut words = String::with_capacity(text.len() + 8);
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
        let (mut name, tail) = rest.split_at(end);
        while !name.is_empty() {
            let (hump, after) = name.split_at(hump_end(name));
            words.push_str(hump);
            if !after.is_empty() {
                words.push(' ');
            }
            name = after;
        }
        let mut others = tail.chars();
        match others.next() {
            Some('-' | '_') => words.push(' '),
            Some(other) => words.push(other),
            None => {}
        }
        rest = others.as_str();
    }
    words
}

/// A timestamp, an address, an id: hardly a letter in it, or the random tail of something.
fn is_noise(word: &str) -> bool {
    let letters = word.chars().filter(|c| c.is_alphabetic()).count();
    let digits = word.chars().filter(char::is_ascii_digit).count();
    if letters == 0 {
        // A code or a port may matter, a longer number does not.
        return digits > 5 || word.contains([':', '/', '-', '.']);
    }
    if digits >= letters && word.len() > 4 {
        return true;
    }
    let pieces: Vec<&str> = word.split(['-', '_', '.', '/', ':']).filter(|piece| !piece.is_empty()).collect();
    pieces.len() > 1
        && pieces.iter().all(|piece| is_hash(piece) || is_machine_made(piece) || piece.chars().all(|c| c.is_ascii_digit()))
}

fn cut(text: &mut String, bytes: usize) {
    text.truncate(text.floor_char_boundary(bytes));
}

#[cfg(test)]
mod tests {
    use super::cleaned;

    #[test]
    fn noise_is_left_out_and_names_are_taken_apart() {
        assert_eq!(
            cleaned(
                "2026-02-19T10:30:00.123Z E0219 10.244.1.7:8080 550e8400-e29b-41d4-a716-446655440000 KubePodNotReady exit code 137",
                200
            ),
            "Kube Pod Not Ready exit code 137"
        );
        assert_eq!(cleaned("\"reason\":\"OOMKilled\" x", 200), "reason\":\"OOM Killed x");
        assert_eq!(cleaned(&"word ".repeat(100), 20).len(), 20);
    }
}
