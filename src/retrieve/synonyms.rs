//! Words that operators use for one another: a user says `slow`, the runbook is called `HighLatency`.
//!
//! General words of operating only, never made from a collection; words with a second meaning of their own are left out.

use super::hash::FastMap;
use std::sync::LazyLock;

/// The words that a runbook may use for `word` (lower case, as written), itself among them; nothing for most words.
pub fn synonyms(word: &str) -> &'static [&'static str] {
    GROUP_OF.get(word).copied().unwrap_or_default()
}

static GROUP_OF: LazyLock<FastMap<&'static str, &'static [&'static str]>> =
    LazyLock::new(|| GROUPS.iter().flat_map(|&group| group.iter().map(move |&word| (word, group))).collect());

const GROUPS: &[&[&str]] = &[
    &["slow", "slowly", "latency", "sluggish"],
    &["fail", "fails", "failed", "failing", "failure", "failures", "error", "errors"],
    &["lag", "lags", "behind", "delayed", "late"],
    &["down", "unreachable", "unavailable", "offline", "dead"],
    &["restart", "restarts", "restarted", "restarting", "crash", "crashed", "crashing", "crashes"],
    &["expire", "expires", "expired", "expiring", "ends", "ended"],
    &["certificate", "certificates", "cert", "certs"],
    &["full", "exhausted", "exceeded", "exceeds"],
    &["memory", "ram"],
    &["cpu", "core", "cores", "processor"],
    &["host", "machine", "machines", "node", "nodes", "worker", "workers"],
    &["replica", "replicas", "standby", "follower", "slave", "secondary"],
    &["primary", "master", "leader"],
    &["disk", "disks", "volume", "volumes", "filesystem", "storage"],
    &["dns", "resolver", "resolve", "resolving", "lookup", "nameserver"],
    &["database", "databases", "db"],
    &["login", "logins", "authentication", "credentials", "password"],
    &["missing", "absent", "vanished", "disappeared", "gone"],
    &["degraded", "unhealthy"],
    &["scrape", "scraped", "exporter", "metrics"],
    &["configuration", "config"],
    &["rotate", "rotation", "renew", "renewal", "renewed"],
    &["stuck", "hangs", "progress", "progressing"],
];

#[cfg(test)]
mod tests {
    use super::{GROUP_OF, GROUPS, synonyms};

    #[test]
    fn a_word_is_in_one_group_and_lower_case() {
        assert_eq!(GROUP_OF.len(), GROUPS.iter().map(|group| group.len()).sum::<usize>());
        assert!(GROUP_OF.keys().all(|word| *word == word.to_lowercase()));
    }

    #[test]
    fn an_alerts_word_is_a_runbooks_word() {
        assert!(synonyms("slow").contains(&"latency"));
        assert!(synonyms("banana").is_empty());
    }
}
