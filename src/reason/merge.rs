//! The rules answer and a model's checked reply, made into one. Where a fact decides, the rules win, and the difference is shown.

use super::{brief::Brief, check::Checked};
use crate::domain::{
    diagnosis::{Answer, Mode, Opinion},
    evidence::{Evidence, Source},
    finding::{Finding, Role},
    symptom::{CategoryId, Severity},
};

/// How much less sure a finding may be than the root and still take its place on a model's word.
const NEAR: f32 = 0.15;
/// The most that a category is worth which only a model saw.
const ADOPTED_CONFIDENCE: f32 = 0.6;
/// Runbooks and tips in one answer.
const MOST_RUNBOOKS: usize = 4;
const MOST_TIPS: usize = 6;

/// What a category brings along when an answer takes it from a model.
#[derive(Clone, Debug)]
pub struct Adopted {
    pub severity: Severity,
    /// The category's own runbook, where the library has it.
    pub runbook: Option<String>,
}

/// The rules answer with what `checked` adds. `adopt` tells what a category of the catalogue brings along.
pub fn merge(answer: &Answer, brief: &Brief<'_>, mut checked: Checked, adopt: &dyn Fn(&CategoryId) -> Option<Adopted>) -> Answer {
    let mut merged = Answer { mode: Mode::Llm, ..answer.clone() };
    let is_supported = checked.is_supported();
    let decided = decides(answer);
    let unknown = answer.error_category.as_str() == CategoryId::UNKNOWN;
    let said = checked.category.clone().unwrap_or_else(|| answer.error_category.clone());
    let agrees = said == answer.error_category;
    if !agrees && is_supported {
        if unknown && !answer.findings.is_empty() {
            take_category(&mut merged, &checked, &said, adopt);
        } else if !decided {
            put_first(&mut merged, &said);
        }
    }
    let is_of_one_mind = said == merged.error_category;
    cite(&mut merged, brief, &mut checked);
    let cause = checked.root_cause.clone().unwrap_or_default();
    let cites_root = merged.findings.first().is_some_and(|root| root.evidence.iter().any(|id| checked.evidence.contains(id)));
    if is_of_one_mind && is_supported && !decided && cites_root {
        if !unknown {
            merged.explanation = joined(&answer.root_cause, &merged.explanation);
        }
        merged.root_cause = cause;
    } else if !cause.is_empty() && (!is_of_one_mind || !is_supported) {
        merged.llm.opinion = Some(Opinion {
            error_category: said,
            root_cause: cause,
            confidence: checked.confidence,
            supported: is_supported,
            evidence: checked.evidence.clone(),
        });
    }
    if is_of_one_mind {
        merged.explanation = joined(&merged.explanation, &checked.explanation);
    }
    for command in checked.commands {
        match merged.fix_commands.iter_mut().find(|known| known.command == command.command) {
            // The model may call a command riskier, never safer.
            Some(known) if command.risk_level > known.risk_level => {
                known.risk_level = command.risk_level;
                known.risk_reason = command.risk_reason;
            }
            Some(_) => {}
            None => merged.fix_commands.push(command),
        }
    }
    add_new(&mut merged.prevention_tips, checked.prevention, MOST_TIPS);
    add_new(&mut merged.related_runbooks, checked.runbooks, MOST_RUNBOOKS);
    merged.llm.struck = checked.struck;
    merged
}

/// Whether the root rests on what was seen, and not only on what somebody said or a program wrote.
fn decides(answer: &Answer) -> bool {
    answer.findings.first().is_some_and(|root| {
        root.category.as_str() != CategoryId::UNKNOWN
            && root
                .evidence
                .iter()
                .any(|id| answer.evidence.iter().any(|one| one.id == *id && !matches!(one.source, Source::Said | Source::Logs)))
    })
}

/// A category where the rules know none. The quoted error stays what the answer rests on.
fn take_category(merged: &mut Answer, checked: &Checked, category: &CategoryId, adopt: &dyn Fn(&CategoryId) -> Option<Adopted>) {
    let Some(adopted) = adopt(category) else { return };
    let confidence = checked.confidence.min(ADOPTED_CONFIDENCE);
    merged.findings.retain(|finding| finding.category.as_str() != CategoryId::UNKNOWN);
    let evidence = checked.evidence.clone();
    merged.findings.insert(0, Finding { category: category.clone(), role: Role::RootCause, confidence, evidence });
    merged.error_category = category.clone();
    merged.confidence = confidence;
    merged.severity = merged.severity.max(adopted.severity);
    add_new(&mut merged.related_runbooks, adopted.runbook.into_iter().collect(), MOST_RUNBOOKS);
}

/// Another finding of the rules as the root, where they are nearly as sure of it.
fn put_first(merged: &mut Answer, category: &CategoryId) {
    let Some(root) = merged.findings.first().map(|root| root.confidence) else { return };
    let near = |finding: &Finding| {
        finding.category == *category && finding.role == Role::Contributing && finding.confidence + NEAR >= root
    };
    let Some(at) = merged.findings.iter().position(near) else { return };
    let mut chosen = merged.findings.remove(at);
    chosen.role = Role::RootCause;
    merged.findings[0].role = Role::Contributing;
    merged.error_category = chosen.category.clone();
    merged.confidence = chosen.confidence;
    merged.findings.insert(0, chosen);
}

/// Takes the evidence that the model cites into the answer, numbered on, and renames the ids accordingly.
fn cite(merged: &mut Answer, brief: &Brief<'_>, checked: &mut Checked) {
    let lists = std::iter::once(&mut checked.evidence)
        .chain(checked.commands.iter_mut().map(|command| &mut command.evidence))
        .chain(merged.findings.iter_mut().map(|finding| &mut finding.evidence));
    let evidence = &mut merged.evidence;
    let mut renamed: Vec<(String, String)> = Vec::new();
    for id in lists.flatten() {
        if let Some((_, new)) = renamed.iter().find(|(old, _)| old == id) {
            id.clone_from(new);
        } else if let Some(more) = brief.more.iter().find(|one| one.id == *id) {
            let new = format!("e{}", evidence.len() + 1);
            evidence.push(Evidence { id: new.clone(), ..more.clone() });
            renamed.push((id.clone(), new.clone()));
            *id = new;
        }
    }
}

fn joined(first: &str, second: &str) -> String {
    match (first.trim(), second.trim()) {
        (only, "") | ("", only) => only.to_owned(),
        (first, second) if first.contains(second) => first.to_owned(),
        (first, second) => format!("{first} {second}"),
    }
}

fn add_new(known: &mut Vec<String>, new: Vec<String>, most: usize) {
    for one in new {
        if known.len() < most && !known.contains(&one) {
            known.push(one);
        }
    }
}
