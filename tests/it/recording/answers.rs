//! Objects and lists: what is asked for, in the form that was asked for, and the refusals.

use std::sync::Arc;

use bytes::Bytes;
use faultline::cluster::recording::Recording;
use http::{Method, Request};
use k8s_openapi::{
    api::{apps::v1::Deployment, core::v1::Pod},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Api, api::ListParams};
use serde_json::{Value, json};

use super::{METADATA, get, get_as, items, names};
use crate::support::kubernetes::recorded;

fn pod(namespace: &str, name: &str, labels: Value, phase: &str, node: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "namespace": namespace, "name": name, "labels": labels },
        "spec": { "nodeName": node, "containers": [{ "name": "app" }] }, "status": { "phase": phase },
    })
}

fn small() -> Recording {
    Recording::from_objects([
        pod("shop", "cart-1", json!({ "app": "cart", "tier": "web" }), "Running", "node-a"),
        pod("shop", "cart-2", json!({ "app": "cart", "tier": "web", "canary": "" }), "Pending", ""),
        pod("shop", "db-0", json!({ "app": "db" }), "Running", "node-b"),
        pod("blog", "web-1", json!({ "app": "web", "tier": "web" }), "Running", "node-a"),
        json!({ "apiVersion": "v1", "kind": "PersistentVolumeClaimList", "items": null }),
        json!({ "apiVersion": "example.com/v1", "kind": "Policy", "metadata": { "name": "strict" }, "spec": {} }),
    ])
}

#[test]
fn label_selectors_select() {
    let selected = |selector: &str| {
        let encoded = selector.replace('!', "%21").replace('=', "%3D").replace(',', "%2C").replace(' ', "+");
        names(&small(), &format!("/api/v1/pods?labelSelector={encoded}"))
    };
    assert_eq!(selected("app=cart"), ["cart-1", "cart-2"]);
    assert_eq!(selected("app==cart,canary"), ["cart-2"]);
    assert_eq!(selected("app!=cart"), ["web-1", "db-0"]);
    assert_eq!(selected("tier!=web"), ["db-0"]);
    assert_eq!(selected("app in (db, web)"), ["web-1", "db-0"]);
    assert_eq!(selected("app notin (db,web),!canary"), ["cart-1"]);
    assert_eq!(selected("!tier"), ["db-0"]);
    assert_eq!(selected("canary="), ["cart-2"]);
    assert_eq!(selected("app=nothing"), <[&str; 0]>::default());
    for wrong in ["app in db", "a b", "=cart", "app%3Dthis%2Fthat", "app%3E1"] {
        let (status, body) = get(&small(), &format!("/api/v1/pods?labelSelector={}", wrong.replace(' ', "+")));
        assert_eq!((status, &body["reason"]), (400, &"BadRequest".into()), "{wrong}: {body}");
    }
}

#[test]
fn field_selectors_select() {
    let selected = |selector: &str| names(&small(), &format!("/api/v1/pods?fieldSelector={selector}"));
    assert_eq!(selected("metadata.name=db-0"), ["db-0"]);
    assert_eq!(selected("metadata.name%3D%3Ddb-0,metadata.namespace=blog"), <[&str; 0]>::default());
    assert_eq!(selected("metadata.namespace=blog"), ["web-1"]);
    assert_eq!(selected("metadata.namespace!=blog"), ["cart-1", "cart-2", "db-0"]);
    assert_eq!(selected("status.phase!=Running"), ["cart-2"]);
    assert_eq!(selected("spec.nodeName=node-a,status.phase=Running"), ["web-1", "cart-1"]);
    assert_eq!(selected("spec.nodeName="), ["cart-2"]);
    assert_eq!(names(&small(), "/api/v1/namespaces/shop/pods?fieldSelector=spec.nodeName=node-a"), ["cart-1"]);
    let (status, body) = get(&small(), "/api/v1/pods?fieldSelector=spec.colour=red");
    assert_eq!(status, 400);
    assert!(
        body["message"].as_str().is_some_and(|message| message.ends_with("field label not supported: spec.colour")),
        "{body}"
    );
}

#[test]
fn events_are_selected_by_what_they_are_about() {
    let zoo = recorded("zoo");
    let about =
        "involvedObject.name=orders-7c58bc488d-ccpqw,involvedObject.kind=Pod,involvedObject.namespace=crash-db,type=Warning";
    let found = items(&zoo, &format!("/api/v1/namespaces/crash-db/events?fieldSelector={about},reason=BackOff"));
    assert!(!found.is_empty());
    assert!(found.iter().all(|event| event["reason"] == "BackOff" && event["type"] == "Warning"));
    let uid = found[0]["involvedObject"]["uid"].as_str().expect("a uid");
    assert!(items(&zoo, &format!("/api/v1/events?fieldSelector=involvedObject.uid={uid}")).len() >= found.len());
    let newer = items(&zoo, &format!("/apis/events.k8s.io/v1/events?fieldSelector=regarding.uid={uid},reason=BackOff"));
    assert_eq!(newer.len(), found.len());
}

#[test]
fn pages_add_up_to_the_whole_list() {
    let zoo = recorded("zoo");
    for path in ["/api/v1/pods?", "/api/v1/namespaces/crash-db/events?", "/api/v1/events?fieldSelector=type%3DWarning&"] {
        let (mut seen, mut next) = (Vec::new(), String::new());
        loop {
            let (status, page) = get(&zoo, &format!("{path}limit=7&continue={next}"));
            assert_eq!(status, 200, "{page}");
            let page_items = page["items"].as_array().expect("items");
            seen.extend(page_items.iter().cloned());
            let Some(token) = page["metadata"]["continue"].as_str() else { break };
            assert_eq!(page_items.len(), 7);
            assert_eq!(page["metadata"]["remainingItemCount"].is_number(), !path.contains("Selector"));
            token.clone_into(&mut next);
        }
        assert!(seen == items(&zoo, path), "{path}");
    }
    for token in ["nonsense", "00", "312f2f78", "%C3%A4"] {
        let (status, body) = get(&zoo, &format!("/api/v1/pods?limit=7&continue={token}"));
        assert_eq!((status, &body["reason"], &body["code"]), (410, &"Expired".into(), &410.into()), "{token}");
    }
}

#[test]
fn lists_and_objects_are_written_as_an_api_server_writes_them() {
    let small = small();
    let (_, list) = get(&small, "/api/v1/namespaces/blog/pods");
    let fields: Vec<&String> = list.as_object().expect("an object").keys().collect();
    assert_eq!(fields, ["kind", "apiVersion", "metadata", "items"]);
    assert_eq!((&list["kind"], &list["apiVersion"]), (&"PodList".into(), &"v1".into()));
    assert!(list["items"][0].get("kind").is_none() && list["items"][0].get("apiVersion").is_none());
    let (_, one) = get(&small, "/api/v1/namespaces/blog/pods/web-1");
    assert_eq!((&one["kind"], &one["apiVersion"], &one["status"]["phase"]), (&"Pod".into(), &"v1".into(), &"Running".into()));
    let (_, policy) = get(&small, "/apis/example.com/v1/policies/strict");
    assert_eq!((&policy["kind"], &policy["apiVersion"]), (&"Policy".into(), &"example.com/v1".into()));
    assert_eq!(get(&small, "/apis/example.com/v1/namespaces/blog/policies").0, 404);
    assert_eq!(get(&small, "/api/v1/namespaces/nowhere/pods").1["items"], json!([]));
}

#[test]
fn metadata_alone_can_be_asked_for() {
    let small = small();
    let (_, list) = get_as(&small, "/api/v1/pods?labelSelector=app%3Ddb", METADATA);
    assert_eq!((&list["kind"], &list["apiVersion"]), (&"PartialObjectMetadataList".into(), &"meta.k8s.io/v1".into()));
    assert_eq!(list["items"][0]["metadata"]["name"], "db-0");
    assert!(list["items"][0].get("spec").is_none());
    let (_, one) = get_as(&small, "/api/v1/namespaces/shop/pods/db-0", METADATA);
    assert_eq!((&one["kind"], &one["metadata"]["labels"]["app"]), (&"PartialObjectMetadata".into(), &"db".into()));
    assert!(one.get("spec").is_none());
}

#[test]
fn refusals_are_those_of_an_api_server() {
    let zoo = recorded("zoo");
    let (status, body) = get(&zoo, "/apis/apps/v1/namespaces/oom/deployments/gone");
    assert_eq!((status, &body["message"]), (404, &"deployments.apps \"gone\" not found".into()));
    assert_eq!(body["details"], json!({ "name": "gone", "kind": "deployments", "group": "apps" }));
    assert_eq!(get(&zoo, "/api/v1/namespaces/oom/pods/gone").1["message"], "pods \"gone\" not found");
    for path in ["/", "/nothing", "/api/v1/pods/cache/log/more", "/api/v1/namespaces/oom/nodes", "/apis/apps/v1/", "/api/v2/pods"]
    {
        let (status, body) = get(&zoo, path);
        assert_eq!(status, if path == "/apis/apps/v1/" { 200 } else { 404 }, "{path}: {body}");
    }
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let request = Request::builder().method(method).uri("/api/v1/namespaces/oom/pods").body(Bytes::new()).expect("a request");
        assert_eq!(zoo.answer(&request).status(), 405);
    }
    assert_eq!(get(&zoo, "/api/v1/pods?watch=true").0, 405);
    assert_eq!(get(&zoo, "/api/v1/pods?limit=many").0, 400);
}

#[test]
fn reading_is_allowed_and_nothing_else() {
    let zoo = recorded("zoo");
    let allowed = |verb: &str, resource: &str, subresource: &str| {
        let attributes = json!({ "verb": verb, "resource": resource, "subresource": subresource, "namespace": "oom" });
        let body = json!({ "spec": { "resourceAttributes": attributes } }).to_string();
        let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let response = zoo.answer(&Request::post(path).body(Bytes::from(body)).expect("a request"));
        assert_eq!(response.status(), 201);
        let review: Value = serde_json::from_slice(response.body()).expect("a review");
        assert_eq!(review["spec"]["resourceAttributes"], attributes);
        review["status"]["allowed"].as_bool().expect("a verdict")
    };
    assert!(allowed("get", "pods", "") && allowed("list", "nodes", "") && allowed("watch", "events", ""));
    assert!(allowed("get", "pods", "log"));
    assert!(!allowed("delete", "pods", "") && !allowed("patch", "deployments", "") && !allowed("*", "pods", ""));
    assert!(!allowed("get", "secrets", "") && !allowed("list", "*", "") && !allowed("get", "pods", "exec"));
}

#[tokio::test]
async fn a_kubernetes_client_reads_and_discovers() {
    let client = Arc::new(recorded("zoo")).client();
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), "oom");
    let deployment = deployments.get("cache-warmer").await.expect("it is there");
    assert_eq!(deployment.spec.expect("a spec").replicas, Some(1));
    assert!(deployments.get_opt("gone").await.expect("an answer").is_none());
    let pods: Api<Pod> = Api::all(client.clone());
    let page = pods.list(&ListParams::default().limit(10)).await.expect("a list");
    assert_eq!((page.items.len(), page.metadata.remaining_item_count), (10, Some(23)));
    let metadata: ObjectMeta = pods.list_metadata(&ListParams::default()).await.expect("a list").items.remove(0).metadata;
    assert!(metadata.name.is_some());
    assert_eq!(client.apiserver_version().await.expect("a version").minor, "36");
    let groups = client.list_api_groups().await.expect("groups").groups;
    assert!(groups.iter().any(|group| group.name == "apps"));
    let resources = client.list_api_group_resources("apps/v1").await.expect("resources").resources;
    assert!(resources.iter().any(|resource| resource.kind == "Deployment" && resource.namespaced));
    let core = client.list_core_api_resources("v1").await.expect("resources").resources;
    assert!(core.iter().any(|resource| resource.name == "pods/log"));
    assert_eq!(client.list_core_api_versions().await.expect("versions").versions, ["v1"]);
}
