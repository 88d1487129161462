//! What models replied, for equal questions after a restart or of another replica.

use jiff::Timestamp;

use super::database::{Database, StoreError, values};

#[derive(Clone, Copy, Debug)]
pub struct ModelReplies<'a> {
    pub(super) database: &'a Database,
}

/// A reply as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptReply {
    pub text: String,
    /// When it came.
    pub at: Timestamp,
}

/// Replies that are kept, the newest.
const MOST_REPLIES: i64 = 2048;
/// Bytes of all of them together.
const MOST_BYTES: i64 = 16 << 20;
/// A longer one is not kept.
pub const MOST_BYTES_OF_ONE: usize = 64 << 10;

impl ModelReplies<'_> {
    /// `None` = nothing is kept by that name, or not any more.
    pub async fn recall(&self, name: &str, now: Timestamp) -> Result<Option<KeptReply>, StoreError> {
        let sql = "SELECT text, at FROM model_replies WHERE name = $1 AND until_at > $2";
        let row = self.database.read().await?.row(sql, values![name, now]).await?;
        row.map(|row| Ok(KeptReply { text: row.text("text")?, at: row.time("at")? })).transpose()
    }

    /// Keeps a reply until `until`, in place of an older one; makes room by forgetting the oldest.
    pub async fn keep(&self, name: &str, reply: &KeptReply, until: Timestamp) -> Result<(), StoreError> {
        if reply.text.len() > MOST_BYTES_OF_ONE {
            return Ok(());
        }
        let mut work = self.database.write().await?;
        let keep = "INSERT INTO model_replies (name, text, bytes, at, until_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (name) \
                    DO UPDATE SET text = excluded.text, bytes = excluded.bytes, at = excluded.at, until_at = excluded.until_at \
                    WHERE model_replies.at < excluded.at";
        let bytes = i64::try_from(reply.text.len()).unwrap_or(i64::MAX);
        work.run(keep, values![name, &reply.text, bytes, reply.at, until]).await?;
        let forget = "DELETE FROM model_replies WHERE name IN (SELECT name FROM (SELECT name, \
                      row_number() OVER (ORDER BY at DESC, name) AS place, sum(bytes) OVER (ORDER BY at DESC, name) AS total \
                      FROM model_replies) AS kept WHERE place > $1 OR total > $2)";
        work.run(forget, values![MOST_REPLIES, MOST_BYTES]).await?;
        work.commit().await
    }
}
