//! What tokens proved, for a minute: so that an identity provider or a cluster is not asked about every request.

use jiff::{SignedDuration, Timestamp};
use quick_cache::sync::Cache;

use super::{Digest, Refusal};
use crate::domain::caller::Principal;

/// A token whose holder lost their rights is believed for as long.
const RIGHT_FOR: SignedDuration = SignedDuration::from_secs(60);
/// Shorter: a role that was just granted should help soon.
const WRONG_FOR: SignedDuration = SignedDuration::from_secs(10);
/// Tokens kept.
const MOST: usize = 4096;

pub struct Remembered(Cache<Digest, Known>);

#[derive(Clone)]
struct Known {
    found: Result<Principal, Refusal>,
    until: Timestamp,
}

impl Default for Remembered {
    fn default() -> Self {
        Self(Cache::new(MOST))
    }
}

impl Remembered {
    pub fn get(&self, token: &Digest, now: Timestamp) -> Option<Result<Principal, Refusal>> {
        self.0.get(token).filter(|known| now < known.until).map(|known| known.found)
    }

    /// Keeps what was found, at most until `until`. What failed for lack of an answer is not kept.
    pub fn keep(&self, token: Digest, found: &Result<Principal, Refusal>, until: Option<Timestamp>, now: Timestamp) {
        let keep_for = match found {
            Ok(_) => RIGHT_FOR,
            Err(Refusal::Wrong(_) | Refusal::NoRole) => WRONG_FOR,
            Err(Refusal::Unavailable) => return,
        };
        let longest = now.checked_add(keep_for).unwrap_or(now);
        let until = until.map_or(longest, |until| until.min(longest));
        self.0.insert(token, Known { found: found.clone(), until });
    }
}
