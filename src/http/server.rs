//! Connections: accepting as many as fit, bounding their slowness, and letting them finish.
//!
//! `axum::serve` sets no limit on how slowly the head of a request may arrive, or on how many connections wait, hence this loop.

mod impatient;

use std::{future::Future, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Extension, Router, extract::ConnectInfo};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream, lookup_host},
    sync::Semaphore,
};
use tower::Layer;
use tracing::{debug, warn};

use self::impatient::Impatient;

/// The head of a request must be there in this time; so must the first request after connecting, and the next one on a connection that is kept.
const HEAD_DEADLINE: Duration = Duration::from_secs(30);

/// The same while more than half of the connections that fit are open: who waits makes room for who asks.
const CROWDED_HEAD_DEADLINE: Duration = Duration::from_secs(5);

/// A client that takes nothing of its answer for this long is given up.
const STALL_DEADLINE: Duration = Duration::from_secs(30);

/// Largest head of a request, and so what a connection may hold before anybody looked at it.
const MAX_HEAD_BYTES: usize = 32 << 10;

/// Connections at the same time, where there are descriptors for them.
const MOST_CONNECTIONS: usize = 16_384;

/// Connections that the system holds until they are accepted. With the 128 of the standard library, the rest of a burst waits for seconds.
const BACKLOG: u32 = 4096;

/// File descriptors that are left for everything else: the cluster, the store, files, models.
const OTHER_DESCRIPTORS: usize = 256;

/// Pause after an accept that failed for lack of file descriptors or the like.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Listens on the first address of `host` that can be listened on.
pub async fn listen(host: &str, port: u16) -> io::Result<TcpListener> {
    let mut why = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in lookup_host((host, port)).await? {
        match listen_at(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => why = error,
        }
    }
    Err(why)
}

fn listen_at(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Connections of the process before, which the system still remembers, are no hindrance.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// How many connections fit into this process.
pub fn most_connections() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    descriptors(&limits).map_or(MOST_CONNECTIONS, |all| all.saturating_sub(OTHER_DESCRIPTORS).clamp(16, MOST_CONNECTIONS))
}

/// How many files may be open, as Linux tells it. `None` = it does not, or there is no limit.
fn descriptors(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Serves `most` connections at a time until `stop` is done; one more waits in the queue of the system. Then lets requests in work finish
/// for at most `grace`. Tells whether all did.
pub async fn serve(listener: TcpListener, router: Router, most: usize, stop: impl Future<Output = ()>, grace: Duration) -> bool {
    let places = Arc::new(Semaphore::new(most));
    let connections = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, (stream, peer)) = tokio::select! {
            (place, accepted) = next => match accepted {
                Ok(connection) => (place, connection),
                Err(error) => {
                    warn!(%error, "could not accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
            () = &mut stop => break,
        };
        let is_crowded = places.available_permits() < most / 2;
        let service = TowerToHyperService::new(Extension(ConnectInfo(peer)).layer(router.clone()));
        let stream = TokioIo::new(Impatient::new(quick(stream), STALL_DEADLINE));
        let connection =
            builder(if is_crowded { CROWDED_HEAD_DEADLINE } else { HEAD_DEADLINE }).serve_connection(stream, service);
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                debug!(%error, "a connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    tokio::time::timeout(grace, connections.shutdown()).await.is_ok()
}

fn builder(head_deadline: Duration) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(head_deadline).max_buf_size(MAX_HEAD_BYTES);
    builder
}

/// Answers are written whole, so waiting for more to send only delays them.
fn quick(stream: TcpStream) -> TcpStream {
    let _ = stream.set_nodelay(true);
    stream
}

#[cfg(test)]
mod tests {
    use super::descriptors;

    #[test]
    fn the_limit_of_descriptors_is_the_soft_one() {
        let told = "Limit                     Soft Limit           Hard Limit           Units\n\
            Max processes             96000                96000                processes\n\
            Max open files            1024                 524288               files\n";
        assert_eq!(descriptors(told), Some(1024));
        assert_eq!(descriptors("Max open files            unlimited            unlimited            files\n"), None);
        assert_eq!(descriptors(""), None);
    }
}
