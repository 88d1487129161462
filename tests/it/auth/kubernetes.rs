//! Tokens of the cluster: it says whose they are and what they may do.

use std::sync::Arc;

use faultline::{
    auth::{Auth, AuthMode, AuthSettings},
    cluster::Cluster,
};
use jiff::{SignedDuration, Timestamp};

use super::{OOM, get, with};
use crate::support::{
    Answer, TestApp, json_request,
    kubernetes::{FakeApi, Fault, Rule, User, recorded},
    settings,
};

const USERS: [User; 5] = [
    User { token: "token-reader", name: "system:serviceaccount:shop:reader", audience: "faultline", may: &["get incidents"] },
    User { token: "token-ci", name: "system:serviceaccount:ci:runner", audience: "faultline", may: &["create diagnoses"] },
    User { token: "token-ada", name: "ada", audience: "faultline", may: &["approve remediations", "get incidents"] },
    User { token: "token-tom", name: "tom", audience: "faultline", may: &[] },
    User { token: "token-elsewhere", name: "eve", audience: "vault", may: &["approve remediations"] },
];

fn auth() -> Auth {
    let settings =
        AuthSettings { auth_mode: AuthMode::Kubernetes, kubernetes_audiences: "faultline".to_owned(), ..AuthSettings::default() };
    Auth::open(&settings).expect("good settings")
}

fn app(cluster: Cluster) -> TestApp {
    TestApp::guarded(auth(), settings(), |stages| stages.cluster = Arc::new(cluster))
}

async fn list(app: &TestApp, token: &str) -> Answer {
    app.send(with(get("/runbooks"), "authorization", &format!("Bearer {token}"))).await
}

async fn diagnose(app: &TestApp, token: &str) -> Answer {
    app.send(with(json_request("/diagnose", OOM), "authorization", &format!("Bearer {token}"))).await
}

/// Reviews that the server was asked for.
fn reviews(api: &FakeApi) -> usize {
    api.seen().iter().filter(|seen| seen.path.ends_with("reviews")).count()
}

#[tokio::test]
async fn the_cluster_says_who_may_do_what() {
    let api = FakeApi::zoo().knowing(USERS);
    let app = app(Cluster::of_client(api.client()));
    let cases = [
        ("token-reader", 200, 403),
        ("token-ci", 200, 200),
        ("token-ada", 200, 200),
        ("token-tom", 403, 403),
        ("token-elsewhere", 401, 401),
        ("token-of-nobody", 401, 401),
    ];
    for (token, reading, diagnosing) in cases {
        assert_eq!(list(&app, token).await.status, reading, "{token}");
        assert_eq!(diagnose(&app, token).await.status, diagnosing, "{token}");
    }
    assert_eq!(app.send(with(get("/runbooks"), "x-api-key", "token-ada")).await.status, 401, "a token is no key");
}

#[tokio::test]
async fn it_is_asked_once_a_minute_about_each_token() {
    let api = FakeApi::zoo().knowing(USERS);
    let cluster = Cluster::of_client(api.client());
    let auth = auth();
    let beginning: Timestamp = "2026-03-01T12:00:00Z".parse().expect("a time");
    let ask = async |token: &str, seconds: i64| {
        let now = beginning + SignedDuration::from_secs(seconds);
        auth.identify(&faultline::pipeline::callers::bearer(token), &cluster, now).await.is_ok()
    };
    for second in 0..60 {
        assert!(ask("token-ada", second).await);
    }
    assert_eq!(reviews(&api), 2, "one review of the token, one of the highest role");
    assert!(ask("token-ada", 60).await);
    assert_eq!(reviews(&api), 4);
    for second in 0..10 {
        assert!(!ask("token-of-nobody", 100 + second).await);
    }
    assert_eq!(reviews(&api), 5, "a wrong token is remembered as well");
    // Who lost their rights loses them here within the minute.
    let api = api.knowing([]);
    assert!(ask("token-ada", 119).await);
    assert!(!ask("token-ada", 120).await);
    assert_eq!(reviews(&api), 6);
}

#[tokio::test]
async fn a_cluster_that_does_not_answer_lets_nobody_in() {
    for fault in [Fault::InternalError, Fault::Forbidden, Fault::Garbage, Fault::CutAfter(5)] {
        let api = FakeApi::zoo().knowing(USERS).with(Rule::suffix("reviews", fault));
        let app = app(Cluster::of_client(api.client()));
        let answer = list(&app, "token-ada").await;
        assert_eq!(answer.problem(), (503, "authentication-unavailable".to_owned(), vec![]), "{fault:?}");
        api.heal();
        assert_eq!(list(&app, "token-ada").await.status, 200, "{fault:?}: that it failed is not remembered");
    }
    for cluster in [Cluster::none(), Cluster::of_recording(recorded("zoo"))] {
        assert_eq!(list(&app(cluster), "token-ada").await.problem().0, 503, "no cluster could tell");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_hangs_is_given_up() {
    let api = FakeApi::zoo().knowing(USERS).with(Rule::suffix("reviews", Fault::Hang));
    assert_eq!(list(&app(Cluster::of_client(api.client())), "token-ada").await.problem().0, 503);
}
