//! What a container asks for: limits, image, demands on a node.

use k8s_openapi::api::core::v1::{Container, Pod};

use super::pod::Member;

/// `256Mi`; `None` = the container has no memory limit.
pub fn memory_limit(container: &Container) -> Option<&str> {
    quantity(container, Side::Limits, "memory")
}

/// Which side of `resources`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Limits,
    Requests,
}

pub fn quantity<'a>(container: &'a Container, side: Side, resource: &str) -> Option<&'a str> {
    let resources = container.resources.as_ref()?;
    let map = match side {
        Side::Limits => resources.limits.as_ref(),
        Side::Requests => resources.requests.as_ref(),
    };
    map?.get(resource).map(|quantity| quantity.0.as_str())
}

/// Names and numbers of one container, under the names that rule files use.
pub fn container_parameters(member: &Member<'_>) -> Vec<(&'static str, String)> {
    let spec = member.spec;
    let mut all = vec![("container", spec.name.clone())];
    let mut offer = |name: &'static str, value: Option<String>| {
        if let Some(value) = value {
            all.push((name, value));
        }
    };
    offer("image", spec.image.clone());
    offer("limit", memory_limit(spec).map(str::to_owned));
    offer("request", quantity(spec, Side::Requests, "memory").map(str::to_owned));
    offer("cpu_limit", quantity(spec, Side::Limits, "cpu").map(str::to_owned));
    offer("cpu_request", quantity(spec, Side::Requests, "cpu").map(str::to_owned));
    offer("restarts", (member.restarts() > 0).then(|| member.restarts().to_string()));
    let end = member.last_end().or(member.end());
    offer("exit_code", end.filter(|end| end.exit_code != 0 || member.ended_badly()).map(|end| end.exit_code.to_string()));
    offer("program", spec.command.as_ref().and_then(|command| command.first().cloned()));
    all
}

/// The command kills its own shell with the signal of a segmentation fault, as tests of crash handling do.
pub fn raises_segv(container: &Container) -> bool {
    let words = container.command.iter().flatten().chain(container.args.iter().flatten());
    words.flat_map(|word| word.split(';')).any(|part| {
        let mut words = part.split_whitespace();
        words.next() == Some("kill") && words.next().is_some_and(|signal| matches!(signal, "-SEGV" | "-SIGSEGV" | "-11"))
    })
}

/// What the pod demands of a node: requests, selector, tolerations, as parameters.
pub fn scheduling_demands(pod: &Pod) -> Vec<(&'static str, String)> {
    let Some(spec) = &pod.spec else { return Vec::new() };
    let mut all = Vec::new();
    let mut asked = Vec::new();
    for container in &spec.containers {
        for resource in container.resources.iter().flat_map(|resources| resources.requests.iter().flatten()) {
            asked.push(format!("{}={}", resource.0, resource.1.0));
        }
    }
    if !asked.is_empty() {
        all.push(("requests", asked.join(",")));
    }
    if let Some(first) = spec.containers.first() {
        all.push(("container", first.name.clone()));
    }
    let selector: Vec<String> = spec.node_selector.iter().flatten().map(|(key, value)| format!("{key}={value}")).collect();
    if !selector.is_empty() {
        all.push(("node_selector", selector.join(",")));
    }
    all
}
