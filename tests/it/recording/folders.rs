//! Folders that are not as they should be.

use std::{fs, path::Path};

use faultline::cluster::recording::{Recording, RecordingError};
use proptest::prelude::*;
use tempfile::TempDir;

use super::{get, log, names};

const POD: &str =
    r#"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a","namespace":"n"},"spec":{"containers":[{"name":"app"}]}}"#;

/// A folder of these files.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, content) in files {
        write(folder.path(), name, content);
    }
    folder
}

fn write(folder: &Path, name: &str, content: &[u8]) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a new folder");
    fs::write(path, content).expect("a new file");
}

#[test]
fn a_folder_without_a_recording_is_an_error_that_says_so() {
    let missing = Recording::load(Path::new("/nonexistent/recording")).expect_err("nothing there");
    assert!(matches!(missing, RecordingError::NoFolder { .. }));
    assert_eq!(missing.to_string(), "there is no folder /nonexistent/recording");

    let empty = folder(&[]);
    let error = Recording::load(empty.path()).expect_err("nothing in it").to_string();
    assert!(error.ends_with("is a recording of a cluster: of 0 files none holds objects of Kubernetes"), "{error}");

    let other = folder(&[("package.json", b"{\"name\":\"x\"}"), ("notes.txt", b"hello"), ("bad.json", b"{")]);
    let error = Recording::load(other.path()).expect_err("nothing of Kubernetes").to_string();
    assert!(
        error.ends_with(
            "of 3 files none holds objects of Kubernetes, and 1 could not be read (bad.json: not JSON, from line 1 on)"
        ),
        "{error}"
    );
}

#[test]
fn bad_files_are_named_and_the_rest_is_served() {
    let folder = folder(&[
        ("api/v1/pods.json", POD.as_bytes()),
        ("api/v1/nodes.json", b"{\n\"kind\":\"NodeList\",\n!"),
        ("deep.json", "[".repeat(200_000).as_bytes()),
        ("deep2.json", [b"[".repeat(500), b"]".repeat(500)].concat().as_slice()),
        ("bad.yaml", b"a: [1, 2\nsecret: hunter2"),
        ("half.json", br#"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"\ud800","namespace":"n"}}"#),
        ("binary.yaml", &[0, 159, 146, 150, 255]),
    ]);
    let recording = Recording::load(folder.path()).expect("a recording");
    assert_eq!(names(&recording, "/api/v1/pods"), ["a"]);
    let problems = recording.problems().join("\n");
    for named in
        ["api/v1/nodes.json: not JSON, from line 3 on", "deep.json: ", "deep2.json: ", "bad.yaml: not YAML", "half.json: "]
    {
        assert!(problems.contains(named), "{named} in {problems}");
    }
    assert!(!problems.contains("hunter2"), "{problems}");
}

#[test]
fn files_that_are_too_large_are_named() {
    let folder = folder(&[("pods.json", POD.as_bytes())]);
    let huge = fs::File::create(folder.path().join("huge.json")).expect("a file");
    huge.set_len(1 << 30).expect("a file of holes");
    let log_path = "logs/n/a/app.log";
    write(folder.path(), log_path, b"");
    let log_file = fs::File::options().write(true).open(folder.path().join(log_path)).expect("the log");
    log_file.set_len(20 << 20).expect("a file of holes");
    let recording = Recording::load(folder.path()).expect("a recording");
    assert_eq!(
        recording.problems(),
        ["huge.json: not read: larger than 256 MiB", "logs/n/a/app.log: only the last 16 MiB were read"]
    );
}

#[cfg(unix)]
#[test]
fn links_are_not_followed() {
    let outside = folder(&[("services.json", br#"{"kind":"ServiceList","apiVersion":"v1","items":[]}"#)]);
    let inside = folder(&[("pods.json", POD.as_bytes())]);
    std::os::unix::fs::symlink(outside.path(), inside.path().join("folder")).expect("a link");
    std::os::unix::fs::symlink(outside.path().join("services.json"), inside.path().join("file.json")).expect("a link");
    std::os::unix::fs::symlink(inside.path(), inside.path().join("loop")).expect("a link");
    let recording = Recording::load(inside.path()).expect("a recording");
    assert_eq!(get(&recording, "/api/v1/services").0, 404);
}

#[test]
fn a_dump_can_be_one_file() {
    let dump = format!(
        "{{\n\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"items\":[{POD}]}}\n{{\"kind\":\"EventList\",\"apiVersion\":\"v1\",\"items\":null}}\n\
         ==== START logs for container app of pod n/a ====\nhello\n{{not json\n==== END logs for container app of pod n/a ====\n\
         {{\"kind\":\"ServiceList\",\"apiVersion\":\"v1\",\"items\":[]}}\n"
    );
    let folder = folder(&[("cluster.dump", dump.as_bytes())]);
    for place in [folder.path().to_owned(), folder.path().join("cluster.dump")] {
        let recording = Recording::load(&place).expect("a recording");
        assert_eq!(recording.problems(), <[String; 0]>::default());
        assert_eq!(names(&recording, "/api/v1/pods"), ["a"]);
        assert_eq!(get(&recording, "/api/v1/services").0, 200);
        assert_eq!(log(&recording, "/api/v1/namespaces/n/pods/a/log"), (200, "hello\n{not json\n".to_owned()));
    }
}

#[test]
fn newer_events_are_served_as_older_ones_where_only_they_were_recorded() {
    let event = br#"{"kind":"EventList","apiVersion":"events.k8s.io/v1","items":[{"metadata":{"name":"e","namespace":"n"},
        "regarding":{"kind":"Pod","name":"a","namespace":"n"},"reason":"BackOff","note":"Back-off","type":"Warning",
        "deprecatedCount":3,"deprecatedLastTimestamp":"2026-11-21T06:00:00Z","reportingController":"kubelet"}]}"#;
    let recording = Recording::load(folder(&[("events.json", event)]).path()).expect("a recording");
    let (_, events) =
        get(&recording, "/api/v1/namespaces/n/events?fieldSelector=involvedObject.name=a,reportingComponent=kubelet");
    assert_eq!(events["items"][0]["message"], "Back-off");
    assert_eq!(events["items"][0]["count"], 3);
    assert_eq!(recording.newest().expect("a time").to_string(), "2026-11-21T06:00:00Z");
}

/// Names of files that mean something.
const NAMES: [&str; 9] = [
    "pods.json",
    "api/v1/pods.json",
    "n/a/logs.txt",
    "logs/n/a/app.log",
    "logs/n/a/app.previous.log",
    "namespaces/n/pods/a/app/app/logs/current.log",
    "cluster-resources/pods/n.json",
    "core/pods.yaml",
    "version.json",
];

/// Pieces that lead far into the code.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let known: Vec<&'static [u8]> = vec![
        b"{",
        b"}",
        b"[",
        b"]",
        b"\"",
        b":",
        b",",
        b"\n",
        b"null",
        b"\"items\":",
        b"\"kind\":\"PodList\"",
        b"\"kind\":\"Pod\"",
        b"\"apiVersion\":\"v1\"",
        b"\"metadata\":",
        b"{\"name\":\"a\",\"namespace\":\"n\"}",
        b"\"spec\":",
        b"\\ud800",
        b"\"\\u0000\"",
        b"==== START logs for container app of pod n/a ====\n",
        b"==== END logs for container app of pod n/a ====",
        b"- ",
        b"a: ",
        b"kind: Pod\n",
        b"apiVersion: v1\n",
        b"metadata: {name: a}\n",
        b"&x ",
        b"*x",
        b"<<: ",
        b"---\n",
        b"\"gitVersion\":\"v1\"",
        b"2026-11-21T06:16:16.508358037Z ",
        POD.as_bytes(),
        b"\xff\xfe",
        b"1e999",
        b"-0",
    ];
    let piece = prop_oneof![4 => proptest::sample::select(known).prop_map(<[u8]>::to_vec), 1 => proptest::collection::vec(any::<u8>(), 0..8)];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_content_of_files_makes_it_panic(contents in proptest::collection::vec(pieces(), NAMES.len())) {
        let files: Vec<(&str, &[u8])> = NAMES.into_iter().zip(contents.iter().map(Vec::as_slice)).collect();
        let folder = folder(&files);
        // With one good file there is always something to serve.
        write(folder.path(), "good.json", POD.as_bytes());
        let recording = Recording::load(folder.path()).expect("a recording");
        prop_assert_eq!(get(&recording, "/api/v1/pods").0, 200);
        get(&recording, "/api/v1/pods?fieldSelector=status.phase=x&limit=1");
        for query in ["", "tailLines=1&timestamps=true", "previous=true&limitBytes=3"] {
            log(&recording, &format!("/api/v1/namespaces/n/pods/a/log?{query}"));
        }
    }

    #[test]
    fn no_request_makes_it_panic(path in "(/[a-z0-9%.]{0,8}){0,6}", query in "[ -~]{0,40}") {
        let recording = Recording::from_texts([POD]);
        for path in [path.clone(), format!("/api/v1/namespaces/n/pods{path}"), "/api/v1/pods".to_owned(), "/api/v1/namespaces/n/pods/a/log".to_owned()] {
            let query = query.replace([' ', '#', '"', '<', '>', '`', '\\', '^', '{', '|', '}'], "+");
            for query in [query.clone(), format!("labelSelector={query}"), format!("fieldSelector={query}"), format!("continue={query}")] {
                if let Ok(request) = http::Request::get(format!("{path}?{query}")).body(bytes::Bytes::new()) {
                    recording.answer(&request);
                }
            }
        }
    }
}
