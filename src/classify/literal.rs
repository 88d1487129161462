//! The literals that any match of a regex must contain, so that one pass over a text finds which regexes can match.

use regex_syntax::hir::{Hir, HirKind};

/// Shortest literal worth searching for.
pub const MIN_LITERAL_BYTES: usize = 3;

/// Literals of one set are alternatives; more of them than this say little.
const MAX_ALTERNATIVES: usize = 48;

/// Ways in which `hir` can match, each as sets of lower-case literals: every match contains, for at least one way, a literal
/// of *each* of its sets, ignoring ASCII case.
///
/// The most telling set of a way is first; at most `most` are given. Empty when some way has no set whose members all have
/// [`MIN_LITERAL_BYTES`]. `hir` must be parsed case-sensitively: the caller searches a lower-case copy of the text.
pub fn required_literals(hir: &Hir, most: usize) -> Vec<Vec<Vec<String>>> {
    let ways: Vec<_> = match branches(hir) {
        Some(branches) => branches.iter().map(|branch| way(branch, most)).collect(),
        None => vec![way(hir, most)],
    };
    if ways.iter().any(Vec::is_empty) { Vec::new() } else { ways }
}

/// The branches of `hir`, if it is hardly more than an alternation: the parser moves a `\b` that all have before them.
fn branches(hir: &Hir) -> Option<&[Hir]> {
    match hir.kind() {
        HirKind::Alternation(branches) if branches.len() <= MAX_WAYS => Some(branches),
        HirKind::Capture(capture) => branches(&capture.sub),
        HirKind::Concat(parts) => {
            let mut telling = parts.iter().filter(|part| !matches!(part.kind(), HirKind::Look(_) | HirKind::Empty));
            let only = telling.next()?;
            if telling.next().is_none() { branches(only) } else { None }
        }
        _ => None,
    }
}

/// Branches of a pattern that are told apart.
const MAX_WAYS: usize = 24;
/// Shortest literal of a set that is looked for beside a more telling one.
const MIN_FURTHER_BYTES: usize = 2;

fn way(hir: &Hir, most: usize) -> Vec<Vec<String>> {
    let mut all = sets(hir);
    for set in &mut all {
        set.sort_unstable();
        set.dedup();
    }
    all.retain(|set| shortest(set) >= MIN_FURTHER_BYTES && set.len() <= MAX_ALTERNATIVES);
    all.sort_by_key(|set| std::cmp::Reverse(worth(set)));
    all.dedup();
    all.truncate(most);
    if all.first().is_some_and(|set| shortest(set) < MIN_LITERAL_BYTES) { Vec::new() } else { all }
}

/// True when no match of `hir` can contain a line feed.
pub fn stays_in_line(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => true,
        HirKind::Literal(literal) => !literal.0.contains(&b'\n'),
        HirKind::Class(regex_syntax::hir::Class::Bytes(class)) => {
            class.ranges().iter().all(|range| !(range.start()..=range.end()).contains(&b'\n'))
        }
        HirKind::Class(regex_syntax::hir::Class::Unicode(class)) => {
            class.ranges().iter().all(|range| !(range.start()..=range.end()).contains(&'\n'))
        }
        HirKind::Repetition(repetition) => stays_in_line(&repetition.sub),
        HirKind::Capture(capture) => stays_in_line(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().all(stays_in_line),
    }
}

fn sets(hir: &Hir) -> Vec<Vec<String>> {
    match hir.kind() {
        HirKind::Literal(literal) => {
            std::str::from_utf8(&literal.0).map(|text| vec![vec![text.to_ascii_lowercase()]]).unwrap_or_default()
        }
        HirKind::Repetition(repetition) if repetition.min >= 1 => sets(&repetition.sub),
        HirKind::Empty | HirKind::Look(_) | HirKind::Class(_) | HirKind::Repetition(_) => Vec::new(),
        HirKind::Capture(capture) => sets(&capture.sub),
        // One set for all branches: the most telling one of each.
        HirKind::Alternation(parts) => {
            let mut union = Vec::new();
            for part in parts {
                let Some(best) = sets(part).into_iter().max_by_key(|set| worth(set)) else { return Vec::new() };
                union.extend(best);
            }
            vec![union]
        }
        HirKind::Concat(parts) => parts.iter().flat_map(sets).collect(),
    }
}

/// Long literals first (they hit seldom), then few of them.
fn worth(set: &[String]) -> (usize, std::cmp::Reverse<usize>) {
    (shortest(set).min(24), std::cmp::Reverse(set.len()))
}

fn shortest(set: &[String]) -> usize {
    set.iter().map(String::len).min().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, expected: &[&[&[&str]]]) {
        let hir = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build().parse(pattern).unwrap();
        assert_eq!(required_literals(&hir, 3), expected, "{pattern}");
    }

    #[test]
    fn every_part_that_each_match_has_is_required_the_longest_first() {
        check(r"\bOOMKilled\b", &[&[&["oomkilled"]]]);
        check(r"(?:liveness|readiness) probe failed", &[&[&[" probe failed"], &["liveness", "readiness"]]]);
        check(r"exit(?:ed)? +code[^\n]{0,20}137", &[&[&["exit"], &["code"], &["137"]]]);
        check(r"no such host|(?:db|redis) down", &[&[&["no such host"]], &[&[" down"], &["db", "redis"]]]);
    }

    #[test]
    fn a_pattern_that_can_match_without_a_literal_has_none() {
        check(r"\d+ of \d+|x", &[]);
        check(r"(?:abcd)?\d+", &[]);
    }

    #[test]
    fn only_a_pattern_that_can_cross_a_line_end_is_multi_line() {
        let parse = |pattern| regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build().parse(pattern).unwrap();
        assert!(stays_in_line(&parse(r"^back-off [^\n]{0,9}\b")));
        assert!(!stays_in_line(&parse(r"Reason:\s+Error")));
    }
}
