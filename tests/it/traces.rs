//! Traces from request to collector: what is told, what is never told, and what a collector cannot do to the service.

use tokio::net::TcpListener;

use crate::support::{
    cli::Folder,
    collector::{Collector, Seen},
    kubernetes::FakeApi,
    model::{self, FakeModel},
    serving::Serving,
};

const ALONE: [&str; 4] = ["--no-cluster", "--embedder=off", "--rate-limit-requests=0", "--log-format=json"];
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const QUESTION: &str = r#"{"error_message": "Error: container web was OOMKilled with exit code 137"}"#;
/// Formed as keys of a cloud are; nobody's.
const PLANTED: &str = "AKIAQ3EGTZVNUYPLANTD";

fn serving(endpoint: &str, more: &[&str]) -> Serving {
    let endpoint = format!("--otel-exporter-otlp-endpoint={endpoint}");
    Serving::start(&[&ALONE[..], &["--database-url=off", &endpoint], more].concat())
}

fn named<'a>(spans: &'a [Seen], name: &str) -> &'a Seen {
    let mut found = spans.iter().filter(|span| span.name == name);
    match (found.next(), found.next()) {
        (Some(span), None) => span,
        (one, _) => panic!("{} spans of name {name}: {spans:#?}", if one.is_some() { "many" } else { "no" }),
    }
}

#[tokio::test]
async fn a_request_is_one_trace_with_a_span_for_each_stage() {
    let collector = Collector::start().await;
    let serving = serving(&collector.url, &["--otel-service-name=faultline-test"]);
    let head = format!("traceparent: {PARENT}\r\ntracestate: vendor=value\r\nuser-agent: ops/1.0\r\n");
    serving.post("/diagnose", &head, QUESTION).await;
    let spans = collector.with(&["POST /diagnose"]).await;
    let request = named(&spans, "POST /diagnose");
    assert_eq!((request.trace.as_str(), request.parent.as_str(), request.kind), (TRACE, "b7ad6b7169203331", 2));
    let shown = |name: &str| request.attributes.get(name).map(String::as_str);
    assert_eq!(shown("http.request.method"), Some("POST"));
    assert_eq!(shown("http.route"), Some("/diagnose"));
    assert_eq!(shown("http.response.status_code"), Some("200"));
    assert_eq!(shown("client.address"), Some("127.0.0.1"));
    assert_eq!(shown("user_agent.original"), Some("ops/1.0"));
    assert_eq!(shown("url.path"), None, "a path may hold anything");
    let diagnose = named(&spans, "diagnose");
    assert_eq!((diagnose.parent.as_str(), diagnose.trace.as_str()), (request.id.as_str(), TRACE));
    assert_eq!(diagnose.attributes.get("faultline.category").map(String::as_str), Some("OOMKilled"));
    for stage in ["classify", "reason", "retrieve", "guard"] {
        let span = named(&spans, stage);
        assert_eq!((span.parent.as_str(), span.trace.as_str()), (diagnose.id.as_str(), TRACE), "{stage}");
    }
    assert!(!spans.iter().any(|span| span.name == "record" || span.name == "remediate"), "there was nothing to do: {spans:#?}");
    assert!(collector.text().await.contains("faultline-test"));
    let log = serving.stopped().await;
    assert!(!log.contains("traces were lost"), "{log}");
}

#[tokio::test]
async fn what_is_recorded_has_its_span() {
    let collector = Collector::start().await;
    let folder = Folder::new("traces-record");
    let (endpoint, data) =
        (format!("--otel-exporter-otlp-endpoint={}", collector.url), format!("--data-dir={}", folder.path().display()));
    let serving = Serving::start(&[&ALONE[..], &[&endpoint, &data]].concat());
    let question = r#"{"error_message": "OOMKilled", "namespace": "shop", "pod_name": "web-0"}"#;
    serving.post("/diagnose", &format!("traceparent: {PARENT}\r\n"), question).await;
    let spans = collector.with(&["POST /diagnose"]).await;
    assert_eq!(named(&spans, "record").parent, named(&spans, "diagnose").id);
}

#[tokio::test]
async fn the_model_is_asked_within_the_trace_and_its_span_says_what_it_cost() {
    let collector = Collector::start().await;
    let model = FakeModel::openai(serde_json::json!({"nothing": "of use"})).await;
    let (url, name) = (format!("--openai-base-url={}", model.url()), format!("--openai-model={}", model::MODEL));
    let key = format!("--openai-api-key={}", model::KEY);
    let serving = serving(&collector.url, &[&url, &name, &key]);
    let head = format!("traceparent: {PARENT}\r\ntracestate: vendor=value\r\n");
    serving.post("/diagnose", &head, QUESTION).await;
    let chat = format!("chat {}", model::MODEL);
    let spans = collector.with(&["POST /diagnose", &chat]).await;
    let chats: Vec<&Seen> = spans.iter().filter(|span| span.name == chat).collect();
    let asked = model.asked().await;
    assert_eq!(asked.len(), chats.len());
    for request in &asked {
        let said = request.headers.get("traceparent").expect("a parent").to_str().expect("text");
        assert!(chats.iter().any(|span| said == format!("00-{TRACE}-{}-01", span.id)), "{said} {chats:#?}");
        assert_eq!(request.headers.get("tracestate").expect("a state"), "vendor=value");
    }
    let (chat, stage) = (chats[0], named(&spans, "model"));
    assert_eq!((chat.parent.as_str(), chat.kind), (stage.id.as_str(), 3));
    let shown = |name: &str| chat.attributes.get(name).map(String::as_str);
    assert_eq!(shown("gen_ai.operation.name"), Some("chat"));
    assert_eq!(shown("gen_ai.provider.name"), Some("openai"));
    assert_eq!(shown("gen_ai.request.model"), Some(model::MODEL));
    assert_eq!(shown("gen_ai.response.model"), Some("some-model-001"));
    assert_eq!((shown("gen_ai.usage.input_tokens"), shown("gen_ai.usage.output_tokens")), (Some("11"), Some("7")));
    assert!(!collector.text().await.contains(model::KEY));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cluster_is_asked_within_the_trace() {
    let collector = Collector::start().await;
    let api = FakeApi::zoo();
    let listening = api.listen().await;
    let endpoint = format!("--otel-exporter-otlp-endpoint={}", collector.url);
    let kubeconfig = format!("--kubeconfig={}", listening.kubeconfig().display());
    let flags = ["--embedder=off", "--rate-limit-requests=0", "--log-format=json", "--database-url=off", &endpoint, &kubeconfig];
    let serving = Serving::start(&flags);
    while !serving.get("/health").await.contains("\"k8s_connected\":true") {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let question = r#"{"error_message": "it restarts", "namespace": "crash-db", "deployment_name": "orders"}"#;
    serving.post("/diagnose", &format!("traceparent: {PARENT}\r\n"), question).await;
    let spans = collector.with(&["POST /diagnose"]).await;
    // What a start asks for is part of no trace.
    let (asked, others): (Vec<_>, Vec<_>) = api.seen().into_iter().partition(|request| request.path.contains("/crash-db/"));
    assert!(!asked.is_empty() && others.iter().any(|request| request.traceparent.is_none()), "{others:?}");
    for request in asked {
        let said = request.traceparent.unwrap_or_else(|| panic!("{} is asked outside of the trace", request.path));
        assert!(spans.iter().any(|span| said == format!("00-{TRACE}-{}-01", span.id)), "{}: {said} {spans:#?}", request.path);
    }
}

#[tokio::test]
async fn no_secret_and_no_text_gets_to_the_collector() {
    let collector = Collector::start().await;
    let serving = serving(&collector.url, &["--otel-exporter-otlp-headers=api-key=collector%20sesame"]);
    let head = format!(
        "traceparent: {PARENT}\r\ntracestate: vendor={PLANTED}\r\nuser-agent: aws {PLANTED} {}\r\nauthorization: Bearer {PLANTED}\r\n",
        "x".repeat(4000)
    );
    let body = format!(r#"{{"error_message": "OOMKilled beside AWS_ACCESS_KEY_ID={PLANTED} in kitchen-sink"}}"#);
    serving.post("/diagnose", &head, &body).await;
    serving.get_with(&format!("/runbooks/{PLANTED}?q={PLANTED}"), &head).await;
    serving.get(&format!("/{PLANTED}")).await;
    let spans = collector.with(&["POST /diagnose", "GET /runbooks/{*id}", "GET unmatched"]).await;
    let text = collector.text().await;
    assert!(!text.contains(PLANTED) && !text.contains("kitchen-sink"), "{text}");
    let longest = spans.iter().flat_map(|span| span.attributes.values().map(String::len)).max();
    assert!(longest.is_some_and(|bytes| bytes <= 256), "{longest:?}");
    let heads = collector.heads().await;
    assert!(heads.iter().all(|head| head.get("api-key").is_some_and(|value| value == "collector sesame")), "{heads:?}");
    let log = serving.stopped().await;
    assert!(!log.contains("sesame") && !log.contains(PLANTED), "{log}");
}

#[tokio::test]
async fn a_bad_parent_is_ignored_and_probes_make_no_trace() {
    let collector = Collector::start().await;
    let serving = serving(&collector.url, &[]);
    let twice = format!("traceparent: {PARENT}\r\ntraceparent: {PARENT}\r\n");
    let upper = format!("traceparent: {}\r\n", PARENT.to_uppercase());
    for head in [twice.as_str(), &upper, "traceparent: 00-1-1-01\r\n", "traceparent: \r\n"] {
        serving.post("/suggest-runbook", head, r#"{"error_message": "disk full"}"#).await;
    }
    for probe in ["/livez", "/readyz", "/health", "/metrics", "/api/v1/livez"] {
        serving.get(probe).await;
    }
    let log = serving.stopped().await;
    let spans = collector.spans().await;
    let requests: Vec<&Seen> = spans.iter().filter(|span| span.kind == 2).collect();
    assert_eq!(requests.len(), 4, "{requests:#?} {log}");
    assert!(requests.iter().all(|span| span.parent.is_empty() && span.trace != TRACE), "{requests:#?}");
    let mut traces: Vec<&str> = requests.iter().map(|span| span.trace.as_str()).collect();
    traces.sort_unstable();
    traces.dedup();
    assert_eq!(traces.len(), 4, "each has a trace of its own");
}

#[tokio::test]
async fn the_caller_and_the_sampler_decide_what_is_recorded() {
    let collector = Collector::start().await;
    let unsampled = format!("traceparent: {}\r\n", PARENT.replace("-01", "-00"));
    let all = serving(&collector.url, &[]);
    all.post("/diagnose", &unsampled, QUESTION).await;
    all.stopped().await;
    let none = serving(&collector.url, &["--otel-traces-sampler=parentbased_traceidratio", "--otel-traces-sampler-arg=0"]);
    none.post("/diagnose", "", QUESTION).await;
    none.stopped().await;
    assert!(collector.spans().await.is_empty(), "{:#?}", collector.spans().await);
    let sampled = serving(&collector.url, &["--otel-traces-sampler=parentbased_always_off"]);
    sampled.post("/diagnose", &format!("traceparent: {PARENT}\r\n"), QUESTION).await;
    // What waits when it is asked to stop is sent before it ends.
    sampled.stopped().await;
    assert_eq!(named(&collector.spans().await, "POST /diagnose").trace, TRACE);
}

/// The value of `trace_id` in each line of a JSON log about a request.
fn traces_of(log: &str) -> Vec<String> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    lines.filter(|line| line["request_id"].is_string()).map(|line| line["trace_id"].to_string()).collect()
}

#[tokio::test]
async fn the_log_names_the_trace_also_where_none_is_exported() {
    let model = FakeModel::openai(serde_json::json!({"nothing": "of use"})).await;
    let (url, key) = (format!("--openai-base-url={}", model.url()), format!("--openai-api-key={}", model::KEY));
    let off = serving("", &["--log-level=debug", &url, &key]);
    off.post("/diagnose", &format!("traceparent: {PARENT}\r\n"), QUESTION).await;
    off.post("/diagnose", "", QUESTION).await;
    let asked = model.asked().await;
    assert_eq!(asked[0].headers.get("traceparent").expect("a parent"), PARENT, "passed on as it came");
    assert!(asked.iter().all(|request| request.headers.contains_key("traceparent")));
    let log = off.stopped().await;
    let (known, others): (Vec<_>, Vec<_>) = traces_of(&log).into_iter().partition(|id| id.contains(TRACE));
    assert!(known.len() == 1 && others.len() == 1 && others[0].len() == 34, "{log}");

    let text =
        Serving::start(&["--no-cluster", "--database-url=off", "--embedder=off", "--log-level=debug", "--log-format=text"]);
    text.get_with("/runbooks", &format!("traceparent: {PARENT}\r\n")).await;
    let log = text.stopped().await;
    assert!(log.lines().any(|line| line.contains("was answered") && line.ends_with(&format!("trace_id={TRACE}"))), "{log}");
}

#[tokio::test]
async fn a_collector_that_is_away_or_silent_holds_nothing_up() {
    let away = serving("http://127.0.0.1:9", &[]);
    for _ in 0..3 {
        assert!(away.post("/diagnose", "", QUESTION).await.starts_with("HTTP/1.1 200"));
    }
    while !away.log().contains("traces were lost") {
        assert!(away.post("/diagnose", "", QUESTION).await.starts_with("HTTP/1.1 200"));
    }
    let told = away.get("/metrics").await;
    assert!(told.contains(r#"faultline_trace_spans_total{outcome="failed"}"#), "{told}");
    let log = away.stopped().await;
    assert_eq!(log.matches("traces were lost").count(), 1, "{log}");

    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", silent.local_addr().expect("an address"));
    let serving = serving(&url, &[]);
    assert!(serving.post("/diagnose", "", QUESTION).await.starts_with("HTTP/1.1 200"));
    serving.stopped().await;
}

#[test]
fn settings_of_traces_are_checked_at_the_start_and_their_secrets_are_not_shown() {
    use crate::support::cli::faultline;
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://collector"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "topsecret"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "na me=topsecret"),
    ] {
        let run = faultline(&["serve", "--app-port=0", "--no-cluster", "--database-url=off"]);
        let run = run.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9").env(name, value);
        let ran = run.ends_with(2);
        assert!(ran.err.contains(name) && !ran.err.contains("topsecret"), "{}", ran.err);
    }
}
