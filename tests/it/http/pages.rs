//! Runbooks, pages and metrics.

use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn runbooks_are_listed_and_read_in_three_forms() {
    let app = TestApp::new();
    let list = app.get("/runbooks").await.json();
    let runbooks = list["runbooks"].as_array().expect("a list");
    assert!(runbooks.len() >= 40);
    for one in runbooks {
        let url = one["url"].as_str().expect("a url");
        assert_eq!(app.get(url).await.json()["id"], one["id"], "{url}");
    }

    for id in ["oomkilled", "oomkilled.md", "OOMKilled"] {
        let whole = app.get(&format!("/runbooks/{id}")).await.json();
        assert_eq!((whole["id"].as_str(), whole["runbook"].as_str()), (Some("oomkilled"), Some("oomkilled.md")));
        assert!(whole["markdown"].as_str().is_some_and(|text| text.contains("## Mitigation")));
        assert!(whole["html"].as_str().is_some_and(|text| text.contains("<h2 id=\"mitigation\">")));
    }
    let markdown = app.get_as("/runbooks/oomkilled", "text/markdown").await;
    assert_eq!(markdown.header("content-type"), "text/markdown; charset=utf-8");
    assert!(markdown.text().contains("## Mitigation"));
    let page = app.get_as("/runbooks/oomkilled", "text/html,application/xhtml+xml,*/*;q=0.8").await;
    assert_eq!((page.header("content-type"), page.header("vary")), ("text/html; charset=utf-8", "accept"));
    assert!(page.text().contains("<h2 id=\"mitigation\">"));
}

#[tokio::test]
async fn pages_load_nothing() {
    let app = TestApp::new();
    for path in ["/", "/docs", "/runbooks", "/runbooks/oomkilled", "/problems/rate-limited"] {
        let page = app.get_as(path, "text/html").await;
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8", "{path}");
        assert!(page.header("content-security-policy").starts_with("default-src 'none';"), "{path}");
        let text = page.text();
        for loads in ["<script", "<img", "<link", "src=", "@import", "url("] {
            assert!(!text.contains(loads), "{loads} in {path}");
        }
    }
}

#[tokio::test]
async fn the_docs_show_every_endpoint_and_problem() {
    let docs = TestApp::new().get("/docs").await.text();
    for path in faultline::http::PATHS {
        assert!(docs.contains(&path.replace("{*id}", "{id}")), "{path}");
    }
    for code in faultline::http::problem::Code::ALL {
        assert!(docs.contains(code.as_str()), "{code:?}");
    }
    assert!(docs.contains("curl -s http://localhost:8000/diagnose"));
}

#[tokio::test]
async fn metrics_count_requests_diagnoses_and_gaps() {
    let app = TestApp::new();
    app.post("/diagnose", &json!({"error_message": "OOMKilled"})).await;
    app.post("/suggest-runbook", &json!({"error_message": "a recipe for lentil soup"})).await;
    app.get("/no-such-path-of-a-scanner").await;
    let metrics = app.get("/metrics").await;
    assert_eq!(metrics.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let text = metrics.text();
    for part in [
        "faultline_http_requests_total{method=\"POST\",route=\"/diagnose\",status=\"200\"}",
        "faultline_http_requests_total{method=\"GET\",route=\"unmatched\",status=\"404\"}",
        "faultline_http_request_duration_seconds_bucket{route=\"/diagnose\",le=\"0.001\"}",
        "faultline_diagnoses_total{category=\"OOMKilled\",severity=\"HIGH\",mode=\"rules\"}",
        "faultline_gaps_total{stage=\"collect\"}",
        "faultline_suggestions_total{fit=\"no\"}",
        "faultline_build_info{version=",
        "process_resident_memory_bytes",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("scanner"));
}
