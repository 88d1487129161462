//! Keys: sent in two ways, held as hashes, changed without a restart, and never shown.

use faultline::{
    auth::{Auth, AuthMode, AuthSettings, NewKey, keys::Reread},
    domain::caller::Role,
};

use super::{OOM, counted, diagnose_with, get, keyed, opened, with};
use crate::support::{cli::Folder, json_request};

#[tokio::test]
async fn a_key_opens_in_either_header_and_a_wrong_one_does_not() {
    let door = keyed("auth-keys-headers");
    assert_eq!(diagnose_with(&door.app, &door.developer).await.status, 200);
    for bearer in [format!("Bearer {}", door.developer), format!("bearer  {}", door.developer)] {
        assert_eq!(door.app.send(with(json_request("/diagnose", OOM), "authorization", &bearer)).await.status, 200, "{bearer}");
    }
    let nothing = door.app.send(json_request("/diagnose", OOM)).await;
    assert_eq!(nothing.problem(), (401, "unauthorized".to_owned(), vec![]));
    assert_eq!(nothing.header("www-authenticate"), "Bearer realm=\"faultline\"");

    let almost = format!("{}0", &door.developer[..door.developer.len() - 1]);
    let almost = if almost == door.developer { format!("{}1", &almost[..almost.len() - 1]) } else { almost };
    for wrong in [almost.as_str(), "flk_", "sesame"] {
        let answer = diagnose_with(&door.app, wrong).await;
        assert_eq!(answer.problem().0, 401);
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"faultline\", error=\"invalid_token\"");
        assert!(!answer.text().contains(wrong), "{}", answer.text());
    }
    // Neither two keys, nor another scheme, nor a key that is none beside a good token.
    let twice = with(with(get("/runbooks"), "x-api-key", &door.viewer), "x-api-key", &door.viewer);
    let basic = with(get("/runbooks"), "authorization", &format!("Basic {}", door.viewer));
    let mixed = with(with(get("/runbooks"), "x-api-key", "sesame"), "authorization", &format!("Bearer {}", door.viewer));
    let huge = with(get("/runbooks"), "x-api-key", &"x".repeat(17 << 10));
    for request in [twice, basic, mixed, huge] {
        assert_eq!(door.app.send(request).await.status, 401);
    }
}

#[tokio::test]
async fn an_answer_to_a_caller_is_not_for_shared_caches() {
    let door = keyed("auth-keys-caches");
    let answer = door.app.send(with(get("/runbooks"), "x-api-key", &door.viewer)).await;
    assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (200, "private, no-cache"));
    let varies: Vec<_> = answer.headers.get_all("vary").iter().filter_map(|vary| vary.to_str().ok()).collect();
    assert!(varies.iter().any(|vary| vary.contains("x-api-key") && vary.contains("authorization")), "{varies:?}");
    assert_eq!(door.app.get("/docs").await.header("cache-control"), "");
}

#[tokio::test]
async fn an_address_that_keeps_failing_is_slowed_and_others_are_not() {
    let door = keyed("auth-keys-slowed");
    let from = async |peer: &str, key: &str| {
        let mut request = with(get("/runbooks"), "x-api-key", key);
        request.extensions_mut().insert(axum::extract::ConnectInfo::<std::net::SocketAddr>(peer.parse().expect("an address")));
        door.app.send(request).await
    };
    let before = counted(&door.app, "faultline_auth_refused_total{reason=\"unknown-key\"}").await;
    for attempt in 0..10 {
        assert_eq!(from("192.0.2.1:1", &format!("guess-{attempt}")).await.status, 401);
    }
    let slowed = from("192.0.2.1:2", "guess-11").await;
    assert_eq!(slowed.problem(), (429, "rate-limited".to_owned(), vec![]));
    let wait: u64 = slowed.header("retry-after").parse().expect("seconds");
    assert!((1..=6).contains(&wait), "{wait}");
    assert_eq!(from("192.0.2.1:3", &door.viewer).await.status, 200, "whoever has a key is not locked out by a neighbour");
    assert_eq!(from("192.0.2.2:1", "guess").await.status, 401, "another address has not failed yet");
    assert!(counted(&door.app, "faultline_auth_refused_total{reason=\"unknown-key\"}").await >= before + 11);
    assert!(counted(&door.app, "faultline_auth_refused_total{reason=\"slowed\"}").await >= 1);
}

#[tokio::test]
async fn a_changed_file_counts_and_a_bad_one_does_not() {
    let folder = Folder::new("auth-keys-rotate");
    let make = |name| NewKey::make(name, Role::Viewer).expect("a good name");
    let (old, new) = (make("ci"), make("ci"));
    let file = folder.write("keys.yaml", &old.entry);
    let keys = opened(&file).expect("a good file");
    let holds = |keys: &faultline::auth::KeyFile, key: &NewKey| keys.holder(&key.key).is_some();
    assert_eq!((holds(&keys, &old), holds(&keys, &new), keys.reread()), (true, false, Reread::Unchanged));

    folder.write("keys.yaml", format!("{}\n{}\n", old.entry, new.entry));
    assert_eq!(keys.reread(), Reread::Changed(2));
    assert!(holds(&keys, &old) && holds(&keys, &new), "both hold while callers change over");
    folder.write("keys.yaml", &new.entry);
    assert_eq!((keys.reread(), holds(&keys, &old), holds(&keys, &new)), (Reread::Changed(1), false, true));

    let bad = ["{", "- {name: ci, role: king, sha256: x}", "keys: []", &format!("{}\n{}", new.entry, new.entry)];
    for text in bad {
        folder.write("keys.yaml", text);
        assert!(matches!(keys.reread(), Reread::Bad(_)), "{text}");
        assert!(holds(&keys, &new) && !holds(&keys, &old), "the last good keys hold on: {text}");
    }
    std::fs::remove_file(&file).expect("it is there");
    assert!(matches!(keys.reread(), Reread::Bad(_)));
    assert!(holds(&keys, &new));
    folder.write("keys.yaml", "[]");
    assert_eq!((keys.reread(), holds(&keys, &new)), (Reread::Changed(0), false), "an empty list takes every key away");
}

#[test]
fn json_is_read_as_well() {
    let folder = Folder::new("auth-keys-json");
    let key = NewKey::make("grafana", Role::Viewer).expect("a good name");
    let hash = key.entry.split("sha256: ").nth(1).expect("a hash").trim_end_matches('}');
    let file = folder.write("keys.json", format!(r#"[{{"name": "grafana", "role": "viewer", "sha256": "{hash}"}}]"#));
    let holder = opened(&file).expect("a good file").holder(&key.key).expect("it holds");
    assert_eq!((holder.name.as_str(), holder.role), ("grafana", Role::Viewer));
}

/// People paste the key where its hash belongs: neither it nor anything else of the file may get into an error or a log.
#[test]
fn what_stands_in_a_bad_file_is_not_told() {
    let folder = Folder::new("auth-keys-bad");
    let hash = "0".repeat(64);
    let bad = [
        "- {name: ci, role: admin, sha256: flk_topsecret}".to_owned(),
        "- {name: ci, role: flk_topsecret, sha256: x}".to_owned(),
        format!("- {{name: ci, role: admin, sha256: {hash}, key: flk_topsecret}}"),
        format!("- {{name: 'flk_topsecret with blanks', role: admin, sha256: {hash}}}"),
        format!("- {{name: anonymous, role: admin, sha256: {hash}}}"),
        "flk_topsecret: [".to_owned(),
        "flk_topsecret".to_owned(),
    ];
    for text in bad {
        let file = folder.write("keys.yaml", &text);
        let settings = AuthSettings { auth_mode: AuthMode::ApiKey, api_keys_file: Some(file.into()), ..AuthSettings::default() };
        let why = Auth::open(&settings).expect_err("a bad file");
        assert!(why.contains("API_KEYS_FILE=") && !why.contains("topsecret"), "{why}");
    }
}

#[test]
fn settings_that_do_not_go_together_stop_the_start() {
    let folder = Folder::new("auth-keys-settings");
    let file = Some(folder.write("keys.yaml", "[]").into());
    let wrong = [
        (AuthSettings { auth_mode: AuthMode::ApiKey, ..AuthSettings::default() }, "API_KEYS_FILE"),
        (AuthSettings { api_keys_file: file, ..AuthSettings::default() }, "AUTH_MODE"),
        (AuthSettings { auth_mode: AuthMode::Oidc, ..AuthSettings::default() }, "OIDC_ISSUER"),
    ];
    for (settings, named) in wrong {
        let why = Auth::open(&settings).expect_err("it cannot work");
        assert!(why.contains(named), "{why}");
    }
}
