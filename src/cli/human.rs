//! A diagnosis for a person at a terminal: severity first, commands that can be copied.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use crate::domain::{
    advice::Proposer, diagnosis::Diagnosis, evidence::Gap, passage::Suggestion, symptom::Severity, verdict::RiskLevel,
};

pub const BOLD: Style = Style::new().bold();
pub const DIM: Style = Style::new().dimmed();

/// Widest line of prose.
const WIDTH: usize = 100;

/// Writes a diagnosis. Colours are written always; the stream takes them out where they do not belong.
pub fn write_diagnosis(out: &mut impl Write, diagnosis: &Diagnosis) -> io::Result<()> {
    let severity = severity_style(diagnosis.severity);
    writeln!(
        out,
        "{severity}{}{severity:#}  {BOLD}{}{BOLD:#}  {DIM}confidence {:.2}{DIM:#}",
        diagnosis.severity, diagnosis.error_category, diagnosis.confidence
    )?;
    write_prose(out, "", &diagnosis.root_cause)?;
    writeln!(out)?;
    write_prose(out, "", &diagnosis.explanation)?;
    if let Some(opinion) = &diagnosis.llm.opinion {
        let support = if opinion.supported { "from the same evidence" } else { "without evidence" };
        writeln!(out, "\n{DIM}The model holds, {support}:{DIM:#} {}", opinion.error_category)?;
        write_prose(out, "  ", &opinion.root_cause)?;
    }
    if !diagnosis.fix_commands.is_empty() {
        writeln!(out, "\n{BOLD}What to do{BOLD:#}")?;
    }
    for (index, fix) in diagnosis.fix_commands.iter().enumerate() {
        let risk = risk_style(fix.risk_level);
        write_prose(out, &format!("{:>2}. ", index + 1), &fix.description)?;
        writeln!(out, "      {BOLD}{}{BOLD:#}", fix.command)?;
        let undo = if fix.reversible { "" } else { ", cannot be undone" };
        let whose = if fix.source == Proposer::Model { "; proposed by the model" } else { "" };
        write!(out, "      {risk}{}{risk:#} {DIM}{}{undo}{whose}", fix.risk_level.as_str(), fix.risk_reason)?;
        if !fix.placeholders.is_empty() {
            write!(out, "; fill in {}", fix.placeholders.iter().map(|name| format!("<{name}>")).collect::<Vec<_>>().join(", "))?;
        }
        writeln!(out, "{DIM:#}")?;
    }
    if !diagnosis.prevention_tips.is_empty() {
        writeln!(out, "\n{BOLD}So that it does not come back{BOLD:#}")?;
        for tip in &diagnosis.prevention_tips {
            write_prose(out, "  - ", tip)?;
        }
    }
    if !diagnosis.related_runbooks.is_empty() {
        writeln!(out, "\n{BOLD}Runbooks{BOLD:#}  {}", diagnosis.related_runbooks.join("  "))?;
    }
    if !diagnosis.evidence.is_empty() {
        writeln!(out, "\n{BOLD}Evidence{BOLD:#}")?;
        for evidence in &diagnosis.evidence {
            writeln!(out, "  {} {DIM}{}{DIM:#}  {}", evidence.id, evidence.object, evidence.text)?;
        }
        for finding in diagnosis.findings.iter().skip(1) {
            let cited = finding.evidence.join(", ");
            writeln!(out, "  {DIM}also {} ({}, {cited}){DIM:#}", finding.category, finding.role.as_str())?;
        }
    }
    write_gaps(out, &diagnosis.gaps)
}

/// Writes runbook suggestions, best first.
pub fn write_suggestions(out: &mut impl Write, suggestions: &[Suggestion], gaps: &[Gap]) -> io::Result<()> {
    if suggestions.is_empty() {
        writeln!(out, "No runbook fits.")?;
    }
    for suggestion in suggestions {
        let section = if suggestion.section.is_empty() { String::new() } else { format!("  {}", suggestion.section) };
        writeln!(
            out,
            "{BOLD}{}{BOLD:#}  {:.2}  {}{DIM}{section}{DIM:#}",
            suggestion.runbook, suggestion.score, suggestion.title
        )?;
        write_prose(out, "    ", &suggestion.excerpt)?;
    }
    write_gaps(out, gaps)
}

pub fn write_gaps(out: &mut impl Write, gaps: &[Gap]) -> io::Result<()> {
    if gaps.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{DIM}Not looked at{DIM:#}")?;
    gaps.iter().try_for_each(|gap| writeln!(out, "  {DIM}{}: {}{DIM:#}", gap.what, gap.why))
}

/// Wraps `text` at words; the first line begins with `lead`, the others with as many blanks.
pub fn write_prose(out: &mut impl Write, lead: &str, text: &str) -> io::Result<()> {
    let mut line = lead.to_owned();
    let indent = " ".repeat(lead.chars().count());
    let mut is_empty = true;
    for word in text.split_whitespace() {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            writeln!(out, "{line}")?;
            line.clone_from(&indent);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    writeln!(out, "{line}")
}

pub fn severity_style(severity: Severity) -> Style {
    let colour = match severity {
        Severity::Critical | Severity::High => AnsiColor::Red,
        Severity::Medium => AnsiColor::Yellow,
        Severity::Low => AnsiColor::Green,
    };
    colour.on_default().bold()
}

fn risk_style(risk: RiskLevel) -> Style {
    match risk {
        RiskLevel::High => AnsiColor::Red.on_default(),
        RiskLevel::Medium => AnsiColor::Yellow.on_default(),
        RiskLevel::Low => AnsiColor::Green.on_default(),
    }
}
