//! From the names that people use to the objects that they mean.

use faultline::cluster::recording::Recording;
use serde_json::{Value, json};

use super::{app, diagnose, gaps, words};
use crate::support::kubernetes::FakeApi;

async fn category(body: Value) -> (String, Value) {
    let answer = diagnose(&app(&FakeApi::zoo()), body).await;
    (answer["error_category"].as_str().unwrap_or_default().to_owned(), answer)
}

#[tokio::test]
async fn a_pod_in_the_text_is_enough() {
    let (found, answer) = category(
        json!({"error_message": "Back-off restarting failed container app in pod orders-7c58bc488d-ccpqw_crash-db(fa870800)"}),
    )
    .await;
    assert_eq!(found, "DatabaseConnectionError", "{answer:#}");
}

#[tokio::test]
async fn a_name_without_a_namespace_is_looked_for_everywhere() {
    let (found, answer) = category(json!({"error_message": "something is wrong with cache-warmer"})).await;
    assert_eq!(found, "OOMKilled", "{answer:#}");
}

#[tokio::test]
async fn ambiguity_is_said_with_the_candidates() {
    let (_, answer) = category(json!({"error_message": "it is unwell", "deployment_name": "api"})).await;
    let gaps = gaps(&answer);
    assert!(
        gaps.contains("ambiguous") && gaps.contains("deployment/hpa/api") && gaps.contains("deployment/config-map/api"),
        "{gaps}"
    );
}

#[tokio::test]
async fn a_pod_that_is_gone_leads_to_its_workload() {
    let (found, answer) =
        category(json!({"error_message": "it crashed", "namespace": "crash-db", "pod_name": "orders-7c58bc488d-zzzzz"})).await;
    assert_eq!(found, "DatabaseConnectionError", "{answer:#}");
    assert!(gaps(&answer).contains("no longer exists"), "{}", gaps(&answer));
}

#[tokio::test]
async fn a_label_selector_leads_to_the_workload() {
    let (found, answer) =
        category(json!({"error_message": "it is unwell", "namespace": "crash-env", "target": {"label_selector": "app=mailer"}}))
            .await;
    assert_eq!(found, "ConfigurationError", "{answer:#}");
    assert!(words(&answer).contains("deployment/mailer"), "{answer:#}");
}

#[tokio::test]
async fn a_node_is_looked_at_by_its_name() {
    let (found, answer) = category(json!({"error_message": "it is unwell", "target": {"kind": "node", "name": "node-b"}})).await;
    assert_eq!(found, "NodeNotReady", "{answer:#}");
    let (found, answer) = category(json!({"error_message": "it is unwell", "target": {"kind": "node", "name": "node-a"}})).await;
    assert_eq!(found, "Healthy", "{answer:#}");
}

#[tokio::test]
async fn what_does_not_exist_is_said() {
    let (_, answer) =
        category(json!({"error_message": "it is unwell", "namespace": "healthy", "deployment_name": "nothing-like-it"})).await;
    assert!(gaps(&answer).contains("does not exist"), "{}", gaps(&answer));
    let (_, answer) =
        category(json!({"error_message": "it is unwell", "namespace": "healthy", "target": {"kind": "widget", "name": "web"}}))
            .await;
    assert!(gaps(&answer).contains("kind widget are not looked at"), "{}", gaps(&answer));
}

#[tokio::test]
async fn a_text_that_names_nothing_looks_at_nothing() {
    let api = FakeApi::zoo();
    let answer = diagnose(&app(&api), json!({"error_message": "java.lang.OutOfMemoryError: Java heap space"})).await;
    assert_eq!(answer["error_category"], "JVMHeapExhausted");
    assert!(gaps(&answer).contains("nothing was looked at"), "{}", gaps(&answer));
}

/// The root is at the other end of the connection.
#[tokio::test]
async fn trouble_of_another_workload_is_named_with_its_cause() {
    let api = FakeApi::of(dependent(true));
    let answer =
        diagnose(&app(&api), json!({"error_message": "shop fails", "namespace": "demo", "deployment_name": "shop"})).await;
    assert_eq!(answer["error_category"], "OOMKilled", "{answer:#}");
    assert!(words(&answer).contains("stock-db"), "{answer:#}");
    let api = FakeApi::of(dependent(false));
    let answer =
        diagnose(&app(&api), json!({"error_message": "shop fails", "namespace": "demo", "deployment_name": "shop"})).await;
    assert_eq!(answer["error_category"], "DatabaseConnectionError", "{answer:#}");
    assert!(words(&answer).contains("There is no Service named stock-db"), "{answer:#}");
}

/// A shop that cannot reach `stock-db`, which is out of memory, or is not there at all.
fn dependent(has_database: bool) -> Recording {
    let container = |name: &str, state: Value, last: Value| json!({"name": name, "ready": false, "restartCount": 9, "image": "i", "imageID": "", "state": state, "lastState": last});
    let looping = || json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container"}});
    let ended = |code: i32, reason: &str| json!({"terminated": {"exitCode": code, "reason": reason, "startedAt": "2026-11-21T06:00:00Z", "finishedAt": "2026-11-21T06:00:02Z"}});
    let make = |app: &str, end: Value| {
        let labels = json!({"app": app});
        let spec = json!({"containers": [{"name": "main", "image": "i", "resources": {"limits": {"memory": "64Mi"}}}]});
        let owner = |kind: &str, name: &str| json!([{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": name, "controller": true}]);
        vec![
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": app, "namespace": "demo"},
                "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}},
                "status": {"replicas": 1, "unavailableReplicas": 1}}),
            json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": format!("{app}-1"), "namespace": "demo", "labels": labels, "ownerReferences": owner("Deployment", app)},
                "spec": {"replicas": 1, "selector": {"matchLabels": labels}}}),
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": format!("{app}-1-aaaaa"), "namespace": "demo", "labels": labels, "creationTimestamp": "2026-11-21T05:00:00Z", "ownerReferences": owner("ReplicaSet", &format!("{app}-1"))},
                "spec": spec, "status": {"phase": "Running", "containerStatuses": [container("main", looping(), end)]}}),
        ]
    };
    let mut objects = make("shop", ended(1, "Error"));
    if has_database {
        objects.extend(make("stock-db", ended(137, "OOMKilled")));
        objects.push(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "stock-db", "namespace": "demo"},
            "spec": {"selector": {"app": "stock-db"}, "ports": [{"port": 5432}]}}));
    } else {
        objects.push(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "shop", "namespace": "demo"},
            "spec": {"selector": {"app": "shop"}, "ports": [{"port": 80}]}}));
    }
    let mut recording = Recording::from_objects(objects);
    recording.add_log(
        "demo",
        "shop-1-aaaaa",
        "main",
        faultline::cluster::recording::Run::Previous,
        "2026-11-21T06:00:01Z FATAL: connect to stock-db:5432 failed: Connection refused\n",
    );
    recording
}
