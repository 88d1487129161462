//! One error in, one diagnosis out.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use jiff::Timestamp;

use super::Stages;
use crate::{
    classify::{self, Classification, Origin, Reading},
    domain::{
        advice::{Draft, FixCommand},
        diagnosis::{Answer, Diagnosis, LlmStatus, LlmUse, Mode, RunbookPassage},
        evidence::Gap,
        symptom::CategoryId,
        target::Target,
    },
    guard,
    reason::rules::Advice,
    retrieve::{query::Query, score::NO_FIT_BELOW},
};

/// A request that passed intake.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Question {
    /// 1 byte to 256 KiB.
    pub error_message: String,
    /// Log lines, handed over apart from the message.
    pub logs: Option<String>,
    pub target: Target,
    /// The state of the whole cluster is wanted as well.
    pub include_cluster_health: bool,
}

/// When and under which id a diagnosis is made; time and randomness are the caller's.
#[derive(Clone, Debug)]
pub struct Pass {
    pub request_id: String,
    pub now: Timestamp,
}

/// Questions up to this size are remembered with their answer.
pub const MAX_REMEMBERED_BYTES: usize = 8 << 10;

/// Runbook passages in one answer.
const PASSAGES: usize = 3;

/// Diagnoses one question. Never fails: what could not be looked at stands in `gaps`.
pub async fn diagnose(stages: &Stages, question: &Question, pass: Pass) -> Diagnosis {
    let size = question.error_message.len() + question.logs.as_ref().map_or(0, String::len);
    let answer = if size > MAX_REMEMBERED_BYTES {
        Arc::new(fresh(stages, question).await)
    } else {
        let asked = (stages.retriever.epoch(), question.clone());
        if let Some(answer) = stages.answers.get(&asked) {
            answer
        } else {
            let answer = Arc::new(fresh(stages, question).await);
            stages.answers.insert(asked, Arc::clone(&answer));
            answer
        }
    };
    Diagnosis { request_id: pass.request_id, timestamp: pass.now, answer }
}

async fn fresh(stages: &Stages, question: &Question) -> Answer {
    let mut timings = Timings::start();
    let mut said = vec![(Origin::ErrorMessage, question.error_message.as_str())];
    said.extend(question.logs.as_deref().map(|logs| (Origin::Logs, logs)));
    let found = classify::classify(&stages.catalogue, &said);
    timings.lap("classify");

    let category = found.findings.first().map_or_else(CategoryId::unknown, |finding| finding.category.clone());
    let advice = advice(stages, &found, &category, &question.target);
    timings.lap("reason");

    let runbooks = runbooks(stages, &found, &advice).await;
    timings.lap("retrieve");

    let cited = found.findings.first().map(|finding| finding.evidence.clone()).unwrap_or_default();
    let fix_commands = advice.commands.into_iter().map(|draft| guarded(stages, draft, &cited)).collect();
    timings.lap("guard");

    let confidence = match found.reading {
        Reading::Known | Reading::UnknownError => found.findings.first().map_or(0.0, |finding| finding.confidence),
        Reading::NoError { .. } => 0.2,
    };
    let mut gaps = found.gaps;
    gaps.extend(stages.gaps.iter().cloned());
    gaps.extend(runbooks.gaps);
    Answer {
        mode: Mode::Rules,
        severity: advice.severity,
        error_category: category,
        confidence,
        root_cause: advice.root_cause,
        explanation: advice.explanation,
        fix_commands,
        prevention_tips: advice.prevention,
        related_runbooks: runbooks.related,
        runbook_passages: runbooks.passages,
        findings: found.findings,
        evidence: found.evidence,
        gaps,
        cluster_health: None,
        incident_id: None,
        llm: LlmUse { status: LlmStatus::Off, provider: None, model: None, input_tokens: 0, output_tokens: 0 },
        timings_ms: timings.spent,
    }
}

fn advice(stages: &Stages, found: &Classification, category: &CategoryId, target: &Target) -> Advice {
    let advisor = &stages.advisor;
    let quote = found.evidence.first().map_or("", |evidence| evidence.text.as_str());
    match found.reading {
        Reading::Known => advisor
            .advise(category, &found.parameters, target)
            .unwrap_or_else(|| advisor.advise_unknown(quote, &found.parameters, target)),
        Reading::UnknownError => advisor.advise_unknown(quote, &found.parameters, target),
        Reading::NoError { mentions_faults } => advisor.advise_no_error(mentions_faults, &found.parameters, target),
    }
}

struct Runbooks {
    related: Vec<String>,
    passages: Vec<RunbookPassage>,
    gaps: Vec<Gap>,
}

/// The category's own runbook first, then what the text itself is nearest to.
async fn runbooks(stages: &Stages, found: &Classification, advice: &Advice) -> Runbooks {
    if matches!(found.reading, Reading::NoError { .. }) {
        return Runbooks { related: Vec::new(), passages: Vec::new(), gaps: stages.retriever.gaps() };
    }
    let categories: Vec<&str> = found.findings.iter().map(|finding| finding.category.as_str()).collect();
    let query = Query { text: &found.excerpt, categories: &categories, words: &[] };
    let found = stages.retriever.search(&query, PASSAGES).await;
    // In a diagnosis only what fits is named; whoever asks for suggestions gets what is worth a look.
    let suggestions: Vec<_> = found.suggestions.into_iter().filter(|one| one.score >= NO_FIT_BELOW).collect();
    let library = stages.retriever.library();
    let own = advice.runbook.iter().filter(|id| library.get(id).is_some()).cloned();
    let mut related: Vec<String> = own.collect();
    for suggestion in &suggestions {
        if !related.contains(&suggestion.runbook) {
            related.push(suggestion.runbook.clone());
        }
    }
    related.truncate(PASSAGES);
    let passages = suggestions
        .into_iter()
        .map(|suggestion| RunbookPassage {
            runbook: suggestion.runbook,
            section: suggestion.section,
            excerpt: suggestion.excerpt,
            score: suggestion.score,
        })
        .collect();
    Runbooks { related, passages, gaps: found.gaps }
}

/// A command with the risk that it carries by itself.
fn guarded(stages: &Stages, draft: Draft, evidence: &[String]) -> FixCommand {
    let verdict = stages.verdicts.get(draft.command.as_str()).unwrap_or_else(|| {
        let verdict = guard::assess(&draft.command);
        stages.verdicts.insert(draft.command.clone(), verdict.clone());
        verdict
    });
    FixCommand {
        command: draft.command,
        description: draft.description,
        risk_level: verdict.risk,
        risk_reason: verdict.reason.to_owned(),
        reversible: verdict.reversible,
        placeholders: draft.placeholders,
        evidence: evidence.to_vec(),
        remediation_id: None,
    }
}

/// Milliseconds per stage.
struct Timings {
    last: Instant,
    spent: BTreeMap<&'static str, f64>,
}

impl Timings {
    fn start() -> Self {
        Self { last: Instant::now(), spent: BTreeMap::new() }
    }

    fn lap(&mut self, stage: &'static str) {
        let now = Instant::now();
        let microseconds = now.duration_since(self.last).as_micros();
        self.spent.insert(stage, u32::try_from(microseconds).map_or(f64::MAX, f64::from) / 1000.0);
        self.last = now;
    }
}

/// What every pass of a process without a cluster or a model did not look at.
pub fn standing_gaps() -> Vec<Gap> {
    vec![
        Gap::new("collect", "cluster", "this version reads what it is told, and looks at no cluster"),
        Gap::new("reason", "model", "no provider configured"),
    ]
}
