//! How often something may be done: cooldowns of one target, caps of an hour, for all replicas together.

use jiff::{SignedDuration, Timestamp};

use super::{
    database::{Database, StoreError, values},
    new_id,
};

#[derive(Clone, Copy, Debug)]
pub struct Budgets<'a> {
    pub(super) database: &'a Database,
}

/// At most `most` times in any `window`. A cooldown is a bound of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// What it counts: `cooldown deployment/shop/api`, `cluster`, ...
    pub budget: String,
    pub most: u64,
    pub window: SignedDuration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spent {
    Yes,
    /// Nothing was spent, of no budget.
    No {
        /// The budget that is used up.
        budget: String,
        /// When it has something left again.
        free_at: Timestamp,
    },
}

impl Budgets<'_> {
    /// Spends once of each budget where all have something left, else of none.
    pub async fn spend(&self, bounds: &[Bound], now: Timestamp) -> Result<Spent, StoreError> {
        let mut work = self.database.write().await?;
        work.lock("budgets").await?;
        for bound in bounds {
            let since = now.checked_sub(bound.window).unwrap_or(Timestamp::MIN);
            let most = i64::try_from(bound.most).unwrap_or(i64::MAX);
            // The spending that has to pass out of the window before there is room again.
            let blocking = "SELECT at FROM spendings WHERE budget = $1 AND at > $2 ORDER BY at DESC LIMIT 1 OFFSET $3";
            if most == 0 {
                return Ok(Spent::No { budget: bound.budget.clone(), free_at: Timestamp::MAX });
            }
            if let Some(row) = work.row(blocking, values![&bound.budget, since, most - 1]).await? {
                let free_at = row.time("at")?.checked_add(bound.window).unwrap_or(Timestamp::MAX);
                return Ok(Spent::No { budget: bound.budget.clone(), free_at });
            }
        }
        for bound in bounds {
            let spend = "INSERT INTO spendings (budget, at, id) VALUES ($1, $2, $3)";
            work.run(spend, values![&bound.budget, now, new_id(now)]).await?;
        }
        work.commit().await?;
        Ok(Spent::Yes)
    }

    /// Takes one spending back that was made `at`, of each budget that has it: what it was for was not even begun.
    pub async fn give_back(&self, bounds: &[Bound], at: Timestamp) -> Result<(), StoreError> {
        let mut work = self.database.write().await?;
        work.lock("budgets").await?;
        for bound in bounds {
            let take_back = "DELETE FROM spendings WHERE id = (SELECT id FROM spendings WHERE budget = $1 AND at = $2 LIMIT 1)";
            work.run(take_back, values![&bound.budget, at]).await?;
        }
        work.commit().await
    }
}
