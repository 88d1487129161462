//! What the API server knows of users: whose a token is, and what they may do.

use bytes::Bytes;
use http::{Method, Request, Response, header};
use serde_json::{Value, json};

/// A user with one token.
#[derive(Debug, Clone)]
pub struct User {
    pub token: &'static str,
    pub name: &'static str,
    /// Whom the token is for.
    pub audience: &'static str,
    /// Verbs on resources of `faultline.io`: `approve remediations`.
    pub may: &'static [&'static str],
}

/// The answer to a review. `None` = it is none.
pub fn answer(users: &[User], request: &Request<Bytes>) -> Option<Response<Bytes>> {
    if request.method() != Method::POST {
        return None;
    }
    let body = || serde_json::from_slice::<Value>(request.body()).expect("a review is JSON");
    let status = match request.uri().path() {
        "/apis/authentication.k8s.io/v1/tokenreviews" => token_review(users, &body()["spec"]),
        "/apis/authorization.k8s.io/v1/subjectaccessreviews" => access_review(users, &body()["spec"]),
        _ => return None,
    };
    let text = json!({"status": status}).to_string();
    let response = Response::builder().status(201).header(header::CONTENT_TYPE, "application/json");
    Some(response.body(Bytes::from(text)).expect("an answer"))
}

/// As the server does: a token for nobody that was asked for is not authenticated.
fn token_review(users: &[User], spec: &Value) -> Value {
    let asked: Vec<&str> = spec["audiences"].as_array().expect("audiences").iter().filter_map(Value::as_str).collect();
    let user = users.iter().find(|user| spec["token"] == user.token);
    match user.filter(|user| asked.contains(&user.audience) || (asked.is_empty() && user.audience == "api")) {
        Some(user) => json!({
            "authenticated": true,
            "user": {"username": user.name, "uid": "u-1", "groups": ["system:authenticated"], "extra": {"scopes": ["a"]}},
            "audiences": [user.audience],
        }),
        None => json!({"authenticated": false, "error": "[invalid bearer token]"}),
    }
}

fn access_review(users: &[User], spec: &Value) -> Value {
    assert_eq!(spec["groups"], json!(["system:authenticated"]), "the user's groups are told");
    assert_eq!(spec["extra"], json!({"scopes": ["a"]}));
    let attributes = &spec["resourceAttributes"];
    assert_eq!(attributes["group"], "faultline.io");
    let asked =
        format!("{} {}", attributes["verb"].as_str().expect("a verb"), attributes["resource"].as_str().expect("a resource"));
    let user = users.iter().find(|user| spec["user"] == user.name);
    json!({"allowed": user.is_some_and(|user| user.may.contains(&asked.as_str()))})
}
