//! What an index is made of: a vocabulary, counts of words, and postings.

use super::hash::FastMap;
use super::lexical::Name;
use super::tokens::{Stems, each_word};

/// Libraries smaller than this are treated as if the rest of the shelf existed, so that a word's rarity means the same.
const SMALLEST_SHELF: usize = 50;

// BM25's usual saturation.
const SATURATION: f32 = 1.2;

/// All words of a library, numbered.
#[derive(Default)]
pub struct Vocabulary {
    stems: Stems,
    /// Stems to terms.
    pub terms: FastMap<Box<str>, u32>,
    /// Words as written to terms.
    pub surfaces: FastMap<Box<str>, u32>,
}

impl Vocabulary {
    /// Adds the words of a text, each counting `weight`.
    pub fn count(&mut self, text: &str, weight: f32, counts: &mut Counts) {
        let mut previous = None;
        each_word(text, &mut |word| {
            let term = self.term(word.text);
            if !word.is_compound {
                counts.pairs.extend(previous.map(|previous| (previous, term)));
                previous = Some(term);
            }
            *counts.of.entry(term).or_insert(0.0) += weight;
            counts.length += 1.0;
        });
    }

    /// What a runbook is called.
    pub fn name(&mut self, text: &str) -> Name {
        let joined = joined_name(text);
        let mut parts = Vec::new();
        let mut compound = None;
        each_word(text, &mut |word| {
            let term = self.term(word.text);
            if word.text == joined { compound = Some(term) } else { parts.push(term) }
        });
        parts.sort_unstable();
        parts.dedup();
        Name { parts: parts.into(), compound }
    }

    fn term(&mut self, word: &str) -> u32 {
        if let Some(&term) = self.surfaces.get(word) {
            return term;
        }
        let stem = self.stems.stem(word);
        let next = number(self.terms.len());
        let term = *self.terms.entry(stem.as_ref().into()).or_insert(next);
        self.surfaces.insert(word.into(), term);
        term
    }
}

/// A name in one word: `media-resizer` and `MediaResizer` are one.
pub fn joined_name(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The words of a text with their weighted counts.
#[derive(Debug, Default)]
pub struct Counts {
    of: FastMap<u32, f32>,
    length: f32,
    /// Terms that stand side by side.
    pub pairs: Vec<(u32, u32)>,
}

impl Counts {
    /// Adds the counts of a part.
    pub fn add(&mut self, other: &Counts) {
        for (&term, &count) in &other.of {
            *self.of.entry(term).or_insert(0.0) += count;
        }
        self.length += other.length;
    }
}

/// How telling each term is: 1 for a term of one runbook, near 0 for one that all have.
pub fn rarity(documents: &[Counts], terms: usize) -> Vec<f32> {
    let mut found_in = vec![0; terms];
    for &term in documents.iter().flat_map(|counts| counts.of.keys()) {
        found_in[term as usize] += 1;
    }
    found_in.into_iter().map(|count| if count == 0 { 0.0 } else { rarity_of(count, documents.len()) }).collect()
}

/// How telling a term is that stands in `found_in` of so many documents.
#[expect(clippy::cast_precision_loss, reason = "counts of runbooks; a rarity needs no more than three digits")]
pub fn rarity_of(found_in: usize, documents: usize) -> f32 {
    let total = documents.max(SMALLEST_SHELF) as f32;
    let inverse_frequency = |count: f32| (1.0 + (total - count + 0.5) / (count + 0.5)).ln();
    inverse_frequency(found_in as f32) / inverse_frequency(1.0)
}

/// A position as it is kept in an index.
pub fn number(position: usize) -> u32 {
    u32::try_from(position).expect("a library has fewer than 2^32 words")
}

/// For each term the documents that hold it, with the term's weight in each.
#[derive(Debug)]
pub struct Postings {
    starts: Vec<u32>,
    entries: Vec<(u32, f32)>,
    /// How many documents there are.
    pub documents: usize,
}

impl Postings {
    /// `length_norm` says how much a word fades in a longer document, 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "a number of documents; an average needs no more")]
    pub fn new(documents: &[Counts], rarity: &[f32], length_norm: f32) -> Postings {
        let mean_length = documents.iter().map(|counts| counts.length).sum::<f32>() / documents.len().max(1) as f32;
        let mut entries = Vec::new();
        for (document, counts) in documents.iter().enumerate() {
            let norm = 1.0 - length_norm + length_norm * counts.length / mean_length.max(1.0);
            for (&term, &count) in &counts.of {
                let frequency = count / norm;
                entries.push((term, number(document), rarity[term as usize] * frequency / (frequency + SATURATION)));
            }
        }
        entries.sort_by_key(|&(term, document, _)| (term, document));
        let mut starts = vec![0_u32; rarity.len() + 1];
        for &(term, ..) in &entries {
            starts[term as usize + 1] += 1;
        }
        for term in 0..rarity.len() {
            starts[term + 1] += starts[term];
        }
        let entries = entries.into_iter().map(|(_, document, weight)| (document, weight)).collect();
        Postings { starts, entries, documents: documents.len() }
    }

    /// The documents that hold a term, with its weight in each.
    pub fn of(&self, term: u32) -> &[(u32, f32)] {
        let term = term as usize;
        &self.entries[self.starts[term] as usize..self.starts[term + 1] as usize]
    }

    /// Adds `weight` times a term's weight to the score of each document that holds it.
    pub fn add(&self, term: u32, weight: f32, scores: &mut [f32]) {
        for &(document, own_weight) in self.of(term) {
            scores[document as usize] += weight * own_weight;
        }
    }

    /// A term's weight in a document; 0 where it is not.
    pub fn weight(&self, term: u32, document: usize) -> f32 {
        let entries = self.of(term);
        let position = entries.binary_search_by_key(&document, |&(document, _)| document as usize);
        position.map_or(0.0, |position| entries[position].1)
    }
}
