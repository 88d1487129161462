//! The level of the log, changed while the process runs.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use faultline::http::{HttpSettings, log_level::LogControl};
use serde_json::{Value, json};

use super::contract::conforms;
use crate::support::{TestApp, serving::Serving, settings};

/// A service whose log is a list of the levels that it was set to.
fn app() -> (TestApp, Arc<Mutex<Vec<String>>>) {
    let set = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&set);
    let log = LogControl::new("info", move |level| {
        if level == "shouting" {
            return Err("is no level".to_owned());
        }
        list.lock().expect("no panic").push(level.to_owned());
        Ok(())
    });
    (TestApp::with(HttpSettings { log, ..settings() }), set)
}

fn last(set: &Mutex<Vec<String>>) -> String {
    set.lock().expect("no panic").last().cloned().unwrap_or_default()
}

/// Lets everything run that has waited for this.
async fn later(minutes: u64) {
    tokio::time::advance(Duration::from_secs(minutes * 60 + 1)).await;
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_level_holds_for_its_time_and_no_longer() {
    let (app, set) = app();
    assert_eq!(app.get("/log-level").await.json(), json!({"level": "info", "usual": "info", "until": null, "by": null}));
    let answer = app.post("/log-level", &json!({"level": "DEBUG"})).await;
    let told: Value = answer.json();
    conforms("LogLevel", &told);
    assert_eq!((answer.status.as_u16(), &told["level"], &told["usual"]), (200, &json!("debug"), &json!("info")));
    assert!(told["until"].is_string() && told["by"].is_string(), "{told}");
    later(14).await;
    assert_eq!((last(&set), app.get("/log-level").await.json()["level"].clone()), ("debug".to_owned(), json!("debug")));
    later(1).await;
    assert_eq!((last(&set), app.get("/log-level").await.json()["until"].clone()), ("info".to_owned(), Value::Null));

    // A later wish replaces an earlier one with its end.
    app.post("/log-level", &json!({"level": "debug", "for_minutes": 5})).await;
    app.post("/log-level", &json!({"level": "trace", "for_minutes": 60})).await;
    later(5).await;
    assert_eq!(last(&set), "trace");
    app.post("/log-level", &json!({"level": "info"})).await;
    let before = set.lock().expect("no panic").len();
    later(120).await;
    assert_eq!((last(&set), set.lock().expect("no panic").len()), ("info".to_owned(), before), "nothing is left to be set back");
}

#[tokio::test]
async fn a_wrong_level_changes_nothing() {
    let (app, set) = app();
    for (body, pointer) in [
        (json!({"level": "shouting"}), "#/level"),
        (json!({"level": ""}), "#/level"),
        (json!({"level": " info"}), "#/level"),
        (json!({"level": "info,"}), "#/level"),
        (json!({"level": "http::=debug"}), "#/level"),
        (json!({"level": "warn,".repeat(50) + "warn"}), "#/level"),
        (json!({}), "#/level"),
        (json!({"level": "debug", "for_minutes": 0}), "#/for_minutes"),
        (json!({"level": "debug", "for_minutes": 1441}), "#/for_minutes"),
        (json!({"level": "debug", "forever": true}), "#/forever"),
    ] {
        assert_eq!(
            app.post("/log-level", &body).await.problem(),
            (422, "invalid-request".to_owned(), vec![pointer.to_owned()]),
            "{body}"
        );
    }
    assert!(set.lock().expect("no panic").is_empty());
    let open = TestApp::with(HttpSettings { app_host: "0.0.0.0".to_owned(), ..settings() });
    assert_eq!(open.post("/log-level", &json!({"level": "debug"})).await.problem().0, 403, "over a network nobody unknown does");
}

#[tokio::test]
async fn the_running_process_tells_more_and_says_who_wanted_it() {
    let serving = Serving::start(&["--no-cluster", "--database-url=off", "--embedder=off", "--log-format=json"]);
    serving.get("/runbooks").await;
    assert!(!serving.log().contains("GET /runbooks was answered"), "{}", serving.log());
    let answer = serving.post("/log-level", "", r#"{"level": "shouting=very=loud"}"#).await;
    assert!(answer.starts_with("HTTP/1.1 422"), "{answer}");
    let answer = serving.post("/log-level", "", r#"{"level": "warn,faultline::http=debug", "for_minutes": 1}"#).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    serving.get("/runbooks").await;
    serving.post("/log-level", "", r#"{"level": "error"}"#).await;
    serving.get("/runbooks").await;
    let log = serving.stopped().await;
    assert_eq!(log.matches("GET /runbooks was answered").count(), 1, "{log}");
    assert_eq!(log.matches("wants it so").count(), 2, "{log}");
}
