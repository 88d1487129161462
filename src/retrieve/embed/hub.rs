//! Getting any other model of fastembed's list from a model hub.

use super::local::{MANIFEST, Manifest, folder_name, known, known_files, sha256};
use crate::net::{self, NetError};
use fastembed::{Pooling, QuantizationMode, TextEmbedding};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub const DEFAULT_URL: &str = "https://huggingface.co";

const DEADLINE: Duration = Duration::from_secs(1800);
const MAX_FILE_BYTES: usize = 4 << 30;
const TOKENIZER_FILES: [&str; 4] = ["tokenizer.json", "config.json", "special_tokens_map.json", "tokenizer_config.json"];
/// What models of the list read at most, where they do not say themselves.
const MAX_TOKENS: usize = 512;

#[derive(Debug, thiserror::Error)]
pub enum HubError {
    #[error("fastembed knows no model `{0}`; a folder with an .onnx file works as well")]
    Unknown(String),
    #[error("could not get {file}: {source}")]
    Get { file: String, source: NetError },
    #[error("could not write {}: {source}", .path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// Called per file: its name, files done, files in all.
pub type HubReport<'a> = &'a (dyn Fn(&str, u64, u64) + Send + Sync);

/// Puts a model of fastembed's list into the cache.
pub async fn fetch(cache: &Path, name: &str, hub: &str, report: HubReport<'_>) -> Result<(), HubError> {
    let unknown = || HubError::Unknown(name.to_owned());
    let listed = known(name).ok_or_else(unknown)?;
    let (code, weights, further) = known_files(&listed).ok_or_else(unknown)?;
    let of = (1 + TOKENIZER_FILES.len() + further.len()) as u64;
    let mut kept = BTreeMap::new();
    let names = std::iter::once(weights.as_str()).chain(TOKENIZER_FILES).chain(further.iter().map(String::as_str));
    for (done, file) in (0_u64..).zip(names) {
        report(file, done, of);
        let client = net::client(DEADLINE).map_err(|source| HubError::Get { file: file.to_owned(), source })?;
        let request = client.get(format!("{}/{code}/resolve/main/{file}", hub.trim_end_matches('/')));
        let content = net::read(request, MAX_FILE_BYTES).await;
        let content = content.map_err(|source| HubError::Get { file: file.to_owned(), source })?;
        // `onnx/model.onnx` is kept as `model.onnx`.
        let short = file.rsplit('/').next().unwrap_or(file);
        kept.insert(folder_file(short), content);
    }
    let pooling = match TextEmbedding::get_default_pooling_method(&listed) {
        Some(Pooling::Mean) => "mean",
        Some(Pooling::Cls) | None => "cls",
    };
    let manifest = Manifest {
        id: code.clone(),
        source: code,
        pooling: pooling.to_owned(),
        max_tokens: MAX_TOKENS,
        dynamic: TextEmbedding::get_quantization_mode(&listed) == QuantizationMode::Dynamic,
        files: kept.iter().map(|(name, content)| (name.clone(), sha256(content))).collect(),
    };
    kept.insert(MANIFEST.to_owned(), serde_json::to_vec_pretty(&manifest).unwrap_or_default());
    let folder = cache.join("models").join(folder_name(name));
    let write = |path: &Path, content: &[u8]| std::fs::write(path, content);
    std::fs::create_dir_all(&folder).map_err(|source| HubError::Write { path: folder.clone(), source })?;
    for (name, content) in &kept {
        let path = folder.join(name);
        write(&path, content).map_err(|source| HubError::Write { path, source })?;
    }
    Ok(())
}

/// A name of the list as a file's; nothing leads out of the folder.
fn folder_file(name: &str) -> String {
    let safe = name.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)) && !name.starts_with('.');
    if safe { name.to_owned() } else { folder_name(name) }
}
