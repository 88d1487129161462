//! What Faultline does for its users: one public function per question, each the order of the stages and nothing else.

pub mod alerts;
pub mod callers;
pub mod cluster_health;
mod consult;
pub mod diagnose;
pub mod health;
pub mod incidents;
pub mod look;
mod model_replies;
pub mod permit;
pub mod progress;
mod record;
pub mod remediate;
pub mod replays;
pub mod runbooks;
pub mod stage;
pub mod suggest;

use std::sync::Arc;

use quick_cache::sync::Cache;

use crate::{
    auth::Auth,
    classify::catalogue::Catalogue,
    cluster::Cluster,
    domain::{
        diagnosis::Answer, evidence::Gap, parameters::Parameters, redact::Redactor, symptom::CategoryId, target::Target,
        verdict::Verdict,
    },
    guard::policy::Policy,
    incidents::Records,
    reason::{
        model::Model,
        rules::{Advice, Advisor},
    },
    retrieve::retriever::Retriever,
};

/// The parts that every pass uses, made once at start-up.
pub struct Stages {
    pub catalogue: Arc<Catalogue>,
    /// The runbooks, and what finds them.
    pub retriever: Arc<Retriever>,
    pub advisor: Arc<Advisor>,
    /// A second reader. `None` = none is configured.
    pub model: Option<Model>,
    /// What every foreign text passes before anything else sees it.
    pub redactor: Arc<Redactor>,
    pub cluster: Arc<Cluster>,
    /// Where incidents are kept.
    pub records: Arc<Records>,
    /// Where alerts come in.
    pub alerts: Arc<alerts::Intake>,
    /// Who may call.
    pub auth: Arc<Auth>,
    /// Requests that are to be done once, where there is no store that knows.
    pub replays: replays::Replays,
    /// Which changes may be made in the cluster.
    pub policy: Policy,
    /// What this process has for remediation.
    pub remediator: remediate::Remediator,
    /// The state of the cluster as of the last seconds.
    pub pictures: cluster_health::Pictures,
    /// What is missing in every pass of this process: no vectors, no model, ...
    pub gaps: Vec<Gap>,
    /// Rules answers by request: the same question has the same answer as long as nothing live is looked at and the
    /// runbooks, whose epoch is in the key, are the same.
    pub answers: Cache<(u64, diagnose::Question), Arc<Answer>>,
    /// Suggestions by request, under the same condition.
    pub suggestions: Cache<suggest::Asked, Arc<suggest::Suggestions>>,
    /// What the rules advise, by what it depends on: the same trouble of the same object is told again and again.
    pub advice: Cache<(CategoryId, Parameters, Target), Arc<Advice>>,
    /// Risk by command: the same few commands are offered again and again.
    pub verdicts: Cache<String, Verdict>,
}

/// Advice kept.
pub const REMEMBERED_ADVICE: usize = 512;

/// Verdicts kept.
pub const REMEMBERED_VERDICTS: usize = 1024;
/// Suggestions kept; the texts of their questions are bounded as those of answers.
pub const REMEMBERED_SUGGESTIONS: usize = 512;
/// Answers kept; the texts of their questions are bounded by [`diagnose::MAX_REMEMBERED_BYTES`].
pub const REMEMBERED_ANSWERS: usize = 512;
