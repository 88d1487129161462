//! A cluster that refuses, is slow, or breaks: the rest still comes, and what is missing is said.

use std::time::Duration;

use super::{gaps, health, over, problems, service};
use crate::support::{
    big_cluster::{PODS, big_cluster},
    kubernetes::{FakeApi, Fault, Rule},
};
use faultline::cluster::Cluster;

const SWEPT: [&str; 12] = [
    "/api/v1/pods",
    "/api/v1/nodes",
    "/api/v1/namespaces",
    "/api/v1/services",
    "/api/v1/persistentvolumeclaims",
    "/apis/apps/v1/deployments",
    "/apis/apps/v1/statefulsets",
    "/apis/apps/v1/daemonsets",
    "/apis/batch/v1/jobs",
    "/apis/batch/v1/cronjobs",
    "/apis/autoscaling/v2/horizontalpodautoscalers",
    "/apis/storage.k8s.io/v1/storageclasses",
];

#[tokio::test(start_paused = true)]
async fn each_resource_in_turn_may_be_denied() {
    let api = FakeApi::zoo();
    let app = over(&api);
    for path in SWEPT {
        api.heal();
        let api = api.clone().with(Rule::when(move |seen| seen.path == path, Fault::Forbidden));
        tokio::time::advance(Duration::from_secs(11)).await;
        let health = health(&app, "/cluster-health").await;
        let name = path.rsplit('/').next().expect("a name");
        let gap = gaps(&health).into_iter().find(|gap| gap.starts_with(&format!("{name}: ")));
        assert!(gap.as_ref().is_some_and(|gap| gap.contains("denied")), "{path}: {:?}", gaps(&health));
        assert!(!problems(&health).is_empty(), "{path}");
        assert_ne!(health["status"], "healthy");
        drop(api);
    }
}

#[tokio::test(start_paused = true)]
async fn denied_logs_and_events_are_said_once() {
    let api = FakeApi::zoo().with(Rule::suffix("/log", Fault::Forbidden)).with(Rule::suffix("/events", Fault::Forbidden));
    let health = health(&over(&api), "/cluster-health").await;
    let denied: Vec<String> = gaps(&health).into_iter().filter(|gap| gap.contains("denied")).collect();
    assert_eq!(denied.len(), 2, "{denied:#?}");
    assert!(problems(&health).len() > 25);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_fails_everywhere_leaves_it_unknown() {
    for fault in [
        Fault::InternalError,
        Fault::Garbage,
        Fault::Hang,
        Fault::Forbidden,
        Fault::CutAfter(20),
        Fault::NotFound,
        Fault::Expired,
    ] {
        let api = FakeApi::zoo().with(Rule::always(fault));
        let health = health(&over(&api), "/cluster-health").await;
        assert_eq!(health["status"], "unknown", "{fault:?}");
        assert!(gaps(&health).len() >= SWEPT.len(), "{fault:?}: {:?}", gaps(&health));
        assert!(api.seen().len() < 100, "{fault:?}: {} requests", api.seen().len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_server_is_waited_for_within_bounds() {
    let api = FakeApi::zoo().with(Rule::always(Fault::Delay(Duration::from_secs(5))));
    let app = over(&api);
    let begun = tokio::time::Instant::now();
    let health = health(&app, "/cluster-health").await;
    assert!(begun.elapsed() <= Duration::from_secs(21), "{:?}", begun.elapsed());
    assert!(problems(&health).len() > 20, "{:?}", gaps(&health));
}

#[tokio::test(start_paused = true)]
async fn a_list_that_expires_leaves_what_came_before_and_a_count() {
    let api = FakeApi::of(big_cluster());
    let is_late = |seen: &crate::support::kubernetes::Seen| seen.path == "/api/v1/pods" && !seen.parameter("continue").is_empty();
    let app = over(&api.clone().with(Rule::when(is_late, Fault::Expired)));
    let health = health(&app, "/cluster-health").await;
    let seen = usize::try_from(health["totals"]["pods"].as_u64().expect("a number")).expect("a small number");
    assert!(seen > 0 && seen < PODS, "{seen}");
    assert_eq!(health["totals"]["unseen"]["pods"], PODS - seen);
    let gap = gaps(&health).into_iter().find(|gap| gap.starts_with("pods: ")).expect("a gap");
    assert!(gap.contains("expired") && gap.contains(&format!("{seen} were seen, {} were not", PODS - seen)), "{gap}");
    // What the deployments say of themselves is seen all the same.
    assert!(problems(&health).iter().any(|(object, _)| object == "deployment/team-005/catalog"), "{health:#}");
}

#[tokio::test]
async fn a_broken_page_is_asked_for_again_with_fewer_items() {
    let api = FakeApi::zoo().with(Rule::when(|seen| seen.path == "/api/v1/pods", Fault::CutAfter(30_000)).only_first(1));
    let whole = health(&service(Cluster::of_client(FakeApi::zoo().client())), "/cluster-health").await;
    let mended = health(&over(&api), "/cluster-health").await;
    assert_eq!(mended["totals"]["pods"], whole["totals"]["pods"]);
    assert_eq!(problems(&mended).len(), problems(&whole).len());
}
