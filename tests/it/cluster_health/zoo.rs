//! The recorded cluster with one fault per namespace.

use std::{collections::BTreeMap, fs};

use serde_json::Value;

use super::{gaps, health, over, problems, service};
use crate::http::contract::conforms;
use crate::support::{
    cli::faultline,
    kubernetes::{FakeApi, recorded, recordings},
};
use faultline::cluster::Cluster;

/// Namespaces with the categories that fit what is wrong there.
fn expected() -> BTreeMap<String, Vec<String>> {
    let text = fs::read_to_string(recordings().join("expected.json")).expect("the expectations are readable");
    let cases: Vec<Value> = serde_json::from_str(&text).expect("they are JSON");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    cases
        .iter()
        .map(|case| {
            let also = case["also"].as_array().into_iter().flatten().map(text);
            (text(&case["namespace"]), std::iter::once(text(&case["category"])).chain(also).collect())
        })
        .collect()
}

#[tokio::test]
async fn every_faulty_namespace_shows_up_once_and_the_healthy_one_does_not() {
    let health = health(&service(Cluster::of_recording(recorded("zoo"))), "/cluster-health").await;
    let found = problems(&health);
    let mut wrong = Vec::new();
    for (namespace, fitting) in expected() {
        let here: Vec<_> = found.iter().filter(|(object, _)| object.contains(&format!("/{namespace}/"))).collect();
        match (here.as_slice(), fitting.iter().any(|one| one == "Healthy")) {
            ([], true) => {}
            ([(_, category)], false) if fitting.contains(category) => {}
            (here, _) => wrong.push(format!("{namespace}: wanted {fitting:?}, found {here:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let others: Vec<_> = found
        .iter()
        .filter(|(object, _)| !expected().keys().any(|namespace| object.contains(&format!("/{namespace}/"))))
        .collect();
    assert_eq!(others, [&("node/node-b".to_owned(), "NodeNotReady".to_owned())]);
}

#[tokio::test]
async fn totals_nodes_and_order_are_right() {
    let health = health(&service(Cluster::of_recording(recorded("zoo"))), "/api/v1/cluster-health").await;
    conforms("ClusterHealth", &health);
    assert_eq!(health["status"], "unhealthy");
    assert_eq!(health["cached"], false);
    let totals = &health["totals"];
    assert_eq!((&totals["nodes"], &totals["nodes_ready"]), (&2.into(), &1.into()));
    let count = |path: &str| {
        let text = fs::read_to_string(recordings().join("zoo").join(path)).expect("a recorded list");
        serde_json::from_str::<Value>(&text).expect("JSON")["items"].as_array().expect("items").len()
    };
    assert_eq!(totals["pods"], count("api/v1/pods.json"));
    assert_eq!(totals["namespaces"], count("api/v1/namespaces.json"));
    let workloads = ["apis/apps/v1/deployments.json", "apis/apps/v1/statefulsets.json", "apis/apps/v1/daemonsets.json"];
    let jobs = ["apis/batch/v1/jobs.json", "apis/batch/v1/cronjobs.json"];
    assert_eq!(totals["workloads"], workloads.iter().chain(&jobs).map(|path| count(path)).sum::<usize>());
    assert_eq!(totals["problems"], health["problems"].as_array().expect("problems").len());
    assert_eq!(totals["unseen"], serde_json::json!({}));

    let nodes: Vec<_> = health["nodes"].as_array().expect("nodes").iter().map(|node| (&node["name"], &node["ready"])).collect();
    assert_eq!(nodes, [(&"node-b".into(), &false.into()), (&"node-a".into(), &true.into())]);

    let rank = |problem: &Value| ["CRITICAL", "HIGH", "MEDIUM", "LOW"].iter().position(|name| problem["severity"] == **name);
    assert!(health["problems"].as_array().expect("problems").is_sorted_by_key(rank), "{health:#}");
    assert!(gaps(&health).iter().any(|gap| gap.contains("recording")), "{:?}", gaps(&health));
}

#[tokio::test]
async fn only_the_namespaces_asked_for_are_looked_at() {
    let api = FakeApi::zoo();
    let app = over(&api);
    let one = health(&app, "/cluster-health?namespace=oom&namespace=healthy").await;
    assert_eq!(problems(&one).iter().filter(|(object, _)| !object.starts_with("node/")).count(), 1, "{one:#}");
    assert_eq!(one["namespaces"], serde_json::json!(["healthy", "oom"]));
    assert_eq!(one["totals"]["namespaces"], 2);
    let same = health(&app, "/cluster-health?namespaces=oom,healthy").await;
    assert_eq!(same["cached"], true);
    let none = health(&app, "/cluster-health?namespace=no-such").await;
    assert!(gaps(&none).iter().any(|gap| gap == "namespace no-such: does not exist in this cluster"), "{none:#}");
}

#[tokio::test]
async fn a_diagnosis_brings_it_along_where_it_is_asked_for() {
    let app = over(&FakeApi::zoo());
    let question = |include: bool| serde_json::json!({"error_message": "something is wrong", "namespace": "oom", "include_cluster_health": include});
    assert_eq!(app.post("/diagnose", &question(false)).await.json()["cluster_health"], Value::Null);
    let brought = app.post("/diagnose", &question(true)).await.json();
    conforms("Diagnosis", &brought);
    assert_eq!(brought["cluster_health"]["status"], "unhealthy", "{brought:#}");
    assert_eq!(brought["cluster_health"]["cached"], false);
    let asked = health(&app, "/cluster-health").await;
    assert_eq!(asked["cached"], true);
    assert_eq!(asked["problems"], brought["cluster_health"]["problems"]);
}

#[tokio::test]
async fn it_is_a_page_where_a_page_is_wanted() {
    let app = over(&FakeApi::zoo());
    let page = app.get_as("/cluster-health", "text/markdown").await;
    assert_eq!(page.header("content-type"), "text/markdown; charset=utf-8");
    let page = page.text();
    assert!(page.starts_with("# Cluster: unhealthy\n\n1 of 2 nodes ready, "), "{page}");
    assert!(page.contains("`deployment/oom/cache-warmer`: "), "{page}");
    assert!(page.contains("- `node-b`: not ready"), "{page}");
}

#[test]
fn the_command_line_tells_the_same_and_ends_accordingly() {
    let zoo = recordings().join("zoo");
    let zoo = zoo.to_str().expect("a readable path");
    let all = faultline(&["cluster-health", "--from", zoo]).run();
    assert_eq!(all.code, 1, "{}", all.err);
    assert!(all.out.contains("1 of 2 nodes ready") && all.out.contains("deployment/oom/cache-warmer  OOMKilled"), "{}", all.out);
    let one = faultline(&["cluster-health", "--from", zoo, "-n", "image-missing", "--output", "json"]).run();
    let one: Value = serde_json::from_str(&one.out).expect("JSON");
    assert!(problems(&one).contains(&("deployment/image-missing/shop".to_owned(), "ImagePullBackOff".to_owned())), "{one:#}");
    let none = faultline(&["cluster-health", "--no-cluster"]).run();
    assert_eq!(none.code, 4, "{}", none.out);
    assert!(none.out.starts_with("UNKNOWN"), "{}", none.out);
}
