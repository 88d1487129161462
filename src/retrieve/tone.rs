//! Whether a text reports trouble at all: good news names the same things as bad news.

/// How a short text sounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// It says that something is well, and nothing in it says otherwise.
    Healthy,
    /// Anything else, and every long text: a log is mostly good news around the one decisive line.
    Open,
}

/// What a match counts when the text reports that all is well.
pub const GOOD_NEWS_SHARE: f32 = 0.35;

const LONGEST_NOTE: usize = 600;

const GOOD: &[&str] = &[
    "healthy",
    "ok",
    "okay",
    "passed",
    "ready",
    "recovered",
    "resolved",
    "running",
    "succeeded",
    "success",
    "successful",
    "successfully",
    "synced",
    "well",
    "works",
    "completed",
    "finished",
    "started",
    "fine",
];

/// Words, and from four letters on beginnings of words, that say that something is wrong or deny what follows.
const BAD: &[&str] = &[
    "not",
    "never",
    "cannot",
    "cant",
    "isn",
    "aren",
    "doesn",
    "don",
    "won",
    "but",
    "stuck",
    "slow",
    "hang",
    "error",
    "fail",
    "crash",
    "kill",
    "deni",
    "refus",
    "reject",
    "timeout",
    "timed",
    "exceed",
    "miss",
    "invalid",
    "unable",
    "unhealthy",
    "unauthor",
    "forbid",
    "forbad",
    "lost",
    "exit",
    "evict",
    "full",
    "expire",
    "backoff",
    "oom",
    "panic",
    "fatal",
    "exception",
    "pending",
    "degraded",
    "down",
    "unknown",
    "unavailable",
    "unreachable",
    "throttl",
    "restart",
    "wait",
    "too",
    "why",
    "oomkill",
    "dies",
    "died",
    "problem",
    "broken",
    "bad",
    "critical",
    "insufficient",
    "untolerated",
    "none",
    "firing",
    "econn",
    "stop",
    "die",
    "leak",
    "lock",
    "while",
    "until",
    // What is old, late or more than it should be, as alerts put it.
    "ago",
    "behind",
    "longer",
    "old",
    "non",
    "only",
    "than",
];

impl Tone {
    /// The tone of a text. `no`, `0` and `zero` turn the bad word after them into good news.
    pub fn of(text: &str) -> Tone {
        if text.len() > LONGEST_NOTE {
            return Tone::Open;
        }
        let text = text.to_lowercase();
        // A hyphen joins: `cache-0 failed` does not say that nothing failed, nor `non-ready` that something is ready.
        let parts = text.split(|c: char| !c.is_alphanumeric() && c != '-').map(|part| part.trim_matches('-'));
        let words: Vec<&str> = parts.filter(|word| !word.is_empty()).collect();
        let mut is_good = false;
        for (at, word) in words.iter().enumerate() {
            let is_bad = BAD.iter().any(|bad| {
                if bad.len() < 4 {
                    word == bad || word.strip_prefix(bad).is_some_and(|rest| rest.starts_with('-'))
                } else {
                    word.starts_with(bad)
                }
            });
            let is_denied = at > 0 && matches!(words[at - 1], "no" | "0" | "zero" | "without");
            let is_nothing = words.get(at + 1).is_some_and(|next| matches!(*next, "0" | "zero" | "none"))
                || (words.get(at + 1) == Some(&"is") && words.get(at + 2).is_some_and(|next| matches!(*next, "0" | "zero")));
            // As in `OOMKilled counter is 0`.
            let is_count_of_nothing = words.get(at + 2..at + 4) == Some(&["is", "0"][..]);
            if is_bad && !is_denied && !is_nothing && !is_count_of_nothing {
                return Tone::Open;
            }
            is_good |= is_bad || GOOD.contains(word);
        }
        if is_good { Tone::Healthy } else { Tone::Open }
    }
}

#[cfg(test)]
mod tests {
    use super::Tone;

    #[test]
    fn good_news_is_told_from_bad() {
        for good in [
            "all pods are running and ready",
            "no restarts, no errors",
            "OOMKilled counter is 0",
            "deployment successfully rolled out",
        ] {
            assert_eq!(Tone::of(good), Tone::Healthy, "{good}");
        }
        for open in [
            "last save of cache-0 failed",
            "pod is in a non-ready state",
            "running at the maximum for longer than 15 minutes",
            "pod is running but not ready",
            "never becomes healthy",
            "OOMKilled",
            "terraform state lock",
            "0/3 nodes are available: insufficient cpu, none ready",
        ] {
            assert_eq!(Tone::of(open), Tone::Open, "{open}");
        }
    }
}
