//! The whole cluster at once: one sweep of paged lists, of which only what is unwell is kept.
//!
//! ```text
//! pages of pods, workloads, nodes, ... -> reduced one by one -> judge (each unwell thing once) -> closer (events, last words)
//! ```

mod claims;
mod closer;
mod judge;
mod nodes;
mod pods;
mod services;
mod workloads;

use jiff::Timestamp;
use k8s_openapi::api::{
    apps::v1::{DaemonSet, Deployment, StatefulSet},
    autoscaling::v2::HorizontalPodAutoscaler,
    batch::v1::{CronJob, Job},
    core::v1::{Namespace, Node, PersistentVolumeClaim, Pod, Service},
    storage::v1::StorageClass,
};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::join;

use super::look_other;
use crate::{
    cluster::{Found, Reader, Swept, wire::Readable},
    domain::{
        evidence::Gap,
        fact::{Fact, Scope},
        health::{NodeHealth, Totals},
    },
};

/// Unwell things that are judged; of more, only their number is told.
const MOST_UNWELL: usize = 300;
/// Nodes that are shown.
const MOST_NODES: usize = 1000;
/// A namespace takes a moment to go away.
const TERMINATING_SECONDS: i64 = 300;

/// What one sweep saw.
#[derive(Debug)]
pub struct ClusterView {
    pub nodes: Vec<NodeHealth>,
    pub totals: Totals,
    /// The likeliest worst first.
    pub unwell: Vec<Unwell>,
    /// Unwell things that there was no room for.
    pub left_out: usize,
    pub gaps: Vec<Gap>,
    /// Every pod was seen, and every node where the whole cluster was asked for.
    pub is_enough: bool,
}

/// One unwell thing with all that was seen of it.
#[derive(Debug)]
pub struct Unwell {
    pub scope: Scope,
    pub pods_unwell: usize,
    /// The pod that speaks for the others. `None` = it has none, or none is to blame.
    pub pod: Option<String>,
    /// That pod until it was looked at closer.
    worst: Option<Box<Pod>>,
}

/// Where a sweep looks. Empty = everywhere.
#[derive(Clone, Copy)]
struct Area<'a> {
    reader: &'a Reader,
    namespaces: &'a [String],
}

/// Sweeps over the cluster with `sweeper`, then looks closer at the worst with `closer`.
pub async fn sweep(sweeper: &Reader, closer: &Reader, namespaces: &[String], now: Timestamp) -> ClusterView {
    let area = Area { reader: sweeper, namespaces };
    let mut totals = Totals::default();
    let mut gaps = Vec::new();
    let (mut swept, nodes, is_enough) = Box::pin(read(area, &mut totals, &mut gaps, now)).await;
    gaps.extend(sweeper.gaps());
    let left_out = std::mem::take(&mut swept.pods.left_out);
    totals.pods_unwell = swept.pods.by_owner.values().map(|pods| pods.unwell).sum::<usize>() + left_out;
    let mut unwell = judge::unwell(swept, now);
    totals.workloads_unwell = unwell.iter().filter(|one| one.scope.subject.kind.is_workload()).count();
    let trouble = |one: &Unwell| one.scope.facts.iter().filter(|fact| fact.is_trouble()).count();
    unwell.sort_by_cached_key(|one| {
        let kind = one.scope.subject.kind;
        (!kind.is_cluster_wide(), std::cmp::Reverse((one.pods_unwell, trouble(one))), one.scope.subject.clone())
    });
    let left_out = left_out + unwell.len().saturating_sub(MOST_UNWELL);
    unwell.truncate(MOST_UNWELL);
    gaps.extend(closer::look(closer, &mut unwell, now).await);
    let by_status = unwell.iter().filter(|one| one.worst.is_some()).count();
    if by_status > 0 {
        let why = format!(
            "{by_status} things are judged by their status alone; events and logs were read of the worst {}",
            closer::MOST
        );
        gaps.push(Gap::new("collect", "events and logs", why));
    }
    ClusterView { nodes, totals, unwell, left_out, gaps, is_enough }
}

/// Reads every resource, all at the same time.
async fn read(area: Area<'_>, totals: &mut Totals, gaps: &mut Vec<Gap>, now: Timestamp) -> (judge::Swept, Vec<NodeHealth>, bool) {
    let mut pods = pods::AllPods::default();
    let mut made = [workloads::Workloads::new(), workloads::Workloads::new(), workloads::Workloads::new()];
    let [deployments, sets, daemons] = &mut made;
    let mut jobs = workloads::Jobs::default();
    let mut crons = workloads::CronJobs::new();
    let (mut claims, mut scalers, mut services, mut nodes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut classes = claims::Classes::default();
    let whole = Area { namespaces: &[], ..area };
    let (
        of_pods,
        of_deployments,
        of_sets,
        of_daemons,
        of_jobs,
        of_crons,
        of_claims,
        of_scalers,
        of_services,
        of_nodes,
        of_classes,
        spaces,
    ) = join!(
        area.each_as::<Pod, _>(|pod: Box<RawValue>| pods.add(&pod, now)),
        area.each(|one: Deployment| workloads::deployment(deployments, &one, now)),
        area.each(|one: StatefulSet| workloads::stateful_set(sets, &one, now)),
        area.each(|one: DaemonSet| workloads::daemon_set(daemons, &one, now)),
        area.each(|one: Job| jobs.add(&one, now)),
        area.each(|one: CronJob| workloads::cron_job(&mut crons, &one)),
        area.each(|one: PersistentVolumeClaim| claims.extend(claims::reduced(&one, now))),
        area.each(|one: HorizontalPodAutoscaler| scalers.extend(judge::scaler(&one, now))),
        area.each(|one: Service| services.extend(services::reduced(&one))),
        whole.each(|one: Node| nodes.push(nodes::reduced(&one, now))),
        whole.each(|one: StorageClass| classes.add(&one)),
        area.spaces(now),
    );
    let unseen = [
        ("pods", of_pods),
        ("deployments", of_deployments),
        ("statefulsets", of_sets),
        ("daemonsets", of_daemons),
        ("jobs", of_jobs),
        ("cronjobs", of_crons),
        ("persistentvolumeclaims", of_claims),
        ("horizontalpodautoscalers", of_scalers),
        ("services", of_services),
        ("nodes", of_nodes),
        ("storageclasses", of_classes),
    ];
    totals.unseen = unseen.iter().filter(|(_, swept)| swept.unseen > 0).map(|(name, swept)| (*name, swept.unseen)).collect();
    let workloads: workloads::Workloads = made.into_iter().flatten().collect();
    totals.pods = pods.count;
    if pods.unreadable > 0 {
        gaps.push(Gap::new("collect", "pods", format!("{} of them make no sense", pods.unreadable)));
    }
    totals.workloads = workloads.len() + jobs.standalone() + crons.len();
    totals.namespaces = spaces.count;
    totals.nodes = nodes.len();
    totals.nodes_ready = nodes.iter().filter(|(node, _)| node.ready).count();
    gaps.extend(spaces.gaps);

    let (mut shown, unwell): (Vec<NodeHealth>, Vec<Option<nodes::Unwell>>) = nodes.into_iter().unzip();
    shown.sort_by_cached_key(|node| (node.ready && node.pressure.is_empty(), node.schedulable, node.name.clone()));
    if shown.len() > MOST_NODES {
        gaps.push(Gap::new("collect", "nodes", format!("{} more nodes are well and not shown", shown.len() - MOST_NODES)));
        shown.truncate(MOST_NODES);
    }
    let makers = [of_pods, of_deployments, of_sets, of_daemons, of_crons];
    let is_enough = of_pods.is_complete && !spaces.is_any_absent && (of_nodes.is_complete || !area.namespaces.is_empty());
    let swept = judge::Swept {
        nodes: unwell.into_iter().flatten().collect(),
        namespaces: spaces.leaving,
        workloads,
        jobs,
        crons,
        claims,
        classes: of_classes.is_complete.then_some(classes),
        scalers,
        services,
        pods,
        is_whole: makers.iter().all(|swept| swept.is_complete),
    };
    (swept, shown, is_enough)
}

impl Area<'_> {
    async fn each<K: Readable>(self, take: impl FnMut(K)) -> Swept {
        self.each_as::<K, K>(take).await
    }

    async fn each_as<K: Readable, T: DeserializeOwned>(self, mut take: impl FnMut(T)) -> Swept {
        if self.namespaces.is_empty() {
            return self.reader.sweep_as::<K, T>(None, take).await;
        }
        let mut all = Swept { is_complete: true, ..Swept::default() };
        for namespace in self.namespaces {
            let one = self.reader.sweep_as::<K, T>(Some(namespace), &mut take).await;
            all.seen += one.seen;
            all.unseen += one.unseen;
            all.is_complete &= one.is_complete;
        }
        all
    }

    /// The namespaces themselves: those that do not go away, and those that were asked for and do not exist.
    async fn spaces(self, now: Timestamp) -> Spaces {
        let mut spaces = Spaces::default();
        if self.namespaces.is_empty() {
            let swept = self.reader.sweep(None, |one: Namespace| spaces.leaving.extend(leaving(&one, now))).await;
            return Spaces { count: swept.seen, ..spaces };
        }
        for name in self.namespaces {
            match self.reader.get::<Namespace>(None, name).await {
                Found::Seen(one) => {
                    spaces.count += 1;
                    spaces.leaving.extend(leaving(&one, now));
                }
                Found::Absent => {
                    spaces.is_any_absent = true;
                    spaces.gaps.push(Gap::new("collect", format!("namespace {name}"), "does not exist in this cluster"));
                }
                Found::Unknown => {}
            }
        }
        spaces
    }
}

#[derive(Default)]
struct Spaces {
    count: usize,
    leaving: Vec<Vec<Fact>>,
    is_any_absent: bool,
    gaps: Vec<Gap>,
}

fn leaving(namespace: &Namespace, now: Timestamp) -> Option<Vec<Fact>> {
    let deleted = namespace.metadata.deletion_timestamp.as_ref()?.0;
    (super::time::seconds_between(deleted, now) > TERMINATING_SECONDS).then(|| look_other::namespace_facts(namespace, now))
}
