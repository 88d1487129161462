//! The audit log: nothing is lost, nothing is changed unseen.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Command, Stdio},
};

use faultline::{
    domain::audit::{Act, ActOutcome, AuditKind},
    incidents::{Retention, Store},
};
use jiff::SignedDuration;

use super::bed::{Bed, at, try_open};

fn act(action: &str) -> Act {
    Act {
        actor: "ada".to_owned(),
        action: action.to_owned(),
        target: "deployment/shop/api".to_owned(),
        incident_id: None,
        request_id: Some("r1".to_owned()),
        details: "{\"replicas\":3}".to_owned(),
    }
}

/// Begins and completes `acts` acts, ten seconds apart.
async fn fill(store: &Store, acts: i64) {
    for number in 0..acts {
        let entry = store.audit().begin(act("scale"), at(number * 10)).await.expect("an act begins");
        store.audit().complete(entry, ActOutcome::Done, "fine", at(number * 10 + 1)).await.expect("it ends");
    }
}

pub async fn an_act_is_begun_and_completed(bed: Bed) {
    let audit = bed.store.audit();
    assert_eq!(audit.verify().await.expect("an empty log is whole").broken, None);
    let entry = audit.begin(act("rollout-restart"), at(1)).await.expect("an act begins");
    let unfinished = audit.unfinished(at(100)).await.expect("they can be asked for");
    assert_eq!(unfinished.iter().map(|entry| entry.act().clone()).collect::<Vec<_>>(), [act("rollout-restart")]);
    audit.complete(entry, ActOutcome::Failed, "it was paused", at(2)).await.expect("it ends");
    assert_eq!(audit.unfinished(at(100)).await.expect("they can be asked for"), []);
    let rows = audit.list(10, None).await.expect("it can be read");
    assert_eq!(
        rows.iter().map(|row| (row.seq, row.kind, row.of_seq)).collect::<Vec<_>>(),
        [(2, AuditKind::Outcome, Some(1)), (1, AuditKind::Begun, None)]
    );
    assert!(rows[0].details.contains("failed") && rows[0].details.contains("it was paused"), "{}", rows[0].details);
    let report = audit.verify().await.expect("it can be checked");
    assert_eq!((report.rows, report.broken, report.head), (2, None, Some(rows[0].hash.clone())));
}

pub async fn the_log_refuses_to_be_changed(bed: Bed) {
    fill(&bed.store, 2).await;
    let attempts = ["UPDATE audit SET actor = 'nobody' WHERE seq = 1", "DELETE FROM audit WHERE seq = 4", "DELETE FROM audit"];
    for sql in attempts {
        let error = bed.execute(sql).await.expect_err(sql);
        assert!(error.to_string().contains("append-only"), "{sql}: {error}");
    }
    if bed.is_postgres() {
        bed.execute("TRUNCATE audit").await.expect_err("nor can it be emptied");
    }
    let report = bed.store.audit().verify().await.expect("it can be checked");
    assert_eq!((report.rows, report.broken), (4, None));
    // An act ends once, even for somebody who goes around the program.
    let again = "INSERT INTO audit SELECT 5, at, kind, of_seq, actor, action, target, incident_id, request_id, details, \
                 previous_hash, hash FROM audit WHERE seq = 4";
    bed.execute(again).await.expect_err("a second outcome of one act");
}

pub async fn a_changed_row_is_found(bed: Bed) {
    fill(&bed.store, 3).await;
    bed.disarm_audit().await;
    bed.execute("UPDATE audit SET target = 'deployment/shop/other' WHERE seq = 3").await.expect("nothing stops it now");
    let report = bed.store.audit().verify().await.expect("it can be checked");
    assert_eq!(report.broken.map(|broken| broken.seq), Some(3));
    // Sealing the changed row again moves the break to the next one.
    let hash = "a".repeat(64);
    bed.execute(&format!("UPDATE audit SET hash = '{hash}' WHERE seq = 3")).await.expect("nothing stops it now");
    let report = bed.store.audit().verify().await.expect("it can be checked");
    assert_eq!(report.broken.map(|broken| broken.seq), Some(3));
}

pub async fn a_missing_row_is_found(bed: Bed) {
    fill(&bed.store, 3).await;
    bed.disarm_audit().await;
    bed.execute("DELETE FROM audit WHERE seq = 4").await.expect("nothing stops it now");
    let broken = bed.store.audit().verify().await.expect("it can be checked").broken.expect("it is broken");
    assert_eq!((broken.seq, broken.why.as_str()), (5, "row 4 is missing"));
    bed.execute("DELETE FROM audit WHERE seq <= 4").await.expect("nothing stops it now");
    let broken = bed.store.audit().verify().await.expect("it can be checked").broken.expect("it is broken");
    assert_eq!(broken.seq, 5);
    assert!(broken.why.contains("no anchor"), "{}", broken.why);
}

pub async fn retention_leaves_a_chain_that_can_be_verified(bed: Bed) {
    fill(&bed.store, 5).await;
    let retention = Retention { incidents: SignedDuration::from_hours(1), audit: SignedDuration::from_secs(100) };
    // Rows from before second 20 are over: the first two acts, four rows.
    let cleaned = bed.store.clean(&retention, at(120)).await.expect("it can be cleaned");
    assert_eq!(cleaned.audit_rows, 4);
    let report = bed.store.audit().verify().await.expect("it can be checked");
    assert_eq!((report.first_seq, report.last_seq, report.broken), (Some(5), Some(11), None));
    let again = bed.store.clean(&retention, at(120)).await.expect("it can be cleaned");
    assert_eq!(again.audit_rows, 0, "nothing more is over");
    // Everything is over: the anchor itself is all that is left.
    bed.store.clean(&retention, at(1000)).await.expect("it can be cleaned");
    let report = bed.store.audit().verify().await.expect("it can be checked");
    assert_eq!((report.rows, report.first_seq, report.broken), (1, Some(12), None));
    // Cutting further than the anchor says is refused, and found where it was forced.
    fill(&bed.store, 1).await;
    bed.execute("DELETE FROM audit WHERE seq = 12").await.expect_err("the anchor is not vouched for");
    bed.disarm_audit().await;
    bed.execute("DELETE FROM audit WHERE seq = 12").await.expect("nothing stops it now");
    let report = bed.store.audit().verify().await.expect("it can be checked");
    assert_eq!(report.broken.map(|broken| broken.seq), Some(13));
}

pub async fn many_writers_make_one_chain(bed: Bed) {
    let stores = [bed.store.clone(), bed.other().await, bed.other().await];
    let writers = stores.map(|store| tokio::spawn(async move { fill(&store, 8).await }));
    for writer in writers {
        writer.await.expect("no writer fails");
    }
    let report = bed.store.audit().verify().await.expect("it can be checked");
    assert_eq!((report.rows, report.last_seq, report.broken), (48, Some(48), None));
}

pub async fn a_process_killed_in_an_act_leaves_it_unfinished(bed: Bed) {
    let this = std::env::current_exe().expect("this program has a file");
    let mut child = Command::new(this)
        .args(["--exact", "store::audit::child_that_begins_an_act_and_waits", "--ignored", "--nocapture"])
        .env("FAULTLINE_TEST_STORE", &bed.url)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the child starts");
    let mut said = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    said.find(|line| line.as_ref().is_ok_and(|line| line.contains("begun"))).expect("the child begins").expect("a line");
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");

    let audit = bed.store.audit();
    let mut unfinished = audit.unfinished(at(100)).await.expect("they can be asked for");
    assert_eq!(unfinished.len(), 1);
    let entry = unfinished.remove(0);
    assert_eq!(entry.act(), &act("drain"));
    audit.complete(entry, ActOutcome::Lost, "the process died", at(60)).await.expect("it is closed");
    let report = audit.verify().await.expect("it can be checked");
    assert_eq!((report.rows, report.broken), (2, None));
}

#[tokio::test]
#[ignore = "the child of a_process_killed_in_an_act_leaves_it_unfinished, which kills it"]
async fn child_that_begins_an_act_and_waits() {
    #[expect(clippy::disallowed_methods, reason = "how the parent tells its child where the store is")]
    let url = std::env::var("FAULTLINE_TEST_STORE").expect("only the parent runs this");
    let store = try_open(&url).await.expect("the store opens");
    let _entry = store.audit().begin(act("drain"), at(50)).await.expect("an act begins");
    println!("begun");
    let _ = std::io::stdin().read(&mut [0]);
}
