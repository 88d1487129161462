//! Who works off the alerts while the process lives, and gives back what is not done when it ends.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tracing::{error, warn};
use uuid::Uuid;

use crate::{
    incidents::{Store, StoreError},
    pipeline::{
        Stages,
        alerts::{
            AlertSettings,
            work::{self, Worker},
        },
    },
    telemetry,
};

/// How often somebody looks whether there is work; alerts that come in here are worked at sooner.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often the queue is counted and workers say that they live.
const UPKEEP_EVERY: Duration = Duration::from_secs(10);
/// A worker that was not heard of for this long is dead, and what it had is another's.
pub const LOST_AFTER: SignedDuration = SignedDuration::from_secs(60);
/// A store that does not take back what is not done does not hold up the end of the process.
const GIVE_BACK_WITHIN: Duration = Duration::from_secs(5);

/// The workers of this process.
pub struct Workers {
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
}

impl Workers {
    /// Starts them, and who looks after the queue.
    pub fn start(stages: &Arc<Stages>, settings: &AlertSettings, diagnose_within: Duration) -> Self {
        let (stop, stopping) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let holders: Vec<String> = (0..settings.alert_workers).map(|number| format!("{}/{number}", Uuid::now_v7())).collect();
        for holder in holders.clone() {
            tasks.spawn(work(Arc::clone(stages), holder, diagnose_within, stopping.clone()));
        }
        tasks.spawn(look_after(Arc::clone(stages), holders, stopping));
        Self { tasks, stop }
    }

    /// From now on no more work is begun, and what is in work is given back.
    pub fn begin_stopping(&self) {
        self.stop.send_replace(true);
    }

    /// Ends when they have stopped.
    pub async fn stopped(mut self) {
        self.begin_stopping();
        while self.tasks.join_next().await.is_some() {}
    }
}

async fn work(stages: Arc<Stages>, holder: String, diagnose_within: Duration, mut stopping: watch::Receiver<bool>) {
    let worker = Worker { holder: &holder, diagnose_within };
    while !*stopping.borrow() {
        let store = stages.records.store();
        let round = async {
            match &store {
                Some(store) => work::next(&stages, store, worker, now()).await,
                None => Ok(None),
            }
        };
        let done = tokio::select! {
            biased;
            _ = stopping.changed() => {
                // The round is dropped where it stands; what it wrote is whole or not there at all.
                if let Some(store) = &store {
                    hand_back(store, &holder).await;
                }
                return;
            }
            done = round => done,
        };
        match (done, &store) {
            (Ok(Some(round)), _) => {
                telemetry::alerts_worked(&round);
                continue;
            }
            (Err(error), Some(store)) => put_back(store, &holder, &error).await,
            (Ok(None), _) | (Err(_), None) => {}
        }
        tokio::select! {
            _ = stopping.changed() => {}
            () = stages.alerts.arrival() => {}
            () = sleep(LOOK_EVERY) => {}
        }
    }
}

async fn put_back(store: &Store, holder: &str, error: &StoreError) {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    warn!(%error, cause, "alerts could not be dealt with; they wait again");
    match store.queue().put_back(holder).await {
        Ok(released) => telemetry::alerts_given_up(released.given_up),
        Err(error) => warn!(%error, "alerts could not be put back; they wait again in a minute"),
    }
    sleep(LOOK_EVERY).await;
}

async fn hand_back(store: &Store, holder: &str) {
    match timeout(GIVE_BACK_WITHIN, store.queue().hand_back(holder)).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => error!(%error, "alerts in work could not be given back; another worker takes them in a minute"),
        Err(_) => error!("alerts in work could not be given back in time; another worker takes them in a minute"),
    }
}

async fn look_after(stages: Arc<Stages>, holders: Vec<String>, mut stopping: watch::Receiver<bool>) {
    let mut ticks = interval(UPKEEP_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !*stopping.borrow() {
        tokio::select! {
            biased;
            _ = stopping.changed() => return,
            _ = ticks.tick() => {}
        }
        let Some(store) = stages.records.store() else { continue };
        if let Err(error) = upkeep(&stages, &store, &holders, now()).await {
            warn!(%error, "could not look after the queue of alerts; it is tried again in ten seconds");
        }
    }
}

async fn upkeep(stages: &Stages, store: &Store, holders: &[String], now: Timestamp) -> Result<(), StoreError> {
    for holder in holders {
        store.queue().still_working(holder, now).await?;
    }
    let lost = store.queue().requeue_lost(now.checked_sub(LOST_AFTER).unwrap_or(Timestamp::MIN)).await?;
    if lost.waiting + lost.given_up > 0 {
        warn!(waiting = lost.waiting, given_up = lost.given_up, "alerts of a worker that died wait again");
    }
    telemetry::alerts_given_up(lost.given_up);
    telemetry::alerts_waiting(store.queue().counts().await?, stages.alerts.most());
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the process's own work is an edge: the clock is read here, once per round")]
fn now() -> Timestamp {
    Timestamp::now()
}
