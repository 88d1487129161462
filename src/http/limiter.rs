//! How much each of many may have in a minute (GCRA), in memory that does not grow with their number.

use std::{
    net::IpAddr,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use quick_cache::sync::Cache;

/// The time in which what is allowed comes back.
pub const WINDOW: Duration = Duration::from_secs(60);

/// Clients that are remembered. Whoever falls out begins anew; who asks often stays.
pub const MOST_CLIENTS: usize = 1 << 16;

/// Whom a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    /// See [`super::client::key`].
    Address(IpAddr),
    /// A caller who said who they are, by the hash of their name.
    Caller(u64),
}

/// What one may have, and what each has had.
pub struct Limiter {
    quota: NonZeroU32,
    /// Of one request.
    period: Duration,
    began: Instant,
    /// Per client the time, in nanoseconds since `began`, at which it will have paid for all it had.
    paid_at: Cache<Who, Arc<AtomicU64>>,
}

/// Where one stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub quota: u32,
    pub remaining: u32,
    /// Until all of the quota is there again.
    pub full_in: Duration,
    /// Until there is room for one more. Zero = there is.
    pub wait: Duration,
}

impl Standing {
    /// Whole seconds to wait, never 0: whoever believed that would be refused again.
    pub fn retry_after(&self) -> u64 {
        seconds(self.wait).max(1)
    }

    pub fn full_in_seconds(&self) -> u64 {
        seconds(self.full_in)
    }
}

fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

impl Limiter {
    /// `quota` in a [`WINDOW`], at once or one by one. `None` = no limit.
    pub fn new(quota: u32, began: Instant) -> Option<Self> {
        let quota = NonZeroU32::new(quota)?;
        let paid_at = Cache::new(MOST_CLIENTS);
        Some(Self { quota, period: WINDOW / quota.get(), began, paid_at })
    }

    /// Takes one, or tells how long to wait; a refusal costs nothing.
    pub fn take(&self, who: Who, now: Instant) -> Result<Standing, Standing> {
        let slot = self.paid_at.get_or_insert_with(&who, || Ok::<_, ()>(Arc::default())).unwrap_or_default();
        let (now, period, window) = (self.since(now), nanoseconds(self.period), self.window());
        let pay = |paid_at: u64| {
            let next = paid_at.max(now) + period;
            (next <= now + window).then_some(next)
        };
        match slot.fetch_update(Ordering::Relaxed, Ordering::Relaxed, pay) {
            Ok(before) => Ok(self.standing(before.max(now) + period, now)),
            Err(paid_at) => Err(self.standing(paid_at, now)),
        }
    }

    /// Where one stands, at no cost.
    pub fn look(&self, who: Who, now: Instant) -> Standing {
        let paid_at = self.paid_at.get(&who).map_or(0, |slot| slot.load(Ordering::Relaxed));
        self.standing(paid_at, self.since(now))
    }

    /// How many are remembered.
    pub fn remembered(&self) -> usize {
        self.paid_at.len()
    }

    fn standing(&self, paid_at: u64, now: u64) -> Standing {
        let (period, window) = (nanoseconds(self.period).max(1), self.window());
        let owed = paid_at.saturating_sub(now);
        let remaining = u32::try_from(window.saturating_sub(owed) / period).unwrap_or(u32::MAX).min(self.quota.get());
        Standing {
            quota: self.quota.get(),
            remaining,
            full_in: Duration::from_nanos(owed),
            wait: Duration::from_nanos((owed + period).saturating_sub(window)),
        }
    }

    /// The quota in nanoseconds: not quite [`WINDOW`], since one period is rounded down.
    fn window(&self) -> u64 {
        nanoseconds(self.period) * u64::from(self.quota.get())
    }

    fn since(&self, now: Instant) -> u64 {
        nanoseconds(now.saturating_duration_since(self.began))
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX / 4)
}
