//! The store of incidents in the life of the process: opened at the start, tried again while it is missing, cleaned.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::{debug, info, warn};

use super::StartError;
use crate::{
    config,
    incidents::{OpenError, PlaceSettings, Records, Retention, Store, StoreError},
    telemetry,
};

const TRY_AGAIN_EVERY: Duration = Duration::from_secs(15);
/// Rounds between two cleanings: an hour.
const CLEAN_EVERY_ROUNDS: u32 = 240;
/// The time that the metrics tell of.
const TOLD_OF: SignedDuration = SignedDuration::from_hours(24);
const TELL_WITHIN: Duration = Duration::from_secs(5);
/// Of several replicas one cleans; the others find the lease taken.
const CLEANING: &str = "retention";
const CLEANING_TAKES: SignedDuration = SignedDuration::from_mins(30);

/// The store that the settings name, or why there is none. A setting that can never work is an error.
pub async fn records(settings: &PlaceSettings) -> Result<Records, StartError> {
    let place = settings.place(config::user_data_dir()).map_err(|why| StartError::DatabaseUrl { why })?;
    let is_named = !settings.database_url.is_empty();
    Records::open(place, now()).await.map_err(|error| match error {
        OpenError::Refused(why) if is_named => StartError::DatabaseUrl { why },
        OpenError::Refused(_) | OpenError::Unavailable(_) | OpenError::Newer { .. } => {
            StartError::Store { why: error.to_string() }
        }
    })
}

/// Looks after the store until the process ends.
pub async fn keep(records: Arc<Records>, retention: Retention) {
    let holder = uuid::Uuid::now_v7().to_string();
    let mut ticks = interval(TRY_AGAIN_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut rounds_to_cleaning = 0;
    let mut told = BTreeSet::new();
    loop {
        ticks.tick().await;
        if let Some(store) = records.store() {
            tell(&store, &mut told).await;
        }
        if !records.try_again(now()).await || rounds_to_cleaning > 0 {
            rounds_to_cleaning = u32::saturating_sub(rounds_to_cleaning, 1);
            continue;
        }
        rounds_to_cleaning = CLEAN_EVERY_ROUNDS;
        let Some(store) = records.store() else { continue };
        if let Err(error) = clean(&store, &holder, &retention).await {
            warn!(%error, "could not clean the store of incidents; it is tried again in an hour");
        }
    }
}

/// How incidents are, for the metrics.
async fn tell(store: &Store, told: &mut BTreeSet<String>) {
    let now = now();
    let since = now.checked_sub(TOLD_OF).unwrap_or(Timestamp::MIN);
    match timeout(TELL_WITHIN, store.incidents().stats(since, now)).await {
        Ok(Ok(stats)) => telemetry::incidents(&stats, told),
        Ok(Err(error)) => debug!(%error, "could not count incidents"),
        Err(_) => debug!("could not count incidents in time"),
    }
}

async fn clean(store: &Store, holder: &str, retention: &Retention) -> Result<(), StoreError> {
    let now = now();
    let until = now.checked_add(CLEANING_TAKES).unwrap_or(Timestamp::MAX);
    if !store.leases().acquire(CLEANING, holder, until, now).await? {
        return Ok(());
    }
    store.remediations().expire(now).await?;
    let cleaned = store.clean(retention, now).await?;
    store.leases().release(CLEANING, holder).await?;
    info!(incidents = cleaned.incidents, audit_rows = cleaned.audit_rows, "cleaned the store of incidents");
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the process's own upkeep is an edge: the clock is read here")]
fn now() -> Timestamp {
    Timestamp::now()
}
