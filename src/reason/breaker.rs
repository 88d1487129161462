//! Leaves a provider alone for a while after it failed several times in a row.
//!
//! ```text
//! closed ── 5 failures in a row within 60 s ──> open ── 30 s later ──> half open: one request is let through
//!    ^                                            ^── it fails ──────────┤
//!    └────────────────────────────── it is answered ─────────────────────┘
//! ```

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Failures in a row, none older than [`WINDOW`], that open it.
pub const FAILURES: usize = 5;
pub const WINDOW: Duration = Duration::from_secs(60);
/// How long it stays open.
pub const REST: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub struct Breaker {
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// When the last requests failed, without a success between.
    Closed {
        failures: Vec<Instant>,
    },
    Open {
        until: Instant,
    },
    /// One request is on its way, to see whether the provider is well again.
    HalfOpen,
}

impl Default for Breaker {
    fn default() -> Breaker {
        Breaker { state: Mutex::new(State::Closed { failures: Vec::new() }) }
    }
}

impl Breaker {
    /// Lets a request through, or says how long none will be.
    pub fn admit(&self, now: Instant) -> Result<Permit<'_>, Duration> {
        let mut state = self.state();
        match *state {
            State::Closed { .. } => {}
            State::Open { until } if now < until => return Err(until - now),
            State::Open { .. } => *state = State::HalfOpen,
            State::HalfOpen => return Err(Duration::from_secs(1)),
        }
        let is_probe = matches!(*state, State::HalfOpen);
        Ok(Permit { breaker: self, is_probe, asked_at: now, is_settled: false })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that was let through. Dropped without a word (its caller went away), it counts neither way.
#[derive(Debug)]
pub struct Permit<'a> {
    breaker: &'a Breaker,
    is_probe: bool,
    asked_at: Instant,
    is_settled: bool,
}

impl Permit<'_> {
    /// The provider answered, be it with a refusal.
    pub fn answered(mut self) {
        self.is_settled = true;
        let mut state = self.breaker.state();
        // An answer to what was asked before it opened says nothing about now.
        if self.is_probe || matches!(*state, State::Closed { .. }) {
            *state = State::Closed { failures: Vec::new() };
        }
    }

    pub fn failed(mut self, now: Instant) {
        self.is_settled = true;
        let mut state = self.breaker.state();
        match &mut *state {
            State::HalfOpen if self.is_probe => *state = State::Open { until: now + REST },
            State::HalfOpen | State::Open { .. } => {}
            State::Closed { failures } => {
                failures.retain(|at| now.duration_since(*at) < WINDOW);
                failures.push(now);
                if failures.len() >= FAILURES {
                    *state = State::Open { until: now + REST };
                }
            }
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.is_probe && !self.is_settled {
            *self.breaker.state() = State::Open { until: self.asked_at };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Breaker, FAILURES, REST, WINDOW};
    use std::time::Duration;
    use tokio::time::Instant;

    fn fail(breaker: &Breaker, at: Instant) {
        breaker.admit(at).expect("it lets requests through").failed(at);
    }

    fn opened(at: Instant) -> Breaker {
        let breaker = Breaker::default();
        (0..FAILURES).for_each(|_| fail(&breaker, at));
        breaker
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_lets_one_through_later() {
        let now = Instant::now();
        let breaker = opened(now);
        assert_eq!(breaker.admit(now).expect_err("it is open"), REST);
        let later = now + REST;
        let probe = breaker.admit(later).expect("one is let through");
        assert!(breaker.admit(later).is_err(), "and no second");
        probe.failed(later);
        assert_eq!(breaker.admit(later + Duration::from_secs(1)).expect_err("open again"), Duration::from_secs(29));
        breaker.admit(later + REST).expect("one is let through").answered();
        (1..FAILURES).for_each(|_| fail(&breaker, later + REST));
        assert!(breaker.admit(later + REST).is_ok(), "it began to count anew");
    }

    #[test]
    fn a_success_between_or_long_pauses_keep_it_closed() {
        let now = Instant::now();
        let breaker = Breaker::default();
        (1..FAILURES).for_each(|_| fail(&breaker, now));
        breaker.admit(now).expect("closed").answered();
        (1..FAILURES).for_each(|_| fail(&breaker, now));
        fail(&breaker, now + WINDOW);
        assert!(breaker.admit(now + WINDOW).is_ok(), "the others are too long ago");
    }

    #[test]
    fn a_probe_whose_caller_goes_away_makes_room_for_the_next() {
        let now = Instant::now();
        let breaker = opened(now);
        drop(breaker.admit(now + REST).expect("a probe"));
        assert!(breaker.admit(now + REST).is_ok());
    }

    #[test]
    fn an_old_request_does_not_decide_over_an_open_one() {
        let now = Instant::now();
        let breaker = Breaker::default();
        let old = breaker.admit(now).expect("closed");
        (0..FAILURES).for_each(|_| fail(&breaker, now));
        old.answered();
        assert!(breaker.admit(now).is_err());
    }
}
