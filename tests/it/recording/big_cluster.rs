//! The made-up cluster has the size and the faults that it claims.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{METADATA, get, get_as, items, log, names};
use crate::support::big_cluster::{
    BigCluster, FLEET, FLEET_PODS, HIDDEN_POD, LONG_LOG, NAMESPACES, NODES, PODS, SILENT_NODE, STORM, UNWELL, big_cluster,
};

#[test]
fn the_big_cluster_is_as_big_and_as_ill_as_it_claims() {
    let big = big_cluster();
    let (_, all) = get_as(&big, "/api/v1/pods?limit=1", METADATA);
    assert_eq!(all["metadata"]["remainingItemCount"], PODS - 1);
    let nodes = items(&big, "/api/v1/nodes");
    assert_eq!(nodes.len(), NODES);
    let is_silent = |node: &&Value| node["status"]["conditions"][3]["status"] == "Unknown";
    let silent: Vec<&Value> = nodes.iter().filter(is_silent).collect();
    assert_eq!((silent.len(), &silent[0]["metadata"]["name"]), (1, &SILENT_NODE.into()));
    assert_eq!(names(&big, &format!("/api/v1/pods?fieldSelector=spec.nodeName={SILENT_NODE}")), <[&str; 0]>::default());
    assert_eq!(names(&big, "/api/v1/namespaces").len(), NAMESPACES);

    let fleet = names_only(&big, &format!("/api/v1/namespaces/{}/pods", FLEET.0));
    assert_eq!((fleet.len(), fleet.iter().collect::<BTreeSet<_>>().len()), (FLEET_PODS, FLEET_PODS));
    assert!(fleet.iter().position(|name| name == HIDDEN_POD).expect("it is there") > FLEET_PODS * 9 / 10);
    let (_, hidden) = get(&big, &format!("/api/v1/namespaces/{}/pods/{HIDDEN_POD}", FLEET.0));
    assert_eq!(hidden["status"]["containerStatuses"][0]["state"]["waiting"]["reason"], "CrashLoopBackOff");
    let size = hidden.to_string().len();
    assert!((4 << 10..8 << 10).contains(&size), "{size}");
    let (_, text) = log(&big, &format!("/api/v1/namespaces/{}/pods/{HIDDEN_POD}/log?previous=true", FLEET.0));
    assert!(text.ends_with("no space left on device\n"), "{text}");

    for (namespace, name, category) in UNWELL {
        let (_, deployment) = get(&big, &format!("/apis/apps/v1/namespaces/{namespace}/deployments/{name}"));
        assert_eq!(deployment["status"]["unavailableReplicas"], 5, "{category}");
        let path = format!("/api/v1/namespaces/{namespace}/events?fieldSelector=type=Warning");
        assert_eq!(items(&big, &path).len(), 10, "{category}");
        let selector = format!("labelSelector=app.kubernetes.io/name%3D{name}");
        let pods = items(&big, &format!("/api/v1/namespaces/{namespace}/pods?{selector}"));
        assert!(pods.iter().all(|pod| pod["status"]["conditions"].to_string().contains("\"False\"")), "{category}");
        let slices = items(&big, &format!("/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices?{selector}"));
        assert!(
            slices
                .iter()
                .filter_map(|slice| slice["endpoints"].as_array())
                .flatten()
                .all(|to| to["conditions"]["ready"] == false)
        );
    }
}

#[test]
fn a_storm_and_a_long_log_can_be_had() {
    let big = BigCluster::default().with_event_storm(50_000).with_long_log(40_000_000).build();
    let (_, events) = get_as(&big, &format!("/api/v1/namespaces/{}/events?limit=1", STORM.0), METADATA);
    assert_eq!(events["metadata"]["remainingItemCount"], 49_999);
    let pod =
        &names(&big, &format!("/api/v1/namespaces/{}/pods?labelSelector=app.kubernetes.io/name%3D{}", LONG_LOG.0, LONG_LOG.1))[0];
    let path = format!("/api/v1/namespaces/{}/pods/{pod}/log", LONG_LOG.0);
    assert!(log(&big, &format!("{path}?tailLines=3&timestamps=true")).1.starts_with("2026-11-21T11:30:00.508358037Z {"));
    let (_, whole) = log(&big, &format!("{path}?timestamps=true"));
    assert!((39_000_000..41_000_000).contains(&whole.len()));
    assert_eq!(whole.matches("connection refused").count(), 1);
}

fn names_only(recording: &faultline::cluster::recording::Recording, path: &str) -> Vec<String> {
    let (_, list) = get_as(recording, path, METADATA);
    let items = list["items"].as_array().expect("items");
    items.iter().map(|item| item["metadata"]["name"].as_str().expect("a name").to_owned()).collect()
}
