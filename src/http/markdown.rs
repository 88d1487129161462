//! An answer as a page for a chat or a terminal.
//!
//! Much of it quotes hostile text: logs, names, runbooks. Whatever is quoted stays on its line or in its fence and
//! cannot become a heading, a link or a mention there.

use std::fmt::Write;

use super::suggest::Suggestions;
use crate::domain::{
    advice::Proposer,
    diagnosis::Diagnosis,
    evidence::Gap,
    health::{ClusterHealth, Problem},
    text::is_hidden,
};

/// Severity and cause first, then what to do, then why we think so, then what we do not know.
pub fn diagnosis(diagnosis: &Diagnosis) -> String {
    let mut page = String::with_capacity(4096);
    let confidence = (diagnosis.confidence * 100.0).round();
    line(&mut page, format_args!("# {}: {}", diagnosis.severity, inline(diagnosis.error_category.as_str())));
    line(&mut page, format_args!("**{}**", inline(&diagnosis.root_cause)));
    if !diagnosis.explanation.trim().is_empty() {
        line(&mut page, format_args!("{}", inline(&diagnosis.explanation)));
    }
    line(&mut page, format_args!("Confidence {confidence}%, from {} findings.", diagnosis.findings.len()));
    if let Some(opinion) = &diagnosis.llm.opinion {
        let support = if opinion.supported { "from the same evidence" } else { "without evidence" };
        let (category, cause) = (inline(opinion.error_category.as_str()), inline(&opinion.root_cause));
        line(&mut page, format_args!("The model holds, {support}: {category}: {cause}"));
    }
    if !diagnosis.fix_commands.is_empty() {
        line(&mut page, format_args!("## Fix"));
        for (number, fix) in (1..).zip(&diagnosis.fix_commands) {
            let undo = if fix.reversible { "can be undone" } else { "cannot be undone" };
            let risk = fix.risk_level.as_str();
            line(
                &mut page,
                format_args!(
                    "{number}. {} (risk {risk}: {}; {undo}{})",
                    inline(&fix.description),
                    inline(&fix.risk_reason),
                    if fix.source == Proposer::Model { "; proposed by the model" } else { "" },
                ),
            );
            fence(&mut page, "sh", &fix.command);
        }
    }
    if !diagnosis.evidence.is_empty() {
        line(&mut page, format_args!("## Evidence"));
        for evidence in &diagnosis.evidence {
            let _ = writeln!(page, "- {} ({}): {}", inline(&evidence.id), inline(&evidence.object), code(&evidence.text));
        }
        page.push('\n');
    }
    list(&mut page, "## Prevention", diagnosis.prevention_tips.iter().map(|tip| inline(tip)));
    list(&mut page, "## Runbooks", diagnosis.related_runbooks.iter().map(|runbook| code(runbook)));
    gaps(&mut page, &diagnosis.gaps);
    let _ = writeln!(page, "Request {}", inline(&diagnosis.request_id));
    page
}

pub fn suggestions(suggestions: &Suggestions<'_>) -> String {
    let mut page = String::with_capacity(1024);
    line(&mut page, format_args!("# Runbooks"));
    if suggestions.results.is_empty() {
        line(&mut page, format_args!("No runbook fits."));
    }
    for (number, one) in (1..).zip(&suggestions.results) {
        line(&mut page, format_args!("{number}. **{}** ({}, score {:.2})", inline(&one.title), inline(&one.section), one.score));
        fence(&mut page, "text", &one.excerpt);
        line(&mut page, format_args!("{}", code(&one.url)));
    }
    gaps(&mut page, suggestions.gaps);
    let _ = writeln!(page, "Request {}", inline(suggestions.request_id));
    page
}

/// The state first, then what is unwell, worst first.
pub fn cluster_health(health: &ClusterHealth) -> String {
    let picture = &health.picture;
    let totals = &picture.totals;
    let mut page = String::with_capacity(2048);
    line(&mut page, format_args!("# Cluster: {}", picture.status.as_str()));
    line(
        &mut page,
        format_args!(
            "{} of {} nodes ready, {} of {} workloads unwell, {} of {} pods unwell, as of {:.0}.",
            totals.nodes_ready,
            totals.nodes,
            totals.workloads_unwell,
            totals.workloads,
            totals.pods_unwell,
            totals.pods,
            picture.observed_at
        ),
    );
    let problem = |one: &Problem| {
        format!("{} **{}** {}: {}", one.severity, inline(one.category.as_str()), code(&one.object), inline(&one.message))
    };
    list(&mut page, "## Problems", picture.problems.iter().map(problem));
    let unwell = picture.nodes.iter().filter(|node| !node.ready || !node.schedulable || !node.pressure.is_empty());
    list(&mut page, "## Nodes", unwell.map(|node| format!("{}: {}", code(&node.name), inline(&node.in_words()))));
    gaps(&mut page, &picture.gaps);
    page
}

fn gaps(page: &mut String, gaps: &[Gap]) {
    list(page, "## Not looked at", gaps.iter().map(|gap| format!("{}: {}: {}", gap.stage, inline(&gap.what), inline(&gap.why))));
}

/// A paragraph.
fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = write!(page, "{text}\n\n");
}

fn list(page: &mut String, heading: &str, items: impl Iterator<Item = String>) {
    let mut items = items.peekable();
    if items.peek().is_none() {
        return;
    }
    line(page, format_args!("{heading}"));
    for item in items {
        let _ = writeln!(page, "- {item}");
    }
    page.push('\n');
}

/// A block that its own text cannot close.
fn fence(page: &mut String, language: &str, text: &str) {
    let ticks = "`".repeat(longest_run_of_ticks(text).max(2) + 1);
    let _ = writeln!(page, "{ticks}{language}");
    for one in text.lines() {
        let _ = writeln!(page, "{}", visible(one).trim_end());
    }
    let _ = write!(page, "{ticks}\n\n");
}

/// A span of code that its own text cannot close.
fn code(text: &str) -> String {
    let text = visible(text);
    let ticks = "`".repeat(longest_run_of_ticks(&text) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    if text.trim().is_empty() { "(empty)".to_owned() } else { format!("{ticks}{pad}{text}{pad}{ticks}") }
}

/// Text on one line, without meaning to markdown.
fn inline(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    let mut before = ' ';
    for character in visible(text).chars() {
        let is_markup = match character {
            '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '|' | '~' => true,
            '_' => !before.is_alphanumeric(),
            '#' => before == ' ',
            _ => false,
        };
        if is_markup {
            escaped.push('\\');
        }
        escaped.push(character);
        before = character;
    }
    escaped
}

/// One line without control characters, and without those that reorder or hide text.
fn visible(text: &str) -> String {
    text.chars().filter(|c| !is_hidden(*c)).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn longest_run_of_ticks(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{code, fence, inline};

    #[test]
    fn quoted_text_stays_where_it_is_quoted() {
        assert_eq!(
            inline("a\n# b [x](http://y) *z* snake_case _u_ <b>"),
            "a \\# b \\[x\\](http://y) \\*z\\* snake_case \\_u_ \\<b\\>"
        );
        assert_eq!(code("a `` b"), "```a `` b```");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(code("a\u{1b}[31m\r\nb\u{202e}"), "`a [31m  b`");
        let mut page = String::new();
        fence(&mut page, "text", "```\n# out\n````");
        assert_eq!(page, "`````text\n```\n# out\n````\n`````\n\n");
    }
}
