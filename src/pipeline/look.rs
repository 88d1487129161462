//! From what was said to what is seen: collect, classify, and follow the trouble to where it begins.

use jiff::Timestamp;
use tokio::time::Instant;

use super::{
    Stages,
    diagnose::{Question, texts},
};
use crate::{
    classify::{
        Classification, Origin, Reading,
        seen::{self, add_context, caused_by},
    },
    cluster::{Budget, Cluster, Reader},
    collect::{self, Look, asked::Asked},
    domain::{
        fact::Scope,
        object::{Kind, ObjectRef},
        redact::{Redaction, scrub::Clean},
        target::Target,
        text::CleanText,
    },
};

/// What looking brought.
pub struct Looked {
    pub found: Classification,
    /// The object that the answer is about.
    pub target: Target,
    /// Stands before the root cause where that is another object's.
    pub lead: Option<String>,
    /// The cluster told the names of what is in trouble: a command without one of them is of no use.
    pub is_named: bool,
    /// Everything that was seen of it. `None` = nothing was.
    pub scope: Option<Clean<Scope>>,
}

/// Categories whose cause may be the other end of a connection.
const OF_CONNECTIONS: [&str; 7] = [
    "ConnectionRefused",
    "ConnectionTimeout",
    "DatabaseConnectionError",
    "DNSFailure",
    "IngressError",
    "ProbeFailure",
    "InitContainerFailure",
];
/// Other unwell things that an answer names.
const MOST_OTHERS: usize = 4;

/// The bounds of one diagnosis.
pub fn budget(cluster: &Cluster) -> Budget {
    Budget::for_diagnosis(Instant::now() + cluster.collect_timeout())
}

struct Judged {
    scope: Clean<Scope>,
    found: Classification,
}

/// Looks at what the question names. `heard` is what its texts say by themselves.
pub async fn look(
    stages: &Stages,
    question: &Question,
    heard: Classification,
    reader: &Reader,
    redaction: &mut Redaction,
    now: Timestamp,
) -> Looked {
    let mut asked = Asked::of(&question.target, &heard.parameters, &question.error_message);
    if question.without_guesses {
        asked = asked.without_guesses(&question.target);
    }
    let look = Look { reader, now, complaint: &asked.complaint };
    let seen = collect::collect(&look, &asked).await;
    let reports = heard.reading == Reading::Known;
    let said = if reports { texts(question) } else { Vec::new() };
    let judge = |scope: Clean<Scope>, said: &[(Origin, &CleanText)]| {
        let reader =
            seen::Reader { catalogue: &stages.catalogue, now, is_about_behaviour: asked.complaint.is_about_behaviour || reports };
        let found = seen::classify(reader, said, &scope);
        Judged { scope, found }
    };
    let mut judged: Vec<Judged> = seen
        .scopes
        .into_iter()
        .enumerate()
        .map(|(index, scope)| judge(redaction.seal(scope), if index == 0 { &said } else { &[] }))
        .collect();

    // Well to look at: the logs may know better.
    if judged.iter().all(|one| matches!(one.found.reading, Reading::Healthy) || !one.scope.has_trouble()) {
        for one in judged.iter_mut().take(2) {
            let mut scope = one.scope.clone().into_inner();
            collect::running_logs(&look, &mut scope).await;
            if scope.logs.len() > one.scope.logs.len() {
                *one = judge(redaction.seal(scope), &said);
            }
        }
    }

    let Some(first) = choose(&judged) else {
        let mut found = heard;
        found.gaps.extend(reader.gaps());
        found.gaps.extend(stages.cluster.gap());
        return Looked { found, target: question.target.clone(), lead: None, is_named: false, scope: None };
    };
    let mut main = judged.swap_remove(first);
    let mut lead = None;
    if let Some((host, port)) = other_end(&main.found) {
        if main.found.findings.first().is_some_and(|root| root.category.as_str() == "ConnectionTimeout") {
            let policies = collect::policies(&look, &main.scope, port.as_deref()).await;
            add_context(&mut main.found, &redaction.seal(policies));
        }
        if let Some(scope) = collect::neighbour(&look, &main.scope, &host, port.as_deref()).await {
            let is_itself = scope.facts.iter().any(|fact| fact.object == main.scope.subject);
            let other = judge(redaction.seal(scope), &[]);
            if other.found.reading == Reading::Known && !is_itself {
                let (here, there) = (named(&main.scope.subject), named(&other.scope.subject));
                let shows = main.found.evidence.iter().find(|one| main.found.findings[0].evidence.contains(&one.id));
                let shows = shows.map(|one| format!("What {here} shows of it: \"{}\".", one.text));
                lead = Some(format!("{} depends on {there}, and the trouble begins there. ", capitalised(&here)));
                main = Judged { found: caused_by(main.found, other.found), scope: other.scope };
                main.found.notes.extend(shows);
            } else {
                add_context(&mut main.found, &other.scope.facts());
            }
        }
    }
    name_others(&mut main.found, &judged);
    main.found.gaps.extend(reader.gaps());
    main.found.gaps.extend(stages.cluster.gap());
    let subject = behind(&main.scope, &main.found).unwrap_or_else(|| main.scope.subject.clone());
    let target = target(&main.scope, &subject, &question.target);
    Looked { found: main.found, target, lead, is_named: true, scope: Some(main.scope) }
}

/// The scope that the answer is about: trouble with a name before trouble without one before none.
fn choose(judged: &[Judged]) -> Option<usize> {
    let rank = |one: &Judged| match one.found.reading {
        Reading::Known => 0,
        Reading::UnknownError => 1,
        Reading::Healthy => 2,
        Reading::NoError { .. } => 3,
    };
    let best = judged.iter().enumerate().min_by_key(|(index, one)| (rank(one), *index))?;
    (rank(best.1) < 3).then_some(best.0)
}

/// Host and port that a failed connection of the root cause wanted.
fn other_end(found: &Classification) -> Option<(String, Option<String>)> {
    let root = found.findings.first().filter(|_| found.reading == Reading::Known)?;
    if !OF_CONNECTIONS.contains(&root.category.as_str()) {
        return None;
    }
    let host = found.parameters.get("host")?;
    Some((host.to_owned(), found.parameters.get("port").map(str::to_owned)))
}

/// Says what else is unwell, so that nobody takes the first thing for the only one.
fn name_others(found: &mut Classification, others: &[Judged]) {
    let unwell: Vec<String> = others
        .iter()
        .filter(|one| one.found.reading == Reading::Known)
        .filter_map(|one| Some(format!("{} ({})", one.scope.subject.short(), one.found.findings.first()?.category)))
        .take(MOST_OTHERS)
        .collect();
    if !unwell.is_empty() {
        found.notes.push(format!("Also unwell here: {}.", unwell.join(", ")));
    }
}

fn named(object: &ObjectRef) -> String {
    match &object.namespace {
        Some(namespace) => format!("{} {namespace}/{}", object.kind.as_str(), object.name),
        None => format!("{} {}", object.kind.as_str(), object.name),
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Categories that are a service's own, and not of the workload behind it.
const OF_SERVICES: [&str; 3] = ["ServiceNoEndpoints", "ConnectionRefused", "IngressError"];

/// What stands behind a service, where the trouble is there.
fn behind(scope: &Scope, found: &Classification) -> Option<ObjectRef> {
    let root = found.findings.first()?.category.as_str();
    let (kind, name) = scope.parameters.get("workload")?.split_once('/')?;
    let is_behind = scope.subject.kind == Kind::Service && !OF_SERVICES.contains(&root);
    is_behind.then(|| Kind::of(kind)).flatten().map(|kind| ObjectRef::new(kind, scope.subject.namespace.as_deref(), name))
}

/// The object of the answer, as the words of the rules name it.
pub(super) fn target(scope: &Clean<Scope>, subject: &ObjectRef, asked: &Target) -> Target {
    let live = |name: &str| scope.parameters.get(name).map(str::to_owned);
    Target {
        kind: Some(subject.kind.as_str().to_owned()),
        name: Some(subject.name.clone()),
        namespace: subject.namespace.clone().or_else(|| live("namespace")),
        label_selector: None,
        pod: live("pod"),
        deployment: live("deployment"),
        container: asked.container.clone().filter(|_| subject.kind != Kind::Node),
    }
}
