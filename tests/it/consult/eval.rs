//! `faultline eval diagnose`: recorded replies make a run repeatable.

use std::fs;

use serde_json::{Value, json};

use super::{CRASH, good_reply};
use crate::support::{cli::faultline, model::FakeModel};

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_run_can_be_replayed_without_a_model() {
    let folder = tempfile::tempdir().expect("a folder");
    let (cases, replies) = (folder.path().join("cases.jsonl"), folder.path().join("replies"));
    let case = |id: &str, text: &str, category: &str| {
        json!({"id": id, "text": text, "namespace": "crash-db", "category": category, "must_mention": ["orders-db"]}).to_string()
    };
    let text = format!(
        "{}\n{}\n",
        case("db", CRASH, "DatabaseConnectionError"),
        case("no error", "all is well at orders-db", "Unknown")
    );
    fs::write(&cases, text).expect("a file");
    let model = FakeModel::gemini(good_reply()).await;
    let url = model.url();
    let run = |how: &'static str, with_model: bool| {
        let (cases, replies, url) = (cases.clone(), replies.clone(), url.clone());
        tokio::task::spawn_blocking(move || {
            let mut arguments =
                vec!["eval", "diagnose", cases.to_str().expect("a path"), "--json", how, replies.to_str().expect("a path")];
            let base = format!("--gemini-base-url={url}");
            if with_model {
                arguments.extend([base.as_str(), "--google-api-key=k"]);
            }
            serde_json::from_str::<Value>(&faultline(&arguments).succeeds()).expect("JSON")
        })
    };
    let first = run("--record", true).await.expect("no panic");
    assert_eq!(fs::read_dir(&replies).expect("a folder").count(), 1);
    assert_eq!(model.asked().await.len(), 1, "a text without an error asks nobody");
    let mut again = run("--replay", false).await.expect("no panic");
    assert_eq!(model.asked().await.len(), 1);
    assert_eq!((&first["model"]["answered"], &first["model"]["accuracy"]), (&json!(1), &json!(1.0)));
    for time in ["median_ms", "p95_ms"] {
        again["model"][time] = first["model"][time].clone();
    }
    assert_eq!(first, again);
    let nothing = tempfile::tempdir().expect("a folder");
    fs::remove_dir_all(&replies).expect("it is there");
    fs::rename(nothing.path(), &replies).expect("an empty folder");
    let none = run("--replay", false).await.expect("no panic");
    assert_eq!(none["model"]["answered"], 0);
    assert!(none["model"]["silences"][0].as_str().expect("a reason").starts_with("no reply is recorded as "), "{none}");
}
