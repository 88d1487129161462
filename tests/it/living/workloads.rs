//! Stateful sets, daemon sets, jobs, nodes, autoscalers, quotas and budgets.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{DEPLOYMENT, MERGE, PODS, STRATEGIC, condition, delete, names, patch, post, shop};
use crate::support::living::{Living, Pace, Snapshot, Trouble};

const SET: &str = "/apis/apps/v1/namespaces/shop/statefulsets/db";
const DAEMONS: &str = "/apis/apps/v1/namespaces/shop/daemonsets/agent";

fn is_bad(template: &Value) -> bool {
    template["spec"]["containers"][0]["image"].as_str().is_some_and(|image| image.ends_with(":bad"))
}

fn make_bad(template: &mut Value) {
    template["spec"]["containers"][0]["image"] = "registry.example/db:bad".into();
}

fn three_nodes() -> Living {
    let living = Living::new();
    living.node("node-b").create();
    living.node("node-c").create();
    living
}

fn set() -> Living {
    let living = Living::new();
    living.statefulset("shop", "db").replicas(3).create();
    living
}

fn revision_of(pod: &Snapshot) -> &str {
    pod["metadata"]["labels"]["controller-revision-hash"].as_str().expect("a revision")
}

#[tokio::test]
async fn a_stateful_set_numbers_its_pods_and_replaces_them_from_the_last() {
    let living = set().paced(Pace::Manual);
    assert_eq!(names(&living.all("Pod", "shop")), ["db-0", "db-1", "db-2"]);
    let restart = json!({"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}});
    patch(&living.client(), SET, MERGE, &restart).await.ok();
    let before: Vec<Value> = living.all("Pod", "shop").iter().map(|pod| pod["metadata"]["uid"].clone()).collect();
    let mut replaced: Vec<usize> = Vec::new();
    while living.tick() {
        for (at, pod) in living.all("Pod", "shop").iter().enumerate().filter(|_| living.all("Pod", "shop").len() == 3) {
            if pod["metadata"]["uid"] != before[at] && !replaced.contains(&at) {
                replaced.push(at);
            }
        }
    }
    assert_eq!(replaced, [2, 1, 0]);
    let status = living.snapshot(SET)["status"].clone();
    assert_eq!(status["currentRevision"], status["updateRevision"]);
    assert_eq!((&status["readyReplicas"], &status["updatedReplicas"]), (&json!(3), &json!(3)));
    assert_eq!(living.all("ControllerRevision", "shop").len(), 2);
}

#[tokio::test]
async fn a_broken_pod_of_a_stateful_set_holds_even_the_undo_up_until_it_is_deleted() {
    let living = set();
    living.template_is_bad(is_bad);
    living.new_revision("shop", "db", make_bad);
    let stuck = living.snapshot(SET);
    assert_ne!(stuck["status"]["currentRevision"], stuck["status"]["updateRevision"]);
    assert_eq!((&stuck["status"]["readyReplicas"], &stuck["status"]["updatedReplicas"]), (&json!(2), &json!(1)));
    let client = living.client();
    // As kubectl undoes: the data of the revision is a patch.
    let revisions = living.all("ControllerRevision", "shop");
    let first = revisions.iter().find(|one| one["revision"] == 1).expect("the first revision");
    patch(&client, SET, STRATEGIC, &first["data"]).await.ok();
    let undone = living.snapshot(SET);
    assert_eq!(undone["status"]["currentRevision"], undone["status"]["updateRevision"]);
    assert_eq!(undone["status"]["readyReplicas"], 2, "the broken pod is waited for");
    delete(&client, &format!("{PODS}/db-2"), &Value::Null).await.ok();
    assert_eq!(living.snapshot(SET)["status"]["readyReplicas"], 3);
    let revisions = living.all("ControllerRevision", "shop");
    assert_eq!(revisions.iter().filter_map(|one| one["revision"].as_i64()).max(), Some(3));
}

#[tokio::test]
async fn a_partition_holds_the_lower_pods_back() {
    let living = set();
    let change = json!({"spec": {
        "updateStrategy": {"rollingUpdate": {"partition": 2}},
        "template": {"metadata": {"annotations": {"why": "canary"}}},
    }});
    patch(&living.client(), SET, MERGE, &change).await.ok();
    let pods = living.all("Pod", "shop");
    assert_eq!(revision_of(&pods[0]), revision_of(&pods[1]));
    assert_ne!(revision_of(&pods[1]), revision_of(&pods[2]));
    assert_eq!(living.snapshot(SET)["status"]["updatedReplicas"], 1);
}

#[tokio::test]
async fn a_stateful_set_cannot_change_its_selector_or_its_service() {
    let living = set();
    for spec in [json!({"serviceName": "other"}), json!({"podManagementPolicy": "Parallel"})] {
        assert_eq!(patch(&living.client(), SET, MERGE, &json!({"spec": spec})).await.refusal(), (422, "Invalid"));
    }
}

#[tokio::test]
async fn a_daemon_set_has_a_pod_on_each_node_even_on_a_cordoned_one() {
    let living = three_nodes();
    living.daemonset("shop", "agent").create();
    patch(&living.client(), "/api/v1/nodes/node-b", MERGE, &json!({"spec": {"unschedulable": true}})).await.ok();
    patch(&living.client(), DAEMONS, MERGE, &json!({"spec": {"template": {"metadata": {"annotations": {"why": "restart"}}}}}))
        .await
        .ok();
    let pods = living.all("Pod", "shop");
    let mut nodes: Vec<&str> = pods.iter().filter_map(|pod| pod["spec"]["nodeName"].as_str()).collect();
    nodes.sort_unstable();
    assert_eq!(nodes, ["node-a", "node-b", "node-c"]);
    let set = living.snapshot(DAEMONS);
    let status = |field: &str| set["status"][field].as_i64();
    for field in ["desiredNumberScheduled", "currentNumberScheduled", "updatedNumberScheduled", "numberAvailable", "numberReady"]
    {
        assert_eq!(status(field), Some(3), "{field}");
    }
    assert_eq!(set["status"]["observedGeneration"], set["metadata"]["generation"]);
}

#[tokio::test]
async fn a_bad_template_of_a_daemon_set_breaks_one_node_and_no_more() {
    let living = three_nodes();
    living.daemonset("shop", "agent").create();
    living.template_is_bad(is_bad);
    living.new_revision("shop", "agent", make_bad);
    let status = living.snapshot(DAEMONS)["status"].clone();
    assert_eq!((&status["numberAvailable"], &status["numberUnavailable"]), (&json!(2), &json!(1)));
    assert_eq!(status["updatedNumberScheduled"], 1);
}

#[tokio::test]
async fn a_job_completes_or_fails_after_its_last_try() {
    let living = Living::new();
    living.template_is_bad(is_bad);
    let good = living.job("shop", "sum").with(|job| job["spec"]["completions"] = 2.into()).create();
    assert_eq!(condition(&good, "Complete")["status"], "True");
    assert_eq!((&good["status"]["succeeded"], &good["status"]["completionTime"].is_string()), (&json!(2), &true));
    let bad =
        living.job("shop", "wipe").image("registry.example/wipe:bad").with(|job| job["spec"]["backoffLimit"] = 1.into()).create();
    let failed = condition(&bad, "Failed");
    assert_eq!((&failed["status"], &failed["reason"]), (&json!("True"), &json!("BackoffLimitExceeded")));
    assert_eq!(bad["status"]["failed"], 2);
    let again = living.job("shop", "patient").image("registry.example/wipe:bad").with(|job| {
        job["spec"]["template"]["spec"]["restartPolicy"] = "OnFailure".into();
    });
    assert_eq!(condition(&again.create(), "Failed")["reason"], "BackoffLimitExceeded");
    let cron = living.cronjob("shop", "nightly").create();
    assert_eq!(cron["spec"]["jobTemplate"]["spec"]["backoffLimit"], 6);
}

#[tokio::test]
async fn a_cordon_is_a_taint_and_no_new_pods() {
    let living = shop();
    let client = living.client();
    let node = patch(&client, "/api/v1/nodes/node-a", MERGE, &json!({"spec": {"unschedulable": true}})).await.ok();
    assert_eq!(node["spec"]["unschedulable"], true);
    let taint = living.snapshot("/api/v1/nodes/node-a")["spec"]["taints"][0].clone();
    assert_eq!((&taint["key"], &taint["effect"]), (&json!("node.kubernetes.io/unschedulable"), &json!("NoSchedule")));
    patch(&client, &format!("{DEPLOYMENT}/scale"), MERGE, &json!({"spec": {"replicas": 4}})).await.ok();
    let pods = living.all("Pod", "shop");
    let waiting: Vec<&Snapshot> = pods.iter().filter(|pod| pod["status"]["phase"] == "Pending").collect();
    assert_eq!(waiting.len(), 1);
    assert_eq!(condition(waiting[0], "PodScheduled")["message"], "0/1 nodes are available: 1 node(s) were unschedulable.");
    patch(&client, "/api/v1/nodes/node-a", MERGE, &json!({"spec": {"unschedulable": false}})).await.ok();
    let node = living.snapshot("/api/v1/nodes/node-a");
    assert_eq!((&node["spec"]["unschedulable"], &node["spec"]["taints"]), (&Value::Null, &Value::Null));
    assert_eq!(living.snapshot(DEPLOYMENT)["status"]["availableReplicas"], 4);
}

#[tokio::test]
async fn a_sick_pod_is_replaced_by_a_healthy_one() {
    let living = shop();
    let pod = names(&living.all("Pod", "shop")).remove(0);
    living.pod_trouble("shop", &pod, Trouble::NeverReady);
    assert_eq!(living.snapshot(DEPLOYMENT)["status"]["readyReplicas"], 2);
    // Two healthy pods are as many as the budget wants, so one that helps nobody may go.
    living.pdb("shop", "api", "api", json!({"minAvailable": 2})).create();
    let body = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}});
    assert_eq!(post(&living.client(), &format!("{PODS}/{pod}/eviction"), &body).await.status, 201);
    assert_eq!(living.snapshot(DEPLOYMENT)["status"]["readyReplicas"], 3);
    assert!(living.find(&format!("{PODS}/{pod}")).is_none());
}

#[tokio::test]
async fn two_budgets_of_one_pod_answer_with_a_failure_under_the_code_of_a_creation() {
    let living = shop();
    living.pdb("shop", "one", "api", json!({"minAvailable": 1})).create();
    living.pdb("shop", "two", "api", json!({"maxUnavailable": "50%"})).create();
    let pod = names(&living.all("Pod", "shop")).remove(0);
    let body = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}});
    let said = post(&living.client(), &format!("{PODS}/{pod}/eviction"), &body).await;
    assert_eq!((said.status, &said.body["status"], &said.body["code"]), (201, &json!("Failure"), &json!(500)));
    assert!(living.find(&format!("{PODS}/{pod}")).is_some());
}

#[tokio::test]
async fn budgets_count_what_the_owners_want() {
    let living = shop();
    let budget = living.pdb("shop", "api", "api", json!({"maxUnavailable": "50%"})).create();
    let status = &budget["status"];
    // Half of three, rounded up, may be missing.
    assert_eq!(
        (&status["expectedPods"], &status["desiredHealthy"], &status["disruptionsAllowed"]),
        (&json!(3), &json!(1), &json!(2))
    );
    let budget = living.pdb("shop", "most", "api", json!({"minAvailable": "50%"})).create();
    assert_eq!((&budget["status"]["desiredHealthy"], &budget["status"]["disruptionsAllowed"]), (&json!(2), &json!(1)));
}

#[tokio::test]
async fn bare_and_failed_pods_do_not_come_back() {
    let living = shop();
    let client = living.client();
    let bare = living.bare_pod("shop", "tool").create();
    assert_eq!(condition(&bare, "Ready")["status"], "True");
    delete(&client, &format!("{PODS}/tool"), &Value::Null).await.ok();
    let failed = living.failed_pod("shop", "api");
    assert_eq!(living.all("Pod", "shop").len(), 4);
    let path = format!("{PODS}/{}", failed["metadata"]["name"].as_str().expect("a name"));
    // What has ended needs no grace.
    assert_eq!(delete(&client, &path, &Value::Null).await.ok()["metadata"]["deletionTimestamp"], Value::Null);
    assert_eq!(living.all("Pod", "shop").len(), 3);
}

#[tokio::test]
async fn a_pod_of_an_operator_stays_although_nobody_knows_its_owner() {
    let living = Living::new();
    let owner = json!({"apiVersion": "example.com/v1", "kind": "Ledger", "name": "main", "uid": "far-away", "controller": true});
    let build = living.bare_pod("shop", "ledger").with(|pod| pod["metadata"]["ownerReferences"] = json!([owner]));
    build.create();
    living.pdb("shop", "ledger", "ledger", json!({"minAvailable": 1})).create();
    assert_eq!(names(&living.all("Pod", "shop")), ["ledger"]);
    let owned = living.bare_pod("shop", "left").with(|pod| {
        pod["metadata"]["ownerReferences"] =
            json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "gone", "uid": "gone"}]);
    });
    owned.create();
    assert_eq!(names(&living.all("Pod", "shop")), ["ledger"], "what is owned by what is gone is collected");
}

#[tokio::test]
async fn a_quota_keeps_pods_out_and_the_deployment_says_so() {
    let living = shop();
    let quota = living.quota("shop", "small", json!({"pods": "3", "limits.memory": "1Gi"})).create();
    assert_eq!(quota["status"]["used"], json!({"pods": "3", "limits.memory": "768Mi"}));
    patch(&living.client(), &format!("{DEPLOYMENT}/scale"), MERGE, &json!({"spec": {"replicas": 4}})).await.ok();
    let deployment = living.snapshot(DEPLOYMENT);
    assert_eq!(deployment["status"]["availableReplicas"], 3);
    let failure = condition(&deployment, "ReplicaFailure");
    let message = failure["message"].as_str().expect("a message");
    assert!(
        message.ends_with("is forbidden: exceeded quota: small, requested: pods=1, used: pods=3, limited: pods=3"),
        "{message}"
    );
}

#[tokio::test]
async fn what_a_test_puts_in_is_as_old_as_the_cluster_and_moves_when_it_is_told_to() {
    let living = Living::at("2026-05-01T08:00:00Z").paced(Pace::Manual);
    living.advance(SignedDuration::from_mins(30));
    let build =
        living.deployment("shop", "api").label("app.kubernetes.io/managed-by", "Helm").annotation("example.com/why", "test");
    let made = build.create();
    assert_eq!(made["metadata"]["labels"], json!({"app": "api", "app.kubernetes.io/managed-by": "Helm"}));
    assert_eq!(made["metadata"]["annotations"]["example.com/why"], "test");
    assert_eq!(made["metadata"]["creationTimestamp"], "2026-05-01T08:30:00Z");
    assert_eq!(living.now().to_string(), "2026-05-01T08:30:00Z");
    living.new_revision("shop", "api", |template| template["metadata"]["annotations"] = json!({"why": "restart"}));
    assert_eq!(living.all("ReplicaSet", "shop").len(), 1);
    living.settle();
    assert_eq!(living.all("ReplicaSet", "shop").len(), 2);
    let conditions = &living.snapshot(DEPLOYMENT)["status"]["conditions"];
    assert!(conditions.as_array().is_some_and(|all| all.iter().all(|one| one["lastUpdateTime"] == "2026-05-01T08:30:00Z")));
}

#[tokio::test]
async fn an_autoscaler_takes_a_size_outside_of_its_bounds_back() {
    let living = shop();
    living.hpa("shop", "api", "api", 2, 5).create();
    patch(&living.client(), &format!("{DEPLOYMENT}/scale"), MERGE, &json!({"spec": {"replicas": 8}})).await.ok();
    assert_eq!(living.snapshot(DEPLOYMENT)["spec"]["replicas"], 5);
    assert_eq!(living.all("Pod", "shop").len(), 5);
}
