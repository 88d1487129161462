//! Rules, runbooks, and what finds them.

use super::{Finding, causes, store::disk, within};
use crate::{
    app,
    config::KnowledgeSettings,
    pipeline::Stages,
    retrieve::{qdrant::QdrantIndex, state::DenseState},
};

/// Rules and runbooks load, and are found by their meaning.
pub async fn knowledge(settings: &KnowledgeSettings) -> Vec<Finding> {
    let loading = settings.clone();
    // Reading files may block.
    let loaded = tokio::task::spawn_blocking(move || app::stages_without_cluster(&loading)).await;
    let stages = match loaded {
        Ok(Ok(stages)) => stages,
        Ok(Err(error)) => {
            return vec![Finding::fail("rules and runbooks", causes(&error), "Mend it: the service does not start so.")];
        }
        Err(_) => return vec![Finding::fail("rules and runbooks", "loading them ended early", "See RULES_DIR and RUNBOOK_DIR.")],
    };
    let shelf = stages.retriever.shelf();
    let (rules, runbooks) = (stages.catalogue.rules().len(), shelf.library.runbooks().len());
    let mut found = vec![if runbooks == 0 {
        Finding::warn("rules and runbooks", format!("{rules} rules and no runbook"), "Set RUNBOOK_DIR to a folder with some.")
    } else {
        Finding::ok("rules and runbooks", format!("{rules} rules, {runbooks} runbooks"))
    }];
    let problems = shelf.problems.iter().map(|problem| format!("{}: {}", problem.file, problem.what));
    found.extend(
        problems.map(|problem| Finding::warn("rules and runbooks", problem, "`faultline runbooks check` names every problem.")),
    );
    found.extend(within("index", index(&stages)).await);
    found
}

/// The model and the vectors of every text.
async fn index(stages: &Stages) -> Vec<Finding> {
    let retriever = &stages.retriever;
    if retriever.state() == DenseState::Off {
        return vec![Finding::ok("index", "switched off (EMBEDDER=off): runbooks are found by their words alone")];
    }
    retriever.look().await;
    let mut found = Vec::new();
    if let Some(embedder) = retriever.embedder() {
        let shelf = retriever.shelf();
        let (made, of) = (shelf.memory.dense().len(), shelf.texts.len());
        found.push(Finding::ok("index", format!("model {}", embedder.identity())));
        if made == of {
            found.push(Finding::ok("index", format!("{made} vectors, each of the model's key")));
        } else {
            let said = format!("{made} of {of} texts have a vector of the model's key");
            let advice = "The service makes them at its start; `faultline index build` does so now.";
            found.push(Finding::warn("index", said, advice));
        }
    } else {
        let why = retriever.state().gap().map_or_else(|| "there is no model".to_owned(), |gap| gap.why);
        let advice = "`faultline model fetch` gets the model into CACHE_DIR; EMBEDDER=off does without.";
        found.push(Finding::warn("index", why, advice));
    }
    found
}

/// Whether Qdrant answers, and is new enough.
pub async fn qdrant(settings: &KnowledgeSettings) -> Vec<Finding> {
    let retrieval = app::retrieval(settings);
    if retrieval.qdrant_url.is_empty() {
        return Vec::new();
    }
    let advice = "See QDRANT_URL (the gRPC port, 6334) and QDRANT_API_KEY; until it answers, the index in the process does.";
    let index = match QdrantIndex::new(&retrieval.qdrant_url, &retrieval.qdrant_api_key, &retrieval.qdrant_collection) {
        Ok(index) => index,
        Err(why) => return vec![Finding::fail("Qdrant", why, advice)],
    };
    vec![match (index.version().await, index.check_version().await) {
        (Ok(version), Ok(())) => Finding::ok("Qdrant", format!("version {version}")),
        (Err(error), _) => Finding::fail("Qdrant", format!("it does not answer: {error}"), advice),
        (Ok(_), Err(error)) => Finding::fail("Qdrant", error.to_string(), "Update it."),
    }]
}

/// Room in the folder of models and vectors.
pub fn cache(settings: &KnowledgeSettings) -> Vec<Finding> {
    match app::retrieval(settings).cache_dir {
        Some(folder) => disk("cache", &folder),
        None => vec![Finding::warn("cache", "there is no cache folder: nothing is kept of what was made", "Set CACHE_DIR.")],
    }
}
