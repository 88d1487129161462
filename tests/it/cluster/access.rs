//! The permissions that are asked for are those that are used: no more, no less.

use std::collections::BTreeSet;

use faultline::cluster::access::{self, NEEDS};
use serde_json::json;

use super::{about, app, diagnose};
use crate::support::kubernetes::{FakeApi, Seen};

/// Group, resource and verb of a request.
fn need_of(seen: &Seen) -> (String, String, String) {
    let mut parts: Vec<&str> = seen.path.trim_start_matches('/').split('/').collect();
    let group = if parts[0] == "api" {
        parts.drain(..2);
        String::new()
    } else {
        let group = parts[1].to_owned();
        parts.drain(..3);
        group
    };
    if parts[0] == "namespaces" && parts.len() > 2 {
        parts.drain(..2);
    }
    let (resource, verb) = match parts.as_slice() {
        [resource] => ((*resource).to_owned(), "list"),
        [resource, _] => ((*resource).to_owned(), "get"),
        [resource, _, sub] => (format!("{resource}/{sub}"), "get"),
        other => panic!("{other:?}"),
    };
    (group, resource, verb.to_owned())
}

fn granted() -> BTreeSet<(String, String, String)> {
    let all = NEEDS.iter().flat_map(|need| need.verbs.iter().map(|verb| (need.group, need.resource, *verb)));
    all.map(|(group, resource, verb)| (group.to_owned(), resource.to_owned(), verb.to_owned())).collect()
}

#[tokio::test]
async fn every_call_that_is_made_is_granted() {
    let api = FakeApi::zoo();
    let app = app(&api);
    let text =
        std::fs::read_to_string(crate::support::kubernetes::recordings().join("expected.json")).expect("the expected answers");
    for case in serde_json::from_str::<Vec<serde_json::Value>>(&text).expect("a list") {
        let (kind, name) = case["target"].as_str().and_then(|target| target.split_once('/')).expect("kind/name");
        let namespace = case["namespace"].as_str().expect("a namespace");
        about(&app, namespace, kind, name).await;
        diagnose(&app, json!({"error_message": "something is wrong, please look", "namespace": namespace})).await;
    }
    for (kind, name) in [("pvc", "data"), ("node", "node-b"), ("cronjob", "none"), ("ingress", "none"), ("statefulset", "none")] {
        about(&app, "pvc", kind, name).await;
    }
    let used: BTreeSet<_> = api.seen().iter().map(need_of).collect();
    let not_granted: Vec<_> = used.difference(&granted()).cloned().collect();
    assert!(not_granted.is_empty(), "used and not granted: {not_granted:?}");
}

#[test]
fn nothing_dangerous_is_ever_asked_for() {
    for need in NEEDS {
        assert!(!need.resource.contains("secrets") && !need.resource.contains('*') && !need.group.contains('*'), "{need:?}");
        assert!(need.verbs.iter().all(|verb| matches!(*verb, "get" | "list")), "{need:?}");
        assert!(!need.resource.contains("exec") && !need.resource.contains("portforward"), "{need:?}");
    }
    let role = serde_json::to_value(access::cluster_role()).expect("a role");
    assert_eq!(role["kind"], "ClusterRole");
}
