//! A query's words, weighed: what was said, what its words stand for, and what the caller adds.

use super::asked::Asked;
use super::codes::meaning;
use super::hash::{FastMap, FastSet};
use super::products::product;
use super::synonyms::synonyms;
use super::tokens::{Word, each_word};

/// What to search for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Query<'a> {
    /// The error as it was said: a sentence, an alert, a pasted log. Noise in it does no harm.
    pub text: &'a str,
    /// Error categories already found, most likely first. Runbooks that declare one are preferred.
    pub categories: &'a [&'a str],
    /// What the trouble is with, by name: a service, an image. A runbook of that very name is preferred.
    pub words: &'a [&'a str],
}

/// The distinct words of a query.
#[derive(Debug, Default)]
pub struct QueryWords {
    /// Words of the text itself, with how often and how weightily they were said, in order of their first mention.
    pub said: Vec<Said>,
    /// Neighbouring words, as positions in `said`.
    pub pairs: FastSet<(usize, usize)>,
    /// Words that were not said: meanings of codes and phrases, products, categories, values of labels.
    pub implied: FastMap<Box<str>, f32>,
    /// Words that a runbook may use instead of those that were said. They tell runbooks apart, and no passages: the one to
    /// show is the one that says what was said.
    pub instead: FastMap<Box<str>, f32>,
    positions: FastMap<Box<str>, usize>,
}

/// A word, and how it was said.
#[derive(Debug, Clone, Default)]
pub struct Said {
    /// The word in lower case, not stemmed.
    pub word: Box<str>,
    /// The greatest weight with which it was said.
    pub weight: f32,
    /// How many times it was said.
    pub count: u32,
    /// True for a name written as one whose parts were said with it.
    pub is_compound: bool,
}

impl Said {
    /// A word said a few times matters more; one said on every line of a log is the log's furniture.
    pub fn emphasis(&self) -> f32 {
        #[expect(clippy::cast_precision_loss, reason = "a count of at most a few dozen")]
        let repeats = self.count.min(FURNITURE_COUNT) as f32;
        let share = if self.count > FURNITURE_COUNT { FURNITURE_WEIGHT } else { 1.0 };
        self.weight * share * (1.0 + REPEAT_WEIGHT * repeats.min(8.0).ln())
    }
}

const REPEAT_WEIGHT: f32 = 0.2;
const FURNITURE_COUNT: u32 = 40;
const FURNITURE_WEIGHT: f32 = 0.3;
const MEANING_WEIGHT: f32 = 0.65;
const CATEGORY_WEIGHT: f32 = 0.8;
/// Names that people gave, as the values of labels.
const NAME_WEIGHT: f32 = 0.3;

/// What the classifier calls a text that it knows no category for. That says nothing about a runbook.
const NO_CATEGORY: &str = "Unknown";

impl<'a> Query<'a> {
    /// The categories found, most likely first, that name a kind of fault.
    pub fn known_categories(&self) -> impl Iterator<Item = &'a str> {
        self.categories.iter().copied().filter(|&category| category != NO_CATEGORY)
    }
}

const SYNONYM_WEIGHT: f32 = 0.4;
const PRODUCT_WEIGHT: f32 = 0.65;

impl QueryWords {
    /// The words of what is asked.
    pub fn of(asked: &Asked<'_>) -> QueryWords {
        let mut words = QueryWords::default();
        let mut previous = None;
        each_word(&asked.message, &mut |word| {
            let position = words.say(word);
            if !word.is_compound {
                words.pairs.extend(previous.map(|previous| (previous, position)));
                previous = Some(position);
            }
        });
        for phrase in &asked.meanings {
            each_word(phrase, &mut |word| words.imply(word.text, MEANING_WEIGHT));
        }
        for value in &asked.values {
            each_word(value, &mut |word| words.imply(word.text, NAME_WEIGHT));
        }
        for category in asked.query.known_categories() {
            each_word(category, &mut |word| words.imply(word.text, CATEGORY_WEIGHT));
        }
        words
    }

    /// Notes a word of the text and tells its position in `said`.
    fn say(&mut self, word: Word<'_>) -> usize {
        if let Some(&position) = self.positions.get(word.text) {
            let said = &mut self.said[position];
            said.count += 1;
            said.weight = said.weight.max(word.weight);
            return position;
        }
        let position = self.said.len();
        self.positions.insert(word.text.into(), position);
        self.said.push(Said { word: word.text.into(), weight: word.weight, count: 1, is_compound: word.is_compound });
        if let Some(words) = meaning(word.text) {
            each_word(words, &mut |implied| self.imply(implied.text, MEANING_WEIGHT * word.weight));
        }
        if let Some(words) = product(word.text) {
            each_word(words, &mut |implied| self.imply(implied.text, PRODUCT_WEIGHT * word.weight));
        }
        for synonym in synonyms(word.text) {
            let weight = self.instead.entry((*synonym).into()).or_insert(0.0);
            *weight = weight.max(SYNONYM_WEIGHT * word.weight);
        }
        position
    }

    fn imply(&mut self, word: &str, weight: f32) {
        match self.implied.get_mut(word) {
            Some(known) => *known = known.max(weight),
            None => _ = self.implied.insert(word.into(), weight),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Asked, NAME_WEIGHT, Query, QueryWords};

    fn words(query: Query<'_>) -> QueryWords {
        QueryWords::of(&Asked::of(&query))
    }

    fn said(words: &QueryWords) -> Vec<&str> {
        words.said.iter().map(|said| &*said.word).collect()
    }

    #[test]
    fn labels_are_implied_and_never_said() {
        let text = "Disk full (namespace=\"shop\", severity=\"critical\")";
        let words = words(Query { text, ..Query::default() });
        assert_eq!(said(&words), ["disk", "full"]);
        assert_eq!(words.implied.get("shop"), Some(&NAME_WEIGHT));
    }

    #[test]
    fn no_category_adds_no_word() {
        let words = words(Query { text: "x", categories: &["Unknown", "DNSFailure"], words: &[] });
        assert!(words.implied.contains_key("dns") && !words.implied.contains_key("unknown"));
    }

    #[test]
    fn what_belongs_to_a_product_and_what_means_the_same_is_implied() {
        let words = words(Query { text: "innodb is slow", ..Query::default() });
        assert!(words.implied.contains_key("mysql") && words.instead.contains_key("latency"), "{words:?}");
    }
}
