//! The three patches, and what each is refused with.

use serde_json::{Value, json};

use super::{DEPLOYMENT, JSON, MERGE, STRATEGIC, get, patch, shop};

#[tokio::test]
async fn a_version_that_is_not_the_newest_is_a_conflict() {
    let living = shop();
    let client = living.client();
    let before = get(&client, DEPLOYMENT).await.ok();
    living.edit(DEPLOYMENT, |object| object["metadata"]["annotations"]["who"] = "somebody".into());
    let change = json!({"metadata": {"resourceVersion": before["metadata"]["resourceVersion"]}, "spec": {"paused": true}});
    let said = patch(&client, DEPLOYMENT, MERGE, &change).await;
    assert_eq!(said.refusal(), (409, "Conflict"));
    assert_eq!(
        said.body["message"],
        "Operation cannot be fulfilled on deployments.apps \"api\": the object has been modified; please apply your changes to \
         the latest version and try again"
    );
    let now = get(&client, DEPLOYMENT).await.ok();
    let change = json!({"metadata": {"resourceVersion": now["metadata"]["resourceVersion"]}, "spec": {"paused": true}});
    assert_eq!(patch(&client, DEPLOYMENT, MERGE, &change).await.ok()["spec"]["paused"], true);
}

#[tokio::test]
async fn another_uid_is_invalid_because_a_uid_never_changes() {
    let living = shop();
    let change = json!({"metadata": {"uid": "another"}, "spec": {"paused": true}});
    let said = patch(&living.client(), DEPLOYMENT, MERGE, &change).await;
    assert_eq!(said.refusal(), (422, "Invalid"));
    assert_eq!(said.body["details"]["causes"][0]["field"], "metadata.uid");
}

#[tokio::test]
async fn a_json_patch_whose_test_fails_changes_nothing() {
    let living = shop();
    let client = living.client();
    let before = living.snapshot(DEPLOYMENT);
    let operations = json!([
        {"op": "replace", "path": "/spec/paused", "value": true},
        {"op": "test", "path": "/metadata/resourceVersion", "value": "1"},
    ]);
    for operations in [operations.clone(), json!([operations[1], {"op": "add", "path": "/spec/paused", "value": true}])] {
        let said = patch(&client, DEPLOYMENT, JSON, &operations).await;
        assert_eq!(said.refusal(), (422, "Invalid"));
        assert_eq!(said.body["message"], "the server rejected our request due to an error in our request");
    }
    assert_eq!(living.snapshot(DEPLOYMENT), before);
    let version = &before["metadata"]["resourceVersion"];
    let operations = json!([
        {"op": "test", "path": "/metadata/resourceVersion", "value": version},
        {"op": "add", "path": "/metadata/annotations/example.com~1why", "value": "because"},
        {"op": "copy", "from": "/spec/replicas", "path": "/spec/minReadySeconds"},
    ]);
    let after = patch(&client, DEPLOYMENT, JSON, &operations).await.ok();
    assert_eq!(after["metadata"]["annotations"]["example.com/why"], "because");
    assert_eq!(after["spec"]["minReadySeconds"], 3);
}

#[tokio::test]
async fn a_merge_patch_replaces_lists_and_a_strategic_one_merges_containers() {
    let living = shop();
    let client = living.client();
    let change = json!({"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "registry.example/side:1"}]}}}});
    let merged = patch(&client, &format!("{DEPLOYMENT}?dryRun=All"), MERGE, &change).await.ok();
    assert_eq!(merged["spec"]["template"]["spec"]["containers"].as_array().map(Vec::len), Some(1));
    let merged = patch(&client, &format!("{DEPLOYMENT}?dryRun=All"), STRATEGIC, &change).await.ok();
    assert_eq!(merged["spec"]["template"]["spec"]["containers"].as_array().map(Vec::len), Some(2));
    let change =
        json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "resources": {"limits": {"memory": "512Mi"}}}]}}}});
    let merged = patch(&client, DEPLOYMENT, STRATEGIC, &change).await.ok();
    let app = &merged["spec"]["template"]["spec"]["containers"][0];
    assert_eq!((&app["image"], &app["resources"]["limits"]["memory"]), (&json!("registry.example/api:1.4"), &json!("512Mi")));
}

#[tokio::test]
async fn server_side_apply_and_unknown_patches_are_not_taken() {
    let living = shop();
    for content_type in ["application/apply-patch+yaml", "application/json", "text/plain"] {
        let said = patch(&living.client(), DEPLOYMENT, content_type, &json!({})).await;
        assert_eq!(said.refusal(), (415, "UnsupportedMediaType"));
    }
}

#[tokio::test]
async fn nothing_changed_is_no_new_version_and_metadata_alone_no_new_generation() {
    let living = shop();
    let client = living.client();
    let before = living.snapshot(DEPLOYMENT);
    let same = patch(&client, DEPLOYMENT, MERGE, &json!({"spec": {"replicas": 3}})).await.ok();
    assert_eq!(same, before.0);
    let labelled = patch(&client, DEPLOYMENT, MERGE, &json!({"metadata": {"labels": {"team": "checkout"}}})).await.ok();
    assert_ne!(labelled["metadata"]["resourceVersion"], before["metadata"]["resourceVersion"]);
    assert_eq!(labelled["metadata"]["generation"], before["metadata"]["generation"]);
    let changed = patch(&client, DEPLOYMENT, MERGE, &json!({"spec": {"replicas": 4}})).await.ok();
    assert_eq!(changed["metadata"]["generation"].as_i64(), before["metadata"]["generation"].as_i64().map(|one| one + 1));
    // A status has a sub-resource of its own, so this changes nothing.
    let now = living.snapshot(DEPLOYMENT);
    let status = patch(&client, DEPLOYMENT, MERGE, &json!({"status": {"replicas": 99}})).await.ok();
    assert_eq!(status, now.0);
}

#[tokio::test]
async fn fields_that_do_not_exist_are_dropped_with_a_warning_or_refused() {
    let living = shop();
    let client = living.client();
    let change = json!({"spec": {"replica": 5}});
    let said = patch(&client, DEPLOYMENT, MERGE, &change).await;
    assert_eq!(said.warnings, ["299 - \"unknown field \\\"spec.replica\\\"\""]);
    assert_eq!(said.ok()["spec"]["replica"], Value::Null);
    let strict = patch(&client, &format!("{DEPLOYMENT}?fieldValidation=Strict"), MERGE, &change).await;
    assert_eq!(strict.refusal(), (422, "Invalid"));
    let wrong = patch(&client, DEPLOYMENT, MERGE, &json!({"spec": {"replicas": "many"}})).await;
    assert_eq!(wrong.refusal(), (422, "Invalid"));
    assert_eq!(wrong.body["details"]["causes"][0]["field"], "patch");
}
