//! What the settings say about each other, and about who may come in.

use super::{Finding, causes};
use crate::{
    app,
    auth::{AuthMode, AuthSettings},
    config::Settings,
    guard::{policy::Policy, settings::PolicySettings},
    http::HttpSettings,
    remediate::{Mode, RemediateSettings},
};

const SETTINGS: &str = "settings";

/// Settings that do not go together.
pub fn contradictions(settings: &Settings) -> Vec<Finding> {
    let mut found = Vec::new();
    let (http, mode) = (&settings.http, settings.remediate.remediation_mode);
    let has_store = settings.store.place.database_url.expose() != "off";
    let is_replay = settings.cluster.cluster_recording.as_ref().is_some_and(|folder| !folder.as_os_str().is_empty());
    if mode > Mode::Off && !has_store {
        let said =
            format!("REMEDIATION_MODE={} with DATABASE_URL=off: what is not written down first is not done", mode.as_str());
        found.push(Finding::fail(SETTINGS, said, "Set DATABASE_URL or DATA_DIR, or REMEDIATION_MODE=off."));
    }
    if mode > Mode::Off && (settings.cluster.no_cluster || is_replay) {
        let said = format!("REMEDIATION_MODE={} without a live cluster: there is nothing to change", mode.as_str());
        found.push(Finding::fail(SETTINGS, said, "Take NO_CLUSTER and CLUSTER_RECORDING away, or set REMEDIATION_MODE=off."));
    }
    if settings.auth.auth_mode == AuthMode::Kubernetes && (settings.cluster.no_cluster || is_replay) {
        let said = "AUTH_MODE=kubernetes without a live cluster: nobody can check a token";
        found.push(Finding::fail(SETTINGS, said, "Take NO_CLUSTER and CLUSTER_RECORDING away, or choose another AUTH_MODE."));
    }
    if http.shutdown_grace() < http.request_timeout() / 2 {
        let said = "SHUTDOWN_GRACE_SECONDS is less than half of REQUEST_TIMEOUT_SECONDS: long requests are cut off at a stop";
        found.push(Finding::warn(SETTINGS, said, "Raise the former, with terminationGracePeriodSeconds, or lower the latter."));
    }
    if settings.traces.otel_exporter_otlp_endpoint.trim().is_empty() && !settings.traces.otel_exporter_otlp_headers.is_empty() {
        let said = "OTEL_EXPORTER_OTLP_HEADERS without OTEL_EXPORTER_OTLP_ENDPOINT: no traces are made";
        found.push(Finding::warn(SETTINGS, said, "Set the endpoint, or take the headers away."));
    }
    if let Err(error) = app::redactor(&settings.knowledge.redact) {
        found.push(Finding::fail(SETTINGS, causes(&error), "Mend the file: without it the service does not start."));
    }
    if found.is_empty() {
        found.push(Finding::ok(SETTINGS, "nothing contradicts"));
    }
    found
}

/// Who reaches the port, and whether they have to say who they are.
pub fn door(http: &HttpSettings, auth: &AuthSettings) -> Vec<Finding> {
    let (host, port) = (&http.app_host, http.app_port);
    let mut found = Vec::new();
    if http.is_loopback() {
        found.push(Finding::ok("door", format!("{host}:{port} is for this machine alone")));
    } else if auth.auth_mode == AuthMode::None {
        let said = format!("{host}:{port} is open to whoever reaches it: AUTH_MODE=none");
        found.push(Finding::warn("door", said, "Set AUTH_MODE, or APP_HOST=127.0.0.1, or let a NetworkPolicy say who may come."));
    } else {
        found.push(Finding::ok("door", format!("{host}:{port}, AUTH_MODE={}", auth.auth_mode.as_str())));
    }
    if !http.is_loopback() && http.rate_limit_requests == 0 {
        found.push(Finding::warn("door", "RATE_LIMIT_REQUESTS=0: no caller is limited", "Set a limit, such as 60 a minute."));
    }
    found
}

/// Whether callers can be told apart as the settings want.
pub async fn callers(settings: &AuthSettings) -> Vec<Finding> {
    let auth = match app::auth(settings) {
        Ok(auth) => auth,
        Err(error) => return vec![Finding::fail("callers", causes(&error), "Mend it: the service does not start so.")],
    };
    let mut found = Vec::new();
    if let Some(oidc) = auth.oidc() {
        found.push(match oidc.published_keys().await {
            Ok(0) => {
                let advice = "It has to publish RSA or P-256 keys for signatures; see OIDC_JWKS_URL.";
                Finding::fail("callers", "the identity provider publishes no key that can be used", advice)
            }
            Ok(keys) => Finding::ok("callers", format!("the identity provider publishes {keys} keys")),
            Err(error) => {
                let said = format!("the keys of the identity provider could not be had: {error}");
                Finding::fail("callers", said, "See OIDC_ISSUER and OIDC_JWKS_URL, and whether egress to them is allowed.")
            }
        });
    }
    if auth.is_on() && auth.oidc().is_none() {
        found.push(Finding::ok("callers", format!("AUTH_MODE={} can be used", auth.mode().as_str())));
    }
    found
}

/// The policy, as far as there is one to check permissions by.
pub struct Checked {
    pub policy: Option<Policy>,
    pub finding: Vec<Finding>,
}

pub fn policy(settings: &PolicySettings, remediate: &RemediateSettings) -> Checked {
    let mode = remediate.remediation_mode;
    match app::policy(settings) {
        Err(error) => {
            let advice = "Mend it: the service does not start so. `faultline policy check` names each mistake.";
            Checked { policy: None, finding: vec![Finding::fail("policy", causes(&error), advice)] }
        }
        Ok(policy) => {
            let finding = match (settings.file(), mode) {
                (Some(_), _) => {
                    Some(Finding::ok("policy", format!("{} rules, version {}", policy.rule_count(), policy.version())))
                }
                (None, Mode::Off) => None,
                (None, _) => {
                    let said = format!("REMEDIATION_MODE={} without POLICY_FILE: every change is forbidden", mode.as_str());
                    Some(Finding::warn("policy", said, "`faultline policy example` prints one to start from."))
                }
            };
            Checked { policy: Some(policy), finding: finding.into_iter().collect() }
        }
    }
}
