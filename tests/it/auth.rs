//! Who may do what, how often, and once.

mod actors;
pub mod idempotency;
mod keys;
mod kubernetes;
mod limits;
mod loopback;
mod oidc;
mod oidc_keys;
mod process;
mod roles;

use std::fmt::Write;

use axum::{body::Body, http::Request};
use faultline::{
    auth::{Auth, AuthMode, AuthSettings, KeyFile, NewKey},
    domain::caller::Role,
    http::HttpSettings,
};

use crate::support::{Answer, TestApp, cli::Folder, json_request, settings};

/// What diagnoses fast and surely.
pub const OOM: &str = r#"{"error_message":"OOMKilled"}"#;

/// A service with one key per role.
pub struct Keyed {
    pub app: TestApp,
    pub viewer: String,
    pub developer: String,
    pub admin: String,
}

/// `name` is the test's own.
pub fn keyed(name: &str) -> Keyed {
    keyed_with(name, settings())
}

pub fn keyed_with(name: &str, http: HttpSettings) -> Keyed {
    let folder = Folder::new(name);
    let (text, [viewer, developer, admin]) = key_file();
    let file = folder.write("keys.yaml", text);
    let auth = AuthSettings { auth_mode: AuthMode::ApiKey, api_keys_file: Some(file.into()), ..AuthSettings::default() };
    let app = TestApp::guarded(Auth::open(&auth).expect("a good file"), http, |_| {});
    Keyed { app, viewer, developer, admin }
}

/// The text of a file with a key for `reader`, `ci` and `ada` each, and the keys: a viewer's, a developer's and an admin's.
pub fn key_file() -> (String, [String; 3]) {
    let mut text = String::new();
    let keys = [("reader", Role::Viewer), ("ci", Role::Developer), ("ada", Role::Admin)].map(|(name, role)| {
        let NewKey { key, entry } = NewKey::make(name, role).expect("a good name");
        writeln!(text, "{entry}").expect("a text");
        key
    });
    (text, keys)
}

pub fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).expect("a request")
}

/// `request` with a further header.
pub fn with(mut request: Request<Body>, name: &'static str, value: &str) -> Request<Body> {
    request.headers_mut().append(name, value.parse().expect("a header"));
    request
}

pub async fn diagnose_with(app: &TestApp, key: &str) -> Answer {
    app.send(with(json_request("/diagnose", OOM), "x-api-key", key)).await
}

/// A count of the process, as `/metrics` tells it; 0 where it was never counted.
pub async fn counted(app: &TestApp, metric: &str) -> u64 {
    let page = app.get("/metrics").await.text();
    let line = page.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix(' ').map(str::to_owned));
    line.map_or(0, |count| count.parse().expect("a number"))
}

/// The keys of a file.
pub fn opened(file: &str) -> Result<KeyFile, String> {
    KeyFile::open(std::path::Path::new(file))
}
