//! The fake API server fails as it is told, and remembers.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client, Config, Error,
    api::ListParams,
    config::{KubeConfigOptions, Kubeconfig},
};

use crate::support::kubernetes::{FakeApi, Fault, Rule};

fn pods(client: Client) -> Api<Pod> {
    Api::namespaced(client, "crash-db")
}

async fn connected(path: &std::path::Path, context: Option<&str>) -> Client {
    let kubeconfig = Kubeconfig::read_from(path).expect("a kubeconfig");
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await.expect("a configuration");
    config.default_retry = false;
    Client::try_from(config).expect("a client")
}

fn code(result: Result<kube::core::ObjectList<Pod>, Error>) -> u16 {
    match result {
        Ok(_) => 200,
        Err(Error::Api(status)) => status.code,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn it_answers_alike_in_process_and_on_a_socket_and_remembers_what_it_was_asked() {
    let api = FakeApi::zoo();
    let listening = api.listen().await;
    for client in [api.client(), connected(&listening.kubeconfig(), None).await] {
        let found = pods(client).list(&ListParams::default().labels("app in (orders)").limit(5)).await.expect("a list");
        assert_eq!(found.items.len(), 1);
        let seen = api.take_seen();
        assert_eq!(seen.len(), 1);
        assert_eq!((seen[0].method.as_str(), seen[0].path.as_str()), ("GET", "/api/v1/namespaces/crash-db/pods"));
        assert_eq!((seen[0].parameter("labelSelector"), seen[0].parameter("limit")), ("app in (orders)", "5"));
        assert_eq!(seen[0].status, Some(200));
        assert!(seen[0].bytes > 2_000, "{seen:?}");
    }
    assert!(pods(connected(&listening.kubeconfig(), Some("gone")).await).list(&ListParams::default()).await.is_err());
    assert_eq!(api.seen(), []);
    assert!(api.recording().newest().is_some());
}

#[tokio::test]
async fn it_refuses_what_it_is_told_to_refuse() {
    for (fault, expected) in [
        (Fault::Forbidden, 403),
        (Fault::NotFound, 404),
        (Fault::Expired, 410),
        (Fault::TooManyRequests { retry_after_seconds: 7 }, 429),
        (Fault::InternalError, 500),
    ] {
        let api = FakeApi::zoo().with(Rule::suffix("/pods", fault).only_first(1)).with(Rule::prefix("/apis/", Fault::Hang));
        let pods = pods(api.client());
        assert_eq!(code(pods.list(&ListParams::default()).await), expected);
        assert_eq!(code(pods.list(&ListParams::default()).await), 200);
        assert_eq!(api.seen().iter().map(|seen| seen.status).collect::<Vec<_>>(), [Some(expected), Some(200)]);
    }
    let api = FakeApi::zoo().with(Rule::when(|seen| !seen.parameter("continue").is_empty(), Fault::Expired));
    let pods: Api<Pod> = Api::all(api.client());
    let first = pods.list(&ListParams::default().limit(10)).await.expect("the first page");
    let second = ListParams::default().limit(10).continue_token(first.metadata.continue_.as_deref().expect("a token"));
    assert_eq!(code(pods.list(&second).await), 410);
    api.heal();
    assert_eq!(code(pods.list(&second).await), 200);
}

#[tokio::test(start_paused = true)]
async fn it_is_slow_or_silent_in_a_time_that_can_be_paused() {
    let api = FakeApi::zoo()
        .with(Rule::always(Fault::Delay(Duration::from_secs(5))))
        .with(Rule::containing("/nodes", Fault::Forbidden));
    let started = tokio::time::Instant::now();
    assert_eq!(code(pods(api.client()).list(&ListParams::default()).await), 200);
    assert_eq!(started.elapsed().as_secs(), 5);
    let nodes: Api<k8s_openapi::api::core::v1::Node> = Api::all(api.client());
    assert!(matches!(nodes.get("node-a").await, Err(Error::Api(status)) if status.code == 403));
    assert_eq!(started.elapsed().as_secs(), 10);

    let api = FakeApi::zoo().with(Rule::always(Fault::Hang));
    let hanging = pods(api.client());
    let answer = tokio::time::timeout(Duration::from_secs(60), hanging.list(&ListParams::default())).await;
    assert!(answer.is_err());
    assert_eq!(api.seen()[0].status, None);
}

#[tokio::test]
async fn it_breaks_off_and_talks_nonsense() {
    for fault in [Fault::CutAfter(300), Fault::Garbage] {
        let api = FakeApi::zoo().with(Rule::always(fault));
        let listening = api.listen().await;
        for client in [api.client(), connected(&listening.kubeconfig(), None).await] {
            let error = pods(client).list(&ListParams::default()).await.expect_err("half an answer");
            assert!(!matches!(error, Error::Api(_)), "{error:?}");
        }
        assert!(api.seen().iter().all(|seen| seen.status == Some(200) && seen.bytes <= 300));
    }
}
