//! Times as people say them.

use jiff::Timestamp;

pub fn seconds_between(from: Timestamp, to: Timestamp) -> i64 {
    to.as_second() - from.as_second()
}

/// `45 s`, `12 min`, `3 h`, `6 d`: how long before `to` something was.
pub fn ago(from: Timestamp, to: Timestamp) -> String {
    let seconds = seconds_between(from, to).max(0);
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}
