//! How the whole cluster is: one sweep for however many ask, and the rules over what is unwell.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{sync::Mutex, time::Instant};

use super::{
    Stages, diagnose, look,
    stage::{self, stage},
};
use crate::{
    classify::{Reading, seen},
    cluster::Budget,
    collect::health::{self, Unwell},
    domain::{
        evidence::Gap,
        health::{ClusterHealth, Picture, Problem, Status, Totals},
        redact::{Redaction, scrub::Scrub},
        symptom::{CategoryId, Severity},
        target::Target,
    },
};

/// A picture this young answers the next question, too.
const FRESH: Duration = Duration::from_secs(10);
/// Pictures that are kept, by the namespaces that were asked for.
const MOST_PICTURES: usize = 32;
/// Share of the time for one look that the sweep may take; the rest is for a closer look.
const SWEEP_SHARE: f64 = 0.7;
/// Longest message.
const MESSAGE_CHARS: usize = 400;

/// The pictures of the last seconds, and those that are being taken.
#[derive(Default)]
pub struct Pictures(Mutex<BTreeMap<Vec<String>, Arc<Kept>>>);

#[derive(Default)]
struct Kept(Mutex<Option<(Instant, Arc<Picture>)>>);

/// The state of the cluster, or of some of its namespaces. Never fails: without a cluster it is unknown.
pub async fn cluster_health(stages: &Stages, namespaces: &[String], now: Timestamp) -> ClusterHealth {
    let mut namespaces = namespaces.to_vec();
    namespaces.sort();
    namespaces.dedup();
    if !stages.cluster.is_connected() {
        return ClusterHealth { picture: Arc::new(nothing(stages, namespaces, now)), cached: false };
    }
    let kept = stages.pictures.of(&namespaces).await;
    // Who comes while a picture is taken waits for it.
    let mut held = kept.0.lock().await;
    if let Some((taken, picture)) = held.as_ref()
        && taken.elapsed() < FRESH
    {
        stage::remembered("cluster_health", true);
        return ClusterHealth { picture: Arc::clone(picture), cached: true };
    }
    stage::remembered("cluster_health", false);
    let picture = Arc::new(Box::pin(stage("cluster-health", picture(stages, namespaces, now))).await);
    *held = Some((Instant::now(), Arc::clone(&picture)));
    ClusterHealth { picture, cached: false }
}

impl Pictures {
    async fn of(&self, namespaces: &[String]) -> Arc<Kept> {
        let mut all = self.0.lock().await;
        if let Some(kept) = all.get(namespaces) {
            return Arc::clone(kept);
        }
        if all.len() >= MOST_PICTURES {
            // One that is being taken stays, and so does one that is fresh while there are others.
            let is_stale = |kept: &Arc<Kept>| {
                kept.0.try_lock().is_ok_and(|held| held.as_ref().is_none_or(|(taken, _)| taken.elapsed() >= FRESH))
            };
            all.retain(|_, kept| Arc::strong_count(kept) > 1 || !is_stale(kept));
            if all.len() >= MOST_PICTURES
                && let Some(oldest) = all.keys().next().cloned()
            {
                all.remove(&oldest);
            }
        }
        Arc::clone(all.entry(namespaces.to_vec()).or_default())
    }
}

/// What there is to say without a cluster.
fn nothing(stages: &Stages, namespaces: Vec<String>, now: Timestamp) -> Picture {
    Picture {
        status: Status::Unknown,
        observed_at: now,
        namespaces,
        totals: Totals::default(),
        nodes: Vec::new(),
        problems: Vec::new(),
        gaps: {
            let mut gaps: Vec<Gap> = stages.cluster.gap().into_iter().collect();
            gaps.scrub(&mut stages.redactor.session());
            gaps
        },
    }
}

async fn picture(stages: &Stages, namespaces: Vec<String>, now: Timestamp) -> Picture {
    let (cluster, now) = (&stages.cluster, stages.cluster.now(now));
    let (start, time) = (Instant::now(), cluster.collect_timeout());
    let sweeper = cluster.reader(Budget::for_sweep(start + time.mul_f64(SWEEP_SHARE)));
    let closer = cluster.reader(Budget::for_closer_look(start + time));
    let (Some(sweeper), Some(closer)) = (sweeper, closer) else { return nothing(stages, namespaces, now) };
    let view = health::sweep(&sweeper, &closer, &namespaces, now).await;
    let mut redaction = stages.redactor.session();
    let mut problems = Vec::with_capacity(view.unwell.len());
    for unwell in view.unwell {
        problems.extend(problem(stages, unwell, &mut redaction, now));
        tokio::task::yield_now().await;
    }
    problems.sort_by(|a, b| (b.severity, b.pods_unwell, &a.object).cmp(&(a.severity, a.pods_unwell, &b.object)));
    let mut gaps = view.gaps;
    if view.left_out > 0 {
        gaps.push(Gap::new("collect", "problems", format!("{} more things are unwell and not listed", view.left_out)));
    }
    gaps.extend(cluster.missing_permissions());
    gaps.extend(cluster.gap());
    gaps.scrub(&mut redaction);
    let mut nodes = view.nodes;
    nodes.scrub(&mut redaction);
    let is_grave = view.totals.nodes_ready < view.totals.nodes || problems.iter().any(|one| one.severity == Severity::Critical);
    let status = match (problems.is_empty(), is_grave) {
        (_, true) => Status::Unhealthy,
        (false, false) => Status::Degraded,
        (true, false) if view.is_enough => Status::Healthy,
        (true, false) => Status::Unknown,
    };
    let totals = Totals { problems: problems.len() + view.left_out, ..view.totals };
    Picture { status, observed_at: now, namespaces, totals, nodes, problems, gaps }
}

/// What the rules make of one unwell thing. `None` = they see nothing wrong.
fn problem(stages: &Stages, unwell: Unwell, redaction: &mut Redaction, now: Timestamp) -> Option<Problem> {
    let scope = &redaction.seal(unwell.scope);
    let reader = seen::Reader { catalogue: &stages.catalogue, now, is_about_behaviour: false };
    let found = seen::classify(reader, &[], scope);
    let category = match found.reading {
        Reading::Known | Reading::UnknownError => {
            found.findings.first().map_or_else(CategoryId::unknown, |root| root.category.clone())
        }
        Reading::Healthy | Reading::NoError { .. } => return None,
    };
    let advice = diagnose::advice(stages, &found, &category, &look::target(scope, &scope.subject, &Target::default()));
    let cited = &found.findings.first()?.evidence;
    let since = found.evidence.iter().filter(|one| cited.contains(&one.id)).find_map(|one| one.observed_at);
    Some(Problem {
        severity: advice.severity,
        category,
        object: scope.subject.to_string(),
        kind: scope.subject.kind.as_str(),
        namespace: scope.subject.namespace.clone(),
        name: scope.subject.name.clone(),
        message: one_line(&advice.root_cause),
        pods_unwell: unwell.pods_unwell,
        pod: unwell.pod,
        since,
    })
}

fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MESSAGE_CHARS) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}
