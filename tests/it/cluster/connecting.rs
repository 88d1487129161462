//! Being connected, or not, over a real socket.

use std::time::Duration;

use faultline::cluster::{Cluster, ClusterSettings, Connection};
use serde_json::json;

use super::gaps;
use crate::support::{TestApp, kubernetes::FakeApi};

fn settings(kubeconfig: std::path::PathBuf, context: Option<&str>) -> ClusterSettings {
    ClusterSettings {
        kubeconfig: Some(kubeconfig),
        kube_context: context.map(str::to_owned),
        collect_timeout_seconds: 20,
        ..ClusterSettings::default()
    }
}

#[tokio::test]
async fn a_kubeconfig_leads_to_its_cluster() {
    let server = FakeApi::zoo().listen().await;
    let cluster = Cluster::open(&settings(server.kubeconfig(), None)).expect("settings");
    assert!(!cluster.is_connected(), "nothing is reached before it is tried");
    cluster.connect(Duration::from_secs(5)).await;
    assert!(matches!(cluster.connection(), Connection::Connected { version } if version.starts_with('v')));
    let app = TestApp::looking_at(cluster);
    let body = json!({"error_message": "orders keeps restarting", "namespace": "crash-db", "deployment_name": "orders"});
    assert_eq!(app.post("/diagnose", &body).await.json()["error_category"], "DatabaseConnectionError");
    assert_eq!(app.get("/health").await.json()["k8s_connected"], true);
}

#[tokio::test]
async fn a_cluster_that_is_away_is_a_gap() {
    let server = FakeApi::zoo().listen().await;
    let gone = Cluster::open(&settings(server.kubeconfig(), Some("gone"))).expect("settings");
    gone.connect(Duration::from_secs(5)).await;
    let app = TestApp::looking_at(gone);
    let answer = app.post("/diagnose", &json!({"error_message": "OOMKilled", "namespace": "oom"})).await.json();
    assert_eq!(answer["error_category"], "OOMKilled");
    assert!(gaps(&answer).contains("no cluster was looked at"), "{}", gaps(&answer));
    assert_eq!(app.get("/health").await.json()["k8s_connected"], false);
}

#[tokio::test]
async fn a_cluster_that_comes_back_is_used_again() {
    let server = FakeApi::zoo().listen().await;
    let path = server.kubeconfig();
    let text = std::fs::read_to_string(&path).expect("the kubeconfig");
    std::fs::write(&path, "not: [valid").expect("a writable file");
    let cluster = Cluster::open(&settings(path.clone(), None)).expect("settings");
    cluster.connect(Duration::from_secs(5)).await;
    assert!(matches!(cluster.connection(), Connection::None { why } if why.contains("kubeconfig")));
    std::fs::write(&path, text).expect("a writable file");
    cluster.connect(Duration::from_secs(5)).await;
    assert!(cluster.is_connected());
}

#[tokio::test]
async fn wrong_settings_of_a_cluster_stop_nothing() {
    let missing = ClusterSettings { kubeconfig: Some("no/such/file".into()), ..ClusterSettings::default() };
    let cluster = Cluster::open(&missing).expect("settings");
    cluster.connect(Duration::from_secs(5)).await;
    assert!(!cluster.is_connected());
    let none = Cluster::open(&ClusterSettings { no_cluster: true, ..ClusterSettings::default() }).expect("settings");
    none.connect(Duration::from_secs(5)).await;
    assert!(!none.is_connected());
}
