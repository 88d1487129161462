//! Keys and a running process: made at the terminal, changed under its feet, shown nowhere.

use super::key_file;
use crate::support::{
    cli::{Folder, faultline},
    serving::Serving,
};

/// Without a cluster, a store or a model.
const ALONE: [&str; 5] =
    ["--no-cluster", "--database-url=off", "--embedder=off", "--rate-limit-requests=0", "--auth-mode=api-key"];

fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or(answer)
}

/// A new key for `name` as the terminal shows it: the key and the entry.
fn new_key(name: &str, role: &str) -> (String, String) {
    let printed = faultline(&["keys", "new", "--name", name, "--role", role]).succeeds();
    let lines: Vec<&str> = printed.lines().map(str::trim).collect();
    let key = lines.iter().find(|line| line.starts_with("flk_")).expect("a key").to_string();
    let entry = lines.iter().find(|line| line.starts_with("- {")).expect("an entry").to_string();
    (key, entry)
}

#[test]
fn a_key_is_printed_once_and_never_twice_the_same() {
    let ((one, entry), (two, _)) = (new_key("ci", "developer"), new_key("ci", "developer"));
    assert!(one != two && one.len() == 4 + 64, "{one}");
    assert!(entry.contains("name: \"ci\", role: developer, sha256: ") && !entry.contains(&one[4..]), "{entry}");
    let ran = faultline(&["keys", "new", "--name", "ci", "--role", "viewer", "--entry-only"]).ends_with(0);
    assert!(
        ran.out.starts_with("- {name: \"ci\", role: viewer") && ran.out.lines().count() == 1 && ran.err.starts_with("flk_"),
        "{ran:?}"
    );
    faultline(&["keys", "new", "--name", "two words", "--role", "viewer"]).ends_with(1);
    faultline(&["keys", "new", "--name", "ci", "--role", "king"]).ends_with(2);
    let redacted = faultline(&["redact"]).input(format!("the key is {one}, they said")).succeeds();
    assert!(!redacted.contains(&one[..20]), "{redacted}");
}

#[tokio::test]
async fn keys_change_while_it_runs_and_stand_in_no_log() {
    let folder = Folder::new("auth-process-rotate");
    let ((old, old_entry), (new, new_entry)) = (new_key("ci", "viewer"), new_key("ci", "viewer"));
    let file = folder.write("keys.yaml", format!("{old_entry}\n"));
    let serving = Serving::start(&[&ALONE[..], &["--log-level=debug", "--api-keys-file", &file]].concat());
    let ask = async |key: &str| serving.get_with("/runbooks", &format!("x-api-key: {key}\r\n")).await;
    assert_eq!((status(&ask(&old).await), status(&ask(&new).await)), ("200", "401"));
    assert_eq!(status(&serving.get("/livez").await), "200");

    folder.write("keys.yaml", "- {name: ci, role: viewer, sha256: flk_pasted");
    while !serving.log().contains("API_KEYS_FILE is bad") {
        assert_eq!(status(&ask(&old).await), "200", "the last good keys hold on");
    }
    folder.write("keys.yaml", format!("{new_entry}\n"));
    // A valid key is let in at once, however often it failed before it was valid.
    while status(&ask(&new).await) != "200" {}
    assert!(["401", "429"].contains(&status(&ask(&old).await)));
    while !serving.log().contains("API_KEYS_FILE changed") {
        ask(&new).await;
    }
    let log = serving.log();
    for secret in [&old[4..24], &new[4..24], "flk_pasted"] {
        assert!(!log.contains(secret), "a key stands in the log");
    }
}

#[test]
fn a_bad_file_stops_the_start() {
    let folder = Folder::new("auth-process-bad");
    let file = folder.write("keys.yaml", "- {name: ci, role: admin, sha256: flk_topsecret}");
    for arguments in [vec!["--api-keys-file", file.as_str()], vec!["--api-keys-file", "/nothing/here.yaml"], vec![]] {
        let ran = faultline(&[&["serve", "--app-port=0"], &ALONE[..], &arguments].concat()).ends_with(2);
        assert!(ran.err.contains("API_KEYS_FILE") && !ran.err.contains("topsecret"), "{}", ran.err);
    }
}

#[tokio::test]
async fn an_open_door_is_told_loudly() {
    let folder = Folder::new("auth-process-loud");
    let (text, _) = key_file();
    let file = folder.write("keys.yaml", text);
    let alone = &ALONE[..4];
    let cases = [
        (vec!["--app-host=0.0.0.0"], true),
        (vec!["--app-host=127.0.0.1"], false),
        (vec!["--app-host=0.0.0.0", "--auth-mode=api-key", "--api-keys-file", file.as_str()], false),
    ];
    for (arguments, is_loud) in cases {
        let serving = Serving::start(&[alone, &arguments[..]].concat());
        let log = serving.log();
        assert_eq!(log.contains("NO AUTHENTICATION"), is_loud, "{arguments:?}: {log}");
    }
}
