//! The lines of a long log that say what went wrong; the rest is good news and repetition.

use std::borrow::Cow;
use std::collections::HashSet;

/// Texts up to this long are taken as they are.
const SHORT: usize = 2000;
/// Enough of the decisive lines to search by.
const ENOUGH: usize = 4000;
/// A longer line is cut; it is a dump of something.
const LONGEST_LINE: usize = 600;

/// Parts of words that only lines about trouble have.
const TROUBLE: &[&str] = &[
    "error",
    "fail",
    "exception",
    "fatal",
    "panic",
    "refused",
    "denied",
    "forbidden",
    "unauthorized",
    "timeout",
    "timed out",
    "deadline",
    "killed",
    "oom",
    "cannot",
    "could not",
    "unable",
    "invalid",
    "not found",
    "no such",
    "no space",
    "expired",
    "exceeded",
    "backoff",
    "back-off",
    "unhealthy",
    "unavailable",
    "in use",
    "evict",
    "segmentation",
    "econn",
    "enospc",
    "eacces",
];

/// A text cut down to what it is about. A long text without a line about trouble is cut to its end, where logs say why
/// they stopped.
pub fn decisive(text: &str) -> Cow<'_, str> {
    if text.len() <= SHORT {
        return text.into();
    }
    let mut seen = HashSet::new();
    let mut kept: Vec<&str> = Vec::new();
    let mut kept_bytes = 0;
    let mut lower = String::new();
    // From the end: the last thing that went wrong is the likeliest to be the one that mattered.
    for line in text.lines().rev() {
        let line = &line[..line.floor_char_boundary(LONGEST_LINE)];
        lower.clear();
        lower.push_str(line);
        lower.make_ascii_lowercase();
        let is_trouble = TROUBLE.iter().any(|part| lower.contains(part));
        // Repetitions differ by their numbers only.
        if !is_trouble || !seen.insert(lower.replace(|c: char| c.is_ascii_hexdigit(), "")) {
            continue;
        }
        kept_bytes += line.len();
        kept.push(line);
        if kept_bytes > ENOUGH {
            break;
        }
    }
    if kept.is_empty() {
        return text[text.ceil_char_boundary(text.len() - SHORT)..].into();
    }
    kept.reverse();
    kept.join("\n").into()
}

#[cfg(test)]
mod tests {
    use super::{ENOUGH, LONGEST_LINE, SHORT, decisive};

    #[test]
    fn the_decisive_line_is_kept_wherever_it_is() {
        let noise = "INFO request 4711 handled in 12ms\n".repeat(1000);
        for log in
            [format!("{noise}ERROR disk full\n{noise}"), format!("ERROR disk full\n{noise}"), format!("{noise}ERROR disk full")]
        {
            assert_eq!(decisive(&log), "ERROR disk full");
        }
    }

    #[test]
    fn repetitions_are_kept_once_and_the_rest_is_bounded() {
        assert_eq!(decisive(&"failed 1\nfailed 2\n".repeat(1000)), "failed 2");
        let many: String = (0..5000).flat_map(|n| ["xyz".repeat(n % 97), " failed\n".to_owned()]).collect();
        assert!(decisive(&many).len() <= ENOUGH + LONGEST_LINE + 100);
        assert_eq!(decisive(&"ü".repeat(9000)).len(), SHORT);
        assert_eq!(decisive("short"), "short");
    }
}
