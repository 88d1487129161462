//! `faultline policy`: which changes may be made in a cluster, checked and explained.

use std::{collections::BTreeMap, fs, io::Write};

use clap::Subcommand;
use jiff::Timestamp;
use serde::Serialize;

use super::{CliError, Outcome};
use crate::{
    app,
    domain::{
        action::Action,
        ruling::{Magnitude, PolicyDecision, Ruling},
    },
    guard::{
        action::{self, NotAnAction},
        policy::{self, Policy, PolicyQuestion, Problem, RuleView},
        settings::PolicySettings,
    },
};

#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Check every rule of the policy and all of its examples, and print what is wrong as JSON
    #[command(after_help = "Exit codes: 0 the policy can be used, 1 it has problems")]
    Check {
        #[command(flatten)]
        policy: PolicySettings,
    },
    /// Print what the policy says about one action as JSON, with every rule and why it matches or not
    #[command(after_help = "Exit codes: 0 allow, 3 needs-approval, 4 forbidden; 1 no such action, 2 wrong arguments or policy

Actions are written as kubectl commands or as they print themselves:
  kubectl rollout restart deployment/api -n shop      rollout-restart deployment/shop/api
  kubectl scale deployment/api --replicas=4 -n shop   scale deployment/shop/api to 4 replicas
  kubectl delete pods --field-selector=status.phase=Failed -n shop   delete-failed-pods namespace/shop")]
    Explain(Box<ExplainArguments>),
    /// Print a policy to start from
    Example,
}

#[derive(Debug, clap::Args)]
pub struct ExplainArguments {
    /// A kubectl command, or an action such as `rollout-restart deployment/shop/api`
    action: String,

    /// Namespace of a command that names none
    #[arg(short, long)]
    namespace: Option<String>,

    /// Labels of the target, such as tier=web,env=prod; as if they had not been read when not given
    #[arg(long, value_parser = labels)]
    labels: Option<Labels>,

    /// When it would be done, such as 2026-03-02T09:30:00Z; now when not given
    #[arg(long)]
    at: Option<Timestamp>,

    /// What it would change, of replicas_before, replicas_after, memory_factor and pods: replicas_before=2,pods=2
    #[arg(long, value_parser = magnitude)]
    magnitude: Option<Magnitude>,

    #[command(flatten)]
    policy: PolicySettings,
}

type Labels = BTreeMap<String, String>;

#[derive(Serialize)]
struct Checked {
    ok: bool,
    rules: usize,
    problems: Vec<Problem>,
}

#[derive(Serialize)]
struct Explained<'a> {
    action: String,
    #[serde(flatten)]
    ruling: &'a Ruling,
    rules: Vec<RuleView<'a>>,
}

pub fn run(command: &PolicyCommand) -> Result<Outcome, CliError> {
    match command {
        PolicyCommand::Check { policy } => check(policy),
        PolicyCommand::Explain(arguments) => explain(arguments),
        PolicyCommand::Example => {
            write!(anstream::stdout().lock(), "{}", policy::EXAMPLE)?;
            Ok(Outcome::Done)
        }
    }
}

fn check(settings: &PolicySettings) -> Result<Outcome, CliError> {
    let loaded = match settings.file() {
        None => Ok(Policy::built_in()),
        Some(file) => {
            let read = |source| CliError::Read { what: format!("the policy {}", file.display()), source };
            Policy::load(&fs::read_to_string(file).map_err(read)?)
        }
    };
    let checked = match loaded {
        Ok(policy) => Checked { ok: true, rules: policy.rule_count(), problems: Vec::new() },
        Err(error) => Checked { ok: false, rules: 0, problems: error.problems },
    };
    print(&checked)?;
    Ok(if checked.ok { Outcome::Done } else { Outcome::ProblemsFound })
}

fn explain(arguments: &ExplainArguments) -> Result<Outcome, CliError> {
    let policy = app::policy(&arguments.policy)?;
    let action = read_action(&arguments.action, arguments.namespace.as_deref());
    let action = action.map_err(|error| CliError::Input(format!("this is no action that Faultline can make: {error}")))?;
    let none = BTreeMap::new();
    #[expect(clippy::disallowed_methods, reason = "the command line is an edge: the clock is read here, once")]
    let now = arguments.at.unwrap_or_else(Timestamp::now);
    let question = PolicyQuestion {
        action: &action,
        labels: arguments.labels.as_ref().unwrap_or(&none),
        labels_known: arguments.labels.is_some(),
        magnitude: arguments.magnitude.unwrap_or_default(),
        now,
    };
    let (ruling, rules) = policy.explain(&question);
    print(&Explained { action: action.to_string(), ruling: &ruling, rules })?;
    Ok(match ruling.decision() {
        PolicyDecision::Allow => Outcome::Done,
        PolicyDecision::NeedsApproval => Outcome::NeedsApproval,
        PolicyDecision::Forbidden => Outcome::Forbidden,
    })
}

fn read_action(text: &str, namespace: Option<&str>) -> Result<Action, NotAnAction> {
    action::written(text).unwrap_or_else(|| action::action(text, namespace))
}

fn print(answer: &impl Serialize) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(answer).map_err(std::io::Error::from)?;
    writeln!(anstream::stdout().lock(), "{text}")?;
    Ok(())
}

/// `tier=web,env=prod`; an empty text for a target without labels.
fn labels(text: &str) -> Result<Labels, String> {
    let mut labels = Labels::new();
    for pair in text.split(',').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').ok_or_else(|| format!("`{pair}` is not of the form key=value"))?;
        if labels.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(format!("`{key}` is given twice"));
        }
    }
    Ok(labels)
}

fn magnitude(text: &str) -> Result<Magnitude, String> {
    let mut magnitude = Magnitude::default();
    for pair in text.split(',') {
        let (name, value) = pair.split_once('=').ok_or_else(|| format!("`{pair}` is not of the form name=number"))?;
        let wrong = |_| format!("`{value}` is no number for {name}");
        match name {
            "replicas_before" => magnitude.replicas_before = Some(value.parse().map_err(wrong)?),
            "replicas_after" => magnitude.replicas_after = Some(value.parse().map_err(wrong)?),
            "pods" => magnitude.pods = Some(value.parse().map_err(wrong)?),
            "memory_factor" => {
                magnitude.memory_factor = Some(value.parse().map_err(|_| format!("`{value}` is no number for {name}"))?);
            }
            _ => return Err(format!("`{name}` is none of replicas_before, replicas_after, memory_factor, pods")),
        }
    }
    Ok(magnitude)
}
