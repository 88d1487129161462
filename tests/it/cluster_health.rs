//! The whole cluster through the public door: what is unwell, once each; nothing that is well; and what could not be seen.

mod big;
mod cached;
mod faults;
mod innocent;
mod zoo;

use std::sync::Arc;

use faultline::{
    app,
    cluster::{Cluster, recording::Recording},
    config::KnowledgeSettings,
    http,
};
use serde_json::Value;

use crate::support::{TestApp, kubernetes::FakeApi, settings};

/// The service over a cluster.
fn service(cluster: Cluster) -> TestApp {
    let stages = app::stages_of(&KnowledgeSettings::default(), cluster).expect("the built-in parts fit together");
    TestApp { router: http::router(Arc::new(stages), settings()) }
}

fn over(api: &FakeApi) -> TestApp {
    service(Cluster::of_client(api.client()))
}

async fn health(app: &TestApp, path: &str) -> Value {
    let answer = app.get(path).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// Objects with their categories.
fn problems(health: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let problems = health["problems"].as_array().expect("problems");
    problems.iter().map(|problem| (text(&problem["object"]), text(&problem["category"]))).collect()
}

/// Gaps as `what: why`.
fn gaps(health: &Value) -> Vec<String> {
    let gaps = health["gaps"].as_array().expect("gaps");
    gaps.iter().map(|gap| format!("{}: {}", gap["what"].as_str().expect("what"), gap["why"].as_str().expect("why"))).collect()
}

/// A cluster of these objects alone; lists of everything that is swept exist.
fn of_objects(objects: &[Value]) -> Recording {
    let kinds = [
        ("v1", "Pod"),
        ("v1", "Node"),
        ("v1", "Namespace"),
        ("v1", "Service"),
        ("v1", "Event"),
        ("v1", "PersistentVolumeClaim"),
        ("apps/v1", "Deployment"),
        ("apps/v1", "StatefulSet"),
        ("apps/v1", "DaemonSet"),
        ("batch/v1", "Job"),
        ("batch/v1", "CronJob"),
        ("autoscaling/v2", "HorizontalPodAutoscaler"),
        ("storage.k8s.io/v1", "StorageClass"),
    ];
    let empty =
        kinds.map(|(version, kind)| format!(r#"{{"apiVersion":"{version}","kind":"{kind}List","metadata":{{}},"items":[]}}"#));
    Recording::from_texts(objects.iter().map(Value::to_string).chain(empty))
}
