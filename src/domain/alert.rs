//! An alert: what a monitoring system says is wrong, as far as it is kept.

pub mod subject;

use std::{collections::BTreeMap, fmt::Write};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    incident::named,
    redact::{Redaction, scrub::Scrub},
    symptom::Severity,
};

named! {
    /// Whether an alert says that something is wrong, or that it is over.
    AlertState {
        Firing = "firing",
        Resolved = "resolved",
    }
}

impl<'de> Deserialize<'de> for AlertState {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::of(&name).ok_or_else(|| serde::de::Error::custom("no state of an alert"))
    }
}

pub type Labels = BTreeMap<String, String>;

/// One alert. It is made of foreign texts, and is clean and bounded once it was sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// The same for the same labels, whenever it fires.
    pub fingerprint: String,
    /// What the sender groups it by; empty = it does not say.
    pub group_key: String,
    pub state: AlertState,
    pub labels: Labels,
    /// Annotations, each empty where there is none.
    pub summary: String,
    pub description: String,
    pub message: String,
    /// Where its own runbook is, to be shown and never to be fetched. `None` = it names none that begins with http:// or https://.
    pub runbook_url: Option<String>,
    /// `None` = the sender does not say.
    pub starts_at: Option<Timestamp>,
    /// `None` = it is not over, or nobody knows since when.
    pub ends_at: Option<Timestamp>,
}

/// Alerts that only tell that alerting works, or that tell other alerts to be quiet.
const NOT_TROUBLE: [&str; 2] = ["Watchdog", "InfoInhibitor"];

/// Bytes of a summary, and of a description or message, that are kept.
const SUMMARY_BYTES: usize = 1 << 10;
const DESCRIPTION_BYTES: usize = 4 << 10;
const URL_BYTES: usize = 1 << 10;
/// Labels that are kept, and bytes of one.
const MOST_LABELS: usize = 40;
const LABEL_NAME_BYTES: usize = 128;
const LABEL_VALUE_BYTES: usize = 256;
/// Of what is longer, only this much is read: cleaning takes time.
const READ_TIMES: usize = 4;

impl Alert {
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Its `alertname`; every alert should have one.
    pub fn name(&self) -> &str {
        self.label("alertname").unwrap_or("unnamed alert")
    }

    /// Whether it is about nothing that anybody could mend.
    pub fn is_no_trouble(&self) -> bool {
        NOT_TROUBLE.contains(&self.name())
    }

    /// What is wrong, in one line: its summary, else what else it says, else its name.
    pub fn title(&self) -> &str {
        let said = [&self.summary, &self.description, &self.message];
        said.iter().find_map(|text| text.lines().map(str::trim).find(|line| !line.is_empty())).unwrap_or_else(|| self.name())
    }

    /// Everything that it says in words, each once.
    pub fn text(&self) -> String {
        let mut text = self.name().to_owned();
        for said in [&self.summary, &self.description, &self.message].map(|said| said.trim()) {
            if !said.is_empty() && !text.contains(said) {
                let _ = write!(text, "\n{said}");
            }
        }
        text
    }

    /// What its label `severity` means here; somebody thought it worth an alert, so it is not low unless it says so.
    pub fn severity(&self) -> Severity {
        match self.label("severity").unwrap_or_default().to_ascii_lowercase().as_str() {
            "critical" | "page" | "emergency" | "fatal" => Severity::Critical,
            "error" | "high" | "major" => Severity::High,
            "info" | "information" | "notice" | "low" | "none" => Severity::Low,
            _ => Severity::Medium,
        }
    }
}

/// A text as a runbook's address is kept: `None` = it is none that a browser would open.
pub fn web_address(text: &str) -> Option<String> {
    let text = text.trim();
    let (scheme, rest) = text.split_once("://")?;
    let is_web = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
    let is_plain =
        text.len() <= URL_BYTES && !text.contains(|c: char| c.is_whitespace() || c.is_control() || "<>\"'`\\".contains(c));
    (is_web && is_plain && !rest.is_empty()).then(|| text.to_owned())
}

/// The fingerprint that Prometheus and Alertmanager give to a set of labels: FNV-1a over the sorted names and values.
pub fn fingerprint_of(labels: &Labels) -> String {
    const SEPARATOR: [u8; 1] = [0xff];
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for (name, value) in labels {
        for byte in [name.as_bytes(), &SEPARATOR, value.as_bytes(), &SEPARATOR].into_iter().flatten() {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    format!("{hash:016x}")
}

impl Scrub for Alert {
    /// Cleans the alert and cuts it to what is kept of it.
    fn scrub(&mut self, session: &mut Redaction) {
        self.labels = clean_labels(std::mem::take(&mut self.labels), session);
        for (text, most) in [
            (&mut self.summary, SUMMARY_BYTES),
            (&mut self.description, DESCRIPTION_BYTES),
            (&mut self.message, DESCRIPTION_BYTES),
        ] {
            *text = clean(text, most, session);
        }
        self.runbook_url = self.runbook_url.take().map(|url| clean(&url, URL_BYTES, session));
        // A group key is made of the labels of its group.
        self.group_key = clean(&self.group_key, DESCRIPTION_BYTES, session);
    }
}

/// Labels that say what an alert is about come first, so that none of them is cut off.
fn clean_labels(labels: Labels, session: &mut Redaction) -> Labels {
    let mut labels: Vec<(String, String)> =
        labels.into_iter().filter(|(name, _)| !name.is_empty() && name.len() <= LABEL_NAME_BYTES).collect();
    labels.sort_by_key(|(name, _)| !subject::is_telling(name));
    labels.truncate(MOST_LABELS);
    let line =
        |(name, value): &(String, String)| format!("{name}={}", beginning(value, LABEL_VALUE_BYTES).replace(['\n', '\r'], " "));
    let lines: Vec<String> = labels.iter().map(line).collect();
    // With its name before it, a value tells more; and one text is cleaned sooner than forty.
    let together = session.clean(&lines.join("\n"));
    let cleaned: Vec<String> = if together.lines().count() == lines.len() {
        together.lines().map(str::to_owned).collect()
    } else {
        lines.iter().map(|line| session.clean(line).into_string()).collect()
    };
    let named = labels.iter().zip(&cleaned);
    let kept = named.filter_map(|((name, _), line)| {
        let value = line.strip_prefix(name.as_str())?.strip_prefix('=')?;
        Some((name.clone(), cut(value, LABEL_VALUE_BYTES).to_owned()))
    });
    kept.collect()
}

fn clean(text: &str, most_bytes: usize, session: &mut Redaction) -> String {
    if text.is_empty() {
        return String::new();
    }
    cut(&session.clean(&beginning(text, most_bytes)), most_bytes).to_owned()
}

/// As much of a text as is cleaned. A word that does not end within it is left out: half a secret may look like none.
fn beginning(text: &str, most_bytes: usize) -> String {
    let read = cut(text, most_bytes * READ_TIMES);
    let whole = if read.len() < text.len() { read.rfind(char::is_whitespace).map_or("", |end| &read[..end]) } else { read };
    whole.to_owned()
}

fn cut(text: &str, most_bytes: usize) -> &str {
    let mut end = text.len().min(most_bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::{Alert, AlertState, Labels, fingerprint_of, web_address};
    use crate::domain::{redact::Redactor, symptom::Severity};

    fn alert(labels: &[(&str, &str)]) -> Alert {
        let labels: Labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Alert {
            fingerprint: fingerprint_of(&labels),
            group_key: String::new(),
            state: AlertState::Firing,
            labels,
            summary: String::new(),
            description: String::new(),
            message: String::new(),
            runbook_url: None,
            starts_at: None,
            ends_at: None,
        }
    }

    #[test]
    fn a_severity_that_nobody_knows_is_medium() {
        for (label, severity) in [
            ("critical", Severity::Critical),
            ("Page", Severity::Critical),
            ("error", Severity::High),
            ("warning", Severity::Medium),
            ("p3", Severity::Medium),
            ("", Severity::Medium),
            ("info", Severity::Low),
        ] {
            assert_eq!(alert(&[("severity", label)]).severity(), severity, "{label}");
        }
    }

    #[test]
    fn the_fingerprint_is_the_one_of_the_labels_in_any_order() {
        // The offset basis, as no label leaves it.
        assert_eq!(fingerprint_of(&Labels::new()), "cbf29ce484222325");
        let two = fingerprint_of(&alert(&[("a", "b"), ("c", "d")]).labels);
        assert_eq!(two, fingerprint_of(&alert(&[("c", "d"), ("a", "b")]).labels));
        assert_ne!(two, fingerprint_of(&alert(&[("ab", ""), ("c", "d")]).labels));
    }

    #[test]
    fn only_web_addresses_are_kept() {
        for good in ["https://wiki.example/runbooks/disk-full#now", "HTTP://a/b"] {
            assert_eq!(web_address(&format!(" {good} ")).as_deref(), Some(good));
        }
        for bad in
            ["", "wiki/disk-full", "javascript:alert(1)//x", "file:///etc/passwd", "https://", "https://a/<b>", "https://a b"]
        {
            assert_eq!(web_address(bad), None, "{bad}");
        }
        assert_eq!(web_address(&format!("https://a/{}", "x".repeat(2000))), None);
    }

    #[test]
    fn sealed_it_is_clean_and_bounded() {
        let mut one = alert(&[("alertname", "A"), ("password", "hunter2hunter2"), ("note", "a\nb")]);
        for number in 0..60 {
            one.labels.insert(format!("a{number}"), "x".repeat(300));
        }
        one.labels.insert("namespace".to_owned(), "shop".to_owned());
        one.description = format!("{} password=hunter2hunter2", "word ".repeat(5000));
        let sealed = Redactor::built_in().session().seal(one);
        assert_eq!(sealed.label("namespace"), Some("shop"));
        assert!(sealed.labels.len() <= 40 && sealed.description.len() <= 4096);
        assert!(!format!("{sealed:?}").contains("hunter2"), "{sealed:?}");
    }
}
