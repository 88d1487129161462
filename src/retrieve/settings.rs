//! Settings of retrieval: the embedder, its cache, the vector store.

use super::embed::http::{Dialect, Endpoint};
use super::embed::local::DEFAULT_MODEL;
use crate::net::Secret;
use clap::{
    ValueEnum,
    builder::{OsStringValueParser, TypedValueParser},
};
use std::path::PathBuf;

/// How runbooks are searched by meaning. [`Default`] is by words alone, with nothing kept on disk.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Search by meaning")]
pub struct RetrievalSettings {
    /// What makes the vectors: a model in the process, an endpoint, or nothing
    #[arg(long, env, value_enum, default_value_t = EmbedderChoice::Local)]
    pub embedder: EmbedderChoice,

    /// Model that makes the vectors: a name or a folder with an .onnx file; the embedder's usual one when not set
    #[arg(long, env, default_value = "", hide_default_value = true)]
    pub embedding_model: String,

    /// Address of the embeddings endpoint; the service's own when not set
    #[arg(long, env, default_value = "", hide_default_value = true)]
    pub embedding_url: String,

    /// Key of the embeddings endpoint
    #[arg(long, env, default_value = "", hide_default_value = true, hide_env_values = true)]
    pub embedding_api_key: Secret,

    /// Threads that embed, one model in memory each; 0 takes one per core, at most 4
    #[arg(long, env, default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=64))]
    pub embedding_threads: u16,

    /// Library of the ONNX Runtime; the one that `faultline model fetch` put into the cache when not set
    #[arg(long, env, value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub ort_dylib_path: Option<PathBuf>,

    /// Folder of the model and of vectors already made; `faultline` in the user's cache folder when not set
    #[arg(long, env, value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub cache_dir: Option<PathBuf>,

    /// Address of Qdrant (gRPC): http://qdrant:6334; the index is kept in the process alone when not set
    #[arg(long, env, default_value = "", hide_default_value = true)]
    pub qdrant_url: String,

    /// Key of Qdrant
    #[arg(long, env, default_value = "", hide_default_value = true, hide_env_values = true)]
    pub qdrant_api_key: Secret,

    /// Name under which Qdrant holds the index: an alias, and the beginning of its collections' names
    #[arg(long, env, default_value = "faultline", value_parser = collection_name)]
    pub qdrant_collection: String,

    /// Seconds between looks at whether a runbook changed; 0 looks at start-up alone
    #[arg(long, env, default_value_t = 2, value_parser = clap::value_parser!(u16).range(0..=3600))]
    pub runbook_poll_seconds: u16,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum EmbedderChoice {
    /// Runbooks are found by their words alone
    #[default]
    Off,
    /// A model in this process
    Local,
    /// An endpoint that speaks as OpenAI's does
    Openai,
    Ollama,
    Gemini,
}

const MOST_THREADS_BY_DEFAULT: usize = 4;

impl RetrievalSettings {
    /// Name or folder of the model in the process.
    pub fn local_model(&self) -> &str {
        if self.embedding_model.is_empty() { DEFAULT_MODEL } else { &self.embedding_model }
    }

    pub fn threads(&self) -> usize {
        match self.embedding_threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS_BY_DEFAULT),
            some => usize::from(some),
        }
    }

    /// Where vectors are made elsewhere. `None` = in this process, or nowhere.
    pub fn endpoint(&self) -> Option<Endpoint> {
        let dialect = match self.embedder {
            EmbedderChoice::Off | EmbedderChoice::Local => return None,
            EmbedderChoice::Openai => Dialect::OpenAi,
            EmbedderChoice::Ollama => Dialect::Ollama,
            EmbedderChoice::Gemini => Dialect::Gemini,
        };
        let or = |given: &str, usual: &str| if given.is_empty() { usual.to_owned() } else { given.to_owned() };
        Some(Endpoint {
            dialect,
            url: or(&self.embedding_url, dialect.default_url()).trim_end_matches('/').to_owned(),
            model: or(&self.embedding_model, dialect.default_model()),
            key: (!self.embedding_api_key.is_empty()).then(|| self.embedding_api_key.clone()),
        })
    }
}

fn collection_name(text: &str) -> Result<String, String> {
    let is_name = !text.is_empty() && text.len() <= 64 && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    if is_name { Ok(text.to_owned()) } else { Err("not a name of letters, digits, - and _".to_owned()) }
}
