//! What clients get when all is well.

use jiff::Timestamp;
use serde_json::json;

use crate::support::{Answer, TestApp};

#[tokio::test]
async fn a_diagnosis_is_complete() {
    let body = json!({
        "error_message": "CrashLoopBackOff: back-off 5m0s restarting failed container",
        "pod_name": "api-server-7d9f8b6c5-xk4jn",
        "namespace": "production",
        "deployment_name": "api-server",
        "include_cluster_health": true,
    });
    let answer = TestApp::new().post("/diagnose", &body).await;
    assert_eq!(answer.status, 200);
    insta::assert_json_snapshot!(answer.json(), {
        ".request_id" => "[id]",
        ".timestamp" => "[timestamp]",
        ".timings_ms" => "[timings]",
    });
}

#[tokio::test]
async fn the_request_id_and_the_time_are_those_of_the_request() {
    let app = TestApp::new();
    let body = json!({"error_message": "OOMKilled", "use_llm": true, "logs": null, "target": {"kind": "Pod", "name": "a"}});
    let (first, second) = (app.post("/diagnose", &body).await, app.post("/diagnose", &body).await);
    assert_eq!(first.json()["request_id"], first.header("x-request-id"));
    assert_ne!(first.json()["request_id"], second.json()["request_id"]);
    let time =
        |answer: &Answer| answer.json()["timestamp"].as_str().and_then(|text| text.parse::<Timestamp>().ok()).expect("a time");
    assert!(time(&first) <= time(&second));
}

#[tokio::test]
async fn the_target_of_the_request_is_in_the_commands() {
    let body = json!({"error_message": "OOMKilled", "namespace": "shop", "pod_name": "cart-0", "container": "app"});
    let answer = TestApp::new().post("/diagnose", &body).await.json();
    let commands: Vec<_> =
        answer["fix_commands"].as_array().expect("commands").iter().map(|fix| fix["command"].to_string()).collect();
    assert!(commands.iter().any(|command| command.contains("cart-0 -n shop")), "{commands:?}");
}

#[tokio::test]
async fn logs_are_read_beside_the_message() {
    let body = json!({"error_message": "it does not work", "logs": "starting\nLast State: Terminated, Reason: OOMKilled, Exit Code: 137\n"});
    let answer = TestApp::new().post("/diagnose", &body).await.json();
    assert_eq!(answer["error_category"], "OOMKilled");
    assert_eq!(answer["evidence"][0]["source"], "logs");
}

#[tokio::test]
async fn every_path_is_also_under_the_prefix() {
    let app = TestApp::new();
    let body = json!({"error_message": "OOMKilled"});
    for path in ["/diagnose", "/api/v1/diagnose", "/suggest-runbook", "/api/v1/suggest-runbook"] {
        assert_eq!(app.post(path, &body).await.status, 200, "{path}");
    }
    for path in faultline::http::PATHS {
        // These are posted to, or need a store, and have tests of their own.
        if ["diagnose", "suggest", "incidents", "remediations", "webhooks"].iter().any(|word| path.contains(word)) {
            continue;
        }
        let path = path.replace("{*id}", "oomkilled").replace("{code}", "rate-limited");
        for path in [path.clone(), format!("/api/v1{}", path.trim_end_matches('/'))] {
            assert_eq!(app.get(&path).await.status, 200, "{path}");
        }
    }
    assert_eq!(app.get("/no-such-path").await.problem(), (404, "not-found".to_owned(), vec![]));
}

#[tokio::test]
async fn a_markdown_answer_reads_from_the_severity_on() {
    let body = json!({"error_message": "OOMKilled", "namespace": "shop", "pod_name": "cart-0"});
    let app = TestApp::new();
    for (accept, content_type) in [("text/markdown", "text/markdown; charset=utf-8"), ("text/plain", "text/plain; charset=utf-8")]
    {
        let answer = app.post_as("/diagnose", &body, accept).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, content_type));
        assert_eq!(answer.header("vary"), "accept");
        let text = answer.text();
        let places: Vec<_> =
            ["# HIGH: OOMKilled", "**", "## Fix", "```sh\nkubectl", "## Evidence", "`OOMKilled`", "## Not looked at"]
                .iter()
                .map(|part| text.find(part).unwrap_or_else(|| panic!("{part} in {text}")))
                .collect();
        assert!(places.is_sorted(), "{text}");
    }
    let suggestions = app.post_as("/suggest-runbook", &body_of("terraform state lock"), "text/markdown").await.text();
    assert!(suggestions.contains("/runbooks/terraform-state-lock"), "{suggestions}");
    let json = app.post_as("/diagnose", &body, "image/png").await;
    assert_eq!(json.header("content-type"), "application/json");
}

#[tokio::test]
async fn hostile_evidence_stays_on_its_line_of_a_markdown_answer() {
    let message = "OOMKilled ```\n# CRITICAL: run rm -rf /\u{1b}[2J\r[click](http://evil.example) OOMKilled `` \u{202e}";
    let text = TestApp::new().post_as("/diagnose", &body_of(message), "text/markdown").await.text();
    assert!(
        !text.contains("\n# CRITICAL") && !text.contains('\u{1b}') && !text.contains('\u{202e}') && !text.contains('\r'),
        "{text}"
    );
    assert_eq!(text.lines().filter(|line| line.trim_start().starts_with("```")).count() % 2, 0, "{text}");
}

#[tokio::test]
async fn suggestions_are_best_first_and_at_most_top_k() {
    let app = TestApp::new();
    let answer = app.post("/suggest-runbook", &json!({"error_message": "terraform state lock", "top_k": 2})).await.json();
    let results = answer["results"].as_array().expect("results");
    assert_eq!(results[0]["runbook"], "terraform-state-lock.md");
    assert!(results.len() <= 2 && results.windows(2).all(|two| two[0]["score"].as_f64() >= two[1]["score"].as_f64()));
    let url = results[0]["url"].as_str().expect("a url");
    let page = app.get_as(url.split('#').next().expect("a path"), "text/html").await;
    assert!(page.text().contains(&format!("id=\"{}\"", url.split('#').nth(1).expect("an anchor"))));
    let nothing = app.post("/suggest-runbook", &json!({"error_message": "a recipe for lentil soup", "top_k": null})).await.json();
    assert_eq!(nothing["results"], json!([]));
}

fn body_of(message: &str) -> serde_json::Value {
    json!({"error_message": message})
}
