//! From a wish to a change that was allowed, rehearsed, made, verified, and undone where it did not help.
//!
//! ```text
//! propose   policy -> look, check, plan -> audit row -> server-side rehearsal -> a proposal that lives for minutes
//! decide    approve once, by the etag that was seen  |  reject  |  auto: the policy alone, within budgets
//! carry_out look again: changed? -> policy again -> audit row -> what undoes it is written down -> rehearsal -> the change
//! tend      what was begun goes on: verified, or undone, or stuck; by whichever process holds its lease, after a crash as well
//! ```
//! Every step is taken from what the store says, so that a process that dies at any point leaves nothing that another cannot end.

mod auto;
mod carry_out;
mod decide;
mod offer;
mod pause;
mod propose;
mod show;
mod tell;
mod tend;
mod undo;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::{sync::Notify, time::Instant};
use tracing::error;

pub use self::{
    decide::{approve, reject},
    pause::{Standing, pause, resume, standing},
    propose::{Wish, propose, rehearse},
    show::{Filter, Shown, list, read},
    tell::begin as begin_counting,
    tend::{is_under_way, tend, tend_one},
    undo::undo,
};
pub(super) use offer::offer;

use super::Stages;
use crate::{
    cluster::{Budget, Reader, Writer},
    domain::{
        action::Action,
        remediation::Remediation,
        ruling::{PolicyDecision, Ruling},
    },
    guard,
    incidents::{Store, StoreError},
    remediate::{Bounds, Look, Mode, Plan, Refusal, RemediateSettings},
};

/// What this process has for remediation.
pub struct Remediator {
    pub settings: RemediateSettings,
    pub bounds: Bounds,
    /// Names this process among its replicas.
    pub holder: String,
    /// What was resumed before this process began does not hold for it.
    pub started_at: Timestamp,
    /// Wakes whoever tends what was begun.
    pub wake: Notify,
}

impl Remediator {
    pub fn new(settings: RemediateSettings, bounds: Bounds, started_at: Timestamp) -> Self {
        Self { settings, bounds, holder: uuid::Uuid::now_v7().to_string(), started_at, wake: Notify::new() }
    }

    /// Changes nothing.
    pub fn off() -> Self {
        Self::new(RemediateSettings::default(), Bounds::default(), Timestamp::MIN)
    }
}

/// Who acts where nobody does: the policy alone. No person may have this name.
pub const AUTO: &str = "faultline auto";

/// The name of whoever does not say who they are.
const ANONYMOUS: &str = "anonymous";

/// Why something is not done. Each is told to whoever asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NotDone {
    #[error("remediation is off (REMEDIATION_MODE)")]
    Off,
    #[error("REMEDIATION_MODE={0} does not carry anything out")]
    Mode(&'static str),
    #[error("{0}")]
    NoStore(String),
    #[error("no cluster can be changed: {0}")]
    NoCluster(String),
    #[error("remediation is paused: {0}")]
    Paused(String),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("the policy forbids it: {}", .0.reason())]
    Forbidden(Box<Ruling>),
    #[error("there is no such remediation")]
    NotFound,
    #[error("there is no such incident")]
    NoIncident,
    /// The object, or the remediation, is not what it was: changed, decided or carried out by somebody.
    #[error("{0}")]
    Changed(String),
    /// The caller decides on something that they did not see.
    #[error("the remediation changed since you read it: read it again")]
    NotSeen,
    #[error("its time is over: propose it again")]
    Expired,
    #[error("whoever asked for it may not approve it (REQUIRE_FOUR_EYES)")]
    FourEyes,
    /// Another one is in work on the same target.
    #[error("{0}")]
    Busy(String),
    /// The API server did not let it happen; nothing was changed.
    #[error("the cluster refused it, and nothing was changed: {0}")]
    Rejected(String),
    #[error("it cannot be undone: {0}")]
    CannotUndo(String),
    /// The store failed; the log says how.
    #[error("the store of incidents failed")]
    Failed,
}

impl NotDone {
    /// What should be changed at the source of the object instead. `None` = there is no such thing.
    pub fn proposed_patch(&self) -> Option<&str> {
        match self {
            Self::Refused(Refusal::Managed { patch, .. }) => Some(patch),
            _ => None,
        }
    }
}

impl From<StoreError> for NotDone {
    fn from(error: StoreError) -> Self {
        let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        error!(%error, cause, "the store failed while something was to be remediated");
        Self::Failed
    }
}

/// What is kept of a proposal beside its columns.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Offer {
    plan: Plan,
    policy: PolicyLine,
    /// The command that the wish was given as. `None` = it was given as an action.
    #[serde(default)]
    command: Option<String>,
    #[serde(default)]
    request_id: Option<String>,
}

/// What the policy said when it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyLine {
    pub decision: PolicyDecision,
    /// Id of the rule that decided. `None` = none matched.
    pub rule: Option<String>,
    pub reason: String,
    /// The beginning of the hash of the policy's text.
    pub version: String,
}

impl From<&Ruling> for PolicyLine {
    fn from(ruling: &Ruling) -> Self {
        Self {
            decision: ruling.decision(),
            rule: ruling.rule().map(str::to_owned),
            reason: ruling.reason().to_owned(),
            version: ruling.policy().to_owned(),
        }
    }
}

impl Offer {
    fn of(remediation: &Remediation) -> Result<Self, NotDone> {
        serde_json::from_str(&remediation.proposal.action).map_err(|error| {
            error!(%error, id = remediation.id, "a remediation in the store cannot be read");
            NotDone::Failed
        })
    }
}

/// How long one look at the cluster may take.
const LOOK_WITHIN: Duration = Duration::from_secs(10);
/// A holder that is not heard of for longer than this is dead.
const LEASE: SignedDuration = SignedDuration::from_mins(2);

/// The action that a command says. The error tells in a clause why it says none.
pub fn action_of(command: &str, namespace: Option<&str>) -> Result<Action, String> {
    guard::action::action(command, namespace).map_err(|error| error.why)
}

/// Whether an action can be one at all.
pub fn is_possible(action: &Action) -> Result<(), String> {
    guard::action::possible(action).map_err(|error| error.why)
}

fn mode(stages: &Stages) -> Mode {
    stages.remediator.settings.remediation_mode
}

fn store(stages: &Stages) -> Result<Store, NotDone> {
    stages.records.store().ok_or_else(|| NotDone::NoStore(stages.records.why_none().unwrap_or_default()))
}

fn writer(stages: &Stages) -> Result<Writer, NotDone> {
    stages.cluster.writer().ok_or_else(|| {
        let why = stages.cluster.gap().map_or_else(|| "none is connected".to_owned(), |gap| gap.why);
        NotDone::NoCluster(why)
    })
}

/// A reader that has seen nothing yet.
fn reader(stages: &Stages) -> Result<Reader, NotDone> {
    let budget = Budget { requests: 80, bytes: 32 << 20, deadline: Instant::now() + LOOK_WITHIN, call: Duration::from_secs(8) };
    stages.cluster.reader(budget).ok_or_else(|| NotDone::NoCluster("none is connected".to_owned()))
}

fn look<'a>(stages: &'a Stages, reader: &'a Reader, now: Timestamp) -> Look<'a> {
    Look { reader, bounds: &stages.remediator.bounds, now }
}

/// That nothing is carried out in this mode. `None` = it is.
fn not_carried_out(stages: &Stages) -> Option<NotDone> {
    match mode(stages) {
        Mode::Off => Some(NotDone::Off),
        Mode::Propose => Some(NotDone::Mode(Mode::Propose.as_str())),
        Mode::Approve | Mode::Auto => None,
    }
}

/// What a server or a rule said, as it may be kept and shown.
fn clean(stages: &Stages, text: &str) -> String {
    stages.redactor.clean(text).into_string()
}
