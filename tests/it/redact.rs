//! No secret leaves by any door: answers, problems, the log, an embeddings endpoint, the command line.

use std::{fs, io, path::Path, sync::Arc};

use axum::{Json, Router, body::Bytes, extract::State};
use faultline::{
    cluster::{Cluster, recording::Recording},
    domain::redact::Redactor,
    retrieve::{
        build::{Patience, quiet},
        retriever::Retriever,
        settings::{EmbedderChoice, RetrievalSettings},
        watch::Place,
    },
    telemetry::CleanEvent,
};
use serde_json::{Value, json};

use crate::support::{
    TestApp,
    cli::{Folder, faultline},
    kubernetes::recordings,
};

const SECRET: &str = "hunter2xyz";
/// Ways in which a log, an event or an error tells it.
const TOLD: &[&str] = &[
    "could not connect to postgres://app:hunter2xyz@db:5432/shop: connection refused",
    "DB_PASSWORD=hunter2xyz",
    r#"config {"clientSecret":"hunter2xyz","user":"bob"}"#,
    "Authorization: Bearer hunter2xyz12345",
    "dial with hunter2xyz failed",
];

fn told() -> String {
    TOLD.join("\n")
}

#[track_caller]
fn assert_clean(text: &str) {
    assert!(!text.contains(SECRET), "{text}");
}

#[tokio::test]
async fn answers_hold_no_secret_of_their_question() {
    let app = TestApp::new();
    let body = json!({"error_message": told(), "logs": told(), "target": {"label_selector": "token=hunter2xyz"}});
    let answer = app.post("/diagnose", &body).await;
    assert_eq!(answer.status, 200);
    assert_clean(&answer.text());
    assert!(answer.text().contains("[REDACTED:"), "the evidence shows that something was there: {}", answer.text());
    assert_clean(&app.post_as("/diagnose", &body, "text/markdown").await.text());
    let suggestions = app.post("/suggest-runbook", &json!({"error_message": told(), "why": true})).await;
    assert_eq!(suggestions.status, 200);
    assert_clean(&suggestions.text());
}

#[tokio::test]
async fn problems_do_not_echo_secrets() {
    let app = TestApp::new();
    for body in [
        json!({"error_message": "x", "password=hunter2xyz": 1}),
        json!({"error_message": "x", "target": {"token=hunter2xyz": 1}}),
    ] {
        let answer = app.post("/diagnose", &body).await;
        assert_eq!(answer.status, 422);
        assert_clean(&answer.text());
    }
    assert_clean(&app.get("/nothing/password=hunter2xyz").await.text());
}

/// The zoo, with something to hide in every log, event and message.
fn leaky() -> Cluster {
    let folder = Folder::new("redact-zoo");
    copy(&recordings().join("zoo"), folder.path());
    Cluster::of_recording(Recording::load(folder.path()).expect("a recording"))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a new folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
            continue;
        }
        let text = fs::read_to_string(&path).expect("a text");
        let text = match path.extension().and_then(|extension| extension.to_str()) {
            Some("log") => {
                let stamp = text.split(' ').next().unwrap_or_default().to_owned();
                TOLD.iter().fold(text, |text, line| format!("{}\n{stamp} ERROR {line}\n", text.trim_end()))
            }
            Some("json") => match serde_json::from_str::<Value>(&text) {
                Ok(mut document) => {
                    taint(&mut document);
                    document.to_string()
                }
                Err(_) => text,
            },
            _ => text,
        };
        fs::write(target, text).expect("a new file");
    }
}

fn taint(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == "message" && !text.is_empty() => {
                        *text = format!("{text} (password=hunter2xyz, {})", TOLD[0]);
                    }
                    other => taint(other),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(taint),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn answers_hold_no_secret_of_the_cluster() {
    let app = TestApp::looking_at(leaky());
    let text = fs::read_to_string(recordings().join("expected.json")).expect("the expected answers");
    let expected: Vec<Value> = serde_json::from_str(&text).expect("a list");
    let mut masked = 0;
    for case in &expected {
        let (kind, name) = case["target"].as_str().and_then(|target| target.split_once('/')).expect("kind/name");
        let target = json!({"kind": kind, "name": name, "namespace": case["namespace"]});
        let answer = app.post("/diagnose", &json!({"error_message": format!("{name} does not work"), "target": target})).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_clean(&answer.text());
        masked += usize::from(answer.text().contains("[REDACTED:"));
    }
    assert!(masked > expected.len() / 3, "the secrets were seen in {masked} of {} answers", expected.len());
    let health = app.get("/cluster-health").await;
    assert_eq!(health.status, 200);
    assert_clean(&health.text());
}

#[tokio::test]
async fn an_embeddings_endpoint_gets_no_secret() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let seen: Arc<std::sync::Mutex<String>> = Arc::default();
    let router = Router::new().fallback(endpoint).with_state(Arc::clone(&seen));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let folder = Folder::new("redact-embeddings");
    folder.write("leaky.md", format!("# Leaky\n\n## Meaning\n\nconnect as in\n\n{}\n", told()));
    let settings = RetrievalSettings {
        embedder: EmbedderChoice::Openai,
        embedding_url: url,
        embedding_model: "m".to_owned(),
        ..RetrievalSettings::default()
    };
    let redactor = Redactor::built_in();
    let retriever = Retriever::open(Place::Folders(vec![folder.path().to_owned()]), settings, None, Arc::clone(&redactor));
    retriever.refresh(Patience::Endless, &quiet).await;
    let asked = redactor.clean(&told());
    retriever.search(&faultline::retrieve::Query { text: &asked, ..Default::default() }, 3).await;
    let seen = seen.lock().expect("no panic");
    assert!(seen.contains("connect as in") && seen.contains("[REDACTED:"), "{seen}");
    assert_clean(&seen);
    assert_clean(&retriever.library().runbooks()[0].markdown);
}

async fn endpoint(State(seen): State<Arc<std::sync::Mutex<String>>>, body: Bytes) -> Json<Value> {
    let text = String::from_utf8_lossy(&body).into_owned();
    let texts = serde_json::from_str::<Value>(&text).ok().and_then(|asked| asked["input"].as_array().map(Vec::len)).unwrap_or(1);
    seen.lock().expect("no panic").push_str(&text);
    let items: Vec<Value> = (0..texts).map(|index| json!({"index": index, "embedding": [1.0, 0.5, 0.25]})).collect();
    Json(json!({"object": "list", "data": items}))
}

#[test]
fn the_log_holds_no_secret() {
    let written: Arc<std::sync::Mutex<Vec<u8>>> = Arc::default();
    for is_json in [true, false] {
        let to = Arc::clone(&written);
        let writer = move || CleanEvent::new(Redactor::built_in(), Shared(Arc::clone(&to)));
        let log = tracing_subscriber::fmt().with_writer(writer).with_ansi(false);
        let warn = || {
            for line in TOLD {
                tracing::warn!(why = *line, "a server answered: {line}");
            }
        };
        if is_json {
            tracing::subscriber::with_default(log.json().finish(), warn);
        } else {
            tracing::subscriber::with_default(log.finish(), warn);
        }
    }
    let text = String::from_utf8(written.lock().expect("no panic").clone()).expect("text");
    assert!(text.matches("a server answered").count() == 2 * TOLD.len(), "{text}");
    let telling = text.lines().filter(|line| !line.contains("dial with")).collect::<Vec<_>>().join("\n");
    assert_clean(&telling);
}

struct Shared(Arc<std::sync::Mutex<Vec<u8>>>);

impl io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_command_line_prints_no_secret() {
    for arguments in [&["diagnose"][..], &["diagnose", "--output", "json"], &["suggest"], &["redact"]] {
        let ran = faultline(arguments).input(told()).run();
        assert_clean(&ran.out);
        assert_clean(&ran.err);
    }
    let lines = faultline(&["redact", "--jsonl"]).input("\"password=hunter2xyz\"\n\"password=hunter2xyz\"\n").succeeds();
    assert_eq!(lines, "\"password=[REDACTED:password:1]\"\n".repeat(2));
    let kinds = faultline(&["redact", "--json"]).input("password=hunter2xyz").succeeds();
    assert_eq!(serde_json::from_str::<Value>(&kinds).expect("JSON"), json!({"masked": 1, "kinds": {"password": 1}}));
}

#[test]
fn the_built_in_runbooks_hold_no_secret() {
    let (library, _) = faultline::retrieve::Library::builtin();
    for runbook in library.runbooks() {
        assert_eq!(Redactor::built_in().clean(&runbook.markdown).as_str(), runbook.markdown.as_str(), "{}", runbook.file);
    }
}

#[test]
fn rules_of_the_user_are_checked_at_the_start() {
    let folder = Folder::new("redact-rules");
    let good = folder.write("good.yaml", "- id: employee\n  regex: 'emp-(\\d{6})'\n  group: 1\n");
    let clean = faultline(&["redact"]).env("REDACT_RULES", &good).input("by emp-123456").succeeds();
    assert_eq!(clean, "by emp-[REDACTED:employee:1]");
    let bad = folder.write("bad.yaml", "- id: employee\n  regex: '('\n");
    let ran = faultline(&["diagnose", "x"]).env("REDACT_RULES", &bad).ends_with(2);
    assert!(ran.err.contains("REDACT_RULES") && ran.err.contains("bad.yaml") && ran.err.contains("employee"), "{}", ran.err);
}
