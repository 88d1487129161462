//! Embedding at an endpoint: OpenAI-compatible, Ollama or Gemini.

use super::{Appetite, EmbedError, Embedder, Embedding, ModelIdentity, Purpose, Vector, hex_digest, normalised};
use crate::net::{self, NetError, Secret};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// How an endpoint wants to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    OpenAi,
    Ollama,
    Gemini,
}

impl Dialect {
    pub fn default_url(self) -> &'static str {
        match self {
            Dialect::OpenAi => "https://api.openai.com/v1",
            Dialect::Ollama => "http://127.0.0.1:11434",
            Dialect::Gemini => "https://generativelanguage.googleapis.com/v1beta",
        }
    }

    pub fn default_model(self) -> &'static str {
        match self {
            Dialect::OpenAi => "text-embedding-3-small",
            Dialect::Ollama => "all-minilm",
            Dialect::Gemini => "gemini-embedding-001",
        }
    }
}

/// An endpoint and the model to ask there.
#[derive(Debug, Clone)]
pub struct Endpoint {
    pub dialect: Dialect,
    /// Without a closing slash.
    pub url: String,
    pub model: String,
    /// `None` = the endpoint asks for none.
    pub key: Option<Secret>,
}

#[derive(Debug)]
pub struct HttpEmbedder {
    endpoint: Endpoint,
    client: reqwest::Client,
    identity: ModelIdentity,
}

/// Somebody waits for a query.
const QUERY_DEADLINE: Duration = Duration::from_secs(5);
const PASSAGE_DEADLINE: Duration = Duration::from_secs(60);
const MAX_ANSWER_BYTES: usize = 64 << 20;
/// Tries for passages; a query is tried once, since words alone can answer it.
const TRIES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
/// A longer text is cut: services refuse what is over their limit of tokens.
const MAX_TEXT_BYTES: usize = 6000;

impl HttpEmbedder {
    /// Asks the endpoint for one vector, to learn its dimension.
    pub async fn connect(endpoint: Endpoint) -> Result<HttpEmbedder, EmbedError> {
        let client = net::direct_client(PASSAGE_DEADLINE).map_err(|error| EmbedError::Unusable(error.to_string()))?;
        // Two addresses may serve different weights under one name.
        let sha256 = hex_digest(&[endpoint.url.as_bytes(), endpoint.model.as_bytes()]);
        let identity = ModelIdentity { id: endpoint.model.clone(), dimension: 0, sha256 };
        let mut embedder = HttpEmbedder { endpoint, client, identity };
        let probe = embedder.ask(&["probe".to_owned()], Purpose::Query).await;
        let probe = probe.map_err(|error| EmbedError::Failed(embedder.at(&error)))?;
        embedder.identity.dimension = probe.first().map_or(0, Vec::len);
        Ok(embedder)
    }

    async fn ask(&self, texts: &[String], purpose: Purpose) -> Result<Vec<Vector>, NetError> {
        let deadline = match purpose {
            Purpose::Query => QUERY_DEADLINE,
            Purpose::Passage => PASSAGE_DEADLINE,
        };
        let request = self.request(texts, purpose).timeout(deadline);
        let body = net::read(request, MAX_ANSWER_BYTES).await?;
        let vectors = read_vectors(self.endpoint.dialect, &body).map_err(NetError::Nonsense)?;
        if vectors.len() != texts.len() {
            return Err(NetError::Nonsense(format!("{} vectors for {} texts", vectors.len(), texts.len())));
        }
        let expected = self.identity.dimension;
        vectors
            .into_iter()
            .map(|vector| {
                let dimension = vector.len();
                if dimension == 0 || (expected != 0 && dimension != expected) {
                    return Err(NetError::Nonsense(format!("a vector of {dimension} numbers where {expected} are expected")));
                }
                normalised(vector).ok_or_else(|| NetError::Nonsense("a vector without a direction".to_owned()))
            })
            .collect()
    }

    fn request(&self, texts: &[String], purpose: Purpose) -> reqwest::RequestBuilder {
        let Endpoint { dialect, url, model, key } = &self.endpoint;
        let texts: Vec<&str> = texts.iter().map(|text| &text[..text.floor_char_boundary(MAX_TEXT_BYTES)]).collect();
        let (path, body) = match dialect {
            Dialect::OpenAi => ("/embeddings".to_owned(), json!({"model": model, "input": texts})),
            Dialect::Ollama => ("/api/embed".to_owned(), json!({"model": model, "input": texts, "truncate": true})),
            Dialect::Gemini => (format!("/models/{model}:batchEmbedContents"), gemini_body(model, &texts, purpose)),
        };
        let request = self.client.post(format!("{}{path}", url.trim_end_matches('/'))).json(&body);
        match (key, dialect) {
            (Some(key), Dialect::Gemini) => request.header("x-goog-api-key", key.expose()),
            (Some(key), Dialect::OpenAi | Dialect::Ollama) => request.bearer_auth(key.expose()),
            (None, _) => request,
        }
    }

    fn at(&self, error: &NetError) -> String {
        format!("the embeddings of {} at {}: {error}", self.endpoint.model, self.endpoint.url)
    }
}

impl Embedder for HttpEmbedder {
    fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    fn appetite(&self) -> Appetite {
        Appetite { texts: 64, calls: 2 }
    }

    fn embed(&self, texts: Vec<String>, purpose: Purpose) -> Embedding<'_> {
        Box::pin(async move {
            let mut pause = FIRST_PAUSE;
            let mut tries_left = if purpose == Purpose::Query { 1 } else { TRIES };
            loop {
                tries_left -= 1;
                match self.ask(&texts, purpose).await {
                    Ok(vectors) => return Ok(vectors),
                    Err(error) if tries_left > 0 && error.may_pass() => {
                        let wished = match error {
                            NetError::Status { retry_after, .. } => retry_after,
                            _ => None,
                        };
                        tokio::time::sleep(wished.unwrap_or(pause).min(LONGEST_PAUSE)).await;
                        pause *= 3;
                    }
                    Err(error) => return Err(EmbedError::Failed(self.at(&error))),
                }
            }
        })
    }
}

fn gemini_body(model: &str, texts: &[&str], purpose: Purpose) -> Value {
    let task = match purpose {
        Purpose::Query => "RETRIEVAL_QUERY",
        Purpose::Passage => "RETRIEVAL_DOCUMENT",
    };
    let request =
        |text: &&str| json!({"model": format!("models/{model}"), "content": {"parts": [{"text": text}]}, "taskType": task});
    json!({"requests": texts.iter().map(request).collect::<Vec<_>>()})
}

#[derive(Deserialize)]
struct OpenAiAnswer {
    data: Vec<OpenAiItem>,
}

#[derive(Deserialize)]
struct OpenAiItem {
    embedding: Vector,
    #[serde(default)]
    index: Option<usize>,
}

#[derive(Deserialize)]
struct OllamaAnswer {
    embeddings: Vec<Vector>,
}

#[derive(Deserialize)]
struct GeminiAnswer {
    embeddings: Vec<GeminiItem>,
}

#[derive(Deserialize)]
struct GeminiItem {
    values: Vector,
}

fn read_vectors(dialect: Dialect, body: &[u8]) -> Result<Vec<Vector>, String> {
    let nonsense = |error: serde_json::Error| error.to_string();
    Ok(match dialect {
        Dialect::OpenAi => {
            let mut items = serde_json::from_slice::<OpenAiAnswer>(body).map_err(nonsense)?.data;
            items.sort_by_key(|item| item.index);
            items.into_iter().map(|item| item.embedding).collect()
        }
        Dialect::Ollama => serde_json::from_slice::<OllamaAnswer>(body).map_err(nonsense)?.embeddings,
        Dialect::Gemini => {
            let items = serde_json::from_slice::<GeminiAnswer>(body).map_err(nonsense)?.embeddings;
            items.into_iter().map(|item| item.values).collect()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{Dialect, read_vectors};

    #[test]
    fn every_dialect_is_read_in_the_order_of_the_texts() {
        let expected = Ok(vec![vec![1.0, 0.0], vec![0.0, 1.0]]);
        let open_ai = br#"{"object":"list","data":[{"index":1,"embedding":[0,1]},{"index":0,"embedding":[1,0]}],"usage":{}}"#;
        assert_eq!(read_vectors(Dialect::OpenAi, open_ai), expected);
        assert_eq!(read_vectors(Dialect::Ollama, br#"{"model":"m","embeddings":[[1,0],[0,1]]}"#), expected);
        assert_eq!(read_vectors(Dialect::Gemini, br#"{"embeddings":[{"values":[1,0]},{"values":[0,1]}]}"#), expected);
        assert!(read_vectors(Dialect::OpenAi, b"{}").is_err());
    }
}
