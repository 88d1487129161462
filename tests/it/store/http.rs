//! Incidents over HTTP: paged, filtered, changed, with honest refusals.

use axum::{body::Body, http::Request};
use faultline::{
    cluster::Cluster,
    incidents::{Place, Records},
};
use serde_json::{Value, json};

use super::bed::{Bed, at, sighting};
use crate::{http::contract::conforms, support::TestApp};

fn app(bed: &Bed) -> TestApp {
    TestApp::keeping(Records::of(bed.store.clone()), Cluster::none())
}

async fn record(bed: &Bed, name: &str, seconds: i64) -> String {
    bed.store.incidents().record(&sighting(name, "OOMKilled"), at(seconds)).await.expect("it is recorded").incident_id
}

#[tokio::test]
async fn a_diagnosis_is_found_read_noted_and_resolved() {
    let bed = Bed::sqlite().await;
    let app = app(&bed);
    let asked =
        json!({"error_message": "Last State: Terminated, Reason: OOMKilled", "namespace": "shop", "deployment_name": "api"});
    let diagnosis = app.post("/diagnose", &asked).await.json();
    conforms("Diagnosis", &diagnosis);
    let id = diagnosis["incident_id"].as_str().expect("an incident").to_owned();
    let again = app.post("/diagnose", &asked).await.json();
    assert_eq!(again["incident_id"], diagnosis["incident_id"], "an answer that is remembered is recorded as well");
    assert_ne!(again["request_id"], diagnosis["request_id"]);

    let list = app.get("/incidents").await.json();
    conforms("IncidentList", &list);
    assert_eq!((list["incidents"].as_array().map(Vec::len), &list["next_cursor"]), (Some(1), &Value::Null));

    let read = app.get(&format!("/incidents/{id}")).await;
    let incident = read.json();
    conforms("IncidentDetail", &incident);
    assert_eq!(incident["diagnoses"], 2);
    assert_eq!(incident["target"], json!({"kind": "deployment", "namespace": "shop", "name": "api"}));
    assert_eq!(incident["diagnosis"], again, "the latest, as it was handed out");
    let etag = read.header("etag").to_owned();
    let ask_again = async |etag: &str| {
        let path = format!("/api/v1/incidents/{id}");
        app.send(Request::get(path).header("if-none-match", etag).body(Body::empty()).expect("a request")).await
    };
    let same = ask_again(&format!("\"other\", W/{etag}")).await;
    assert_eq!((same.status.as_u16(), same.body.len(), same.header("etag")), (304, 0, etag.as_str()));

    let noted = app.post(&format!("/incidents/{id}/notes"), &json!({"text": "  rolled back to v41 ", "author": "ada"})).await;
    assert_eq!(noted.status, 201);
    conforms("IncidentDetail", &noted.json());
    assert_eq!(ask_again(&etag).await.status, 200, "it changed");
    let found = app.get("/incidents?q=ROLLED%20v41&status=open,acknowledged&namespace=shop&target=deployment/api").await.json();
    assert_eq!(found["incidents"][0]["id"], *id);
    assert_eq!(app.post(&format!("/incidents/{id}/acknowledge"), &json!({})).await.json()["status"], "acknowledged");
    let resolved = app.post(&format!("/incidents/{id}/resolve"), &json!({"note": "it holds"})).await;
    assert_eq!((resolved.status.as_u16(), &resolved.json()["status"]), (200, &json!("resolved")));
    assert_eq!(app.post(&format!("/incidents/{id}/resolve"), &json!({})).await.json(), resolved.json(), "twice is once");

    let timeline = app.get(&format!("/incidents/{id}/timeline")).await.json();
    conforms("Timeline", &timeline);
    let entries = timeline["entries"].as_array().expect("entries");
    let kinds: Vec<&str> = entries.iter().filter_map(|entry| entry["kind"].as_str()).collect();
    assert_eq!(kinds, ["diagnosis", "finding", "diagnosis", "note", "acknowledged", "resolved"]);
    assert_eq!(entries[1]["summary"], "OOMKilled (root_cause)");
    assert_eq!(entries[1]["details"]["evidence"][0]["text"], diagnosis["evidence"][0]["text"]);
    assert_eq!((&entries[3]["summary"], &entries[3]["actor"]), (&json!("rolled back to v41"), &json!("ada")));
    let stats = app.get("/incidents/stats?until=2099-01-01T00:00:00Z&since=2020-01-01T00:00:00Z").await.json();
    conforms("IncidentStats", &stats);
    assert_eq!((&stats["incidents"], &stats["by_status"]), (&json!(1), &json!({"resolved": 1})));
    conforms("IncidentStats", &app.get("/incidents/stats").await.json());
}

#[tokio::test]
async fn pages_follow_their_cursors() {
    let bed = Bed::sqlite().await;
    for number in 0..5 {
        record(&bed, &format!("app-{number}"), number).await;
    }
    let app = app(&bed);
    let (mut seen, mut path) = (Vec::new(), "/incidents?limit=2".to_owned());
    loop {
        let page = app.get(&path).await.json();
        conforms("IncidentList", &page);
        seen.extend(page["incidents"].as_array().expect("a list").iter().map(|one| one["target"]["name"].clone()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/incidents?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, ["app-4", "app-3", "app-2", "app-1", "app-0"]);
}

#[tokio::test]
async fn what_is_wrong_is_pointed_at() {
    let bed = Bed::sqlite().await;
    let app = app(&bed);
    let id = record(&bed, "api", 0).await;
    let queries = [
        ("status=gone", "#/status"),
        ("severity=LOUD", "#/severity"),
        ("category=a%20b", "#/category"),
        ("namespace=Shop", "#/namespace"),
        ("target=a/b/c/d", "#/target"),
        ("since=yesterday", "#/since"),
        ("until=2026-13-01T00:00:00Z", "#/until"),
        ("limit=0", "#/limit"),
        ("limit=201", "#/limit"),
        ("limit=2&limit=3", "#/limit"),
        ("cursor=' OR 1=1", "#/cursor"),
        ("colour=red", "#/colour"),
    ];
    for (query, pointer) in queries {
        let answer = app.get(&format!("/incidents?{}", query.replace(' ', "%20"))).await;
        assert_eq!(answer.problem(), (422, "invalid-request".to_owned(), vec![pointer.to_owned()]), "{query}");
    }
    let long = format!("/incidents?q={}", "a".repeat(257));
    assert_eq!(app.get(&long).await.problem().2, ["#/q"]);
    assert_eq!(app.get("/incidents/stats?since=2026-03-01T00:00:00Z&until=2026-02-01T00:00:00Z").await.problem().2, ["#/since"]);

    let notes = format!("/incidents/{id}/notes");
    let bodies = [
        (json!({}), "#/text"),
        (json!({"text": "  "}), "#/text"),
        (json!({"text": "é".repeat(4097)}), "#/text"),
        (json!({"text": 7}), "#/text"),
        (json!({"text": "x", "author": "a".repeat(129)}), "#/author"),
        (json!({"text": "x", "mood": "good"}), "#/mood"),
    ];
    for (body, pointer) in bodies {
        assert_eq!(
            app.post(&notes, &body).await.problem(),
            (422, "invalid-request".to_owned(), vec![pointer.to_owned()]),
            "{body}"
        );
    }
    assert_eq!(app.post(&notes, &json!({"text": "é".repeat(4096)})).await.status, 201);
    assert_eq!(app.post_text(&notes, "{").await.problem().1, "invalid-json");

    for unknown in ["019c75a1-5b40-7d2e-8a53-6b1f0c9d2e47", "nothing", "%00", "'%20OR%201=1"] {
        for path in [format!("/incidents/{unknown}"), format!("/incidents/{unknown}/timeline")] {
            assert_eq!(app.get(&path).await.problem().1, "incident-not-found", "{path}");
        }
        let note = app.post(&format!("/incidents/{unknown}/notes"), &json!({"text": "x"})).await;
        assert_eq!(note.problem().0, 404);
        assert_eq!(app.post(&format!("/incidents/{unknown}/resolve"), &json!({})).await.problem().0, 404);
    }
}

#[tokio::test]
async fn without_a_store_there_are_reasons_and_everything_else_works() {
    let nowhere = Records::open(Place::Nowhere("no place was given"), at(0)).await.expect("no reason to stop");
    let app = TestApp::keeping(nowhere, Cluster::none());
    for path in ["/incidents", "/incidents/stats", "/incidents/019c", "/incidents/019c/timeline"] {
        let answer = app.get(path).await;
        assert_eq!((answer.problem().0, answer.problem().1.as_str()), (503, "no-store"), "{path}");
        assert_eq!(answer.json()["detail"], "no place was given");
    }
    let named = app.post("/diagnose", &json!({"error_message": "OOMKilled", "pod_name": "api-0"})).await.json();
    assert_eq!((&named["error_category"], &named["incident_id"]), (&json!("OOMKilled"), &Value::Null));
    let is_gap = |gap: &Value| gap["stage"] == "record" && gap["why"] == "no place was given";
    assert!(named["gaps"].as_array().expect("gaps").iter().any(is_gap), "{named}");
    let unnamed = app.post("/diagnose", &json!({"error_message": "OOMKilled"})).await.json();
    assert!(!unnamed["gaps"].as_array().expect("gaps").iter().any(is_gap), "there was nothing to record");
    let off = TestApp::new();
    assert_eq!(off.get("/incidents").await.problem().1, "no-store");
}

#[tokio::test]
async fn a_parameter_without_a_value_is_refused_unless_nothing_is_a_value() {
    let bed = Bed::sqlite().await;
    let app = app(&bed);
    record(&bed, "api", 0).await;
    for name in ["since", "until", "limit", "cursor", "category", "namespace", "target"] {
        assert_eq!(app.get(&format!("/incidents?{name}=")).await.problem().2, [format!("#/{name}")]);
    }
    assert_eq!(app.get("/incidents/stats?until=").await.problem().2, ["#/until"]);
    for namespace in ["a.b".to_owned(), "0".repeat(64)] {
        assert_eq!(app.get(&format!("/incidents?namespace={namespace}")).await.problem().2, ["#/namespace"], "{namespace}");
    }
    for query in ["q=", "status=", "severity=", "target=deployment/api"] {
        let found = app.get(&format!("/incidents?{query}")).await.json();
        assert_eq!(found["incidents"].as_array().map(Vec::len), Some(1), "{query}");
    }
    // Nothing is called so, and it is no mistake to ask.
    for target in ["0".repeat(400), "deployment/shop/".to_owned() + &"a.".repeat(150) + "a", "-".to_owned()] {
        assert_eq!(app.get(&format!("/incidents?target={target}")).await.json()["incidents"], json!([]), "{target}");
    }
}
