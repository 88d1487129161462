//! Qdrant beside the index in the process: alike, and no harm when it is away.

use std::sync::Arc;

use faultline::{
    domain::passage::Suggestion,
    net::Secret,
    retrieve::{Query, Retriever, qdrant::QdrantIndex, store::Store, watch::Place},
};

use super::{Site, ask, gaps, refresh};
use crate::support::{
    qdrant::{FakeQdrant, Fault},
    words::WordsEmbedder,
};

pub(super) fn store(server: &FakeQdrant) -> Store {
    let index = QdrantIndex::new(&server.url, &Secret::default(), "faultline").expect("a valid address");
    Store::new(Arc::new(index), "Qdrant")
}

/// The same top 3 on 95 of 100 labelled questions.
pub(super) async fn rank_alike(one: &Retriever, other: &Retriever) {
    let cases = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/retrieve/queries.jsonl"));
    let top = |found: Vec<Suggestion>| found.into_iter().map(|one| one.runbook).collect::<Vec<_>>();
    let (mut same, mut all) = (0, 0);
    for line in cases.lines() {
        let case: serde_json::Value = serde_json::from_str(line).expect("a case");
        let text = case["query"].as_str().expect("a query");
        all += 1;
        same += usize::from(top(ask(one, text).await) == top(ask(other, text).await));
    }
    assert!(same * 100 >= all * 95, "the same top 3 on {same} of {all} queries");
}

#[tokio::test]
async fn both_indexes_rank_alike() {
    let site = Site::new("qdrant-alike");
    let server = FakeQdrant::start().await;
    let embedder = Arc::new(WordsEmbedder::new("m"));
    let open = |store| {
        Retriever::open(Place::BuiltIn, site.settings(), store, faultline::domain::redact::Redactor::built_in())
            .with_embedder(Arc::<WordsEmbedder>::clone(&embedder))
    };
    let (here, there) = (open(None), open(Some(store(&server))));
    refresh(&here).await;
    refresh(&there).await;
    assert_eq!((gaps(&here), gaps(&there)), (vec![], vec![]));
    rank_alike(&here, &there).await;
    assert_eq!(gaps(&there), [""; 0]);
}

#[tokio::test]
async fn a_second_replica_embeds_nothing_and_a_changed_runbook_moves_only_its_own_points() {
    let site = Site::new("qdrant-replica");
    let server = FakeQdrant::start().await;
    let embedder = Arc::new(WordsEmbedder::new("m"));
    let first = site.retriever(&embedder, Some(store(&server))).await;
    let whole = server.upserted();
    assert_eq!((embedder.passages(), whole), (7, 7));

    std::fs::remove_dir_all(site.path("cache")).expect("a cache");
    let other = Arc::new(WordsEmbedder::new("m"));
    let second = site.retriever(&other, Some(store(&server))).await;
    assert_eq!((other.passages(), server.upserted()), (0, whole), "all vectors were there");
    assert_eq!(ask(&second, "no space is left").await, ask(&first, "no space is left").await);

    site.write("cert.md", "# CertificateExpired\n\n## Meaning\n\nThe certificate is no longer valid for this host.\n");
    refresh(&first).await;
    assert_eq!(server.upserted() - whole, 2, "the card and the passage");
    assert_eq!(server.contents("faultline").0, 7);
}

#[tokio::test]
async fn while_qdrant_is_down_the_process_answers_and_says_so() {
    let site = Site::new("qdrant-down");
    let server = FakeQdrant::start().await;
    let embedder = Arc::new(WordsEmbedder::new("m"));
    server.set(Fault::Refuses);
    let retriever = site.retriever(&embedder, Some(store(&server))).await;
    assert!(gaps(&retriever)[0].contains("out of order: the index in the process answers"), "{:?}", gaps(&retriever));
    assert_eq!(ask(&retriever, "no space is left on the device").await[0].runbook, "disk.md");

    server.set(Fault::None);
    refresh(&retriever).await;
    assert_eq!(gaps(&retriever), [""; 0], "it came back");
    let epoch = retriever.epoch();
    for fault in [Fault::Refuses, Fault::Hangs] {
        server.set(fault);
        let found = retriever.search(&Query { text: "no space is left on the device", ..Query::default() }, 3).await;
        assert_eq!(found.suggestions[0].runbook, "disk.md", "{fault:?}");
        assert!(!gaps(&retriever).is_empty(), "{fault:?}");
        server.set(Fault::None);
        refresh(&retriever).await;
        assert_eq!(gaps(&retriever), [""; 0], "{fault:?}");
    }
    assert!(retriever.epoch() > epoch, "answers given meanwhile are not remembered");
}

#[tokio::test]
async fn nobody_at_the_address_is_said_in_plain_words() {
    let site = Site::new("qdrant-nobody");
    let index = QdrantIndex::new("http://127.0.0.1:1", &Secret::default(), "faultline").expect("a valid address");
    let store = Store::new(Arc::new(index), "Qdrant");
    let retriever = site.retriever(&Arc::new(WordsEmbedder::new("m")), Some(store)).await;
    let told = gaps(&retriever).concat();
    assert!(told.contains("Failed to connect to http://127.0.0.1:1/: the index in the process answers"), "{told}");
}

#[tokio::test]
async fn a_full_index_that_is_interrupted_is_not_seen_and_goes_on_later() {
    let site = Site::new("qdrant-interrupted");
    for n in 0..300 {
        site.write(&format!("many-{n}.md"), format!("# Many {n}\n\nText number {n} of many.\n"));
    }
    let server = FakeQdrant::start().await;
    let old = Arc::new(WordsEmbedder::new("old"));
    site.retriever(&old, Some(store(&server))).await;
    let seen = server.behind("faultline");

    // Another model: everything is made anew, and the server goes down in the middle.
    let new = Arc::new(WordsEmbedder::new("new"));
    let before = server.upserted();
    server.set(Fault::FailsAfterBatches(2));
    let retriever = site.retriever(&new, Some(store(&server))).await;
    let first_part = server.upserted() - before;
    assert_eq!((server.behind("faultline"), first_part), (seen.clone(), 256));
    assert!(!gaps(&retriever).is_empty());
    assert!(!ask(&retriever, "text number 7 of many").await.is_empty());

    server.set(Fault::None);
    refresh(&retriever).await;
    assert_eq!(gaps(&retriever), [""; 0]);
    assert_ne!(server.behind("faultline"), seen);
    assert_eq!(server.upserted() - before, server.contents("faultline").0, "what was there was not sent again");
    assert_eq!(server.collections().len(), 1);
}

#[tokio::test]
async fn an_old_qdrant_is_named() {
    let site = Site::new("qdrant-old");
    let server = FakeQdrant::start().await;
    server.set(Fault::IsOld);
    let retriever = site.retriever(&Arc::new(WordsEmbedder::new("m")), Some(store(&server))).await;
    assert!(gaps(&retriever)[0].contains("1.7.4 is older than 1.10"), "{:?}", gaps(&retriever));
}
