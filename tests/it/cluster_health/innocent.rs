//! What looks odd and is well is not accused; what looks alike and is unwell is.

use faultline::cluster::Cluster;
use serde_json::{Value, json};

use super::{gaps, health, of_objects, problems, service};

/// The time of the cluster, as the newest time in it.
const NOW: &str = "2026-11-21T12:00:00Z";
const LONG_AGO: &str = "2026-11-01T12:00:00Z";
const JUST_NOW: &str = "2026-11-21T11:59:30Z";

fn metadata(name: &str, created: &str) -> Value {
    json!({"name": name, "namespace": "shop", "creationTimestamp": created, "labels": {"app": name}})
}

fn owned(mut object: Value, kind: &str, name: &str) -> Value {
    object["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "x/v1", "kind": kind, "name": name, "uid": "u", "controller": true}]);
    object
}

fn node(conditions: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1", "creationTimestamp": LONG_AGO}, "status": {"conditions": conditions}})
}

fn ready_node() -> Value {
    let heartbeat = json!({"type": "Ready", "status": "True", "lastHeartbeatTime": NOW, "lastTransitionTime": LONG_AGO});
    node(
        &json!([heartbeat, {"type": "FrequentKubeletRestart", "status": "Unknown"}, {"type": "CorruptDockerOverlay2", "status": "True"}]),
    )
}

/// A pod whose container is in `state`; `last` is how it ended before.
fn pod(name: &str, created: &str, is_ready: bool, restarts: u32, state: &Value, last: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": metadata(name, created),
        "spec": {"nodeName": "n1", "containers": [{"name": "app", "image": "app:1"}]},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": if is_ready { "True" } else { "False" }, "lastTransitionTime": created}],
            "containerStatuses": [{
                "name": "app", "image": "app:1", "imageID": "", "ready": is_ready, "restartCount": restarts, "state": state, "lastState": last,
            }],
        },
    })
}

fn running(since: &str) -> Value {
    json!({"running": {"startedAt": since}})
}

fn ended(exit_code: i32, at: &str) -> Value {
    json!({"terminated": {"exitCode": exit_code, "reason": if exit_code == 0 { "Completed" } else { "Error" }, "startedAt": LONG_AGO, "finishedAt": at}})
}

fn phase(mut pod: Value, phase: &str) -> Value {
    pod["status"]["phase"] = phase.into();
    pod
}

fn looping(name: &str) -> Value {
    let waiting = json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container"}});
    pod(name, LONG_AGO, false, 50, &waiting, &ended(1, JUST_NOW))
}

fn deployment(name: &str, created: &str, wanted: u32, ready: u32) -> Value {
    let is_available = if wanted == ready { "True" } else { "False" };
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata(name, created),
        "spec": {"replicas": wanted, "selector": {"matchLabels": {"app": name}}, "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": []}}},
        "status": {"replicas": wanted, "readyReplicas": ready, "updatedReplicas": wanted, "conditions": [
            {"type": "Available", "status": is_available, "reason": "MinimumReplicasUnavailable", "lastTransitionTime": created}]},
    })
}

fn job(name: &str, created: &str, condition: &str) -> Value {
    let failed = u32::from(condition == "Failed");
    json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": metadata(name, created),
        "spec": {"template": {"spec": {"containers": []}}},
        "status": {"failed": failed, "succeeded": 1 - failed, "startTime": created, "conditions": [
            {"type": condition, "status": "True", "reason": "BackoffLimitExceeded", "lastTransitionTime": created}]},
    })
}

fn cron_job(name: &str, is_suspended: bool) -> Value {
    json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata(name, LONG_AGO),
        "spec": {"schedule": "0 * * * *", "suspend": is_suspended, "jobTemplate": {"spec": {"template": {"spec": {"containers": []}}}}},
    })
}

fn claim(name: &str, created: &str, class: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata(name, created),
        "spec": {"storageClassName": class, "resources": {"requests": {"storage": "1Gi"}}}, "status": {"phase": "Pending"},
    })
}

fn class(name: &str, mode: &str) -> Value {
    json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name}, "provisioner": "p", "volumeBindingMode": mode})
}

fn scaler(current: u32, condition: (&str, &str, &str)) -> Value {
    let (kind, status, reason) = condition;
    json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata("web", LONG_AGO),
        "spec": {"minReplicas": 1, "maxReplicas": 5, "scaleTargetRef": {"kind": "Deployment", "name": "web"}},
        "status": {"currentReplicas": current, "desiredReplicas": current, "conditions": [
            {"type": kind, "status": status, "reason": reason, "message": "m", "lastTransitionTime": LONG_AGO}]},
    })
}

fn service_of(name: &str, app: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata(name, LONG_AGO), "spec": {"selector": {"app": app}, "ports": [{"port": 80}]}})
}

async fn of(objects: &[Value]) -> Value {
    let mut all = vec![ready_node()];
    all.extend_from_slice(objects);
    health(&service(Cluster::of_recording(of_objects(&all))), "/cluster-health").await
}

#[tokio::test]
async fn what_is_well_is_not_accused() {
    let none = json!({});
    let well = [
        ("a pod that has just started", vec![pod("web-1", JUST_NOW, false, 0, &running(JUST_NOW), &none)]),
        (
            "a single restart, long ago",
            vec![pod("web-1", LONG_AGO, true, 1, &running(LONG_AGO), &ended(1, "2026-11-14T12:00:00Z"))],
        ),
        ("a restart that was asked for", vec![pod("web-1", LONG_AGO, true, 1, &running(JUST_NOW), &ended(0, JUST_NOW))]),
        ("a pod that did its work", vec![phase(pod("web-1", LONG_AGO, false, 0, &ended(0, LONG_AGO), &none), "Succeeded")]),
        ("a completed job", vec![job("report", LONG_AGO, "Complete")]),
        (
            "the failed pod of a job that made it in the end",
            vec![
                job("report", LONG_AGO, "Complete"),
                owned(phase(pod("report-x", LONG_AGO, false, 0, &ended(1, LONG_AGO), &none), "Failed"), "Job", "report"),
            ],
        ),
        (
            "a run of a cron job that a later one made good",
            vec![
                cron_job("nightly", false),
                owned(job("nightly-1", LONG_AGO, "Failed"), "CronJob", "nightly"),
                owned(job("nightly-2", JUST_NOW, "Complete"), "CronJob", "nightly"),
            ],
        ),
        (
            "a suspended cron job",
            vec![cron_job("nightly", true), owned(job("nightly-1", LONG_AGO, "Failed"), "CronJob", "nightly")],
        ),
        ("scaled to zero, with its service", vec![deployment("web", LONG_AGO, 0, 0), service_of("web", "web")]),
        ("a deployment of this minute", vec![deployment("web", JUST_NOW, 3, 0)]),
        (
            "a deployment that scales up",
            vec![deployment("web", LONG_AGO, 3, 2), {
                let mut starting = owned(pod("web-7f-1", JUST_NOW, false, 0, &running(JUST_NOW), &none), "ReplicaSet", "web-7f");
                starting["metadata"]["labels"]["pod-template-hash"] = "7f".into();
                starting
            }],
        ),
        (
            "an evicted pod that was replaced",
            vec![deployment("web", LONG_AGO, 1, 1), {
                let mut evicted =
                    owned(phase(pod("web-7f-1", LONG_AGO, false, 0, &none, &none), "Failed"), "ReplicaSet", "web-7f");
                evicted["metadata"]["labels"]["pod-template-hash"] = "7f".into();
                evicted["status"]["reason"] = "Evicted".into();
                evicted
            }],
        ),
        ("a claim that waits for its first pod", vec![claim("data", LONG_AGO, "local"), class("local", "WaitForFirstConsumer")]),
        ("a claim of this minute", vec![claim("data", JUST_NOW, "disk"), class("disk", "Immediate")]),
        (
            "an autoscaler at its minimum",
            vec![deployment("web", LONG_AGO, 1, 1), scaler(1, ("ScalingLimited", "True", "TooFewReplicas"))],
        ),
        (
            "an autoscaler that is off",
            vec![deployment("web", LONG_AGO, 0, 0), scaler(0, ("ScalingActive", "False", "ScalingDisabled"))],
        ),
        ("a service for what is not installed", vec![deployment("web", LONG_AGO, 1, 1), service_of("etcd-metrics", "etcd")]),
        (
            "a daemon set for hardware that is not there",
            vec![json!({
                "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": metadata("gpu", LONG_AGO),
                "spec": {"selector": {"matchLabels": {"app": "gpu"}}, "template": {"metadata": {"labels": {"app": "gpu"}},
                    "spec": {"nodeSelector": {"gpu": "true"}, "containers": []}}},
                "status": {"desiredNumberScheduled": 0, "currentNumberScheduled": 0, "numberReady": 0, "numberMisscheduled": 0},
            })],
        ),
    ];
    let mut accused = Vec::new();
    for (what, objects) in well {
        let health = of(&objects).await;
        let found = problems(&health);
        if health["status"] != "healthy" || !found.is_empty() {
            accused.push(format!("{what}: {} {found:?} {:?}", health["status"], gaps(&health)));
        }
    }
    assert!(accused.is_empty(), "{}", accused.join("\n"));
}

#[tokio::test]
async fn what_is_unwell_is_named_once() {
    let none = json!({});
    let of_deployment = |name: &str| {
        let mut pod = owned(looping(name), "ReplicaSet", "web-7f");
        pod["metadata"]["labels"] = json!({"app": "web", "pod-template-hash": "7f"});
        pod
    };
    let unwell = [
        (
            "three pods of one deployment",
            vec![
                deployment("web", LONG_AGO, 3, 0),
                of_deployment("web-7f-1"),
                of_deployment("web-7f-2"),
                of_deployment("web-7f-3"),
            ],
            "deployment/shop/web",
        ),
        (
            "two pods of a kind that nobody knows",
            vec![owned(looping("db-1"), "Cluster", "db"), owned(looping("db-2"), "Cluster", "db")],
            "pod/shop/db-1",
        ),
        ("a static pod", vec![owned(looping("proxy-n1"), "Node", "n1")], "pod/shop/proxy-n1"),
        (
            "the last run of a cron job",
            vec![
                cron_job("nightly", false),
                owned(job("nightly-1", LONG_AGO, "Complete"), "CronJob", "nightly"),
                owned(job("nightly-2", JUST_NOW, "Failed"), "CronJob", "nightly"),
                owned(phase(pod("nightly-2-x", JUST_NOW, false, 0, &ended(1, JUST_NOW), &none), "Failed"), "Job", "nightly-2"),
            ],
            "cronjob/shop/nightly",
        ),
        ("a claim of a class that is not there", vec![claim("data", LONG_AGO, "fast")], "pvc/shop/data"),
        ("an autoscaler without metrics", vec![scaler(1, ("ScalingActive", "False", "FailedGetResourceMetric"))], "hpa/shop/web"),
        ("a deployment without any pod", vec![deployment("web", LONG_AGO, 2, 0)], "deployment/shop/web"),
        (
            "a selector with a slip",
            vec![deployment("payments", LONG_AGO, 1, 1), service_of("payments", "payment")],
            "service/shop/payments",
        ),
        (
            "a pod that no scheduler took",
            vec![
                json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata("lost", LONG_AGO), "spec": {"containers": []}, "status": {"phase": "Pending"}}),
            ],
            "pod/shop/lost",
        ),
    ];
    let mut wrong = Vec::new();
    for (what, objects, object) in unwell {
        let found = problems(&of(&objects).await);
        if !matches!(found.as_slice(), [(only, _)] if only == object) {
            wrong.push(format!("{what}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
