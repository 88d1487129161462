//! The store of incidents: reachable, of this version's schema, whole, in time, with room.

use std::{cmp::Ordering, path::Path};

use jiff::Timestamp;
use tokio::time::timeout;

use super::{super::store::now, CHECK_WITHIN, Finding};
use crate::{
    config,
    incidents::{OpenError, Place, PlaceSettings, SCHEMA_VERSION, Store},
};

/// Free bytes below which somebody should look.
#[cfg(unix)]
const LITTLE_ROOM: u64 = 1 << 30;
/// Free bytes below which nothing can be kept for long.
#[cfg(unix)]
const NO_ROOM: u64 = 100 << 20;
/// Seconds that clocks may differ before ages look wrong, and before tokens and leases do not hold.
const CLOCK_WARN: i64 = 5;
const CLOCK_FAIL: i64 = 60;

pub async fn store(settings: &PlaceSettings) -> Vec<Finding> {
    let place = match settings.place(config::user_data_dir()) {
        Ok(place) => place,
        Err(why) => {
            return vec![Finding::fail("store", format!("DATABASE_URL {why}"), "Mend it: the service does not start so.")];
        }
    };
    let mut found = match &place {
        Place::Off => return vec![Finding::ok("store", "switched off (DATABASE_URL=off): nothing is remembered")],
        Place::File { file, .. } if !file.exists() => {
            vec![Finding::ok("store", format!("{} is made at the start", file.display()))]
        }
        Place::Nowhere(_) | Place::File { .. } | Place::Postgres(_) => opened(&place).await,
    };
    if let Place::File { file, .. } = &place {
        found.extend(disk("store", file.parent().unwrap_or(Path::new("."))));
    }
    found
}

async fn opened(place: &Place) -> Vec<Finding> {
    let advice = "See DATABASE_URL and DATA_DIR, and whether the database runs and lets this account in.";
    let (store, schema) = match timeout(CHECK_WITHIN, Store::look_at(place)).await {
        Ok(Ok(opened)) => opened,
        Err(_) => {
            let said = format!("{} gave no answer in {} seconds", place.describe(), CHECK_WITHIN.as_secs());
            return vec![Finding::fail("store", said, advice)];
        }
        Ok(Err(error @ (OpenError::Refused(_) | OpenError::Newer { .. } | OpenError::Unavailable(_)))) => {
            return vec![Finding::fail("store", error.to_string(), advice)];
        }
    };
    let what = place.describe();
    let mut found = vec![match schema.cmp(&SCHEMA_VERSION) {
        Ordering::Greater => {
            let said = format!("{what} has schema {schema}, and this version knows up to {SCHEMA_VERSION}");
            Finding::fail("store", said, "Start the newer version, or name another store.")
        }
        Ordering::Less => Finding::ok("store", format!("{what}, schema {schema}; the start brings it to {SCHEMA_VERSION}")),
        Ordering::Equal => Finding::ok("store", format!("{what}, schema {schema}")),
    }];
    if schema > 0 && schema <= SCHEMA_VERSION {
        found.push(timeout(CHECK_WITHIN, audit(&store)).await.unwrap_or_else(|_| {
            let said = format!("it has more rows than could be checked in {} seconds", CHECK_WITHIN.as_secs());
            Finding::warn("audit log", said, "faultline audit verify checks all of it.")
        }));
    }
    if let Ok(Ok(Some(clock))) = timeout(CHECK_WITHIN, store.clock()).await {
        found.push(skew("clock of the store", clock, now()));
    }
    store.close().await;
    found
}

async fn audit(store: &Store) -> Finding {
    match store.audit().verify().await {
        Ok(report) => match report.broken {
            None => Finding::ok("audit log", format!("{} rows are whole", report.rows)),
            Some(broken) => {
                let said = format!("the chain is broken at row {}: {}", broken.seq, broken.why);
                Finding::fail(
                    "audit log",
                    said,
                    "Somebody changed it: compare with a backup, and find out who could write to the store.",
                )
            }
        },
        Err(error) => Finding::fail("audit log", error.to_string(), "See the database's own log."),
    }
}

/// How far another clock is from ours.
pub fn skew(check: &'static str, clock: Timestamp, now: Timestamp) -> Finding {
    let seconds = clock.duration_since(now).as_secs().abs();
    let said = format!("{seconds} s from ours");
    let advice = "Let both keep time by NTP: ages, tokens and leases go by clocks.";
    match seconds {
        CLOCK_FAIL.. => Finding::fail(check, said, advice),
        CLOCK_WARN.. => Finding::warn(check, said, advice),
        _ => Finding::ok(check, format!("within {CLOCK_WARN} s of ours")),
    }
}

/// Room in a folder, or in the nearest one above that is there.
#[cfg(unix)]
pub fn disk(check: &'static str, folder: &Path) -> Vec<Finding> {
    use rustix::fs::{Access, access, statvfs};
    let Some(there) = folder.ancestors().find(|above| above.as_os_str().is_empty() || above.is_dir()) else { return Vec::new() };
    let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
    let mut found = Vec::new();
    if access(there, Access::WRITE_OK).is_err() {
        let said = format!("{} cannot be written to", there.display());
        found.push(Finding::fail(check, said, "Give this account the folder, or name another (DATA_DIR, CACHE_DIR)."));
    }
    if let Ok(room) = statvfs(there) {
        let free = room.f_bavail.saturating_mul(room.f_frsize);
        let said = format!("{} MiB free in {}", free >> 20, there.display());
        let advice = "Make room, or name a folder on a larger disk.";
        found.push(match free {
            ..NO_ROOM => Finding::fail(check, said, advice),
            NO_ROOM..LITTLE_ROOM => Finding::warn(check, said, advice),
            _ => Finding::ok(check, said),
        });
    }
    found
}

/// Nobody tells.
#[cfg(not(unix))]
pub fn disk(_: &'static str, _: &Path) -> Vec<Finding> {
    Vec::new()
}
