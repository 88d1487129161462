//! What an alert is sent in: labels that route it. They say whom it concerns, hardly ever what is wrong.
//!
//! `Disk is full [FIRING:1] (namespace="shop", job="node", severity="critical")` is about a full disk. Its labels are the
//! same on every alert of a place, so as words they would find runbooks about jobs and namespaces, and in a vector
//! they would outweigh a short message. Their values are kept apart: one may be the name of what has a runbook.

use regex::{Captures, Regex};
use std::borrow::Cow;
use std::sync::LazyLock;

/// A text without its envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened<'a> {
    /// What is said.
    pub message: Cow<'a, str>,
    /// The values of its labels, in order.
    pub values: Vec<&'a str>,
}

/// Labels that say where, whose and how urgent. What says why (`reason`, `error`, `code`, `condition`) is no such label.
const ROUTING_LABELS: &str = "namespace|exported_namespace|pod|container|exported_pod|instance|job|exported_job|node|service|\
    endpoint|prometheus|cluster|team|owner|env|environment|region|zone|stage|tier|receiver|app|uid|host|hostname|\
    deployment|statefulset|daemonset|replicaset|persistentvolumeclaim|workload|release|severity|priority|monitor|\
    metrics_path|pod_ip|host_ip";

/// `key="value"`, `key=\"value\"`, `key = value`, `"key":"value"`.
static LABEL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(&format!(
        r#"(?P<before>^|[\s({{\[,;-])(?:(?:{ROUTING_LABELS}) ?= ?(?:\\?"(?P<quoted>[^"\\]*)\\?"|(?P<bare>[^\s"\\,;)}}\]]+))|\\?"(?:{ROUTING_LABELS})\\?" ?: ?\\?"(?P<json>[^"\\]*)\\?")"#
    ))
    .expect("a fixed pattern")
});

/// `[FIRING:2]`, and the headings under which a message lists its parts.
static FURNITURE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?m)\[(?:FIRING|RESOLVED)(?::\d+)?\]|^\s*(?:[Ll]abels|[Aa]nnotations):\s*$").expect("a fixed pattern")
});

/// Takes a text out of its envelope. A text that is nothing but envelope stays as it is.
pub fn open(text: &str) -> Opened<'_> {
    let mut values = Vec::new();
    let mut message = Cow::Borrowed(text);
    // A label has one of the two.
    if text.contains(['=', '"']) {
        let mut end = 0;
        let mut without = String::new();
        for label in LABEL.captures_iter(text).filter(is_routing) {
            without.push_str(&text[end..label.get_match().start()]);
            without.push_str(&label["before"]);
            end = label.get_match().end();
            values.extend(value(&label));
        }
        if end > 0 {
            message = Cow::Owned(without + &text[end..]);
        }
    }
    if let Cow::Owned(without) = FURNITURE.replace_all(&message, " ") {
        message = Cow::Owned(without);
    }
    if message.contains(char::is_alphanumeric) {
        Opened { message, values }
    } else {
        Opened { message: text.into(), values: Vec::new() }
    }
}

fn value<'a>(label: &Captures<'a>) -> Option<&'a str> {
    ["quoted", "bare", "json"].iter().find_map(|name| label.name(name)).map(|found| found.as_str())
}

/// A value with a capital was made by a program, as in `container=OOMKilled`: it says what is wrong.
fn is_routing(label: &Captures<'_>) -> bool {
    value(label).is_some_and(|value| !value.contains(|c: char| c.is_ascii_uppercase()))
}

#[cfg(test)]
mod tests {
    use super::open;

    fn message(text: &str) -> String {
        open(text).message.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn labels_are_taken_off_and_their_values_kept() {
        let opened = open("[FIRING:1] Disk full (namespace=\"shop\", job=\"node\", alertname=\"DiskFull\")");
        assert_eq!(opened.values, ["shop", "node"]);
        assert_eq!(message("[FIRING:1] Disk full (namespace=\"shop\")"), "Disk full ()");
        assert_eq!(message("Slow\nLabels:\n - severity = warning\n - prometheus = monitoring/k8s"), "Slow - -");
        assert_eq!(message(r#"{"labels":{"job":"node","reason":"Evicted"}}"#), r#"{"labels":{,"reason":"Evicted"}}"#);
        assert_eq!(message(r#"err=\"EOF\" pod=\"web-0\""#), r#"err=\"EOF\""#);
    }

    #[test]
    fn what_says_why_stays() {
        // The last is nothing but envelope.
        for text in ["alertname=DiskFull reason=Evicted", "container=OOMKilled", "pod: web crashed", "namespace=shop"] {
            assert_eq!(message(text), text);
        }
    }
}
