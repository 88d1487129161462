//! Every route wants a role, and says so to whoever has too little.

use axum::{
    body::Body,
    http::{Method, Request},
};
use faultline::http::{
    PATHS,
    access::{self, Need},
    caller::Role,
    openapi,
};

use super::{keyed, keyed_with, with};
use crate::support::{TestApp, settings};

/// Every route with each of its methods, as the document has them.
fn routes() -> Vec<(Method, String)> {
    let document = openapi::document();
    let paths = document["paths"].as_object().expect("paths");
    let methods = |methods: &serde_json::Value| -> Vec<Method> {
        let names = methods.as_object().expect("methods").keys();
        names.map(|name| name.to_uppercase().parse().expect("a method")).collect()
    };
    paths.iter().flat_map(|(path, known)| methods(known).into_iter().map(|method| (method, path.clone()))).collect()
}

#[test]
fn every_route_has_an_entry_in_the_table() {
    for (method, path) in routes() {
        let route = PATHS.iter().find(|route| route.replace("{*", "{") == path).expect("a route");
        let entry = access::entry(&method, route);
        assert!(entry.is_some(), "src/http/access.rs has no entry for {method} {route}");
        let prefixed = if *route == "/" { "/api/v1".to_owned() } else { format!("/api/v1{route}") };
        assert_eq!(Some(access::need(&method, &prefixed)), entry, "{prefixed}");
        assert_eq!(Some(access::need(&method, route)), entry);
    }
}

#[test]
fn what_writes_to_a_cluster_is_for_those_who_may() {
    use Need::{Role as Wants, Write};
    let cases = [
        (Method::POST, "/remediations", Write(Role::Developer)),
        (Method::POST, "/remediations/{id}/approve", Write(Role::Admin)),
        (Method::POST, "/remediations/{id}/reject", Write(Role::Admin)),
        (Method::POST, "/remediations/{id}/undo", Write(Role::Admin)),
        (Method::POST, "/remediations/pause", Write(Role::Admin)),
        (Method::POST, "/remediations/resume", Write(Role::Admin)),
        (Method::GET, "/remediations", Wants(Role::Viewer)),
        (Method::GET, "/api/v1/remediations/{id}", Wants(Role::Viewer)),
        (Method::POST, "/webhooks/alertmanager", Wants(Role::Developer)),
        (Method::GET, "/audit", Wants(Role::Admin)),
        (Method::GET, "/log-level", Wants(Role::Admin)),
        (Method::POST, "/log-level", Write(Role::Admin)),
        (Method::HEAD, "/incidents", Wants(Role::Viewer)),
        // What nobody thought of is for admins.
        (Method::POST, "/runbooks", Write(Role::Admin)),
        (Method::DELETE, "/incidents/{id}", Write(Role::Admin)),
        (Method::GET, "/something-new", Write(Role::Admin)),
        (Method::GET, "/api/v1beta", Write(Role::Admin)),
    ];
    for (method, route, need) in cases {
        assert_eq!(access::need(&method, route), need, "{method} {route}");
    }
}

/// 401 without a key, 403 with a lower role, and neither with enough: for every route under both prefixes.
#[tokio::test]
async fn each_role_may_what_the_table_says_and_no_more() {
    let door = keyed("auth-roles");
    let keys = [(Role::Viewer, &door.viewer), (Role::Developer, &door.developer), (Role::Admin, &door.admin)];
    let send = async |method: &Method, path: &str, key: Option<&str>| {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let request = request.body(Body::from("{}")).expect("a request");
        door.app.send(if let Some(key) = key { with(request, "x-api-key", key) } else { request }).await
    };
    for (method, route) in routes() {
        let needed = access::need(&method, &route).role(true);
        let path = route.replace("{id}", "00").replace("{code}", "internal");
        for path in [path.clone(), format!("/api/v1{}", path.trim_end_matches('/'))] {
            let stranger = send(&method, &path, None).await;
            assert_eq!(stranger.status == 401, needed.is_some(), "{method} {path} without a key: {}", stranger.status);
            for (role, key) in keys {
                let answer = send(&method, &path, Some(key)).await;
                let is_enough = needed.is_none_or(|needed| role >= needed);
                assert_ne!(answer.status, 401, "{method} {path} as {role}");
                assert_eq!(answer.status == 403, !is_enough, "{method} {path} as {role}: {}", answer.status);
                if !is_enough {
                    assert_eq!(answer.problem(), (403, "forbidden".to_owned(), vec![]));
                }
            }
        }
    }
    assert_eq!(door.app.get("/nothing").await.status, 404, "a path that leads nowhere tells nothing");
}

#[tokio::test]
async fn metrics_may_be_closed() {
    let open = keyed("auth-roles-metrics-open");
    assert_eq!(open.app.get("/metrics").await.status, 200);
    let mut http = settings();
    http.metrics_public = false;
    let closed = keyed_with("auth-roles-metrics-closed", http.clone());
    assert_eq!(closed.app.get("/metrics").await.status, 401);
    let scrape = with(
        Request::get("/metrics").body(Body::empty()).expect("a request"),
        "authorization",
        &format!("Bearer {}", closed.viewer),
    );
    assert_eq!(closed.app.send(scrape).await.status, 200);
    assert_eq!(TestApp::with(http).get("/metrics").await.status, 200, "nobody can say who they are");
}

#[tokio::test]
async fn a_preflight_asks_nobody_who_they_are() {
    let mut http = settings();
    http.cors_origins = "https://backstage.example.com".parse().expect("an origin");
    let door = keyed_with("auth-roles-preflight", http);
    let preflight = Request::options("/diagnose")
        .header("origin", "https://backstage.example.com")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "x-api-key,authorization,idempotency-key,if-match");
    let answer = door.app.send(preflight.body(Body::empty()).expect("a request")).await;
    assert_eq!(answer.status, 200);
    for header in ["x-api-key", "authorization", "idempotency-key", "if-match"] {
        assert!(answer.header("access-control-allow-headers").contains(header), "{header}");
    }
    assert_eq!(answer.header("access-control-allow-credentials"), "");
}
