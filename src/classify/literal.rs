//! The literals that any match of a regex must contain, so that one pass over a text finds which regexes can match.

use regex_syntax::hir::{Hir, HirKind};

/// Shortest literal worth searching for.
pub const MIN_LITERAL_BYTES: usize = 3;

/// A set of lower-case literals of which every match of `hir` contains at least one, ignoring ASCII case.
///
/// `None` when there is no such set whose members all have [`MIN_LITERAL_BYTES`]. `hir` must be parsed case-sensitively:
/// the caller searches a lower-case copy of the text.
pub fn required_literals(hir: &Hir) -> Option<Vec<String>> {
    let mut found = best(hir)?;
    found.sort_unstable();
    found.dedup();
    (shortest(&found) >= MIN_LITERAL_BYTES).then_some(found)
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

fn best(hir: &Hir) -> Option<Vec<String>> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) | HirKind::Class(_) => None,
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0).ok()?;
            Some(vec![text.to_ascii_lowercase()])
        }
        HirKind::Repetition(repetition) => (repetition.min >= 1).then(|| best(&repetition.sub)).flatten(),
        HirKind::Capture(capture) => best(&capture.sub),
        HirKind::Alternation(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(best(part)?);
            }
            Some(all)
        }
        HirKind::Concat(parts) => parts.iter().filter_map(best).max_by_key(|set| worth(set)),
    }
}

/// Long literals first (they hit seldom), then few of them.
fn worth(set: &[String]) -> (usize, std::cmp::Reverse<usize>) {
    (shortest(set).min(8), std::cmp::Reverse(set.len()))
}

fn shortest(set: &[String]) -> usize {
    set.iter().map(String::len).min().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, expected: Option<&[&str]>) {
        let hir = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build().parse(pattern).unwrap();
        let found = required_literals(&hir);
        assert_eq!(found.as_deref().map(|set| set.iter().map(String::as_str).collect::<Vec<_>>()), expected.map(<[_]>::to_vec));
    }

    #[test]
    fn the_longest_part_that_every_match_has_is_required() {
        check(r"\bOOMKilled\b", Some(&["oomkilled"]));
        check(r"(?:liveness|readiness) probe failed", Some(&[" probe failed"]));
        check(r"exit(?:ed)? +code[^\n]{0,20}137", Some(&["code"]));
        check(r"(?:no such host|server misbehaving)", Some(&["no such host", "server misbehaving"]));
    }

    #[test]
    fn a_pattern_that_can_match_without_a_literal_has_none() {
        check(r"\d+ of \d+|x", None);
        check(r"(?:abcd)?\d+", None);
    }

    #[test]
    fn only_a_pattern_that_can_cross_a_line_end_is_multi_line() {
        let parse = |pattern| regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build().parse(pattern).unwrap();
        assert!(stays_in_line(&parse(r"^back-off [^\n]{0,9}\b")));
        assert!(!stays_in_line(&parse(r"Reason:\s+Error")));
    }
}
