//! What a model is told about one case: everything that was found, with an id for each thing it may cite.

use crate::domain::{
    advice::FixCommand,
    diagnosis::{Answer, RunbookPassage},
    evidence::{Evidence, Gap},
    finding::Finding,
    parameters::Parameters,
    symptom::CategoryId,
};

/// One case. All of its text is redacted.
#[derive(Clone, Debug)]
pub struct Brief<'a> {
    /// The texts of the request.
    pub said: Vec<&'a str>,
    /// The decisive lines of the texts: what stays of them where there is little room.
    pub excerpt: &'a str,
    /// Names of the target, as `namespace: shop`.
    pub target: Vec<String>,
    pub answer: &'a Answer,
    /// Seen or said, and quoted by no finding: a model may cite it. Ids go on from those of the answer.
    pub more: Vec<Evidence>,
    pub parameters: &'a Parameters,
    /// Every category that an answer may have.
    pub categories: Vec<&'a CategoryId>,
}

impl Brief<'_> {
    pub fn findings(&self) -> &[Finding] {
        &self.answer.findings
    }

    /// What can be cited: the answer's own evidence first.
    pub fn evidence(&self) -> impl Iterator<Item = &Evidence> {
        self.answer.evidence.iter().chain(&self.more)
    }

    /// Passages with their ids: `r1`, `r2`, ...
    pub fn passages(&self) -> impl Iterator<Item = (String, &RunbookPassage)> {
        self.answer.runbook_passages.iter().zip(1..).map(|(passage, number): (_, u32)| (format!("r{number}"), passage))
    }

    pub fn commands(&self) -> &[FixCommand] {
        &self.answer.fix_commands
    }

    pub fn gaps(&self) -> &[Gap] {
        &self.answer.gaps
    }

    /// Ids for `more`, going on from those of `quoted`.
    pub fn numbered(quoted: &[Evidence], more: Vec<Evidence>) -> Vec<Evidence> {
        let first = quoted.len() + 1;
        more.into_iter().zip(first..).map(|(one, number)| Evidence { id: format!("e{number}"), ..one }).collect()
    }
}
