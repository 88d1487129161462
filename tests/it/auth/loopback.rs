//! Without authentication a cluster is written to from this machine alone.

use std::sync::Arc;

use axum::{
    Router,
    http::Request,
    routing::{get, post},
};
use faultline::http::{self, Shared};

use super::with;
use crate::support::{TestApp, json_request, settings, stages};

/// A service with a route that writes, bound to `host`.
fn bound_to(host: &str) -> TestApp {
    let mut settings = settings();
    host.clone_into(&mut settings.app_host);
    let shared = Arc::new(Shared::new(stages(), &settings));
    let routes = Router::new()
        .route("/remediations", get(|| async { "listed" }).post(|| async { "proposed" }))
        .route("/remediations/{id}/approve", post(|| async { "approved" }))
        .route("/diagnose", post(|| async { "diagnosed" }));
    TestApp { router: http::layered(routes, shared, &settings) }
}

fn approve() -> Request<axum::body::Body> {
    json_request("/remediations/1/approve", "{}")
}

#[tokio::test]
async fn over_a_network_nobody_unknown_writes() {
    for host in ["0.0.0.0", "::", "10.0.0.7", "faultline.example.com", ""] {
        let app = bound_to(host);
        for path in ["/remediations", "/remediations/1/approve"] {
            let answer = app.post_text(path, "{}").await;
            assert_eq!(answer.problem(), (403, "forbidden".to_owned(), vec![]), "{host} {path}");
            assert!(answer.text().contains("AUTH_MODE"), "{}", answer.text());
        }
        assert_eq!(app.get("/remediations").await.status, 200, "reading is another thing");
        assert_eq!(app.post_text("/diagnose", "{}").await.status, 200);
    }
}

#[tokio::test]
async fn on_loopback_only_this_machine_writes() {
    for host in ["127.0.0.1", "::1", "[::1]", "localhost", "127.8.8.8"] {
        assert_eq!(bound_to(host).send(approve()).await.status, 200, "{host}");
    }
    let app = bound_to("127.0.0.1");
    for name in ["localhost", "LOCALHOST:8000", "127.0.0.1:8000", "[::1]:8000"] {
        assert_eq!(app.send(with(approve(), "host", name)).await.status, 200, "{name}");
    }
    // A web page whose name leads to this machine, and a proxy that lets others in.
    for name in ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example:80", "10.0.0.7"] {
        assert_eq!(app.send(with(approve(), "host", name)).await.problem().0, 403, "{name}");
    }
    assert_eq!(app.send(with(approve(), "x-forwarded-for", "198.51.100.7")).await.problem().0, 403);
}
