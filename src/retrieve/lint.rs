//! What a runbook lacks: headings, metadata, a recent review, links that lead somewhere.

use super::library::Library;
use super::runbook::{Problem, Runbook};

/// The headings every runbook should have.
pub const HEADINGS: [&str; 5] = ["Meaning", "Impact", "Diagnosis", "Mitigation", "Prevention"];

/// A day, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub i64);

impl Day {
    /// The day on which a moment falls in UTC.
    pub fn of_unix_seconds(seconds: i64) -> Day {
        Day(seconds.div_euclid(86_400))
    }

    /// Reads `2026-02-19`; whatever follows the date is ignored.
    pub fn parse(text: &str) -> Option<Day> {
        let mut parts = text.get(..10)?.splitn(3, '-');
        let year: i64 = parts.next()?.parse().ok()?;
        let month: i64 = parts.next()?.parse().ok()?;
        let day: i64 = parts.next()?.parse().ok()?;
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days_in_month = match month {
            2 => 28 + i64::from(leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        if !(1..=days_in_month).contains(&day) || year < 1 {
            return None;
        }
        // Years are counted from March, so that the leap day is the last of its year.
        let year = year - i64::from(month <= 2);
        let month_from_march = (month + 9) % 12;
        let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
        Some(Day(365 * year + year / 4 - year / 100 + year / 400 + day_of_year - 719_468))
    }
}

/// What to hold runbooks against.
#[derive(Debug, Clone, Copy)]
pub struct Expectations<'a> {
    /// The day on which we look.
    pub today: Day,
    /// A review older than this many days is stale.
    pub max_review_age_days: i64,
    /// The categories that exist. Empty: any name is fine.
    pub categories: &'a [&'a str],
}

/// Everything wrong with the runbooks of a library, in order of their files.
pub fn lint(library: &Library, expected: &Expectations<'_>) -> Vec<Problem> {
    library.runbooks().iter().flat_map(|runbook| lint_one(library, runbook, expected)).collect()
}

fn lint_one(library: &Library, runbook: &Runbook, expected: &Expectations<'_>) -> Vec<Problem> {
    let mut whats = Vec::new();
    metadata(runbook, expected, &mut whats);
    headings(runbook, &mut whats);
    for target in &runbook.outline.links {
        if sibling(&runbook.file, target).is_some_and(|path| library.get_exact(&path).is_none()) {
            whats.push(format!("link to {target} leads nowhere"));
        }
    }
    whats.into_iter().map(|what| Problem { file: runbook.file.clone(), what }).collect()
}

/// The path, relative to the library, of the markdown file that a link in `file` leads to. `None` for other links.
pub fn sibling(file: &str, target: &str) -> Option<String> {
    let path = target.split(['#', '?']).next().unwrap_or_default();
    let is_elsewhere = path.contains(':') || path.starts_with("//");
    let is_markdown = path.rsplit_once('.').is_some_and(|(_, extension)| super::runbook::is_markdown_extension(extension));
    if is_elsewhere || !is_markdown {
        return None;
    }
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = if path.starts_with('/') { Vec::new() } else { folder.split('/').collect() };
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop(),
            _ => parts.push(part),
        }
    }
    parts.retain(|part| !part.is_empty());
    Some(parts.join("/").replace("%20", " "))
}

fn metadata(runbook: &Runbook, expected: &Expectations<'_>, whats: &mut Vec<String>) {
    if !runbook.has_title {
        whats.push("no title".to_owned());
    }
    if runbook.categories.is_empty() {
        whats.push("no categories".to_owned());
    }
    if runbook.owner.is_none() {
        whats.push("no owner".to_owned());
    }
    for category in &runbook.categories {
        if !expected.categories.is_empty() && !expected.categories.contains(&category.as_str()) {
            whats.push(format!("unknown category {category}"));
        }
    }
    let Some(reviewed) = &runbook.reviewed else {
        return whats.push("no review date".to_owned());
    };
    match Day::parse(reviewed) {
        None => whats.push(format!("review date {reviewed} is not a date such as 2026-02-19")),
        Some(day) if day > expected.today => whats.push(format!("review date {reviewed} is in the future")),
        Some(day) if expected.today.0 - day.0 > expected.max_review_age_days => {
            whats.push(format!("last reviewed on {reviewed}, more than {} days ago", expected.max_review_age_days));
        }
        Some(_) => {}
    }
}

fn headings(runbook: &Runbook, whats: &mut Vec<String>) {
    let sections = &runbook.outline.sections;
    for wanted in HEADINGS {
        if !sections.iter().any(|section| section.heading.eq_ignore_ascii_case(wanted)) {
            whats.push(format!("no heading {wanted}"));
        }
    }
    for (position, section) in sections.iter().enumerate() {
        let has_parts = sections.get(position + 1).is_some_and(|next| next.level > section.level);
        if section.blocks.is_empty() && !has_parts && !section.heading.is_empty() {
            whats.push(format!("section {} is empty", section.heading));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Day, Expectations, lint, sibling};
    use crate::retrieve::library::Library;

    #[test]
    fn days_are_counted_from_1970() {
        assert_eq!(Day::parse("1970-01-01"), Some(Day(0)));
        assert_eq!(Day::parse("2026-02-19"), Some(Day::of_unix_seconds(1_771_459_200)));
        assert_eq!(Day::parse("2024-02-29").map(|day| day.0 + 1), Day::parse("2024-03-01").map(|day| day.0));
        assert!(["2026-02-30", "2026-13-01", "soon", "", "19.02.2026"].iter().all(|text| Day::parse(text).is_none()));
    }

    #[test]
    fn everything_missing_is_named() {
        let complete = "---\ntitle: T\ncategories: [OOMKilled]\nowner: sre\nreviewed: 2026-02-01\n---\n## Meaning\na\n## Impact\na\n## Diagnosis\na [b](sub/two.md#x)\n## Mitigation\n### How\na\n## Prevention\na\n";
        let poor = "---\ncategories: [Nonsense]\nreviewed: 2020-01-01\n---\n## Meaning\n\n## Impact\n\n[gone](gone.md) [one](../one.md) [web](https://example.com/x.md)\n";
        let (library, _) = Library::from_files([("one.md", complete.as_bytes()), ("sub/two.md", poor.as_bytes())]);
        let today = Day::parse("2026-02-19").expect("a date");
        let problems = lint(&library, &Expectations { today, max_review_age_days: 180, categories: &["OOMKilled"] });
        let lines: Vec<_> = problems.iter().map(|problem| format!("{}: {}", problem.file, problem.what)).collect();
        assert_eq!(
            lines,
            [
                "sub/two.md: no owner",
                "sub/two.md: unknown category Nonsense",
                "sub/two.md: last reviewed on 2020-01-01, more than 180 days ago",
                "sub/two.md: no heading Diagnosis",
                "sub/two.md: no heading Mitigation",
                "sub/two.md: no heading Prevention",
                "sub/two.md: section Meaning is empty",
                "sub/two.md: link to gone.md leads nowhere",
            ]
        );
    }

    #[test]
    fn links_are_resolved_within_the_library() {
        assert_eq!(sibling("a/b.md", "../c.md#x").as_deref(), Some("c.md"));
        assert_eq!(sibling("a/b.md", "c.md").as_deref(), Some("a/c.md"));
        assert_eq!(sibling("a/b.md", "https://example.com/c.md"), None);
        assert_eq!(sibling("a/b.md", "c.png"), None);
    }
}
