//! Servers that are slow, broken, far away or too generous.

use std::time::Duration;

use faultline::reason::{dialect::Dialect, settings::LlmSettings};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    time::Instant,
};
use wiremock::ResponseTemplate;

use super::{ask, ask_until, failure_of, good, providers};
use crate::support::model::{FakeModel, answer, late};

#[tokio::test]
async fn a_slow_answer_is_not_waited_for_beyond_the_deadline() {
    for dialect in Dialect::ALL {
        let fake = FakeModel::scripted(dialect, [late(answer(dialect, &good()))]).await;
        let deadline = Instant::now() + Duration::from_millis(150);
        let failed = ask_until(&providers(&fake.settings()), deadline).await.expect_err("it is too late");
        assert_eq!(failed.failures[0].1.label(), "timeout", "{dialect:?}");
    }
}

#[tokio::test]
async fn time_that_is_up_asks_nobody_else() {
    let slow = FakeModel::scripted(Dialect::Gemini, [late(answer(Dialect::Gemini, &good()))]).await;
    let next = FakeModel::ollama(good()).await;
    let mut settings = slow.settings();
    next.join(&mut settings);
    ask_until(&providers(&settings), Instant::now() + Duration::from_millis(150)).await.expect_err("no time");
    assert_eq!(next.asked().await.len(), 0);
}

#[tokio::test]
async fn bodies_that_are_no_answer_are_said_to_be_none() {
    for dialect in Dialect::ALL {
        for (body, words) in
            [("", "no answer"), ("<html>502</html>", "no answer"), ("{\"a\":", "no answer"), ("null", "no answer")]
        {
            let (failure, asked) = failure_of(dialect, ResponseTemplate::new(200).set_body_string(body)).await;
            assert_eq!((failure.label(), asked), ("invalid_output", 2), "{dialect:?} {body}: {failure}");
            assert!(failure.to_string().contains(words), "{failure}");
        }
        let (failure, _) = failure_of(dialect, ResponseTemplate::new(502).set_body_string("<html>Bad Gateway</html>")).await;
        assert_eq!(failure.to_string(), "it is overloaded or in trouble (<html>Bad Gateway</html>)");
        let (failure, _) = failure_of(dialect, ResponseTemplate::new(401)).await;
        assert_eq!(failure.label(), "auth");
    }
}

#[tokio::test]
async fn an_answer_of_ten_megabytes_is_not_read() {
    for dialect in Dialect::ALL {
        let (failure, asked) = failure_of(dialect, ResponseTemplate::new(200).set_body_bytes(vec![b' '; 10 << 20])).await;
        assert_eq!((failure.label(), asked), ("too_large", 1), "{dialect:?}");
        let (failure, _) = failure_of(dialect, ResponseTemplate::new(400).set_body_bytes(vec![b'x'; 10 << 20])).await;
        assert!(failure.label() == "bad_request" && failure.to_string().chars().count() < 300, "{failure}");
    }
}

#[tokio::test]
async fn nobody_there_is_a_failed_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let settings = LlmSettings { openai_base_url: url, ..LlmSettings::default() };
    let failed = ask(&providers(&settings)).await.expect_err("nobody is there");
    assert_eq!(failed.failures[0].1.label(), "transport");
}

/// Where one connection is accepted and its request read; what comes then is the test's.
async fn raw() -> (LlmSettings, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let openai_base_url = format!("http://{}", listener.local_addr().expect("an address"));
    (LlmSettings { openai_base_url, ..LlmSettings::default() }, listener)
}

async fn request_of(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = listener.accept().await.expect("a connection");
    let mut request = Vec::new();
    let mut chunk = [0; 4096];
    while !String::from_utf8_lossy(&request).contains("Why was it killed?") {
        let read = stream.read(&mut chunk).await.expect("a request");
        request.extend_from_slice(&chunk[..read]);
    }
    stream
}

#[tokio::test]
async fn half_a_body_is_a_failed_connection() {
    let (settings, listener) = raw().await;
    let server = tokio::spawn(async move {
        for requests in 1.. {
            let mut stream = request_of(&listener).await;
            let half = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{\"choices\": [";
            stream.write_all(half).await.expect("it is read");
            if requests == 3 {
                break;
            }
        }
    });
    let failed = ask(&providers(&settings)).await.expect_err("half an answer");
    assert_eq!(failed.failures[0].1.label(), "transport", "{failed}");
    server.await.expect("it was asked three times");
}

#[tokio::test]
async fn whoever_goes_away_takes_the_request_along() {
    let (settings, listener) = raw().await;
    let (arrived, has_arrived) = oneshot::channel();
    let server = tokio::spawn(async move {
        let mut stream = request_of(&listener).await;
        arrived.send(()).expect("somebody waits");
        // The end of the connection; otherwise this test would not end.
        stream.read_to_end(&mut Vec::new()).await.map_or(true, |read| read == 0)
    });
    let providers = providers(&settings);
    // A task of its own shows as well that it may move between threads.
    let asking = tokio::spawn(async move { ask(&providers).await });
    has_arrived.await.expect("a request arrives");
    asking.abort();
    assert!(server.await.expect("no panic"));
}
