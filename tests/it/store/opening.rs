//! Opening a store: new, again, by many, too new, in a place that is none.

use std::fs;

use faultline::{
    domain::incident::IncidentFilter,
    incidents::{Listed, OpenError, Place, Records, Store},
};

use super::bed::{Bed, at, sighting, try_open};

pub async fn migrations_run_once(bed: Bed) {
    bed.store.incidents().record(&sighting("api", "OOMKilled"), at(1)).await.expect("it is recorded");
    let before = bed.store.status().await.expect("it answers");
    let again = bed.other().await.status().await.expect("it answers");
    assert_eq!((before.schema, &before.rows), (4, &again.rows));
    assert!(again.rows.contains(&("incidents", 1)), "{again:?}");
    assert!(again.size_bytes > 0);
}

pub async fn a_newer_schema_is_refused(bed: Bed) {
    bed.execute("INSERT INTO faultline_schema (version, applied_at) VALUES (99, 0)").await.expect("a later version was here");
    let error = try_open(&bed.url).await.expect_err("it would be read wrongly");
    assert!(matches!(error, OpenError::Newer { found: 99, .. }), "{error:?}");
    assert!(error.to_string().contains("schema 99"), "{error}");
}

pub async fn many_processes_open_an_empty_store_at_once(bed: Bed) {
    let drop_all = if bed.is_postgres() {
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public".to_owned()
    } else {
        bed.store.close().await;
        fs::remove_file(bed.url.trim_start_matches("sqlite://")).expect("the file is there");
        "SELECT 1".to_owned()
    };
    bed.execute(&drop_all).await.ok();
    let mut opening = Vec::new();
    for _ in 0..5 {
        let url = bed.url.clone();
        opening.push(tokio::spawn(async move { try_open(&url).await.map(|store| (store.place().describe(), store)) }));
    }
    for one in opening {
        let (_, store) = one.await.expect("no panic").expect("it opens");
        assert_eq!(store.status().await.expect("it answers").schema, 4);
    }
}

#[tokio::test]
async fn a_backup_is_a_store() {
    let bed = Bed::sqlite().await;
    let recorded = bed.store.incidents().record(&sighting("api", "OOMKilled"), at(1)).await.expect("it is recorded");
    let folder = tempfile::tempdir().expect("a folder can be made");
    let copy = folder.path().join("copy.db");
    bed.store.backup(&copy).await.expect("SQLite can be copied").expect("it is copied");
    bed.store.incidents().record(&sighting("later", "OOMKilled"), at(2)).await.expect("it is recorded");
    bed.store.backup(&copy).await.expect("SQLite can be copied").expect_err("nothing is overwritten");

    let restored = try_open(&format!("sqlite://{}", copy.display())).await.expect("the copy opens");
    let page =
        restored.incidents().list(&IncidentFilter::default(), &Listed { limit: 10, after: None }).await.expect("it answers");
    assert_eq!(page.incidents.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), [recorded.incident_id.as_str()]);
    assert_eq!(restored.audit().verify().await.expect("it answers").broken, None);
}

#[tokio::test]
async fn a_closed_store_is_one_file() {
    let bed = Bed::sqlite().await;
    bed.store.incidents().record(&sighting("api", "OOMKilled"), at(1)).await.expect("it is recorded");
    bed.store.close().await;
    let file = bed.url.trim_start_matches("sqlite://").to_owned();
    let log = fs::metadata(format!("{file}-wal")).map_or(0, |log| log.len());
    assert_eq!(log, 0, "the write-ahead log is written out");
    let copy = format!("{file}.copied");
    fs::copy(&file, &copy).expect("it can be copied");
    let restored = try_open(&format!("sqlite://{copy}")).await.expect("the copy opens");
    assert!(restored.status().await.expect("it answers").rows.contains(&("incidents", 1)));
}

#[tokio::test]
async fn a_place_that_is_none_is_a_gap() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    // A file where the folder should be, so that not even root can write there.
    let blocked = folder.path().join("file");
    fs::write(&blocked, "x").expect("it can be written");
    let place = Place::File { file: blocked.join("faultline.db"), is_named: false };
    let records = Records::open(place, at(0)).await.expect("no reason to stop");
    assert!(records.store().is_none());
    let gap = records.gap().expect("it is said");
    assert_eq!((gap.stage, gap.what.as_str()), ("record", "incident"));
    assert!(gap.why.contains("faultline.db"), "{}", gap.why);
    // The disk is mended: the next try finds it.
    fs::remove_file(&blocked).expect("it can be removed");
    assert!(records.try_again(at(1)).await);
    assert_eq!(records.gap(), None);
}

#[tokio::test]
async fn a_file_that_is_no_store_is_refused_where_it_was_named() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("notes.db");
    fs::write(&file, "these are my notes, and no database at all; ".repeat(100)).expect("it can be written");
    let error = try_open(&format!("sqlite://{}", file.display())).await.expect_err("it is no store");
    assert!(matches!(error, OpenError::Refused(_)), "{error:?}");
    let error = Store::open(&Place::File { file: file.clone(), is_named: false }, at(0)).await.expect_err("it is no store");
    assert!(matches!(error, OpenError::Unavailable(_)), "{error:?}");
    assert!(fs::read_to_string(&file).expect("it is there").starts_with("these are my notes"));
}
