//! What replicas agree on: who does something, what was done once, and switches for all.

use jiff::Timestamp;

use super::database::{Database, StoreError, values};

/// Who does a thing that one replica does at a time, until when.
#[derive(Clone, Copy, Debug)]
pub struct Leases<'a> {
    pub(super) database: &'a Database,
}

impl Leases<'_> {
    /// Takes the lease where it is free, over, or `holder`'s own already. `false` = another holds it.
    pub async fn acquire(&self, name: &str, holder: &str, until: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
        let mut work = self.database.write().await?;
        let take = "INSERT INTO leases (name, holder, until_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE \
                    SET holder = excluded.holder, until_at = excluded.until_at \
                    WHERE leases.until_at <= $4 OR leases.holder = excluded.holder";
        let is_ours = work.run(take, values![name, holder, until, now]).await? == 1;
        work.commit().await?;
        Ok(is_ours)
    }

    /// Keeps a lease for longer. `false` = it is over or another's: stop doing what it was for.
    pub async fn renew(&self, name: &str, holder: &str, until: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
        let mut work = self.database.write().await?;
        let renew = "UPDATE leases SET until_at = $3 WHERE name = $1 AND holder = $2 AND until_at > $4";
        let is_ours = work.run(renew, values![name, holder, until, now]).await? == 1;
        work.commit().await?;
        Ok(is_ours)
    }

    /// Lets go of a lease; of another's nothing is changed.
    pub async fn release(&self, name: &str, holder: &str) -> Result<(), StoreError> {
        let mut work = self.database.write().await?;
        work.run("DELETE FROM leases WHERE name = $1 AND holder = $2", values![name, holder]).await?;
        work.commit().await
    }
}

/// Things that may happen once: a message handled, a key of idempotency.
#[derive(Clone, Copy, Debug)]
pub struct Claims<'a> {
    pub(super) database: &'a Database,
}

impl Claims<'_> {
    /// True for the first who asks for `name`, until `until`; false for everyone after, the first included.
    pub async fn claim_once(&self, name: &str, holder: &str, until: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
        let mut work = self.database.write().await?;
        let claim = "INSERT INTO claims (name, holder, until_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE \
                     SET holder = excluded.holder, until_at = excluded.until_at WHERE claims.until_at <= $4";
        let is_first = work.run(claim, values![name, holder, until, now]).await? == 1;
        work.commit().await?;
        Ok(is_first)
    }
}

/// Switches that hold for every replica, such as `paused`.
#[derive(Clone, Copy, Debug)]
pub struct Flags<'a> {
    pub(super) database: &'a Database,
}

impl Flags<'_> {
    /// `None` = it was never set.
    pub async fn get(&self, name: &str) -> Result<Option<String>, StoreError> {
        let row = self.database.read().await?.row("SELECT value FROM flags WHERE name = $1", values![name]).await?;
        row.map(|row| row.text("value")).transpose()
    }

    pub async fn set(&self, name: &str, value: &str, by: &str, now: Timestamp) -> Result<(), StoreError> {
        let mut work = self.database.write().await?;
        let set = "INSERT INTO flags (name, value, changed_by, changed_at) VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO UPDATE \
                   SET value = excluded.value, changed_by = excluded.changed_by, changed_at = excluded.changed_at";
        work.run(set, values![name, value, by, now]).await?;
        work.commit().await
    }
}
