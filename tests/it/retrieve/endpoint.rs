//! Vectors from an endpoint, as OpenAI, Ollama and Gemini serve them.

use std::sync::{Arc, Mutex};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::IntoResponse,
};
use faultline::{
    net::Secret,
    retrieve::{Retriever, settings::EmbedderChoice, settings::RetrievalSettings},
};
use serde_json::{Value, json};

use super::{Site, ask, gaps, refresh};
use crate::support::words::WordsEmbedder;

/// What a test's service was asked, and how it answers.
struct Service {
    asked: Mutex<Vec<(String, Option<String>, Value)>>,
    embedder: WordsEmbedder,
    answer: Mutex<Answer>,
}

#[derive(Clone, Copy, PartialEq)]
enum Answer {
    Vectors,
    WrongDimension,
    Error,
}

async fn serve(
    State(service): State<Arc<Service>>,
    uri: Uri,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> axum::response::Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let key = header("authorization").or_else(|| header("x-goog-api-key"));
    service.asked.lock().expect("no panic").push((uri.path().to_owned(), key, body.clone()));
    let answer = *service.answer.lock().expect("no panic");
    if answer == Answer::Error {
        return (StatusCode::INTERNAL_SERVER_ERROR, "the model is out").into_response();
    }
    let texts: Vec<String> = match (&body["input"], &body["requests"]) {
        (Value::Array(texts), _) => texts.iter().map(|text| text.as_str().expect("a text").to_owned()).collect(),
        (_, Value::Array(requests)) => {
            requests.iter().map(|request| request["content"]["parts"][0]["text"].as_str().expect("a text").to_owned()).collect()
        }
        other => panic!("no texts in {other:?}"),
    };
    let mut vectors: Vec<Vec<f32>> = texts.iter().map(|text| service.embedder.vector(text)).collect();
    if answer == Answer::WrongDimension {
        for vector in &mut vectors {
            vector.truncate(50);
        }
    }
    let answer = if uri.path().ends_with("/embeddings") {
        let items: Vec<Value> =
            vectors.iter().enumerate().rev().map(|(index, vector)| json!({"index": index, "embedding": vector})).collect();
        json!({"object": "list", "data": items})
    } else if uri.path().ends_with("/api/embed") {
        json!({"embeddings": vectors})
    } else {
        json!({"embeddings": vectors.iter().map(|vector| json!({"values": vector})).collect::<Vec<_>>()})
    };
    Json(answer).into_response()
}

async fn start() -> (Arc<Service>, String) {
    let service =
        Arc::new(Service { asked: Mutex::default(), embedder: WordsEmbedder::new("m"), answer: Mutex::new(Answer::Vectors) });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let router = Router::new().fallback(serve).with_state(Arc::clone(&service));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (service, url)
}

#[tokio::test]
async fn every_dialect_is_spoken() {
    for (choice, path, key) in [
        (EmbedderChoice::Openai, "/embeddings", "Bearer sesame"),
        (EmbedderChoice::Ollama, "/api/embed", "Bearer sesame"),
        (EmbedderChoice::Gemini, "/models/some-model:batchEmbedContents", "sesame"),
    ] {
        let site = Site::new(&format!("endpoint-{choice:?}"));
        let (service, url) = start().await;
        let settings = RetrievalSettings {
            embedder: choice,
            embedding_url: url,
            embedding_model: "some-model".to_owned(),
            embedding_api_key: Secret::new("sesame"),
            ..site.settings()
        };
        let retriever = Retriever::open(site.place(), settings, None, faultline::domain::redact::Redactor::built_in());
        refresh(&retriever).await;
        assert_eq!(gaps(&retriever), [""; 0], "{choice:?}");
        let found = ask(&retriever, "lookups of host names").await;
        assert!(found[0].runbook == "nested/dns.md" && found[0].why.dense.is_some(), "{choice:?}: {found:?}");
        let asked = service.asked.lock().expect("no panic");
        assert!(asked.iter().all(|(at, with, _)| at == path && with.as_deref() == Some(key)), "{asked:?}");
        assert_eq!(asked.len(), 3, "to learn the dimension, for all passages, for the query");
    }
}

#[tokio::test]
async fn an_endpoint_that_fails_is_a_gap() {
    let site = Site::new("endpoint-fails");
    let (service, url) = start().await;
    let settings = RetrievalSettings { embedder: EmbedderChoice::Openai, embedding_url: url, ..site.settings() };
    let retriever = Retriever::open(site.place(), settings.clone(), None, faultline::domain::redact::Redactor::built_in());
    refresh(&retriever).await;
    for (answer, why) in
        [(Answer::WrongDimension, "a vector of 50 numbers where 96 are expected"), (Answer::Error, "the model is out")]
    {
        *service.answer.lock().expect("no panic") = answer;
        let text = format!("no space is left on the device {why}");
        let found = retriever.search(&faultline::retrieve::Query { text: &text, ..Default::default() }, 3).await;
        assert_eq!(found.suggestions[0].runbook, "disk.md");
        assert!(found.gaps[0].why.contains(why) && found.gaps[0].why.contains("by its words alone"), "{:?}", found.gaps);
    }
    let retriever = Retriever::open(site.place(), settings, None, faultline::domain::redact::Redactor::built_in());
    refresh(&retriever).await;
    assert!(gaps(&retriever)[0].contains("the model is out"), "{:?}", gaps(&retriever));
}
