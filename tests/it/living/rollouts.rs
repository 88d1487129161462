//! Deployments on their way from one template to the next.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{DEPLOYMENT, JSON, MERGE, condition, get, patch, shop};
use crate::support::living::{Living, Pace, Trouble};

fn image(image: &str) -> Value {
    json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "image": image}]}}}})
}

fn is_bad(template: &Value) -> bool {
    template["spec"]["containers"][0]["image"].as_str().is_some_and(|image| image.ends_with(":bad"))
}

/// What `kubectl rollout status` waits for.
fn is_rolled_out(deployment: &Value) -> bool {
    let status = |field: &str| deployment["status"][field].as_i64().unwrap_or_default();
    let wanted = deployment["spec"]["replicas"].as_i64().expect("replicas");
    let is_observed = deployment["metadata"]["generation"] == deployment["status"]["observedGeneration"];
    is_observed && [status("updatedReplicas"), status("replicas"), status("availableReplicas")] == [wanted; 3]
}

fn revision(living: &Living) -> String {
    let deployment = living.snapshot(DEPLOYMENT);
    deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"].as_str().expect("a revision").to_owned()
}

/// As kubectl undoes a rollout: the template of the older replica set, tested against the version that was seen.
async fn undo(living: &Living, to_revision: &str) {
    let sets = living.all("ReplicaSet", "shop");
    let annotation = "deployment.kubernetes.io/revision";
    let set = sets.iter().find(|set| set["metadata"]["annotations"][annotation] == to_revision).expect("a revision");
    let mut template = set["spec"]["template"].clone();
    template["metadata"]["labels"].as_object_mut().expect("labels").shift_remove("pod-template-hash");
    let version = living.snapshot(DEPLOYMENT)["metadata"]["resourceVersion"].clone();
    let operations = json!([
        {"op": "test", "path": "/metadata/resourceVersion", "value": version},
        {"op": "replace", "path": "/spec/template", "value": template},
    ]);
    patch(&living.client(), DEPLOYMENT, JSON, &operations).await.ok();
}

#[tokio::test]
async fn a_new_template_replaces_the_pods_under_a_new_revision() {
    let living = shop();
    let before = living.all("Pod", "shop");
    let restart = json!({"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "2026-03-04T10:05:00Z"}}}}});
    patch(&living.client(), DEPLOYMENT, MERGE, &restart).await.ok();
    let after = get(&living.client(), DEPLOYMENT).await.ok();
    assert!(is_rolled_out(&after), "{:#}", after["status"]);
    assert_eq!(condition(&after, "Progressing")["reason"], "NewReplicaSetAvailable");
    assert_eq!(condition(&after, "Available")["status"], "True");
    assert_eq!(revision(&living), "2");
    let pods = living.all("Pod", "shop");
    assert_eq!(pods.len(), 3);
    assert!(pods.iter().all(|pod| before.iter().all(|old| old["metadata"]["uid"] != pod["metadata"]["uid"])));
    let sets = living.all("ReplicaSet", "shop");
    assert_eq!(sets.len(), 2);
    for set in &sets {
        let hash = &set["metadata"]["labels"]["pod-template-hash"];
        assert_eq!(set["spec"]["selector"]["matchLabels"]["pod-template-hash"], *hash);
        assert_eq!(set["metadata"]["name"], format!("api-{}", hash.as_str().expect("a hash")));
    }
}

#[tokio::test]
async fn a_rollout_to_a_bad_template_exceeds_its_deadline_and_keeps_the_old_pods() {
    let living = shop();
    living.template_is_bad(is_bad);
    patch(&living.client(), DEPLOYMENT, MERGE, &image("registry.example/api:bad")).await.ok();
    let stuck = living.snapshot(DEPLOYMENT);
    let progressing = condition(&stuck, "Progressing");
    assert_eq!((&progressing["status"], &progressing["reason"]), (&json!("False"), &json!("ProgressDeadlineExceeded")));
    assert_eq!(condition(&stuck, "Available")["status"], "True");
    assert_eq!((&stuck["status"]["updatedReplicas"], &stuck["status"]["availableReplicas"]), (&json!(1), &json!(3)));
    assert!(!is_rolled_out(&stuck));
    let crashing = living.all("Pod", "shop").into_iter().find(|pod| is_bad(pod)).expect("a bad pod");
    let status = &crashing["status"]["containerStatuses"][0];
    assert_eq!(status["state"]["waiting"]["reason"], "CrashLoopBackOff");
    assert_eq!(status["lastState"]["terminated"]["exitCode"], 1);
}

#[tokio::test]
async fn an_undo_takes_the_older_replica_set_up_again() {
    let living = shop();
    let before = living.snapshot(DEPLOYMENT);
    let pods = living.all("Pod", "shop");
    living.template_is_bad(is_bad);
    living.new_revision("shop", "api", |template| template["spec"]["containers"][0]["image"] = "registry.example/api:bad".into());
    undo(&living, "1").await;
    let after = living.snapshot(DEPLOYMENT);
    assert!(is_rolled_out(&after), "{:#}", after["status"]);
    assert_eq!(condition(&after, "Progressing")["reason"], "NewReplicaSetAvailable");
    assert_eq!(revision(&living), "3");
    assert_eq!(living.all("ReplicaSet", "shop").len(), 2);
    assert_eq!(after.without_noise(), before.without_noise());
    let uids =
        |all: &[crate::support::living::Snapshot]| all.iter().map(|pod| pod["metadata"]["uid"].clone()).collect::<Vec<_>>();
    assert_eq!(uids(&living.all("Pod", "shop")), uids(&pods), "the pods that ran well stay");
}

#[tokio::test]
async fn a_memory_limit_that_is_too_low_kills_until_it_is_raised() {
    let living = shop();
    living.template_trouble(|template| {
        let limit = &template["spec"]["containers"][0]["resources"]["limits"]["memory"];
        (limit == "256Mi").then_some(Trouble::OutOfMemory)
    });
    let sick = living.snapshot(DEPLOYMENT);
    assert_eq!(condition(&sick, "Available")["status"], "False");
    // A deployment that was rolled out once is not called late when its pods die later.
    assert_eq!(condition(&sick, "Progressing")["reason"], "NewReplicaSetAvailable");
    let pod = living.all("Pod", "shop").remove(0);
    assert_eq!(pod["status"]["containerStatuses"][0]["lastState"]["terminated"]["reason"], "OOMKilled");
    let raise = json!([{"op": "replace", "path": "/spec/template/spec/containers/0/resources/limits/memory", "value": "512Mi"}]);
    patch(&living.client(), DEPLOYMENT, JSON, &raise).await.ok();
    assert!(is_rolled_out(&living.snapshot(DEPLOYMENT)));
}

#[tokio::test]
async fn a_paused_deployment_is_scaled_and_not_rolled_out() {
    let living = shop();
    let client = living.client();
    patch(&client, DEPLOYMENT, MERGE, &json!({"spec": {"paused": true}})).await.ok();
    assert_eq!(condition(&living.snapshot(DEPLOYMENT), "Progressing")["reason"], "DeploymentPaused");
    patch(&client, DEPLOYMENT, MERGE, &image("registry.example/api:1.5")).await.ok();
    patch(&client, &format!("{DEPLOYMENT}/scale"), MERGE, &json!({"spec": {"replicas": 4}})).await.ok();
    let paused = living.snapshot(DEPLOYMENT);
    assert_eq!(living.all("ReplicaSet", "shop").len(), 1);
    assert_eq!((&paused["status"]["availableReplicas"], &paused["status"]["updatedReplicas"]), (&json!(4), &Value::Null));
    patch(&client, DEPLOYMENT, MERGE, &json!({"spec": {"paused": null}})).await.ok();
    assert!(is_rolled_out(&living.snapshot(DEPLOYMENT)));
    assert_eq!(revision(&living), "2");
}

#[tokio::test]
async fn a_rollout_goes_step_by_step_when_the_test_gives_the_pace() {
    let living = shop().paced(Pace::Manual);
    patch(&living.client(), DEPLOYMENT, MERGE, &image("registry.example/api:1.5")).await.ok();
    let unseen = living.snapshot(DEPLOYMENT);
    assert_ne!(unseen["metadata"]["generation"], unseen["status"]["observedGeneration"]);
    let mut most = 0;
    let mut least = 3;
    let mut ticks = 0;
    while !is_rolled_out(&living.snapshot(DEPLOYMENT)) {
        living.tick();
        ticks += 1;
        assert!(ticks < 100, "{:#}", living.snapshot(DEPLOYMENT)["status"]);
        let status = living.snapshot(DEPLOYMENT)["status"].clone();
        most = most.max(status["replicas"].as_i64().unwrap_or_default());
        least = least.min(status["availableReplicas"].as_i64().unwrap_or_default());
    }
    // A quarter of three is one more (rounded up), and none less (rounded down).
    assert_eq!((most, least), (4, 3));
    assert!(ticks > 3);
}

#[tokio::test]
async fn to_recreate_is_to_have_none_in_between() {
    let living = shop();
    let strategy = json!({"spec": {"strategy": {"type": "Recreate", "rollingUpdate": null}}});
    patch(&living.client(), DEPLOYMENT, MERGE, &strategy).await.ok();
    let living = living.paced(Pace::Manual);
    patch(&living.client(), DEPLOYMENT, MERGE, &image("registry.example/api:1.5")).await.ok();
    let (mut most, mut least) = (0, 3);
    while living.tick() {
        let pods = living.all("Pod", "shop").len();
        (most, least) = (most.max(pods), least.min(pods));
    }
    assert_eq!((most, least), (3, 0));
    assert!(is_rolled_out(&living.snapshot(DEPLOYMENT)));
}

#[tokio::test]
async fn a_rollout_that_is_stuck_is_scaled_on_both_sides() {
    let living = shop();
    living.template_is_bad(is_bad);
    patch(&living.client(), DEPLOYMENT, MERGE, &image("registry.example/api:bad")).await.ok();
    patch(&living.client(), &format!("{DEPLOYMENT}/scale"), MERGE, &json!({"spec": {"replicas": 6}})).await.ok();
    let deployment = living.snapshot(DEPLOYMENT);
    // A quarter of six, rounded up, may be on top, so eight in all: six and two by the proportion of before. A quarter, rounded
    // down, may be missing, so one of the good ones still makes room for another new one.
    let (good, bad): (Vec<_>, Vec<_>) = living.all("Pod", "shop").into_iter().partition(|pod| !is_bad(pod));
    assert_eq!((good.len(), bad.len()), (5, 3), "{:#}", deployment["status"]);
    assert_eq!(deployment["status"]["availableReplicas"], 5);
    assert!(!is_rolled_out(&deployment));
}

#[tokio::test]
async fn the_history_is_as_long_as_the_deployment_says() {
    let living = shop();
    patch(&living.client(), DEPLOYMENT, MERGE, &json!({"spec": {"revisionHistoryLimit": 2}})).await.ok();
    for version in 5..10 {
        patch(&living.client(), DEPLOYMENT, MERGE, &image(&format!("registry.example/api:1.{version}"))).await.ok();
    }
    assert_eq!(revision(&living), "6");
    let annotation = "deployment.kubernetes.io/revision";
    let sets = living.all("ReplicaSet", "shop");
    let mut revisions: Vec<&str> = sets.iter().filter_map(|set| set["metadata"]["annotations"][annotation].as_str()).collect();
    revisions.sort_unstable();
    assert_eq!(revisions, ["4", "5", "6"]);
}

#[tokio::test]
async fn a_deadline_passes_by_the_clock_of_the_cluster() {
    let living = shop().paced(Pace::Manual);
    living.template_is_bad(is_bad);
    patch(&living.client(), DEPLOYMENT, MERGE, &image("registry.example/api:bad")).await.ok();
    while living.tick() {}
    assert_eq!(condition(&living.snapshot(DEPLOYMENT), "Progressing")["reason"], "ReplicaSetUpdated");
    living.advance(SignedDuration::from_secs(600));
    while living.tick() {}
    assert_eq!(condition(&living.snapshot(DEPLOYMENT), "Progressing")["reason"], "ReplicaSetUpdated");
    living.advance(SignedDuration::from_secs(1));
    while living.tick() {}
    assert_eq!(condition(&living.snapshot(DEPLOYMENT), "Progressing")["reason"], "ProgressDeadlineExceeded");
}

#[tokio::test]
async fn nothing_moves_in_a_frozen_cluster() {
    let living = shop();
    living.freeze();
    patch(&living.client(), DEPLOYMENT, MERGE, &image("registry.example/api:1.5")).await.ok();
    let frozen = living.snapshot(DEPLOYMENT);
    assert_ne!(frozen["metadata"]["generation"], frozen["status"]["observedGeneration"]);
    assert_eq!(living.all("ReplicaSet", "shop").len(), 1);
    living.thaw();
    assert!(is_rolled_out(&living.snapshot(DEPLOYMENT)));
}
