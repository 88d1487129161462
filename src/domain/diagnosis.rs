//! The answer to one error.

use std::{collections::BTreeMap, ops::Deref, sync::Arc};

use jiff::Timestamp;
use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::{
    advice::FixCommand,
    evidence::{Evidence, Gap},
    finding::Finding,
    health::ClusterHealth,
    symptom::{CategoryId, Severity},
};

/// Version of the shape of [`Diagnosis`]; raised when a field changes its meaning.
pub const SCHEMA_VERSION: &str = "1";

/// One diagnosis: an answer, given once.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnosis {
    pub request_id: String,
    pub timestamp: Timestamp,
    /// Shared, because the same question has the same answer.
    pub answer: Arc<Answer>,
}

/// What is wrong and what to do. The order of the fields is the order in which a person reads them.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub mode: Mode,
    pub severity: Severity,
    pub error_category: CategoryId,
    /// 0 to 1: how sure the answer is of its category.
    pub confidence: f32,
    pub root_cause: String,
    pub explanation: String,
    pub fix_commands: Vec<FixCommand>,
    pub prevention_tips: Vec<String>,
    /// Ids of runbooks, best first.
    pub related_runbooks: Vec<String>,
    pub runbook_passages: Vec<RunbookPassage>,
    pub findings: Vec<Finding>,
    pub evidence: Vec<Evidence>,
    pub gaps: Vec<Gap>,
    /// `None` = not asked for, or no cluster to ask.
    pub cluster_health: Option<ClusterHealth>,
    /// `None` = no incident was opened for it.
    pub incident_id: Option<String>,
    pub llm: LlmUse,
    /// Milliseconds spent per stage.
    pub timings_ms: BTreeMap<&'static str, f64>,
}

impl Deref for Diagnosis {
    type Target = Answer;

    fn deref(&self) -> &Answer {
        &self.answer
    }
}

impl Serialize for Diagnosis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Answer {
            mode,
            severity,
            error_category,
            confidence,
            root_cause,
            explanation,
            fix_commands,
            prevention_tips,
            related_runbooks,
            runbook_passages,
            findings,
            evidence,
            gaps,
            cluster_health,
            incident_id,
            llm,
            timings_ms,
        } = &*self.answer;
        let mut object = serializer.serialize_struct("Diagnosis", 20)?;
        object.serialize_field("schema_version", SCHEMA_VERSION)?;
        object.serialize_field("request_id", &self.request_id)?;
        // Milliseconds always, so that two answers sort as text.
        object.serialize_field("timestamp", &format_args!("{:.3}", self.timestamp))?;
        object.serialize_field("mode", mode)?;
        object.serialize_field("severity", severity)?;
        object.serialize_field("error_category", error_category)?;
        object.serialize_field("confidence", confidence)?;
        object.serialize_field("root_cause", root_cause)?;
        object.serialize_field("explanation", explanation)?;
        object.serialize_field("fix_commands", fix_commands)?;
        object.serialize_field("prevention_tips", prevention_tips)?;
        object.serialize_field("related_runbooks", related_runbooks)?;
        object.serialize_field("runbook_passages", runbook_passages)?;
        object.serialize_field("findings", findings)?;
        object.serialize_field("evidence", evidence)?;
        object.serialize_field("gaps", gaps)?;
        object.serialize_field("cluster_health", cluster_health)?;
        object.serialize_field("incident_id", incident_id)?;
        object.serialize_field("llm", llm)?;
        object.serialize_field("timings_ms", timings_ms)?;
        object.end()
    }
}

/// Who wrote the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The rules alone.
    Rules,
    /// The rules, with what a language model added and our checks let through.
    Llm,
}

impl Mode {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rules => "rules",
            Self::Llm => "llm",
        }
    }
}

/// The part of a runbook that fits best.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunbookPassage {
    pub runbook: String,
    pub section: String,
    pub excerpt: String,
    pub score: f64,
}

/// What a language model had to do with the answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LlmUse {
    pub status: LlmStatus,
    /// Why there is nothing from a model. `None` = there is something.
    pub reason: Option<String>,
    pub provider: Option<String>,
    pub model: Option<String>,
    /// Hash of the prompt's templates and schema, so that answers of two versions can be told apart.
    pub prompt_version: Option<String>,
    /// Tokens that this answer cost; 0 where it was remembered.
    pub input_tokens: u64,
    pub output_tokens: u64,
    /// The reply was remembered from an equal question.
    pub cached: bool,
    /// What the model holds, where the answer's own cause is another or the model's is not supported.
    pub opinion: Option<Opinion>,
    /// What was taken out of the model's reply, and why.
    pub struck: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LlmStatus {
    /// A model's reply passed the checks and is part of the answer.
    Ok,
    /// No provider is configured, or none was asked.
    #[default]
    Off,
    /// It was asked, and no usable reply came.
    Unavailable,
}

impl LlmStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Off => "off",
            Self::Unavailable => "unavailable",
        }
    }
}

/// A cause that a model names and the answer does not make its own.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Opinion {
    pub error_category: CategoryId,
    pub root_cause: String,
    /// 0 to 1, as the model says, capped where it is not supported.
    pub confidence: f32,
    /// False = it cites no evidence of this answer.
    pub supported: bool,
    pub evidence: Vec<String>,
}
