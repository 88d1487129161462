//! The command line: one sub-command per thing a person does with Faultline at a terminal.

mod ask;
mod cluster_health;
mod doctor;
mod eval;
mod eval_classify;
mod eval_diagnose;
mod healthcheck;
mod human;
mod incidents;
mod index;
mod keys;
mod knowledge;
mod model;
mod policy;
mod progress;
mod rbac;
mod redact;
mod remediate;
mod store;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{CommandFactory, Parser, Subcommand};

pub use eval_classify::{Case, Report, evaluate};

use crate::{
    app::{self, App, StartError},
    config::{KnowledgeSettings, Settings},
    domain::redact::Redactor,
    incidents::PlaceSettings,
    telemetry,
};

/// One error in, one proven diagnosis out.
#[derive(Debug, Parser)]
#[command(name = "faultline", version, about, long_about = None, after_help = EXIT_CODES, max_term_width = 120)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes:
  0  done; for `diagnose`: an error of a known category; for `suggest`: a runbook fits
  1  it could not be done, a check found problems, or `cluster-health` something unwell
  2  wrong arguments or settings
  3  `diagnose`: an error, but of no known category; `policy explain`: needs approval
  4  no error seen, nothing fits, too little seen, forbidden by a policy, or warnings of `doctor`";

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer over HTTP until SIGTERM
    Serve(Box<Settings>),
    /// Diagnose one error: TEXT, a file, or what is piped in
    #[command(after_help = "Examples:
  faultline diagnose 'CrashLoopBackOff: back-off 5m0s restarting failed container'
  kubectl logs api-0 -n shop --previous | faultline diagnose -n shop --pod api-0
  faultline diagnose -f build.log --output json")]
    Diagnose(Box<ask::DiagnoseArguments>),
    /// Find the runbooks that fit an error
    Suggest(ask::SuggestArguments),
    /// Tell how the cluster is: its nodes, and everything in it that is unwell
    #[command(
        after_help = "Exit codes: 0 healthy, 1 something is unwell, 2 wrong arguments or settings, 4 unknown: no cluster, or too little was seen

Examples:
  faultline cluster-health
  faultline cluster-health -n shop -n payments --output json
  faultline cluster-health --from cluster-dump/"
    )]
    ClusterHealth(cluster_health::Arguments),
    /// Check, list and explain the rules
    Rules {
        #[command(subcommand)]
        command: knowledge::RulesCommand,
        #[command(flatten)]
        knowledge: KnowledgeSettings,
    },
    /// Check, list and read the runbooks
    Runbooks {
        #[command(subcommand)]
        command: knowledge::RunbooksCommand,
        #[command(flatten)]
        knowledge: KnowledgeSettings,
    },
    /// Get and show the embedding model
    Model {
        #[command(subcommand)]
        command: model::ModelCommand,
        #[command(flatten)]
        knowledge: KnowledgeSettings,
    },
    /// Build, show and check the index of the runbooks
    Index {
        #[command(subcommand)]
        command: index::IndexCommand,
        #[command(flatten)]
        knowledge: KnowledgeSettings,
    },
    /// Measure rules and runbooks on texts that you labelled
    Eval {
        #[command(subcommand)]
        command: eval::EvalCommand,
        #[command(flatten)]
        knowledge: KnowledgeSettings,
    },
    /// Print a text as it would leave: with marks in place of secrets
    #[command(after_help = "Examples:
  kubectl describe pod api-0 | faultline redact
  faultline redact -f build.log --json")]
    Redact(redact::Arguments),
    /// List, search and change the incidents that were recorded
    #[command(after_help = "Examples:
  faultline incidents list --status open -n shop
  faultline incidents list --limit 0 --json > history.jsonl
  faultline incidents resolve ID 'rolled back to v41' --author ada")]
    Incidents {
        #[command(subcommand)]
        command: incidents::IncidentsCommand,
        #[command(flatten)]
        place: PlaceSettings,
    },
    /// List and verify the audit log
    Audit {
        #[command(subcommand)]
        command: store::AuditCommand,
        #[command(flatten)]
        place: PlaceSettings,
    },
    /// Copy and show the store of incidents
    Store {
        #[command(subcommand)]
        command: store::StoreCommand,
        #[command(flatten)]
        place: PlaceSettings,
    },
    /// Make keys for callers of the service
    Keys {
        #[command(subcommand)]
        command: keys::KeysCommand,
    },
    /// Check and explain the policy of remediation
    #[command(after_help = "Examples:
  faultline policy example > policy.yaml
  faultline policy check --policy-file policy.yaml
  faultline policy explain 'kubectl rollout restart deployment/api -n shop' --labels tier=web --policy-file policy.yaml")]
    Policy {
        #[command(subcommand)]
        command: policy::PolicyCommand,
    },
    /// Plan, apply and undo a change from a terminal
    #[command(after_help = "Examples:
  faultline remediate plan 'kubectl rollout restart deployment/api -n shop' --policy-file policy.yaml
  faultline remediate apply 'kubectl rollout undo deployment/api -n shop' --policy-file policy.yaml
  faultline remediate undo ID")]
    Remediate {
        #[command(subcommand)]
        command: remediate::RemediateCommand,
        #[command(flatten)]
        settings: Box<remediate::Settings>,
    },
    /// Print the ClusterRole that looking at a cluster needs, for `kubectl apply -f -`
    Rbac {
        /// Print the role that remediation needs instead: bind it in each namespace where it may act
        #[arg(long)]
        remediation: bool,
    },
    /// Check a deployment end to end, with the settings of `serve`: cluster, permissions, store, index, models, clocks, disk
    #[command(after_help = "Exit codes: 0 all is well, 1 something fails, 2 wrong arguments or settings, 4 only warnings

Nothing is changed. Each check ends within 5 seconds; the questions of --ask-model within LLM_TIMEOUT_SECONDS.

Examples:
  faultline doctor
  kubectl exec deploy/faultline -- faultline doctor --json")]
    Doctor(Box<doctor::Arguments>),
    /// Ask a running Faultline whether it is well (for container health checks)
    Healthcheck(healthcheck::Arguments),
    /// Print a completion script for a shell
    Completions {
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print the settings as a markdown table (for the README)
    #[command(hide = true)]
    Settings,
}

/// How a sub-command ended; see [`EXIT_CODES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    ProblemsFound,
    NoCategory,
    NothingFound,
    Warnings,
    NeedsApproval,
    Forbidden,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Done => 0_u8,
            Outcome::ProblemsFound => 1,
            Outcome::NoCategory | Outcome::NeedsApproval => 3,
            Outcome::NothingFound | Outcome::Warnings | Outcome::Forbidden => 4,
        })
    }
}

/// Why a sub-command could not do its work.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("could not read {what}")]
    Read { what: String, source: io::Error },
    #[error("{0}")]
    Input(String),
    #[error("could not write the answer")]
    Write(#[from] io::Error),
}

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Command::Serve(settings) => serve(*settings),
        Command::Diagnose(arguments) => ask::diagnose(&arguments),
        Command::Suggest(arguments) => ask::suggest(&arguments),
        Command::ClusterHealth(arguments) => cluster_health::run(&arguments),
        Command::Rules { command, knowledge } => knowledge::rules(&command, &knowledge),
        Command::Runbooks { command, knowledge } => knowledge::runbooks(&command, &knowledge),
        Command::Model { command, knowledge } => model::run(&command, &knowledge),
        Command::Index { command, knowledge } => index::run(command, &knowledge),
        Command::Eval { command, knowledge } => eval::run(&command, &knowledge),
        Command::Redact(arguments) => redact::run(&arguments),
        Command::Incidents { command, place } => incidents::run(&command, &place),
        Command::Audit { command, place } => store::audit(&command, &place),
        Command::Store { command, place } => store::store(&command, &place),
        Command::Keys { command } => keys::run(&command),
        Command::Policy { command } => policy::run(&command),
        Command::Remediate { command, settings } => remediate::run(&command, &settings),
        Command::Rbac { remediation } => rbac::run(remediation),
        Command::Doctor(arguments) => doctor::run(*arguments),
        Command::Healthcheck(arguments) => healthcheck::run(&arguments),
        Command::Completions { shell } => {
            // Into memory first: the generator panics where a reader has seen enough.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "faultline", &mut script);
            io::stdout().write_all(&script).map(|()| Outcome::Done).map_err(CliError::from)
        }
        Command::Settings => knowledge::settings_table(),
    };
    match done {
        Ok(outcome) => outcome.into(),
        // A reader that has seen enough (`| head`) is no failure.
        Err(CliError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            let is_setting = matches!(error, CliError::Start(_));
            ExitCode::from(if is_setting { 2 } else { 1 })
        }
    }
}

fn serve(mut settings: Settings) -> Result<Outcome, CliError> {
    let redactor = app::redactor(&settings.knowledge.redact)?;
    let (traces, log) = telemetry::init(&settings.log, &settings.traces, &redactor).map_err(StartError::Traces)?;
    settings.http.log = log;
    runtime()?.block_on(async {
        let exporting = traces.start();
        let served = async { App::new(settings).await?.serve().await }.await;
        exporting.finish().await;
        served
    })?;
    Ok(Outcome::Done)
}

/// Runs to its end what waits for others.
fn block_on<T>(doing: impl Future<Output = T>) -> Result<T, CliError> {
    Ok(runtime()?.block_on(doing))
}

fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|source| CliError::Read { what: "the machine's threads".to_owned(), source })
}

/// The error with all its causes, on stderr.
fn complain(error: &dyn std::error::Error) {
    let mut text = format!("faultline: {error}");
    let mut cause = error.source();
    while let Some(source) = cause {
        text.push_str(&format!(": {source}"));
        cause = source.source();
    }
    // A cause may quote what a server answered.
    let _ = writeln!(anstream::stderr(), "{}", Redactor::built_in().clean(&text));
}
