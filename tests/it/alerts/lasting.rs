//! Nothing that was answered 202 is lost, whoever dies.

use std::{sync::Arc, time::Duration};

use faultline::{
    app::alerts::{LOST_AFTER, Workers},
    cluster::Cluster,
    incidents::Records,
    pipeline::alerts::{
        AlertSettings,
        work::{self, Diagnosed},
    },
};
use futures_util::{FutureExt, future::join_all};

use super::bed::{Alerting, PATH, diagnoses, killed, later, notification, now, over, pod, stages, work_as, worker};
use crate::support::serving::Serving;

pub async fn a_restart_loses_nothing(alerting: Alerting) {
    alerting.send(&[killed(&pod("cart", 1)), killed(&pod("orders", 1))]).await;
    let url = alerting.bed.url.clone();
    drop((alerting.app, alerting.stages));
    let store = crate::store::bed::try_open(&url).await.expect("the store opens again");
    let stages = stages(Records::of(store.clone()), Cluster::none(), 20_000);
    assert_eq!(diagnoses(&work_as(&stages, &store, "new", now()).await), 2);
}

pub async fn what_a_dead_worker_had_is_worked_off(alerting: Alerting) {
    let alert = killed(&pod("cart", 1));
    alerting.send(std::slice::from_ref(&alert)).await;
    let queue = alerting.store().queue();
    assert_eq!(queue.take(10, "dead", now()).await.expect("it answers").len(), 1);
    alerting.send(&[over(&alert)]).await;
    assert!(alerting.work().await.is_empty(), "its end waits for it");
    let released = queue.requeue_lost(later(2).checked_sub(LOST_AFTER).expect("a time")).await.expect("it answers");
    assert_eq!(released.waiting, 1);
    assert_eq!(alerting.work().await.len(), 1);
    assert_eq!(alerting.incident().await.alerts, 1, "it fired, and that is told");
}

pub async fn a_round_that_is_dropped_is_given_back(alerting: Alerting) {
    alerting.send(&[killed(&pod("cart", 1))]).await;
    // Polled as often as it needs to have taken the alert, then dropped, as a worker that is told to stop does.
    let mut round = Box::pin(work::next(&alerting.stages, alerting.store(), worker("w"), now()));
    while alerting.store().queue().counts().await.expect("it answers").taken == 0 {
        assert!((&mut round).now_or_never().is_none(), "it is not done before it took anything");
    }
    drop(round);
    alerting.store().queue().hand_back("w").await.expect("it answers");
    assert_eq!(alerting.waiting().await, 1);
    assert_eq!(diagnoses(&alerting.work().await), 1);
    assert_eq!(alerting.incident().await.alerts, 1);
}

pub async fn two_workers_make_one_diagnosis_of_a_cause(alerting: Alerting) {
    let alerts: Vec<_> = (0..200).map(|number| killed(&pod(["cart", "orders", "web", "search"][number % 4], number))).collect();
    alerting.send(&alerts).await;
    let stores = [alerting.bed.other().await, alerting.bed.other().await];
    let names = ["one", "two"];
    let working = names.iter().zip(&stores).map(|(name, store)| work_as(&alerting.stages, store, name, now()));
    let rounds: Vec<_> = join_all(working).await.into_iter().flatten().collect();
    assert_eq!(diagnoses(&rounds), 4);
    let mut alerts: Vec<u64> = alerting.incidents().await.iter().map(|one| one.alerts).collect();
    alerts.sort_unstable();
    assert_eq!(alerts, [50, 50, 50, 50]);
}

pub async fn what_kills_its_workers_has_an_incident_without_a_diagnosis(alerting: Alerting) {
    alerting.send(&[killed(&pod("cart", 1))]).await;
    let queue = alerting.store().queue();
    for _ in 0..3 {
        assert_eq!(queue.take(10, "dies", now()).await.expect("it answers").len(), 1);
        queue.requeue_lost(later(2)).await.expect("it answers");
    }
    assert_eq!(alerting.work().await[0].diagnosed, Some(Diagnosed::Failed));
    let incident = alerting.incident().await;
    assert_eq!((incident.category.as_str(), incident.alerts, incident.diagnoses), ("Unknown", 1, 0));
}

pub async fn a_store_that_fails_halfway_counts_nothing_twice(alerting: Alerting) {
    alerting.send(&[killed(&pod("cart", 1)), killed(&pod("cart", 2))]).await;
    let rename = |from: &str, to: &str| format!("ALTER TABLE {from} RENAME TO {to}");
    alerting.bed.execute(&rename("timeline", "gone")).await.expect("somebody breaks it");
    work::next(&alerting.stages, alerting.store(), worker("w"), now()).await.expect_err("it cannot be written down");
    let released = alerting.store().queue().put_back("w").await.expect("it answers");
    assert_eq!(released.waiting, 2);
    assert!(alerting.incidents().await.is_empty(), "half of an incident is none");
    alerting.bed.execute(&rename("gone", "timeline")).await.expect("it is mended");
    assert_eq!(diagnoses(&alerting.work().await), 1);
    assert_eq!(alerting.incident().await.alerts, 2);
}

/// The workers of a process, which begin by themselves when alerts come in and stop when they are told.
#[tokio::test]
async fn the_workers_of_the_process_work_and_stop() {
    let alerting = Alerting::on(crate::store::bed::Bed::sqlite().await);
    let workers =
        Workers::start(&alerting.stages, &AlertSettings { alert_queue_size: 20_000, alert_workers: 2 }, Duration::from_secs(30));
    alerting.send(&[killed(&pod("cart", 1)), killed(&pod("orders", 1))]).await;
    while alerting.waiting().await > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(alerting.incidents().await.len(), 2);
    workers.stopped().await;
    alerting.send(&[killed(&pod("web", 1))]).await;
    assert_eq!(alerting.waiting().await, 1, "nobody works any more");
    assert_eq!(Arc::strong_count(&alerting.stages), 2, "the workers are gone; the router is left");
}

/// A process that is killed the moment it has answered, and the next one on the same file.
#[tokio::test]
async fn a_killed_process_loses_nothing_that_it_answered_for() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let place = format!("--data-dir={}", folder.path().display());
    let alerts: Vec<_> = (0..50).map(|number| killed(&pod(["cart", "orders"][number % 2], number))).collect();
    let first = Serving::start(&["--no-cluster", &place, "--alert-workers=0"]);
    let answer = first.post(PATH, "", &notification(&alerts).to_string()).await;
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    drop(first);
    let second = Serving::start(&["--no-cluster", &place]);
    let mut answer = String::new();
    // It has work from its first moment on; what is asked for meanwhile is answered all the same.
    while answer.matches("\"alerts\":25").count() < 2 {
        answer = second.get("/incidents").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert!(second.get("/metrics").await.contains("faultline_alert_diagnoses_total{outcome=\"known\"} 2"));
}

#[tokio::test]
async fn without_workers_alerts_wait() {
    let alerting = Alerting::on(crate::store::bed::Bed::sqlite().await);
    let none = AlertSettings { alert_queue_size: 20_000, alert_workers: 0 };
    let workers = Workers::start(&alerting.stages, &none, Duration::from_secs(30));
    alerting.send(&[killed(&pod("cart", 1))]).await;
    workers.stopped().await;
    assert_eq!(alerting.waiting().await, 1);
}
