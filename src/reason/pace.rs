//! How long to wait before the next try.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Full jitter: any wait up to a bound that doubles with each try, so that those who failed together do not come back together.
#[derive(Debug)]
pub struct Pace {
    /// The bound of the first wait.
    base: Duration,
    cap: Duration,
    random: AtomicU64,
}

const BASE: Duration = Duration::from_millis(500);
const CAP: Duration = Duration::from_secs(8);

impl Default for Pace {
    fn default() -> Pace {
        // The standard library's hasher is seeded at random; no more is needed here.
        Pace { base: BASE, cap: CAP, random: AtomicU64::new(RandomState::new().hash_one(0)) }
    }
}

impl Pace {
    /// The same with another bound of the first wait.
    pub fn from_base(base: Duration) -> Pace {
        Pace { base, ..Pace::default() }
    }

    /// After the failure of try `attempt`, which counts from 1.
    pub fn wait(&self, attempt: u32) -> Duration {
        let bound = self.base.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1))).min(self.cap);
        bound.mul_f64(self.share())
    }

    /// From 0 to 1, by splitmix64.
    fn share(&self) -> f64 {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        let mut z = self.random.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::{BASE, CAP, Pace};
    use std::time::Duration;

    #[test]
    fn waits_spread_over_a_bound_that_doubles_up_to_the_cap() {
        let pace = Pace::default();
        for (attempt, bound) in [(1, BASE), (2, BASE * 2), (3, BASE * 4), (20, CAP), (u32::MAX, CAP)] {
            let waits: Vec<Duration> = (0..1000).map(|_| pace.wait(attempt)).collect();
            assert!(waits.iter().all(|wait| *wait <= bound), "{attempt}");
            assert!(waits.iter().any(|wait| *wait > bound.mul_f64(0.9)), "{attempt}");
            assert!(waits.iter().any(|wait| *wait < bound.mul_f64(0.1)), "{attempt}");
        }
        assert_eq!(Pace::from_base(Duration::ZERO).wait(3), Duration::ZERO);
    }
}
