//! `faultline eval`: users measure their own rules and runbooks.

use std::{fs, io::Write, path::PathBuf};

use clap::Subcommand;
use serde::de::DeserializeOwned;

use super::{CliError, Outcome, ask::write_json, eval_classify};
use crate::{app, config::KnowledgeSettings, pipeline::suggest, retrieve::evaluate};

#[derive(Debug, Subcommand)]
pub enum EvalCommand {
    /// Accuracy, macro-F1, false alarms and confusions of the rules
    #[command(
        after_help = "A line of a file: {\"id\":\"1\",\"group\":\"chat\",\"text\":\"...\",\"category\":\"OOMKilled\",\"also\":[],\"severity\":\"LOW\"}
`also` and `severity` are optional; severity LOW marks a text without an error (category Unknown)."
    )]
    Classify(Files),
    /// Recall, MRR and no-fit figures of the runbooks
    #[command(
        after_help = "A line of a file: {\"query\":\"...\",\"relevant\":[\"oomkilled.md\"]}; an empty list marks a query that no runbook fits."
    )]
    Retrieve(Files),
}

#[derive(Debug, clap::Args)]
pub struct Files {
    /// JSON-lines files
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// As JSON
    #[arg(long)]
    json: bool,
    /// Exit with 1 when the accuracy (classify) or recall@3 (retrieve) is below this share
    #[arg(long, value_name = "SHARE")]
    at_least: Option<f64>,
}

pub fn run(command: &EvalCommand, settings: &KnowledgeSettings) -> Result<Outcome, CliError> {
    let stages = app::stages_without_cluster(settings)?;
    let mut out = anstream::stdout().lock();
    let (files, reached) = match command {
        EvalCommand::Classify(files) => {
            let report = eval_classify::evaluate(&stages.catalogue, &read(&files.files)?);
            if files.json {
                write_json(&mut out, &report)?;
            } else {
                out.write_all(report.to_text().as_bytes())?;
            }
            (files, report.accuracy)
        }
        EvalCommand::Retrieve(files) => {
            let report = evaluate::evaluate(|query| suggest::suggest(&stages, query, 10).results, &read(&files.files)?);
            if files.json {
                write_json(&mut out, &report)?;
            } else {
                write!(out, "{report}")?;
            }
            (files, report.recall_at_3)
        }
    };
    Ok(match files.at_least {
        Some(wanted) if reached < wanted => Outcome::ProblemsFound,
        Some(_) | None => Outcome::Done,
    })
}

/// The cases of some JSON-lines files; a line that is none is named.
fn read<Case: DeserializeOwned>(files: &[PathBuf]) -> Result<Vec<Case>, CliError> {
    let mut cases = Vec::new();
    for file in files {
        let text = fs::read_to_string(file).map_err(|source| CliError::Read { what: file.display().to_string(), source })?;
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let case = serde_json::from_str(line)
                .map_err(|error| CliError::Input(format!("{} line {}: {error}", file.display(), index + 1)))?;
            cases.push(case);
        }
    }
    Ok(cases)
}
