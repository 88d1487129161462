//! Whatever is sent, the service answers, and never with a 5xx.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::support::TestApp;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));
static APP: LazyLock<TestApp> = LazyLock::new(TestApp::new);

#[test]
fn strange_texts_are_diagnosed() {
    let texts = [
        "\0\u{1}\u{7f}\u{9b}31m".to_owned(),
        "\u{1b}[31mOOMKilled\u{1b}[0m".to_owned(),
        "(((((((((((a*)*)*)*)*)*)*)*)*)*)*b".repeat(50),
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaa!".repeat(400),
        "error\n".repeat(10_000),
        "x".repeat(100_000),
        "\n".repeat(50_000) + "OOMKilled",
        "{{ 7 * 7 }} {% for x in range(1000000000) %}{% endfor %} ${jndi:ldap://x}".to_owned(),
        "\u{202e}\u{feff}\u{200d}🦀".repeat(2_000),
        "'; DROP TABLE incidents; --".to_owned(),
    ];
    for text in texts {
        let answer = RUNTIME.block_on(APP.post("/diagnose", &json!({"error_message": text, "logs": text})));
        assert_eq!(answer.status, 200, "{}", text.chars().take(40).collect::<String>());
        let page = RUNTIME.block_on(APP.post_as("/diagnose", &json!({"error_message": text}), "text/markdown"));
        assert!(!page.text().chars().any(|c| c.is_control() && c != '\n'), "{}", page.text());
        let answer = RUNTIME.block_on(APP.post("/suggest-runbook", &json!({"error_message": text})));
        assert_eq!(answer.status, 200);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_in_the_right_shape_is_diagnosed(message in "\\PC{0,200}[a-zA-Z]", logs in proptest::option::of(any::<String>())) {
        let answer = RUNTIME.block_on(APP.post("/diagnose", &json!({"error_message": message, "logs": logs})));
        prop_assert_eq!(answer.status, 200);
        prop_assert!(answer.json()["root_cause"].is_string());
        let answer = RUNTIME.block_on(APP.post("/suggest-runbook", &json!({"error_message": message})));
        prop_assert_eq!(answer.status, 200);
    }

    #[test]
    fn any_other_bytes_are_refused(body in proptest::collection::vec(any::<u8>(), 0..400)) {
        let answer = RUNTIME.block_on(APP.post_text("/diagnose", body));
        prop_assert!(answer.status.is_client_error(), "{}", answer.status);
    }

    #[test]
    fn any_other_document_is_refused(name in "[a-z_]{1,12}", value in "0|[1-9][0-9]{0,5}|null|true|\\[\\]|\"[a-z]{0,8}\"") {
        prop_assume!(name != "error_message");
        let answer = RUNTIME.block_on(APP.post_text("/diagnose", format!("{{\"{name}\":{value}}}")));
        prop_assert_eq!(answer.status, 422);
    }

    #[test]
    fn any_path_gets_an_answer(path in "/[!-~]{0,60}") {
        prop_assume!(path.parse::<axum::http::Uri>().is_ok());
        let answer = RUNTIME.block_on(APP.get(&path));
        prop_assert!(!answer.status.is_server_error(), "{}", answer.status);
    }
}
