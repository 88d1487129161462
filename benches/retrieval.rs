//! What search by meaning costs, beside its bound in the same run: embedding alone. `make bench` runs it.
//!
//! Works on the model in the user's cache (`faultline model fetch`); without it, it says so and measures what needs none.

use std::{
    cell::RefCell,
    fmt::Write as _,
    io::Write as _,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::body::Body;
use faultline::{
    app, config,
    config::KnowledgeSettings,
    http::{self, HttpSettings, settings::Lifecycle},
    retrieve::{
        Library, Query, Retriever,
        asked::Asked,
        build::{Patience, quiet},
        dense::{Dense, texts},
        embed::{Purpose, SharedEmbedder},
        settings::{EmbedderChoice, RetrievalSettings},
        watch::Place,
    },
};
use http_body_util::BodyExt;
use tokio::task::JoinSet;
use tower::ServiceExt;

const QUERIES: usize = 600;
const AT_ONCE: usize = 16;
const PASSAGES: usize = 10_000;
const DIMENSION: usize = 384;

#[tokio::main]
async fn main() {
    search_ten_thousand();
    let scratch = std::env::temp_dir().join(format!("faultline-bench-{}", std::process::id()));
    let Some(settings) = settings(&scratch) else {
        say("no model in the user's cache (`faultline model fetch`): the rest is not measured");
        return;
    };
    under_load(&settings).await;
    second_start(&settings, &scratch).await;
    let _ = std::fs::remove_dir_all(scratch);
}

fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn settings(scratch: &Path) -> Option<RetrievalSettings> {
    let cache = config::user_cache_dir()?;
    let model = cache.join("models/all-minilm-l6-v2");
    model.is_dir().then(|| RetrievalSettings {
        embedder: EmbedderChoice::Local,
        embedding_model: model.display().to_string(),
        ort_dylib_path: faultline::retrieve::model::runtime_in(&cache.join("runtime")),
        cache_dir: Some(scratch.join("cache")),
        qdrant_collection: "faultline".to_owned(),
        ..RetrievalSettings::default()
    })
}

/// Exact search among ten thousand passages, and what it takes in memory.
fn search_ten_thousand() {
    let mut files = Vec::new();
    for n in 0..PASSAGES / 5 {
        let mut text = format!("# Runbook {n}\n");
        for section in ["Meaning", "Impact", "Diagnosis", "Mitigation"] {
            let _ = write!(text, "\n## {section}\n\nWord{n} says what {section} number {} is about.\n", n % 97);
        }
        files.push((format!("{n}.md"), text));
    }
    let before = resident_mebibytes();
    let library = Library::from_files(files.iter().map(|(file, text)| (file.as_str(), text.as_bytes()))).0;
    let words = resident_mebibytes();
    let texts = texts(&library);
    let mut state = 1_u64;
    let mut vector = || -> Vec<f32> {
        (0..DIMENSION)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                #[expect(clippy::cast_precision_loss, reason = "any numbers do")]
                let number = (state >> 40) as f32;
                number / 1e7 - 0.8
            })
            .collect()
    };
    let query = vector();
    let vector = RefCell::new(vector);
    let dense = Dense::new(DIMENSION, &texts, |_| Some((vector.borrow_mut())().into()));
    let after = resident_mebibytes();
    let text = Query { text: "what is Diagnosis number 12 about", ..Query::default() };
    let (mut dense_time, mut whole_time) = (Duration::MAX, Duration::MAX);
    for _ in 0..50 {
        let started = Instant::now();
        let scores = dense.scores(&library, &query);
        dense_time = dense_time.min(started.elapsed());
        let ranking = library.rank(&Asked::of(&text));
        let hits = faultline::retrieve::fuse::fuse(&library, ranking, &scores, faultline::retrieve::tone::Tone::Open);
        whole_time = whole_time.min(started.elapsed());
        assert_eq!(hits.len(), library.runbooks().len());
    }
    say(&format!(
        "{} texts: vectors {:.2} ms, words and fusion as well {:.2} ms; library {:.0} MiB, vectors and texts {:.0} MiB",
        dense.len(),
        dense_time.as_secs_f64() * 1e3,
        whole_time.as_secs_f64() * 1e3,
        words - before,
        after - words,
    ));
}

/// Distinct questions over the router, and embedding the same questions alone.
async fn under_load(settings: &RetrievalSettings) {
    let knowledge = KnowledgeSettings { retrieval: settings.clone(), ..KnowledgeSettings::default() };
    let stages = Arc::new(app::stages_without_cluster(&knowledge).expect("the built-in parts are sound"));
    stages.retriever.refresh(Patience::Endless, &quiet).await;
    let embedder = stages.retriever.embedder().expect("a model");
    let http = HttpSettings {
        app_host: "127.0.0.1".to_owned(),
        app_port: 0,
        rate_limit_requests: 0,
        rate_limit_model_requests: 0,
        metrics_public: true,
        trusted_proxies: "".parse().expect("no proxies"),
        cors_origins: "".parse().expect("no origins"),
        max_concurrent_requests: 256,
        request_timeout_seconds: 30,
        shutdown_grace_seconds: 25,
        lifecycle: Lifecycle::default(),
        log: faultline::http::log_level::LogControl::default(),
    };
    let router = http::router(Arc::clone(&stages), http);
    // In turns, since a machine's speed changes while it is measured.
    let (mut alone, mut whole) = (Duration::ZERO, Duration::ZERO);
    for round in 0..3 {
        alone += all(questions(2 * round), |text| embed(Arc::clone(&embedder), text)).await;
        whole += all(questions(2 * round + 1), |text| suggest(router.clone(), text)).await;
    }
    let repeated = all(vec!["a pod keeps restarting".to_owned(); QUERIES], |text| suggest(router.clone(), text)).await;
    let rate = |time: Duration, rounds: f64| rounds * QUERIES as f64 / time.as_secs_f64();
    say(&format!(
        "{AT_ONCE} at once: embedding alone {:.0}/s; distinct suggestions {:.0}/s ({:.0}% of it); repeated {:.0}/s",
        rate(alone, 3.0),
        rate(whole, 3.0),
        100.0 * alone.as_secs_f64() / whole.as_secs_f64(),
        rate(repeated, 1.0),
    ));
}

fn questions(round: usize) -> Vec<String> {
    let about = [
        "restarts over and over",
        "has no space left on its disk",
        "gets no answer from the name server",
        "is killed for its memory",
    ];
    (0..QUERIES).map(|n| format!("service alpha{} of team {} {}", round * QUERIES + n, n % 13, about[n % about.len()])).collect()
}

async fn all<Doing>(texts: Vec<String>, ask: impl Fn(String) -> Doing) -> Duration
where
    Doing: Future<Output = ()> + Send + 'static,
{
    let started = Instant::now();
    let mut running = JoinSet::new();
    for text in texts {
        if running.len() >= AT_ONCE {
            running.join_next().await;
        }
        running.spawn(ask(text));
    }
    running.join_all().await;
    started.elapsed()
}

async fn embed(embedder: SharedEmbedder, text: String) {
    embedder.embed(vec![text], Purpose::Query).await.expect("a vector");
}

async fn suggest(router: axum::Router, text: String) {
    let body = serde_json::json!({ "error_message": text }).to_string();
    let request = axum::http::Request::post("/suggest-runbook").header("content-type", "application/json").body(Body::from(body));
    let response = router.oneshot(request.expect("a request")).await.expect("the router never fails");
    assert!(response.status().is_success());
    response.into_body().collect().await.expect("a body");
}

/// A thousand runbooks: the first start embeds them, the second finds them on the disk.
async fn second_start(settings: &RetrievalSettings, scratch: &Path) {
    let folder = scratch.join("runbooks");
    std::fs::create_dir_all(&folder).expect("a folder to write in");
    for n in 0..1000 {
        let text = format!(
            "# Alert{n}\n\n## Meaning\n\nNumber {n} of the thousand is late.\n\n## Mitigation\n\nStart unit {n} again.\n"
        );
        std::fs::write(folder.join(format!("alert-{n}.md")), text).expect("a folder to write in");
    }
    let mut times = Vec::new();
    for _ in 0..2 {
        let started = Instant::now();
        let retriever = Retriever::open(
            Place::Folders(vec![folder.clone()]),
            settings.clone(),
            None,
            faultline::domain::redact::Redactor::built_in(),
        );
        let opened = started.elapsed();
        retriever.refresh(Patience::Endless, &quiet).await;
        times.push((opened, started.elapsed(), retriever.shelf().texts.len()));
    }
    let [(_, first, count), (opened, second, _)] = times[..] else { return };
    say(&format!(
        "1000 runbooks, {count} texts: first start {:.1} s, second {:.0} ms, of which {:.0} ms until words answer",
        first.as_secs_f64(),
        second.as_secs_f64() * 1e3,
        opened.as_secs_f64() * 1e3
    ));
}

/// Linux tells it; 0 elsewhere.
fn resident_mebibytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches("kB").trim().parse::<f64>().unwrap_or(0.0) / 1024.0
}
