//! `faultline diagnose` and `faultline suggest`.

use std::{
    fs,
    io::{self, IsTerminal, Read, Write},
    path::PathBuf,
};

use clap::{Args, ValueEnum};
use jiff::Timestamp;

use super::{CliError, Outcome, human};
use crate::{
    app,
    config::KnowledgeSettings,
    domain::{symptom::CategoryId, target::Target},
    http::markdown,
    pipeline::{
        diagnose::{self, Pass, Question},
        suggest,
    },
    retrieve::build::{Patience, quiet},
};

/// The most that is read of a file or a pipe, as over HTTP.
const MAX_TEXT_BYTES: u64 = 16 << 20;

/// Texts that one question may embed before it is answered, which takes a few seconds and happens once;
/// `faultline index build` embeds any number.
const MOST_TEXTS_IN_PASSING: usize = 512;

#[derive(Debug, Args)]
pub struct DiagnoseArguments {
    #[command(flatten)]
    text: Text,
    /// Namespace of the object in trouble
    #[arg(long, short)]
    namespace: Option<String>,
    /// Pod in trouble
    #[arg(long)]
    pod: Option<String>,
    /// Deployment in trouble
    #[arg(long)]
    deployment: Option<String>,
    /// Container in trouble
    #[arg(long, short)]
    container: Option<String>,
    /// Form of the answer
    #[arg(long, short, value_enum, default_value_t = Output::Human)]
    output: Output,
    #[command(flatten)]
    knowledge: KnowledgeSettings,
}

#[derive(Debug, Args)]
pub struct SuggestArguments {
    #[command(flatten)]
    text: Text,
    /// Runbooks at most
    #[arg(long, short = 'k', default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=20))]
    top_k: u8,
    /// Form of the answer
    #[arg(long, short, value_enum, default_value_t = Output::Human)]
    output: Output,
    #[command(flatten)]
    knowledge: KnowledgeSettings,
}

/// Where the error is read from.
#[derive(Debug, Args)]
struct Text {
    /// The error; `-` or nothing reads it from a pipe
    text: Vec<String>,
    /// Read the error from a file
    #[arg(long, short, conflicts_with = "text")]
    file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    Human,
    Json,
    Markdown,
}

pub fn diagnose(arguments: &DiagnoseArguments) -> Result<Outcome, CliError> {
    let error_message = arguments.text.read()?;
    let stages = app::stages(&arguments.knowledge)?;
    let question = Question {
        error_message,
        target: Target {
            namespace: arguments.namespace.clone(),
            pod: arguments.pod.clone(),
            deployment: arguments.deployment.clone(),
            container: arguments.container.clone(),
            ..Target::default()
        },
        ..Question::default()
    };
    #[expect(clippy::disallowed_methods, reason = "the command line is an edge: the clock is read here, once")]
    let pass = Pass { request_id: uuid::Uuid::now_v7().to_string(), now: Timestamp::now() };
    let answer = super::block_on(async {
        stages.retriever.refresh(Patience::Texts(MOST_TEXTS_IN_PASSING), &quiet).await;
        diagnose::diagnose(&stages, &question, pass).await
    })?;
    let mut out = anstream::stdout().lock();
    match arguments.output {
        Output::Human => human::write_diagnosis(&mut out, &answer)?,
        Output::Json => write_json(&mut out, &answer)?,
        Output::Markdown => out.write_all(markdown::diagnosis(&answer).as_bytes())?,
    }
    Ok(if answer.error_category.as_str() != CategoryId::UNKNOWN {
        Outcome::Done
    } else if answer.findings.is_empty() {
        Outcome::NothingFound
    } else {
        Outcome::NoCategory
    })
}

pub fn suggest(arguments: &SuggestArguments) -> Result<Outcome, CliError> {
    let error_message = arguments.text.read()?;
    let stages = app::stages(&arguments.knowledge)?;
    let found = super::block_on(async {
        stages.retriever.refresh(Patience::Texts(MOST_TEXTS_IN_PASSING), &quiet).await;
        suggest::suggest(&stages, &error_message, usize::from(arguments.top_k)).await
    })?;
    let mut out = anstream::stdout().lock();
    match arguments.output {
        Output::Human => human::write_suggestions(&mut out, &found.results, &found.gaps)?,
        Output::Json => write_json(&mut out, &found.results)?,
        Output::Markdown => {
            for suggestion in &found.results {
                writeln!(
                    out,
                    "- **{}** ({}, {:.2}): {}",
                    suggestion.title,
                    suggestion.runbook,
                    suggestion.score,
                    suggestion.excerpt.replace('\n', " ")
                )?;
            }
        }
    }
    Ok(if found.results.is_empty() { Outcome::NothingFound } else { Outcome::Done })
}

pub fn write_json(out: &mut impl Write, value: &impl serde::Serialize) -> Result<(), CliError> {
    serde_json::to_writer_pretty(&mut *out, value).map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(())
}

impl Text {
    fn read(&self) -> Result<String, CliError> {
        let bytes = match &self.file {
            Some(path) if path.as_os_str() != "-" => {
                let unreadable = |source| CliError::Read { what: path.display().to_string(), source };
                bounded(fs::File::open(path).map_err(unreadable)?).map_err(unreadable)?
            }
            None if !self.text.is_empty() && self.text != ["-"] => self.text.join(" ").into_bytes(),
            Some(_) | None => {
                if io::stdin().is_terminal() {
                    return Err(CliError::Input("no error given: pass it as TEXT, with -f FILE, or pipe it in".to_owned()));
                }
                bounded(io::stdin().lock()).map_err(|source| CliError::Read { what: "standard input".to_owned(), source })?
            }
        };
        // Logs hold what programs wrote, valid or not; the rest of a line is still worth reading.
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if text.trim().is_empty() { Err(CliError::Input("the error is empty".to_owned())) } else { Ok(text) }
    }
}

fn bounded(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(MAX_TEXT_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}
