//! A second reader: a language model adds to the rules answer what passes the checks, and can take nothing from it.

use super::{Stages, diagnose::Pass, model_replies, progress::Progress};
use crate::{
    classify::{Origin, beside},
    domain::{
        diagnosis::{Answer, LlmStatus, LlmUse, Mode},
        evidence::Gap,
        fact::Scope,
        parameters::Parameters,
        redact::{
            pseudonyms::{NameKind, Pseudonyms},
            scrub::Clean,
        },
        symptom::CategoryId,
        target::Target,
        text::CleanText,
    },
    guard,
    reason::{
        brief::Brief,
        check::{self, Assessed, Checked},
        merge::{self, Adopted},
        model::Model,
        prompt::Prompt,
        replies::{Had, Silence},
        reply, template,
    },
};

/// What is known of a case beside the answer that the rules gave.
pub struct Case<'a> {
    pub said: &'a [(Origin, &'a CleanText)],
    pub excerpt: &'a str,
    pub target: &'a Target,
    pub parameters: &'a Parameters,
    /// What was seen. `None` = no cluster was looked at.
    pub scope: Option<&'a Clean<Scope>>,
}

/// `answer` with what the model adds to it; without a usable reply the same answer, and the reason in its gaps.
pub async fn consult(stages: &Stages, model: &Model, case: &Case<'_>, mut answer: Answer, pass: &Pass) -> Answer {
    if let Err(seconds) = pass.may_ask_model.take() {
        let why = format!("the caller has used up its questions to a model for now; there is one more in {seconds} s");
        answer.gaps.push(Gap::new("reason", "model", why.clone()));
        answer.llm.reason = Some(why);
        return answer;
    }
    pass.listener.tell(Progress::Asking(model.replies.models()));
    match consulted(stages, model, case, &answer, pass).await {
        Ok(merged) => merged,
        Err(Silence { why, provider, usage }) => {
            answer.llm = LlmUse {
                status: LlmStatus::Unavailable,
                reason: Some(why.clone()),
                provider: provider.map(str::to_owned),
                prompt_version: Some(model.prompts.version().to_owned()),
                input_tokens: usage.0,
                output_tokens: usage.1,
                ..LlmUse::default()
            };
            answer.gaps.push(Gap::new("reason", "model", why));
            answer
        }
    }
}

async fn consulted(stages: &Stages, model: &Model, case: &Case<'_>, answer: &Answer, pass: &Pass) -> Result<Answer, Silence> {
    let unusable = |why: String| Silence { why, provider: None, usage: (0, 0) };
    let brief = brief(stages, case, answer);
    let version = model.prompts.version();
    let prompt = model.prompts.render(&brief, model.replies.max_input_tokens()).map_err(|error| unusable(error.to_string()))?;
    let mut names = model.hides_names.then(|| Pseudonyms::new(names(case)));
    let hidden = names.as_mut().map(|names| Prompt { user: names.hide(&prompt.user), ..prompt.clone() });
    let asked = hidden.as_ref().unwrap_or(&prompt);
    let Had { said, cached } = model_replies::get(stages, model, asked, pass.deadline, pass.now).await?;
    let restored = names.map(|names| names.restore(&said.text));
    let reply = reply::read(restored.as_deref().unwrap_or(&said.text))
        .map_err(|why| unusable(format!("the reply cannot be read: {why}")))?;
    let checked = check::check(reply, &brief, &prompt, &|command| assessed(stages, command));
    let merged = merged(stages, answer, &brief, checked);
    let (input_tokens, output_tokens) = if cached { (0, 0) } else { (said.input_tokens, said.output_tokens) };
    let llm = LlmUse {
        status: LlmStatus::Ok,
        provider: Some(said.provider),
        model: Some(said.model),
        prompt_version: Some(version.to_owned()),
        input_tokens,
        output_tokens,
        cached,
        ..merged.llm
    };
    Ok(Answer { llm, ..merged })
}

/// Names that are known to be names; others are told by their form.
fn names<'a>(case: &Case<'a>) -> impl Iterator<Item = (NameKind, &'a str)> {
    let kinds = [("pod", NameKind::Pod), ("node", NameKind::Node), ("host", NameKind::Host)];
    let (parameters, target) = (case.parameters, case.target);
    let told = kinds.into_iter().filter_map(|(name, kind)| Some((kind, parameters.get(name)?)));
    told.chain(target.pod.iter().map(|pod| (NameKind::Pod, pod.as_str())))
}

fn brief<'a>(stages: &'a Stages, case: &Case<'a>, answer: &'a Answer) -> Brief<'a> {
    let mut more = case.scope.map(|scope| beside::seen(scope, &answer.evidence)).unwrap_or_default();
    more.extend(beside::said(&stages.catalogue, case.said, &answer.evidence));
    Brief {
        said: case.said.iter().map(|(_, text)| text.as_str()).collect(),
        excerpt: case.excerpt,
        target: named(case.target),
        answer,
        more: Brief::numbered(&answer.evidence, more),
        parameters: case.parameters,
        categories: stages.catalogue.rules().iter().map(|rule| &rule.id).collect(),
    }
}

fn named(target: &Target) -> Vec<String> {
    let fields = [
        ("kind", &target.kind),
        ("name", &target.name),
        ("namespace", &target.namespace),
        ("label selector", &target.label_selector),
        ("pod", &target.pod),
        ("deployment", &target.deployment),
        ("container", &target.container),
    ];
    fields.iter().filter_map(|(name, value)| Some(format!("{name}: {}", value.as_ref()?))).collect()
}

fn assessed(stages: &Stages, command: &str) -> Assessed {
    Assessed {
        verdict: super::diagnose::verdict(stages, command),
        names: guard::names(command),
        placeholders: template::placeholders(command),
    }
}

fn merged(stages: &Stages, answer: &Answer, brief: &Brief<'_>, checked: Checked) -> Answer {
    let library = stages.retriever.library();
    let adopt = |category: &CategoryId| {
        let playbook = stages.advisor.playbook(category)?;
        let runbook = Some(&playbook.runbook).filter(|id| library.get(id).is_some()).cloned();
        Some(Adopted { severity: playbook.severity, runbook })
    };
    let merged = merge::merge(answer, brief, checked, &adopt);
    let adds_nothing =
        merged.llm.opinion.is_none() && Answer { mode: answer.mode, llm: answer.llm.clone(), ..merged.clone() } == *answer;
    if adds_nothing {
        let reason = Some("nothing of the reply passed the checks and was new".to_owned());
        return Answer { mode: Mode::Rules, llm: LlmUse { reason, ..merged.llm.clone() }, ..merged };
    }
    merged
}
