//! A reply is remembered in the store: a restart or another replica does not ask again, and no failure of the store is felt.

use faultline::incidents::Records;
use serde_json::json;

use super::{good_reply, reply_with, request};
use crate::{
    store::bed::Bed,
    support::{TestApp, model::FakeModel},
};

async fn process(model: &FakeModel, bed: &Bed) -> TestApp {
    TestApp::asking_and_keeping(&model.settings(), Records::of(bed.other().await))
}

#[tokio::test]
async fn another_process_answers_from_what_the_first_was_told() {
    let (model, bed) = (FakeModel::openai(good_reply()).await, Bed::sqlite().await);
    let first = process(&model, &bed).await.post("/diagnose", &request()).await.json();
    assert_eq!((first["mode"].as_str(), first["llm"]["cached"].as_bool()), (Some("llm"), Some(false)));
    let other = process(&model, &bed).await;
    for _ in 0..2 {
        let second = other.post("/diagnose", &request()).await.json();
        assert_eq!((&second["llm"]["cached"], &second["llm"]["input_tokens"]), (&json!(true), &json!(0)));
        for field in ["mode", "root_cause", "explanation", "fix_commands", "gaps"] {
            assert_eq!(second[field], first[field], "{field}");
        }
        assert_eq!((&second["llm"]["provider"], &second["llm"]["model"]), (&first["llm"]["provider"], &first["llm"]["model"]));
    }
    assert_eq!(model.asked().await.len(), 1);
}

#[tokio::test]
async fn another_question_another_model_and_an_old_reply_are_asked() {
    let (model, bed) = (FakeModel::openai(good_reply()).await, Bed::sqlite().await);
    process(&model, &bed).await.post("/diagnose", &request()).await;
    let mut other = request();
    other["error_message"] = json!(format!("{}\nOOMKilled", super::CRASH));
    process(&model, &bed).await.post("/diagnose", &other).await;
    assert_eq!(model.asked().await.len(), 2);

    let gemini = FakeModel::gemini(good_reply()).await;
    process(&gemini, &bed).await.post("/diagnose", &request()).await;
    assert_eq!(gemini.asked().await.len(), 1);

    bed.execute("UPDATE model_replies SET at = at - 3600000").await.expect("time passes");
    let again = process(&model, &bed).await.post("/diagnose", &request()).await.json();
    assert_eq!((model.asked().await.len(), &again["llm"]["cached"]), (3, &json!(false)));
    let fresh = process(&model, &bed).await.post("/diagnose", &request()).await.json();
    assert_eq!((model.asked().await.len(), &fresh["llm"]["cached"]), (3, &json!(true)));
}

#[tokio::test]
async fn a_store_that_fails_or_holds_nonsense_costs_only_the_question() {
    for harm in [
        "DROP TABLE model_replies",
        "UPDATE model_replies SET text = 'nonsense'",
        "UPDATE model_replies SET text = '{\"provider\": \"openai\", \"model\": \"m\", \"text\": \"{}\", \"input_tokens\": 0, \"output_tokens\": 0}'",
    ] {
        let (model, bed) = (FakeModel::openai(good_reply()).await, Bed::sqlite().await);
        let first = process(&model, &bed).await.post("/diagnose", &request()).await.json();
        bed.execute(harm).await.expect("it is harmed");
        let second = process(&model, &bed).await.post("/diagnose", &request()).await.json();
        assert_eq!(model.asked().await.len(), 2, "{harm}");
        assert_eq!(
            (&second["mode"], &second["root_cause"], &second["gaps"]),
            (&first["mode"], &first["root_cause"], &first["gaps"])
        );
    }
}

#[tokio::test]
async fn a_reply_with_what_looks_like_a_secret_is_not_kept() {
    let said = "Use the token ghp_0123456789abcdefABCDEF0123456789abcd to log in. It is asked for once.";
    let (model, bed) = (FakeModel::openai(reply_with(json!({"explanation": said}))).await, Bed::sqlite().await);
    process(&model, &bed).await.post("/diagnose", &request()).await;
    let rows = bed.store.status().await.expect("it answers").rows;
    assert!(rows.contains(&("model_replies", 0)), "{rows:?}");
    let file = bed.url.trim_start_matches("sqlite://");
    for file in [file.to_owned(), format!("{file}-wal")] {
        let bytes = std::fs::read(&file).unwrap_or_default();
        assert!(!bytes.windows(12).any(|window| window == b"ghp_01234567"), "{file}");
    }
    process(&model, &bed).await.post("/diagnose", &request()).await;
    assert_eq!(model.asked().await.len(), 2, "only the process that was told it knows it");
}
