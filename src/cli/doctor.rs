//! `faultline doctor`: one deployment, checked end to end. Nothing is changed, and no check hangs.

mod cluster;
mod elsewhere;
mod knowledge;
mod settings;
mod store;

use std::{fmt, io::Write, time::Duration};

use clap::Args;
use serde::Serialize;
use tokio::time::timeout;

use super::{CliError, Outcome, ask::write_json};
use crate::{
    config::Settings,
    domain::redact::{Redaction, Redactor},
};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    settings: Settings,

    /// Ask each configured language model one tiny question; it costs a few tokens
    #[arg(long)]
    ask_model: bool,

    /// As JSON
    #[arg(long)]
    json: bool,
}

/// How long one check may take.
const CHECK_WITHIN: Duration = Duration::from_secs(5);
/// What is still at work after all checks, on a thread that cannot be stopped, has this long.
const LEAVE_WITHIN: Duration = Duration::from_millis(500);

/// How one thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    /// It works, and not as well as it could.
    Warn,
    /// Something that was asked for does not work.
    Fail,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
        })
    }
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Finding {
    check: &'static str,
    status: Status,
    found: String,
    /// What to do about it. `None` = nothing has to be done.
    advice: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, status: Status::Ok, found: found.into(), advice: None }
    }

    fn warn(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, status: Status::Warn, found: found.into(), advice: Some(advice.into()) }
    }

    fn fail(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, status: Status::Fail, found: found.into(), advice: Some(advice.into()) }
    }

    /// It may quote what a server answered.
    fn cleaned(self, redaction: &mut Redaction) -> Self {
        let mut clean = |text: String| redaction.clean(text.trim()).to_string();
        Self { found: clean(self.found), advice: self.advice.map(&mut clean), ..self }
    }
}

#[derive(Serialize)]
struct Report {
    status: Status,
    version: &'static str,
    checks: Vec<Finding>,
}

pub fn run(arguments: Arguments) -> Result<Outcome, CliError> {
    let runtime = super::runtime()?;
    let checks = runtime.block_on(examine(&arguments.settings, arguments.ask_model));
    runtime.shutdown_timeout(LEAVE_WITHIN);
    let mut redaction = Redactor::built_in().session();
    let checks: Vec<Finding> = checks.into_iter().map(|finding| finding.cleaned(&mut redaction)).collect();
    let status = checks.iter().map(|finding| finding.status).max().unwrap_or(Status::Ok);
    let report = Report { status, version: env!("CARGO_PKG_VERSION"), checks };
    let mut out = anstream::stdout().lock();
    if arguments.json {
        write_json(&mut out, &report)?;
    } else {
        print(&mut out, &report)?;
    }
    Ok(match status {
        Status::Ok => Outcome::Done,
        Status::Warn => Outcome::Warnings,
        Status::Fail => Outcome::ProblemsFound,
    })
}

/// Every check, in the order in which things depend on each other.
async fn examine(settings: &Settings, ask_model: bool) -> Vec<Finding> {
    let mut found = settings::contradictions(settings);
    found.extend(settings::door(&settings.http, &settings.auth));
    found.extend(within("callers", settings::callers(&settings.auth)).await);
    let policy = settings::policy(&settings.policy, &settings.remediate);
    found.extend(policy.finding);
    found.extend(knowledge::knowledge(&settings.knowledge).await);
    found.extend(within("Qdrant", knowledge::qdrant(&settings.knowledge)).await);
    found.extend(knowledge::cache(&settings.knowledge));
    found.extend(store::store(&settings.store.place).await);
    found.extend(cluster::cluster(&settings.cluster, &settings.remediate, policy.policy.as_ref()).await);
    found.extend(elsewhere::models(&settings.model, ask_model).await);
    found.extend(within("traces", elsewhere::traces(&settings.traces)).await);
    found
}

/// What `work` found; that it takes too long is a finding as well.
async fn within(check: &'static str, work: impl Future<Output = Vec<Finding>>) -> Vec<Finding> {
    let late = |_| {
        vec![Finding::fail(check, "no answer in 5 seconds", "See whether it can be reached from here, and what it waits for.")]
    };
    timeout(CHECK_WITHIN, work).await.unwrap_or_else(late)
}

fn print(out: &mut impl Write, report: &Report) -> Result<(), CliError> {
    let widest = report.checks.iter().map(|finding| finding.check.len()).max().unwrap_or_default();
    for Finding { check, status, found, advice } in &report.checks {
        writeln!(out, "{status:<4}  {check:<widest$}  {found}")?;
        if let Some(advice) = advice {
            writeln!(out, "      {:<widest$}  -> {advice}", "")?;
        }
    }
    let count = |status| report.checks.iter().filter(|finding| finding.status == status).count();
    writeln!(out, "{} ok, {} to look at, {} that fail", count(Status::Ok), count(Status::Warn), count(Status::Fail))?;
    Ok(())
}

/// An error with its causes.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text.push_str(&format!(": {source}"));
        cause = source.source();
    }
    text
}
