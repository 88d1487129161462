//! `faultline doctor`: what it finds in a deployment, by the real binary against servers on this machine.

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{method, path},
};

use crate::support::{
    cli::{Folder, Run, faultline},
    collector::Collector,
    kubernetes::{FakeApi, Fault, Rule},
    model::{self, FakeModel},
    qdrant::{self, FakeQdrant},
};

/// Nothing but texts and rules, all of it on purpose.
const ALONE: [&str; 4] = ["doctor", "--no-cluster", "--database-url=off", "--embedder=off"];

/// What it found, having ended with `code`.
#[track_caller]
fn found(run: Run, code: i32) -> Vec<Value> {
    let ran = run.ends_with(code);
    let report: Value = serde_json::from_str(&ran.out).expect("a report in JSON");
    let status = ["ok", "fail", "", "", "warn"][usize::try_from(code).expect("a code")];
    assert_eq!(report["status"], status, "{report:#}");
    report["checks"].as_array().expect("checks").clone()
}

/// Status and what was found, of the checks of this name.
fn of(found: &[Value], check: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let named = found.iter().filter(|finding| finding["check"] == check);
    let findings = named.map(|finding| {
        let needs_advice = finding["status"] != "ok";
        assert_eq!(
            finding["advice"].is_string(),
            needs_advice,
            "whatever is not well comes with advice, and nothing else: {finding}"
        );
        (text(&finding["status"]), text(&finding["found"]))
    });
    findings.collect()
}

#[track_caller]
fn assert_one(found: &[Value], check: &str, status: &str, says: &str) {
    let findings = of(found, check);
    let fits = findings.iter().any(|(has, said)| has == status && said.contains(says));
    assert!(fits, "{check}: {status} {says:?} is not among {findings:#?}");
}

async fn off_this_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("no panic")
}

#[test]
fn a_service_for_texts_alone_is_well_and_people_can_read_so() {
    let folder = Folder::new("doctor-alone");
    let cache = format!("--cache-dir={}", folder.path().display());
    let told = faultline(&[&ALONE[..], &[&cache]].concat()).succeeds();
    for line in
        ["ok    settings", "ok    door", "ok    rules and runbooks", "ok    cluster", "ok    language models", " 0 that fail"]
    {
        assert!(told.contains(line), "{line}: {told}");
    }
    let told = faultline(&[&ALONE[..], &[&cache, "--app-host=0.0.0.0", "--rate-limit-requests=0"]].concat()).ends_with(4).out;
    assert!(told.contains("warn  door") && told.contains("-> Set AUTH_MODE") && told.contains("2 to look at"), "{told}");
}

#[tokio::test]
async fn a_whole_deployment_is_checked_and_nothing_is_changed() {
    let folder = Folder::new("doctor-whole");
    let api = FakeApi::zoo();
    let (server, qdrant, collector) = (api.listen().await, FakeQdrant::start().await, Collector::start().await);
    let model = FakeModel::openai(json!({"ok": true})).await;
    let data = folder.path().join("data");
    let arguments = [
        "doctor".to_owned(),
        "--json".to_owned(),
        "--embedder=off".to_owned(),
        format!("--kubeconfig={}", server.kubeconfig().display()),
        format!("--data-dir={}", data.display()),
        format!("--cache-dir={}", folder.path().display()),
        format!("--qdrant-url={}", qdrant.url),
        format!("--otel-exporter-otlp-endpoint={}", collector.url),
        format!("--openai-base-url={}", model.url()),
        format!("--openai-api-key={}", model::KEY),
    ];
    let run = move |more: &'static [&'static str]| {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(more.iter().copied()).collect();
        faultline(&arguments)
    };
    let (first, asked) = off_this_thread(move || (found(run(&[]), 0), found(run(&["--ask-model"]), 0))).await;
    for (check, says) in [
        ("settings", "nothing contradicts"),
        ("Qdrant", "version "),
        ("store", "is made at the start"),
        ("cluster", "connected, v"),
        ("clock of the cluster", "within 5 s"),
        ("permissions", "that looking needs"),
        ("language models", "openai is reached"),
        ("traces", "takes connections"),
    ] {
        assert_one(&first, check, "ok", says);
    }
    assert_one(&asked, "language models", "ok", "openai answers as some-model-001");
    let questions = model.asked().await;
    assert!(
        questions
            .iter()
            .filter(|request| request.method.as_str() == "GET")
            .all(|request| !request.headers.contains_key("authorization"))
    );
    assert_eq!(questions.iter().filter(|request| request.method.as_str() == "POST").count(), 1, "only what --ask-model asks");
    assert!(!data.exists(), "the start makes the store, not the doctor");
    let writes: Vec<String> = api
        .seen()
        .into_iter()
        .filter(|seen| seen.method != "GET" && !seen.path.ends_with("accessreviews"))
        .map(|seen| format!("{} {}", seen.method, seen.path))
        .collect();
    assert_eq!(writes, Vec::<String>::new());
}

#[tokio::test]
async fn what_is_away_silent_or_denied_is_told_and_nothing_hangs() {
    let silent = FakeApi::zoo().with(Rule::always(Fault::Hang)).listen().await;
    let mute = FakeApi::zoo().with(Rule::suffix("selfsubjectaccessreviews", Fault::Hang)).listen().await;
    let denied = FakeApi::zoo().with(Rule::suffix("selfsubjectaccessreviews", Fault::Forbidden)).listen().await;
    let qdrant = FakeQdrant::start().await;
    qdrant.set(qdrant::Fault::IsOld);
    let qdrant_url = format!("--qdrant-url={}", qdrant.url);
    let slow = FakeModel::openai(json!({})).await;
    slow.now_says(model::late(ResponseTemplate::new(200)));
    let (slow_url, at) = (format!("--openai-base-url={}", slow.url()), |api: &crate::support::kubernetes::Listening| {
        format!("--kubeconfig={}", api.kubeconfig().display())
    });
    let [silent_at, mute_at, denied_at] = [at(&silent), at(&mute), at(&denied)];
    off_this_thread(move || {
        let alone = ["doctor", "--json", "--database-url=off", "--embedder=off"];
        let run = |more: &[&str]| faultline(&[&alone[..], more].concat());
        let checks = found(run(&[&silent_at, &qdrant_url, &slow_url]), 1);
        assert_one(&checks, "cluster", "fail", "not reached: no answer in time");
        assert_one(&checks, "Qdrant", "fail", "is older than");
        assert_one(&checks, "language models", "warn", "openai does not answer");
        let checks = found(run(&[&mute_at]), 1);
        assert_one(&checks, "cluster", "fail", "not reached");
        let checks = found(run(&[&denied_at]), 4);
        assert_one(&checks, "permissions", "warn", "does not say");
        let checks = found(
            run(&[
                "--qdrant-url=http://127.0.0.1:1",
                "--otel-exporter-otlp-endpoint=http://127.0.0.1:1",
                "--ollama-host=http://127.0.0.1:1",
            ]),
            1,
        );
        assert_one(&checks, "cluster", "fail", "no kubeconfig, and not in a pod");
        assert_one(&checks, "Qdrant", "fail", "does not answer");
        assert_one(&checks, "traces", "warn", "not reached");
        assert_one(&checks, "language models", "warn", "ollama does not answer");
    })
    .await;
}

const POLICY: &str = "version: 1
rules:
  - id: restart
    actions: [rollout-restart]
    namespaces: [shop]
    decision: needs-approval
    justification: it is undone easily
    examples:
      match: [{action: rollout-restart deployment/shop/api}]
      not_match: [{action: rollout-restart deployment/bank/api}]
";

#[tokio::test]
async fn permissions_to_write_are_asked_for_where_the_policy_lets_something_be_done() {
    let folder = Folder::new("doctor-writes");
    let policy = folder.write("policy.yaml", POLICY);
    let api = FakeApi::zoo();
    let server = api.listen().await;
    let (kubeconfig, data) = (server.kubeconfig().display().to_string(), folder.path().display().to_string());
    let checks = off_this_thread(move || {
        let arguments = ["doctor", "--json", "--embedder=off", "--remediation-mode=approve", "--policy-file", &policy];
        let run = faultline(&arguments).env("KUBECONFIG", kubeconfig).env("DATA_DIR", data);
        found(run, 1)
    })
    .await;
    assert_one(&checks, "policy", "ok", "1 rules");
    // A recording lets nothing be written.
    assert_one(&checks, "permissions", "fail", "may not patch deployments.apps in namespace shop");
    let said: Vec<String> = of(&checks, "permissions").into_iter().map(|(_, said)| said).collect();
    assert!(said.iter().all(|said| !said.contains("scale") && !said.contains("jobs")), "only what the policy names: {said:#?}");
}

#[test]
fn settings_that_contradict_or_stop_the_start_are_told_with_no_secret() {
    let folder = Folder::new("doctor-contradictions");
    let keys = folder.write("keys.yaml", "- {name: ci, role: admin, sha256: flk_topsecret}");
    let bad_policy = folder.write("policy.yaml", "version: 1\nrules: [{id: x}]\n");
    let cases: [(&[&str], &str, &str, &str); 11] = [
        (&["--remediation-mode=approve"], "settings", "fail", "DATABASE_URL=off"),
        (&["--remediation-mode=approve"], "settings", "fail", "without a live cluster"),
        (&["--remediation-mode=approve"], "policy", "warn", "every change is forbidden"),
        (&["--policy-file", &bad_policy], "policy", "fail", "POLICY_FILE"),
        (&["--auth-mode=kubernetes"], "settings", "fail", "nobody can check a token"),
        (&["--auth-mode=api-key", "--api-keys-file", &keys], "callers", "fail", "API_KEYS_FILE"),
        (&["--shutdown-grace-seconds=5"], "settings", "warn", "SHUTDOWN_GRACE_SECONDS"),
        (&["--otel-exporter-otlp-headers=x=topsecret"], "settings", "warn", "OTEL_EXPORTER_OTLP_HEADERS"),
        (&["--otel-exporter-otlp-endpoint=topsecret"], "traces", "fail", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        (&["--rules-dir=/nowhere"], "rules and runbooks", "fail", "RULES_DIR"),
        (&["--llm-providers=gemini"], "language models", "fail", "GOOGLE_API_KEY"),
    ];
    for (more, check, status, says) in cases {
        let code = if status == "fail" || more[0].contains("remediation") { 1 } else { 4 };
        let run = faultline(&[&ALONE[..], &["--json"], more].concat());
        let checks = found(run, code);
        assert_one(&checks, check, status, says);
        assert!(!format!("{checks:?}").contains("topsecret"), "{checks:#?}");
    }
    let run = faultline(&["doctor", "--json", "--no-cluster", "--embedder=off"])
        .env("DATABASE_URL", "postgres://me:topsecret@127.0.0.1:1/faultline");
    let checks = found(run, 1);
    assert_one(&checks, "store", "fail", "127.0.0.1:1");
    assert!(!format!("{checks:?}").contains("topsecret"), "{checks:#?}");
}

#[tokio::test]
async fn a_store_is_looked_into_and_a_broken_chain_found() {
    let folder = Folder::new("doctor-store");
    let data = folder.path().display().to_string();
    let doctor = {
        let data = data.clone();
        move |code| {
            let run =
                faultline(&["doctor", "--json", "--no-cluster", "--embedder=off"]).env("DATA_DIR", &data).env("CACHE_DIR", &data);
            found(run, code)
        }
    };
    let listed = data.clone();
    off_this_thread(move || faultline(&["incidents", "list"]).env("DATA_DIR", &listed).succeeds()).await;
    let file = folder.path().join("faultline.db");
    let place = faultline::incidents::Place::File { file: file.clone(), is_named: false };
    let now = jiff::Timestamp::from_second(1_790_000_000).expect("a time");
    let store = faultline::incidents::Store::open(&place, now).await.expect("a store");
    for number in 0..3 {
        let act = faultline::domain::audit::Act {
            actor: "ada".to_owned(),
            action: "scale".to_owned(),
            target: format!("deployment/shop/{number}"),
            incident_id: None,
            request_id: None,
            details: "{}".to_owned(),
        };
        let entry = store.audit().begin(act, now).await.expect("an act begins");
        store.audit().complete(entry, faultline::domain::audit::ActOutcome::Done, "", now).await.expect("it ends");
    }
    store.close().await;
    let first = doctor.clone();
    let checks = off_this_thread(move || first(0)).await;
    assert_one(&checks, "store", "ok", "schema ");
    assert_one(&checks, "audit log", "ok", "6 rows are whole");

    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.expect("the file");
    let triggers: Vec<(String,)> = sqlx::query_as("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'")
        .fetch_all(&mut connection)
        .await
        .expect("names");
    assert!(!triggers.is_empty());
    for (name,) in triggers {
        let drop = format!("DROP TRIGGER {name}");
        sqlx::query(sqlx::AssertSqlSafe(drop)).execute(&mut connection).await.expect("it goes");
    }
    sqlx::query("UPDATE audit SET actor = 'mallory' WHERE seq = 2").execute(&mut connection).await.expect("a forgery");
    sqlx::query("INSERT INTO faultline_schema (version, applied_at) VALUES (999, 0)")
        .execute(&mut connection)
        .await
        .expect("a row");
    connection.close().await.expect("it closes");
    let newer = doctor.clone();
    let checks = off_this_thread(move || newer(1)).await;
    assert_one(&checks, "store", "fail", "schema 999");
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.expect("the file");
    sqlx::query("DELETE FROM faultline_schema WHERE version = 999").execute(&mut connection).await.expect("it goes");
    connection.close().await.expect("it closes");
    let checks = off_this_thread(move || doctor(1)).await;
    assert_one(&checks, "audit log", "fail", "broken at row 2");
}

#[tokio::test]
async fn clocks_that_differ_and_keys_that_nobody_publishes_are_found() {
    let api = MockServer::start().await;
    let version = ResponseTemplate::new(200).set_body_json(json!({"gitVersion": "v1.36.2"}));
    let long_ago = version.insert_header("date", "Wed, 21 Oct 2015 07:28:00 GMT");
    Mock::given(path("/version")).respond_with(long_ago).mount(&api).await;
    let idp = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/keys"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"keys": []})))
        .mount(&idp)
        .await;
    Mock::given(path("/late")).respond_with(ResponseTemplate::new(200).set_delay(Duration::from_secs(3600))).mount(&idp).await;
    let folder = Folder::new("doctor-clocks");
    let kubeconfig = folder.write(
        "kubeconfig",
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters:\n- name: a\n  cluster: {{server: '{}'}}\n\
             contexts:\n- name: a\n  context: {{cluster: a, user: a}}\nusers:\n- name: a\n  user: {{}}\n",
            api.uri()
        ),
    );
    let url = idp.uri();
    off_this_thread(move || {
        let doctor = |keys: &str| {
            let (issuer, keys) = (format!("--oidc-issuer={url}"), format!("--oidc-jwks-url={url}/{keys}"));
            let oidc = ["--auth-mode=oidc", &issuer, &keys, "--oidc-audience=faultline", "--oidc-admins=ops"];
            let more = ["doctor", "--json", "--database-url=off", "--embedder=off", "--kubeconfig", &kubeconfig];
            found(faultline(&[&more[..], &oidc].concat()), 1)
        };
        let checks = doctor("keys");
        assert_one(&checks, "clock of the cluster", "fail", "s from ours");
        assert_one(&checks, "callers", "fail", "publishes no key");
        assert_one(&doctor("nothing"), "callers", "fail", "could not be had");
        assert_one(&doctor("late"), "callers", "fail", "");
    })
    .await;
}
