//! How much each caller may ask, in memory that does not grow with their number.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::{Duration, Instant},
};

use faultline::http::limiter::{Limiter, MOST_CLIENTS, Who};
use serde_json::json;

use super::{diagnose_with, get, keyed_with, with};
use crate::support::{TestApp, json_request, model::FakeModel, settings};

fn address(number: u32) -> Who {
    Who::Address(IpAddr::V4(Ipv4Addr::from_bits(number)))
}

#[test]
fn a_million_addresses_take_no_more_memory_than_the_bound() {
    let began = Instant::now();
    let limiter = Limiter::new(3, began).expect("a limit");
    let busy = Who::Caller(7);
    for _ in 0..3 {
        limiter.take(busy, began).expect("within the limit");
    }
    for number in 0..1_000_000 {
        limiter.take(address(number), began).expect("each asks once");
        if number % 1000 == 0 {
            limiter.take(busy, began).expect_err("who asks often is not forgotten in the crowd");
        }
    }
    assert!(limiter.remembered() <= MOST_CLIENTS, "{}", limiter.remembered());
    assert!(limiter.remembered() > MOST_CLIENTS / 2, "it remembers as many as it may: {}", limiter.remembered());
}

#[test]
fn what_was_had_comes_back_evenly() {
    let began = Instant::now();
    let at = |seconds: f64| began + Duration::from_secs_f64(seconds);
    for quota in [1, 7, 60, 1000] {
        let limiter = Limiter::new(quota, began).expect("a limit");
        let who = address(1);
        for left in (0..quota).rev() {
            assert_eq!(limiter.take(who, began).expect("within the limit").remaining, left, "{quota}");
        }
        let refused = limiter.take(who, began).expect_err("used up");
        let period = 60.0 / f64::from(quota);
        assert_eq!((refused.remaining, refused.full_in_seconds()), (0, 60), "{quota}");
        assert!(refused.retry_after() >= 1 && (refused.wait.as_secs_f64() - period).abs() < 0.001, "{quota} {refused:?}");
        limiter.take(who, at(period - 0.001)).expect_err("too early");
        limiter.take(who, at(period + 0.001)).expect("one is back");
        limiter.take(who, at(period + 0.002)).expect_err("one alone");
        assert_eq!(limiter.look(who, at(1000.0)).remaining, quota, "all are back, and no more");
    }
    assert!(Limiter::new(0, began).is_none(), "0 sets no limit");
}

#[tokio::test]
async fn each_key_has_a_limit_of_its_own_wherever_it_is_used() {
    let mut http = settings();
    http.rate_limit_requests = 2;
    http.trusted_proxies = "0.0.0.0/0".parse().expect("a network");
    let door = keyed_with("auth-limits-keys", http);
    let from = async |key: &str, address: &str| {
        door.app.send(with(with(get("/runbooks"), "x-api-key", key), "x-forwarded-for", address)).await
    };
    assert_eq!(from(&door.viewer, "192.0.2.1").await.status, 200);
    assert_eq!(from(&door.viewer, "192.0.2.2").await.status, 200);
    let refused = from(&door.viewer, "192.0.2.3").await;
    assert_eq!(refused.problem(), (429, "rate-limited".to_owned(), vec![]));
    assert!(refused.header("retry-after").parse::<u64>().expect("seconds") >= 1);
    assert_eq!(from(&door.developer, "192.0.2.1").await.status, 200, "another key, the same address");
    // Who is nobody uses nothing up.
    assert_eq!(from("wrong", "192.0.2.9").await.status, 401);
    assert_eq!(from("wrong", "192.0.2.9").await.header("ratelimit"), "");
}

#[tokio::test]
async fn diagnoses_beyond_the_models_limit_are_answered_by_the_rules() {
    let model = FakeModel::gemini(json!({"summary": "x"})).await;
    let mut http = settings();
    (http.rate_limit_requests, http.rate_limit_model_requests) = (60, 2);
    let app = TestApp::asking_about(&model.settings(), faultline::cluster::Cluster::none(), http);
    let ask = async |text: &str| app.send(json_request("/diagnose", json!({"error_message": text}).to_string())).await;
    let first = ask("OOMKilled").await;
    assert_eq!(first.header("ratelimit-policy"), "\"default\";q=60;w=60, \"model\";q=2;w=60");
    assert!(first.header("ratelimit").contains("\"model\";r=1;t="), "{}", first.header("ratelimit"));
    ask("no space left on device").await;
    let asked = model.asked().await.len();
    assert!(asked >= 2, "both went to the model");

    let third = ask("x509: certificate has expired or is not yet valid").await;
    let diagnosis = third.json();
    assert_eq!((third.status.as_u16(), &diagnosis["mode"]), (200, &json!("rules")));
    assert_eq!(model.asked().await.len(), asked, "it was not asked");
    let gaps = diagnosis["gaps"].as_array().expect("gaps");
    assert!(
        gaps.iter().any(|gap| gap["what"] == "model" && gap["why"].as_str().is_some_and(|why| why.contains("used up"))),
        "{gaps:?}"
    );
    // What asks no model uses none up, and is told nothing about it.
    assert_eq!(app.get("/runbooks").await.header("ratelimit-policy"), "\"default\";q=60;w=60");
    let plain = app.post("/diagnose", &json!({"error_message": "OOMKilled", "use_llm": false})).await.json();
    assert_eq!(plain["llm"]["reason"], "the request asks for none");
}

#[tokio::test]
async fn a_caller_over_the_limit_is_still_told_who_may_not() {
    let mut http = settings();
    http.rate_limit_requests = 1;
    let door = keyed_with("auth-limits-order", http);
    assert_eq!(diagnose_with(&door.app, &door.viewer).await.status, 403, "a role comes before a limit");
    assert_eq!(diagnose_with(&door.app, &door.developer).await.status, 200);
    assert_eq!(diagnose_with(&door.app, &door.developer).await.status, 429);
}
