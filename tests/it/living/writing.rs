//! Creating, deleting, evicting, scaling: and dry runs of all of them.

use http::Method;
use serde_json::{Value, json};

use super::{DEPLOYMENT, MERGE, PODS, delete, get, names, patch, post, send, shop};
use crate::support::living::{Living, Pace};

fn everything(living: &Living) -> Vec<Value> {
    let kinds = ["Pod", "Deployment", "ReplicaSet", "Job", "Event", "Node", "PodDisruptionBudget"];
    kinds.iter().flat_map(|kind| living.all(kind, "")).map(|one| one.0).collect()
}

fn eviction(pod: &str, options: Value) -> Value {
    json!({
        "apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": "shop"}, "deleteOptions": options,
    })
}

fn first_pod(living: &Living) -> (String, String) {
    let pod = living.all("Pod", "shop").remove(0);
    let text = |field: &str| pod["metadata"][field].as_str().expect("a text").to_owned();
    (text("name"), text("uid"))
}

#[tokio::test]
async fn a_dry_run_answers_like_the_write_and_changes_nothing() {
    let living = shop();
    living.pdb("shop", "api", "api", json!({"minAvailable": 2})).create();
    let client = living.client();
    let before = everything(&living);
    let (pod, uid) = first_pod(&living);
    let scaled = patch(&client, &format!("{DEPLOYMENT}/scale?dryRun=All"), MERGE, &json!({"spec": {"replicas": 5}})).await.ok();
    assert_eq!(scaled["spec"]["replicas"], 5);
    let paused = patch(&client, &format!("{DEPLOYMENT}?dryRun=All"), MERGE, &json!({"spec": {"paused": true}})).await.ok();
    assert_eq!(paused["spec"]["paused"], true);
    assert_eq!(paused["metadata"]["generation"], 2);
    let job = json!({"metadata": {"generateName": "sum-"}, "spec": {"template": {"spec": {
        "restartPolicy": "Never", "containers": [{"name": "sum", "image": "registry.example/sum:1"}]}}}});
    let job = post(&client, "/apis/batch/v1/namespaces/shop/jobs?dryRun=All", &job).await.ok();
    assert!(job["metadata"]["name"].as_str().expect("a name").starts_with("sum-"));
    let evicted = post(&client, &format!("{PODS}/{pod}/eviction?dryRun=All"), &eviction(&pod, json!({}))).await;
    assert_eq!((evicted.status, &evicted.body["status"]), (201, &json!("Success")));
    let options = json!({"preconditions": {"uid": uid}, "dryRun": ["All"]});
    delete(&client, &format!("{PODS}/{pod}"), &options).await.ok();
    assert_eq!(everything(&living), before);
    assert!(living.writes().iter().all(|write| write.dry_run));
    assert_eq!((living.writes().len(), living.real_writes().len()), (5, 0));
}

#[tokio::test]
async fn any_other_dry_run_is_refused() {
    let living = shop();
    let client = living.client();
    let said = patch(&client, &format!("{DEPLOYMENT}?dryRun=true"), MERGE, &json!({"spec": {"paused": true}})).await;
    assert_eq!(said.refusal(), (422, "Invalid"));
    assert_eq!(said.body["details"]["causes"][0]["field"], "dryRun");
    assert_eq!(living.snapshot(DEPLOYMENT)["spec"]["paused"], Value::Null);
}

#[tokio::test]
async fn a_deleted_pod_comes_back_under_a_new_name() {
    let living = shop();
    let client = living.client();
    let (pod, uid) = first_pod(&living);
    let before = names(&living.all("Pod", "shop"));
    let gone = delete(&client, &format!("{PODS}/{pod}"), &json!({"preconditions": {"uid": uid}})).await.ok();
    assert_eq!(gone["kind"], "Pod");
    assert_eq!(gone["metadata"]["deletionGracePeriodSeconds"], 30);
    let after = names(&living.all("Pod", "shop"));
    assert_eq!(after.len(), 3);
    assert!(!after.contains(&pod));
    assert_eq!(after.iter().filter(|name| before.contains(name)).count(), 2);
    let said = get(&client, &format!("{PODS}/{pod}")).await;
    assert_eq!(said.refusal(), (404, "NotFound"));
    assert_eq!(said.body["message"], format!("pods {pod:?} not found"));
    assert_eq!(said.body["details"], json!({"name": pod, "kind": "pods"}));
}

#[tokio::test]
async fn a_precondition_that_does_not_hold_is_a_conflict() {
    let living = shop();
    let client = living.client();
    let (pod, _) = first_pod(&living);
    for wrong in [json!({"uid": "another"}), json!({"resourceVersion": "1"})] {
        let options = json!({"preconditions": wrong});
        let deleted = delete(&client, &format!("{PODS}/{pod}"), &options).await;
        assert_eq!(deleted.refusal(), (409, "Conflict"));
        let evicted = post(&client, &format!("{PODS}/{pod}/eviction"), &eviction(&pod, options)).await;
        assert_eq!(evicted.refusal(), (409, "Conflict"));
    }
    assert!(names(&living.all("Pod", "shop")).contains(&pod));
}

#[tokio::test]
async fn a_pod_that_is_deleted_stays_until_the_kubelet_has_ended_it() {
    let living = shop().paced(Pace::Manual);
    let client = living.client();
    let (pod, _) = first_pod(&living);
    let path = format!("{PODS}/{pod}");
    delete(&client, &path, &json!({"gracePeriodSeconds": 5})).await.ok();
    let going = living.snapshot(&path);
    assert_eq!(going["metadata"]["deletionGracePeriodSeconds"], 5);
    assert_eq!(delete(&client, &path, &Value::Null).await.ok(), going.0, "asking twice changes nothing");
    while living.tick() {}
    assert!(living.find(&path).is_none());
    let (next, _) = first_pod(&living);
    delete(&client, &format!("{PODS}/{next}"), &json!({"gracePeriodSeconds": 0})).await.ok();
    assert!(living.find(&format!("{PODS}/{next}")).is_none(), "without grace it is gone at once");
}

#[tokio::test]
async fn an_owner_that_is_deleted_in_the_foreground_goes_last() {
    let living = shop().paced(Pace::Manual);
    delete(&living.client(), DEPLOYMENT, &json!({"propagationPolicy": "Foreground"})).await.ok();
    assert_eq!(living.snapshot(DEPLOYMENT)["metadata"]["finalizers"], json!(["foregroundDeletion"]));
    let mut order: Vec<&str> = Vec::new();
    while living.tick() {
        for kind in ["Pod", "ReplicaSet", "Deployment"] {
            if living.all(kind, "shop").is_empty() && !order.contains(&kind) {
                order.push(kind);
            }
        }
    }
    assert_eq!(order.last(), Some(&"Deployment"), "{order:?}");
    assert_eq!(order.len(), 3);
}

#[tokio::test]
async fn an_eviction_that_a_budget_does_not_allow_is_refused() {
    let living = shop();
    living.pdb("shop", "api", "api", json!({"minAvailable": 3})).create();
    let client = living.client();
    let (pod, _) = first_pod(&living);
    for query in ["", "?dryRun=All"] {
        let said = post(&client, &format!("{PODS}/{pod}/eviction{query}"), &eviction(&pod, json!({}))).await;
        assert_eq!(said.refusal(), (429, "TooManyRequests"));
        assert_eq!(said.body["message"], "Cannot evict pod as it would violate the pod's disruption budget.");
        let cause = &said.body["details"]["causes"][0];
        assert_eq!(cause["reason"], "DisruptionBudget");
        assert_eq!(cause["message"], "The disruption budget api needs 3 healthy pods and has 3 currently");
    }
    // A deletion asks no budget.
    delete(&client, &format!("{PODS}/{pod}"), &Value::Null).await.ok();
}

#[tokio::test]
async fn an_eviction_of_another_shape_is_a_bad_request() {
    let living = shop();
    let client = living.client();
    let (pod, _) = first_pod(&living);
    let shapes = [
        json!([]),
        json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": pod}}),
        eviction("another", json!({})),
        eviction(&pod, json!({"preconditions": "none"})),
    ];
    for shape in shapes {
        let said = post(&client, &format!("{PODS}/{pod}/eviction"), &shape).await;
        assert_eq!(said.refusal(), (400, "BadRequest"), "{shape}");
    }
    assert!(names(&living.all("Pod", "shop")).contains(&pod));
}

#[tokio::test]
async fn a_scale_is_followed_and_its_own_versions_are_held() {
    let living = shop();
    let client = living.client();
    let path = format!("{DEPLOYMENT}/scale");
    let scale = get(&client, &path).await.ok();
    assert_eq!(
        (&scale["kind"], &scale["spec"]["replicas"], &scale["status"]["selector"]),
        (&json!("Scale"), &json!(3), &json!("app=api"))
    );
    let wrong = json!({"metadata": {"uid": "another"}, "spec": {"replicas": 4}});
    let said = patch(&client, &path, MERGE, &wrong).await;
    assert_eq!(said.refusal(), (409, "Conflict"));
    let message = said.body["message"].as_str().expect("a message");
    assert!(
        message.starts_with("Operation cannot be fulfilled on deployments/scale.apps \"api\": Precondition failed"),
        "{message}"
    );
    let wrong = json!({"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 4}});
    assert_eq!(patch(&client, &path, MERGE, &wrong).await.refusal(), (409, "Conflict"));
    assert_eq!(patch(&client, &path, MERGE, &json!({"spec": {"replicas": -1}})).await.refusal(), (422, "Invalid"));
    assert_eq!(patch(&client, &path, MERGE, &json!({"spec": {"replicas": "4"}})).await.refusal(), (422, "Invalid"));
    let right = json!({"metadata": {"uid": scale["metadata"]["uid"], "resourceVersion": scale["metadata"]["resourceVersion"]}, "spec": {"replicas": 4}});
    assert_eq!(patch(&client, &path, MERGE, &right).await.ok()["spec"]["replicas"], 4);
    assert_eq!(living.snapshot(DEPLOYMENT)["status"]["availableReplicas"], 4);
    assert_eq!(living.all("Pod", "shop").len(), 4);
}

#[tokio::test]
async fn what_an_owner_leaves_behind_is_collected_and_an_orphan_is_not() {
    let living = shop();
    let client = living.client();
    delete(&client, DEPLOYMENT, &json!({"propagationPolicy": "Background"})).await.ok();
    assert!(living.all("ReplicaSet", "shop").is_empty() && living.all("Pod", "shop").is_empty());
    living.deployment("shop", "web").replicas(2).create();
    delete(&client, "/apis/apps/v1/namespaces/shop/deployments/web?propagationPolicy=Orphan", &Value::Null).await.ok();
    assert_eq!((living.all("ReplicaSet", "shop").len(), living.all("Pod", "shop").len()), (1, 2));
}

#[tokio::test]
async fn a_copy_of_a_job_needs_a_selector_of_its_own() {
    let living = Living::new();
    let job = living.job("shop", "sum").create();
    let client = living.client();
    let mut copy = json!({"metadata": {"generateName": "sum-"}, "spec": job["spec"]});
    let said = post(&client, "/apis/batch/v1/namespaces/shop/jobs", &copy).await;
    assert_eq!(said.refusal(), (422, "Invalid"));
    assert!(said.text.contains("`selector` not auto-generated"), "{}", said.text);
    copy["spec"].as_object_mut().expect("a spec").shift_remove("selector");
    copy["spec"]["template"]["metadata"].as_object_mut().expect("metadata").shift_remove("labels");
    let made = post(&client, "/apis/batch/v1/namespaces/shop/jobs", &copy).await.ok();
    let path = format!("/apis/batch/v1/namespaces/shop/jobs/{}", made["metadata"]["name"].as_str().expect("a name"));
    assert_eq!(living.snapshot(&path)["status"]["succeeded"], 1);
}

#[tokio::test]
async fn a_deleted_job_leaves_its_pods_unless_told_otherwise() {
    let living = Living::new();
    living.job("shop", "sum").create();
    let client = living.client();
    let said = send(&client, Method::DELETE, "/apis/batch/v1/namespaces/shop/jobs/sum", &[], "").await;
    assert!(said.warnings[0].contains("child pods are preserved by default"), "{said:?}");
    assert_eq!(living.all("Pod", "shop").len(), 1);
}

#[tokio::test]
async fn what_may_not_be_stored_is_refused_with_its_field() {
    let living = shop();
    let client = living.client();
    let said = patch(&client, DEPLOYMENT, MERGE, &json!({"spec": {"selector": {"matchLabels": {"app": "web"}}}})).await;
    assert_eq!(said.refusal(), (422, "Invalid"));
    assert_eq!(said.body["details"]["causes"][0]["field"], "spec.selector");
    let config = json!({"metadata": {"name": "Not_A_Name"}, "data": {}});
    let said = post(&client, "/api/v1/namespaces/shop/configmaps", &config).await;
    assert_eq!(said.refusal(), (422, "Invalid"));
    let config = json!({"metadata": {"name": "flags"}, "data": {"a": "b"}});
    post(&client, "/api/v1/namespaces/shop/configmaps", &config).await.ok();
    assert_eq!(post(&client, "/api/v1/namespaces/shop/configmaps", &config).await.refusal(), (409, "AlreadyExists"));
    assert_eq!(post(&client, "/api/v1/namespaces/nowhere/configmaps", &config).await.refusal(), (404, "NotFound"));
}
