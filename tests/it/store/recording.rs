//! Which diagnoses leave an incident behind, and which nothing.

use faultline::{
    cluster::Cluster,
    domain::incident::IncidentFilter,
    incidents::{Listed, Records, Store},
};
use serde_json::{Value, json};

use super::bed::Bed;
use crate::support::{TestApp, kubernetes::recorded};

async fn count(store: &Store) -> usize {
    let page = store.incidents().list(&IncidentFilter::default(), &Listed { limit: 200, after: None }).await.expect("it answers");
    page.incidents.len()
}

#[tokio::test]
async fn only_trouble_of_something_named_is_recorded() {
    let bed = Bed::sqlite().await;
    let app = TestApp::keeping(Records::of(bed.store.clone()), Cluster::none());
    let nothing = [
        json!({"error_message": "OOMKilled"}),
        json!({"error_message": "OOMKilled", "namespace": "shop"}),
        json!({"error_message": "all is fine", "namespace": "shop", "pod_name": "api-0"}),
        json!({"error_message": "error: frobnication of the widget failed", "pod_name": "api-0"}),
    ];
    for body in nothing {
        assert_eq!(app.post("/diagnose", &body).await.json()["incident_id"], Value::Null, "{body}");
    }
    assert_eq!(count(&bed.store).await, 0);
    // What a client says is data: it cannot break out of a statement, and a zero byte breaks nothing.
    let hostile = json!({"error_message": "OOMKilled '); DROP TABLE incidents; --\u{0}", "pod_name": "api-0"});
    assert!(app.post("/diagnose", &hostile).await.json()["incident_id"].is_string());
    assert_eq!(count(&bed.store).await, 1);
}

#[tokio::test]
async fn a_workload_seen_in_the_cluster_is_one_incident_however_it_is_asked_for() {
    let bed = Bed::sqlite().await;
    let zoo = Cluster::of_recording(recorded("zoo"));
    let app = TestApp::keeping(Records::of(bed.store.clone()), zoo);
    let by_field = json!({"error_message": "what is wrong?", "namespace": "crash-db", "deployment_name": "orders"});
    let by_target =
        json!({"error_message": "it restarts", "namespace": "crash-db", "target": {"kind": "deployment", "name": "orders"}});
    let first = app.post("/diagnose", &by_field).await.json();
    assert!(first["incident_id"].is_string(), "{first}");
    assert_eq!(app.post("/diagnose", &by_target).await.json()["incident_id"], first["incident_id"]);
    assert_eq!(count(&bed.store).await, 1);
    let id = first["incident_id"].as_str().expect("an id");
    let incident = app.get(&format!("/incidents/{id}")).await.json();
    assert_eq!(incident["category"], first["error_category"]);
    let detection = incident["detection_seconds"].as_f64().expect("a number");
    // The recording is of another day: its own times count, not the distance to today.
    assert!(detection < 7.0 * 24.0 * 3600.0, "{detection}");
}

#[tokio::test]
async fn what_many_ask_at_once_is_recorded_whole() {
    let bed = Bed::sqlite().await;
    let app = TestApp::keeping(Records::of(bed.store.clone()), Cluster::none());
    let ask = async |number: usize| {
        let question = json!({"error_message": format!("OOMKilled, said {number} times"), "namespace": "shop", "pod_name": format!("api-{}", number % 2)});
        app.post("/diagnose", &question).await.json()["incident_id"].as_str().expect("an incident").to_owned()
    };
    let ids: Vec<String> = futures_util::future::join_all((0..120).map(ask)).await;
    for (number, id) in ids[..2].iter().enumerate() {
        assert!(ids.iter().skip(number).step_by(2).all(|one| one == id), "one incident for each pod");
        let incident = app.get(&format!("/incidents/{id}")).await.json();
        assert_eq!(incident["diagnoses"], 60, "{incident}");
        let timeline = app.get(&format!("/incidents/{id}/timeline")).await.json();
        let entries = timeline["entries"].as_array().expect("entries");
        let count = |kind: &str| entries.iter().filter(|entry| entry["kind"] == kind).count();
        assert_eq!((count("diagnosis"), count("finding")), (60, 1), "{timeline}");
    }
    assert_eq!(count(&bed.store).await, 2);
}

#[tokio::test]
async fn a_store_that_fails_is_a_gap() {
    let bed = Bed::sqlite().await;
    let app = TestApp::keeping(Records::of(bed.store.clone()), Cluster::none());
    bed.execute("DROP TABLE diagnoses").await.expect("somebody breaks it");
    let answer = app.post("/diagnose", &json!({"error_message": "OOMKilled", "pod_name": "api-0"})).await;
    assert_eq!(answer.status, 200);
    let answer = answer.json();
    assert_eq!(answer["incident_id"], Value::Null);
    assert!(answer["gaps"].as_array().expect("gaps").iter().any(|gap| gap["stage"] == "record"), "{answer}");
    assert_eq!(count(&bed.store).await, 0, "half of an incident is none");
}
