//! `faultline remediate`: plan, apply and undo from a terminal, with a question before anything is changed.

use std::{
    io::{self, BufRead, IsTerminal, Write},
    sync::Arc,
    time::Duration,
};

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::{CliError, Outcome, ask::write_json, block_on};
use crate::{
    app::{self, StartError},
    cluster::ClusterSettings,
    config::KnowledgeSettings,
    domain::remediation::RemediationStatus,
    guard::settings::PolicySettings,
    incidents::{PlaceSettings, RemediationFilter},
    pipeline::{
        Stages,
        remediate::{self, NotDone, Shown, Wish},
    },
    remediate::{Mode, RemediateSettings},
};

#[derive(Debug, Args)]
pub struct Settings {
    #[command(flatten)]
    pub cluster: ClusterSettings,
    #[command(flatten)]
    pub policy: PolicySettings,
    #[command(flatten)]
    pub remediate: RemediateSettings,
    #[command(flatten)]
    pub place: PlaceSettings,
}

#[derive(Debug, Subcommand)]
pub enum RemediateCommand {
    /// Show what an action would change, and propose it; nothing is changed
    Plan(PlanArguments),
    /// Approve a proposal (an ID, or a COMMAND that is planned first), carry it out and wait until it is verified or undone
    Apply(ApplyArguments),
    /// Undo what was applied
    Undo {
        id: String,
        #[command(flatten)]
        who: Who,
    },
    /// List what is proposed, in work and done, the newest first
    List {
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=200))]
        limit: u16,
        #[arg(long)]
        json: bool,
    },
    /// Hold everything back, in all replicas
    Pause {
        /// Why
        reason: String,
        #[command(flatten)]
        who: Who,
    },
    /// Let it go on
    Resume {
        #[command(flatten)]
        who: Who,
    },
}

#[derive(Debug, Args)]
pub struct PlanArguments {
    /// A kubectl command that says one action: `kubectl rollout restart deployment/api -n shop`
    command: String,
    /// Namespace of the target, where the command names none
    #[arg(short, long)]
    namespace: Option<String>,
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
pub struct ApplyArguments {
    /// Id of a proposal, or a kubectl command
    what: String,
    /// Namespace of the target, where the command names none
    #[arg(short, long)]
    namespace: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
pub struct Who {
    /// Who does it, as the audit log says; when not set: the user of this terminal
    #[arg(long, env = "FAULTLINE_AUTHOR")]
    author: Option<String>,
}

impl Who {
    fn name(&self) -> String {
        let user = || crate::config::user_name().unwrap_or_else(|| "terminal".to_owned());
        self.author.clone().filter(|name| !name.trim().is_empty()).unwrap_or_else(user)
    }
}

/// Between two looks at what is verified.
const LOOK_EVERY: Duration = Duration::from_secs(2);

pub fn run(command: &RemediateCommand, settings: &Settings) -> Result<Outcome, CliError> {
    block_on(async {
        let stages = stages(settings).await?;
        let done = match command {
            RemediateCommand::Plan(arguments) => plan(&stages, arguments).await,
            RemediateCommand::Apply(arguments) => apply(&stages, arguments).await,
            RemediateCommand::Undo { id, who } => {
                let shown = remediate::undo(&stages, id, &who.name(), now()).await.map_err(refused)?;
                print(&shown).map(|()| Outcome::Done)
            }
            RemediateCommand::List { limit, json } => list(&stages, usize::from(*limit), *json).await,
            RemediateCommand::Pause { reason, who } => {
                standing(&remediate::pause(&stages, reason, &who.name(), now()).await.map_err(refused)?)
            }
            RemediateCommand::Resume { who } => standing(&remediate::resume(&stages, &who.name(), now()).await.map_err(refused)?),
        };
        stages.records.close().await;
        done
    })?
}

/// A person at a terminal approves: the mode is that at least, whatever a service may do by itself.
async fn stages(settings: &Settings) -> Result<Arc<Stages>, CliError> {
    let mut stages = app::stages(&KnowledgeSettings::default(), &settings.cluster)?;
    stages.policy = app::policy(&settings.policy)?;
    let mode = settings.remediate.remediation_mode.max(Mode::Approve);
    stages.remediator = app::remediator(&RemediateSettings { remediation_mode: mode, ..settings.remediate.clone() });
    stages.records = Arc::new(app::records(&settings.place).await.map_err(|error: StartError| error)?);
    stages.cluster.connect(Duration::from_secs(5)).await;
    Ok(Arc::new(stages))
}

async fn plan(stages: &Stages, arguments: &PlanArguments) -> Result<Outcome, CliError> {
    let shown = proposed(stages, &arguments.command, arguments.namespace.as_deref(), &arguments.who).await?;
    if arguments.json {
        let mut out = anstream::stdout().lock();
        write_json(&mut out, &shown)?;
        out.flush()?;
        return Ok(Outcome::Done);
    }
    print(&shown)?;
    writeln!(anstream::stdout(), "\nTo do it: faultline remediate apply {}", shown.id())?;
    Ok(Outcome::Done)
}

async fn proposed(stages: &Stages, command: &str, namespace: Option<&str>, who: &Who) -> Result<Shown, CliError> {
    let action = remediate::action_of(command, namespace).map_err(|why| CliError::Input(format!("the command {why}")))?;
    let wish = Wish { action, command: Some(command.to_owned()), requested_by: who.name(), incident_id: None, request_id: None };
    remediate::propose(stages, &wish, now()).await.map_err(refused)
}

async fn apply(stages: &Arc<Stages>, arguments: &ApplyArguments) -> Result<Outcome, CliError> {
    let is_id = arguments.what.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let shown = if is_id {
        remediate::read(stages, &arguments.what).await.map_err(refused)?
    } else {
        proposed(stages, &arguments.what, arguments.namespace.as_deref(), &arguments.who).await?
    };
    print(&shown)?;
    if !arguments.yes && !confirmed(&shown)? {
        writeln!(anstream::stdout(), "\nNothing was done. The proposal {} waits until {:.0}.", shown.id(), shown.expires_at())?;
        return Ok(Outcome::ProblemsFound);
    }
    let mut shown = remediate::approve(stages, shown.id(), shown.etag(), &arguments.who.name(), now()).await.map_err(refused)?;
    let mut told = String::new();
    loop {
        let outcome = shown.outcome().unwrap_or_default().to_owned();
        if outcome != told {
            writeln!(anstream::stdout(), "{}: {outcome}", shown.status())?;
            told = outcome;
        }
        if !remediate::is_under_way(shown.status()) {
            break;
        }
        tokio::time::sleep(LOOK_EVERY).await;
        shown = match remediate::tend_one(stages, shown.id(), now()).await {
            // A service looks after it as well, or the cluster is away for a while.
            Err(NotDone::Busy(_) | NotDone::NoCluster(_)) => remediate::read(stages, shown.id()).await.map_err(refused)?,
            other => other.map_err(refused)?,
        };
    }
    Ok(if shown.status() == RemediationStatus::Verified { Outcome::Done } else { Outcome::ProblemsFound })
}

/// Asks the person at the terminal. Where there is none, the answer is no.
fn confirmed(shown: &Shown) -> Result<bool, CliError> {
    if !io::stdin().is_terminal() {
        return Err(CliError::Input("nobody is there to confirm: give --yes where that is meant".to_owned()));
    }
    let mut out = anstream::stdout();
    write!(out, "\n{} risk. Do it? [y/N] ", shown.risk().as_str())?;
    out.flush()?;
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    read.map_err(|source| CliError::Read { what: "the answer".to_owned(), source })?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

async fn list(stages: &Stages, limit: usize, json: bool) -> Result<Outcome, CliError> {
    let all = remediate::list(stages, &RemediationFilter::default(), limit, None).await.map_err(refused)?;
    let mut out = anstream::stdout().lock();
    if json {
        write_json(&mut out, &all)?;
    } else {
        for shown in &all {
            writeln!(out, "{}  {:<9} {}  {}", shown.id(), shown.status(), shown.action(), shown.outcome().unwrap_or_default())?;
        }
    }
    out.flush()?;
    Ok(Outcome::Done)
}

fn print(shown: &Shown) -> Result<(), CliError> {
    let mut out = anstream::stdout().lock();
    writeln!(out, "{}  ({}, {})", shown.action(), shown.id(), shown.status())?;
    writeln!(out, "  risk      {}: {}", shown.risk().as_str(), shown.risk_reasons().join("; "))?;
    let policy = shown.policy();
    writeln!(out, "  policy    {}: {}", policy.decision, policy.reason)?;
    writeln!(out, "  verified  {}, within {} seconds", shown.verification(), shown.verify_within_seconds())?;
    writeln!(out, "  undo      {}", shown.rollback())?;
    for line in shown.diff().lines() {
        writeln!(out, "    {line}")?;
    }
    out.flush()?;
    Ok(())
}

fn standing(standing: &remediate::Standing) -> Result<Outcome, CliError> {
    let mut out = anstream::stdout().lock();
    match &standing.paused {
        Some(why) => writeln!(out, "paused: {why}")?,
        None => writeln!(out, "it goes on (mode {})", standing.mode)?,
    }
    Ok(Outcome::Done)
}

fn refused(error: NotDone) -> CliError {
    let patch = error.proposed_patch().map(|patch| format!(":\n{patch}")).unwrap_or_default();
    CliError::Input(format!("{error}{patch}"))
}

#[expect(clippy::disallowed_methods, reason = "a command at a terminal is an edge: the clock is read here")]
fn now() -> Timestamp {
    Timestamp::now()
}
