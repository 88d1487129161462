//! What is thrown away, and when.

use jiff::{SignedDuration, Timestamp};

use super::{
    database::{StoreError, values},
    settings::StoreSettings,
    store::Store,
};

/// How long things are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Of an incident, after its end.
    pub incidents: SignedDuration,
    pub audit: SignedDuration,
}

impl Retention {
    pub fn of(settings: &StoreSettings) -> Self {
        let days = |days: u32| SignedDuration::from_hours(24 * i64::from(days));
        Self { incidents: days(settings.incident_retention_days), audit: days(settings.audit_retention_days) }
    }
}

/// How many of each were thrown away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    pub incidents: u64,
    pub audit_rows: u64,
    /// Rows that only served for a while: spendings, claims, leases, replays and replies that are over, alerts given up, old remediations.
    pub others: u64,
}

/// What limits how often something is done is never asked further back.
const SPENDINGS_KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Incidents that go in one transaction, so that none is long.
const BATCH: i64 = 500;

impl Store {
    /// Throws away what is over for long enough. An incident that is not resolved stays, however old.
    pub async fn clean(&self, retention: &Retention, now: Timestamp) -> Result<Cleaned, StoreError> {
        let before = |kept: SignedDuration| now.checked_sub(kept).unwrap_or(Timestamp::MIN);
        let mut cleaned = Cleaned::default();
        loop {
            let mut work = self.database.write().await?;
            let old = "DELETE FROM incidents WHERE id IN \
                       (SELECT id FROM incidents WHERE status = 'resolved' AND resolved_at < $1 ORDER BY resolved_at LIMIT $2)";
            let gone = work.run(old, values![before(retention.incidents), BATCH]).await?;
            work.commit().await?;
            cleaned.incidents += gone;
            if gone == 0 {
                break;
            }
        }
        let mut work = self.database.write().await?;
        let passing = [
            ("DELETE FROM spendings WHERE at < $1", before(SPENDINGS_KEPT)),
            ("DELETE FROM claims WHERE until_at < $1", now),
            ("DELETE FROM leases WHERE until_at < $1", now),
            ("DELETE FROM replays WHERE until_at < $1", now),
            ("DELETE FROM model_replies WHERE until_at < $1", now),
            ("DELETE FROM alert_queue WHERE state = 'given_up' AND queued_at < $1", before(retention.incidents)),
            (
                "DELETE FROM remediations WHERE incident_id IS NULL AND status NOT IN ('applying', 'stuck') AND updated_at < $1",
                before(retention.incidents),
            ),
        ];
        for (sql, before) in passing {
            cleaned.others += work.run(sql, values![before]).await?;
        }
        work.commit().await?;
        cleaned.audit_rows = self.audit().forget(before(retention.audit), now).await?;
        Ok(cleaned)
    }
}
