//! A model on this machine: where its files are, and how they want to be read.

use super::{EmbedError, ModelIdentity, hex_digest};
use fastembed::{EmbeddingModel, ModelTrait, Pooling, QuantizationMode, TextEmbedding, TokenizerFiles};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The model that is used where none is named.
pub const DEFAULT_MODEL: &str = "all-MiniLM-L6-v2";

/// The most tokens of a text that the default model was trained on.
const DEFAULT_MAX_TOKENS: usize = 256;

/// Weights, the most wanted first.
const WEIGHTS: &[&str] = &["model_quantized.onnx", "model_int8.onnx", "model.onnx", "model_optimized.onnx"];
const TOKENIZER_FILES: [&str; 4] = ["tokenizer.json", "config.json", "special_tokens_map.json", "tokenizer_config.json"];

/// Written beside a model that Faultline fetched: what it is and what its files hash to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub id: String,
    pub source: String,
    /// `mean` or `cls`.
    pub pooling: String,
    pub max_tokens: usize,
    /// Whether the weights quantise what they compute with, text by text.
    pub dynamic: bool,
    /// SHA-256 of each file.
    pub files: BTreeMap<String, String>,
}

pub const MANIFEST: &str = "manifest.json";

/// A model read into memory, ready for a session.
pub struct LocalModel {
    pub id: String,
    pub onnx: Vec<u8>,
    pub tokenizer: TokenizerFiles,
    pub pooling: Pooling,
    pub quantization: QuantizationMode,
    pub max_tokens: usize,
    pub sha256: String,
    /// Put before a text, by its purpose.
    pub prefixes: Prefixes,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Prefixes {
    pub query: &'static str,
    pub passage: &'static str,
}

/// The models that were trained with words before each text.
const PREFIXES: &[(&str, Prefixes)] = &[
    ("e5", Prefixes { query: "query: ", passage: "passage: " }),
    ("nomic", Prefixes { query: "search_query: ", passage: "search_document: " }),
    ("bge", Prefixes { query: "Represent this sentence for searching relevant passages: ", passage: "" }),
    ("mxbai", Prefixes { query: "Represent this sentence for searching relevant passages: ", passage: "" }),
    ("arctic", Prefixes { query: "Represent this sentence for searching relevant passages: ", passage: "" }),
];

/// What a name of the setting means: a folder, or a model below the cache.
pub fn folder(name: &str, cache: Option<&Path>) -> Option<PathBuf> {
    let as_path = Path::new(name);
    if as_path.is_dir() {
        return Some(as_path.to_owned());
    }
    Some(cache?.join("models").join(folder_name(name)))
}

/// A name as a folder: `BAAI/bge-small-en-v1.5` as `baai--bge-small-en-v1.5`. Nothing leads out of the cache.
pub fn folder_name(name: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "-._".contains(c) { c.to_ascii_lowercase() } else { '-' };
    let name: String = name.replace('/', "--").chars().map(safe).collect();
    let name = name.trim_start_matches('.');
    if name.is_empty() { "unnamed".to_owned() } else { name.to_owned() }
}

/// The model of fastembed's list with this name or code, in any case of letters.
pub fn known(name: &str) -> Option<EmbeddingModel> {
    if let Ok(model) = name.parse::<EmbeddingModel>() {
        return Some(model);
    }
    let models = TextEmbedding::list_supported_models();
    models.into_iter().find(|info| info.model_code.eq_ignore_ascii_case(name)).map(|info| info.model)
}

/// The file of the weights as fastembed's list names it.
pub fn known_files(model: &EmbeddingModel) -> Option<(String, String, Vec<String>)> {
    let info = EmbeddingModel::get_model_info(model)?;
    Some((info.model_code.clone(), info.model_file.clone(), info.additional_files.clone()))
}

impl LocalModel {
    /// Reads a model's folder and checks it against its manifest.
    pub fn read(name: &str, folder: &Path) -> Result<LocalModel, EmbedError> {
        let weights = WEIGHTS.iter().map(|file| folder.join(file)).find(|path| path.is_file());
        let Some(weights) = weights.or_else(|| only_onnx(folder)) else {
            return Err(EmbedError::NoModel);
        };
        let manifest = read_manifest(folder)?;
        let read = |path: &Path| {
            std::fs::read(path).map_err(|error| EmbedError::Unusable(format!("could not read {}: {error}", path.display())))
        };
        let onnx = read(&weights)?;
        let mut tokenizer = TOKENIZER_FILES.map(|file| read(&folder.join(file)));
        if tokenizer[2].is_err() {
            // Newer exports keep the special tokens in the tokenizer alone.
            tokenizer[2] = Ok(b"{}".to_vec());
        }
        let [tokenizer_file, config_file, special_tokens_map_file, tokenizer_config_file] = tokenizer;
        let tokenizer = TokenizerFiles {
            tokenizer_file: tokenizer_file?,
            config_file: config_file?,
            special_tokens_map_file: special_tokens_map_file?,
            tokenizer_config_file: tokenizer_config_file?,
        };
        if let Some(manifest) = &manifest {
            check(manifest, &weights, &onnx)?;
            check(manifest, Path::new("tokenizer.json"), &tokenizer.tokenizer_file)?;
        }
        let listed = known(name);
        let id = manifest.as_ref().map_or_else(|| name.to_owned(), |manifest| manifest.id.clone());
        let pooling = match (&manifest, &listed) {
            (Some(manifest), _) => Some(if manifest.pooling == "cls" { Pooling::Cls } else { Pooling::Mean }),
            (None, Some(model)) => TextEmbedding::get_default_pooling_method(model),
            (None, None) => stated_pooling(folder),
        };
        let is_quantised = weights.file_name().is_some_and(|file| {
            let file = file.to_string_lossy();
            file.contains("quantized") || file.contains("int8")
        });
        let quantization = match (&manifest, &listed) {
            (Some(manifest), _) if manifest.dynamic => QuantizationMode::Dynamic,
            (None, Some(model)) => TextEmbedding::get_quantization_mode(model),
            // One text at a time is never wrong.
            _ if is_quantised => QuantizationMode::Dynamic,
            _ => QuantizationMode::None,
        };
        let max_tokens = manifest.as_ref().map_or_else(|| stated_max_tokens(folder), |manifest| manifest.max_tokens);
        let lower = id.to_lowercase();
        let prefixes =
            PREFIXES.iter().find(|(part, _)| lower.contains(part)).map_or(Prefixes::default(), |&(_, prefixes)| prefixes);
        let sha256 = hex_digest(&[&onnx, &tokenizer.tokenizer_file]);
        Ok(LocalModel {
            pooling: pooling.unwrap_or(Pooling::Mean),
            id,
            onnx,
            tokenizer,
            quantization,
            max_tokens,
            sha256,
            prefixes,
        })
    }

    pub fn identity(&self, dimension: usize) -> ModelIdentity {
        ModelIdentity { id: self.id.clone(), dimension, sha256: self.sha256.clone() }
    }
}

/// `None` = a folder that Faultline did not make.
pub fn read_manifest(folder: &Path) -> Result<Option<Manifest>, EmbedError> {
    let path = folder.join(MANIFEST);
    let Ok(text) = std::fs::read(&path) else { return Ok(None) };
    let manifest = serde_json::from_slice(&text);
    manifest.map(Some).map_err(|error| EmbedError::Unusable(format!("could not read {}: {error}", path.display())))
}

fn check(manifest: &Manifest, path: &Path, content: &[u8]) -> Result<(), EmbedError> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    match manifest.files.get(&name) {
        Some(expected) if *expected != sha256(content) => Err(EmbedError::Unusable(format!(
            "the model's file {name} is damaged: its checksum is not the one it was made with (`faultline model fetch` makes it anew)"
        ))),
        Some(_) | None => Ok(()),
    }
}

pub fn sha256(content: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    hex::encode(Sha256::digest(content))
}

/// The one `.onnx` file of a folder. `None` where there is none, or a choice.
fn only_onnx(folder: &Path) -> Option<PathBuf> {
    let files = std::fs::read_dir(folder).ok()?.filter_map(Result::ok).map(|entry| entry.path());
    let mut weights = files.filter(|path| path.extension().is_some_and(|extension| extension == "onnx"));
    let first = weights.next()?;
    weights.next().is_none().then_some(first)
}

/// What sentence-transformers wrote about pooling, if it did.
fn stated_pooling(folder: &Path) -> Option<Pooling> {
    let text = std::fs::read(folder.join("1_Pooling/config.json")).ok()?;
    let config: serde_json::Value = serde_json::from_slice(&text).ok()?;
    (config["pooling_mode_cls_token"] == true).then_some(Pooling::Cls)
}

fn stated_max_tokens(folder: &Path) -> usize {
    let stated = || {
        let text = std::fs::read(folder.join("sentence_bert_config.json")).ok()?;
        let config: serde_json::Value = serde_json::from_slice(&text).ok()?;
        usize::try_from(config["max_seq_length"].as_u64()?).ok()
    };
    stated().unwrap_or(DEFAULT_MAX_TOKENS)
}

#[cfg(test)]
mod tests {
    use super::{folder_name, known};

    #[test]
    fn names_stay_inside_the_cache() {
        assert_eq!(folder_name("BAAI/bge-small-en-v1.5"), "baai--bge-small-en-v1.5");
        assert_eq!(folder_name("../../etc"), "--..--etc".trim_start_matches('.'));
        assert!(!folder_name("..").contains(".."));
        assert_eq!(folder_name(""), "unnamed");
    }

    #[test]
    fn models_of_the_list_are_known_by_name_and_code() {
        assert!(known("AllMiniLML6V2Q").is_some());
        assert!(known("baai/BGE-small-en-v1.5").is_some() || known("Xenova/bge-small-en-v1.5").is_some());
        assert!(known("no such model").is_none());
    }
}
