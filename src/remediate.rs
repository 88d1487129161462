//! From an action to what it would change, and whether it worked. Nothing here decides, and nothing here is text that runs.
//!
//! ```text
//! Action -> plan (look, check, or a Refusal) -> Plan: what is bound, what changes, the risk, what is verified, how it is undone
//! Plan   -> effect::writes (JSON patches that fail where the object is another) -> carried out by pipeline/remediate
//!        -> effect::state (as before, done, or neither) -> verify (done, on its way, failed) -> effect::undo
//! ```
//! A plan holds names, hashes and small values, never a pod template: what a template may hold is not ours to keep.

mod asks;
mod checks;
mod differences;
pub mod effect;
mod failed_pods;
mod look;
mod memory;
mod node;
pub mod plan;
mod pod;
mod refusal;
mod rerun_job;
mod restart;
mod rollout;
mod room;
mod scale;
pub mod settings;
mod stop;
mod undo_rollout;
mod value;
pub mod verify;

pub use self::{
    look::{Bounds, Look},
    plan::{Effect, Plan},
    refusal::Refusal,
    settings::{Mode, RemediateSettings},
};

use crate::domain::action::{Action, Change};

/// Whether such an action can be done to such a target at all, whatever the cluster looks like.
pub fn may_be_planned(action: &Action, bounds: &Bounds) -> Result<(), Refusal> {
    checks::kind_fits(action)?;
    checks::namespace_is_open(&action.target, bounds)
}

/// Looks at the target and plans the action, or says why it may not be done.
pub async fn plan(action: &Action, look: &Look<'_>) -> Result<Plan, Refusal> {
    may_be_planned(action, look.bounds)?;
    match &action.change {
        Change::EvictPod | Change::DeletePod => pod::plan(action, look).await,
        Change::DeleteFailedPods => failed_pods::plan(action, look).await,
        Change::RolloutRestart => restart::plan(action, look).await,
        Change::RolloutUndo { to_revision } => undo_rollout::plan(action, *to_revision, look).await,
        Change::Scale { replicas } => scale::plan(action, *replicas, look).await,
        Change::Pause | Change::Resume => stop::plan(action, look).await,
        Change::Cordon | Change::Uncordon => node::plan(action, look).await,
        Change::RerunJob => rerun_job::plan(action, look).await,
        Change::RaiseMemoryLimit { container, limit } => memory::plan(action, container, limit, look).await,
    }
}
