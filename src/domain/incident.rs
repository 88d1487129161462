//! Incidents: what was wrong with one thing, from its beginning to its end, and what was done about it.

use std::fmt;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::symptom::{CategoryId, Severity};

/// An enum whose names are the same in the database, on the wire and in filters.
macro_rules! named {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// `None` = no such name.
            pub fn of(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == name)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}
pub(crate) use named;

named! {
    /// How far an incident is.
    Status {
        Open = "open",
        /// A person looks after it.
        Acknowledged = "acknowledged",
        /// A fix was applied and verified; it is watched.
        Mitigated = "mitigated",
        Resolved = "resolved",
    }
}

named! {
    /// What kind of thing happened.
    EntryKind {
        Alert = "alert",
        Diagnosis = "diagnosis",
        /// A category seen for the first time in this incident.
        Finding = "finding",
        Proposal = "proposal",
        Approval = "approval",
        DryRun = "dry_run",
        Applied = "applied",
        Verified = "verified",
        Undone = "undone",
        Acknowledged = "acknowledged",
        Resolved = "resolved",
        /// It came back soon after it was resolved.
        Reopened = "reopened",
        Note = "note",
    }
}

/// The object that is in trouble.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct IncidentTarget {
    /// Lower-case singular kind: `deployment`, `pod`, `node`, ...
    pub kind: String,
    /// `None` = it has none, or nobody said which.
    pub namespace: Option<String>,
    pub name: String,
}

impl fmt::Display for IncidentTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{}/{namespace}/{}", self.kind, self.name),
            None => write!(f, "{}/{}", self.kind, self.name),
        }
    }
}

/// One incident as it stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Incident {
    /// A UUID that begins with the time of its making.
    pub id: String,
    pub status: Status,
    /// The highest that was seen.
    pub severity: Severity,
    pub category: CategoryId,
    pub target: IncidentTarget,
    /// The root cause in one line, as the first diagnosis or alert said it.
    pub title: String,
    /// When the trouble began, as far as the evidence tells.
    #[serde(serialize_with = "milliseconds")]
    pub started_at: Timestamp,
    /// When Faultline first heard of it.
    #[serde(serialize_with = "milliseconds")]
    pub detected_at: Timestamp,
    /// When a diagnosis or an alert last spoke of it.
    #[serde(serialize_with = "milliseconds")]
    pub last_seen_at: Timestamp,
    #[serde(serialize_with = "milliseconds_if_any")]
    pub acknowledged_at: Option<Timestamp>,
    #[serde(serialize_with = "milliseconds_if_any")]
    pub mitigated_at: Option<Timestamp>,
    #[serde(serialize_with = "milliseconds_if_any")]
    pub resolved_at: Option<Timestamp>,
    /// Seconds from its beginning to its detection.
    pub detection_seconds: f64,
    /// Seconds from its detection to its end. `None` = it has not ended.
    pub resolution_seconds: Option<f64>,
    /// Diagnoses that were made of it; the newest are kept.
    pub diagnoses: u64,
    pub alerts: u64,
    /// How often it came back soon after it was resolved.
    pub reopened: u64,
    /// Rises with every change, of the timeline too.
    pub version: u64,
}

/// One line of an incident's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelineEntry {
    /// 1, 2, 3, ... within the incident.
    pub position: u64,
    pub at: Timestamp,
    pub kind: EntryKind,
    pub summary: String,
    /// Who did or said it. `None` = Faultline by itself.
    pub actor: Option<String>,
    /// What else is known of it, by kind, as a JSON object. `None` = nothing.
    pub details: Option<String>,
}

/// Which incidents are wanted; a part that is empty asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IncidentFilter {
    pub statuses: Vec<Status>,
    pub severities: Vec<Severity>,
    pub category: Option<String>,
    pub namespace: Option<String>,
    /// Name of the target, or `KIND/NAME`, or `KIND/NAMESPACE/NAME`.
    pub target: Option<String>,
    /// Detected at this time or later.
    pub since: Option<Timestamp>,
    /// Detected before this time.
    pub until: Option<Timestamp>,
    /// Words that must all stand in its title, target, category or notes, in any case.
    pub text: Option<String>,
}

/// Where the next page of a list begins: after this incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub detected_at: Timestamp,
    pub id: String,
}

/// Longest text of a cursor: a number and a UUID.
const MAX_CURSOR_BYTES: usize = 64;

impl Cursor {
    /// `None` = not one that a list handed out.
    pub fn parse(text: &str) -> Option<Self> {
        let (time, id) = text.split_once('.').filter(|_| text.len() <= MAX_CURSOR_BYTES)?;
        let detected_at = Timestamp::from_millisecond(i64::from_str_radix(time, 16).ok()?).ok()?;
        let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        is_id.then(|| Self { detected_at, id: id.to_owned() })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}.{}", self.detected_at.as_millisecond(), self.id)
    }
}

/// A part of a list, newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct IncidentPage {
    pub incidents: Vec<Incident>,
    /// `None` = this is the end.
    pub next: Option<Cursor>,
}

/// An incident with its latest diagnosis.
#[derive(Clone, Debug, PartialEq)]
pub struct IncidentDetail {
    pub incident: Incident,
    /// The JSON document as it was handed out. `None` = an alert or an action opened it, and nobody diagnosed it yet.
    pub diagnosis: Option<String>,
}

/// Mean and median of some durations, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Durations {
    pub count: usize,
    pub mean_seconds: f64,
    pub median_seconds: f64,
}

impl Durations {
    /// `None` = there are none.
    pub fn of(mut seconds: Vec<f64>) -> Option<Self> {
        seconds.sort_by(f64::total_cmp);
        let count = seconds.len();
        let middle = *seconds.get(count / 2)?;
        let median_seconds = if count % 2 == 1 { middle } else { f64::midpoint(seconds[count / 2 - 1], middle) };
        Some(Self { count, mean_seconds: seconds.iter().sum::<f64>() / count as f64, median_seconds })
    }
}

/// `2026-02-19T10:30:00.000Z`: milliseconds always, so that two times sort as text.
pub fn milliseconds<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{time:.3}"))
}

pub fn milliseconds_if_any<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => milliseconds(time, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Cursor, Durations, Status};

    #[test]
    fn a_cursor_reads_what_it_wrote_and_nothing_else() {
        let cursor = Cursor { detected_at: "2026-02-19T10:30:00.123Z".parse().expect("a time"), id: "0199-ab".to_owned() };
        assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        for wrong in ["", ".", "12", "12.", "zz.0199", "12.x' OR 1=1", "fffffffffffffffff.01", &format!("1.{}", "a".repeat(80))] {
            assert_eq!(Cursor::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn means_and_medians() {
        assert_eq!(Durations::of(vec![]), None);
        assert_eq!(Durations::of(vec![4.0]), Some(Durations { count: 1, mean_seconds: 4.0, median_seconds: 4.0 }));
        let odd = Durations::of(vec![30.0, 10.0, 20.0]).expect("three");
        assert_eq!((odd.mean_seconds, odd.median_seconds), (20.0, 20.0));
        let even = Durations::of(vec![1.0, 2.0, 4.0, 100.0]).expect("four");
        assert_eq!((even.mean_seconds, even.median_seconds), (26.75, 3.0));
    }

    #[test]
    fn every_status_is_found_by_its_name() {
        for status in Status::ALL {
            assert_eq!(Status::of(status.as_str()), Some(*status));
        }
        assert_eq!(Status::of("OPEN"), None);
    }
}
