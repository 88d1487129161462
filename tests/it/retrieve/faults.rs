//! Things that are missing or broken: each gives an answer by words and a gap that says what and why.

use std::sync::Arc;

use faultline::retrieve::{Retriever, settings::EmbedderChoice, settings::RetrievalSettings};

use super::{Site, ask, gaps, only, refresh};
use crate::support::words::WordsEmbedder;

/// Asks a site whose model is as it is, and checks that words answer.
async fn gap_of(site: &Site, settings: RetrievalSettings) -> String {
    let retriever = Retriever::open(site.place(), settings, None, faultline::domain::redact::Redactor::built_in());
    refresh(&retriever).await;
    let found = ask(&retriever, "no space is left on the device").await;
    assert_eq!(found[0].runbook, "disk.md");
    assert_eq!(found[0].why.dense, None);
    let gaps = gaps(&retriever);
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert!(gaps[0].starts_with("dense vectors: ") && gaps[0].ends_with(": runbooks are found by their words alone"), "{gaps:?}");
    gaps[0].clone()
}

fn model_folder(site: &Site) -> std::path::PathBuf {
    let folder = site.path("cache/models/all-minilm-l6-v2");
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    for (file, content) in [
        ("model_quantized.onnx", "not really"),
        ("tokenizer.json", "{}"),
        ("config.json", "{}"),
        ("special_tokens_map.json", "{}"),
        ("tokenizer_config.json", r#"{"model_max_length":512,"pad_token":"[PAD]"}"#),
    ] {
        std::fs::write(folder.join(file), content).expect("a file can be written");
    }
    folder
}

#[tokio::test]
async fn no_model_is_a_gap() {
    let site = Site::new("fault-none");
    assert!(gap_of(&site, site.settings()).await.contains("no embedding model on this machine"));
    let off = RetrievalSettings { embedder: EmbedderChoice::Off, ..site.settings() };
    assert!(gap_of(&site, off).await.contains("switched off"));
}

#[tokio::test]
async fn a_missing_or_wrong_runtime_is_a_gap() {
    let site = Site::new("fault-runtime");
    model_folder(&site);
    assert!(gap_of(&site, site.settings()).await.contains("there is no ONNX Runtime"));
    let with = |path: std::path::PathBuf| RetrievalSettings { ort_dylib_path: Some(path), ..site.settings() };
    assert!(gap_of(&site, with("/nowhere/libonnxruntime.so".into())).await.contains("there is no such file"));
    let text = site.path("libonnxruntime.so.9");
    std::fs::write(&text, "not a library").expect("a file can be written");
    assert!(gap_of(&site, with(text)).await.contains("could not use the ONNX Runtime"));
    // A library that is something else: this program's own C library.
    if let Some(other) = std::fs::read_to_string("/proc/self/maps").ok().and_then(|maps| {
        maps.lines().filter_map(|line| line.split_whitespace().last()).find(|path| path.contains("libc.so")).map(str::to_owned)
    }) {
        assert!(gap_of(&site, with(other.into())).await.contains("OrtGetApiBase"));
    }
}

#[tokio::test]
async fn a_truncated_model_is_a_gap() {
    let site = Site::new("fault-truncated");
    let folder = model_folder(&site);
    let manifest =
        r#"{"id":"m","source":"s","pooling":"mean","max_tokens":256,"dynamic":true,"files":{"model_quantized.onnx":"00"}}"#;
    std::fs::write(folder.join("manifest.json"), manifest).expect("a file can be written");
    assert!(gap_of(&site, site.settings()).await.contains("model_quantized.onnx is damaged"));
    std::fs::write(folder.join("manifest.json"), "{").expect("a file can be written");
    assert!(gap_of(&site, site.settings()).await.contains("manifest.json"));
}

#[tokio::test]
async fn a_damaged_cache_loses_nothing() {
    let site = Site::new("fault-cache");
    let first = Arc::new(WordsEmbedder::new("m"));
    let expected = ask(&site.retriever(&first, None).await, "lookups take long").await;
    let file = site.vector_file();
    let mut content = std::fs::read(&file).expect("the file of vectors");
    let middle = content.len() / 2;
    content[middle] ^= 0xff;
    std::fs::write(&file, content).expect("a file can be written");
    let second = Arc::new(WordsEmbedder::new("m"));
    let retriever = site.retriever(&second, None).await;
    assert_eq!(second.passages(), 1, "the damaged one alone is made again");
    assert_eq!(gaps(&retriever), ["vector cache: the file of vectors has 1 damaged of 7 vectors: they were made again"]);
    assert_eq!(ask(&retriever, "lookups take long").await, expected);
    let third = Arc::new(WordsEmbedder::new("m"));
    assert_eq!((gaps(&site.retriever(&third, None).await), third.passages()), (vec![], 0), "it was mended");
}

#[tokio::test]
async fn a_cache_that_cannot_be_written_is_a_gap() {
    let site = Site::new("fault-full");
    // A file where the folder should be: nothing below it can be written, whoever tries.
    std::fs::write(site.path("cache"), "").expect("a file can be written");
    let embedder = Arc::new(WordsEmbedder::new("m"));
    let retriever = site.retriever(&embedder, None).await;
    let gaps = gaps(&retriever);
    assert!(gaps.iter().all(|gap| gap.starts_with("vector cache: ")), "{gaps:?}");
    assert!(gaps.last().is_some_and(|gap| gap.contains("vectors could not be saved")), "{gaps:?}");
    let found = ask(&retriever, "no space is left on the device").await;
    assert!(found[0].runbook == "disk.md" && found[0].why.dense.is_some(), "{found:?}");
}

#[tokio::test]
async fn a_disk_that_is_full_in_the_middle_leaves_the_old_vectors() {
    let site = Site::new("fault-full-later");
    site.retriever(&Arc::new(WordsEmbedder::new("m")), None).await;
    let file = site.vector_file();
    let before = std::fs::read(&file).expect("the file of vectors");
    // The new file cannot come into being.
    std::fs::create_dir(file.with_extension(format!("{}.tmp", std::process::id()))).expect("a folder can be made");
    site.write("more.md", "# More\n\nA new text.\n");
    let embedder = Arc::new(WordsEmbedder::new("m"));
    let retriever = site.retriever(&embedder, None).await;
    assert_eq!(embedder.passages(), 2);
    assert!(gaps(&retriever)[0].contains("could not be saved"), "{:?}", gaps(&retriever));
    assert_eq!(std::fs::read(&file).expect("the file of vectors"), before);
    assert!(only(&site.path("cache")).ends_with("vectors"));
}
