//! Whether there is room for what would be asked of the cluster: quotas, and a node that takes one more pod.

use serde_json::Value;

use super::{
    asks::{Asks, amount},
    look::Look,
    refusal::Refusal,
    value::{condition, is_true, items, name, selector, text},
};
use crate::domain::object::{Kind, ObjectRef};

/// Nodes whose pods are counted before nobody is found to have room.
const MOST_NODES: usize = 20;

/// Room for `more` pods of the workload's template.
pub async fn for_more_pods(look: &Look<'_>, target: &ObjectRef, object: &Value, more: i64) -> Result<(), Refusal> {
    let spec = with_overhead(overhead(look, target, object).await?.as_ref(), template(object));
    let asks = Asks::of(&spec);
    within_quotas(look, target, asks, more, more).await?;
    a_node_takes(look, target, &spec, asks).await
}

/// Room for `pods` pods of the workload that each ask for what `after` does instead of what its template does, and for one of them
/// beside the others.
pub async fn for_bigger_pods(
    look: &Look<'_>,
    target: &ObjectRef,
    object: &Value,
    after: Value,
    pods: i64,
) -> Result<(), Refusal> {
    let overhead = overhead(look, target, object).await?;
    let before = with_overhead(overhead.as_ref(), template(object));
    let after = with_overhead(overhead.as_ref(), after);
    let (old, new) = (Asks::of(&before), Asks::of(&after));
    // While it rolls, one more pod may be there.
    within_quotas(look, target, new.minus(old), pods, 0).await?;
    within_quotas(look, target, new, 1, 1).await?;
    a_node_takes(look, target, &after, new).await
}

/// The spec of the pods of a workload.
fn template(object: &Value) -> Value {
    object.pointer("/spec/template/spec").cloned().unwrap_or_default()
}

/// What the runtime class of a workload adds to each pod: the server writes it into those that it makes, and one that is there shows it.
async fn overhead(look: &Look<'_>, target: &ObjectRef, object: &Value) -> Result<Option<Value>, Refusal> {
    let (spec, selector) = (template(object), selector(object));
    if text(&spec, "/runtimeClassName").is_empty() || spec.get("overhead").is_some() || selector.is_empty() {
        return Ok(None);
    }
    let pods = look.all(Kind::Pod, target.namespace.as_deref(), &selector, "").await?;
    Ok(pods.iter().find_map(|pod| pod.pointer("/spec/overhead")).cloned())
}

/// The spec as pods of it come.
fn with_overhead(overhead: Option<&Value>, mut spec: Value) -> Value {
    if let (Some(overhead), Some(spec)) = (overhead, spec.as_object_mut()) {
        spec.insert("overhead".to_owned(), overhead.clone());
    }
    spec
}

/// `times` what `asks` says, and `pods` pods, are left in every quota of the namespace.
async fn within_quotas(look: &Look<'_>, target: &ObjectRef, asks: Asks, times: i64, pods: i64) -> Result<(), Refusal> {
    let wanted: [(&str, &str, i128); 7] = [
        ("requests.cpu", "cpu", asks.cpu * i128::from(times)),
        ("cpu", "cpu", asks.cpu * i128::from(times)),
        ("limits.cpu", "cpu", asks.cpu_limit * i128::from(times)),
        ("requests.memory", "memory", asks.memory * i128::from(times)),
        ("memory", "memory", asks.memory * i128::from(times)),
        ("limits.memory", "memory", asks.memory_limit * i128::from(times)),
        ("pods", "pods", i128::from(pods)),
    ];
    for quota in look.all(Kind::ResourceQuota, target.namespace.as_deref(), "", "").await? {
        for (resource, unit, more) in wanted.iter().filter(|(_, _, more)| *more > 0) {
            let hard = format!("/status/hard/{}", super::value::escaped(resource));
            if quota.pointer(&hard).is_none() {
                continue;
            }
            let used = format!("/status/used/{}", super::value::escaped(resource));
            let (hard, used) = (amount(&quota, &hard, unit), amount(&quota, &used, unit));
            if used + more > hard {
                return Err(Refusal::unsafe_because(format!(
                    "the quota {} has no room: {resource} would be exceeded",
                    name(&quota)
                )));
            }
        }
    }
    Ok(())
}

/// Some node that is ready and open has room for one more pod. A scheduler knows more rules than this; what it would refuse is seen
/// by the verification.
async fn a_node_takes(look: &Look<'_>, target: &ObjectRef, spec: &Value, asks: Asks) -> Result<(), Refusal> {
    let nodes = look.all(Kind::Node, None, "", "").await?;
    let selector = spec.pointer("/nodeSelector").and_then(Value::as_object);
    let fits = |node: &&Value| {
        let is_closed = items(node, "/spec/taints").iter().any(|taint| text(taint, "/effect") != "PreferNoSchedule");
        let labels = super::value::labels(node);
        let is_chosen = selector.into_iter().flatten().all(|(key, value)| labels.get(key).map(String::as_str) == value.as_str());
        let is_open = !is_true(node, "/spec/unschedulable") && condition(node, "Ready") == "True";
        is_open && !is_closed && is_chosen && amount(node, "/status/allocatable/memory", "memory") >= asks.memory_limit
    };
    let candidates: Vec<&Value> = nodes.iter().filter(fits).collect();
    for node in candidates.iter().take(MOST_NODES) {
        let pods = look.all(Kind::Pod, None, "", &format!("spec.nodeName={}", name(node))).await?;
        let live = pods.iter().filter(|pod| !matches!(text(pod, "/status/phase"), "Succeeded" | "Failed"));
        let mut used = Asks::default();
        let mut count = 0;
        for pod in live {
            used = used.plus(Asks::of(pod.get("spec").unwrap_or(&Value::Null)));
            count += 1;
        }
        let has_room = used.cpu + asks.cpu <= amount(node, "/status/allocatable/cpu", "cpu")
            && used.memory + asks.memory <= amount(node, "/status/allocatable/memory", "memory")
            && count < amount(node, "/status/allocatable/pods", "pods");
        if has_room {
            return Ok(());
        }
    }
    if candidates.len() > MOST_NODES {
        return Ok(());
    }
    Err(Refusal::unsafe_because(format!("no node has room for one more pod of {target}")))
}
