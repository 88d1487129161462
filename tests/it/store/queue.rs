//! The alert queue: in order, once each, never more than fits, never lost.

use std::collections::BTreeSet;

use faultline::incidents::{Alert, Pushed, QueueCounts};

use super::bed::{Bed, at};

fn alert(fingerprint: &str) -> Alert {
    Alert { fingerprint: fingerprint.to_owned(), group_key: "g".to_owned(), payload: format!("{{\"n\":\"{fingerprint}\"}}") }
}

async fn push(bed: &Bed, fingerprint: &str, seconds: i64) -> Pushed {
    bed.store.queue().push(&alert(fingerprint), 100, at(seconds)).await.expect("it answers")
}

pub async fn alerts_come_out_in_order_and_once(bed: Bed) {
    for (number, name) in ["c", "a", "b"].into_iter().enumerate() {
        push(&bed, name, i64::try_from(number).expect("small")).await;
    }
    let queue = bed.store.queue();
    let taken = queue.take(2, "w1", at(10)).await.expect("it answers");
    assert_eq!(taken.iter().map(|one| one.alert.fingerprint.as_str()).collect::<Vec<_>>(), ["c", "a"]);
    let rest = queue.take(10, "w2", at(11)).await.expect("it answers");
    assert_eq!(rest.iter().map(|one| one.alert.clone()).collect::<Vec<_>>(), [alert("b")]);
    assert!(!queue.done(&taken[0].id, "w2").await.expect("it answers"), "it is another's");
    assert!(queue.done(&taken[0].id, "w1").await.expect("it answers"));
    assert!(!queue.done(&taken[0].id, "w1").await.expect("it answers"), "it is gone");
    assert_eq!(queue.counts().await.expect("it answers"), QueueCounts { queued: 0, taken: 2, given_up: 0 });
}

pub async fn two_takers_never_get_the_same_alert(bed: Bed) {
    for number in 0..60 {
        push(&bed, &format!("alert {number}"), number).await;
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
    let queue = bed.store.queue();
    let Pushed::Queued { id } = push(&bed, "a", 0).await else { panic!("it is new") };
    let resolved = Alert { payload: "{\"status\":\"resolved\"}".to_owned(), ..alert("a") };
    assert_eq!(queue.push(&resolved, 1, at(1)).await.expect("it answers"), Pushed::Replaced { id: id.clone() });
    let taken = queue.take(5, "w", at(2)).await.expect("it answers");
    assert_eq!(taken.iter().map(|one| &one.alert).collect::<Vec<_>>(), [&resolved]);
    // What comes while it is in work is news, and makes the old one needless if that fails.
    push(&bed, "a", 3).await;
    assert!(queue.put_back(&id, "w").await.expect("it answers"));
    assert_eq!(queue.counts().await.expect("it answers"), QueueCounts { queued: 1, taken: 0, given_up: 0 });
    assert_eq!(queue.take(5, "w", at(4)).await.expect("it answers")[0].alert, alert("a"));
}

pub async fn a_full_queue_takes_no_more(bed: Bed) {
    let queue = bed.store.queue();
    assert!(matches!(queue.push(&alert("a"), 2, at(0)).await.expect("it answers"), Pushed::Queued { .. }));
    assert!(matches!(queue.push(&alert("b"), 2, at(0)).await.expect("it answers"), Pushed::Queued { .. }));
    assert_eq!(queue.push(&alert("c"), 2, at(0)).await.expect("it answers"), Pushed::Full);
    let taken = queue.take(1, "w", at(1)).await.expect("it answers");
    assert_eq!(queue.push(&alert("c"), 2, at(1)).await.expect("it answers"), Pushed::Full, "what is in work counts");
    assert!(queue.done(&taken[0].id, "w").await.expect("it answers"));
    assert!(matches!(queue.push(&alert("c"), 2, at(2)).await.expect("it answers"), Pushed::Queued { .. }));
}

pub async fn a_lost_alert_waits_again_and_is_given_up_in_the_end(bed: Bed) {
    push(&bed, "a", 0).await;
    let queue = bed.store.queue();
    for attempt in 1..=5 {
        let now = attempt * 100;
        let taken = queue.take(1, "w", at(now)).await.expect("it answers");
        assert_eq!(taken.iter().map(|one| one.attempts).collect::<Vec<_>>(), [u64::try_from(attempt).expect("small")]);
        assert_eq!(queue.requeue_lost(at(now)).await.expect("it answers"), 0, "it is in work");
        assert_eq!(queue.requeue_lost(at(now + 1)).await.expect("it answers"), 1);
    }
    assert_eq!(queue.take(1, "w", at(900)).await.expect("it answers"), []);
    assert_eq!(queue.counts().await.expect("it answers"), QueueCounts { queued: 0, taken: 0, given_up: 1 });
}
