//! Faults, and processes that die.

use std::time::Duration;

use http::Request;
use kube::client::Body;
use serde_json::{Value, json};

use super::{DEPLOYMENT, MERGE, condition, get, patch, shop};
use crate::support::living::{Fault, Living, Moment, Pace};

async fn pause(client: &kube::Client) -> super::Said {
    patch(client, DEPLOYMENT, MERGE, &json!({"spec": {"paused": true}})).await
}

fn is_paused(living: &Living) -> bool {
    living.snapshot(DEPLOYMENT)["spec"]["paused"] == true
}

fn pausing() -> Request<Body> {
    let request = Request::patch(DEPLOYMENT).header("content-type", MERGE);
    request.body(Body::from(json!({"spec": {"paused": true}}).to_string().into_bytes())).expect("a valid request")
}

#[tokio::test]
async fn the_next_request_of_a_kind_fails_and_the_one_after_it_does_not() {
    let living = shop();
    let client = living.client();
    living.fail_next("patch", "*/deployments/*", Fault::Status(503));
    get(&client, DEPLOYMENT).await.ok();
    assert_eq!(pause(&client).await.refusal(), (503, "ServiceUnavailable"));
    assert!(!is_paused(&living));
    pause(&client).await.ok();
    let log: Vec<(&str, Option<u16>)> = living.seen().iter().map(|seen| (seen.verb, seen.status)).collect();
    assert_eq!(log, [("get", Some(200)), ("patch", Some(503)), ("patch", Some(200))]);
    assert_eq!(living.writes()[0].body, json!({"spec": {"paused": true}}));
}

#[tokio::test]
async fn a_permanent_fault_lasts_until_it_is_healed() {
    let living = shop().with("*", "/apis/apps/*", Fault::Status(429));
    let client = living.client();
    for _ in 0..3 {
        assert_eq!(get(&client, DEPLOYMENT).await.refusal(), (429, "TooManyRequests"));
    }
    living.heal();
    get(&client, DEPLOYMENT).await.ok();
}

#[tokio::test]
async fn a_reset_comes_before_the_write_and_a_lost_answer_after_it() {
    let living = shop();
    let client = living.client();
    living.fail_next("patch", "*", Fault::Reset);
    client.send(pausing()).await.expect_err("a broken connection");
    assert!(!is_paused(&living));
    living.fail_next("patch", "*", Fault::LostAnswer);
    client.send(pausing()).await.expect_err("a broken connection");
    assert!(is_paused(&living));
    assert_eq!(living.writes()[1].status, None);
}

#[tokio::test]
async fn somebody_else_in_between_is_a_conflict_for_those_who_name_a_version() {
    let living = shop();
    let client = living.client();
    let version = living.snapshot(DEPLOYMENT)["metadata"]["resourceVersion"].clone();
    let change = |version: &Value| json!({"metadata": {"resourceVersion": version}, "spec": {"paused": true}});
    living.fail_next("patch", "*", Fault::ConflictOnce);
    assert_eq!(patch(&client, DEPLOYMENT, MERGE, &change(&version)).await.refusal(), (409, "Conflict"));
    let version = living.snapshot(DEPLOYMENT)["metadata"]["resourceVersion"].clone();
    patch(&client, DEPLOYMENT, MERGE, &change(&version)).await.ok();
}

#[tokio::test(start_paused = true)]
async fn what_is_slow_takes_its_time_and_what_hangs_never_answers() {
    let living = shop();
    let client = living.client();
    living.fail_next("get", "*", Fault::Slow(Duration::from_secs(20)));
    let start = tokio::time::Instant::now();
    get(&client, DEPLOYMENT).await.ok();
    assert_eq!(start.elapsed(), Duration::from_secs(20));
    living.fail_next("patch", "*", Fault::Hang);
    tokio::time::timeout(Duration::from_secs(3600), pause(&client)).await.expect_err("no answer");
    assert!(!is_paused(&living));
    living.fail_next("get", "*", Fault::Garbage);
    assert!(get(&client, DEPLOYMENT).await.body.is_null());
}

#[tokio::test]
async fn a_process_dies_before_or_after_its_write_and_another_one_goes_on() {
    for (moment, has_written) in [(Moment::Before, false), (Moment::After, true)] {
        let living = shop();
        let mut death = living.kill(moment, 2);
        let client = living.client();
        let process = async {
            patch(&client, DEPLOYMENT, MERGE, &json!({"metadata": {"annotations": {"step": "one"}}})).await.ok();
            // A dry run is no write that a process could die of.
            patch(&client, &format!("{DEPLOYMENT}?dryRun=All"), MERGE, &json!({"spec": {"paused": true}})).await.ok();
            assert!(!is_paused(&living));
            pause(&client).await;
            unreachable!("it is dead");
        };
        tokio::select! {
            () = process => {}
            () = death.happened() => {}
        }
        assert!(death.has_happened());
        assert_eq!(is_paused(&living), has_written);
        assert_eq!(living.snapshot(DEPLOYMENT)["metadata"]["annotations"]["step"], "one");
        // What the dead process may still want is not heard, and the next process is alive.
        let before = living.seen().len();
        let ghost = tokio::time::timeout(Duration::ZERO, pause(&client));
        ghost.await.expect_err("the dead get no answers");
        assert_eq!(living.seen().len(), before);
        pause(&living.client()).await.ok();
        assert!(is_paused(&living));
    }
}

#[tokio::test]
async fn over_a_socket_it_is_the_same_cluster() {
    let living = shop();
    let listening = living.listen().await;
    let kubeconfig = kube::config::Kubeconfig::read_from(listening.kubeconfig()).expect("a kubeconfig");
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &kube::config::KubeConfigOptions::default()).await;
    let client = kube::Client::try_from(config.expect("a configuration")).expect("a client");
    pause(&client).await.ok();
    assert!(is_paused(&living));
    living.fail_next("get", "*", Fault::Reset);
    let request = Request::get(DEPLOYMENT).body(Body::empty()).expect("a valid request");
    client.send(request).await.expect_err("a broken connection");
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_goes_by_the_clock_moves_while_the_client_waits() {
    let living = shop().paced(Pace::Clock);
    let client = living.client();
    living.template_is_bad(|template| template["spec"]["containers"][0]["image"] == "registry.example/api:bad");
    let image = json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "registry.example/api:bad"}]}}}});
    patch(&client, DEPLOYMENT, MERGE, &image).await.ok();
    let mut waited = 0;
    loop {
        let deployment = get(&client, DEPLOYMENT).await.ok();
        if condition(&deployment, "Progressing")["reason"] == "ProgressDeadlineExceeded" {
            break;
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
        waited += 10;
        assert!(waited < 1000, "{:#}", deployment["status"]);
    }
    assert!((600..=640).contains(&waited), "{waited}");
}
