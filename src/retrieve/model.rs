//! Which embedder the settings mean, found and loaded.

use super::embed::http::HttpEmbedder;
use super::embed::local::{self, LocalModel};
use super::embed::onnx::OnnxEmbedder;
use super::embed::{EmbedError, SharedEmbedder};
use super::settings::{EmbedderChoice, RetrievalSettings};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Loads it, or says why not.
pub async fn load(settings: &RetrievalSettings) -> Result<SharedEmbedder, EmbedError> {
    if settings.embedder == EmbedderChoice::Off {
        return Err(EmbedError::NoModel);
    }
    if let Some(endpoint) = settings.endpoint() {
        return Ok(Arc::new(HttpEmbedder::connect(endpoint).await?));
    }
    let (name, threads) = (settings.local_model().to_owned(), settings.threads());
    let (folder, runtime) = (model_folder(settings), runtime(settings));
    let loading = tokio::task::spawn_blocking(move || {
        let model = LocalModel::read(&name, &folder.ok_or(EmbedError::NoModel)?)?;
        let runtime = runtime.ok_or_else(|| {
            EmbedError::Unusable(
                "there is no ONNX Runtime (`faultline model fetch` gets it, ORT_DYLIB_PATH names another)".to_owned(),
            )
        })?;
        OnnxEmbedder::load(&runtime, model, threads)
    });
    let embedder = loading.await.map_err(|error| EmbedError::Unusable(format!("loading the model ended early: {error}")))??;
    Ok(Arc::new(embedder))
}

/// The folder of the model in the process, there or not. `None` = the setting names no folder, and there is no cache.
pub fn model_folder(settings: &RetrievalSettings) -> Option<PathBuf> {
    local::folder(settings.local_model(), settings.cache_dir.as_deref())
}

/// The library of the runtime: the one that is set, else the one in the cache.
pub fn runtime(settings: &RetrievalSettings) -> Option<PathBuf> {
    let set = settings.ort_dylib_path.as_ref().filter(|path| !path.as_os_str().is_empty());
    if let Some(path) = set {
        return Some(path.canonicalize().unwrap_or_else(|_| path.clone()));
    }
    runtime_in(&settings.cache_dir.as_ref()?.join(RUNTIME_FOLDER))
}

pub const RUNTIME_FOLDER: &str = "runtime";

/// The library in a folder; the last by name where there are several.
pub fn runtime_in(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?.filter_map(Result::ok).map(|entry| entry.path());
    let is_library = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        (name.starts_with("libonnxruntime.") || name.starts_with("onnxruntime.")) && !name.contains("providers")
    };
    entries.filter(is_library).max()
}
