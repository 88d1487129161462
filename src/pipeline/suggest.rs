//! Which runbook fits an error.

use std::sync::Arc;

use super::{
    Stages,
    diagnose::MAX_REMEMBERED_BYTES,
    stage::{self, stage},
};
use crate::{
    classify::{self, Origin},
    domain::{evidence::Gap, passage::Suggestion, redact::scrub::Scrub, text::CleanText},
    retrieve::{query::Query, retriever::Parts},
};

/// Suggestions with what was not looked at.
#[derive(Clone, Debug, Default)]
pub struct Suggestions {
    /// Best first; empty when no runbook fits.
    pub results: Vec<Suggestion>,
    pub gaps: Vec<Gap>,
}

/// A question as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Asked {
    epoch: u64,
    error_message: CleanText,
    top_k: usize,
}

/// Finds at most `top_k` runbooks for `error_message`: by its words, its meaning and the categories it says. The same
/// question asked by many at the same time is answered once.
pub async fn suggest(stages: &Stages, error_message: &CleanText, top_k: usize) -> Arc<Suggestions> {
    if error_message.len() > MAX_REMEMBERED_BYTES {
        return Arc::new(suggest_by(stages, Parts::Both, error_message, top_k).await);
    }
    let asked = Asked { epoch: stages.retriever.epoch(), error_message: error_message.clone(), top_k };
    let mut is_hit = true;
    let fresh = async {
        is_hit = false;
        Ok::<_, Forgotten>(Arc::new(suggest_by(stages, Parts::Both, error_message, top_k).await))
    };
    let Ok(suggestions) = stages.suggestions.get_or_insert_async(&asked, fresh).await;
    stage::remembered("suggestions", is_hit);
    suggestions
}

/// Nothing can go wrong with it.
type Forgotten = std::convert::Infallible;

/// The same by the parts that are asked for, and not remembered; to measure them side by side.
pub async fn suggest_by(stages: &Stages, parts: Parts, error_message: &CleanText, top_k: usize) -> Suggestions {
    let found =
        stage("classify", async { classify::classify(&stages.catalogue, &[(Origin::ErrorMessage, error_message)]) }).await;
    let categories: Vec<&str> = found.findings.iter().map(|finding| finding.category.as_str()).collect();
    let query = Query { text: &found.excerpt, categories: &categories, words: &[] };
    let retrieved = stage("retrieve", stages.retriever.search_by(parts, &query, top_k)).await;
    stage::retrieved(retrieved.gaps.is_empty(), !retrieved.suggestions.is_empty());
    let standing = stages.gaps.iter().filter(|gap| gap.stage == "retrieve").cloned();
    let mut gaps: Vec<Gap> = found.gaps.into_iter().chain(standing).chain(retrieved.gaps).collect();
    gaps.scrub(&mut stages.redactor.session());
    Suggestions { results: retrieved.suggestions, gaps }
}
