//! The service on a real socket: connections are kept, and end politely.

use std::{io::ErrorKind, net::SocketAddr, time::Duration};

use faultline::http::{self, server};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

use crate::support::{settings, stages};

/// Longer than anything may take. Where the clock stands still, it is over as soon as nothing more can happen.
const EVER: Duration = Duration::from_secs(3600);

/// More connections than a test opens.
const MANY: usize = 1000;

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
        tokio::time::timeout(EVER, stream.readable()).await.expect("it comes at last").expect("a readable socket");
        match stream.try_read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => text.push_str(&String::from_utf8_lossy(&buffer[..count])),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
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
    let serving = tokio::spawn(server::serve(listener, router, MANY, async { _ = stopped.await }, Duration::from_secs(20)));

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

/// A service for `most` connections, which lives as long as the test. Where the clock stands still, it moves on to the next deadline
/// whenever nobody has anything to do.
async fn serving(most: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let mut settings = settings();
    settings.rate_limit_requests = 0;
    tokio::spawn(server::serve(listener, http::router(stages(), settings), most, std::future::pending(), Duration::ZERO));
    address
}

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.expect("a connection")
}

const ALIVE: &str = "GET /livez HTTP/1.1\r\nhost: a\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn who_sends_no_head_or_half_of_one_is_closed() {
    let address = serving(MANY).await;
    let (silent, half, kept) = (connect(address).await, connect(address).await, connect(address).await);
    write(&half, "GET /livez HTTP/1.1\r\nhost: a\r\nx-slow: ").await;
    write(&kept, ALIVE).await;
    assert!(read_until(&kept, "\"ok\"").await.starts_with("HTTP/1.1 200"));
    let before = tokio::time::Instant::now();
    for waiting in [&silent, &half, &kept] {
        assert!(!read_until(waiting, "never").await.contains(" 200 "));
    }
    assert!(before.elapsed() <= Duration::from_secs(31), "{:?}", before.elapsed());
}

#[tokio::test(start_paused = true)]
async fn who_asks_waits_for_a_place_and_who_only_waits_loses_theirs() {
    let address = serving(4).await;
    let mut idle = Vec::new();
    for _ in 0..4 {
        idle.push(connect(address).await);
    }
    let before = tokio::time::Instant::now();
    let asking = connect(address).await;
    write(&asking, ALIVE).await;
    assert!(read_until(&asking, "\"ok\"").await.starts_with("HTTP/1.1 200"));
    assert!(before.elapsed() < Duration::from_secs(6), "in a crowd waiting is short: {:?}", before.elapsed());
}

#[tokio::test(start_paused = true)]
async fn who_takes_none_of_the_answers_is_given_up() {
    let address = serving(1).await;
    let greedy = connect(address).await;
    let request = "GET /openapi.json HTTP/1.1\r\nhost: a\r\n\r\n".repeat(400);
    write(&greedy, &request).await;
    let next = connect(address).await;
    write(&next, ALIVE).await;
    assert!(read_until(&next, "\"ok\"").await.starts_with("HTTP/1.1 200"), "its place is free");
    let mut taken = 0;
    let mut buffer = vec![0; 1 << 16];
    loop {
        greedy.readable().await.expect("a socket");
        match greedy.try_read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => taken += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
    }
    assert!(taken < 400 * 50_000, "the rest was never written: {taken}");
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused_before_it_is_whole() {
    let address = serving(MANY).await;
    for head in [format!("x-large: {}", "a".repeat(40_000)), "x-many: 1\r\n".repeat(150)] {
        let client = connect(address).await;
        write(&client, &format!("GET /livez HTTP/1.1\r\nhost: a\r\n{head}")).await;
        write(&client, "\r\n\r\n").await;
        let answer = read_until(&client, "\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
}

#[tokio::test]
async fn what_is_not_http_ends_its_connection_and_no_other() {
    let address = serving(MANY).await;
    let neighbour = connect(address).await;
    for garbage in ["\0\u{1}\u{16}\u{3}\u{1}nonsense\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "get\r\n\r\nget\r\n\r\n"] {
        let client = connect(address).await;
        write(&client, garbage).await;
        let answer = read_until(&client, "never").await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
    // What follows a good request on the same connection is told apart from it.
    let client = connect(address).await;
    write(&client, &format!("{ALIVE}nonsense\r\n\r\n")).await;
    let answer = read_until(&client, "never").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("HTTP/1.1 400"), "{answer}");
    write(&neighbour, ALIVE).await;
    assert!(read_until(&neighbour, "\"ok\"").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_connections_waits_in_the_queue_and_not_for_a_second_try() {
    let listener = server::listen("127.0.0.1", 0).await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let mut burst = Vec::new();
    for number in 0..1000 {
        let connecting = tokio::time::timeout(Duration::from_millis(900), TcpStream::connect(address));
        burst.push(connecting.await.unwrap_or_else(|_| panic!("connection {number} was not taken")).expect("a connection"));
    }
    assert!(server::listen("127.0.0.1", address.port()).await.is_err(), "it is taken");
}
