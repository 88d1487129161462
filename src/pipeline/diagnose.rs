//! One error in, one diagnosis out.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use jiff::Timestamp;

use super::{
    Stages, cluster_health,
    look::{self, Looked},
};
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

/// Names that the cluster would have told, if there were anything of that kind.
const NAMES: [&str; 12] = [
    "namespace",
    "pod",
    "workload",
    "deployment",
    "statefulset",
    "daemonset",
    "job",
    "container",
    "service",
    "node",
    "claim",
    "hpa",
];

/// Runbook passages in one answer.
const PASSAGES: usize = 3;

/// Diagnoses one question, looking at the cluster where there is one. Never fails: what could not be looked at stands in `gaps`.
pub async fn diagnose(stages: &Stages, question: &Question, pass: Pass) -> Diagnosis {
    let Some(reader) = stages.cluster.reader(look::budget(&stages.cluster)) else {
        return from_text(stages, question, pass).await;
    };
    let mut timings = Timings::start();
    let heard = listen(stages, question);
    timings.lap("classify");
    let now = stages.cluster.now(pass.now);
    let health = async {
        if question.include_cluster_health { Some(cluster_health::cluster_health(stages, &[], pass.now).await) } else { None }
    };
    let (looked, cluster_health) = tokio::join!(look::look(stages, question, heard, &reader, now), health);
    timings.lap("collect");
    let answer = Answer { cluster_health, ..answer(stages, looked, timings).await };
    Diagnosis { request_id: pass.request_id, timestamp: pass.now, answer: Arc::new(answer) }
}

/// Diagnoses from the text alone, at once.
async fn from_text(stages: &Stages, question: &Question, pass: Pass) -> Diagnosis {
    let size = question.error_message.len() + question.logs.as_ref().map_or(0, String::len);
    let no_cluster = stages.cluster.gap();
    // Why there is no cluster may change from one question to the next.
    let still_holds = |answer: &Arc<Answer>| no_cluster.as_ref().is_none_or(|gap| answer.gaps.contains(gap));
    let asked = (stages.retriever.epoch(), question.clone());
    let is_short = size <= MAX_REMEMBERED_BYTES;
    let remembered = is_short.then(|| stages.answers.get(&asked)).flatten().filter(still_holds);
    let answer = if let Some(answer) = remembered {
        answer
    } else {
        let mut timings = Timings::start();
        let mut heard = listen(stages, question);
        timings.lap("classify");
        heard.gaps.extend(no_cluster.clone());
        let heard = Looked { found: heard, target: question.target.clone(), lead: None, is_named: false };
        let answer = Arc::new(answer(stages, heard, timings).await);
        if is_short {
            stages.answers.insert(asked, Arc::clone(&answer));
        }
        answer
    };
    Diagnosis { request_id: pass.request_id, timestamp: pass.now, answer }
}

/// What the texts of the question say.
fn listen(stages: &Stages, question: &Question) -> Classification {
    classify::classify(&stages.catalogue, &texts(question))
}

/// The texts of the question, each with the field that it came in.
pub fn texts(question: &Question) -> Vec<(Origin, &str)> {
    let mut said = vec![(Origin::ErrorMessage, question.error_message.as_str())];
    said.extend(question.logs.as_deref().map(|logs| (Origin::Logs, logs)));
    said
}

/// From what was found to the answer.
async fn answer(stages: &Stages, looked: Looked, mut timings: Timings) -> Answer {
    let Looked { found, target, lead, is_named } = looked;
    let category = match found.reading {
        Reading::Healthy => CategoryId::new(CategoryId::HEALTHY),
        Reading::Known | Reading::UnknownError | Reading::NoError { .. } => {
            found.findings.first().map_or_else(CategoryId::unknown, |finding| finding.category.clone())
        }
    };
    let advice = advice(stages, &found, &category, &target);
    timings.lap("reason");

    let runbooks = runbooks(stages, &found, &advice).await;
    timings.lap("retrieve");

    let cited = found.findings.first().map(|finding| finding.evidence.clone()).unwrap_or_default();
    let useful = |draft: &Draft| !is_named || !draft.placeholders.iter().any(|place| NAMES.contains(&place.as_str()));
    let fix_commands = advice.commands.into_iter().filter(useful).map(|draft| guarded(stages, draft, &cited)).collect();
    timings.lap("guard");

    let confidence = match found.reading {
        Reading::Known | Reading::UnknownError => found.findings.first().map_or(0.0, |finding| finding.confidence),
        Reading::Healthy => 0.8,
        Reading::NoError { .. } => 0.2,
    };
    let mut gaps = found.gaps;
    gaps.extend(stages.gaps.iter().cloned());
    gaps.extend(runbooks.gaps);
    let mut explanation = found.notes;
    explanation.push(advice.explanation);
    Answer {
        mode: Mode::Rules,
        severity: advice.severity,
        error_category: category,
        confidence,
        root_cause: lead.unwrap_or_default() + &advice.root_cause,
        explanation: explanation.join(" "),
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

pub(super) fn advice(stages: &Stages, found: &Classification, category: &CategoryId, target: &Target) -> Advice {
    let advisor = &stages.advisor;
    let quote = found.evidence.first().map_or("", |evidence| evidence.text.as_str());
    match found.reading {
        Reading::Known => advisor
            .advise(category, &found.parameters, target)
            .unwrap_or_else(|| advisor.advise_unknown(quote, &found.parameters, target)),
        Reading::UnknownError => advisor.advise_unknown(quote, &found.parameters, target),
        Reading::Healthy => advisor.advise_healthy(&found.parameters, target),
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
    if matches!(found.reading, Reading::Healthy | Reading::NoError { .. }) {
        return Runbooks { related: Vec::new(), passages: Vec::new(), gaps: stages.retriever.gaps() };
    }
    let categories: Vec<&str> = found.findings.iter().map(|finding| finding.category.as_str()).collect();
    let names: Vec<&str> = NAMED_THINGS.iter().filter_map(|thing| found.parameters.get(thing)).map(bare_name).collect();
    let query = Query { text: &found.excerpt, categories: &categories, words: &names };
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

/// What may have a runbook of its own.
const NAMED_THINGS: [&str; 10] =
    ["service", "workload", "deployment", "statefulset", "daemonset", "container", "image", "host", "database", "release"];

/// `registry.example/team/web:1.4` and `web.shop.svc:80` are called `web`.
fn bare_name(value: &str) -> &str {
    let last = value.rsplit('/').next().unwrap_or(value);
    last.split([':', '@', '.']).next().unwrap_or(last)
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

/// What every pass of a process without a model did not look at.
pub fn standing_gaps() -> Vec<Gap> {
    vec![Gap::new("reason", "model", "no provider configured")]
}
