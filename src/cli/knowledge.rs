//! `faultline rules` and `faultline runbooks`: what Faultline knows, checked and shown.

use std::io::Write;

use clap::Subcommand;
use jiff::Timestamp;

use super::{CliError, Outcome};
use crate::{
    app,
    classify::{self, check},
    config::{self, KnowledgeSettings},
    retrieve::lint::{self, Day, Expectations},
};

/// A review older than this is named by `runbooks lint`.
const MAX_REVIEW_AGE_DAYS: i64 = 365;

#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// Check every rule: fields, regexes, templates, relations, and every example over all rules
    Check,
    /// List the categories
    List {
        /// As a markdown table (for the README)
        #[arg(long)]
        markdown: bool,
    },
    /// Show which patterns match a text, and what part each plays
    Explain { text: String },
}

#[derive(Debug, Subcommand)]
pub enum RunbooksCommand {
    /// Check headings, front matter, links and review dates
    Lint,
    /// List the runbooks
    List,
    /// Print a runbook
    Show { id: String },
}

pub fn rules(command: &RulesCommand, settings: &KnowledgeSettings) -> Result<Outcome, CliError> {
    let stages = app::stages_without_cluster(settings)?;
    let mut out = anstream::stdout().lock();
    match command {
        RulesCommand::Check => {
            let mut problems = check::check(&stages.catalogue);
            // A folder of the user's own need not have the runbooks that the built-in rules name.
            let named = stages.catalogue.playbooks().filter(|_| settings.runbook_dir.is_none());
            for playbook in named {
                if stages.retriever.library().get(&playbook.runbook).is_none() {
                    problems.push(format!("{}: runbook: there is no {}", playbook.category, playbook.runbook));
                }
            }
            for problem in &problems {
                writeln!(out, "{problem}")?;
            }
            writeln!(out, "{} rules, {} problems", stages.catalogue.rules().len(), problems.len())?;
            Ok(if problems.is_empty() { Outcome::Done } else { Outcome::ProblemsFound })
        }
        RulesCommand::List { markdown: true } => {
            writeln!(out, "| category | severity | what is wrong | runbook |\n|---|---|---|---|")?;
            for rule in stages.catalogue.rules() {
                let runbook = &rule.playbook.runbook;
                writeln!(out, "| `{}` | {} | {} | [{runbook}](runbooks/{runbook}) |", rule.id, rule.severity, rule.title)?;
            }
            Ok(Outcome::Done)
        }
        RulesCommand::List { markdown: false } => {
            for rule in stages.catalogue.rules() {
                writeln!(out, "{:<30} {:<9} {}", rule.id.as_str(), rule.severity, rule.title)?;
            }
            Ok(Outcome::Done)
        }
        RulesCommand::Explain { text } => {
            let found = classify::explain(&stages.catalogue, &stages.redactor.clean(text));
            for part in &found {
                writeln!(
                    out,
                    "{} ({}, {:.2}) line {}: {}\n    {}",
                    part.category, part.role, part.confidence, part.line, part.matched, part.pattern
                )?;
            }
            if found.is_empty() {
                writeln!(out, "no rule matches")?;
            }
            Ok(if found.is_empty() { Outcome::NothingFound } else { Outcome::Done })
        }
    }
}

pub fn runbooks(command: &RunbooksCommand, settings: &KnowledgeSettings) -> Result<Outcome, CliError> {
    let stages = app::stages_without_cluster(settings)?;
    let mut out = anstream::stdout().lock();
    match command {
        RunbooksCommand::Lint => {
            let categories: Vec<&str> =
                stages.catalogue.rules().iter().map(|rule| rule.id.as_str()).chain(["Unknown", "Healthy"]).collect();
            #[expect(clippy::disallowed_methods, reason = "the command line is an edge: the clock is read here, once")]
            let today = Day::of_unix_seconds(Timestamp::now().as_second());
            let expected = Expectations { today, max_review_age_days: MAX_REVIEW_AGE_DAYS, categories: &categories };
            let problems = lint::lint(&stages.retriever.library(), &expected);
            for problem in &problems {
                writeln!(out, "{}: {}", problem.file, problem.what)?;
            }
            writeln!(out, "{} runbooks, {} problems", stages.retriever.library().runbooks().len(), problems.len())?;
            Ok(if problems.is_empty() { Outcome::Done } else { Outcome::ProblemsFound })
        }
        RunbooksCommand::List => {
            for runbook in stages.retriever.library().runbooks() {
                writeln!(out, "{:<34} {}", runbook.file, runbook.title)?;
            }
            Ok(Outcome::Done)
        }
        RunbooksCommand::Show { id } => {
            let library = stages.retriever.library();
            let runbook = library
                .get(id)
                .ok_or_else(|| CliError::Input(format!("there is no runbook `{id}`; see `faultline runbooks list`")))?;
            writeln!(out, "{}", runbook.markdown.trim_end())?;
            Ok(Outcome::Done)
        }
    }
}

/// The settings as a markdown table.
pub fn settings_table() -> Result<Outcome, CliError> {
    let mut out = anstream::stdout().lock();
    writeln!(out, "| variable | default | meaning |\n|---|---|---|")?;
    for (name, default, help) in config::reference() {
        let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
        writeln!(out, "| `{name}` | {default} | {} |", help.replace('|', "\\|"))?;
    }
    Ok(Outcome::Done)
}
