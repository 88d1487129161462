//! The real model, where `make model` put it. Without it these say so and pass: everything else is tested without it.

use std::io::Write;

use faultline::{
    app, config,
    config::KnowledgeSettings,
    pipeline::{Stages, suggest},
    retrieve::{
        build::{Patience, quiet},
        evaluate::{Case, RetrievalReport, evaluate},
        retriever::Parts,
        settings::{EmbedderChoice, RetrievalSettings},
        state::DenseState,
    },
};

/// The parts with the model of this machine. `None` = there is none.
async fn stages(folder: &str) -> Option<Stages> {
    let cache = config::user_cache_dir()?;
    let retrieval = RetrievalSettings {
        embedder: EmbedderChoice::Local,
        embedding_model: cache.join("models/all-minilm-l6-v2").display().to_string(),
        ort_dylib_path: faultline::retrieve::model::runtime_in(&cache.join("runtime")),
        // Vectors of tests are kept between runs of the tests, apart from the user's.
        cache_dir: Some(std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder)),
        qdrant_collection: "faultline".to_owned(),
        ..RetrievalSettings::default()
    };
    let stages = app::stages_without_cluster(&KnowledgeSettings { retrieval, ..KnowledgeSettings::default() })
        .expect("the parts fit together");
    stages.retriever.refresh(Patience::Endless, &quiet).await;
    if let DenseState::Missing(why) = stages.retriever.state() {
        assert!(why.contains("no embedding model"), "a model that is there must work: {why}");
        let _ = writeln!(std::io::stdout(), "SKIPPED: {why}");
        return None;
    }
    Some(stages)
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
    assert_eq!(stages.retriever.state(), DenseState::Ready);
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
