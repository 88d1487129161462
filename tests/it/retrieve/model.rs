//! The real model, where `make model` put it. Without it these say so and pass: everything else is tested without it.

use std::io::Write;

use faultline::{
    app, config,
    config::KnowledgeSettings,
    domain::redact::Redactor,
    pipeline::{Stages, suggest},
    retrieve::{
        Retriever,
        build::{Patience, quiet},
        evaluate::{Case, RetrievalReport, evaluate},
        retriever::Parts,
        settings::{EmbedderChoice, RetrievalSettings},
        state::DenseState,
        watch::Place,
    },
};

use super::qdrant::{rank_alike, store};
use crate::support::qdrant::FakeQdrant;

fn settings(folder: &str) -> Option<RetrievalSettings> {
    let cache = config::user_cache_dir()?;
    Some(RetrievalSettings {
        embedder: EmbedderChoice::Local,
        embedding_model: cache.join("models/all-minilm-l6-v2").display().to_string(),
        ort_dylib_path: faultline::retrieve::model::runtime_in(&cache.join("runtime")),
        // Vectors of tests are kept between runs of the tests, apart from the user's.
        cache_dir: Some(std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder)),
        qdrant_collection: "faultline".to_owned(),
        ..RetrievalSettings::default()
    })
}

/// Whether the model of this machine is at work; says so where there is none.
async fn has_model(retriever: &Retriever) -> bool {
    retriever.refresh(Patience::Endless, &quiet).await;
    if let DenseState::Missing(why) = retriever.state() {
        assert!(why.contains("no embedding model"), "a model that is there must work: {why}");
        let _ = writeln!(std::io::stdout(), "SKIPPED: {why}");
        return false;
    }
    assert_eq!(retriever.state(), DenseState::Ready);
    true
}

/// The parts with the model of this machine. `None` = there is none.
async fn stages(folder: &str) -> Option<Stages> {
    let settings = KnowledgeSettings { retrieval: settings(folder)?, ..KnowledgeSettings::default() };
    let stages = app::stages_without_cluster(&settings).expect("the parts fit together");
    has_model(&stages.retriever).await.then_some(stages)
}

async fn report(stages: &Stages, parts: Parts, cases: &[Case]) -> RetrievalReport {
    let mut answers = Vec::new();
    for case in cases {
        answers.push(suggest::suggest_by(stages, parts, &stages.redactor.clean(&case.query), 10).await.results);
    }
    evaluate(&answers, cases)
}

/// Floors a little below what was measured; hybrid is never below either part.
#[tokio::test]
async fn hybrid_is_better_than_either_part() {
    let Some(stages) = stages("model-vectors").await else { return };
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/retrieve/queries.jsonl"));
    let cases: Vec<Case> = text.lines().map(|line| serde_json::from_str(line).expect("a case")).collect();
    let words = report(&stages, Parts::Words, &cases).await;
    let meaning = report(&stages, Parts::Meaning, &cases).await;
    let both = report(&stages, Parts::Both, &cases).await;
    assert!(both.recall_at_1 >= words.recall_at_1.max(meaning.recall_at_1), "{both:?} {words:?} {meaning:?}");
    assert!(both.recall_at_3 >= words.recall_at_3.max(meaning.recall_at_3), "{both:?} {words:?} {meaning:?}");
    assert!(both.recall_at_1 >= 0.93 && both.recall_at_3 >= 0.98, "{both:?}");
    assert!(both.no_fit_recall >= 0.95 && both.no_fit_precision >= 0.95, "{both:?}");
}

/// With the vectors of a real model, which lie closer together than those of the other tests.
#[tokio::test]
async fn both_indexes_rank_alike_with_the_model() {
    let Some(settings) = settings("model-alike") else { return };
    let here = Retriever::open(Place::BuiltIn, settings.clone(), None, Redactor::built_in());
    if !has_model(&here).await {
        return;
    }
    let server = FakeQdrant::start().await;
    let there = Retriever::open(Place::BuiltIn, settings, Some(store(&server)), Redactor::built_in());
    assert!(has_model(&there).await && there.gaps().is_empty(), "{:?}", there.gaps());
    rank_alike(&here, &there).await;
    assert!(there.gaps().is_empty(), "{:?}", there.gaps());
}
