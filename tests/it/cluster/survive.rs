//! Whatever fails, an answer comes, and says what it could not see.

use std::time::Duration;

use serde_json::json;

use super::{about, app, diagnose, gaps, list};
use crate::support::kubernetes::{FakeApi, Fault, Rule};

const RESOURCES: [&str; 14] = [
    "/pods",
    "/log",
    "/events",
    "/services",
    "/nodes",
    "/deployments",
    "/replicasets",
    "/endpointslices",
    "/horizontalpodautoscalers",
    "/persistentvolumeclaims",
    "/resourcequotas",
    "/storageclasses",
    "/configmaps",
    "/jobs",
];

#[tokio::test]
async fn a_refused_resource_is_denied_and_not_absent() {
    for resource in RESOURCES {
        let api = FakeApi::zoo().with(Rule::when(
            move |seen| seen.path.ends_with(resource) || seen.path.contains(&format!("{resource}/")),
            Fault::Forbidden,
        ));
        let answer = about(&app(&api), "crash-db", "deployment", "orders").await;
        let asked = api.seen().iter().any(|seen| seen.status == Some(403));
        assert_eq!(asked, gaps(&answer).contains("denied"), "{resource}: {}", gaps(&answer));
        assert_ne!(answer["error_category"], "Healthy", "{resource}: what was not seen was called healthy");
    }
}

#[tokio::test]
async fn all_refused_is_an_answer_with_gaps() {
    let api = FakeApi::zoo().with(Rule::always(Fault::Forbidden));
    let body = json!({"error_message": "CrashLoopBackOff", "namespace": "crash-db", "deployment_name": "orders"});
    let answer = diagnose(&app(&api), body).await;
    assert_eq!(answer["error_category"], "CrashLoopBackOff");
    assert!(gaps(&answer).contains("denied"));
}

/// Time is paused: only what waits counts.
#[tokio::test(start_paused = true)]
async fn a_slow_server_is_waited_for_within_the_budget() {
    let api = FakeApi::zoo().with(Rule::always(Fault::Delay(Duration::from_secs(5))));
    let started = tokio::time::Instant::now();
    let answer = about(&app(&api), "crash-db", "deployment", "orders").await;
    assert!(started.elapsed() <= Duration::from_secs(21), "{:?}", started.elapsed());
    assert!(gaps(&answer).contains("no answer in time"), "{}", gaps(&answer));
    assert!(!list(&answer, "evidence").is_empty(), "{answer:#}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_is_given_up() {
    let api = FakeApi::zoo().with(Rule::always(Fault::Hang));
    let started = tokio::time::Instant::now();
    let answer = about(&app(&api), "crash-db", "deployment", "orders").await;
    assert!(started.elapsed() <= Duration::from_secs(21), "{:?}", started.elapsed());
    assert!(gaps(&answer).contains("no answer in time"));
}

#[tokio::test]
async fn half_an_answer_is_read_as_far_as_it_goes() {
    for bytes in [0, 100, 3000, 20_000] {
        let api = FakeApi::zoo().with(Rule::suffix("/pods", Fault::CutAfter(bytes)));
        let answer = about(&app(&api), "crash-db", "deployment", "orders").await;
        assert_ne!(answer["error_category"], "Healthy", "after {bytes} bytes");
    }
    let api = FakeApi::zoo().with(Rule::always(Fault::Garbage));
    assert!(gaps(&about(&app(&api), "crash-db", "deployment", "orders").await).contains("damaged"));
}

#[tokio::test]
async fn logs_that_fail_leave_the_status() {
    let api = FakeApi::zoo().with(Rule::suffix("/log", Fault::InternalError));
    let answer = about(&app(&api), "crash-db", "deployment", "orders").await;
    assert_eq!(answer["error_category"], "ContainerExitError", "{answer:#}");
    assert!(gaps(&answer).contains("log of pod crash-db/orders"), "{}", gaps(&answer));
}

#[tokio::test]
async fn a_short_refusal_is_tried_again_and_a_long_one_is_not() {
    let api = FakeApi::zoo().with(Rule::suffix("/pods", Fault::TooManyRequests { retry_after_seconds: 1 }).only_first(1));
    let answer = about(&app(&api), "crash-db", "deployment", "orders").await;
    assert_eq!(answer["error_category"], "DatabaseConnectionError", "{}", gaps(&answer));
    let api = FakeApi::zoo().with(Rule::suffix("/pods", Fault::TooManyRequests { retry_after_seconds: 60 }));
    let answer = about(&app(&api), "crash-db", "deployment", "orders").await;
    assert!(gaps(&answer).contains("429"), "{}", gaps(&answer));
    assert!(api.seen().iter().filter(|seen| seen.path.ends_with("/pods")).count() <= 2);
}

#[tokio::test]
async fn only_reads_are_made() {
    let api = FakeApi::zoo();
    let app = app(&api);
    for (namespace, kind, name) in
        [("crash-db", "deployment", "orders"), ("pvc", "deployment", "store"), ("config-secret", "deployment", "api")]
    {
        about(&app, namespace, kind, name).await;
    }
    for seen in api.seen() {
        assert_eq!(seen.method, "GET", "{seen:?}");
        assert!(!seen.path.contains("/secrets") && !seen.path.contains("/exec"), "{seen:?}");
    }
}
