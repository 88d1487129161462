//! Words as sparse vectors: BM25's weights, whose rarity the server puts in.

use crate::retrieve::asked::Asked;
use crate::retrieve::tokens::{Stems, each_word};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

const SATURATION: f32 = 1.2;
const LENGTH_NORM: f32 = 0.5;
/// The length that counts as usual. Fixed, so that a point does not change when others come.
const USUAL_LENGTH: f32 = 110.0;
const MOST_WORDS: usize = 64;

/// A passage's words with their saturated frequencies.
pub fn passage(text: &str) -> (Vec<u32>, Vec<f32>) {
    let stems = Stems::english();
    let mut counts: BTreeMap<u32, f32> = BTreeMap::new();
    let mut length = 0.0;
    each_word(text, &mut |word| {
        *counts.entry(dimension(&stems.stem(word.text))).or_insert(0.0) += 1.0;
        length += 1.0;
    });
    let norm = 1.0 - LENGTH_NORM + LENGTH_NORM * length / USUAL_LENGTH;
    counts.into_iter().map(|(word, count)| (word, count * (SATURATION + 1.0) / (count + SATURATION * norm))).unzip()
}

/// A query's words with their weights, the heaviest.
pub fn query(asked: &Asked<'_>) -> (Vec<u32>, Vec<f32>) {
    let stems = Stems::english();
    let words = asked.words();
    let mut weights: BTreeMap<u32, f32> = BTreeMap::new();
    let said = words.said.iter().map(|said| (&*said.word, said.emphasis()));
    for (word, weight) in said.chain(words.implied.iter().map(|(word, weight)| (&**word, *weight))) {
        let slot = weights.entry(dimension(&stems.stem(word))).or_insert(0.0);
        *slot = slot.max(weight);
    }
    let mut heaviest: Vec<(u32, f32)> = weights.into_iter().collect();
    heaviest.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
    heaviest.truncate(MOST_WORDS);
    heaviest.into_iter().unzip()
}

/// Two words in four billion places rarely meet.
fn dimension(stem: &str) -> u32 {
    let digest = Sha256::digest(stem.as_bytes());
    u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]])
}
