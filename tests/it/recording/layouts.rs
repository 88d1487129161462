//! The same cluster in four layouts: the same objects and the same logs.

use faultline::cluster::recording::Recording;
use serde_json::Value;

use super::{get, items, log, names};
use crate::support::kubernetes::recorded;

const LAYOUTS: [&str; 4] = ["zoo", "zoo-dump", "must-gather", "support-bundle"];
/// Recorded in all of them.
const NAMESPACES: [&str; 3] = ["crash-db", "healthy", "init"];

fn pods(recording: &Recording) -> Vec<Value> {
    NAMESPACES.iter().flat_map(|namespace| items(recording, &format!("/api/v1/namespaces/{namespace}/pods"))).collect()
}

#[test]
fn every_layout_has_the_same_pods() {
    let zoo = pods(&recorded("zoo"));
    assert_eq!(zoo.len(), 4);
    for layout in LAYOUTS {
        let recording = recorded(layout);
        assert_eq!(recording.problems(), <[String; 0]>::default(), "{layout}");
        let pods = pods(&recording);
        if layout == "zoo-dump" {
            // Recorded a moment later, so that counts and times differ.
            let of = |pods: &[Value]| pods.iter().map(|pod| pod["metadata"]["uid"].clone()).collect::<Vec<_>>();
            assert_eq!(of(&pods), of(&zoo));
        } else {
            assert!(pods == zoo, "{layout}");
        }
        assert_eq!(names(&recording, "/api/v1/nodes"), ["node-a", "node-b"], "{layout}");
        assert_eq!(names(&recording, "/apis/apps/v1/namespaces/init/deployments"), ["frontend"], "{layout}");
        assert!(items(&recording, "/api/v1/namespaces/init/events").len() > 3, "{layout}");
    }
}

#[test]
fn every_layout_has_the_same_logs() {
    let orders = "/api/v1/namespaces/crash-db/pods/orders-7c58bc488d-ccpqw/log";
    let migrate = "/api/v1/namespaces/init/pods/frontend-6bf6899d89-2qcb5/log?container=migrate";
    let app = "/api/v1/namespaces/init/pods/frontend-6bf6899d89-2qcb5/log?container=app";
    for layout in LAYOUTS {
        let recording = recorded(layout);
        for path in [orders.to_owned(), format!("{orders}?previous=true")] {
            let (status, text) = log(&recording, &path);
            assert_eq!(status, 200, "{layout} {path}: {text}");
            assert!(
                text.starts_with("orders v2.3.1 starting\nconnecting to postgres at orders-db:5432\nFATAL"),
                "{layout}: {text}"
            );
        }
        assert_eq!(
            log(&recording, migrate),
            (200, "relation \"users\" does not exist\nrunning migrations\n".to_owned()),
            "{layout}"
        );
        let waiting = "container \"app\" in pod \"frontend-6bf6899d89-2qcb5\" is waiting to start: PodInitializing";
        assert_eq!(log(&recording, app), (400, waiting.to_owned()), "{layout}");
    }
}

#[test]
fn what_was_not_recorded_is_not_found_and_what_is_none_is_an_empty_list() {
    for (layout, path, status) in [
        ("zoo", "/apis/apps/v1/statefulsets", 200),
        ("zoo", "/api/v1/configmaps", 404),
        ("zoo", "/apis/batch/v1beta1/cronjobs", 404),
        ("zoo-dump", "/api/v1/replicationcontrollers", 200),
        ("zoo-dump", "/apis/apps/v1/statefulsets", 404),
        ("zoo-dump", "/api/v1/namespaces", 404),
        ("must-gather", "/apis/apps/v1/statefulsets", 200),
        ("must-gather", "/apis/apps/v1/daemonsets", 404),
        ("support-bundle", "/apis/storage.k8s.io/v1/storageclasses", 200),
        ("support-bundle", "/api/v1/services", 404),
    ] {
        let (seen, body) = get(&recorded(layout), path);
        assert_eq!(seen, status, "{layout} {path}: {body}");
        if status == 404 {
            assert_eq!(body["message"], "the server could not find the requested resource");
            assert_eq!(body["reason"], "NotFound");
        } else {
            assert_eq!(body["items"], Value::Array(Vec::new()), "{layout} {path}");
        }
    }
}

#[test]
fn a_version_is_found_where_there_is_one() {
    let version = |layout| get(&recorded(layout), "/version").1["gitVersion"].clone();
    assert_eq!(version("zoo"), "v0.0.0-master+$Format:%H$");
    assert_eq!(version("support-bundle"), "v1.35.2");
    assert_eq!(version("zoo-dump"), "unknown");
}

#[test]
fn secrets_are_not_loaded_and_config_maps_only_with_their_keys() {
    let gather = recorded("must-gather");
    for path in ["/api/v1/secrets", "/api/v1/namespaces/crash-db/secrets", "/api/v1/namespaces/crash-db/secrets/orders-db"] {
        let (status, body) = get(&gather, path);
        assert_eq!((status, &body["reason"]), (403, &"Forbidden".into()), "{body}");
    }
    let (_, map) = get(&gather, "/api/v1/namespaces/crash-db/configmaps/settings");
    assert_eq!(map["data"], serde_json::json!({ "DATABASE_URL": "", "LOG_LEVEL": "" }));
    assert_eq!(map["binaryData"], serde_json::json!({ "seal": "" }));
    assert_eq!(map["metadata"]["annotations"], serde_json::json!({ "team": "shop" }));
}

#[test]
fn now_is_the_newest_time_that_was_recorded() {
    let newest = |layout| recorded(layout).newest().expect("a time").to_string();
    assert_eq!(newest("zoo"), "2026-11-21T06:17:03Z");
    assert!(newest("must-gather").starts_with("2026-11-21T06:17:"));
}
