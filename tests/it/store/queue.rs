//! The alert queue: in order, one cause at a time, never more than fits, never lost.

use std::collections::BTreeSet;

use faultline::{
    domain::alert::AlertState,
    incidents::{Pushed, QueueCounts, Released, TakenAlert, WaitingAlert},
};

use super::bed::{Bed, at};

fn alert(fingerprint: &str) -> WaitingAlert {
    WaitingAlert {
        fingerprint: fingerprint.to_owned(),
        group_key: "g".to_owned(),
        cause: format!("cause of {fingerprint}"),
        target: format!("target of {fingerprint}"),
        state: AlertState::Firing,
        payload: format!("{{\"n\":\"{fingerprint}\"}}"),
    }
}

fn resolved(fingerprint: &str) -> WaitingAlert {
    WaitingAlert { state: AlertState::Resolved, payload: "{\"over\":true}".to_owned(), ..alert(fingerprint) }
}

async fn push(bed: &Bed, alerts: &[WaitingAlert], seconds: i64) -> Vec<Pushed> {
    bed.store.queue().push_all(alerts, 100, at(seconds)).await.expect("it answers").expect("there is room")
}

async fn take(bed: &Bed, holder: &str, seconds: i64) -> Vec<TakenAlert> {
    bed.store.queue().take(50, holder, at(seconds)).await.expect("it answers")
}

/// In the order of the alphabet: what came at once has no order of its own.
fn names(taken: &[TakenAlert]) -> Vec<&str> {
    let mut names: Vec<&str> = taken.iter().map(|one| one.alert.fingerprint.as_str()).collect();
    names.sort_unstable();
    names
}

async fn counts(bed: &Bed) -> QueueCounts {
    bed.store.queue().counts().await.expect("it answers")
}

pub async fn alerts_come_out_in_order_and_once(bed: Bed) {
    for (number, name) in ["c", "a", "b"].into_iter().enumerate() {
        push(&bed, &[alert(name)], i64::try_from(number).expect("small")).await;
    }
    for (holder, name) in [("w1", "c"), ("w2", "a"), ("w1", "b")] {
        let taken = take(&bed, holder, 10).await;
        assert_eq!(taken.iter().map(|one| one.alert.clone()).collect::<Vec<_>>(), [alert(name)]);
    }
    assert!(take(&bed, "w3", 11).await.is_empty());
    assert_eq!(counts(&bed).await, QueueCounts { queued: 0, taken: 3, given_up: 0 });
}

pub async fn alerts_of_one_cause_go_to_one_worker(bed: Bed) {
    let of_cause = |name: &str| WaitingAlert { cause: "x".to_owned(), ..alert(name) };
    let of_group = |name: &str| WaitingAlert { target: "target of a".to_owned(), ..alert(name) };
    let elsewhere = WaitingAlert { group_key: "other".to_owned(), ..of_group("e") };
    push(&bed, &[of_cause("a")], 0).await;
    push(&bed, &[of_cause("b"), of_group("d")], 1).await;
    push(&bed, &[alert("c")], 2).await;
    push(&bed, &[elsewhere], 3).await;
    assert_eq!(names(&take(&bed, "w1", 1).await), ["a", "b", "d"], "one cause, and one group about one target");
    push(&bed, &[of_cause("late"), of_group("later")], 4).await;
    assert_eq!(names(&take(&bed, "w2", 3).await), ["c"]);
    assert_eq!(names(&take(&bed, "w2", 3).await), ["e"]);
    assert!(take(&bed, "w2", 3).await.is_empty(), "what is left is of a cause in work");
    assert_eq!(bed.store.queue().put_back("w1").await.expect("it answers"), Released { waiting: 3, given_up: 0 });
    assert_eq!(names(&take(&bed, "w2", 4).await), ["a", "b", "d", "late", "later"]);
}

pub async fn two_takers_never_get_the_same_alert(bed: Bed) {
    for number in 0..60 {
        push(&bed, &[alert(&format!("alert {number}"))], number).await;
    }
    let mut takers = Vec::new();
    for name in ["w1", "w2", "w3"] {
        let store = bed.other().await;
        takers.push(tokio::spawn(async move {
            let mut got = Vec::new();
            loop {
                let taken = store.queue().take(4, name, at(100)).await.expect("it answers");
                if taken.is_empty() {
                    return got;
                }
                got.extend(taken.into_iter().map(|one| one.alert.fingerprint));
            }
        }));
    }
    let mut all = Vec::new();
    for taker in takers {
        all.extend(taker.await.expect("no taker fails"));
    }
    assert_eq!(all.len(), 60);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 60, "each went to one taker");
}

pub async fn the_same_alert_waits_once(bed: Bed) {
    assert_eq!(push(&bed, &[alert("a"), alert("a")], 0).await, [Pushed::Queued, Pushed::Replaced]);
    assert_eq!(push(&bed, &[alert("b")], 1).await, [Pushed::Queued]);
    assert_eq!(push(&bed, &[resolved("a")], 1).await, [Pushed::Replaced]);
    let taken = take(&bed, "w", 2).await;
    assert_eq!((&taken[0].alert, taken[0].is_unseen_firing), (&resolved("a"), true), "that it fired is not forgotten");
    // What comes while it is in work is news, waits for it, and makes the old one needless if that fails.
    push(&bed, &[alert("a")], 3).await;
    assert_eq!(names(&take(&bed, "w2", 3).await), ["b"]);
    assert!(take(&bed, "w2", 3).await.is_empty());
    bed.store.queue().put_back("w").await.expect("it answers");
    assert_eq!(counts(&bed).await, QueueCounts { queued: 1, taken: 1, given_up: 0 });
    let again = take(&bed, "w", 4).await;
    assert_eq!((&again[0].alert, again[0].is_unseen_firing), (&alert("a"), false));
    // The same the other way round: its end came while it was in work, and that failed.
    push(&bed, &[resolved("a")], 5).await;
    bed.store.queue().put_back("w").await.expect("it answers");
    assert!(take(&bed, "w", 6).await[0].is_unseen_firing);
}

pub async fn a_full_queue_takes_all_or_none(bed: Bed) {
    let queue = bed.store.queue();
    let push = async |alerts: &[WaitingAlert]| queue.push_all(alerts, 3, at(0)).await.expect("it answers");
    assert!(push(&[alert("a"), alert("b")]).await.is_some());
    assert_eq!(push(&[alert("c"), alert("d")]).await, None);
    assert_eq!(counts(&bed).await.queued, 2, "not even the first of them");
    assert!(push(&[alert("a"), alert("c"), alert("b")]).await.is_some(), "what waits already needs no room");
    assert_eq!(names(&take(&bed, "w", 1).await).len(), 1);
    assert_eq!(push(&[alert("d")]).await, None, "what is in work counts");
    assert!(push(&[]).await.is_some());
}

pub async fn a_lost_alert_waits_again_and_is_given_up_in_the_end(bed: Bed) {
    push(&bed, &[alert("a")], 0).await;
    let queue = bed.store.queue();
    for attempt in 1..=5 {
        let now = attempt * 100;
        let taken = take(&bed, "w", now - 10).await;
        assert_eq!(taken.iter().map(|one| one.attempts).collect::<Vec<_>>(), [u64::try_from(attempt).expect("small")]);
        queue.still_working("w", at(now)).await.expect("it answers");
        assert_eq!(queue.requeue_lost(at(now)).await.expect("it answers"), Released::default(), "its worker lives");
        let lost = queue.requeue_lost(at(now + 1)).await.expect("it answers");
        assert_eq!((lost.waiting, lost.given_up), if attempt < 5 { (1, 0) } else { (0, 1) });
    }
    assert!(take(&bed, "w", 900).await.is_empty());
    assert_eq!(counts(&bed).await, QueueCounts { queued: 0, taken: 0, given_up: 1 });
}

pub async fn what_a_stopping_worker_hands_back_was_not_tried(bed: Bed) {
    push(&bed, &[alert("a")], 0).await;
    for _ in 0..10 {
        let taken = take(&bed, "w", 1).await;
        assert_eq!(taken.iter().map(|one| one.attempts).collect::<Vec<_>>(), [1]);
        assert_eq!(bed.store.queue().hand_back("other").await.expect("it answers"), Released::default());
        assert_eq!(bed.store.queue().hand_back("w").await.expect("it answers"), Released { waiting: 1, given_up: 0 });
    }
    let taken = take(&bed, "w", 2).await;
    bed.store.queue().give_up(&taken[0].id, "other").await.expect("it answers");
    assert_eq!(counts(&bed).await, QueueCounts { queued: 0, taken: 1, given_up: 0 });
    bed.store.queue().give_up(&taken[0].id, "w").await.expect("it answers");
    assert_eq!(counts(&bed).await, QueueCounts { queued: 0, taken: 0, given_up: 1 });
}
