//! The service on a real socket: connections are kept, and end politely.

use std::time::Duration;

use faultline::http::{self, server};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

use crate::support::{settings, stages};

const BODY: &str = r#"{"error_message":"OOMKilled"}"#;

fn head() -> String {
    format!("POST /diagnose HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", BODY.len())
}

async fn write(stream: &TcpStream, text: &str) {
    stream.writable().await.expect("a writable socket");
    assert_eq!(stream.try_write(text.as_bytes()).expect("room for a small text"), text.len());
}

/// Reads until `wanted` is there, or to the end.
async fn read_until(stream: &TcpStream, wanted: &str) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    while !text.contains(wanted) {
        stream.readable().await.expect("a readable socket");
        match stream.try_read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => text.push_str(&String::from_utf8_lossy(&buffer[..count])),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => panic!("could not read: {error}"),
        }
    }
    text
}

#[tokio::test]
async fn a_request_in_work_finishes_when_the_service_stops() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel::<()>();
    let router = http::router(stages(), settings());
    let serving = tokio::spawn(server::serve(listener, router, async { _ = stopped.await }, Duration::from_secs(20)));

    let client = TcpStream::connect(address).await.expect("a connection");
    for _ in 0..2 {
        write(&client, &format!("{}{BODY}", head())).await;
        let answer = read_until(&client, "timings_ms").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    }

    write(&client, &head()).await;
    let probe = TcpStream::connect(address).await.expect("a connection");
    write(&probe, "GET /livez HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(read_until(&probe, "ok").await.starts_with("HTTP/1.1 200"));
    stop.send(()).expect("the service waits for it");
    assert_eq!(read_until(&probe, "never").await, "", "an idle connection is closed");
    write(&client, BODY).await;
    let answer = read_until(&client, "timings_ms").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(serving.await.expect("no panic"), "everything finished in time");
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}
