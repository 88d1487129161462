//! Dense search: the nearest passages by the cosine of their vectors, exactly.

use super::fuse::DenseScores;
use super::library::Library;
use super::plain::{card_text, passage_text};
use super::vectors::{Key, Vectors, key_of};
use std::collections::HashSet;
use std::sync::Arc;

/// A text to embed, and where it belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DenseText {
    pub runbook: u32,
    /// Position among all passages. `None` for a runbook's card, which stands for the whole of it.
    pub passage: Option<u32>,
    pub text: String,
    pub key: Key,
}

/// Everything of a library that is embedded, runbook by runbook, the card first.
pub fn texts(library: &Library) -> Vec<DenseText> {
    let number = |position: usize| u32::try_from(position).unwrap_or(u32::MAX);
    let mut texts = Vec::with_capacity(library.passages().len() + library.runbooks().len());
    for (position, runbook) in library.runbooks().iter().enumerate() {
        let range = library.passages_of(position);
        let own = &library.passages()[range.clone()];
        let mut add = |passage, text: String| {
            texts.push(DenseText { runbook: number(position), passage, key: key_of(&text), text });
        };
        add(None, card_text(runbook, own));
        for (offset, passage) in own.iter().enumerate() {
            add(Some(number(range.start + offset)), passage_text(runbook, passage));
        }
    }
    texts
}

/// The vectors of a library, row by row.
#[derive(Debug, Default)]
pub struct Dense {
    dimension: usize,
    rows: Vec<f32>,
    places: Vec<Place>,
    keys: Vec<Key>,
    background: f32,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    runbook: u32,
    passage: Option<u32>,
}

impl Dense {
    /// Texts without a vector of this dimension are left out.
    pub fn new(dimension: usize, texts: &[DenseText], vector_of: impl Fn(&Key) -> Option<Arc<[f32]>>) -> Dense {
        let mut dense = Dense { dimension, ..Dense::default() };
        dense.rows.reserve_exact(texts.len() * dimension);
        for text in texts {
            let Some(vector) = vector_of(&text.key).filter(|vector| vector.len() == dimension) else { continue };
            dense.rows.extend_from_slice(&vector);
            dense.places.push(Place { runbook: text.runbook, passage: text.passage });
            dense.keys.push(text.key);
        }
        dense.measure_background();
        dense
    }

    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// The hashes of all texts that have a vector.
    pub fn keys(&self) -> HashSet<Key> {
        self.keys.iter().copied().collect()
    }

    pub fn background(&self) -> f32 {
        self.background
    }

    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The vectors by the hash of their text, to be kept or used again.
    pub fn vectors(&self) -> Vectors {
        let rows = self.rows.chunks_exact(self.dimension.max(1));
        self.keys.iter().copied().zip(rows.map(Arc::from)).collect()
    }

    /// How near everything is to a query's vector.
    pub fn scores(&self, library: &Library, query: &[f32]) -> DenseScores {
        let mut scores = DenseScores::unknown(library);
        if query.len() != self.dimension || self.dimension == 0 {
            return scores;
        }
        scores.background = self.background;
        for (row, place) in self.rows.chunks_exact(self.dimension).zip(&self.places) {
            let slot = match place.passage {
                None => &mut scores.cards[place.runbook as usize],
                Some(passage) => &mut scores.passages[passage as usize],
            };
            *slot = dot(row, query);
        }
        scores
    }

    /// The mean cosine of texts of different runbooks.
    fn measure_background(&mut self) {
        const PAIRS: usize = 2000;
        let count = self.places.len();
        let (mut sum, mut pairs) = (0.0_f32, 0_usize);
        // Any stride that is no divisor meets all kinds of pairs.
        let (mut one, mut other) = (0, count / 2);
        for _ in 0..PAIRS.min(count * count) {
            (one, other) = ((one + 7) % count.max(1), (other + 13) % count.max(1));
            if self.places[one].runbook != self.places[other].runbook {
                sum += dot(self.row(one), self.row(other));
                pairs += 1;
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "at most two thousand")]
        let mean = sum / pairs.max(1) as f32;
        self.background = mean;
    }

    fn row(&self, at: usize) -> &[f32] {
        &self.rows[at * self.dimension..(at + 1) * self.dimension]
    }
}

/// In eight lanes, which a compiler turns into wide instructions.
pub fn dot(one: &[f32], other: &[f32]) -> f32 {
    const LANES: usize = 8;
    let mut sums = [0.0_f32; LANES];
    let (one_chunks, other_chunks) = (one.chunks_exact(LANES), other.chunks_exact(LANES));
    let rest: f32 = one_chunks.remainder().iter().zip(other_chunks.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in one_chunks.zip(other_chunks) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::dot;

    #[test]
    fn a_dot_product_is_the_sum_of_products() {
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let (one, other): (Vec<f32>, Vec<f32>) = (0..19).map(|n| (n as f32, 1.0 / (n as f32 + 1.0))).unzip();
        let plain: f32 = one.iter().zip(&other).map(|(a, b)| a * b).sum();
        assert!((dot(&one, &other) - plain).abs() < 1e-4);
    }
}
