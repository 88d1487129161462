//! What is read from a cluster, as permissions: the one table that the chart's role, the checks at start and the tests share.

use futures_util::future::join_all;
use http::{Method, header};
use kube::{Client, client::Body};
use serde::{Deserialize, Serialize};

use super::{
    wire::{self, JSON, api_of},
    writer::{Part, Write, WriteVerb},
};
use crate::domain::action::ActionKind;

/// One resource that is read, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// API group; empty = core.
    pub group: &'static str,
    /// Plural, with a sub-resource after `/`.
    pub resource: &'static str,
    pub verbs: &'static [&'static str],
    /// What is missing in an answer without it.
    pub serves: &'static str,
}

const READ: &[&str] = &["get", "list"];
const GET: &[&str] = &["get"];
const LIST: &[&str] = &["list"];

/// Everything that is ever read. No secrets, no exec, no `*`; config maps by name and metadata only.
pub const NEEDS: &[Need] = &[
    need("", "pods", READ, "states of pods and containers"),
    need("", "pods/log", GET, "what containers say before they end"),
    need("", "events", LIST, "what the kubelet, the scheduler and the controllers report"),
    need("", "services", READ, "services and their selectors"),
    need("", "nodes", READ, "conditions, taints and room of nodes"),
    need("", "namespaces", READ, "namespaces that do not go away"),
    need("", "persistentvolumeclaims", READ, "claims that pods wait for"),
    need("", "persistentvolumes", GET, "volumes behind claims"),
    need("", "resourcequotas", LIST, "quotas that keep pods from being created"),
    need("", "limitranges", LIST, "limits that a namespace imposes"),
    need("", "configmaps", GET, "whether a config map exists (metadata only)"),
    need("", "serviceaccounts", GET, "whether a service account exists"),
    need("apps", "deployments", READ, "rollouts"),
    need("apps", "replicasets", READ, "revisions and what changed between them"),
    need("apps", "statefulsets", READ, "rollouts"),
    need("apps", "daemonsets", READ, "rollouts"),
    need("batch", "jobs", READ, "jobs that failed"),
    need("batch", "cronjobs", READ, "schedules"),
    need("autoscaling", "horizontalpodautoscalers", READ, "autoscalers that do not scale"),
    need("policy", "poddisruptionbudgets", LIST, "budgets that block evictions"),
    need("networking.k8s.io", "ingresses", READ, "ingresses and their backends"),
    need("networking.k8s.io", "networkpolicies", LIST, "policies that cut connections"),
    need("discovery.k8s.io", "endpointslices", LIST, "ready endpoints of services"),
    need("storage.k8s.io", "storageclasses", READ, "storage classes that claims name"),
    need("apiregistration.k8s.io", "apiservices", GET, "whether the metrics API is up"),
    need("metrics.k8s.io", "pods", GET, "what containers use"),
];

const fn need(group: &'static str, resource: &'static str, verbs: &'static [&'static str], serves: &'static str) -> Need {
    Need { group, resource, verbs, serves }
}

/// A change that some actions make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    pub actions: &'static [ActionKind],
    pub need: Need,
}

const CREATE: &[&str] = &["create"];
const PATCH: &[&str] = &["patch"];
const DELETE: &[&str] = &["delete"];

/// Everything that is ever written. Nothing else is sent, whatever a step may ask for.
pub const WRITES: &[Change] = &[
    change(&[ActionKind::EvictPod], "", "pods/eviction", CREATE),
    change(&[ActionKind::DeletePod, ActionKind::DeleteFailedPods], "", "pods", DELETE),
    change(ROLLOUTS, "apps", "deployments", PATCH),
    change(&[ActionKind::RolloutRestart, ActionKind::RaiseMemoryLimit], "apps", "statefulsets", PATCH),
    change(&[ActionKind::RolloutRestart, ActionKind::RaiseMemoryLimit], "apps", "daemonsets", PATCH),
    change(&[ActionKind::Scale], "apps", "deployments/scale", PATCH),
    change(&[ActionKind::Scale], "apps", "statefulsets/scale", PATCH),
    change(&[ActionKind::Cordon, ActionKind::Uncordon], "", "nodes", PATCH),
    change(&[ActionKind::RerunJob], "batch", "jobs", &["create", "delete"]),
    change(&ActionKind::STEPS, "", "events", CREATE),
];

const ROLLOUTS: &[ActionKind] =
    &[ActionKind::RolloutRestart, ActionKind::RolloutUndo, ActionKind::Pause, ActionKind::Resume, ActionKind::RaiseMemoryLimit];

const fn change(
    actions: &'static [ActionKind],
    group: &'static str,
    resource: &'static str,
    verbs: &'static [&'static str],
) -> Change {
    Change { actions, need: need(group, resource, verbs, "remediation") }
}

/// Whether `write` is a change that the action makes.
pub(super) fn is_write_of(action: ActionKind, write: &Write) -> bool {
    let (group, _, plural) = api_of(write.object.kind);
    let resource = match write.part {
        None => plural.to_owned(),
        Some(Part::Scale) => format!("{plural}/scale"),
        Some(Part::Eviction) => format!("{plural}/eviction"),
    };
    let verb = match write.verb {
        WriteVerb::Create => "create",
        WriteVerb::Patch => "patch",
        WriteVerb::Delete => "delete",
    };
    WRITES.iter().any(|change| {
        let need = &change.need;
        change.actions.contains(&action) && need.group == group && need.resource == resource && need.verbs.contains(&verb)
    })
}

/// A permission that the account does not have in the whole cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    pub need: Need,
    pub verb: &'static str,
}

/// Asks the cluster, per need, whether the account may. `None` = the question itself could not be asked.
pub async fn missing(client: &Client) -> Option<Vec<Missing>> {
    let asked = NEEDS.iter().flat_map(|need| {
        need.verbs.iter().map(move |verb| async move {
            allowed(client, *need, verb, None).await.map(|may| (!may).then_some(Missing { need: *need, verb }))
        })
    });
    let answers: Option<Vec<_>> = join_all(asked).await.into_iter().collect();
    answers.map(|answers| answers.into_iter().flatten().collect())
}

/// A SelfSubjectAccessReview for one namespace, or for all (authorization.k8s.io/v1).
pub(super) async fn allowed(client: &Client, need: Need, verb: &str, namespace: Option<&str>) -> Option<bool> {
    #[derive(Deserialize)]
    struct Review {
        status: Status,
    }
    #[derive(Deserialize)]
    struct Status {
        #[serde(default)]
        allowed: bool,
    }
    let (resource, subresource) = need.resource.split_once('/').unwrap_or((need.resource, ""));
    let body = serde_json::json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {
            "group": need.group, "resource": resource, "subresource": subresource, "verb": verb, "namespace": namespace.unwrap_or_default(),
        }},
    });
    let request = wire::request(Method::POST, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", JSON)
        .header(header::CONTENT_TYPE, JSON)
        .body(Body::from(serde_json::to_vec(&body).ok()?))
        .ok()?;
    let response = client.send(request).await.ok()?;
    if !response.status().is_success() {
        return None;
    }
    let bytes = response.into_body().collect_bytes().await.ok()?;
    serde_json::from_slice::<Review>(&bytes).ok().map(|review| review.status.allowed)
}

/// The ClusterRole that grants exactly the needs of looking, for `kubectl apply`.
pub fn cluster_role() -> impl Serialize {
    role("faultline-reader", NEEDS.iter().copied())
}

/// The ClusterRole that grants exactly the writes of remediation. Bind it by a RoleBinding in each namespace where it may act.
pub fn remediation_role() -> impl Serialize {
    role("faultline-remediator", WRITES.iter().map(|change| change.need))
}

fn role(name: &'static str, needs: impl Iterator<Item = Need>) -> impl Serialize {
    #[derive(Serialize)]
    struct Role {
        #[serde(rename = "apiVersion")]
        api_version: &'static str,
        kind: &'static str,
        metadata: Metadata,
        rules: Vec<Rule>,
    }
    #[derive(Serialize)]
    struct Metadata {
        name: &'static str,
    }
    #[derive(Serialize)]
    struct Rule {
        #[serde(rename = "apiGroups")]
        groups: [&'static str; 1],
        resources: Vec<&'static str>,
        verbs: &'static [&'static str],
    }
    let mut rules: Vec<Rule> = Vec::new();
    for need in needs {
        match rules.iter_mut().find(|rule| rule.groups == [need.group] && rule.verbs == need.verbs) {
            Some(rule) => rule.resources.push(need.resource),
            None => rules.push(Rule { groups: [need.group], resources: vec![need.resource], verbs: need.verbs }),
        }
    }
    Role { api_version: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata: Metadata { name }, rules }
}
