//! The text of a file as documents: JSON, YAML, or the log sections of a dump.

use serde_json::{Value, value::RawValue};

use super::{
    dump,
    json::{MAX_DEPTH, compact},
};

/// Something that a file holds.
#[derive(Debug)]
pub enum Piece<'t> {
    /// JSON without spaces, whatever it was written in.
    Document(String),
    /// A section of a dump.
    Log { namespace: &'t str, pod: &'t str, container: &'t str, text: &'t str },
}

/// Reads JSON documents, one behind the other, and the log sections between them. What is before an error is kept.
pub fn read_json<'t>(text: &'t str, mut take: impl FnMut(Piece<'t>)) -> Result<(), String> {
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    while !rest.is_empty() {
        if let Some((section, after)) = dump::section(rest) {
            take(section);
            rest = after.trim_start();
            continue;
        }
        let mut documents = serde_json::Deserializer::from_str(rest).into_iter::<&RawValue>();
        match documents.next() {
            Some(Ok(document)) => {
                take(Piece::Document(
                    compact(document.get()).ok_or("holds what no client could read: nested too deep, or half characters")?,
                ));
                rest = rest[documents.byte_offset()..].trim_start();
            }
            Some(Err(error)) => {
                let before = text[..text.len() - rest.len()].matches('\n').count();
                return Err(format!("not JSON, from line {} on", before + error.line().max(1)));
            }
            None => break,
        }
    }
    Ok(())
}

/// Reads YAML documents. Kubernetes writes neither anchors nor merge keys, so little is allowed of them.
pub fn read_yaml<'t>(text: &'t str, mut take: impl FnMut(Piece<'t>)) -> Result<(), String> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: text.len() + 64,
            max_nodes: text.len() + 64,
            max_total_scalar_bytes: text.len() + 64,
            max_documents: text.len() + 64,
            max_depth: MAX_DEPTH,
            max_aliases: 100,
            max_anchors: 100,
        },
        duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::LastWins,
        merge_keys: serde_saphyr::options::MergeKeyPolicy::AsOrdinary,
        non_finite_float_policy: serde_saphyr::options::NonFiniteFloatPolicy::AsString,
        with_snippet: false,
    };
    match serde_saphyr::from_multiple_with_options::<Value>(text, options) {
        Ok(documents) => {
            // An empty document is the nothing between two separators, and no empty list.
            let documents = documents.iter().filter(|document| !document.is_null());
            documents.map(|document| Piece::Document(document.to_string())).for_each(&mut take);
            Ok(())
        }
        // The error itself would quote what it could not read.
        Err(error) => Err(format!("not YAML, from line {} on", error.location().map_or(1, |location| location.line()))),
    }
}
