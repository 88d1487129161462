//! `faultline eval diagnose`: labelled cases through the whole pass, with the rules alone and with a model, live or recorded.

use std::{
    fmt::Write as _,
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::Args;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CliError, eval::Files};
use crate::{
    app,
    cluster::ClusterSettings,
    config::KnowledgeSettings,
    domain::{
        diagnosis::{Diagnosis, LlmStatus},
        target::Target,
    },
    pipeline::{
        Stages,
        diagnose::{self, Pass, Question},
    },
    reason::{
        client::Providers,
        model::{Model, ModelSettings},
        replies::Replies,
    },
};

#[derive(Debug, Args)]
pub struct DiagnoseFiles {
    #[command(flatten)]
    pub files: Files,
    /// Replies of this folder instead of a model's, so that a run can be repeated
    #[arg(long, value_name = "DIR", conflicts_with = "record")]
    replay: Option<PathBuf>,
    /// Keep the replies of the model in this folder
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    #[command(flatten)]
    cluster: ClusterSettings,
    #[command(flatten)]
    model: ModelSettings,
}

/// One labelled case, one line of a JSONL file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    #[serde(default)]
    id: String,
    text: String,
    logs: Option<String>,
    namespace: Option<String>,
    pod: Option<String>,
    deployment: Option<String>,
    /// `kind/name`
    target: Option<String>,
    /// The category that is right.
    category: String,
    /// Further categories that are right as well.
    #[serde(default)]
    also: Vec<String>,
    /// Words that cause, explanation or evidence have to hold; one of several by `|`.
    #[serde(default)]
    must_mention: Vec<String>,
    /// Words that cause and explanation must not hold.
    #[serde(default)]
    must_not_mention: Vec<String>,
}

/// Figures over the cases.
#[derive(Debug, Serialize)]
pub struct Report {
    pub cases: usize,
    pub rules: Figures,
    /// `None` = no model is configured, and none is recorded.
    pub model: Option<ModelFigures>,
}

#[derive(Debug, Default, Serialize)]
pub struct Figures {
    /// Share of cases whose category is right.
    pub accuracy: f64,
    /// Share of the demanded mentions that are there.
    pub mentions: f64,
    /// Forbidden mentions that are there.
    pub wrong_mentions: usize,
    pub misses: Vec<String>,
}

#[derive(Debug, Default, Serialize)]
pub struct ModelFigures {
    #[serde(flatten)]
    pub figures: Figures,
    /// Cases with a usable reply.
    pub answered: usize,
    /// Cases in which the model holds another cause than the answer.
    pub disagreements: usize,
    /// Of these, those without evidence.
    pub unsupported: usize,
    /// Things taken out of replies.
    pub struck: usize,
    pub input_tokens: u64,
    pub output_tokens: u64,
    /// Milliseconds that an answer took, model included.
    pub median_ms: f64,
    pub p95_ms: f64,
    /// Why there was no reply, each reason once.
    pub silences: Vec<String>,
}

pub async fn run(arguments: &DiagnoseFiles, knowledge: &KnowledgeSettings, cases: &[Case]) -> Result<Report, CliError> {
    let stages = app::stages(knowledge, &arguments.cluster)?;
    stages.cluster.connect(super::ask::CONNECT).await;
    let mut rules = Tally::default();
    for case in cases {
        rules.add(case, &diagnosed(&stages, case, true).await?);
    }
    let Some(model) = model(arguments)? else {
        return Ok(Report { cases: cases.len(), rules: rules.figures(cases.len()), model: None });
    };
    let stages = app::with(stages, model);
    let (mut tally, mut times) = (Tally::default(), Vec::new());
    let mut told = ModelFigures::default();
    for case in cases {
        let started = Instant::now();
        let answer = diagnosed(&stages, case, false).await?;
        times.push(started.elapsed());
        tally.add(case, &answer);
        let llm = &answer.llm;
        told.answered += usize::from(llm.status == LlmStatus::Ok);
        told.disagreements += usize::from(llm.opinion.is_some());
        told.unsupported += usize::from(llm.opinion.as_ref().is_some_and(|opinion| !opinion.supported));
        told.struck += llm.struck.len();
        told.input_tokens += llm.input_tokens;
        told.output_tokens += llm.output_tokens;
        if let Some(why) = llm.reason.as_ref().filter(|why| llm.status != LlmStatus::Ok && !told.silences.contains(why)) {
            told.silences.push(why.clone());
        }
    }
    times.sort_unstable();
    let at = |share: usize| times.get((times.len() * share / 100).min(times.len().saturating_sub(1))).map_or(0.0, milliseconds);
    let model = ModelFigures { figures: tally.figures(cases.len()), median_ms: at(50), p95_ms: at(95), ..told };
    Ok(Report { cases: cases.len(), rules: rules.figures(cases.len()), model: Some(model) })
}

fn milliseconds(time: &Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}

/// The model that is configured, or what is recorded of one.
fn model(arguments: &DiagnoseFiles) -> Result<Option<Model>, CliError> {
    let settings = &arguments.model;
    let input = |why: String| CliError::Input(why);
    let prompts = Model::prompts(settings).map_err(input)?;
    let replies = match (&arguments.replay, &arguments.record) {
        (Some(folder), _) => Some(Replies::recorded(folder, settings.bounds())),
        (None, record) => Providers::from_settings(&settings.llm).map_err(input)?.map(|providers| match record {
            Some(folder) => Replies::recording(providers, folder, settings.bounds()),
            None => Replies::live(providers, settings.bounds()),
        }),
    };
    Ok(replies.map(|replies| Model::of(prompts, replies, settings)))
}

async fn diagnosed(stages: &Stages, case: &Case, without_llm: bool) -> Result<Diagnosis, CliError> {
    let (kind, name) = match case.target.as_deref().map(|target| target.split_once('/')) {
        Some(Some((kind, name))) => (Some(kind.to_lowercase()), Some(name.to_owned())),
        Some(None) => return Err(CliError::Input(format!("case {}: target must be kind/name", case.id))),
        None => (None, None),
    };
    let target = Target {
        kind,
        name,
        namespace: case.namespace.clone(),
        pod: case.pod.clone(),
        deployment: case.deployment.clone(),
        ..Target::default()
    };
    let mut redaction = stages.redactor.session();
    let error_message = redaction.clean(&case.text);
    let logs = case.logs.as_ref().map(|logs| redaction.clean(logs));
    let target = redaction.seal(target).into_inner();
    let question = Question { error_message, logs, target, without_llm, ..Question::default() };
    #[expect(clippy::disallowed_methods, reason = "the command line is an edge: the clock is read here")]
    let pass = Pass::new(case.id.clone(), Timestamp::now(), redaction);
    Ok(diagnose::diagnose(stages, &question, pass).await)
}

#[derive(Default)]
struct Tally {
    right: usize,
    demanded: usize,
    mentioned: usize,
    wrong: usize,
    misses: Vec<String>,
}

impl Tally {
    fn add(&mut self, case: &Case, answer: &Diagnosis) {
        let found = answer.error_category.as_str();
        if found == case.category || case.also.iter().any(|also| also == found) {
            self.right += 1;
        } else {
            self.misses.push(format!("{}: {} is {found}", case.id, case.category));
        }
        let prose = format!("{} {}", answer.root_cause, answer.explanation).to_lowercase();
        let evidence = answer.evidence.iter().map(|one| one.text.as_str()).collect::<Vec<_>>().join(" ").to_lowercase();
        let holds = |text: &str, words: &str| words.split('|').any(|word| text.contains(&word.to_lowercase()));
        self.demanded += case.must_mention.len();
        self.mentioned += case.must_mention.iter().filter(|words| holds(&prose, words) || holds(&evidence, words)).count();
        self.wrong += case.must_not_mention.iter().filter(|words| holds(&prose, words)).count();
    }

    fn figures(self, cases: usize) -> Figures {
        let share = |part: usize, of: usize| if of == 0 { 1.0 } else { (part as f64 / of as f64 * 1000.0).round() / 1000.0 };
        Figures {
            accuracy: share(self.right, cases),
            mentions: share(self.mentioned, self.demanded),
            wrong_mentions: self.wrong,
            misses: self.misses,
        }
    }
}

impl Report {
    pub fn accuracy(&self) -> f64 {
        self.model.as_ref().map_or(self.rules.accuracy, |model| model.figures.accuracy)
    }

    pub fn to_text(&self) -> String {
        let mut text = format!("{} cases\n             accuracy  mentions  wrong mentions\n", self.cases);
        let mut line = |name: &str, figures: &Figures| {
            let _ =
                writeln!(text, "{name:<12} {:>8.3}  {:>8.3}  {:>14}", figures.accuracy, figures.mentions, figures.wrong_mentions);
        };
        line("rules alone", &self.rules);
        let Some(model) = &self.model else {
            text.push_str("no model: configure one, or replay recorded replies\n");
            return text;
        };
        line("with model", &model.figures);
        let _ = writeln!(
            text,
            "{} answered, {} disagree ({} without evidence), {} things struck, {} + {} tokens, median {} ms, p95 {} ms",
            model.answered,
            model.disagreements,
            model.unsupported,
            model.struck,
            model.input_tokens,
            model.output_tokens,
            model.median_ms,
            model.p95_ms
        );
        model.silences.iter().for_each(|why| {
            let _ = writeln!(text, "no reply: {why}");
        });
        model.figures.misses.iter().for_each(|miss| {
            let _ = writeln!(text, "miss {miss}");
        });
        text
    }
}
