//! The store from a terminal: recorded, listed, changed, exported, copied; and settings that stop the start.

use std::fs;

use serde_json::Value;

use crate::support::{
    cli::{Folder, Run, faultline},
    serving::Serving,
};

fn in_store(folder: &Folder, arguments: &[&str]) -> Run {
    faultline(arguments).env("DATA_DIR", folder.path())
}

#[test]
fn a_recorded_diagnosis_is_history() {
    let folder = Folder::new("store-commands");
    let store = |arguments: &[&str]| in_store(&folder, arguments);
    assert_eq!(store(&["incidents", "list"]).succeeds(), "", "no history yet");
    let diagnose = ["diagnose", "OOMKilled", "-n", "shop", "--deployment", "api", "--output", "json"];
    let answer: Value = serde_json::from_str(&store(&diagnose).succeeds()).expect("JSON");
    assert_eq!(answer["incident_id"], Value::Null, "a terminal records only what it is told to");
    let answer = store(&[&diagnose[..], &["--record"]].concat()).succeeds();
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    let id = answer["incident_id"].as_str().expect("an incident").to_owned();

    let listed = store(&["incidents", "list", "oomkilled", "--status", "open", "-n", "shop"]).succeeds();
    assert!(listed.contains(&id) && listed.contains("deployment/shop/api"), "{listed}");
    let lines = store(&["incidents", "list", "--json", "--limit", "0"]).succeeds();
    let line: Value = serde_json::from_str(lines.trim()).expect("one line of JSON");
    assert_eq!((line["id"].as_str(), line["category"].as_str()), (Some(id.as_str()), Some("OOMKilled")));
    assert_eq!(store(&["incidents", "list", "--severity", "low"]).succeeds(), "");

    store(&["incidents", "note", &id, "raised", "the", "limit", "--author", "ada"]).succeeds();
    store(&["incidents", "note", &id]).ends_with(1);
    store(&["incidents", "resolve", &id]).succeeds();
    let shown = store(&["incidents", "show", &id]).succeeds();
    assert!(shown.contains("raised the limit (ada)") && shown.contains("resolved by hand"), "{shown}");
    let shown: Value = serde_json::from_str(&store(&["incidents", "show", &id, "--json"]).succeeds()).expect("JSON");
    assert_eq!(shown["incident"]["diagnosis"]["request_id"], answer["request_id"]);
    let stats = store(&["incidents", "stats"]).succeeds();
    assert!(stats.starts_with("1 incidents") && stats.contains("OOMKilled"), "{stats}");
    store(&["incidents", "show", "0199"]).ends_with(1);

    assert_eq!(store(&["audit", "verify"]).succeeds(), "the audit log is empty\n");
    assert_eq!(store(&["audit", "list"]).succeeds(), "");
    let status = store(&["store", "status"]).succeeds();
    assert!(status.contains("faultline.db") && status.contains("incidents     1"), "{status}");
    let copy = folder.path().join("copy.db");
    let copy = copy.to_str().expect("UTF-8");
    store(&["store", "backup", copy]).succeeds();
    store(&["store", "backup", copy]).ends_with(1);
    let from_copy = faultline(&["incidents", "list"]).env("DATABASE_URL", format!("sqlite://{copy}")).succeeds();
    assert!(from_copy.contains(&id), "{from_copy}");
}

#[test]
fn a_wrong_address_stops_the_start_and_shows_no_password() {
    let wrong = [
        "mysql://me:hunter2@db/x".to_owned(),
        "postgres://me:hunter2@db:notaport/x".to_owned(),
        "sqlite:".to_owned(),
        format!("sqlite://{}", Folder::new("store-no-database").write("notes.db", "no database, hunter2 ".repeat(200))),
    ];
    for url in wrong {
        let ran = faultline(&["serve", "--app-port", "0"]).env("DATABASE_URL", &url).ends_with(2);
        assert!(ran.err.contains("DATABASE_URL"), "{url}: {}", ran.err);
        assert!(!ran.err.contains("hunter2") && !ran.out.contains("hunter2"), "{url}: {}", ran.err);
    }
    let help = faultline(&["serve", "--help"]).env("DATABASE_URL", "postgres://me:hunter2@db/x").succeeds();
    assert!(!help.contains("hunter2"));
}

#[test]
fn a_store_of_a_newer_version_stops_the_start() {
    let folder = Folder::new("store-newer");
    in_store(&folder, &["store", "status"]).succeeds();
    let url = format!("sqlite://{}", folder.path().join("faultline.db").display());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let later = "INSERT INTO faultline_schema (version, applied_at) VALUES (99, 0)";
    runtime.block_on(super::bed::execute(&url, later)).expect("a later version was here");
    let ran = in_store(&folder, &["serve", "--app-port", "0"]).ends_with(2);
    assert!(ran.err.contains("schema 99") && ran.err.contains("newer version"), "{}", ran.err);
}

#[test]
fn a_folder_that_cannot_be_had_is_said_and_does_no_harm() {
    let folder = Folder::new("store-blocked");
    let blocked = folder.write("file", "x");
    let below = format!("{blocked}/data");
    let ran = faultline(&["incidents", "list"]).env("DATA_DIR", &below).ends_with(1);
    assert!(ran.err.contains("there is no store of incidents"), "{}", ran.err);
    let diagnose = ["diagnose", "OOMKilled", "--pod", "api-0", "--record"];
    let answer = faultline(&diagnose).env("DATA_DIR", &below).succeeds();
    assert!(answer.contains("OOMKilled") && answer.contains("incident:"), "{answer}");
    assert_eq!(fs::read_to_string(&blocked).expect("it is there"), "x");
}

#[test]
fn a_second_process_that_serves_with_the_same_file_does_not_start() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let place = format!("--data-dir={}", folder.path().display());
    let first = Serving::start(&["--no-cluster", &place]);
    let refused = faultline(&["serve", "--no-cluster", "--app-port=0", &place]).ends_with(2);
    assert!(refused.err.contains("another process serves with SQLite file"), "{}", refused.err);
    assert!(refused.err.contains("Postgres"), "{}", refused.err);
    // Whoever only looks is welcome, and the next may serve once the first is gone, however it went.
    faultline(&["incidents", "list"]).env("DATA_DIR", folder.path()).succeeds();
    drop(first);
    drop(Serving::start(&["--no-cluster", &place]));
}
