//! What can be read, and how.

use faultline::cluster::Cluster;
use http::Method;
use k8s_openapi::api::{apps::v1::StatefulSet, core::v1::Pod};
use kube::{
    Api,
    api::{DeleteParams, EvictParams, ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};

use super::{DEPLOYMENT, PODS, get, names, post, send, shop};
use crate::support::{
    TestApp,
    living::{Living, Trouble},
};

fn found(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().expect("items");
    items.iter().map(|item| item["metadata"]["name"].as_str().expect("a name")).collect()
}

#[tokio::test]
async fn lists_are_selected_by_labels_and_fields() {
    let living = shop();
    living.node("node-b").create();
    living.deployment("shop", "web").replicas(2).create();
    living.bare_pod("tools", "shell").create();
    living.failed_pod("shop", "api");
    let client = living.client();
    for (query, count) in [
        ("labelSelector=app%3Dapi", 4),
        ("labelSelector=app%20in%20(api,web)", 6),
        ("labelSelector=app%20notin%20(api),pod-template-hash", 2),
        ("labelSelector=app!%3Dapi,!absent", 2),
        ("fieldSelector=status.phase%3DFailed", 1),
        ("fieldSelector=status.phase!%3DFailed,spec.nodeName%3Dnode-b", 2),
        ("fieldSelector=metadata.name%3Dnobody", 0),
    ] {
        let list = get(&client, &format!("{PODS}?{query}")).await.ok();
        assert_eq!(found(&list).len(), count, "{query}: {:?}", found(&list));
    }
    assert_eq!(found(&get(&client, "/api/v1/pods").await.ok()).len(), 7);
    assert_eq!(get(&client, &format!("{PODS}?fieldSelector=spec.image%3Dx")).await.refusal(), (400, "BadRequest"));
    assert_eq!(get(&client, &format!("{PODS}?labelSelector=a%20b")).await.refusal(), (400, "BadRequest"));
}

#[tokio::test]
async fn pages_follow_each_other_until_there_is_nothing_left() {
    let living = shop();
    let client = living.client();
    let whole = get(&client, PODS).await.ok();
    let first = get(&client, &format!("{PODS}?limit=2")).await.ok();
    assert_eq!(first["metadata"]["remainingItemCount"], 1);
    let token = first["metadata"]["continue"].as_str().expect("more").replace('/', "%2F");
    let second = get(&client, &format!("{PODS}?limit=2&continue={token}")).await.ok();
    assert_eq!(second["metadata"]["continue"], Value::Null);
    assert_eq!([found(&first), found(&second)].concat(), found(&whole));
    assert_eq!(whole["items"][0]["kind"], Value::Null, "items of a list do not say their kind");
}

#[tokio::test]
async fn metadata_alone_is_given_to_who_asks_for_it() {
    let living = shop();
    let accept = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
    let one = send(&living.client(), Method::GET, DEPLOYMENT, &[("accept", accept)], "").await.ok();
    assert_eq!((&one["kind"], &one["spec"]), (&json!("PartialObjectMetadata"), &Value::Null));
    assert_eq!(one["metadata"], living.snapshot(DEPLOYMENT)["metadata"]);
    let accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
    let list = send(&living.client(), Method::GET, PODS, &[("accept", accept)], "").await.ok();
    assert_eq!((&list["kind"], &list["items"][0]["spec"]), (&json!("PartialObjectMetadataList"), &Value::Null));
}

#[tokio::test]
async fn events_are_one_thing_in_two_groups() {
    let living = shop();
    let client = living.client();
    let event = json!({
        "metadata": {"name": "acted"}, "type": "Normal", "reason": "Remediated", "message": "restarted", "action": "Restart",
        "reportingComponent": "faultline", "reportingInstance": "faultline-0",
        "involvedObject": {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "api"},
    });
    post(&client, "/api/v1/namespaces/shop/events", &event).await.ok();
    let newer = get(&client, "/apis/events.k8s.io/v1/namespaces/shop/events/acted").await.ok();
    assert_eq!((&newer["note"], &newer["regarding"]["name"]), (&json!("restarted"), &json!("api")));
    let about = "fieldSelector=involvedObject.kind%3DDeployment,reason%3DScalingReplicaSet";
    let list = get(&client, &format!("/api/v1/namespaces/shop/events?{about}")).await.ok();
    let message = list["items"][0]["message"].as_str().expect("a message");
    assert!(message.starts_with("Scaled up replica set api-") && message.ends_with(" from 0 to 3"), "{message}");
}

#[tokio::test]
async fn an_event_that_the_server_would_not_take_is_not_taken() {
    let living = shop();
    let client = living.client();
    let event = json!({
        "metadata": {"name": "acted"}, "eventTime": "2026-03-04T10:00:00.000000Z", "type": "Normal", "reason": "Remediated",
        "action": "Restart", "note": "restarted", "reportingController": "faultline.io/agent", "reportingInstance": "faultline-0",
        "regarding": {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "api"},
    });
    let path = "/apis/events.k8s.io/v1/namespaces/shop/events";
    post(&client, &format!("{path}?dryRun=All"), &event).await.ok();
    for (field, wrong, named) in [
        ("eventTime", Value::Null, "eventTime"),
        ("action", json!(""), "action"),
        ("type", json!("Info"), "type"),
        ("note", json!("x".repeat(1025)), "message"),
        ("reason", json!("x".repeat(129)), "reason"),
    ] {
        let mut event = event.clone();
        event[field] = wrong;
        let said = post(&client, path, &event).await;
        assert_eq!(said.refusal(), (422, "Invalid"), "{field}");
        assert_eq!(said.body["details"]["causes"][0]["field"], named);
    }
    let elsewhere =
        json!({"metadata": {"name": "acted"}, "involvedObject": {"kind": "Pod", "namespace": "tools", "name": "shell"}});
    let said = post(&client, "/api/v1/namespaces/shop/events", &elsewhere).await;
    assert_eq!(said.body["details"]["causes"][0]["field"], "involvedObject.namespace");
}

#[tokio::test]
async fn typed_clients_read_it_and_act_in_it() {
    let living = shop();
    living.statefulset("shop", "db").replicas(2).create();
    let client = living.client();
    let sets: Api<StatefulSet> = Api::namespaced(client.clone(), "shop");
    let change = Patch::Merge(json!({"spec": {"replicas": 1}}));
    let scale = sets.patch_scale("db", &PatchParams::default(), &change).await.expect("a scale");
    assert_eq!(scale.spec.and_then(|spec| spec.replicas), Some(1));
    assert_eq!(names(&living.all("Pod", "shop")).iter().filter(|name| name.starts_with("db-")).collect::<Vec<_>>(), ["db-0"]);
    let pods: Api<Pod> = Api::namespaced(client, "shop");
    let before = pods.list(&ListParams::default().labels("app=api")).await.expect("pods").items;
    let first = before[0].metadata.name.as_deref().expect("a name");
    pods.evict(first, &EvictParams::default()).await.expect("an eviction");
    assert!(pods.get_opt(first).await.expect("an answer").is_none());
    let after = pods.list(&ListParams::default().labels("app=api")).await.expect("pods").items;
    assert_eq!(after.len(), before.len());
    let refused = sets.delete("nobody", &DeleteParams::default()).await.expect_err("a refusal");
    assert!(matches!(refused, kube::Error::Api(status) if status.code == 404 && status.reason == "NotFound"));
}

#[tokio::test]
async fn logs_are_those_of_a_container_that_has_run() {
    let living = Living::new();
    living.template_trouble(|template| match template["spec"]["containers"][0]["image"].as_str() {
        Some("registry.example/api:bad") => Some(Trouble::Crashes),
        Some("registry.example/api:gone") => Some(Trouble::ImageIsMissing),
        _ => None,
    });
    living.bare_pod("shop", "crashing").image("registry.example/api:bad").create();
    living.bare_pod("shop", "waiting").image("registry.example/api:gone").create();
    living.bare_pod("shop", "well").create();
    living.log("shop", "crashing", "app", true, "one\ntwo\nno route to the ledger\n");
    let client = living.client();
    let log = |pod: &str, query: &str| format!("{PODS}/{pod}/log?{query}");
    assert_eq!(get(&client, &log("crashing", "previous=true&tailLines=1")).await.text, "no route to the ledger\n");
    assert_eq!(get(&client, &log("crashing", "container=app&limitBytes=3&previous=true")).await.text, "one");
    let said = get(&client, &log("waiting", "")).await;
    assert_eq!(said.refusal(), (400, "BadRequest"));
    assert!(said.text.contains("is waiting to start: trying and failing to pull image"), "{}", said.text);
    assert_eq!(get(&client, &log("well", "previous=true")).await.refusal(), (400, "BadRequest"));
    assert_eq!(get(&client, &log("nobody", "")).await.refusal(), (404, "NotFound"));
}

#[tokio::test]
async fn a_right_that_is_denied_is_refused_and_reviewed_as_denied() {
    let living = shop();
    living.deny("create", "pods/eviction", "shop");
    let client = living.client();
    let review = |namespace: &str| {
        json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": {
            "verb": "create", "resource": "pods", "subresource": "eviction", "namespace": namespace}}})
    };
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    assert_eq!(post(&client, path, &review("shop")).await.ok()["status"]["allowed"], false);
    assert_eq!(post(&client, path, &review("tools")).await.ok()["status"]["allowed"], true);
    let pod = names(&living.all("Pod", "shop")).remove(0);
    let said = post(&client, &format!("{PODS}/{pod}/eviction"), &json!({"metadata": {"name": pod}})).await;
    assert_eq!(said.refusal(), (403, "Forbidden"));
    let why = "cannot create resource \"pods/eviction\" in API group \"\" in the namespace \"shop\"";
    assert!(said.body["message"].as_str().expect("a message").ends_with(why), "{said:?}");
    assert_eq!(living.writes().len(), 1, "asking for rights is no write");
}

#[tokio::test]
async fn what_is_not_served_is_not_found_and_what_is_not_built_says_so() {
    let living = shop();
    let client = living.client();
    assert_eq!(get(&client, "/version").await.ok()["minor"], "36");
    for path in ["/apis/metrics.k8s.io/v1beta1/pods", "/api/v1/namespaces/shop/gadgets", "/nowhere"] {
        assert_eq!(get(&client, path).await.refusal(), (404, "NotFound"), "{path}");
    }
    assert_eq!(send(&client, Method::PUT, DEPLOYMENT, &[], "{}").await.refusal(), (501, "NotImplemented"));
    assert_eq!(get(&client, &format!("{PODS}?watch=true")).await.refusal(), (501, "NotImplemented"));
    assert_eq!(send(&client, Method::POST, DEPLOYMENT, &[], "{}").await.refusal(), (405, "MethodNotAllowed"));
}

#[tokio::test]
async fn a_living_cluster_is_diagnosed_like_any_other() {
    let living = shop();
    living.object("Service", "shop", "api", json!({"spec": {"selector": {"app": "api"}, "ports": [{"port": 80}]}})).create();
    living.template_trouble(|_| Some(Trouble::OutOfMemory));
    let app = TestApp::looking_at(Cluster::of_client(living.client()));
    let asked = json!({"error_message": "api is down", "namespace": "shop", "target": {"kind": "deployment", "name": "api"}});
    let answer = app.post("/diagnose", &asked).await.json();
    let findings = answer["findings"].as_array().expect("findings");
    let root = findings.iter().find(|one| one["role"] == "root_cause").unwrap_or_else(|| panic!("no root in {answer:#}"));
    assert_eq!(root["category"], "OOMKilled", "{answer:#}");
    assert!(living.seen().iter().all(|seen| seen.verb == "get" || seen.verb == "list" || !seen.is_write()));
}
