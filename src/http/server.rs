//! Connections: accepting them, bounding their slowness, and letting them finish.
//!
//! `axum::serve` sets no limit on how slowly the head of a request may arrive, hence this loop.

use std::{future::Future, pin::pin, time::Duration};

use axum::{Extension, Router, extract::ConnectInfo};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::net::{TcpListener, TcpStream};
use tower::Layer;
use tracing::{debug, warn};

/// The head of a request must be there in this time; so must the first request after connecting.
const HEAD_DEADLINE: Duration = Duration::from_secs(30);

/// Pause after an accept that failed for lack of file descriptors or the like.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop` is done, then lets requests in work finish for at most `grace`. Tells whether all did.
pub async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>, grace: Duration) -> bool {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_DEADLINE);
    let connections = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(connection) => connection,
                Err(error) => {
                    warn!(%error, "could not accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
            () = &mut stop => break,
        };
        let service = TowerToHyperService::new(Extension(ConnectInfo(peer)).layer(router.clone()));
        let connection = builder.serve_connection(TokioIo::new(quick(stream)), service);
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    tokio::time::timeout(grace, connections.shutdown()).await.is_ok()
}

/// Answers are written whole, so waiting for more to send only delays them.
fn quick(stream: TcpStream) -> TcpStream {
    let _ = stream.set_nodelay(true);
    stream
}
