//! Alerts that wait for a diagnosis. They survive a restart, and no two workers get the same one, nor two of one cause.

use jiff::Timestamp;

use super::{
    database::{Database, Row, StoreError, Value, Work, values},
    new_id,
};
use crate::domain::alert::AlertState;

#[derive(Clone, Copy, Debug)]
pub struct AlertQueue<'a> {
    pub(super) database: &'a Database,
}

/// An alert as it comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingAlert {
    /// The same for the same alert, whenever it fires.
    pub fingerprint: String,
    /// Empty = it has no group.
    pub group_key: String,
    /// The same for alerts that have one cause, and so need one diagnosis.
    pub cause: String,
    /// What it is about. Alerts of one group about one target have one cause as well. Empty = nothing that has a name.
    pub target: String,
    pub state: AlertState,
    /// The alert itself, as JSON.
    pub payload: String,
}

/// An alert in the hands of a worker, who deals with it or puts it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenAlert {
    pub id: String,
    pub alert: WaitingAlert,
    /// It is over, and nobody has looked at it while it fired.
    pub is_unseen_firing: bool,
    /// How often it was taken, this time included.
    pub attempts: u64,
    pub queued_at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    Queued,
    /// The same alert waited already; what came now takes its place.
    Replaced,
}

/// How many alerts there are, by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueCounts {
    pub queued: u64,
    pub taken: u64,
    /// Failed too often; kept to be looked at, until retention takes them.
    pub given_up: u64,
}

/// What became of alerts that were not dealt with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// They wait again, or a later message about the same alert does.
    pub waiting: usize,
    pub given_up: usize,
}

/// An alert that was taken this often is given up.
pub const MOST_ATTEMPTS: i64 = 5;

const COLUMNS: &str = "id, fingerprint, group_key, cause, target, alert_state, unseen_firing, payload, attempts, queued_at";

impl AlertQueue<'_> {
    /// Puts alerts at the end, all or none of them. `None` = more than `most` would wait or be in work: try again later.
    pub async fn push_all(
        &self,
        alerts: &[WaitingAlert],
        most: usize,
        now: Timestamp,
    ) -> Result<Option<Vec<Pushed>>, StoreError> {
        let mut work = self.database.write().await?;
        work.lock(LOCK).await?;
        let waiting = work.number("SELECT count(*) FROM alert_queue WHERE state IN ('queued', 'taken')", &[]).await?;
        let mut room = most.saturating_sub(usize::try_from(waiting).unwrap_or_default());
        let mut pushed = Vec::with_capacity(alerts.len());
        for alert in alerts {
            if replace(&mut work, alert).await? {
                pushed.push(Pushed::Replaced);
                continue;
            }
            if room == 0 {
                return Ok(None);
            }
            room -= 1;
            let insert = "INSERT INTO alert_queue (id, fingerprint, group_key, cause, target, alert_state, payload, state, attempts, queued_at) \
                          VALUES ($1, $2, $3, $4, $5, $6, $7, 'queued', 0, $8)";
            let WaitingAlert { fingerprint, group_key, cause, target, state, payload } = alert;
            work.run(insert, values![new_id(now), fingerprint, group_key, cause, target, state.as_str(), payload, now]).await?;
            pushed.push(Pushed::Queued);
        }
        work.commit().await?;
        Ok(Some(pushed))
    }

    /// Takes up to `most` alerts of one cause: that of the oldest that is not in work already. Each is `holder`'s until it is
    /// dealt with, put back or lost.
    pub async fn take(&self, most: usize, holder: &str, now: Timestamp) -> Result<Vec<TakenAlert>, StoreError> {
        let mut work = self.database.write().await?;
        work.lock(LOCK).await?;
        // What comes of an alert while it is in work waits for that to be done, so that its end is not seen before itself.
        let first = "SELECT cause, target, group_key FROM alert_queue AS first WHERE state = 'queued' \
                     AND NOT EXISTS (SELECT 1 FROM alert_queue AS busy WHERE busy.cause = first.cause AND busy.state = 'taken') \
                     AND NOT EXISTS (SELECT 1 FROM alert_queue AS busy WHERE busy.target = first.target \
                     AND busy.group_key = first.group_key AND busy.state = 'taken' AND busy.target <> '' AND busy.group_key <> '') \
                     ORDER BY queued_at, id LIMIT 1";
        let Some(first) = work.row(first, &[]).await? else { return Ok(Vec::new()) };
        let take = format!(
            "UPDATE alert_queue SET state = 'taken', attempts = attempts + 1, taken_by = $1, taken_at = $2 WHERE id IN \
             (SELECT id FROM alert_queue WHERE state = 'queued' AND (cause = $4 OR (target = $5 AND group_key = $6 \
             AND target <> '' AND group_key <> '')) ORDER BY queued_at, id LIMIT $3) RETURNING {COLUMNS}"
        );
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let values = values![holder, now, most, first.text("cause")?, first.text("target")?, first.text("group_key")?];
        let mut taken = work.rows(&take, values).await?.iter().map(taken).collect::<Result<Vec<_>, _>>()?;
        taken.sort_by(|one, other| (one.queued_at, &one.id).cmp(&(other.queued_at, &other.id)));
        work.commit().await?;
        Ok(taken)
    }

    /// `holder` lives, and still works at what it took.
    pub async fn still_working(&self, holder: &str, now: Timestamp) -> Result<(), StoreError> {
        let mut work = self.database.write().await?;
        work.run("UPDATE alert_queue SET taken_at = $2 WHERE taken_by = $1 AND state = 'taken'", values![holder, now]).await?;
        work.commit().await
    }

    /// What `holder` has could not be dealt with: it waits again, or is given up after [`MOST_ATTEMPTS`].
    pub async fn put_back(&self, holder: &str) -> Result<Released, StoreError> {
        self.release_all("taken_by = $1", values![holder]).await
    }

    /// `holder` stops before it dealt with what it has: it waits again, as if nobody had taken it.
    pub async fn hand_back(&self, holder: &str) -> Result<Released, StoreError> {
        let mut work = self.database.write().await?;
        let untried = "UPDATE alert_queue SET attempts = attempts - 1 WHERE taken_by = $1 AND state = 'taken'";
        work.run(untried, values![holder]).await?;
        work.commit().await?;
        self.put_back(holder).await
    }

    /// Alerts that were taken before `before` and not heard of since: their worker died. They wait again.
    pub async fn requeue_lost(&self, before: Timestamp) -> Result<Released, StoreError> {
        self.release_all("taken_at < $1", values![before]).await
    }

    /// An alert of `holder`'s that can never be dealt with; kept to be looked at.
    pub async fn give_up(&self, id: &str, holder: &str) -> Result<(), StoreError> {
        let mut work = self.database.write().await?;
        let give_up = "UPDATE alert_queue SET state = 'given_up' WHERE id = $1 AND taken_by = $2 AND state = 'taken'";
        work.run(give_up, values![id, holder]).await?;
        work.commit().await
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

    async fn release_all(&self, which: &str, values: &[Value]) -> Result<Released, StoreError> {
        let mut work = self.database.write().await?;
        work.lock(LOCK).await?;
        let sql = format!("SELECT id FROM alert_queue WHERE state = 'taken' AND {which} ORDER BY queued_at, id");
        let mut released = Released::default();
        for row in work.rows(&sql, values).await? {
            if release(&mut work, &row.text("id")?).await? {
                released.waiting += 1;
            } else {
                released.given_up += 1;
            }
        }
        work.commit().await?;
        Ok(released)
    }
}

/// Whoever changes which alerts wait is alone.
const LOCK: &str = "alert queue";

/// Takes alerts that were dealt with out of the queue, within the transaction that writes down how. Returns those that still
/// were `holder`'s; what is not is somebody else's to deal with.
pub(super) async fn take_out<'t>(
    work: &mut Work,
    ids: impl Iterator<Item = &'t str>,
    holder: &str,
) -> Result<Vec<String>, StoreError> {
    let mut ours = Vec::new();
    for id in ids {
        let delete = "DELETE FROM alert_queue WHERE id = $1 AND taken_by = $2 AND state = 'taken'";
        if work.run(delete, values![id, holder]).await? == 1 {
            ours.push(id.to_owned());
        }
    }
    Ok(ours)
}

/// Puts the alert in the place of its like that waits. `false` = none does.
async fn replace(work: &mut Work, alert: &WaitingAlert) -> Result<bool, StoreError> {
    let replace = "UPDATE alert_queue SET payload = $2, group_key = $3, cause = $4, target = $5, alert_state = $6, \
                   unseen_firing = CASE WHEN $6 = 'resolved' AND (alert_state = 'firing' OR unseen_firing = 1) THEN 1 ELSE 0 END \
                   WHERE fingerprint = $1 AND state = 'queued'";
    let WaitingAlert { fingerprint, group_key, cause, target, state, payload } = alert;
    let replaced = work.run(replace, values![fingerprint, payload, group_key, cause, target, state.as_str()]).await?;
    Ok(replaced > 0)
}

/// Lets a taken alert wait again, unless its like came meanwhile, which then knows of it. `false` = it failed too often and is
/// given up.
async fn release(work: &mut Work, id: &str) -> Result<bool, StoreError> {
    let give_up = "UPDATE alert_queue SET state = 'given_up' WHERE id = $1 AND attempts >= $2";
    if work.run(give_up, values![id, MOST_ATTEMPTS]).await? > 0 {
        return Ok(false);
    }
    let tell = "UPDATE alert_queue SET unseen_firing = 1 WHERE state = 'queued' AND alert_state = 'resolved' AND fingerprint = \
                (SELECT fingerprint FROM alert_queue WHERE id = $1 AND (alert_state = 'firing' OR unseen_firing = 1))";
    work.run(tell, values![id]).await?;
    let newer = "DELETE FROM alert_queue WHERE id = $1 AND EXISTS (SELECT 1 FROM alert_queue AS newer \
                 WHERE newer.state = 'queued' AND newer.fingerprint = alert_queue.fingerprint)";
    if work.run(newer, values![id]).await? == 0 {
        let back = "UPDATE alert_queue SET state = 'queued', taken_by = NULL, taken_at = NULL WHERE id = $1";
        work.run(back, values![id]).await?;
    }
    Ok(true)
}

fn taken(row: &Row) -> Result<TakenAlert, StoreError> {
    let alert = WaitingAlert {
        fingerprint: row.text("fingerprint")?,
        group_key: row.text("group_key")?,
        cause: row.text("cause")?,
        target: row.text("target")?,
        state: row.named("alert_state", AlertState::of)?,
        payload: row.text("payload")?,
    };
    Ok(TakenAlert {
        id: row.text("id")?,
        alert,
        is_unseen_firing: row.integer("unseen_firing")? == 1,
        attempts: row.count("attempts")?,
        queued_at: row.time("queued_at")?,
    })
}
