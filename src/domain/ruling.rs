//! What a policy says about one action, and what it is told of the action's size.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Ordered: the higher of two is the stricter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyDecision {
    /// May be done without asking anybody.
    Allow,
    /// May be done once a person has approved it.
    NeedsApproval,
    Forbidden,
}

impl PolicyDecision {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::NeedsApproval => "needs-approval",
            Self::Forbidden => "forbidden",
        }
    }
}

impl fmt::Display for PolicyDecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a policy says about one action. Made only by a policy: `tests/it/tidy.rs` holds that `by_policy` is called in
/// `src/guard/policy*` alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ruling {
    decision: PolicyDecision,
    rule: Option<String>,
    reason: String,
    policy: String,
    matched: Vec<RuleMatch>,
}

/// A rule that matched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleMatch {
    /// Its id.
    pub rule: String,
    pub decision: PolicyDecision,
}

impl Ruling {
    pub(crate) fn by_policy(
        decision: PolicyDecision,
        rule: Option<String>,
        reason: String,
        policy: String,
        matched: Vec<RuleMatch>,
    ) -> Self {
        Self { decision, rule, reason, policy, matched }
    }

    pub fn decision(&self) -> PolicyDecision {
        self.decision
    }

    /// Id of the rule that decided. `None` = nothing matched.
    pub fn rule(&self) -> Option<&str> {
        self.rule.as_deref()
    }

    /// Why, for the person on call.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Version of the policy: the beginning of the SHA-256 of its text.
    pub fn policy(&self) -> &str {
        &self.policy
    }

    /// Every rule that matched, the strictest first, then by id.
    pub fn matched(&self) -> &[RuleMatch] {
        &self.matched
    }
}

/// How much an action would change, as whoever would do it has computed. Each `None` = not known, and then a bound on it
/// grants nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Magnitude {
    /// Replicas that the target asks for now.
    #[serde(default)]
    pub replicas_before: Option<u32>,
    /// Replicas that it would ask for. `None` of a `scale` = what the action says.
    #[serde(default)]
    pub replicas_after: Option<u32>,
    /// The new memory limit over the one that stands.
    #[serde(default)]
    pub memory_factor: Option<f64>,
    /// Pods that would end or begin. `None` of an action on one pod = that one; of a `scale` = the difference.
    #[serde(default)]
    pub pods: Option<u32>,
}
