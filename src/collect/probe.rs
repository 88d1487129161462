//! Probes and their spec: what the kubelet asks, and how patient it is.

use k8s_openapi::{api::core::v1::Probe, apimachinery::pkg::util::intstr::IntOrString};

use super::pod::{Member, Role};

/// `httpGet :8080/ready every 10 s, timeout 1 s, 3 failures allowed, first after 0 s`.
pub fn described(probe: &Probe) -> String {
    let what = if let Some(http) = &probe.http_get {
        format!("httpGet :{}{}", port(&http.port), http.path.as_deref().unwrap_or("/"))
    } else if let Some(tcp) = &probe.tcp_socket {
        format!("tcpSocket :{}", port(&tcp.port))
    } else if let Some(exec) = &probe.exec {
        format!("exec {}", exec.command.iter().flatten().cloned().collect::<Vec<_>>().join(" "))
    } else if let Some(grpc) = &probe.grpc {
        format!("grpc :{}", grpc.port)
    } else {
        "unknown handler".to_owned()
    };
    format!(
        "{what} every {} s, timeout {} s, {} failures allowed, first after {} s",
        probe.period_seconds.unwrap_or(10),
        probe.timeout_seconds.unwrap_or(1),
        probe.failure_threshold.unwrap_or(3),
        probe.initial_delay_seconds.unwrap_or(0)
    )
}

pub fn port(port: &IntOrString) -> String {
    match port {
        IntOrString::Int(number) => number.to_string(),
        IntOrString::String(name) => name.clone(),
    }
}

/// A probe of the kind that an event names: `Liveness`, `Readiness`, `Startup`.
pub fn of_kind<'a>(member: &Member<'a>, kind: &str) -> Option<&'a Probe> {
    match kind {
        "Liveness" => member.spec.liveness_probe.as_ref(),
        "Readiness" => member.spec.readiness_probe.as_ref(),
        "Startup" => member.spec.startup_probe.as_ref(),
        _ => None,
    }
}

/// The parameters that rule files use for a probe.
pub fn parameters(probe: &Probe) -> Vec<(&'static str, String)> {
    let mut all = vec![("probe_spec", described(probe))];
    if let Some(http) = &probe.http_get {
        all.push(("port", port(&http.port)));
        all.push(("probe_path", http.path.clone().unwrap_or_else(|| "/".to_owned())));
    } else if let Some(tcp) = &probe.tcp_socket {
        all.push(("port", port(&tcp.port)));
    }
    all
}

/// Tells that a running container is not ready, with the probe that says so.
pub fn not_ready(member: &Member<'_>, label: &str, add: &mut dyn FnMut(String, Option<String>)) {
    if member.role == Role::Init {
        return;
    }
    let is_started = member.status.and_then(|status| status.started).unwrap_or(true);
    let (kind, probe) = match (&member.spec.startup_probe, &member.spec.readiness_probe) {
        (Some(startup), _) if !is_started => ("Startup", startup),
        (_, Some(readiness)) => ("Readiness", readiness),
        (Some(_) | None, None) => return,
    };
    add(
        format!("{label} running but not ready: {kind} probe {}", described(probe)),
        Some(format!("The {} probe of container {} is {}.", kind.to_lowercase(), member.spec.name, described(probe))),
    );
}
