//! What to do about a category: templates as a rule file gives them, and commands as an answer carries them.

use serde::{Deserialize, Serialize};

use super::{
    action::ActionKind,
    symptom::{CategoryId, Severity},
    verdict::RiskLevel,
};

/// The prose and commands of one category, as templates over parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Playbook {
    pub category: CategoryId,
    pub title: String,
    pub severity: Severity,
    pub root_cause: String,
    pub explanation: String,
    pub remedies: Vec<Remedy>,
    pub prevention: Vec<String>,
    /// File name of the category's own runbook, with `.md`.
    pub runbook: String,
}

/// One command of a playbook.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remedy {
    /// Template of one plain command: no pipe, no redirect, no substitution.
    pub command: String,
    pub description: String,
    pub action: ActionKind,
    /// Expression over the parameters; the remedy is offered where it holds. `None` = always.
    pub when: Option<String>,
}

/// A command before its risk is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    pub command: String,
    pub description: String,
    pub action: ActionKind,
    /// Parameters that are not known and stand as `<name>` in the command.
    pub placeholders: Vec<String>,
}

/// A command as the answer carries it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FixCommand {
    pub command: String,
    pub description: String,
    pub risk_level: RiskLevel,
    pub risk_reason: String,
    pub reversible: bool,
    /// Names that stand as `<name>` in the command because nothing told them: fill them in before running it.
    pub placeholders: Vec<String>,
    /// Ids of the evidence that this command follows from.
    pub evidence: Vec<String>,
    /// Who proposed it.
    pub source: Proposer,
    /// The remediation that would carry it out, where one was proposed.
    pub remediation_id: Option<String>,
}

/// Who proposed a command. What a model proposes is never carried out without a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Proposer {
    Rules,
    Model,
}
