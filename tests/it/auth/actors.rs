//! What a caller does stands under the name that they proved.

use faultline::{
    auth::{Auth, AuthMode, AuthSettings},
    cluster::Cluster,
    incidents::Records,
};
use serde_json::json;

use super::{key_file, with};
use crate::{
    store::bed::{Bed, at, sighting},
    support::{TestApp, cli::Folder, json_request, settings},
};

#[tokio::test]
async fn notes_and_decisions_name_the_caller() {
    let bed = Bed::sqlite().await;
    let folder = Folder::new("auth-actors");
    let (text, [_, developer, admin]) = key_file();
    let file = folder.write("keys.yaml", text);
    let auth = AuthSettings { auth_mode: AuthMode::ApiKey, api_keys_file: Some(file.into()), ..AuthSettings::default() };
    let records = Records::of(bed.store.clone());
    let app = TestApp::guarded(Auth::open(&auth).expect("a good file"), settings(), |stages| stages.records = records.into());
    let id = bed.store.incidents().record(&sighting("api", "OOMKilled"), at(1)).await.expect("it is recorded").incident_id;
    let send = async |what: &str, key: &str, body: serde_json::Value| {
        let request = json_request(&format!("/incidents/{id}/{what}"), body.to_string());
        app.send(with(with(request, "x-api-key", key), "x-request-id", what)).await
    };
    assert_eq!(send("notes", &developer, json!({"text": "looking"})).await.status, 201);
    assert_eq!(send("notes", &developer, json!({"text": "for jane", "author": "jane"})).await.status, 201);
    assert_eq!(send("acknowledge", &developer, json!({"author": "ci"})).await.status, 200);
    assert_eq!(send("resolve", &admin, json!({"note": "it holds"})).await.status, 200);
    assert_eq!(send("resolve", &developer, json!({})).await.status, 200, "it is over already");

    let read = json_request(&format!("/incidents/{id}/timeline"), "");
    let (mut parts, body) = read.into_parts();
    parts.method = axum::http::Method::GET;
    let timeline = app.send(with(axum::http::Request::from_parts(parts, body), "x-api-key", &admin)).await.json();
    let entries = timeline["entries"].as_array().expect("entries");
    let actors: Vec<_> = entries.iter().skip(1).map(|entry| entry["actor"].as_str().unwrap_or("nobody")).collect();
    assert_eq!(actors, ["ci", "ci (on behalf of jane)", "ci", "ada"]);

    let rows = bed.store.audit().list(20, None).await.expect("it answers");
    let told: Vec<_> = rows
        .iter()
        .rev()
        .filter(|row| row.of_seq.is_none())
        .map(|row| (row.actor.as_str(), row.action.as_str(), row.request_id.as_deref(), row.incident_id.as_deref()))
        .collect();
    let incident = Some(id.as_str());
    assert_eq!(
        told,
        [
            ("ci", "note-incident", Some("notes"), incident),
            ("ci", "note-incident", Some("notes"), incident),
            ("ci", "acknowledge-incident", Some("acknowledge"), incident),
            ("ada", "resolve-incident", Some("resolve"), incident),
            ("ci", "resolve-incident", Some("resolve"), incident),
        ]
    );
    assert_eq!(rows.len(), 10, "each act has an outcome");
    assert_eq!(bed.store.audit().verify().await.expect("it answers").broken, None);
}

#[tokio::test]
async fn without_authentication_the_author_is_who_they_say() {
    let bed = Bed::sqlite().await;
    let app = TestApp::keeping(Records::of(bed.store.clone()), Cluster::none());
    let id = bed.store.incidents().record(&sighting("api", "OOMKilled"), at(1)).await.expect("it is recorded").incident_id;
    app.post(&format!("/incidents/{id}/notes"), &json!({"text": "looking", "author": "jane"})).await;
    let timeline = app.get(&format!("/incidents/{id}/timeline")).await.json();
    assert_eq!(timeline["entries"][1]["actor"], "jane");
    assert!(bed.store.audit().list(20, None).await.expect("it answers").is_empty(), "nobody proved anything");
}
