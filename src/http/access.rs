//! Which role each route wants: the one table of it.

use axum::http::Method;

use super::{PREFIX, caller::Role};

/// What a caller needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing: anyone may.
    Open,
    /// Nothing, unless `METRICS_PUBLIC` is false; then a viewer's role.
    Scrape,
    Role(Role),
    /// The same, and that somebody says who they are, since a cluster may be written to: see [`Need::writes`].
    Write(Role),
}

impl Need {
    /// `None` = anyone may.
    pub fn role(self, metrics_are_public: bool) -> Option<Role> {
        match self {
            Self::Open => None,
            Self::Scrape => (!metrics_are_public).then_some(Role::Viewer),
            Self::Role(role) | Self::Write(role) => Some(role),
        }
    }

    /// Whether a cluster may be written to, or somebody lets that happen.
    pub fn writes(self) -> bool {
        match self {
            Self::Write(_) => true,
            Self::Open | Self::Scrape | Self::Role(_) => false,
        }
    }
}

use Need::{Open, Role as Wants, Scrape, Write};

const GET: Method = Method::GET;
const POST: Method = Method::POST;

/// Method and route, without the prefix; of several that fit the first. A `*` at the end stands for anything.
const TABLE: &[(Method, &str, Need)] = &[
    (GET, "/", Open),
    (GET, "/health", Open),
    (GET, "/livez", Open),
    (GET, "/readyz", Open),
    (GET, "/openapi.json", Open),
    (GET, "/docs", Open),
    (GET, "/problems/{code}", Open),
    (GET, "/metrics", Scrape),
    (POST, "/diagnose", Wants(Role::Developer)),
    (POST, "/suggest-runbook", Wants(Role::Developer)),
    (POST, "/webhooks/alertmanager", Wants(Role::Developer)),
    (GET, "/runbooks*", Wants(Role::Viewer)),
    (GET, "/cluster-health", Wants(Role::Viewer)),
    (GET, "/incidents*", Wants(Role::Viewer)),
    (POST, "/incidents/{id}/notes", Wants(Role::Developer)),
    (POST, "/incidents/{id}/acknowledge", Wants(Role::Developer)),
    (POST, "/incidents/{id}/resolve", Wants(Role::Developer)),
    (GET, "/remediations*", Wants(Role::Viewer)),
    (POST, "/remediations", Write(Role::Developer)),
    (POST, "/remediations/*", Write(Role::Admin)),
    (GET, "/policy*", Wants(Role::Viewer)),
    (GET, "/audit*", Wants(Role::Admin)),
    (GET, "/log-level", Wants(Role::Admin)),
    (POST, "/log-level", Write(Role::Admin)),
];

/// What `method` on `route` needs. A route that the table does not know is for admins, and counts as one that writes: whoever adds one
/// says what it needs.
pub fn need(method: &Method, route: &str) -> Need {
    let route = match route.strip_prefix(PREFIX) {
        Some("") => "/",
        Some(rest) if rest.starts_with('/') => rest,
        Some(_) | None => route,
    };
    entry(method, route).unwrap_or(Write(Role::Admin))
}

/// What the table says. `None` = nothing.
pub fn entry(method: &Method, route: &str) -> Option<Need> {
    // OPTIONS and HEAD tell no more than GET does.
    let method = if [Method::HEAD, Method::OPTIONS].contains(method) { &GET } else { method };
    let fits = |pattern: &str| match pattern.strip_suffix('*') {
        Some(beginning) => route.starts_with(beginning),
        None => route == pattern,
    };
    TABLE.iter().find(|(known, pattern, _)| known == method && fits(pattern)).map(|(_, _, need)| *need)
}
