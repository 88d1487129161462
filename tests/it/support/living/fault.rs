//! What goes wrong between a client and the server, for which requests.

use std::{io, time::Duration};

use bytes::Bytes;
use http::Response;

use super::{Seen, failure::Failure, reply::Reply};

/// A way to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Refused with this status code, and nothing is done.
    Status(u16),
    /// Done, or failing as a later rule says, but late.
    Slow(Duration),
    /// The connection breaks before anything is done.
    Reset,
    /// It is done, and then the connection breaks.
    LostAnswer,
    /// Somebody else changes the object just before, once: only requests that name a version notice.
    ConflictOnce,
    /// Says 200 and means nothing.
    Garbage,
    /// Never answered, and nothing is done.
    Hang,
}

pub struct Rule {
    verb: &'static str,
    path: &'static str,
    fault: Fault,
    /// Rehearsals pass.
    spares_dry_runs: bool,
    /// How often it will still happen.
    left: usize,
}

impl Rule {
    pub fn new(verb: &'static str, path: &'static str, fault: Fault) -> Self {
        let left = if fault == Fault::ConflictOnce { 1 } else { usize::MAX };
        Self { verb, path, fault, spares_dry_runs: false, left }
    }

    pub fn once(self) -> Self {
        Self { left: 1, ..self }
    }

    pub fn of_changes(self) -> Self {
        Self { spares_dry_runs: true, ..self }
    }

    fn applies(&self, seen: &Seen) -> bool {
        let is_spared = self.spares_dry_runs && seen.dry_run;
        self.left > 0 && !is_spared && (self.verb == "*" || self.verb == seen.verb) && matches_glob(self.path, &seen.path)
    }
}

/// The faults of a request, which count as having happened: the first that applies, and after those that only change how
/// it comes to be done, the next.
pub fn of(rules: &mut [Rule], seen: &Seen) -> Vec<Fault> {
    let mut faults: Vec<Fault> = Vec::new();
    for rule in rules {
        let goes_on = |last: &Fault| matches!(last, Fault::Slow(_) | Fault::ConflictOnce | Fault::LostAnswer);
        if rule.applies(seen) && faults.last().is_none_or(goes_on) {
            rule.left -= 1;
            faults.push(rule.fault);
        }
    }
    faults
}

/// What becomes of the request after a fault.
pub enum Then {
    GoOn,
    LoseAnswer,
    Answer(Response<Bytes>),
}

/// The error is a connection that broke.
pub async fn happen(fault: Fault, touch: impl FnOnce()) -> io::Result<Then> {
    Ok(match fault {
        Fault::Status(code) => Then::Answer(Reply::failure(&Failure::of_code(code)).response()),
        Fault::Slow(time) => {
            tokio::time::sleep(time).await;
            Then::GoOn
        }
        Fault::Reset => return Err(io::ErrorKind::ConnectionReset.into()),
        Fault::LostAnswer => Then::LoseAnswer,
        Fault::ConflictOnce => {
            touch();
            Then::GoOn
        }
        Fault::Garbage => Then::Answer(Response::new(Bytes::from_static(b"<html>\xff\xfe not what was asked for"))),
        Fault::Hang => std::future::pending().await,
    })
}

/// Whether the text is what the pattern says; `*` stands for any text.
fn matches_glob(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => text
            .strip_prefix(before)
            .is_some_and(|rest| (0..=rest.len()).any(|at| rest.is_char_boundary(at) && matches_glob(after, &rest[at..]))),
    }
}
