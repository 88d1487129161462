//! Two rankings made one, runbook by runbook: what the words say plus how near the meaning is.
//!
//! The lexical part is the raw score over the root of what was asked, bent so that it cannot drown the other; the dense
//! part is the cosine of the nearest passage, with a share of the card's, which speaks for the whole runbook. Their sum
//! means the same for every query, so one threshold tells what fits. Fusing passages by reciprocal ranks was measured
//! against this on the built-in and on synthetic alert runbooks, and lost up to five points of recall@1. Taking the library's mean away from all vectors, and the nearest of
//! several lines' vectors, were measured as well: the first lost up to four points, the second won nothing.

use super::dense::DenseText;
use super::library::Library;
use super::ranking::{Hit, Ranking};
use super::tone::{GOOD_NEWS_SHARE, Tone};

/// The cosines of a query with what has a vector; [`UNKNOWN`] where nothing is known.
#[derive(Debug, Clone, PartialEq)]
pub struct DenseScores {
    /// Of each runbook's card.
    pub cards: Vec<f32>,
    /// Of each passage of the library.
    pub passages: Vec<f32>,
    /// How near this model finds any two texts of the library; taken off, so that models are comparable.
    pub background: f32,
    /// What is unknown is further away than this. `None` = nothing can be said about it.
    pub floor: Option<f32>,
}

pub const UNKNOWN: f32 = -2.0;

impl DenseScores {
    pub fn unknown(library: &Library) -> DenseScores {
        DenseScores {
            cards: vec![UNKNOWN; library.runbooks().len()],
            passages: vec![UNKNOWN; library.passages().len()],
            background: 0.0,
            floor: None,
        }
    }

    /// Notes the cosine of a text.
    pub fn set(&mut self, text: &DenseText, cosine: f32) {
        let slot = match text.passage {
            None => self.cards.get_mut(text.runbook as usize),
            Some(passage) => self.passages.get_mut(passage as usize),
        };
        if let Some(slot) = slot {
            *slot = cosine;
        }
    }
}

/// The lexical strength that counts one half.
const HALF_STRENGTH: f32 = 3.0;
/// What the dense part counts against the lexical one.
const DENSE_SHARE: f32 = 1.1;
/// What of the dense part is the card's.
const CARD_SHARE: f32 = 0.3;
/// What the model of the calibration finds any two texts near; a model that finds more is brought down to it.
const USUAL_BACKGROUND: f32 = 0.35;

/// The strength at which a runbook is as likely to fit as not, and how fast that changes. Set on the labelled questions so
/// that [`super::score::NO_FIT_BELOW`] separates those that no runbook answers; `evaluate` holds the figures.
const MIDDLE: f64 = 0.62;
const SPREAD: f64 = 0.115;

/// The runbooks by both parts, best first, whether they fit or not; equally good ones in order of their files.
pub fn fuse(library: &Library, ranking: Ranking, dense: &DenseScores, tone: Tone) -> Vec<Hit> {
    let asked = ranking.asked.max(1.0).sqrt();
    let damping = if tone == Tone::Healthy { GOOD_NEWS_SHARE } else { 1.0 };
    let nearness = |cosine: f32| nearness(cosine, dense.background);
    let mut of_words: Vec<Option<Hit>> = vec![None; library.runbooks().len()];
    for hit in ranking.hits {
        let runbook = hit.runbook;
        of_words[runbook] = Some(hit);
    }
    let near: Vec<Option<f32>> = (0..of_words.len()).map(|runbook| nearest(library, dense, runbook)).collect();
    let (known, sum) = near.iter().flatten().fold((0_usize, 0.0), |(count, sum), cosine| (count + 1, sum + cosine));
    #[expect(clippy::cast_precision_loss, reason = "a count of runbooks")]
    let middling = sum / known.max(1) as f32;
    let mut fused: Vec<(f32, Hit)> = Vec::with_capacity(of_words.len());
    for (runbook, hit) in of_words.into_iter().enumerate() {
        let cosine = near[runbook];
        let mut hit = hit.unwrap_or_else(|| Hit::of(runbook));
        let strength = hit.raw / asked;
        // A runbook that has no vector yet is taken to be as near as any.
        let strength = strength / (strength + HALF_STRENGTH)
            + DENSE_SHARE * damping * nearness(cosine.unwrap_or_else(|| dense.floor.unwrap_or(middling)));
        hit.dense = cosine;
        hit.score = confidence(strength);
        hit.passage = library.passages_of(runbook).max_by(|&one, &other| {
            let value = |passage: usize| {
                let words = ranking.passage_scores[passage] / asked;
                words / (words + HALF_STRENGTH / 2.0) + DENSE_SHARE * nearness(dense.passages[passage])
            };
            value(one).total_cmp(&value(other)).then(other.cmp(&one))
        });
        fused.push((strength, hit));
    }
    // Runbooks are in order of their files, and the sort keeps that among equals.
    fused.sort_by(|one, other| other.0.total_cmp(&one.0));
    fused.into_iter().map(|(_, hit)| hit).collect()
}

/// A runbook's cosine: its nearest text's, with a share of its card's. `None` where nothing of it is known.
fn nearest(library: &Library, dense: &DenseScores, runbook: usize) -> Option<f32> {
    let card = dense.cards[runbook];
    let best = library.passages_of(runbook).map(|passage| dense.passages[passage]).fold(card, f32::max);
    if best <= UNKNOWN {
        return None;
    }
    let card = if card <= UNKNOWN { best } else { card };
    Some((1.0 - CARD_SHARE) * best + CARD_SHARE * card)
}

fn nearness(cosine: f32, background: f32) -> f32 {
    let shift = (background - USUAL_BACKGROUND).clamp(0.0, 0.9);
    ((cosine - shift) / (1.0 - shift)).max(0.0)
}

/// The confidence that a runbook fits, 0 to 1, rounded to four digits.
fn confidence(strength: f32) -> f64 {
    let score = 1.0 / (1.0 + (-(f64::from(strength) - MIDDLE) / SPREAD).exp());
    (score * 10_000.0).round() / 10_000.0
}

#[cfg(test)]
mod tests {
    use super::{DenseScores, UNKNOWN, fuse};
    use crate::retrieve::{asked::Asked, library::Library, query::Query, tone::Tone};

    fn library() -> Library {
        let files = [
            ("a.md", "# Disk full\n\nNo space left on the device.\n\n## Fix\n\nDelete old files.\n"),
            ("b.md", "# Name server slow\n\nLookups take long.\n"),
            ("c.md", "# Certificate expired\n\nRenew it.\n"),
        ];
        Library::from_files(files.map(|(file, text)| (file, text.as_bytes()))).0
    }

    fn order(text: &str, change: impl FnOnce(&mut DenseScores)) -> Vec<String> {
        let library = library();
        let mut dense = DenseScores::unknown(&library);
        change(&mut dense);
        let hits = fuse(&library, library.rank(&Asked::of(&Query { text, ..Query::default() })), &dense, Tone::Open);
        hits.iter().map(|hit| library.runbooks()[hit.runbook].file.clone()).collect()
    }

    #[test]
    fn either_part_alone_puts_the_runbook_first() {
        assert_eq!(order("no space left on device", |_| ()).first().map(String::as_str), Some("a.md"));
        let near_b = |dense: &mut DenseScores| dense.passages = vec![0.1, 0.1, 0.8, 0.1];
        assert_eq!(order("resolving takes ages", near_b).first().map(String::as_str), Some("b.md"));
    }

    #[test]
    fn the_excerpt_is_the_passage_that_matched_best() {
        let library = library();
        let mut dense = DenseScores::unknown(&library);
        dense.passages = vec![0.1, 0.7, 0.0, 0.0];
        let query = Query { text: "disk full", ..Query::default() };
        let best = fuse(&library, library.rank(&Asked::of(&query)), &dense, Tone::Open).remove(0);
        assert_eq!((best.runbook, best.passage), (0, Some(1)));
        assert_eq!(library.passages()[1].section, "Fix");
    }

    #[test]
    fn a_runbook_without_a_vector_is_neither_first_nor_last_for_it() {
        let some = |dense: &mut DenseScores| {
            dense.cards = vec![UNKNOWN, 0.9, 0.1];
            dense.passages = vec![UNKNOWN, UNKNOWN, 0.9, 0.1];
        };
        assert_eq!(order("qqq", some), ["b.md", "a.md", "c.md"]);
    }
}
