//! One error in, one diagnosis out.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use tracing::{Instrument, Span, field, info_span};

use super::{
    Stages, cluster_health,
    consult::{self, Case},
    look::{self, Looked},
    permit::Permit,
    progress::{Listener, Progress},
    record, remediate,
    stage::{self, Timings},
};
use crate::{
    classify::{self, Classification, Origin, Reading},
    domain::{
        advice::{Draft, FixCommand, Proposer},
        diagnosis::{Answer, Diagnosis, LlmUse, Mode, RunbookPassage},
        evidence::Gap,
        redact::{Redaction, scrub::Scrub},
        symptom::CategoryId,
        target::Target,
        text::CleanText,
        verdict::Verdict,
    },
    guard,
    reason::rules::Advice,
    retrieve::{query::Query, score::NO_FIT_BELOW},
};

/// A request that passed intake.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Question {
    /// 1 byte to 256 KiB, before redaction.
    pub error_message: CleanText,
    /// Log lines, handed over apart from the message.
    pub logs: Option<CleanText>,
    pub target: Target,
    /// The state of the whole cluster is wanted as well.
    pub include_cluster_health: bool,
    /// No language model is to be asked.
    pub without_llm: bool,
    /// Where the target names no object, no bare word of the text is tried as a name of one.
    pub without_guesses: bool,
    /// File of the runbook that whoever asks already names. `None` = they name none.
    pub runbook: Option<String>,
}

/// When and under which id a diagnosis is made; time and randomness are the caller's.
#[derive(Clone, Debug)]
pub struct Pass {
    pub request_id: String,
    pub now: Timestamp,
    /// The redaction that cleaned the question; what is seen in the cluster passes it as well.
    pub redaction: Redaction,
    /// When the answer has to be there. `None` = each stage's own bounds are enough.
    pub deadline: Option<tokio::time::Instant>,
    pub listener: Listener,
    pub may_ask_model: Permit,
}

impl Pass {
    pub fn new(request_id: impl Into<String>, now: Timestamp, redaction: Redaction) -> Self {
        Self {
            request_id: request_id.into(),
            now,
            redaction,
            deadline: None,
            listener: Listener::default(),
            may_ask_model: Permit::default(),
        }
    }
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

/// Diagnoses one question, looking at the cluster where there is one, and records the incident. Never fails: what could
/// not be looked at or recorded stands in `gaps`.
pub async fn diagnose(stages: &Stages, question: &Question, pass: Pass) -> Diagnosis {
    let span = info_span!(
        "diagnose",
        "faultline.category" = field::Empty,
        "faultline.mode" = field::Empty,
        "faultline.gaps" = field::Empty
    );
    // One future of many reads is large: its parts are kept apart, or a thread's stack is too small for it in a build for tests.
    Box::pin(diagnosed(stages, question, pass)).instrument(span).await
}

async fn diagnosed(stages: &Stages, question: &Question, pass: Pass) -> Diagnosis {
    let (diagnosis, target) = Box::pin(answered(stages, question, pass)).await;
    let diagnosis = Box::pin(record::record(stages, diagnosis, &target)).await;
    let diagnosis = Box::pin(remediate::offer(stages, diagnosis, target.namespace.as_deref())).await;
    let span = Span::current();
    span.record("faultline.category", diagnosis.error_category.as_str());
    span.record("faultline.mode", diagnosis.mode.as_str());
    span.record("faultline.gaps", diagnosis.gaps.len());
    diagnosis
}

/// The diagnosis, and what it is about.
async fn answered(stages: &Stages, question: &Question, mut pass: Pass) -> (Diagnosis, Target) {
    let Some(reader) = stages.cluster.reader(look::budget(&stages.cluster)) else {
        return (Box::pin(from_text(stages, question, pass)).await, question.target.clone());
    };
    let mut timings = Timings::start();
    let heard = listen(stages, question);
    timings.lap("classify");
    let now = stages.cluster.now(pass.now);
    let health = Box::pin(async {
        if question.include_cluster_health { Some(cluster_health::cluster_health(stages, &[], pass.now).await) } else { None }
    });
    let looking = Box::pin(look::look(stages, question, heard, &reader, &mut pass.redaction, now));
    let (looked, cluster_health) = async { tokio::join!(looking, health) }.instrument(stage::span("collect")).await;
    timings.lap("collect");
    let target = looked.target.clone();
    let answer = Answer { cluster_health, ..answer(stages, question, looked, timings, &mut pass).await };
    (Diagnosis { request_id: pass.request_id, timestamp: pass.now, answer: Arc::new(answer) }, target)
}

/// Diagnoses from the text alone, at once.
async fn from_text(stages: &Stages, question: &Question, mut pass: Pass) -> Diagnosis {
    let size = question.error_message.len() + question.logs.as_ref().map_or(0, |logs| logs.len());
    let no_cluster = stages.cluster.gap();
    // Why there is no cluster may change from one question to the next.
    let still_holds = |answer: &Arc<Answer>| no_cluster.as_ref().is_none_or(|gap| answer.gaps.contains(gap));
    let asked = (stages.retriever.epoch(), question.clone());
    // What a model is to add is remembered with the model.
    let is_asked = stages.model.is_some() && !question.without_llm;
    let is_short = size <= MAX_REMEMBERED_BYTES && !is_asked;
    let remembered = is_short.then(|| stages.answers.get(&asked)).flatten().filter(still_holds);
    if is_short {
        stage::remembered("answers", remembered.is_some());
    }
    let answer = if let Some(answer) = remembered {
        answer
    } else {
        let mut timings = Timings::start();
        let mut heard = listen(stages, question);
        timings.lap("classify");
        heard.gaps.extend(no_cluster.clone());
        let heard = Looked { found: heard, target: question.target.clone(), lead: None, is_named: false, scope: None };
        let answer = Arc::new(answer(stages, question, heard, timings, &mut pass).await);
        if is_short {
            stages.answers.insert(asked, Arc::clone(&answer));
        }
        answer
    };
    Diagnosis { request_id: pass.request_id, timestamp: pass.now, answer }
}

/// What the texts of the question say.
fn listen(stages: &Stages, question: &Question) -> Classification {
    let _stage = stage::span("classify").entered();
    classify::classify(&stages.catalogue, &texts(question))
}

/// The texts of the question, each with the field that it came in.
pub fn texts(question: &Question) -> Vec<(Origin, &CleanText)> {
    let mut said = vec![(Origin::ErrorMessage, &question.error_message)];
    said.extend(question.logs.as_ref().map(|logs| (Origin::Logs, logs)));
    said
}

/// From what was found to the answer.
async fn answer(stages: &Stages, question: &Question, mut looked: Looked, mut timings: Timings, pass: &mut Pass) -> Answer {
    let listener = pass.listener.clone();
    looked.found.findings.iter().for_each(|finding| listener.tell(Progress::Finding(finding)));
    looked.found.evidence.iter().for_each(|evidence| listener.tell(Progress::Evidence(evidence)));
    let mut answer = by_rules(stages, &mut looked, question.runbook.as_ref(), &mut timings, pass).await;
    let Looked { found, target, scope, .. } = looked;
    // Whether something is wrong at all is for the cluster and the rules to say.
    let may_add = matches!(found.reading, Reading::Known | Reading::UnknownError);
    if let Some(model) = stages.model.as_ref().filter(|_| may_add && !question.without_llm) {
        let case = Case {
            said: &texts(question),
            excerpt: &found.excerpt,
            target: &target,
            parameters: &found.parameters,
            scope: scope.as_ref(),
        };
        answer = Box::pin(consult::consult(stages, model, &case, answer, pass)).instrument(stage::span("model")).await;
        listener.tell(Progress::Asked(&answer.llm));
        timings.lap("model");
    } else if stages.model.is_some() {
        let why = if question.without_llm { "the request asks for none" } else { "there is no error to explain" };
        answer.llm.reason = Some(why.to_owned());
    }
    Answer { timings_ms: timings.spent, ..answer }
}

/// What the rules say, with runbooks and the risk of each command. Findings, evidence and gaps go over into the answer.
async fn by_rules(
    stages: &Stages,
    looked: &mut Looked,
    runbook: Option<&String>,
    timings: &mut Timings,
    pass: &mut Pass,
) -> Answer {
    let Looked { found, target, lead, is_named, .. } = looked;
    let category = match found.reading {
        Reading::Healthy => CategoryId::new(CategoryId::HEALTHY),
        Reading::Known | Reading::UnknownError | Reading::NoError { .. } => {
            found.findings.first().map_or_else(CategoryId::unknown, |finding| finding.category.clone())
        }
    };
    let advice = stage::span("reason").in_scope(|| advice(stages, found, &category, target));
    timings.lap("reason");

    let runbooks = runbooks(stages, found, runbook, &advice).instrument(stage::span("retrieve")).await;
    runbooks.passages.iter().for_each(|passage| pass.listener.tell(Progress::Runbook(passage)));
    timings.lap("retrieve");

    let cited = found.findings.first().map(|finding| finding.evidence.clone()).unwrap_or_default();
    let useful = |draft: &Draft| !*is_named || !draft.placeholders.iter().any(|place| NAMES.contains(&place.as_str()));
    let drafts = advice.commands.iter().filter(|draft| useful(draft)).cloned();
    let fix_commands = stage::span("guard").in_scope(|| drafts.map(|draft| guarded(stages, draft, &cited)).collect());
    timings.lap("guard");

    let confidence = match found.reading {
        Reading::Known | Reading::UnknownError => found.findings.first().map_or(0.0, |finding| finding.confidence),
        Reading::Healthy => 0.8,
        Reading::NoError { .. } => 0.2,
    };
    let mut gaps = std::mem::take(&mut found.gaps);
    gaps.extend(stages.gaps.iter().cloned());
    gaps.extend(runbooks.gaps);
    // They tell what servers answered.
    gaps.scrub(&mut pass.redaction);
    let explanation: Vec<&str> = found.notes.iter().map(String::as_str).chain([advice.explanation.as_str()]).collect();
    Answer {
        mode: Mode::Rules,
        severity: advice.severity,
        error_category: category,
        confidence,
        root_cause: lead.take().unwrap_or_default() + &advice.root_cause,
        explanation: explanation.join(" "),
        fix_commands,
        prevention_tips: advice.prevention.clone(),
        related_runbooks: runbooks.related,
        runbook_passages: runbooks.passages,
        findings: std::mem::take(&mut found.findings),
        evidence: std::mem::take(&mut found.evidence),
        gaps,
        cluster_health: None,
        incident_id: None,
        llm: LlmUse::default(),
        timings_ms: BTreeMap::new(),
    }
}

pub(super) fn advice(stages: &Stages, found: &Classification, category: &CategoryId, target: &Target) -> Arc<Advice> {
    let advisor = &stages.advisor;
    let quote = found.evidence.first().map_or("", |evidence| evidence.text.as_str());
    let advice = match found.reading {
        Reading::Known => {
            let case = (category.clone(), found.parameters.clone(), target.clone());
            if let Some(advice) = stages.advice.get(&case) {
                return advice;
            }
            if let Some(advice) = advisor.advise(category, &found.parameters, target).map(Arc::new) {
                stages.advice.insert(case, Arc::clone(&advice));
                return advice;
            }
            advisor.advise_unknown(quote, &found.parameters, target)
        }
        Reading::UnknownError => advisor.advise_unknown(quote, &found.parameters, target),
        Reading::Healthy => advisor.advise_healthy(&found.parameters, target),
        Reading::NoError { mentions_faults } => advisor.advise_no_error(mentions_faults, &found.parameters, target),
    };
    Arc::new(advice)
}

struct Runbooks {
    related: Vec<String>,
    passages: Vec<RunbookPassage>,
    gaps: Vec<Gap>,
}

/// The runbook that was named first, then the category's own, then what the text itself is nearest to.
async fn runbooks(stages: &Stages, found: &Classification, named: Option<&String>, advice: &Advice) -> Runbooks {
    if matches!(found.reading, Reading::Healthy | Reading::NoError { .. }) {
        return Runbooks { related: named.cloned().into_iter().collect(), passages: Vec::new(), gaps: stages.retriever.gaps() };
    }
    let categories: Vec<&str> = found.findings.iter().map(|finding| finding.category.as_str()).collect();
    let names: Vec<&str> = NAMED_THINGS.iter().filter_map(|thing| found.parameters.get(thing)).map(bare_name).collect();
    let query = Query { text: &found.excerpt, categories: &categories, words: &names };
    let found = stages.retriever.search(&query, PASSAGES).await;
    // In a diagnosis only what fits is named; whoever asks for suggestions gets what is worth a look.
    let mut suggestions = found.suggestions;
    suggestions.retain(|one| one.score >= NO_FIT_BELOW);
    stage::retrieved(found.gaps.is_empty(), !suggestions.is_empty());
    let library = stages.retriever.library();
    let own = advice.runbook.iter().filter(|id| library.get(id).is_some());
    let mut related: Vec<String> = Vec::new();
    for file in named.into_iter().chain(own).chain(suggestions.iter().map(|suggestion| &suggestion.runbook)) {
        if !related.contains(file) {
            related.push(file.clone());
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

/// The risk of a command, remembered.
pub(super) fn verdict(stages: &Stages, command: &str) -> Verdict {
    stages.verdicts.get(command).unwrap_or_else(|| {
        let verdict = guard::assess(command);
        stages.verdicts.insert(command.to_owned(), verdict.clone());
        verdict
    })
}

/// A command with the risk that it carries by itself.
fn guarded(stages: &Stages, draft: Draft, evidence: &[String]) -> FixCommand {
    let verdict = verdict(stages, &draft.command);
    FixCommand {
        command: draft.command,
        description: draft.description,
        risk_level: verdict.risk,
        risk_reason: verdict.reason.to_owned(),
        reversible: verdict.reversible,
        placeholders: draft.placeholders,
        evidence: evidence.to_vec(),
        source: Proposer::Rules,
        remediation_id: None,
    }
}

/// What a process without a model does not look at.
pub fn standing_gaps() -> Vec<Gap> {
    vec![Gap::new("reason", "model", "no provider configured")]
}
