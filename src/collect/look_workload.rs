//! One workload: itself, its revisions, its pods, its services, its autoscaler, the quotas above it.

use futures_util::future::join_all;
use k8s_openapi::api::{
    apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet},
    autoscaling::v2::HorizontalPodAutoscaler,
    batch::v1::{CronJob, Job},
    core::v1::{Event, LimitRange, Pod, ResourceQuota},
    policy::v1::PodDisruptionBudget,
};
use tokio::join;

use super::{
    Look, autoscaler, events,
    events::Happening,
    look_pod, network, pod, quota, references, revision, spec,
    workload::{self, Workload},
};
use crate::{
    cluster::{Found, Select},
    domain::{
        fact::{Fact, Scope, Weight},
        object::{Kind, ObjectRef},
    },
};

/// Pods of one workload that are listed, looked at in depth, and whose running logs are read.
const LISTED_PODS: usize = 50;
const DEEP_PODS: usize = 2;
/// Warnings of a namespace that are read at once; where there are more, each object is asked for.
const MOST_WARNINGS: usize = 300;
/// Services of one workload that are looked at.
const MOST_SERVICES: usize = 2;

/// Reads the workload `object`; `None` = it does not exist, or could not be read.
pub async fn read(look: &Look<'_>, object: &ObjectRef) -> Option<Workload> {
    let (namespace, name) = (object.namespace.as_deref(), object.name.as_str());
    Some(match object.kind {
        Kind::Deployment => workload::deployment(&look.reader.get::<Deployment>(namespace, name).await.seen()?, look.now),
        Kind::StatefulSet => workload::stateful_set(&look.reader.get::<StatefulSet>(namespace, name).await.seen()?),
        Kind::DaemonSet => workload::daemon_set(&look.reader.get::<DaemonSet>(namespace, name).await.seen()?),
        Kind::ReplicaSet => workload::replica_set(&look.reader.get::<ReplicaSet>(namespace, name).await.seen()?),
        Kind::Job => workload::job(&look.reader.get::<Job>(namespace, name).await.seen()?, look.now),
        _ => return None,
    })
}

/// Adds everything about a workload to `scope`.
pub async fn look_at(look: &Look<'_>, scope: &mut Scope, workload: Workload) {
    let object = workload.object.clone();
    let namespace = object.namespace.clone().unwrap_or_default();
    name(scope, &workload);
    let by_selector = Select { labels: &workload.selector, limit: LISTED_PODS, ..Select::default() };
    let (pods, sets, happened, services, scalers) = join!(
        pods(look, &namespace, &workload.selector),
        async {
            if object.kind == Kind::Deployment {
                look.reader.list::<ReplicaSet>(Some(&namespace), by_selector.clone()).await.items
            } else {
                Vec::new()
            }
        },
        warnings(look, &namespace),
        network::services(look, &namespace),
        look.reader.list::<HorizontalPodAutoscaler>(Some(&namespace), Select { limit: 100, ..Select::default() }),
    );
    // Where its pods could not be looked at, its own count has to say that all are well.
    scope.is_seen = pods.is_some() || !workload.is_short;
    scope.facts.extend(workload.facts.clone());

    let sets: Vec<ReplicaSet> = sets.into_iter().filter(|set| is_owned(&set.metadata, &object)).collect();
    if object.kind == Kind::Deployment {
        scope.facts.extend(revision::fact(&object, &sets, look.now));
    }
    let newest = revision::newest(&sets);
    if let Some(newest) = newest {
        scope.facts.extend(workload::replica_set(newest).facts);
    }
    let makers: Vec<ObjectRef> =
        std::iter::once(object.clone()).chain(newest.map(|set| workload::reference(Kind::ReplicaSet, &set.metadata))).collect();
    for maker in &makers {
        scope.facts.extend(of_maker(look, &happened, maker, workload.is_short).await);
    }
    refusals(look, scope, &workload, &namespace).await;

    let pods = owned(pods.unwrap_or_default(), &object, &sets);
    let chosen = choose(&pods, newest, look);
    let looks = chosen.iter().map(|pod| async {
        let mut one = Scope::new(pod::reference(pod));
        look_pod::look_at(look, &mut one, pod).await;
        one
    });
    for (one, pod) in join_all(looks).await.into_iter().zip(&chosen) {
        scope.merge(one);
        if let Some(service) = network::awaited(pod, &services) {
            scope.parameters.offer("host", &service);
        }
    }
    name_container(scope, &workload);
    for scaler in scalers.items.iter().filter(|scaler| autoscaler::target(scaler).as_ref() == Some(&object)) {
        let hpa = workload::reference(Kind::HorizontalPodAutoscaler, &scaler.metadata);
        scope.facts.extend(autoscaler::facts(scaler));
        scope.facts.extend(events::of(&happened.all, &hpa).into_iter().map(|one| events::fact(one, Weight::Context)));
    }
    if look.complaint.is_about_eviction {
        let budgets = look.reader.list::<PodDisruptionBudget>(Some(&namespace), Select { limit: 50, ..Select::default() }).await;
        scope.facts.extend(budgets.items.iter().filter_map(|budget| autoscaler::budget(budget, true)));
    }
    let taking = network::taking(&services, &workload.labels);
    let taking = taking.into_iter().take(MOST_SERVICES).map(|service| network::behind(look, service, &pods));
    if workload.desired > 0 && !matches!(object.kind, Kind::Job) {
        for behind in join_all(taking).await {
            scope.facts.extend(behind.facts);
        }
    }
}

fn is_owned(metadata: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta, object: &ObjectRef) -> bool {
    workload::controller(metadata.owner_references.as_ref()) == Some((object.kind, object.name.as_str()))
}

/// Without the pods that only happen to carry the same labels.
fn owned(pods: Vec<Pod>, object: &ObjectRef, sets: &[ReplicaSet]) -> Vec<Pod> {
    let is_ours = |pod: &Pod| match workload::controller(pod.metadata.owner_references.as_ref()) {
        Some((Kind::ReplicaSet, name)) if object.kind == Kind::Deployment && !sets.is_empty() => {
            sets.iter().any(|set| set.metadata.name.as_deref() == Some(name))
        }
        Some((kind, name)) if kind == object.kind => name == object.name,
        Some(_) | None => true,
    };
    pods.into_iter().filter(is_ours).collect()
}

/// The pods of a selector: the first page, and those of the rest that are not even running or that warnings name.
///
/// `None` = not one could be looked at.
async fn pods(look: &Look<'_>, namespace: &str, selector: &str) -> Option<Vec<Pod>> {
    if selector.is_empty() {
        return Some(Vec::new());
    }
    let select = Select { labels: selector, limit: LISTED_PODS, ..Select::default() };
    let first = look.reader.list::<Pod>(Some(namespace), select.clone()).await;
    let mut pods = first.items;
    if first.next.is_none() {
        return (first.is_complete || !pods.is_empty()).then_some(pods);
    }
    let not_running = Select { fields: "status.phase!=Running,status.phase!=Succeeded", limit: 20, ..select };
    let (rest, named) = join!(look.reader.list::<Pod>(Some(namespace), not_running), named_by_warnings(look, namespace, &pods));
    for pod in rest.items.into_iter().chain(named) {
        if !pods.iter().any(|known| known.metadata.name == pod.metadata.name) {
            pods.push(pod);
        }
    }
    Some(pods)
}

/// Pods beyond the first page that warnings speak of, most warned of first.
async fn named_by_warnings(look: &Look<'_>, namespace: &str, known: &[Pod]) -> Vec<Pod> {
    let mut prefixes: Vec<&str> = known.iter().filter_map(|pod| pod.metadata.generate_name.as_deref()).collect();
    prefixes.sort_unstable();
    prefixes.dedup();
    let happened = warnings(look, namespace).await;
    let mut names: Vec<(&str, i64)> = Vec::new();
    for one in happened
        .all
        .iter()
        .filter(|one| one.object.kind == Kind::Pod && prefixes.iter().any(|prefix| one.object.name.starts_with(prefix)))
    {
        match names.iter_mut().find(|(name, _)| *name == one.object.name) {
            Some((_, count)) => *count += one.count,
            None => names.push((&one.object.name, one.count)),
        }
    }
    names.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let reads = names.iter().take(DEEP_PODS + 1).map(|(name, _)| look.reader.get::<Pod>(Some(namespace), name));
    join_all(reads).await.into_iter().filter_map(Found::seen).collect()
}

/// The warnings of a namespace.
pub struct Warnings {
    pub all: Vec<Happening>,
    /// There are more than were read.
    pub is_cut: bool,
}

pub async fn warnings(look: &Look<'_>, namespace: &str) -> Warnings {
    let select = Select { fields: "type=Warning", limit: MOST_WARNINGS, ..Select::default() };
    let listed = look.reader.list::<Event>(Some(namespace), select).await;
    Warnings { all: events::folded(&listed.items), is_cut: !listed.is_complete }
}

/// What was reported of a thing that makes pods. It counts while pods are missing.
async fn of_maker(look: &Look<'_>, happened: &Warnings, maker: &ObjectRef, is_short: bool) -> Vec<Fact> {
    let mut all: Vec<Happening> = events::of(&happened.all, maker).into_iter().cloned().collect();
    if all.is_empty() && happened.is_cut {
        all = look_pod::happenings(look, maker).await.into_iter().filter(|one| one.is_warning).collect();
    }
    let weight = if is_short { Weight::Message } else { Weight::Context };
    all.iter().map(|one| events::fact(one, weight)).collect()
}

/// What refuses to let pods be made: quotas, limit ranges, a service account that is not there.
async fn refusals(look: &Look<'_>, scope: &mut Scope, workload: &Workload, namespace: &str) {
    let told: String =
        scope.facts.iter().filter(|fact| fact.is_trouble()).map(|fact| fact.text.as_str()).collect::<Vec<_>>().join("\n");
    let mentions = |words: &[&str]| words.iter().any(|word| told.contains(word));
    let one_page = || Select { limit: 20, ..Select::default() };
    if mentions(&["quota", "must specify limits", "must specify requests"]) {
        let quotas = look.reader.list::<ResourceQuota>(Some(namespace), one_page()).await;
        scope.facts.extend(quotas.items.iter().filter_map(quota::quota));
    }
    if mentions(&["usage per", "limit range", "LimitRange", "must specify", "quota"]) {
        let ranges = look.reader.list::<LimitRange>(Some(namespace), one_page()).await;
        scope.facts.extend(ranges.items.iter().filter_map(quota::limit_range));
    }
    let account = workload.template.as_ref().and_then(|template| template.spec.as_ref()?.service_account_name.clone());
    if let Some(account) = account.filter(|_| mentions(&["serviceaccount", "service account"])) {
        scope.facts.extend(references::service_account(look.reader, namespace, &account).await);
    }
}

/// The pods worth a closer look: the most unwell, of the newest revision first.
fn choose<'a>(pods: &'a [Pod], newest: Option<&ReplicaSet>, look: &Look<'_>) -> Vec<&'a Pod> {
    let newest_name = newest.and_then(|set| set.metadata.name.as_deref());
    let is_newest = |pod: &Pod| {
        workload::controller(pod.metadata.owner_references.as_ref()).is_some_and(|(_, name)| Some(name) == newest_name)
    };
    let mut ranked: Vec<(u32, bool, &Pod)> =
        pods.iter().map(|pod| (pod::unwellness(pod, look.now), is_newest(pod), pod)).collect();
    ranked.sort_by_key(|(unwell, is_newest, pod)| {
        (
            std::cmp::Reverse(*unwell),
            std::cmp::Reverse(*is_newest),
            std::cmp::Reverse(pod.metadata.creation_timestamp.as_ref().map(|time| time.0)),
        )
    });
    let has_unwell = ranked.first().is_some_and(|(unwell, ..)| *unwell > 0);
    ranked
        .into_iter()
        .filter(|(unwell, ..)| !has_unwell || *unwell > 0)
        .take(if has_unwell { DEEP_PODS } else { 1 })
        .map(|(.., pod)| pod)
        .collect()
}

/// The names that commands need.
fn name(scope: &mut Scope, workload: &Workload) {
    let object = &workload.object;
    let parameters = &mut scope.parameters;
    parameters.offer("namespace", object.namespace.as_deref().unwrap_or_default());
    if object.kind != Kind::ReplicaSet {
        parameters.offer("workload", &object.short());
        parameters.offer(object.kind.as_str(), &object.name);
    }
    parameters.offer("pod_selector", &workload.selector);
    parameters.offer("replicas", &workload.desired.to_string());
}

/// What the template says of its only container, for where no pod said more.
fn name_container(scope: &mut Scope, workload: &Workload) {
    let containers = workload.template.iter().filter_map(|template| template.spec.as_ref()).flat_map(|spec| &spec.containers);
    let all: Vec<_> = containers.collect();
    if let [only] = all.as_slice() {
        scope.parameters.offer("container", &only.name);
        scope.parameters.offer("image", only.image.as_deref().unwrap_or_default());
        scope.parameters.offer("limit", spec::memory_limit(only).unwrap_or_default());
    }
}

/// A cron job with its newest job.
pub async fn look_at_cron(look: &Look<'_>, scope: &mut Scope, cron: &CronJob) {
    let object = workload::reference(Kind::CronJob, &cron.metadata);
    let namespace = object.namespace.clone().unwrap_or_default();
    scope.is_seen = true;
    scope.parameters.offer("namespace", &namespace);
    scope.parameters.offer("cronjob", &object.name);
    scope.parameters.offer("workload", &object.short());
    scope.facts.extend(workload::cron_job(cron, look.now));
    let (jobs, happened) = join!(
        look.reader.list::<Job>(Some(&namespace), Select { limit: 100, ..Select::default() }),
        look_pod::happenings(look, &object),
    );
    // A run left out because the one before still runs is no warning to the controller, but one to whoever misses it.
    let tells = |one: &&Happening| one.is_warning || one.reason == "JobAlreadyActive" && one.count > 1;
    scope.facts.extend(happened.iter().filter(tells).map(|one| events::fact(one, Weight::Message)));
    let mut mine: Vec<Job> = jobs.items.into_iter().filter(|job| is_owned(&job.metadata, &object)).collect();
    mine.sort_by_key(|job| job.metadata.creation_timestamp.as_ref().map(|time| time.0));
    if let Some(newest) = mine.last() {
        look_at(look, scope, workload::job(newest, look.now)).await;
    }
}
