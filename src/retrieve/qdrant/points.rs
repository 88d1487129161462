//! Texts as points: ids that follow from what they are, vectors, and what a filter may ask for.

use super::{DENSE, WORDS, sparse};
use crate::retrieve::dense::DenseText;
use crate::retrieve::index::Contents;
use crate::retrieve::library::Library;
use qdrant_client::Payload;
use qdrant_client::qdrant::{NamedVectors, PointId, PointStruct, Vector, point_id::PointIdOptions};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use uuid::Uuid;

/// Fields that a filter may ask for.
pub fn payload_indexes() -> [&'static str; 3] {
    ["category", "tags", "file"]
}

/// The id of a text: the same for the same words in the same place, on every machine.
pub fn id(library: &Library, text: &DenseText) -> u128 {
    let runbook = text.runbook as usize;
    let ordinal = text.passage.map_or(0, |passage| 1 + passage as usize - library.passages_of(runbook).start);
    let mut hasher = Sha256::new();
    hasher.update(library.runbooks()[runbook].file.as_bytes());
    hasher.update([0]);
    hasher.update((ordinal as u64).to_le_bytes());
    hasher.update(text.key);
    let digest = hasher.finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    // Marked as a UUID of a form of our own, which is what it is.
    Uuid::new_v8(bytes).as_u128()
}

/// All ids, with the position of each text.
pub fn ids_of(library: &Library, texts: &[DenseText]) -> HashMap<u128, usize> {
    texts.iter().enumerate().map(|(at, text)| (id(library, text), at)).collect()
}

pub fn uuid_of(id: u128) -> PointId {
    PointId::from(Uuid::from_u128(id).to_string())
}

/// `None` for an id that is none of ours.
pub fn id_of(id: Option<&PointId>) -> Option<u128> {
    match id?.point_id_options.as_ref()? {
        PointIdOptions::Uuid(text) => Uuid::parse_str(text).ok().map(|uuid| uuid.as_u128()),
        PointIdOptions::Num(_) => None,
    }
}

/// A text as a point. `None` = it has no vector.
pub fn point(contents: &Contents<'_>, id: u128, at: usize) -> Option<PointStruct> {
    let text = &contents.texts[at];
    let runbook = &contents.library.runbooks()[text.runbook as usize];
    let vector = contents.vectors.get(&text.key)?;
    let passage = text.passage.map(|passage| &contents.library.passages()[passage as usize]);
    let payload = json!({
        "file": runbook.file,
        "title": runbook.title,
        "section": passage.map(|passage| passage.section.as_str()),
        "anchor": passage.map(|passage| passage.anchor.as_str()),
        "kind": if passage.is_some() { "passage" } else { "card" },
        "category": runbook.categories,
        "tags": runbook.tags,
        "hash": hex::encode(text.key),
        "text": passage.map(|passage| passage.text.as_str()),
    });
    let (indices, values) = sparse::passage(&text.text);
    let vectors =
        NamedVectors::default().add_vector(DENSE, vector.to_vec()).add_vector(WORDS, Vector::new_sparse(indices, values));
    Some(PointStruct::new(uuid_of(id), vectors, Payload::try_from(payload).ok()?))
}
