//! `faultline diagnose` and `faultline suggest`.

use std::{
    fs,
    io::{self, IsTerminal, Read, Write},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use clap::{Args, ValueEnum};
use jiff::Timestamp;

use super::{CliError, Outcome, human, progress};
use crate::{
    app,
    cluster::ClusterSettings,
    config::KnowledgeSettings,
    domain::{symptom::CategoryId, target::Target},
    http::markdown,
    incidents::PlaceSettings,
    pipeline::{
        diagnose::{self, Pass, Question},
        suggest,
    },
    reason::model::ModelSettings,
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
    /// Object in trouble, as KIND/NAME: statefulset/db, service/api, node/node-1
    #[arg(long, value_name = "KIND/NAME", value_parser = kind_and_name)]
    target: Option<(String, String)>,
    /// Label selector of the pods in trouble
    #[arg(long, short = 'l')]
    selector: Option<String>,
    /// Container in trouble
    #[arg(long, short)]
    container: Option<String>,
    /// Ask no language model, even where one is configured
    #[arg(long)]
    no_llm: bool,
    /// Form of the answer
    #[arg(long, short, value_enum, default_value_t = Output::Human)]
    output: Output,
    /// Record the incident in the store, as the service does
    #[arg(long)]
    record: bool,
    #[command(flatten)]
    knowledge: KnowledgeSettings,
    #[command(flatten)]
    cluster: ClusterSettings,
    #[command(flatten)]
    model: ModelSettings,
    #[command(flatten)]
    place: PlaceSettings,
}

fn kind_and_name(text: &str) -> Result<(String, String), String> {
    match text.split_once('/') {
        Some((kind, name)) if !kind.is_empty() && !name.is_empty() => Ok((kind.to_lowercase(), name.to_owned())),
        Some(_) | None => Err("must be KIND/NAME, such as deployment/api".to_owned()),
    }
}

impl DiagnoseArguments {
    fn target(&self) -> Target {
        Target {
            kind: self.target.as_ref().map(|(kind, _)| kind.clone()),
            name: self.target.as_ref().map(|(_, name)| name.clone()),
            namespace: self.namespace.clone(),
            label_selector: self.selector.clone(),
            pod: self.pod.clone(),
            deployment: self.deployment.clone(),
            container: self.container.clone(),
        }
    }

    /// What stands for an error where only an object was named.
    fn plain_complaint(&self) -> Option<String> {
        let named = self.target.as_ref().map(|(kind, name)| format!("{kind} {name}"));
        let named = named.or_else(|| self.pod.as_ref().map(|name| format!("pod {name}")));
        let named = named.or_else(|| self.deployment.as_ref().map(|name| format!("deployment {name}")));
        let named = named.or_else(|| self.selector.as_ref().map(|selector| format!("the pods {selector}")));
        let named = named.or_else(|| self.namespace.as_ref().map(|name| format!("namespace {name}")));
        named.map(|named| format!("something is wrong with {named}"))
    }
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

/// How long one diagnosis waits for a cluster to answer at all.
pub const CONNECT: Duration = Duration::from_secs(5);

pub fn diagnose(arguments: &DiagnoseArguments) -> Result<Outcome, CliError> {
    let error_message = arguments.text.read_or(arguments.plain_complaint())?;
    let mut stages = app::with_model(app::stages(&arguments.knowledge, &arguments.cluster)?, &arguments.model)?;
    let mut redaction = stages.redactor.session();
    let error_message = redaction.clean(&error_message);
    let target = redaction.seal(arguments.target()).into_inner();
    let question = Question { error_message, target, without_llm: arguments.no_llm, ..Question::default() };
    #[expect(clippy::disallowed_methods, reason = "the command line is an edge: the clock is read here, once")]
    let pass = Pass::new(uuid::Uuid::now_v7().to_string(), Timestamp::now(), redaction);
    let pass = Pass { listener: progress::listener(), ..pass };
    let answer = super::block_on(async {
        if arguments.record {
            stages.records = Arc::new(app::records(&arguments.place).await?);
        }
        tokio::join!(stages.cluster.connect(CONNECT), stages.retriever.refresh(Patience::Texts(MOST_TEXTS_IN_PASSING), &quiet));
        let answer = diagnose::diagnose(&stages, &question, pass).await;
        stages.records.close().await;
        Ok::<_, CliError>(answer)
    })??;
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
    let stages = app::stages_without_cluster(&arguments.knowledge)?;
    let error_message = stages.redactor.clean(&error_message);
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
        self.read_or(None)
    }

    /// `instead` is taken where no error is given at all.
    fn read_or(&self, instead: Option<String>) -> Result<String, CliError> {
        let bytes = match &self.file {
            Some(path) if path.as_os_str() != "-" => {
                let unreadable = |source| CliError::Read { what: path.display().to_string(), source };
                bounded(fs::File::open(path).map_err(unreadable)?).map_err(unreadable)?
            }
            None if !self.text.is_empty() && self.text != ["-"] => self.text.join(" ").into_bytes(),
            Some(_) | None => {
                if io::stdin().is_terminal() {
                    if let Some(instead) = instead {
                        return Ok(instead);
                    }
                    return Err(CliError::Input("no error given: pass it as TEXT, with -f FILE, or pipe it in".to_owned()));
                }
                bounded(io::stdin().lock()).map_err(|source| CliError::Read { what: "standard input".to_owned(), source })?
            }
        };
        // Logs hold what programs wrote, valid or not; the rest of a line is still worth reading.
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if !text.trim().is_empty() {
            return Ok(text);
        }
        instead.filter(|_| self.file.is_none()).ok_or_else(|| CliError::Input("the error is empty".to_owned()))
    }
}

fn bounded(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(MAX_TEXT_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}
