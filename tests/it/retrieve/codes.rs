//! Pasted logs say codes and phrases of programs; runbooks say what they mean.

use std::sync::Arc;

use faultline::retrieve::{Query, retriever::Parts};

use super::{Site, ask, gaps, qdrant::store};
use crate::support::{cli::faultline, qdrant::FakeQdrant, words::WordsEmbedder};

/// Logs, with the runbooks that explain them in words of their own.
const LOGS: &[(&str, &str)] = &[
    ("Mar 12 03:14:15 web-1 kernel: [8123.55] INFO: task dockerd:811 blocked for more than 120 seconds.", "stall.md"),
    ("{\"ts\":\"2026-02-19T10:30:00Z\",\"msg\":\"write error\",\"code\":\"ENOSPC\",\"errno\":-28}", "disk.md"),
    ("FATAL: remaining connection slots are reserved for roles with the SUPERUSER attribute", "crowded.md"),
    ("tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time is after", "cert.md"),
];

fn site(name: &str) -> Site {
    let site = Site::new(name);
    site.write(
        "stall.md",
        "# ProcessesHang\n\n## Meaning\n\nProcesses are in an uninterruptible state: storage stalls, or a disk is broken.\n",
    );
    site.write("crowded.md", "# DatabaseExhausted\n\n## Meaning\n\nmax_connections is too low for so many clients.\n");
    for n in 0..20 {
        site.write(&format!("other-{n}.md"), format!("# Belt {n} squeaks\n\n## Meaning\n\nBelt number {n} wants oil.\n"));
    }
    site
}

#[tokio::test]
async fn a_pasted_log_finds_the_runbook_of_what_its_codes_mean() {
    let site = site("codes-words");
    let retriever = site.retriever(&Arc::new(WordsEmbedder::new("m")), None).await;
    for (log, runbook) in LOGS {
        let found = retriever.search_by(Parts::Words, &Query { text: log, ..Query::default() }, 3).await;
        assert_eq!(found.suggestions.first().map(|first| first.runbook.as_str()), Some(*runbook), "{log}");
    }
}

#[tokio::test]
async fn what_a_log_means_is_embedded_beside_what_it_says_and_once() {
    let site = site("codes-vectors");
    let embedder = Arc::new(WordsEmbedder::new("m"));
    let retriever = site.retriever(&embedder, None).await;
    for (text, texts) in [("my belt squeaks", 1), (LOGS[0].0, 2)] {
        let before = embedder.queries();
        assert_eq!(ask(&retriever, text).await, ask(&retriever, text).await);
        assert_eq!(embedder.queries() - before, texts, "{text}");
    }
}

#[tokio::test]
async fn both_indexes_rank_pasted_logs_alike() {
    let site = site("codes-alike");
    let server = FakeQdrant::start().await;
    let embedder = Arc::new(WordsEmbedder::new("m"));
    let here = site.retriever(&embedder, None).await;
    let there = site.retriever(&embedder, Some(store(&server))).await;
    for (log, _) in LOGS {
        assert_eq!(ask(&here, log).await, ask(&there, log).await, "{log}");
    }
    assert_eq!(gaps(&there), [""; 0]);
}

#[test]
fn the_command_finds_it_by_words_alone() {
    let site = site("codes-command");
    let log = "kernel: nf_conntrack: nf_conntrack: table full, dropping packet";
    site.write("tracking.md", "# FlowsDropped\n\n## Meaning\n\nThe limit of connection tracking is reached.\n");
    let found =
        faultline(&["suggest", log]).env("RUNBOOK_DIR", site.path("runbooks")).env("CACHE_DIR", site.path("no-model")).succeeds();
    assert!(found.starts_with("tracking.md"), "{found}");
}
