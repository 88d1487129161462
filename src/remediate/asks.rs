//! What one pod asks of its node and of quotas, by Kubernetes' own rule.
//!
//! ```text
//! overhead + the greater of ─┬─ the containers and the sidecars, which run together
//!                            '─ each init container with the sidecars that were started before it
//! ```
//! A sidecar is an init container with `restartPolicy: Always`. What `spec.resources` says of the whole pod stands instead of the sum.
//! See "Effective Pod requests and limits", "Pod Overhead" and "Pod-level resources" in the documentation of Kubernetes.

use serde_json::Value;

use super::value::{items, text};
use crate::domain::quantity::Quantity;

/// In thousandths of cores, and in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asks {
    pub cpu: i128,
    pub memory: i128,
    pub cpu_limit: i128,
    pub memory_limit: i128,
}

impl Asks {
    /// Of a pod with this spec.
    pub fn of(spec: &Value) -> Self {
        let containers = items(spec, "/containers").iter().map(Self::of_container).fold(Self::default(), Self::plus);
        let (mut sidecars, mut start) = (Self::default(), Self::default());
        for container in items(spec, "/initContainers") {
            let asks = Self::of_container(container);
            if text(container, "/restartPolicy") == "Always" {
                sidecars = sidecars.plus(asks);
                start = start.or_more(sidecars);
            } else {
                start = start.or_more(sidecars.plus(asks));
            }
        }
        containers.plus(sidecars).or_more(start).instead(spec).with_overhead(spec)
    }

    /// What has a limit and no request asks for its limit.
    fn of_container(container: &Value) -> Self {
        let limit = |resource: &str| amount(container, &format!("/resources/limits/{resource}"), resource);
        let request = |resource: &str| {
            given(container, &format!("/resources/requests/{resource}"), resource).unwrap_or_else(|| limit(resource))
        };
        Self { cpu: request("cpu"), memory: request("memory"), cpu_limit: limit("cpu"), memory_limit: limit("memory") }
    }

    /// What is said of the whole pod. A limit is what it asks for as well where no container asks for anything.
    fn instead(self, spec: &Value) -> Self {
        let limit = |resource: &str| given(spec, &format!("/resources/limits/{resource}"), resource);
        let request = |resource: &str, sum: i128| {
            let asked = given(spec, &format!("/resources/requests/{resource}"), resource);
            asked.or_else(|| limit(resource).filter(|_| sum == 0)).unwrap_or(sum)
        };
        Self {
            cpu: request("cpu", self.cpu),
            memory: request("memory", self.memory),
            cpu_limit: limit("cpu").unwrap_or(self.cpu_limit),
            memory_limit: limit("memory").unwrap_or(self.memory_limit),
        }
    }

    /// No limit stays none.
    fn with_overhead(self, spec: &Value) -> Self {
        let (cpu, memory) = (amount(spec, "/overhead/cpu", "cpu"), amount(spec, "/overhead/memory", "memory"));
        Self {
            cpu: self.cpu + cpu,
            memory: self.memory + memory,
            cpu_limit: self.cpu_limit + if self.cpu_limit > 0 { cpu } else { 0 },
            memory_limit: self.memory_limit + if self.memory_limit > 0 { memory } else { 0 },
        }
    }

    pub fn plus(self, other: Self) -> Self {
        self.with(other, |one, other| one + other)
    }

    pub fn minus(self, other: Self) -> Self {
        self.with(other, |one, other| one - other)
    }

    fn or_more(self, other: Self) -> Self {
        self.with(other, i128::max)
    }

    fn with(self, other: Self, of: impl Fn(i128, i128) -> i128) -> Self {
        Self {
            cpu: of(self.cpu, other.cpu),
            memory: of(self.memory, other.memory),
            cpu_limit: of(self.cpu_limit, other.cpu_limit),
            memory_limit: of(self.memory_limit, other.memory_limit),
        }
    }
}

/// The quantity at a pointer, in thousandths of cores or in bytes; 0 where there is none.
pub fn amount(object: &Value, pointer: &str, resource: &str) -> i128 {
    given(object, pointer, resource).unwrap_or_default()
}

/// `None` = nothing is said there.
fn given(object: &Value, pointer: &str, resource: &str) -> Option<i128> {
    let said = text(object, pointer);
    if said.is_empty() {
        return None;
    }
    let Some(quantity) = Quantity::parse(said) else { return Some(0) };
    Some(if resource == "cpu" { quantity.thousandths() } else { quantity.units() })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Asks;

    fn one(cpu: &str, memory: &str) -> Value {
        json!({"resources": {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}}})
    }

    fn sidecar(cpu: &str, memory: &str) -> Value {
        let mut sidecar = one(cpu, memory);
        sidecar["restartPolicy"] = "Always".into();
        sidecar
    }

    /// Thousandths of cores, and MiB.
    fn asked(spec: &Value) -> [i128; 4] {
        let Asks { cpu, memory, cpu_limit, memory_limit } = Asks::of(spec);
        [cpu, memory >> 20, cpu_limit, memory_limit >> 20]
    }

    #[test]
    fn the_greater_of_the_start_and_the_run_counts_for_each_resource() {
        let containers = json!([one("100m", "100Mi"), one("200m", "50Mi")]);
        assert_eq!(asked(&json!({"containers": containers})), [300, 150, 0, 150]);
        let small = json!([one("50m", "10Mi"), one("250m", "20Mi")]);
        assert_eq!(asked(&json!({"containers": containers, "initContainers": small})), [300, 150, 0, 150]);
        let big = json!([one("2", "10Mi"), one("50m", "1Gi")]);
        assert_eq!(asked(&json!({"containers": containers, "initContainers": big})), [2000, 1024, 0, 1024]);
    }

    #[test]
    fn a_sidecar_runs_beside_all_that_comes_after_it() {
        let containers = json!([one("100m", "100Mi")]);
        let with = |init: Value| asked(&json!({"containers": containers, "initContainers": init}));
        assert_eq!(with(json!([sidecar("50m", "200Mi")])), [150, 300, 0, 300]);
        assert_eq!(with(json!([sidecar("50m", "200Mi"), one("100m", "500Mi")])), [150, 700, 0, 700]);
        assert_eq!(with(json!([one("100m", "250Mi"), sidecar("50m", "200Mi")])), [150, 300, 0, 300]);
        assert_eq!(
            with(json!([sidecar("1", "1Mi"), one("1", "1Mi"), sidecar("2", "1Mi"), one("500m", "1Mi")])),
            [3500, 102, 0, 102]
        );
    }

    #[test]
    fn overhead_comes_on_top_and_makes_no_limit() {
        let spec = json!({"containers": [one("100m", "100Mi")], "overhead": {"cpu": "250m", "memory": "120Mi"}});
        assert_eq!(asked(&spec), [350, 220, 0, 220]);
    }

    #[test]
    fn what_is_said_of_the_whole_pod_stands_instead_of_the_sum() {
        let with = |resources: Value| asked(&json!({"containers": [one("100m", "100Mi")], "resources": resources}));
        assert_eq!(with(json!({"requests": {"cpu": "1"}})), [1000, 100, 0, 100]);
        assert_eq!(with(json!({"limits": {"cpu": "2", "memory": "1Gi"}})), [100, 100, 2000, 1024]);
        assert_eq!(asked(&json!({"containers": [{}], "resources": {"limits": {"memory": "1Gi"}}})), [0, 1024, 0, 1024]);
    }
}
