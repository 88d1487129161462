//! The cluster: reached, readable, writable where the policy lets something be done, and in time.

use std::{collections::BTreeMap, time::Duration};

use futures_util::future::join_all;

use super::{super::store::now, Finding, causes, store::skew, within};
use crate::{
    cluster::{
        Cluster, ClusterSettings, Connection,
        access::{NEEDS, Need, WRITES},
    },
    guard::policy::Policy,
    remediate::{Mode, RemediateSettings},
};

const CONNECT_WITHIN: Duration = Duration::from_secs(4);
/// Namespaces whose permissions are asked for.
const MOST_NAMESPACES: usize = 20;

pub async fn cluster(settings: &ClusterSettings, remediate: &RemediateSettings, policy: Option<&Policy>) -> Vec<Finding> {
    let cluster = match Cluster::open(settings) {
        Ok(cluster) => cluster,
        Err(error) => return vec![Finding::fail("cluster", causes(&error), "See --from and CLUSTER_RECORDING.")],
    };
    cluster.connect(CONNECT_WITHIN).await;
    match cluster.connection() {
        Connection::Recording => {
            return vec![Finding::warn("cluster", "a recording, no live cluster", "Take CLUSTER_RECORDING away.")];
        }
        Connection::None { why } if settings.no_cluster => {
            return vec![Finding::ok("cluster", format!("{why} (NO_CLUSTER): only texts are diagnosed"))];
        }
        Connection::None { why } => {
            let advice = "See KUBECONFIG and KUBE_CONTEXT, or in a pod its service account, and whether egress to the API server is allowed; NO_CLUSTER=true does without.";
            return vec![Finding::fail("cluster", format!("not reached: {why}"), advice)];
        }
        Connection::Connected { .. } => {}
    }
    let version = match cluster.connection() {
        Connection::Connected { version } => version,
        Connection::None { .. } | Connection::Recording => String::new(),
    };
    let mut found = vec![Finding::ok("cluster", format!("connected, {version}"))];
    found.extend(within("clock of the cluster", clock(&cluster)).await);
    found.extend(within("permissions", reads(&cluster)).await);
    if let Some(policy) = policy.filter(|_| remediate.remediation_mode > Mode::Propose) {
        found.extend(within("permissions", writes(&cluster, policy)).await);
    }
    found
}

async fn clock(cluster: &Cluster) -> Vec<Finding> {
    let clock = cluster.clock().await;
    clock.map(|clock| skew("clock of the cluster", clock, now())).into_iter().collect()
}

/// What looking needs, in the cluster as a whole.
async fn reads(cluster: &Cluster) -> Vec<Finding> {
    let advice = "`faultline rbac | kubectl apply -f -` makes the role; bind it to this account. A Role in some namespaces is enough to look at those.";
    let Some(lacking) = cluster.lacking().await else {
        return vec![Finding::warn("permissions", "the cluster does not say what this account may do", advice)];
    };
    let all: usize = NEEDS.iter().map(|need| need.verbs.len()).sum();
    if lacking.is_empty() {
        return vec![Finding::ok("permissions", format!("all {all} that looking needs"))];
    }
    let shown = |need: &Need, verb: &str| format!("may not {verb} {} everywhere: {} not seen", named(need), need.serves);
    lacking.iter().map(|missing| Finding::warn("permissions", shown(&missing.need, missing.verb), advice)).collect()
}

/// A namespace (`None` = everywhere), a group, a resource and a verb.
type Wanted<'a> = (Option<&'a str>, &'a str, &'a str, &'a str);

/// What the actions need that the policy lets be done, where it does.
async fn writes(cluster: &Cluster, policy: &Policy) -> Vec<Finding> {
    // A permission, and the actions that need it, in a namespace or everywhere.
    let mut wanted: BTreeMap<Wanted<'_>, (Need, Vec<&str>)> = BTreeMap::new();
    for (kind, namespace) in policy.may_be_done() {
        for change in WRITES.iter().filter(|change| change.actions.contains(&kind)) {
            let namespace = namespace.filter(|_| change.need.resource != "nodes");
            for verb in change.need.verbs {
                let key = (namespace, change.need.group, change.need.resource, *verb);
                let (_, kinds) = wanted.entry(key).or_insert_with(|| (change.need, Vec::new()));
                if !kinds.contains(&kind.as_str()) {
                    kinds.push(kind.as_str());
                }
            }
        }
    }
    let mut namespaces: Vec<Option<&str>> = wanted.keys().map(|(namespace, ..)| *namespace).collect();
    namespaces.dedup();
    namespaces.truncate(MOST_NAMESPACES);
    let asked = wanted.iter().filter(|((namespace, ..), _)| namespaces.contains(namespace));
    let answers = join_all(asked.map(|((namespace, _, _, verb), (need, kinds))| async move {
        (*namespace, *verb, need, kinds, cluster.may(*need, verb, *namespace).await)
    }))
    .await;
    let all = answers.len();
    let mut found: Vec<Finding> = Vec::new();
    for (namespace, verb, need, kinds, may) in answers {
        if may == Some(true) {
            continue;
        }
        let place = namespace.map_or_else(|| "everywhere".to_owned(), |namespace| format!("in namespace {namespace}"));
        let what = if may.is_none() { "it is not known whether this account may" } else { "may not" };
        let said = format!("{what} {verb} {} {place}, which the policy lets be done: {}", named(need), kinds.join(", "));
        let advice =
            "`faultline rbac --remediation | kubectl apply -f -` makes the role; bind it in each namespace where it may act.";
        // Where a policy names no namespace, a binding in those that matter is enough.
        let is_named = namespace.is_some() || need.resource == "nodes";
        found.push(if is_named {
            Finding::fail("permissions", said, advice)
        } else {
            Finding::warn("permissions", said, advice)
        });
    }
    if found.is_empty() && all > 0 {
        found.push(Finding::ok("permissions", format!("all {all} that the policy's actions need")));
    }
    found
}

/// `deployments.apps`
fn named(need: &Need) -> String {
    if need.group.is_empty() { need.resource.to_owned() } else { format!("{}.{}", need.resource, need.group) }
}
