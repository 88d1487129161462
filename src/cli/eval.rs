//! `faultline eval`: users measure their own rules and runbooks.

use std::{fs, io::Write, path::PathBuf};

use clap::Subcommand;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::{
    CliError, Outcome,
    ask::write_json,
    eval_classify,
    eval_diagnose::{self, DiagnoseFiles},
    progress::Bar,
};
use crate::{
    app,
    config::KnowledgeSettings,
    domain::{evidence::Gap, passage::Suggestion},
    pipeline::{Stages, suggest},
    retrieve::{
        build::Patience,
        evaluate::{self, Case, RetrievalReport},
        retriever::Parts,
    },
};

#[derive(Debug, Subcommand)]
pub enum EvalCommand {
    /// Accuracy, macro-F1, false alarms and confusions of the rules
    #[command(
        after_help = "A line of a file: {\"id\":\"1\",\"group\":\"chat\",\"text\":\"...\",\"category\":\"OOMKilled\",\"also\":[],\"severity\":\"LOW\"}
`also` and `severity` are optional; severity LOW marks a text without an error (category Unknown)."
    )]
    Classify(Files),
    /// Recall, MRR and no-fit figures of the runbooks: by words, by meaning, and by both
    #[command(
        after_help = "A line of a file: {\"query\":\"...\",\"relevant\":[\"oomkilled.md\"]}; an empty list marks a query that no runbook fits."
    )]
    Retrieve(RetrieveFiles),
    /// Whole diagnoses: the rules alone beside the rules with a model, live or recorded
    #[command(
        after_help = "A line of a file: {\"id\":\"1\",\"text\":\"orders keeps restarting\",\"namespace\":\"shop\",\"deployment\":\"orders\",\"category\":\"OOMKilled\",\"must_mention\":[\"32Mi\"]}
Optional: logs, pod, target (kind/name), also, must_mention, must_not_mention. Replies are recorded by the text of the prompt."
    )]
    Diagnose(Box<DiagnoseFiles>),
}

#[derive(Debug, clap::Args)]
pub struct Files {
    /// JSON-lines files
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// Exit with 1 when the accuracy (classify, diagnose) or recall@3 (retrieve) is below this share
    #[arg(long, value_name = "SHARE")]
    at_least: Option<f64>,
}

#[derive(Debug, clap::Args)]
pub struct RetrieveFiles {
    #[command(flatten)]
    files: Files,
    /// Also each query whose first runbook is wrong: what was wanted, with its rank, and what came first
    #[arg(long)]
    misses: bool,
}

pub fn run(command: &EvalCommand, settings: &KnowledgeSettings) -> Result<Outcome, CliError> {
    let mut out = anstream::stdout().lock();
    let (files, reached) = match command {
        EvalCommand::Diagnose(arguments) => {
            let cases = read(&arguments.files.files)?;
            let report = super::block_on(eval_diagnose::run(arguments, settings, &cases))??;
            if arguments.files.json {
                write_json(&mut out, &report)?;
            } else {
                out.write_all(report.to_text().as_bytes())?;
            }
            (&arguments.files, report.accuracy())
        }
        EvalCommand::Classify(files) => {
            let stages = app::stages_without_cluster(settings)?;
            let report = eval_classify::evaluate(&stages.catalogue, &read(&files.files)?);
            if files.json {
                write_json(&mut out, &report)?;
            } else {
                out.write_all(report.to_text().as_bytes())?;
            }
            (files, report.accuracy)
        }
        EvalCommand::Retrieve(arguments) => {
            let stages = app::stages_without_cluster(settings)?;
            let cases = read(&arguments.files.files)?;
            let measured = super::block_on(retrieval(&stages, &cases))?;
            let misses = if arguments.misses { evaluate::misses(&measured.answers, &cases) } else { Vec::new() };
            if arguments.files.json {
                let mut named: serde_json::Map<_, _> =
                    measured.reports.iter().map(|(name, report)| ((*name).to_owned(), json!(report))).collect();
                if arguments.misses {
                    named.insert("misses".to_owned(), json!(misses));
                }
                write_json(&mut out, &named)?;
            } else {
                out.write_all(evaluate::side_by_side(&measured.reports).as_bytes())?;
                for miss in misses {
                    writeln!(out, "{miss}")?;
                }
                for gap in measured.gaps {
                    writeln!(out, "{}: {}", gap.what, gap.why)?;
                }
            }
            (&arguments.files, measured.reports.last().map_or(0.0, |(_, report)| report.recall_at_3))
        }
    };
    Ok(match files.at_least {
        Some(wanted) if reached < wanted => Outcome::ProblemsFound,
        Some(_) | None => Outcome::Done,
    })
}

/// How well runbooks were found.
struct Measured {
    /// The figures of each part of the ranking that there is, the whole last.
    reports: Vec<(&'static str, RetrievalReport)>,
    /// What the whole found for each case.
    answers: Vec<Vec<Suggestion>>,
    gaps: Vec<Gap>,
}

async fn retrieval(stages: &Stages, cases: &[Case]) -> Measured {
    let retriever = &stages.retriever;
    let bar = Bar::new();
    retriever.refresh(Patience::Endless, &|step| bar.step(step)).await;
    bar.end();
    let parts: &[_] = if retriever.shelf().has_vectors() {
        &[("lexical", Parts::Words), ("dense", Parts::Meaning), ("hybrid", Parts::Both)]
    } else {
        &[("lexical", Parts::Words)]
    };
    let mut reports = Vec::new();
    let mut answers = Vec::new();
    for &(name, parts) in parts {
        answers.clear();
        for case in cases {
            answers.push(suggest::suggest_by(stages, parts, &stages.redactor.clean(&case.query), 10).await.results);
        }
        reports.push((name, evaluate::evaluate(&answers, cases)));
    }
    Measured { reports, answers, gaps: retriever.gaps() }
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
