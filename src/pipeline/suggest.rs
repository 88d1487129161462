//! Which runbook fits an error.

use super::Stages;
use crate::{
    classify::{self, Origin},
    domain::{evidence::Gap, passage::Suggestion},
    retrieve::query::Query,
};

/// Suggestions with what was not looked at.
#[derive(Clone, Debug)]
pub struct Suggestions {
    /// Best first; empty when no runbook fits.
    pub results: Vec<Suggestion>,
    pub gaps: Vec<Gap>,
}

/// Finds at most `top_k` runbooks for `error_message`: by its words and by the categories it says.
pub fn suggest(stages: &Stages, error_message: &str, top_k: usize) -> Suggestions {
    let found = classify::classify(&stages.catalogue, &[(Origin::ErrorMessage, error_message)]);
    let categories: Vec<&str> = found.findings.iter().map(|finding| finding.category.as_str()).collect();
    let results = stages.library.search(&Query { text: &found.excerpt, categories: &categories, words: &[] }, top_k);
    let gaps = found.gaps.into_iter().chain(stages.gaps.iter().filter(|gap| gap.stage == "retrieve").cloned()).collect();
    Suggestions { results, gaps }
}
