//! Alerts that wait for a diagnosis. They survive a restart, and no two workers get the same one.

use jiff::Timestamp;

use super::{
    database::{Database, Dialect, StoreError, values},
    new_id,
};

#[derive(Clone, Copy, Debug)]
pub struct AlertQueue<'a> {
    pub(super) database: &'a Database,
}

/// An alert as it comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// The same for the same alert, whenever it fires.
    pub fingerprint: String,
    pub group_key: String,
    /// The alert itself, as JSON.
    pub payload: String,
}

/// An alert in the hands of a worker, who says [`AlertQueue::done`] or [`AlertQueue::put_back`] about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenAlert {
    pub id: String,
    pub alert: Alert,
    /// How often it was taken, this time included.
    pub attempts: u64,
    pub queued_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pushed {
    Queued {
        id: String,
    },
    /// The same alert waited already; what came now takes its place.
    Replaced {
        id: String,
    },
    /// As many wait as may: try again later.
    Full,
}

/// How many alerts there are, by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueCounts {
    pub queued: u64,
    pub taken: u64,
    /// Failed too often; kept to be looked at, until retention takes them.
    pub given_up: u64,
}

/// An alert that was taken this often is given up.
pub const MOST_ATTEMPTS: i64 = 5;

impl AlertQueue<'_> {
    /// Puts an alert at the end, as long as fewer than `most` wait or are in work.
    pub async fn push(&self, alert: &Alert, most: usize, now: Timestamp) -> Result<Pushed, StoreError> {
        let mut work = self.database.write().await?;
        work.lock("alert queue").await?;
        let replace =
            "UPDATE alert_queue SET payload = $2, group_key = $3 WHERE fingerprint = $1 AND state = 'queued' RETURNING id";
        let replaced = work.row(replace, values![&alert.fingerprint, &alert.payload, &alert.group_key]).await?;
        if let Some(row) = replaced {
            let id = row.text("id")?;
            work.commit().await?;
            return Ok(Pushed::Replaced { id });
        }
        let waiting = work.number("SELECT count(*) FROM alert_queue WHERE state IN ('queued', 'taken')", &[]).await?;
        if usize::try_from(waiting).unwrap_or_default() >= most {
            return Ok(Pushed::Full);
        }
        let id = new_id(now);
        let insert = "INSERT INTO alert_queue (id, fingerprint, group_key, payload, state, attempts, queued_at) \
                      VALUES ($1, $2, $3, $4, 'queued', 0, $5)";
        work.run(insert, values![&id, &alert.fingerprint, &alert.group_key, &alert.payload, now]).await?;
        work.commit().await?;
        Ok(Pushed::Queued { id })
    }

    /// Takes up to `batch` alerts, the oldest first. Each is `holder`'s until it is done, put back or lost.
    pub async fn take(&self, batch: usize, holder: &str, now: Timestamp) -> Result<Vec<TakenAlert>, StoreError> {
        let mut work = self.database.write().await?;
        let skip = match work.dialect() {
            Dialect::Sqlite => "",
            Dialect::Postgres => " FOR UPDATE SKIP LOCKED",
        };
        let take = format!(
            "UPDATE alert_queue SET state = 'taken', attempts = attempts + 1, taken_by = $1, taken_at = $2 WHERE id IN \
             (SELECT id FROM alert_queue WHERE state = 'queued' ORDER BY queued_at, id LIMIT $3{skip}) \
             RETURNING id, fingerprint, group_key, payload, attempts, queued_at"
        );
        let rows = work.rows(&take, values![holder, now, i64::try_from(batch).unwrap_or(i64::MAX)]).await?;
        let taken = rows.iter().map(|row| {
            let alert =
                Alert { fingerprint: row.text("fingerprint")?, group_key: row.text("group_key")?, payload: row.text("payload")? };
            Ok(TakenAlert { id: row.text("id")?, alert, attempts: row.count("attempts")?, queued_at: row.time("queued_at")? })
        });
        let mut taken = taken.collect::<Result<Vec<_>, StoreError>>()?;
        taken.sort_by(|one, other| (one.queued_at, &one.id).cmp(&(other.queued_at, &other.id)));
        work.commit().await?;
        Ok(taken)
    }

    /// The alert was dealt with. `false` = it is not `holder`'s (any more), so somebody else deals with it.
    pub async fn done(&self, id: &str, holder: &str) -> Result<bool, StoreError> {
        let mut work = self.database.write().await?;
        let delete = "DELETE FROM alert_queue WHERE id = $1 AND taken_by = $2 AND state = 'taken'";
        let is_done = work.run(delete, values![id, holder]).await? == 1;
        work.commit().await?;
        Ok(is_done)
    }

    /// The alert could not be dealt with: it waits again, or is given up after [`MOST_ATTEMPTS`]. `false` = it is not `holder`'s.
    pub async fn put_back(&self, id: &str, holder: &str) -> Result<bool, StoreError> {
        let mut work = self.database.write().await?;
        work.lock("alert queue").await?;
        let theirs = "SELECT id FROM alert_queue WHERE id = $1 AND taken_by = $2 AND state = 'taken'";
        let is_theirs = work.row(theirs, values![id, holder]).await?.is_some();
        if is_theirs {
            release(&mut work, id).await?;
        }
        work.commit().await?;
        Ok(is_theirs)
    }

    /// Alerts that were taken before `before` and not heard of since: their worker died. They wait again. Returns how many.
    pub async fn requeue_lost(&self, before: Timestamp) -> Result<usize, StoreError> {
        let mut work = self.database.write().await?;
        work.lock("alert queue").await?;
        let lost = "SELECT id FROM alert_queue WHERE state = 'taken' AND taken_at < $1 ORDER BY queued_at, id";
        let rows = work.rows(lost, values![before]).await?;
        for row in &rows {
            release(&mut work, &row.text("id")?).await?;
        }
        work.commit().await?;
        Ok(rows.len())
    }

    pub async fn counts(&self) -> Result<QueueCounts, StoreError> {
        let sql = "SELECT state, count(*) AS number FROM alert_queue GROUP BY state";
        let mut counts = QueueCounts::default();
        for row in self.database.read().await?.rows(sql, &[]).await? {
            let number = row.count("number")?;
            match row.text("state")?.as_str() {
                "queued" => counts.queued = number,
                "taken" => counts.taken = number,
                _ => counts.given_up = number,
            }
        }
        Ok(counts)
    }
}

/// Lets a taken alert wait again. One whose like came meanwhile makes way for it; one that failed too often is given up.
async fn release(work: &mut super::database::Work, id: &str) -> Result<(), StoreError> {
    let give_up = "UPDATE alert_queue SET state = 'given_up' WHERE id = $1 AND attempts >= $2";
    if work.run(give_up, values![id, MOST_ATTEMPTS]).await? > 0 {
        return Ok(());
    }
    let newer = "DELETE FROM alert_queue WHERE id = $1 AND EXISTS (SELECT 1 FROM alert_queue AS newer \
                 WHERE newer.state = 'queued' AND newer.fingerprint = alert_queue.fingerprint)";
    if work.run(newer, values![id]).await? > 0 {
        return Ok(());
    }
    let back = "UPDATE alert_queue SET state = 'queued', taken_by = NULL, taken_at = NULL WHERE id = $1";
    work.run(back, values![id]).await.map(|_| ())
}
