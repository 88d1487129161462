//! Search by meaning: the indexes, what keeps them up to date, and what happens when something is missing or broken.

mod codes;
mod commands;
mod endpoint;
mod faults;
mod fresh;
mod index;
mod model;
mod qdrant;

use std::{path::Path, sync::Arc};

use faultline::{
    domain::passage::Suggestion,
    retrieve::{
        Query, Retriever,
        build::{Patience, quiet},
        embed::SharedEmbedder,
        settings::{EmbedderChoice, RetrievalSettings},
        store::Store,
        watch::Place,
    },
};

use crate::support::{cli::Folder, words::WordsEmbedder};

/// A library in a folder of its own, with a cache beside it.
struct Site {
    folder: Folder,
}

impl Site {
    fn new(name: &str) -> Self {
        let site = Self { folder: Folder::new(name) };
        std::fs::create_dir_all(site.path("runbooks/nested")).expect("a folder can be made");
        site.write(
            "disk.md",
            "# DiskFull\n\n## Meaning\n\nNo space is left on the device.\n\n## Mitigation\n\nDelete old files.\n",
        );
        site.write("nested/dns.md", "# NameServerSlow\n\n## Meaning\n\nLookups of host names take long.\n");
        site.write("cert.md", "# CertificateExpired\n\n## Meaning\n\nThe certificate is past its last day.\n");
        site
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path("runbooks").join(name), text).expect("a file can be written");
    }

    fn settings(&self) -> RetrievalSettings {
        RetrievalSettings {
            embedder: EmbedderChoice::Local,
            cache_dir: Some(self.path("cache")),
            qdrant_collection: "faultline".to_owned(),
            ..RetrievalSettings::default()
        }
    }

    fn place(&self) -> Place {
        Place::Folders(vec![self.path("runbooks")])
    }

    /// Opened, and as fresh as it gets.
    async fn retriever(&self, embedder: &Arc<WordsEmbedder>, store: Option<Store>) -> Retriever {
        let retriever = self.opened(embedder, store);
        refresh(&retriever).await;
        retriever
    }

    fn opened(&self, embedder: &Arc<WordsEmbedder>, store: Option<Store>) -> Retriever {
        let embedder: SharedEmbedder = Arc::<WordsEmbedder>::clone(embedder);
        Retriever::open(self.place(), self.settings(), store, faultline::domain::redact::Redactor::built_in())
            .with_embedder(embedder)
    }

    fn vector_file(&self) -> std::path::PathBuf {
        only(&only(&self.path("cache/vectors")))
    }
}

/// The one entry of a folder.
fn only(folder: &Path) -> std::path::PathBuf {
    let mut entries = std::fs::read_dir(folder).expect("a folder");
    let first = entries.next().expect("an entry").expect("an entry").path();
    assert!(entries.next().is_none(), "more than one entry in {}", folder.display());
    first
}

async fn refresh(retriever: &Retriever) {
    retriever.refresh(Patience::Endless, &quiet).await;
}

async fn ask(retriever: &Retriever, text: &str) -> Vec<Suggestion> {
    retriever.search(&Query { text, ..Query::default() }, 3).await.suggestions
}

fn gaps(retriever: &Retriever) -> Vec<String> {
    retriever.gaps().into_iter().map(|gap| format!("{}: {}", gap.what, gap.why)).collect()
}
