//! Requests that were answered, for those that come again.

use jiff::Timestamp;

use super::database::{Database, StoreError, values};
use crate::domain::replay::{Begun, Given, RequestKey};

#[derive(Clone, Copy, Debug)]
pub struct Replays<'a> {
    pub(super) database: &'a Database,
}

impl Replays<'_> {
    /// Takes a request into work until `until`, unless it is known.
    pub async fn begin(&self, key: &RequestKey, until: Timestamp, now: Timestamp) -> Result<Begun, StoreError> {
        let mut work = self.database.write().await?;
        let take = "INSERT INTO replays (name, request, until_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE \
                    SET request = excluded.request, until_at = excluded.until_at, status = NULL, headers = NULL, body = NULL \
                    WHERE replays.until_at <= $4";
        if work.run(take, values![&key.name, &key.request, until, now]).await? == 1 {
            work.commit().await?;
            return Ok(Begun::First);
        }
        let read = "SELECT request, status, headers, body FROM replays WHERE name = $1";
        let Some(row) = work.row(read, values![&key.name]).await? else { return Ok(Begun::InWork) };
        if row.text("request")? != key.request {
            return Ok(Begun::Other);
        }
        let Some(status) = row.integer_if_any("status")? else { return Ok(Begun::InWork) };
        let headers = row.text_if_any("headers")?.unwrap_or_default();
        let unreadable = |what| StoreError::Unreadable { what, value: String::new() };
        Ok(Begun::Answered(Given {
            status: u16::try_from(status).map_err(|_| unreadable("a status"))?,
            headers: serde_json::from_str(&headers).map_err(|_| unreadable("headers"))?,
            body: row.text_if_any("body")?.unwrap_or_default(),
        }))
    }

    /// Keeps the answer until `until`.
    pub async fn finish(&self, key: &RequestKey, given: &Given, until: Timestamp) -> Result<(), StoreError> {
        let mut work = self.database.write().await?;
        let keep = "UPDATE replays SET status = $3, headers = $4, body = $5, until_at = $6 WHERE name = $1 AND request = $2";
        let headers = serde_json::to_string(&given.headers).unwrap_or_default();
        let values = values![&key.name, &key.request, i64::from(given.status), headers, &given.body, until];
        work.run(keep, values).await?;
        work.commit().await
    }

    /// Forgets a request of which nothing came, so that it may be tried again.
    pub async fn release(&self, key: &RequestKey) -> Result<(), StoreError> {
        let mut work = self.database.write().await?;
        let forget = "DELETE FROM replays WHERE name = $1 AND request = $2 AND status IS NULL";
        work.run(forget, values![&key.name, &key.request]).await?;
        work.commit().await
    }
}
