//! The rules together. `tests/fixtures/redact` holds a text per line: in `secrets.jsonl` with a secret that reads `hunter2xyz`,
//! plain, encoded or as a part; in `plain.jsonl` without one.

use std::sync::Arc;

use proptest::prelude::*;

use super::{Redactor, user::UserRule};

fn clean(text: &str) -> String {
    Redactor::built_in().clean(text).into_string()
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON string")).collect()
}

#[test]
fn no_secret_of_any_family_stays() {
    let mut leaks = Vec::new();
    for text in lines(include_str!("../../../tests/fixtures/redact/secrets.jsonl")) {
        let clean = clean(&text);
        // `aHVu` begins the secret in base64.
        let leaks_it = ["unter2", "ter2xyz", "UNTER2", "aHVu"].iter().any(|part| clean.contains(part));
        if leaks_it || !clean.contains("[REDACTED:") {
            leaks.push(clean);
        }
    }
    assert!(leaks.is_empty(), "{} texts:\n{}", leaks.len(), leaks.join("\n"));
}

#[test]
fn what_is_no_secret_stays() {
    let changed: Vec<String> = lines(include_str!("../../../tests/fixtures/redact/plain.jsonl"))
        .into_iter()
        .map(|text| (clean(&text), text))
        .filter(|(clean, text)| clean != text)
        .map(|(clean, _)| clean)
        .collect();
    assert!(changed.is_empty(), "{} texts:\n{}", changed.len(), changed.join("\n"));
}

#[test]
fn equal_secrets_have_equal_marks_within_a_request() {
    let mut session = Redactor::built_in().session();
    assert_eq!(
        session.clean("password=hunter2 again password=hunter2 other password=hunter3"),
        "password=[REDACTED:password:1] again password=[REDACTED:password:1] other password=[REDACTED:password:2]"
    );
    assert_eq!(session.clean("DB_PASSWORD=hunter3"), "DB_PASSWORD=[REDACTED:password:2]");
    assert_eq!(session.counts()["password"], 4);
    assert_eq!(clean("password=hunter3"), "password=[REDACTED:password:1]", "another request begins anew");
}

#[test]
fn a_known_secret_is_masked_where_nothing_tells() {
    let text = "login of bob/hunter2xyz failed; DB_PASSWORD=hunter2xyz";
    assert_eq!(clean(text), "login of bob/[REDACTED:password:1] failed; DB_PASSWORD=[REDACTED:password:1]");
}

#[test]
fn what_surrounds_a_secret_stays() {
    let cases = [
        ("postgres://app:hunter2@db:5432/shop?sslmode=off", "postgres://app:[REDACTED:url-password:1]@db:5432/shop?sslmode=off"),
        (
            "curl -H 'Authorization: Bearer abc123def456' https://x",
            "curl -H 'Authorization: Bearer [REDACTED:authorization:1]' https://x",
        ),
        (r#"{"password":"a,b","user":"bob"}"#, r#"{"password":"[REDACTED:password:1]","user":"bob"}"#),
        ("user=bob,password=x,host=db", "user=bob,password=[REDACTED:password:1],host=db"),
        ("Set-Cookie: sid=abc123; Path=/; HttpOnly", "Set-Cookie: sid=[REDACTED:cookie:1]; Path=/; HttpOnly"),
        ("?token=abcdef&page=2", "?token=[REDACTED:secret:1]&page=2"),
    ];
    for (text, expected) in cases {
        assert_eq!(clean(text), expected);
    }
}

#[test]
fn a_mark_hides_nothing_behind_it() {
    let text = "password=[REDACTED:password:1]hunter2xyz";
    assert!(!clean(text).contains("hunter2"), "{}", clean(text));
}

fn rule(id: &str, regex: &str, group: usize) -> UserRule {
    UserRule { id: id.to_owned(), keywords: vec!["EMP".to_owned()], regex: regex.to_owned(), group }
}

#[test]
fn rules_of_the_user_mask_as_well() {
    let redactor = Arc::new(Redactor::with_rules(&[rule("employee", r"emp-(\d{6})", 1)]).expect("a good rule"));
    assert_eq!(redactor.clean("seen by emp-123456"), "seen by emp-[REDACTED:employee:1]");
    for (bad, why) in [
        (rule("Bad Id", "x", 0), "id"),
        (rule("a", "(", 0), "regex cannot be used"),
        (rule("a", "x*", 0), "matches the empty text"),
        (rule("a", "x", 1), "no group 1"),
    ] {
        let error = Redactor::with_rules(&[bad]).expect_err("a bad rule").to_string();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn a_key_that_is_cut_off_is_masked_to_its_last_line() {
    let line = "MIIEpAIBAAKCAQEAALFIZaQWNV9FdIJvxD4ubdmMYtf6e1oGdWQ2DYHGFh28X0ms";
    let text = format!("-----BEGIN RSA PRIVATE KEY-----\n{line}\n{line}\nW0513 07:00:51 watch ended too soon");
    assert_eq!(clean(&text).as_str(), "[REDACTED:private-key:1]\nW0513 07:00:51 watch ended too soon");
}

#[test]
fn what_a_sentence_says_behind_a_secret_stays() {
    let text = "back-off 5m0s restarting failed container; DB_PASSWORD=hunter2xyz exit code 137";
    assert_eq!(clean(text), text.replace("hunter2xyz", "[REDACTED:password:1]"));
    assert_eq!(clean("Server=db; Password=two words; User=x"), "Server=db; Password=[REDACTED:password:1]; User=x");
}

#[test]
fn a_mark_stays_whole() {
    let text = "DB_PASSWORD: \"kind: Secret\ndata:\n  a: [REDACTED:password:1]\n Pwd=[REDACTED:password:1]";
    assert!(!clean(text).contains("[REDACTED:["), "{}", clean(text));
    let hidden = clean("x [REDACTED:AKIA0123456789ABCDEF:1] y");
    assert!(!hidden.contains("AKIA"), "{hidden}");
}

/// Where a secret may be planted; `@` stands for it.
const PLACES: &[&str] = &[
    "password=@",
    "DB_PASSWORD: \"@\"",
    "{\"client_secret\":\"@\"}",
    "export API_TOKEN=@",
    "--password @ --user bob",
    "Authorization: Bearer @",
    "redis://:@@h:6379/0",
    "?access_token=@&x=y",
    "X-Api-Key: @",
    "- name: PGPASSWORD\n  value: @",
    "kind: Secret\ndata:\n  a: @\n",
    "Pwd=@;",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_planted_secret_never_survives(
        place in 0..PLACES.len(),
        secret in "[a-z]{2}[A-Z][0-9]{2}[A-Za-z0-9]{7,20}",
        before in "(?:[a-z]{1,8} |\n|\\{|, ){0,6}",
        after in "(?: [a-z]{1,8}|\n){0,6}",
    ) {
        let planted = PLACES[place].replacen('@', &secret, 1);
        let text = format!("{before}\n{planted}\n{after}");
        let clean = clean(&text);
        prop_assert!(!clean.contains(&secret), "{:?} -> {:?}", text, clean);
    }

    #[test]
    fn cleaning_twice_is_cleaning_once(parts in prop::collection::vec((0..PLACES.len(), "[A-Za-z0-9:=,;@/\"' \n\\[\\]{}.-]{0,12}"), 0..5)) {
        let text: String = parts.iter().flat_map(|(place, other)| [PLACES[*place], other]).collect();
        let once = clean(&text);
        prop_assert_eq!(clean(&once), once);
    }

    #[test]
    fn text_without_telling_words_is_unchanged(text in "(?:pod|node|failed|restarted|[0-9]{1,4}|refused|dial tcp 10\\.0\\.0\\.1:80|exit code|\n| |-|:|=|\"){0,40}") {
        prop_assert_eq!(clean(&text), text);
    }

    #[test]
    fn any_text_is_taken(text in any::<String>()) {
        clean(&text);
    }
}
