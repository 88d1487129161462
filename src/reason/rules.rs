//! The rules answer: a category's own words over what is known, with no model.

use std::collections::BTreeMap;

use minijinja::{Environment, Value};

use super::{
    template::{command_context, environment, placeholders, prose_context},
    unknown::{self, Unknown},
};
use crate::domain::{
    advice::{Draft, Playbook, Remedy},
    object::Kind,
    parameters::Parameters,
    symptom::{CategoryId, Severity},
    target::Target,
};

/// What a category means here and what to do, before the risk of each command is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Advice {
    pub severity: Severity,
    pub root_cause: String,
    pub explanation: String,
    /// In the order to try them: look first, then fix.
    pub commands: Vec<Draft>,
    pub prevention: Vec<String>,
    /// The runbook that the category itself names.
    pub runbook: Option<String>,
}

/// Writes advice from playbooks. Cheap to use, costly to make: one per process.
pub struct Advisor {
    environment: Environment<'static>,
    plans: BTreeMap<CategoryId, Plan>,
}

/// A playbook with the names under which its templates are compiled.
struct Plan {
    playbook: Playbook,
    root_cause: String,
    explanation: String,
    remedies: Vec<RemedyNames>,
}

struct RemedyNames {
    command: String,
    /// `None` = it has nothing to fill in.
    description: Option<String>,
    /// `None` = always offered.
    when: Option<String>,
}

impl Advisor {
    /// Compiles and tries every template; the error tells each one that fails, as `category: field: why`.
    pub fn new<'p>(playbooks: impl Iterator<Item = &'p Playbook>) -> Result<Self, Vec<String>> {
        let mut advisor = Self { environment: environment(), plans: BTreeMap::new() };
        let mut problems = Vec::new();
        for playbook in playbooks {
            let plan = Plan::of(playbook);
            for (name, source) in plan.templates() {
                if let Err(error) = advisor.environment.add_template_owned(name.clone(), source) {
                    problems.push(format!("{name}: {error}"));
                }
            }
            advisor.plans.insert(playbook.category.clone(), plan);
        }
        if problems.is_empty() {
            problems = advisor.plans.values().flat_map(|plan| advisor.try_empty(plan)).collect();
        }
        if problems.is_empty() { Ok(advisor) } else { Err(problems) }
    }

    /// Advice for `category`; `None` when there is no playbook for it.
    pub fn advise(&self, category: &CategoryId, parameters: &Parameters, target: &Target) -> Option<Advice> {
        let plan = self.plans.get(category)?;
        let parameters = completed(parameters, target);
        let target = named(&parameters, target);
        let prose = prose_context(&parameters, &target);
        let command = command_context(&parameters);
        let said = |name: &str| self.render(name, &prose).map(|text| capitalised(sentence(&text), &target));
        Some(Advice {
            severity: plan.playbook.severity,
            root_cause: said(&plan.root_cause).unwrap_or_else(|_| plan.playbook.title.clone()),
            explanation: said(&plan.explanation).unwrap_or_default(),
            commands: self.commands(plan, &command, &prose),
            prevention: plan.playbook.prevention.clone(),
            runbook: Some(plan.playbook.runbook.clone()),
        })
    }

    /// What the rule file of `category` says. `None` = there is none.
    pub fn playbook(&self, category: &CategoryId) -> Option<&Playbook> {
        self.plans.get(category).map(|plan| &plan.playbook)
    }

    /// Advice for an error of no category, quoted.
    pub fn advise_unknown(&self, quote: &str, parameters: &Parameters, target: &Target) -> Advice {
        self.without_playbook(unknown::error(quote), parameters, target)
    }

    /// Advice for a text that reports no error.
    pub fn advise_no_error(&self, mentions_faults: bool, parameters: &Parameters, target: &Target) -> Advice {
        self.without_playbook(unknown::no_error(mentions_faults), parameters, target)
    }

    /// Advice for something that was looked at and is well.
    pub fn advise_healthy(&self, parameters: &Parameters, target: &Target) -> Advice {
        let what = named(&completed(parameters, target), target);
        self.without_playbook(unknown::healthy(&what), parameters, target)
    }

    fn without_playbook(&self, unknown: Unknown, parameters: &Parameters, target: &Target) -> Advice {
        let parameters = completed(parameters, target);
        let prose = prose_context(&parameters, &named(&parameters, target));
        let command = command_context(&parameters);
        let commands = unknown
            .remedies
            .iter()
            .filter(|remedy| self.holds(remedy, &prose))
            .filter_map(|remedy| {
                Some(draft(remedy, self.environment.render_str(&remedy.command, &command).ok()?, remedy.description.clone()))
            })
            .collect();
        Advice {
            severity: unknown.severity,
            root_cause: unknown.root_cause,
            explanation: unknown.explanation,
            commands,
            prevention: unknown.prevention,
            runbook: unknown.runbook.map(str::to_owned),
        }
    }

    /// For the few remedies that come without a playbook.
    fn holds(&self, remedy: &Remedy, prose: &Value) -> bool {
        let Some(when) = &remedy.when else { return true };
        self.environment.compile_expression(when).and_then(|when| when.eval(prose)).is_ok_and(|value| value.is_true())
    }

    fn commands(&self, plan: &Plan, command: &Value, prose: &Value) -> Vec<Draft> {
        plan.playbook
            .remedies
            .iter()
            .zip(&plan.remedies)
            .filter(|(_, names)| names.when.as_ref().is_none_or(|when| self.render(when, prose).is_ok_and(|held| held == HOLDS)))
            .filter_map(|(remedy, names)| {
                let text = self.render(&names.command, command).ok()?;
                let description = match &names.description {
                    // Prose, unless it speaks of something that is not known.
                    Some(name) => self.render(name, prose).or_else(|_| self.render(name, command)).ok()?,
                    None => remedy.description.clone(),
                };
                Some(draft(remedy, text, description))
            })
            .collect()
    }

    fn render(&self, name: &str, context: &Value) -> Result<String, minijinja::Error> {
        self.environment.get_template(name)?.render(context)
    }

    /// Problems of a plan when nothing is known: prose must still read well, commands must still render.
    fn try_empty(&self, plan: &Plan) -> Vec<String> {
        let nothing = Parameters::default();
        let prose = prose_context(&nothing, NO_TARGET);
        let command = command_context(&nothing);
        let mut problems = Vec::new();
        let conditions = plan.remedies.iter().filter_map(|names| names.when.as_ref());
        for name in [&plan.root_cause, &plan.explanation].into_iter().chain(conditions) {
            if let Err(error) = self.render(name, &prose) {
                problems.push(format!("{name}: {error} (guard a name that may be unknown: {{% if name %}})"));
            }
        }
        for name in plan.remedies.iter().flat_map(|names| std::iter::once(&names.command).chain(&names.description)) {
            match self.render(name, &command) {
                Ok(text) if name.ends_with("command") && text.contains(['\n', '\r']) => {
                    problems.push(format!("{name}: is more than one line"));
                }
                Ok(_) => {}
                Err(error) => problems.push(format!("{name}: {error}")),
            }
        }
        problems
    }
}

/// What the template of a condition prints where it holds.
const HOLDS: &str = "1";

impl Plan {
    fn of(playbook: &Playbook) -> Self {
        let name = |field: &str| format!("{}: {field}", playbook.category);
        let remedies = playbook.remedies.iter().enumerate().map(|(index, remedy)| RemedyNames {
            command: name(&format!("remedies[{index}].command")),
            description: remedy.description.contains('{').then(|| name(&format!("remedies[{index}].description"))),
            when: remedy.when.as_ref().map(|_| name(&format!("remedies[{index}].when"))),
        });
        Self {
            root_cause: name("root_cause"),
            explanation: name("explanation"),
            remedies: remedies.collect(),
            playbook: playbook.clone(),
        }
    }

    /// Name and source of every template.
    fn templates(&self) -> Vec<(String, String)> {
        let mut all = vec![
            (self.root_cause.clone(), self.playbook.root_cause.clone()),
            (self.explanation.clone(), self.playbook.explanation.clone()),
        ];
        for (remedy, names) in self.playbook.remedies.iter().zip(&self.remedies) {
            all.push((names.command.clone(), remedy.command.clone()));
            all.extend(names.description.clone().map(|name| (name, remedy.description.clone())));
            if let (Some(name), Some(when)) = (&names.when, &remedy.when) {
                all.push((name.clone(), format!("{{% if {when} %}}{HOLDS}{{% endif %}}")));
            }
        }
        all
    }
}

/// The target where a request names none.
const NO_TARGET: &str = "the workload";

fn draft(remedy: &Remedy, command: String, description: String) -> Draft {
    let command = command.trim().to_owned();
    Draft { placeholders: placeholders(&command), command, description: sentence(&description), action: remedy.action }
}

/// One line with single blanks.
fn sentence(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A sentence that begins with the target ("the workload", "pod shop/api") in prose; any other first word is a name and stays.
fn capitalised(text: String, target: &str) -> String {
    match text.strip_prefix(target).and(text.get(..1)) {
        Some(first) => format!("{}{}", first.to_uppercase(), &text[1..]),
        None => text,
    }
}

/// The request's own names before those of the text, and the workload they imply.
fn completed(parameters: &Parameters, target: &Target) -> Parameters {
    let mut all = Parameters::default();
    let mut offer = |name: &str, value: &Option<String>| {
        if let Some(value) = value {
            all.offer(name, value);
        }
    };
    offer("namespace", &target.namespace);
    offer("pod", &target.pod);
    offer("deployment", &target.deployment);
    offer("container", &target.container);
    if let Some(kind) = &target.kind {
        offer(parameter_of(kind), &target.name);
    }
    for (name, value) in parameters.iter() {
        all.offer(name, value);
    }
    if let Some(workload) = workload(&all) {
        all.offer("workload", &workload);
    }
    all
}

/// The parameter that names an object of `kind`.
fn parameter_of(kind: &str) -> &str {
    match kind {
        "persistentvolumeclaim" | "pvc" => "claim",
        other => other,
    }
}

/// `deployment/api` and the like: as named, or as the name of the pod implies.
fn workload(parameters: &Parameters) -> Option<String> {
    for kind in ["deployment", "statefulset", "daemonset", "job"] {
        if let Some(name) = parameters.get(kind) {
            return Some(format!("{kind}/{name}"));
        }
    }
    let pod = parameters.get("pod")?;
    let (rest, last) = pod.rsplit_once('-')?;
    if let Some((name, hash)) = rest.rsplit_once('-')
        && last.len() == 5
        && (8..=10).contains(&hash.len())
        && hash.bytes().chain(last.bytes()).all(|byte| byte.is_ascii_alphanumeric())
        && hash.bytes().any(|byte| byte.is_ascii_digit())
    {
        return Some(format!("deployment/{name}"));
    }
    last.bytes().all(|byte| byte.is_ascii_digit()).then(|| format!("statefulset/{rest}"))
}

/// The object in trouble, for prose.
fn named(parameters: &Parameters, target: &Target) -> String {
    let full = |kind: &str, name: &str| match parameters.get("namespace") {
        Some(namespace) if !Kind::of(kind).is_some_and(Kind::is_cluster_wide) => format!("{kind} {namespace}/{name}"),
        Some(_) | None => format!("{kind} {name}"),
    };
    if let (Some(kind), Some(name)) = (&target.kind, &target.name) {
        return full(kind, name);
    }
    for kind in ["pod", "deployment", "statefulset", "daemonset", "job"] {
        if let Some(name) = parameters.get(kind) {
            return full(kind, name);
        }
    }
    NO_TARGET.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> Parameters {
        let mut parameters = Parameters::default();
        for (name, value) in pairs {
            parameters.offer(name, value);
        }
        parameters
    }

    #[test]
    fn a_sentence_begins_with_a_capital_and_a_name_keeps_its_own() {
        assert_eq!(capitalised("the workload fails".to_owned(), "the workload"), "The workload fails");
        assert_eq!(capitalised("system:node:a may not".to_owned(), "the workload"), "system:node:a may not");
    }

    #[test]
    fn the_workload_is_read_off_the_pod_name() {
        assert_eq!(workload(&with(&[("pod", "api-server-7d9f8b6c5-xk4jn")])).as_deref(), Some("deployment/api-server"));
        assert_eq!(workload(&with(&[("pod", "postgres-0")])).as_deref(), Some("statefulset/postgres"));
        assert_eq!(workload(&with(&[("pod", "my-app-xyz")])), None);
        assert_eq!(workload(&with(&[("pod", "a-0"), ("deployment", "web")])).as_deref(), Some("deployment/web"));
    }
}
