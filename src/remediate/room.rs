//! Whether there is room for what would be asked of the cluster: quotas, and a node that takes one more pod.

use serde_json::Value;

use super::{
    look::Look,
    refusal::Refusal,
    value::{condition, is_true, items, name, text},
};
use crate::domain::{
    object::{Kind, ObjectRef},
    quantity::Quantity,
};

/// Nodes whose pods are counted before nobody is found to have room.
const MOST_NODES: usize = 20;

/// What one pod asks for, and may use, in thousandths of cores and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asks {
    pub cpu: i128,
    pub memory: i128,
    pub cpu_limit: i128,
    pub memory_limit: i128,
}

impl Asks {
    /// Of the containers of a pod spec. What has a limit and no request asks for its limit.
    pub fn of(spec: &Value) -> Self {
        let mut sum = Self::default();
        for container in items(spec, "/containers") {
            let limit = |resource: &str| amount(container, &format!("/resources/limits/{resource}"), resource);
            let request = |resource: &str| {
                let pointer = format!("/resources/requests/{resource}");
                if container.pointer(&pointer).is_some() { amount(container, &pointer, resource) } else { limit(resource) }
            };
            sum.cpu += request("cpu");
            sum.memory += request("memory");
            sum.cpu_limit += limit("cpu");
            sum.memory_limit += limit("memory");
        }
        sum
    }

    fn minus(self, other: Self) -> Self {
        Self {
            cpu: self.cpu - other.cpu,
            memory: self.memory - other.memory,
            cpu_limit: self.cpu_limit - other.cpu_limit,
            memory_limit: self.memory_limit - other.memory_limit,
        }
    }
}

fn amount(object: &Value, pointer: &str, resource: &str) -> i128 {
    let Some(quantity) = Quantity::parse(text(object, pointer)) else { return 0 };
    if resource == "cpu" { quantity.thousandths() } else { quantity.units() }
}

/// Room for `more` pods of the workload's template.
pub async fn for_more_pods(look: &Look<'_>, target: &ObjectRef, object: &Value, more: i64) -> Result<(), Refusal> {
    let spec = object.pointer("/spec/template/spec").cloned().unwrap_or_default();
    let asks = Asks::of(&spec);
    within_quotas(look, target, asks, more, more).await?;
    a_node_takes(look, target, &spec, asks).await
}

/// Room for `pods` pods that each ask for `after` instead of `before`, and for one of them beside the others.
pub async fn for_bigger_pods(
    look: &Look<'_>,
    target: &ObjectRef,
    before: &Value,
    after: &Value,
    pods: i64,
) -> Result<(), Refusal> {
    let (old, new) = (Asks::of(before), Asks::of(after));
    // While it rolls, one more pod may be there.
    within_quotas(look, target, new.minus(old), pods, 0).await?;
    within_quotas(look, target, new, 1, 1).await?;
    a_node_takes(look, target, after, new).await
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
            let one = Asks::of(pod.get("spec").unwrap_or(&Value::Null));
            used = Asks { cpu: used.cpu + one.cpu, memory: used.memory + one.memory, ..used };
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
