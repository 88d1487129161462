//! The newest time that objects tell: the "now" of a recording.

use jiff::Timestamp;
use serde_json::{Map, Value};

/// Fields whose time has passed when they are written. `deletionTimestamp` and the like lie ahead.
const PAST: &[&str] = &[
    "creationTimestamp",
    "eventTime",
    "firstTimestamp",
    "lastTimestamp",
    "lastObservedTime",
    "startedAt",
    "finishedAt",
    "startTime",
    "completionTime",
    "lastTransitionTime",
    "lastHeartbeatTime",
    "lastUpdateTime",
    "lastProbeTime",
    "lastScheduleTime",
    "lastSuccessfulTime",
    "lastScaleTime",
    "renewTime",
];

/// The length of `2026-11-21T06:16:16`: what can be compared as text.
const SECONDS: usize = 19;

#[derive(Debug, Default)]
pub struct Newest {
    time: Option<Timestamp>,
    /// The seconds of `time`, to spare the parsing of what is older.
    text: String,
}

impl Newest {
    pub fn time(&self) -> Option<Timestamp> {
        self.time
    }

    /// Looks through an object.
    pub fn look_at(&mut self, fields: &Map<String, Value>) {
        for (key, value) in fields {
            match value {
                Value::String(text) if PAST.contains(&key.as_str()) => self.time_text(text),
                Value::Array(_) | Value::Object(_) => self.look_into(value),
                Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
            }
        }
    }

    fn look_into(&mut self, value: &Value) {
        match value {
            Value::Object(fields) => self.look_at(fields),
            Value::Array(items) => items.iter().for_each(|item| self.look_into(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn time_text(&mut self, text: &str) {
        let Some(seconds) = text.get(..SECONDS) else { return };
        if seconds < self.text.as_str() {
            return;
        }
        let Ok(time) = text.parse::<Timestamp>() else { return };
        if self.time.is_none_or(|newest| newest < time) {
            self.time = Some(time);
            seconds.clone_into(&mut self.text);
        }
    }
}
