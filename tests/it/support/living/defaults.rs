//! What the server fills in where a client leaves it out.

use faultline::domain::quantity::Quantity;
use serde_json::{Value, json};

use super::{
    resource::Resource,
    value::{default, map, remove, text},
};

pub fn fill_in(resource: &Resource, object: &mut Value) {
    leave_out(object);
    match resource.kind {
        "Pod" => {
            pod_spec(map_of(object, "spec"));
            requests(map_of(object, "spec"));
        }
        "Deployment" => deployment(object),
        "ReplicaSet" => {
            let spec = map_of(object, "spec");
            default(spec, "replicas", 1);
            template(spec);
        }
        "StatefulSet" => stateful_set(map_of(object, "spec")),
        "DaemonSet" => daemon_set(map_of(object, "spec")),
        "Job" => job(map_of(object, "spec")),
        "CronJob" => {
            let spec = map_of(object, "spec");
            default(spec, "concurrencyPolicy", "Allow");
            default(spec, "suspend", false);
            default(spec, "successfulJobsHistoryLimit", 3);
            default(spec, "failedJobsHistoryLimit", 1);
            job(map_of(map_of(spec, "jobTemplate"), "spec"));
        }
        "HorizontalPodAutoscaler" => default(map_of(object, "spec"), "minReplicas", 1),
        "Namespace" => {
            map_of(object, "spec")["finalizers"] = json!(["kubernetes"]);
            map_of(object, "status")["phase"] = "Active".into();
            let name = object["metadata"]["name"].clone();
            map(map_of(object, "metadata"), "labels").insert("kubernetes.io/metadata.name".to_owned(), name);
        }
        _ => {}
    }
}

/// What the server never writes out: switches that are off, and maps and lists of metadata that are empty.
fn leave_out(object: &mut Value) {
    for pointer in
        ["/metadata", "/spec/template/metadata", "/spec/jobTemplate/metadata", "/spec/jobTemplate/spec/template/metadata"]
    {
        if let Some(metadata) = object.pointer_mut(pointer).and_then(Value::as_object_mut) {
            metadata.retain(|_, value| !matches!(value, Value::Object(fields) if fields.is_empty()));
            metadata.retain(|_, value| !matches!(value, Value::Array(items) if items.is_empty()));
        }
    }
    for field in ["paused", "unschedulable", "hostNetwork", "hostPID", "hostIPC"] {
        if object["spec"][field] == false {
            remove(&mut object["spec"], field);
        }
    }
    if object["spec"]["minReadySeconds"] == 0 {
        remove(&mut object["spec"], "minReadySeconds");
    }
}

fn map_of<'a>(object: &'a mut Value, field: &str) -> &'a mut Value {
    map(object, field);
    &mut object[field]
}

fn deployment(object: &mut Value) {
    let spec = map_of(object, "spec");
    default(spec, "replicas", 1);
    default(spec, "revisionHistoryLimit", 10);
    default(spec, "progressDeadlineSeconds", 600);
    let strategy = map_of(spec, "strategy");
    default(strategy, "type", "RollingUpdate");
    if strategy["type"] == "RollingUpdate" {
        let rolling = map_of(strategy, "rollingUpdate");
        default(rolling, "maxUnavailable", "25%");
        default(rolling, "maxSurge", "25%");
    }
    template(spec);
}

fn stateful_set(spec: &mut Value) {
    default(spec, "replicas", 1);
    default(spec, "revisionHistoryLimit", 10);
    default(spec, "podManagementPolicy", "OrderedReady");
    let policy = map_of(spec, "persistentVolumeClaimRetentionPolicy");
    default(policy, "whenDeleted", "Retain");
    default(policy, "whenScaled", "Retain");
    let strategy = map_of(spec, "updateStrategy");
    default(strategy, "type", "RollingUpdate");
    if strategy["type"] == "RollingUpdate" {
        default(map_of(strategy, "rollingUpdate"), "partition", 0);
    }
    template(spec);
}

fn daemon_set(spec: &mut Value) {
    default(spec, "revisionHistoryLimit", 10);
    let strategy = map_of(spec, "updateStrategy");
    default(strategy, "type", "RollingUpdate");
    if strategy["type"] == "RollingUpdate" {
        let rolling = map_of(strategy, "rollingUpdate");
        default(rolling, "maxUnavailable", 1);
        default(rolling, "maxSurge", 0);
    }
    template(spec);
}

fn job(spec: &mut Value) {
    if spec["completions"].is_null() && spec["parallelism"].is_null() {
        default(spec, "completions", 1);
    }
    default(spec, "parallelism", 1);
    default(spec, "backoffLimit", 6);
    default(spec, "completionMode", "NonIndexed");
    default(spec, "suspend", false);
    default(spec, "podReplacementPolicy", "TerminatingOrFailed");
    default(spec, "manualSelector", false);
    template(spec);
}

fn template(spec: &mut Value) {
    let template = map_of(spec, "template");
    pod_spec(map_of(template, "spec"));
}

fn pod_spec(spec: &mut Value) {
    default(spec, "restartPolicy", "Always");
    default(spec, "terminationGracePeriodSeconds", 30);
    default(spec, "dnsPolicy", "ClusterFirst");
    default(spec, "schedulerName", "default-scheduler");
    default(spec, "securityContext", json!({}));
    for kind in ["initContainers", "containers"] {
        for container in spec[kind].as_array_mut().into_iter().flatten() {
            default(container, "terminationMessagePath", "/dev/termination-log");
            default(container, "terminationMessagePolicy", "File");
            default(container, "resources", json!({}));
            let image = text(container, "/image");
            let is_latest = image.ends_with(":latest") || !image.rsplit('/').next().is_some_and(|last| last.contains([':', '@']));
            default(container, "imagePullPolicy", if is_latest { "Always" } else { "IfNotPresent" });
            for port in container["ports"].as_array_mut().into_iter().flatten() {
                default(port, "protocol", "TCP");
            }
            for kind in ["limits", "requests"] {
                for amount in container["resources"][kind].as_object_mut().into_iter().flat_map(|amounts| amounts.values_mut()) {
                    *amount = written_out(amount);
                }
            }
        }
    }
}

/// Requests of a pod are its limits where only limits are given. Templates stay as they are.
fn requests(spec: &mut Value) {
    for kind in ["initContainers", "containers"] {
        for container in spec[kind].as_array_mut().into_iter().flatten() {
            let limits = container["resources"]["limits"].clone();
            if let Some(limits) = limits.as_object().filter(|limits| !limits.is_empty()) {
                let requests = map(&mut container["resources"], "requests");
                for (resource, limit) in limits {
                    requests.entry(resource).or_insert_with(|| limit.clone());
                }
            }
        }
    }
}

/// A quantity as the server writes it out, whatever the client wrote: `1Gi` of `1024Mi` or `"1.0Gi"`, `512Mi` of `0.5Gi`
/// (k8s.io/apimachinery/pkg/api/resource, CanonicalizeBytes). What is no whole number stays as it is here.
fn written_out(amount: &Value) -> Value {
    let text = amount.as_str().map_or_else(|| amount.to_string(), str::to_owned);
    let Some(whole) = Quantity::parse(&text).filter(|quantity| quantity.thousandths() % 1000 == 0 && quantity.units() > 0) else {
        return amount.clone();
    };
    let mut number = whole.units();
    let is_binary = text.ends_with('i') && number >= 1024;
    let (step, units) =
        if is_binary { (1024, ["", "Ki", "Mi", "Gi", "Ti", "Pi"]) } else { (1000, ["", "k", "M", "G", "T", "P"]) };
    let mut unit = 0;
    while number % step == 0 && unit + 1 < units.len() {
        number /= step;
        unit += 1;
    }
    format!("{number}{}", units[unit]).into()
}
