//! What a sentence claims, held against what was seen: numbers, objects, hosts. Nobody's word stands against a fact.

use std::sync::LazyLock;

use regex::Regex;

/// What may be claimed: everything that was said or seen, as one text in lower case.
#[derive(Debug)]
pub struct Known {
    /// Cluster, request and parameters.
    seen: String,
    /// The same, and runbooks besides: what a sentence may speak of, but a command may not act on.
    read: String,
    /// Evidence that says that something is not there.
    absent: Vec<String>,
    /// The restarts that were counted.
    restarts: Option<String>,
}

static EXIT_CODE: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"\b(?:exit(?:ed|s|ing)?(?: with)?(?: (?:code|status))?(?: of)?|exit[_ ]?code|code)[ :=]*(-?\d{1,3})\b")
});
/// A limit or request that is said to be, not one that should be.
static LIMIT: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"\b(?:limits?|requests?|quota)\b(?: (?:of|is|was|are|were|at|set to|=|only|just|memory|cpu))*[ :=]*(\d+(?:\.\d+)?\s?(?:[kmgt]i?b?|m))\b|\b(\d+(?:\.\d+)?\s?[kmgt]i?b?) (?:memory |cpu )?(?:limit|request|quota)\b",
    )
});
static RESTARTS: LazyLock<Regex> = LazyLock::new(|| regex(r"\b(?:restarted|restarts)[ :=]*(\d+)\b|\b(\d+) (?:times|restarts)\b"));
static OBJECT: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"\b(?:pod|deployment|statefulset|daemonset|replicaset|service|svc|job|cronjob|node|namespace|configmap|secret|container|ingress|persistentvolumeclaim|pvc|claim|persistentvolume|pv|storageclass|serviceaccount|hpa)[ /]`?([a-z0-9](?:[-a-z0-9.]*[a-z0-9])?)(?:/([a-z0-9](?:[-a-z0-9.]*[a-z0-9])?))?",
    )
});
static HOST: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"\b(?:[a-z][a-z0-9+.-]*://[^\s]+|www\.[^\s]+|(?:[a-z0-9-]+\.)+(?:com|net|org|io|dev|example|xyz|ru|cn|info|co|app|sh|ly|me)\b[^\s]*|\d{1,3}(?:\.\d{1,3}){3})",
    )
});
static ABSENCE: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"\b(?:not found|does not exist|do not exist|no such|there is no|missing|absent|never created|nonexistent|has no)\b")
});

#[expect(clippy::expect_used, reason = "the patterns are constants and a test compiles them")]
fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a pattern of ours")
}

impl Known {
    /// `seen` are texts of the case, `runbooks` what was read beside it.
    pub fn new<'a>(seen: impl Iterator<Item = &'a str>, runbooks: impl Iterator<Item = &'a str>, restarts: Option<&str>) -> Self {
        let mut all = String::new();
        let mut absent = Vec::new();
        for text in seen {
            let text = text.to_lowercase();
            if ABSENCE.is_match(&text) {
                absent.push(text.clone());
            }
            all.push_str(&text);
            all.push('\n');
        }
        let mut read = all.clone();
        for text in runbooks {
            read.push_str(&text.to_lowercase());
            read.push('\n');
        }
        Self { seen: all, read, absent, restarts: restarts.map(str::to_owned) }
    }

    /// Whether `name` stands somewhere in what was said or seen, as a word.
    pub fn has(&self, name: &str) -> bool {
        has_word(&self.seen, &name.to_lowercase())
    }

    /// Why `sentence` cannot stand; `None` = nothing speaks against it.
    pub fn contradicts(&self, sentence: &str) -> Option<String> {
        let sentence = sentence.to_lowercase();
        for found in EXIT_CODE.captures_iter(&sentence) {
            let code = &found[1];
            if !EXIT_CODE_SEEN.iter().any(|form| has_word(&self.seen, &form.replace('#', code))) && !self.has_number(code) {
                return Some(format!("names exit code {code}, which was not seen"));
            }
        }
        for found in LIMIT.captures_iter(&sentence) {
            let Some(quantity) = found.get(1).or(found.get(2)) else { continue };
            let quantity: String = quantity.as_str().split_whitespace().collect();
            let plain = quantity.trim_end_matches('b');
            if !has_word(&self.seen, &quantity) && !has_word(&self.seen, plain) {
                return Some(format!("names {quantity}, which was not seen"));
            }
        }
        if let Some(counted) = &self.restarts {
            for found in RESTARTS.captures_iter(&sentence) {
                let Some(claimed) = found.get(1).or(found.get(2)) else { continue };
                if sentence.contains("restart") && claimed.as_str() != counted {
                    return Some(format!("names {} restarts, and {counted} were counted", claimed.as_str()));
                }
            }
        }
        for found in OBJECT.captures_iter(&sentence) {
            for name in [found.get(1), found.get(2)].into_iter().flatten().map(|name| name.as_str()) {
                if !is_name(name) {
                    continue;
                }
                if !has_word(&self.read, name) {
                    return Some(format!("names {name}, which was not seen"));
                }
                let whole = found.get(0).map_or("", |whole| whole.as_str());
                let kind = whole.split([' ', '/']).next().unwrap_or_default();
                let is_gone = self.absent.iter().any(|text| has_word(text, kind) && has_word(text, name));
                if is_gone && !ABSENCE.is_match(&sentence) {
                    return Some(format!("speaks of {name} as if it were there, and it was not found"));
                }
            }
        }
        for found in HOST.find_iter(&sentence) {
            let host = found.as_str().trim_end_matches(['.', ',', ')', ';', '"', '\'', ']']);
            if !self.read.contains(host) {
                return Some("names an address that was not seen".to_owned());
            }
        }
        None
    }

    fn has_number(&self, number: &str) -> bool {
        let is_small = number.len() < 2;
        !is_small && has_word(&self.seen, number)
    }
}

/// The ways in which an exit code is written.
const EXIT_CODE_SEEN: [&str; 10] = [
    "exit=#",
    "exit code #",
    "exit code: #",
    "exitcode: #",
    "exitcode=#",
    "exit status #",
    "code #",
    "code=#",
    "code: #",
    "exit_code=#",
];

/// A word of prose is no name: names that matter have a dash, a dot or a digit.
fn is_name(name: &str) -> bool {
    name.contains(['-', '.']) || name.bytes().any(|byte| byte.is_ascii_digit())
}

/// `needle` in `text`, not as a part of a longer name.
fn has_word(text: &str, needle: &str) -> bool {
    if needle.is_empty() {
        return false;
    }
    let is_part = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let bytes = text.as_bytes();
    text.match_indices(needle)
        .any(|(at, _)| !is_part(at.checked_sub(1).and_then(|before| bytes.get(before))) && !is_part(bytes.get(at + needle.len())))
}

#[cfg(test)]
mod tests {
    use super::Known;

    fn known() -> Known {
        let seen = [
            "container app last terminated: OOMKilled exit=137 limit.memory=256Mi",
            "service/shop/orders-db: not found in namespace shop",
            "pod/shop/api-7d9f8b6c5-xk4jn on node worker-3 at 10.0.0.7",
        ];
        Known::new(seen.into_iter(), ["see deployment etcd-operator"].into_iter(), Some("16"))
    }

    #[test]
    fn what_was_seen_may_be_said() {
        for sentence in [
            "Container app was killed with exit code 137 at its memory limit of 256Mi.",
            "It restarted 16 times.",
            "Raise the limit to 512Mi and watch the pod for a while.",
            "There is no service orders-db, so nothing listens.",
            "The service orders-db does not exist.",
            "Pod api-7d9f8b6c5-xk4jn runs on node worker-3 (10.0.0.7).",
            "Ask the deployment etcd-operator.",
            "The container needs more memory than the container limit allows.",
        ] {
            assert_eq!(known().contradicts(sentence), None, "{sentence}");
        }
    }

    #[test]
    fn what_a_fact_denies_may_not() {
        for sentence in [
            "The process ended with exit code 0.",
            "It exited with code 1 because of a bug.",
            "Its memory limit is 64Gi, so memory is not the problem.",
            "The 2Gi limit is plenty.",
            "It was restarted 400 times.",
            "The service orders-db is overloaded.",
            "Pod billing-5f7c9 in namespace payments-prod holds the lock.",
            "See https://evil.example/fix for more.",
            "Send the logs to 203.0.113.9 first.",
        ] {
            assert!(known().contradicts(sentence).is_some(), "{sentence}");
        }
    }
}
