//! What the server refuses to store: fields that are wrong in themselves, and changes of what cannot change.

use faultline::domain::quantity::Quantity;
use serde_json::{Value, json};

use super::{
    failure::Wrong,
    resource::Resource,
    select::Labels,
    value::{items, name, number, text, uid},
};

/// What is wrong with a new object.
pub fn created(resource: &Resource, object: &Value) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let value = name(object);
    if value.is_empty() {
        wrong.push(Wrong::required("metadata.name", "name or generateName is required"));
    } else if !is_dns_name(value) {
        wrong.push(Wrong::invalid(
            "metadata.name",
            &json!(value),
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and \
             end with an alphanumeric character",
        ));
    }
    wrong.extend(of_any_time(resource, object));
    if resource.kind == "Job" && object["spec"]["manualSelector"] != true {
        wrong.extend(generated_selector(object));
    }
    wrong
}

/// What is wrong with an object that replaces an older one.
pub fn changed(resource: &Resource, old: &Value, new: &Value) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    if uid(new) != uid(old) {
        wrong.push(Wrong::immutable("metadata.uid", &new["metadata"]["uid"]));
    }
    for field in immutable(resource) {
        let pointer = format!("/{}", field.replace('.', "/"));
        if old.pointer(&pointer) != new.pointer(&pointer) {
            wrong.push(Wrong::immutable(*field, new.pointer(&pointer).unwrap_or(&Value::Null)));
        }
    }
    match resource.kind {
        "Pod" if pod_without_what_changes(old) != pod_without_what_changes(new) => wrong.push(Wrong::forbidden(
            "spec",
            "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,\
             `spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),\
             `spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
        )),
        "StatefulSet" if set_without_what_changes(old) != set_without_what_changes(new) => wrong.push(Wrong::forbidden(
            "spec",
            "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', \
             'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
        )),
        _ => {}
    }
    wrong.extend(of_any_time(resource, new));
    wrong
}

/// What is wrong with a new event; the newer of its two groups is the stricter one.
pub fn event(resource: &Resource, event: &Value) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let (is_newer, has_time) = (resource.group == "events.k8s.io", !event["eventTime"].is_null());
    let (about, own) = (text(event, "/involvedObject/namespace"), text(event, "/metadata/namespace"));
    let fits = match (about.is_empty(), has_time) {
        (true, false) => own == "default",
        (true, true) => matches!(own, "default" | "kube-system"),
        (false, false) => own == about,
        (false, true) => true,
    };
    if !fits {
        wrong.push(Wrong::invalid("involvedObject.namespace", &json!(about), "does not match event.namespace"));
    }
    if has_time {
        let fields = [("reportingComponent", 0), ("reportingInstance", 128), ("action", 128), ("reason", 128)];
        for (field, most) in fields {
            let named = if field == "reportingComponent" { "reportingController" } else { field };
            let value = text(event, &format!("/{field}"));
            if value.is_empty() {
                wrong.push(Wrong::required(named, ""));
            } else if most > 0 && value.len() > most {
                wrong.push(Wrong::invalid(named, &json!(""), &format!("can have at most {most} characters")));
            }
        }
        if text(event, "/message").len() > 1024 {
            wrong.push(Wrong::invalid("message", &json!(""), "can have at most 1024 characters"));
        }
    } else if is_newer {
        wrong.push(Wrong::required("eventTime", ""));
    }
    if is_newer {
        if !matches!(text(event, "/type"), "Normal" | "Warning") {
            let why = format!("has invalid value: {}", text(event, "/type"));
            wrong.push(Wrong::invalid("type", &json!(""), &why));
        }
        for field in ["firstTimestamp", "lastTimestamp", "count"].iter().filter(|field| !event[**field].is_null()) {
            wrong.push(Wrong::invalid(*field, &json!(""), "needs to be unset"));
        }
    }
    wrong
}

fn immutable(resource: &Resource) -> &'static [&'static str] {
    match resource.kind {
        "Deployment" | "ReplicaSet" | "DaemonSet" => &["spec.selector"],
        "Job" => &["spec.selector", "spec.template", "spec.completionMode", "spec.podFailurePolicy", "spec.backoffLimitPerIndex"],
        "ControllerRevision" => &["data"],
        _ => &[],
    }
}

fn pod_without_what_changes(pod: &Value) -> Value {
    let mut spec = pod["spec"].clone();
    for field in ["activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds"] {
        super::value::remove(&mut spec, field);
    }
    for kind in ["containers", "initContainers"] {
        for container in spec[kind].as_array_mut().into_iter().flatten() {
            super::value::remove(container, "image");
        }
    }
    spec
}

fn set_without_what_changes(set: &Value) -> Value {
    let mut spec = set["spec"].clone();
    let changes = [
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    ];
    for field in changes {
        super::value::remove(&mut spec, field);
    }
    spec
}

fn of_any_time(resource: &Resource, object: &Value) -> Vec<Wrong> {
    let mut wrong = labels(object, "metadata");
    let spec = &object["spec"];
    match resource.kind {
        "Pod" => wrong.extend(pod_spec(spec, "spec")),
        "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" => {
            wrong.extend(counts(spec, &["replicas", "progressDeadlineSeconds", "revisionHistoryLimit", "minReadySeconds"]));
            wrong.extend(selects_its_own(spec));
            wrong.extend(template(&spec["template"], &["Always"]));
        }
        "Job" => {
            wrong.extend(counts(spec, &["parallelism", "completions", "backoffLimit"]));
            wrong.extend(template(&spec["template"], &["OnFailure", "Never"]));
        }
        "PodDisruptionBudget" if !spec["minAvailable"].is_null() && !spec["maxUnavailable"].is_null() => {
            wrong.push(Wrong::invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set"));
        }
        _ => {}
    }
    wrong
}

fn counts(spec: &Value, fields: &[&str]) -> Vec<Wrong> {
    let negative = fields.iter().filter(|field| number(spec, &format!("/{field}")).is_some_and(|count| count < 0));
    negative.map(|field| Wrong::invalid(format!("spec.{field}"), &spec[field], "must be greater than or equal to 0")).collect()
}

fn selects_its_own(spec: &Value) -> Vec<Wrong> {
    match Labels::of(&spec["selector"]) {
        None => vec![Wrong::required("spec.selector", "")],
        Some(selector) if !selector.matches(&spec["template"]) => vec![Wrong::invalid(
            "spec.template.metadata.labels",
            &spec["template"]["metadata"]["labels"],
            "`selector` does not match template `labels`",
        )],
        Some(_) => Vec::new(),
    }
}

fn template(template: &Value, policies: &[&str]) -> Vec<Wrong> {
    let mut wrong = labels(template, "spec.template.metadata");
    wrong.extend(pod_spec(&template["spec"], "spec.template.spec"));
    let policy = &template["spec"]["restartPolicy"];
    if !policies.contains(&policy.as_str().unwrap_or_default()) {
        let supported: Vec<String> = policies.iter().map(|policy| format!("{policy:?}")).collect();
        wrong.push(Wrong::unsupported("spec.template.spec.restartPolicy", policy, &supported.join(", ")));
    }
    wrong
}

fn pod_spec(spec: &Value, path: &str) -> Vec<Wrong> {
    let containers = items(spec, "/containers");
    if containers.is_empty() {
        return vec![Wrong::required(format!("{path}.containers"), "")];
    }
    let mut wrong = Vec::new();
    for (at, container) in containers.iter().enumerate() {
        let path = format!("{path}.containers[{at}]");
        let name = text(container, "/name");
        if !is_dns_name(name) || name.contains('.') {
            wrong.push(Wrong::invalid(format!("{path}.name"), &container["name"], "a lowercase RFC 1123 label must be given"));
        }
        if containers[..at].iter().any(|other| other["name"] == container["name"]) {
            wrong.push(Wrong::invalid(format!("{path}.name"), &container["name"], "Duplicate value"));
        }
        if text(container, "/image").is_empty() {
            wrong.push(Wrong::required(format!("{path}.image"), ""));
        }
        wrong.extend(resources(&container["resources"], &format!("{path}.resources")));
    }
    wrong
}

fn resources(resources: &Value, path: &str) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let quantity = |kind: &str, resource: &str| resources[kind][resource].as_str().map(Quantity::parse);
    for kind in ["limits", "requests"] {
        for resource in resources[kind].as_object().into_iter().flat_map(|fields| fields.keys()) {
            if quantity(kind, resource).flatten().is_none() {
                let why = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
                wrong.push(Wrong::invalid(format!("{path}.{kind}[{resource}]"), &resources[kind][resource], why));
            }
        }
    }
    for resource in resources["requests"].as_object().into_iter().flat_map(|fields| fields.keys()) {
        if let (Some(Some(request)), Some(Some(limit))) = (quantity("requests", resource), quantity("limits", resource))
            && request > limit
        {
            let limit = text(&resources["limits"], &format!("/{resource}")).to_owned();
            let why = format!("must be less than or equal to {resource} limit of {limit}");
            wrong.push(Wrong::invalid(format!("{path}.requests"), &resources["requests"][resource], &why));
        }
    }
    wrong
}

/// The selector of a job is made by the server; a copy of another job's is refused.
fn generated_selector(job: &Value) -> Vec<Wrong> {
    let labels = &job["spec"]["template"]["metadata"]["labels"];
    let mut wrong = Vec::new();
    for (key, expected) in [
        ("batch.kubernetes.io/controller-uid", uid(job)),
        ("controller-uid", uid(job)),
        ("batch.kubernetes.io/job-name", name(job)),
        ("job-name", name(job)),
    ] {
        if labels[key] != expected {
            let why = format!("must be '{expected}'");
            wrong.push(Wrong::invalid("spec.template.metadata.labels", labels, &why));
        }
    }
    if job["spec"]["selector"] != json!({ "matchLabels": { "batch.kubernetes.io/controller-uid": uid(job) } }) {
        wrong.push(Wrong::invalid("spec.selector", &job["spec"]["selector"], "`selector` not auto-generated"));
    }
    wrong
}

fn labels(object: &Value, path: &str) -> Vec<Wrong> {
    let fields = |field: &str| object["metadata"][field].as_object().into_iter().flatten();
    let keys = ["labels", "annotations"].into_iter().flat_map(|field| fields(field).map(move |(key, _)| (field, key)));
    let keys = keys.filter(|(_, key)| !is_qualified(key)).map(|(field, key)| {
        let why = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric \
                   character";
        Wrong::invalid(format!("{path}.{field}"), &json!(key), why)
    });
    let values = fields("labels").filter(|(_, value)| !is_label_value(value.as_str().unwrap_or_default()));
    keys.chain(values.map(|(_, value)| {
        let why = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start \
                       and end with an alphanumeric character";
        Wrong::invalid(format!("{path}.labels"), value, why)
    }))
    .collect()
}

/// `name` or `prefix/name`.
fn is_qualified(key: &str) -> bool {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    !name.is_empty() && is_label_value(name) && prefix.is_none_or(is_dns_name)
}

fn is_label_value(value: &str) -> bool {
    let ends_well = |letter: Option<char>| letter.is_none_or(|letter| letter.is_ascii_alphanumeric());
    value.len() <= 63
        && ends_well(value.chars().next())
        && ends_well(value.chars().last())
        && value.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.'))
}

fn is_dns_name(name: &str) -> bool {
    name.len() <= 253
        && name.split('.').all(|part| {
            !part.is_empty()
                && !part.starts_with('-')
                && !part.ends_with('-')
                && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        })
}
