//! The newest time that objects tell: the "now" of a recording.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use jiff::Timestamp;

/// Fields whose time has passed when they are written. `deletionTimestamp` and the like lie ahead.
const PAST: [&str; 17] = [
    r#""creationTimestamp":""#,
    r#""eventTime":""#,
    r#""firstTimestamp":""#,
    r#""lastTimestamp":""#,
    r#""lastObservedTime":""#,
    r#""startedAt":""#,
    r#""finishedAt":""#,
    r#""startTime":""#,
    r#""completionTime":""#,
    r#""lastTransitionTime":""#,
    r#""lastHeartbeatTime":""#,
    r#""lastUpdateTime":""#,
    r#""lastProbeTime":""#,
    r#""lastScheduleTime":""#,
    r#""lastSuccessfulTime":""#,
    r#""lastScaleTime":""#,
    r#""renewTime":""#,
];

static FIELDS: LazyLock<AhoCorasick> = LazyLock::new(|| AhoCorasick::new(PAST).expect("a few short words"));

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

    /// Looks through an object that is written without spaces. Within a string its quotes would be escaped, so none is found there.
    pub fn look_at(&mut self, json: &str) {
        for field in FIELDS.find_iter(json) {
            let text = &json[field.end()..];
            if text.get(..SECONDS).is_some_and(|seconds| seconds >= self.text.as_str()) {
                let end = text.find('"').unwrap_or(text.len());
                self.time_text(&text[..end]);
            }
        }
    }

    fn time_text(&mut self, text: &str) {
        let Ok(time) = text.parse::<Timestamp>() else { return };
        if self.time.is_none_or(|newest| newest < time) {
            self.time = Some(time);
            text.get(..SECONDS).unwrap_or_default().clone_into(&mut self.text);
        }
    }
}
