//! Changed runbooks, restarts, and questions asked by many.

use std::sync::Arc;

use faultline::retrieve::{Query, build::Patience, state::DenseState};

use super::{Site, ask, gaps, refresh};
use crate::support::words::WordsEmbedder;

#[tokio::test]
async fn a_changed_runbook_is_found_and_only_it_is_embedded_again() {
    let site = Site::new("fresh-change");
    let embedder = Arc::new(WordsEmbedder::new("m"));
    let retriever = site.retriever(&embedder, None).await;
    assert_eq!((embedder.passages(), retriever.state()), (7, DenseState::Ready));
    let epoch = retriever.epoch();
    refresh(&retriever).await;
    assert_eq!((retriever.epoch(), embedder.passages()), (epoch, 7), "nothing changed, nothing was done");

    site.write("cert.md", "# CertificateExpired\n\n## Meaning\n\nRotate the quantum flux keys.\n");
    site.write("nested/new.md", "# Gearbox\n\nThe gearbox grinds and whines.\n");
    std::fs::remove_file(site.path("runbooks/disk.md")).expect("a file");
    refresh(&retriever).await;
    assert_eq!(embedder.passages(), 7 + 4, "two texts of each changed or new runbook");
    assert!(retriever.epoch() > epoch);
    let first = |found: Vec<faultline::domain::passage::Suggestion>| found.first().map(|one| one.runbook.clone());
    assert_eq!(first(ask(&retriever, "rotate the quantum flux keys").await).as_deref(), Some("cert.md"));
    assert_eq!(first(ask(&retriever, "grinding gearbox").await).as_deref(), Some("nested/new.md"));
    assert!(retriever.library().get("disk").is_none());
}

#[tokio::test]
async fn a_question_that_differs_in_machine_made_names_has_the_same_answer_until_a_runbook_changes() {
    let site = Site::new("fresh-gist");
    let retriever = site.retriever(&Arc::new(WordsEmbedder::new("m")), None).await;
    let asked = |n: u32| format!("2026-11-2{n}T06:16:21Z request {n}0032-99{n} from 10.0.0.{n}: no space is left on the device");
    let before = ask(&retriever, &asked(1)).await;
    assert_eq!(before[0].runbook, "disk.md");
    assert_eq!(ask(&retriever, &asked(2)).await, before);
    assert_ne!(ask(&retriever, "request from 10.0.0.1: lookups of host names take long").await, before);

    site.write("disk.md", "# Disk\n\nNo space is left on the device: buy another.\n");
    refresh(&retriever).await;
    let after = ask(&retriever, &asked(3)).await;
    assert!(after[0].excerpt.contains("buy another"), "{after:?}");
}

#[tokio::test]
async fn a_restart_embeds_nothing() {
    let site = Site::new("fresh-restart");
    site.retriever(&Arc::new(WordsEmbedder::new("m")), None).await;
    let again = Arc::new(WordsEmbedder::new("m"));
    let retriever = site.retriever(&again, None).await;
    assert_eq!((again.passages(), retriever.state()), (0, DenseState::Ready));
    let other = Arc::new(WordsEmbedder::new("another model"));
    site.retriever(&other, None).await;
    assert_eq!(other.passages(), 7, "vectors of two models never mix");
}

#[tokio::test]
async fn an_embedder_that_breaks_leaves_what_it_made() {
    let site = Site::new("fresh-breaks");
    for n in 0..60 {
        site.write(&format!("more-{n}.md"), format!("# More {n}\n\nText {n}.\n"));
    }
    let retriever = site.retriever(&Arc::new(WordsEmbedder::breaking_after("m", 64)), None).await;
    assert!(matches!(retriever.state(), DenseState::Partial(_)));
    assert_eq!(gaps(&retriever), ["dense vectors: some passages have no vector: the embedder broke"]);
    assert_eq!(ask(&retriever, "no space is left on the device").await[0].runbook, "disk.md");
    let next = Arc::new(WordsEmbedder::new("m"));
    let retriever = site.retriever(&next, None).await;
    assert_eq!(retriever.state(), DenseState::Ready);
    assert!(next.passages() < 100, "{} of 127 were made again", next.passages());
}

#[tokio::test]
async fn impatience_answers_by_words_and_says_what_is_left() {
    let site = Site::new("fresh-impatient");
    let embedder = Arc::new(WordsEmbedder::new("m"));
    let retriever = site.opened(&embedder, None);
    retriever.refresh(Patience::Texts(6), &|_| ()).await;
    assert_eq!(
        (embedder.passages(), gaps(&retriever)),
        (0, vec!["dense vectors: 0 of 7 passages have their vector so far".to_owned()])
    );
    assert_eq!(ask(&retriever, "no space is left on the device").await[0].runbook, "disk.md");
    let steps = std::sync::Mutex::new(Vec::new());
    retriever.refresh(Patience::Texts(7), &|step| steps.lock().expect("no panic").push(step)).await;
    assert_eq!((embedder.passages(), gaps(&retriever)), (7, vec![]));
    assert!(!steps.into_inner().expect("no panic").is_empty(), "progress is told");
}

#[tokio::test]
async fn the_same_question_of_many_is_embedded_once() {
    let site = Site::new("fresh-flight");
    let embedder = Arc::new(WordsEmbedder::new("m"));
    let retriever = Arc::new(site.retriever(&embedder, None).await);
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let retriever = Arc::clone(&retriever);
        asking.spawn(async move { ask(&retriever, "lookups of host names take long").await });
    }
    let answers = asking.join_all().await;
    assert!(answers.iter().all(|answer| *answer == answers[0]) && answers[0][0].runbook == "nested/dns.md");
    assert_eq!(embedder.queries(), 1);
}

#[tokio::test]
async fn why_tells_both_parts_and_bad_files_are_skipped_and_named() {
    let site = Site::new("fresh-why");
    site.write("bad.md", b"\xff\xfe");
    site.write("huge.md", vec![b'a'; 5 * 1024 * 1024 + 1]);
    site.write("comment.md", "# Widget\n\n<!-- quantum secret -->\n\n```sh\nkubectl get frobnicators\n```\n");
    let retriever = site.retriever(&Arc::new(WordsEmbedder::new("m")), None).await;
    let shelf = retriever.shelf();
    let named: Vec<&str> = shelf.problems.iter().map(|problem| problem.file.as_str()).collect();
    assert_eq!(named, ["huge.md", "bad.md"]);
    assert_eq!(shelf.library.runbooks().len(), 4);
    assert!(shelf.texts.iter().all(|text| !text.text.contains("quantum")), "comments are not text");
    let best = ask(&retriever, "kubectl get frobnicators fails").await.remove(0);
    assert_eq!(best.runbook, "comment.md");
    assert!(best.why.dense.is_some_and(|cosine| cosine > 0.2) && best.why.lexical > 0.0, "{:?}", best.why);
    let query = Query { text: "kubectl get frobnicators fails", ..Query::default() };
    assert!(retriever.search(&query, 1).await.gaps.is_empty());
}
