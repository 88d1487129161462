//! Lexical search: BM25F over whole runbooks, and over their passages to find the one worth showing.
//!
//! A runbook's score is how well it matches as a whole (title, file name, tags and categories count more than text)
//! plus a damped share of how well its best passage matches alone, plus what saying its name or its category adds.
//!
//! The crate `bm25` 2.3.2 was measured with this tokenizer and not taken: without fields, pairs and names it put the
//! right runbook first for 73% of the labelled questions against 88% here, and as it looks terms up one by one in
//! every candidate a question took 270 microseconds against 28, over 10,000 passages 11 milliseconds against 0.2.

use super::asked::Asked;
use super::hash::FastMap;
use super::postings::{Counts, Postings, Vocabulary, joined_name, number, rarity, rarity_of};
use super::ranking::{Hit, Ranking};
use super::runbook::{Runbook, stem, without_extension};
use super::score::{Evidence, confidence, worth_showing};
use super::tokens::Stems;
use super::tone::{GOOD_NEWS_SHARE, Tone};
use crate::domain::passage::Passage;
use std::cmp::Ordering;
use std::ops::Range;

/// The inverted index over a library. Term weights are computed when it is built; a search only adds them up.
#[derive(Debug)]
pub struct Index {
    /// Stems to terms.
    terms: FastMap<Box<str>, u32>,
    /// Words as written somewhere in the library to terms: spares a search the stemming of known words.
    surfaces: FastMap<Box<str>, u32>,
    /// How telling each term is in a text, 0 to 1.
    rarity: Vec<f32>,
    /// How telling each term is in a title, file name, tag or category, 0 to 1. A word that many runbooks mention and
    /// one has for its title tells a lot.
    head_rarity: Vec<f32>,
    heads: Postings,
    bodies: Postings,
    /// Neighbouring terms with the runbooks in which they stand side by side: error messages repeat word for word.
    pairs: Vec<(u32, u32, u32)>,
    passages: Postings,
    /// The passages of each runbook.
    passages_of: Vec<Range<usize>>,
    /// What each runbook is called: its title and its file's name.
    names_of: Vec<[Name; 2]>,
    /// The categories of each runbook in lower case.
    categories_of: Vec<Vec<String>>,
    files: Vec<Box<str>>,
}

/// How much a word fades in a longer text. Mild, since a longer runbook covers more and is not padded.
const LENGTH_NORM: f32 = 0.5;

const TITLE_WEIGHT: f32 = 3.0;
const FILE_WEIGHT: f32 = 3.0;
const CATEGORY_WEIGHT: f32 = 3.0;
const TAG_WEIGHT: f32 = 2.0;
const FOLDER_WEIGHT: f32 = 0.5;
const HEADING_WEIGHT: f32 = 1.5;

/// What a word in a title adds, against the same word in the text.
const HEAD_SHARE: f32 = 0.8;
/// What two words side by side, as in the query, add.
const PAIR_SHARE: f32 = 0.6;

/// What the best passage adds to the whole runbook's score.
const PASSAGE_SHARE: f32 = 0.5;
/// What declaring the query's first category adds; each further category adds less.
const CATEGORY_BOOST: f32 = 2.5;
/// What it adds that a runbook is called what the trouble is with: enough to be seen beside those about the fault, and
/// not enough to outdo them.
const OWN_BOOST: f32 = 5.0;
/// The most terms a search looks up: the most telling ones. Keeps a pasted log as cheap as a sentence.
const MAX_TERMS: usize = 64;
const MAX_MATCHED: usize = 8;
/// No more than this many hits of a ranking say which words matched.
const MAX_EXPLAINED: usize = 20;

/// How much a word that no runbook knows counts as asked, against a telling one that some know: most are names and noise.
const UNKNOWN_WEIGHT: f32 = 0.6;
/// How much two words count as the one they make: `connection refused` is `ConnectionRefused`.
const JOINED_WEIGHT: f32 = 0.8;
/// What it adds when the query says the runbook's name; less when it says part of it.
const NAME_BONUS: f32 = 2.0;
/// A name less telling than this (in sum of rarities) earns less, so that a runbook called `Down` does not win always.
const TELLING_NAME: f32 = 1.2;

impl Index {
    /// Indexes runbooks; `passages` has the passages of each.
    pub fn new(runbooks: &[Runbook], passages: &[Vec<Passage>]) -> Index {
        let mut words = Vocabulary::default();
        let mut heads = Vec::new();
        let mut bodies = Vec::new();
        let mut pairs = Vec::new();
        let mut passage_counts = Vec::new();
        let mut passages_of = Vec::new();
        let mut names_of = Vec::new();
        for (runbook, own_passages) in runbooks.iter().zip(passages) {
            let mut head = Counts::default();
            words.count(&runbook.title, TITLE_WEIGHT, &mut head);
            words.count(stem(&runbook.file), FILE_WEIGHT, &mut head);
            if let Some((folder, _)) = runbook.file.rsplit_once('/') {
                words.count(folder, FOLDER_WEIGHT, &mut head);
            }
            for category in &runbook.categories {
                words.count(category, CATEGORY_WEIGHT, &mut head);
            }
            for tag in &runbook.tags {
                words.count(tag, TAG_WEIGHT, &mut head);
            }
            let mut body = Counts::default();
            let first = passage_counts.len();
            for passage in own_passages {
                let mut counts = Counts::default();
                words.count(&passage.text, 1.0, &mut counts);
                words.count(&passage.section, HEADING_WEIGHT, &mut counts);
                body.add(&counts);
                for pair in std::mem::take(&mut counts.pairs) {
                    pairs.push((pair.0, pair.1, number(bodies.len())));
                }
                passage_counts.push(counts);
            }
            passages_of.push(first..passage_counts.len());
            for pair in std::mem::take(&mut head.pairs) {
                pairs.push((pair.0, pair.1, number(bodies.len())));
            }
            heads.push(head);
            bodies.push(body);
            names_of.push([words.name(&runbook.title), words.name(stem(&runbook.file))]);
        }
        pairs.sort_unstable();
        pairs.dedup();
        let rarity_in_bodies = rarity(&bodies, words.terms.len());
        let head_rarity = rarity(&heads, words.terms.len());
        Index {
            heads: Postings::new(&heads, &head_rarity, 0.0),
            bodies: Postings::new(&bodies, &rarity_in_bodies, LENGTH_NORM),
            passages: Postings::new(&passage_counts, &rarity_in_bodies, LENGTH_NORM),
            pairs,
            rarity: rarity_in_bodies,
            head_rarity,
            terms: words.terms,
            surfaces: words.surfaces,
            passages_of,
            names_of,
            categories_of: runbooks
                .iter()
                .map(|runbook| runbook.categories.iter().map(|name| name.to_lowercase()).collect())
                .collect(),
            files: runbooks.iter().map(|runbook| without_extension(&runbook.file).into()).collect(),
        }
    }

    /// The runbooks that fit, best first; equally good ones in order of their files.
    pub fn search(&self, asked: &Asked<'_>, limit: usize) -> Vec<Hit> {
        let mut hits = self.ranked(asked, limit).hits;
        let shown = worth_showing(hits.iter().map(|hit| hit.score));
        hits.truncate(shown.min(limit));
        hits
    }

    /// All runbooks that share a word or a category with the query, best first, whether they fit or not.
    pub fn rank(&self, asked: &Asked<'_>) -> Ranking {
        self.ranked(asked, MAX_EXPLAINED)
    }

    /// The passages of a runbook, as positions among all passages.
    pub fn passages_of(&self, runbook: usize) -> Range<usize> {
        self.passages_of[runbook].clone()
    }

    /// The first `explained` hits say which words matched.
    fn ranked(&self, asked: &Asked<'_>, explained: usize) -> Ranking {
        let terms = self.query_terms(asked);
        let mut scores = vec![0.0_f32; self.passages_of.len()];
        let mut passage_scores = vec![0.0_f32; self.passages.documents];
        let mut said = vec![0.0_f32; self.rarity.len()];
        for term in &terms.known {
            said[term.id as usize] = term.weight.min(1.0);
            self.heads.add(term.id, HEAD_SHARE * term.weight, &mut scores);
            self.bodies.add(term.id, term.weight, &mut scores);
            if term.tells_passages {
                self.passages.add(term.id, term.weight, &mut passage_scores);
            }
        }
        for pair in &terms.pairs {
            let weight = PAIR_SHARE * rarity_of(pair.len(), self.passages_of.len());
            for &(.., runbook) in *pair {
                scores[runbook as usize] += weight;
            }
        }
        let damping = match asked.tone {
            Tone::Healthy => GOOD_NEWS_SHARE,
            Tone::Open => 1.0,
        };
        let mut hits = Vec::new();
        for (runbook, own_passages) in self.passages_of.iter().enumerate() {
            let boost = self.category_boost(runbook, asked.query.categories) + self.own_boost(runbook, &terms.names);
            if scores[runbook] <= 0.0 && boost <= 0.0 {
                continue;
            }
            let passage = own_passages
                .clone()
                .max_by(|&one, &other| passage_scores[one].total_cmp(&passage_scores[other]).then(other.cmp(&one)));
            let best = passage.map_or(0.0, |passage| passage_scores[passage]);
            let raw = damping * (scores[runbook] + PASSAGE_SHARE * best + self.name_bonus(runbook, &said)) + boost;
            let score = confidence(Evidence { raw, asked: terms.mass });
            hits.push(Hit { runbook, passage, score, raw, dense: None, matched: Vec::new() });
        }
        hits.sort_by(|one, other| self.order(one, other));
        for hit in hits.iter_mut().take(explained) {
            hit.matched = self.matched(hit.runbook, &terms);
        }
        Ranking { hits, passage_scores, asked: terms.mass }
    }

    fn order(&self, one: &Hit, other: &Hit) -> Ordering {
        other
            .score
            .total_cmp(&one.score)
            .then(other.raw.total_cmp(&one.raw))
            .then_with(|| self.files[one.runbook].cmp(&self.files[other.runbook]))
    }

    fn name_bonus(&self, runbook: usize, said: &[f32]) -> f32 {
        let heard_of = |name: &Name| {
            let rarity = |term: u32| self.rarity[term as usize];
            let whole: f32 = name.parts.iter().map(|&term| rarity(term)).sum();
            let heard: f32 = name.parts.iter().map(|&term| rarity(term) * said[term as usize]).sum();
            let share = heard / whole.max(f32::EPSILON);
            let in_parts = share * share * (heard / TELLING_NAME).min(1.0);
            name.compound.map_or(in_parts, |term| in_parts.max(said[term as usize]))
        };
        NAME_BONUS * self.names_of[runbook].iter().map(heard_of).fold(0.0, f32::max)
    }

    /// A runbook that is called what the trouble is with is about just that, whatever the trouble is.
    fn own_boost(&self, runbook: usize, names: &[u32]) -> f32 {
        let is_called = |name: &Name| name.compound.is_some_and(|term| names.contains(&term));
        if self.names_of[runbook].iter().any(is_called) { OWN_BOOST } else { 0.0 }
    }

    #[expect(clippy::cast_precision_loss, reason = "a position among a handful of categories")]
    fn category_boost(&self, runbook: usize, categories: &[&str]) -> f32 {
        let declared = &self.categories_of[runbook];
        let position = categories.iter().position(|category| declared.iter().any(|own| own.eq_ignore_ascii_case(category)));
        position.map_or(0.0, |position| CATEGORY_BOOST / (1.0 + position as f32))
    }

    /// The query's words as terms of this index, the most telling first.
    fn query_terms(&self, asked: &Asked<'_>) -> QueryTerms<'_> {
        let words = asked.words();
        let stems = Stems::english();
        let (mut found, mut instead) = (FastMap::default(), FastMap::default());
        let mut ids = Vec::with_capacity(words.said.len());
        let mut mass = 0.0;
        for said in &words.said {
            let weight = said.emphasis();
            let id = self.term(&said.word, &stems);
            ids.push(id);
            if let Some(id) = id {
                mass += weight * self.rarity[id as usize];
                strengthen(&mut found, id, weight, &said.word);
                continue;
            }
            // The parts of a name that nobody knows were asked for already.
            if !said.is_compound {
                mass += UNKNOWN_WEIGHT * weight;
            }
            if let Some((one, other)) = self.split(&said.word, &stems) {
                strengthen(&mut found, one, weight, &said.word);
                strengthen(&mut found, other, weight, &said.word);
            }
        }
        let mut joined = String::new();
        for &(one, other) in &words.pairs {
            joined.clear();
            joined.extend([&*words.said[one].word, &*words.said[other].word]);
            if let Some(&id) = self.surfaces.get(joined.as_str())
                && self.head_rarity[id as usize] > 0.0
            {
                strengthen(&mut found, id, JOINED_WEIGHT, &joined);
            }
        }
        for (word, &weight) in &words.implied {
            if let Some(id) = self.term(word, &stems) {
                strengthen(&mut found, id, weight, word);
            }
        }
        for (word, &weight) in &words.instead {
            if let Some(id) = self.term(word, &stems)
                && !found.contains_key(&id)
            {
                strengthen(&mut instead, id, weight, word);
            }
        }
        let instead = instead.into_values().map(|term| QueryTerm { tells_passages: false, ..term });
        let mut known: Vec<QueryTerm> = found.into_values().chain(instead).collect();
        known.sort_by(|one, other| self.telling(other).total_cmp(&self.telling(one)).then(one.id.cmp(&other.id)));
        known.truncate(MAX_TERMS);
        let mut pairs: Vec<(u32, u32)> = words.pairs.iter().filter_map(|&(one, other)| Some((ids[one]?, ids[other]?))).collect();
        pairs.sort_unstable();
        pairs.dedup();
        let mut pairs: Vec<&[(u32, u32, u32)]> =
            pairs.into_iter().map(|pair| self.side_by_side(pair)).filter(|runbooks| !runbooks.is_empty()).collect();
        pairs.sort_by_key(|runbooks| runbooks.len());
        pairs.truncate(MAX_TERMS);
        let names = asked.query.words.iter().filter_map(|name| self.surfaces.get(joined_name(name).as_str()).copied()).collect();
        QueryTerms { known, pairs, names, mass }
    }

    /// The runbooks in which two terms stand side by side.
    fn side_by_side(&self, (one, other): (u32, u32)) -> &[(u32, u32, u32)] {
        let start = self.pairs.partition_point(|pair| (pair.0, pair.1) < (one, other));
        let found = &self.pairs[start..];
        &found[..found.partition_point(|pair| (pair.0, pair.1) == (one, other))]
    }

    fn telling(&self, term: &QueryTerm) -> f32 {
        term.weight * self.rarity[term.id as usize].max(self.head_rarity[term.id as usize])
    }

    fn term(&self, word: &str, stems: &Stems) -> Option<u32> {
        self.surfaces.get(word).or_else(|| self.terms.get(stems.stem(word).as_ref())).copied()
    }

    /// Two known words written as one, such as `memorypressure`.
    fn split(&self, word: &str, stems: &Stems) -> Option<(u32, u32)> {
        const SHORTEST_PART: usize = 3;
        if word.len() < 2 * SHORTEST_PART || word.len() > 40 || !word.is_ascii() {
            return None;
        }
        (SHORTEST_PART..=word.len() - SHORTEST_PART).find_map(|at| {
            let (one, other) = word.split_at(at);
            let one = self.surfaces.get(one)?;
            Some((*one, self.term(other, stems)?))
        })
    }

    fn matched(&self, runbook: usize, terms: &QueryTerms<'_>) -> Vec<Box<str>> {
        let mut shares: Vec<(f32, &str)> = Vec::new();
        for term in &terms.known {
            let share = HEAD_SHARE * self.heads.weight(term.id, runbook) + self.bodies.weight(term.id, runbook);
            if share > 0.0 {
                shares.push((share * term.weight, &term.word));
            }
        }
        shares.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(other.1)));
        shares.dedup_by(|one, other| one.1 == other.1);
        shares.into_iter().take(MAX_MATCHED).map(|(_, word)| word.into()).collect()
    }
}

/// What a runbook is called, in words and as one word: `KubePodCrashLooping` is said in either way.
#[derive(Debug)]
pub struct Name {
    /// The terms of its words.
    pub parts: Box<[u32]>,
    /// The term of the whole name as one word. `None` for a name of several separate words.
    pub compound: Option<u32>,
}

struct QueryTerms<'a> {
    known: Vec<QueryTerm>,
    /// For each pair of neighbours that the library knows, where it knows it from.
    pairs: Vec<&'a [(u32, u32, u32)]>,
    /// What the trouble is with, as the terms of whole names.
    names: Vec<u32>,
    /// How much was asked: the weight of all words said, known or not.
    mass: f32,
}

struct QueryTerm {
    id: u32,
    weight: f32,
    /// The word as it was said.
    word: Box<str>,
    /// False for a word that only means the same as one that was said.
    tells_passages: bool,
}

/// Counts a term once, with its greatest weight. Among words of equal weight the first in the alphabet names the term,
/// so that the outcome does not depend on the order of a hash map.
fn strengthen(found: &mut FastMap<u32, QueryTerm>, id: u32, weight: f32, word: &str) {
    match found.get_mut(&id) {
        None => _ = found.insert(id, QueryTerm { id, weight, word: word.into(), tells_passages: true }),
        Some(known) => {
            if (weight, &*known.word) > (known.weight, word) {
                known.word = word.into();
            }
            known.weight = known.weight.max(weight);
        }
    }
}
