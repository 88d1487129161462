//! What is counted, and the page that tells it.

use std::{
    collections::HashMap,
    sync::{OnceLock, PoisonError, RwLock},
    time::Duration,
};

use axum::{
    extract::State,
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use metrics::{Counter, Histogram, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::Shared;
use crate::{
    domain::{
        diagnosis::Diagnosis,
        evidence::Gap,
        symptom::{CategoryId, Severity},
    },
    pipeline::callers,
};

/// Route of requests whose path leads nowhere.
pub const UNMATCHED: &str = "unmatched";

const SECONDS: &[f64] =
    &[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Alerts wait for a diagnosis, not for an answer.
const LAG_SECONDS: &[f64] = &[0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0];
/// Why a caller is turned away before any credential is looked at, or after.
pub const REFUSALS: [&str; 4] = ["missing", "role", "slowed", "no-authentication"];

static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// The process's recorder, installed on first use; `None` = somebody else's is installed.
pub fn recorder() -> Option<&'static PrometheusHandle> {
    RECORDER.get_or_init(install).as_ref()
}

fn install() -> Option<PrometheusHandle> {
    let durations = Matcher::Full("faultline_http_request_duration_seconds".to_owned());
    let lags = Matcher::Full("faultline_alert_lag_seconds".to_owned());
    let models = Matcher::Full("faultline_llm_request_duration_seconds".to_owned());
    let stages = Matcher::Full("faultline_stage_duration_seconds".to_owned());
    let builder = PrometheusBuilder::new().set_buckets_for_metric(durations, SECONDS).ok()?;
    let handle = builder
        .set_buckets_for_metric(models, SECONDS)
        .ok()?
        .set_buckets_for_metric(stages, SECONDS)
        .ok()?
        .set_buckets_for_metric(lags, LAG_SECONDS)
        .ok()?
        .install_recorder()
        .ok()?;
    describe_counter!("faultline_http_requests_total", "Requests answered");
    describe_histogram!(
        "faultline_http_request_duration_seconds",
        "Seconds from the head of a request to the head of its answer"
    );
    describe_counter!("faultline_auth_refused_total", "Requests turned away for who sent them, by why");
    describe_counter!("faultline_diagnoses_total", "Diagnoses given");
    describe_counter!("faultline_gaps_total", "Things that a diagnosis or suggestion could not look at");
    describe_counter!("faultline_suggestions_total", "Runbook questions answered, by whether any runbook fits");
    describe_counter!("faultline_llm_requests_total", "Questions put to a provider of language models, by what came of them");
    describe_counter!("faultline_llm_attempts_total", "Requests sent to a provider of language models");
    describe_counter!("faultline_llm_tokens_total", "Tokens that a provider counted");
    describe_histogram!(
        "faultline_llm_request_duration_seconds",
        "Seconds that a provider took for one question, with all attempts"
    );
    describe_gauge!("faultline_llm_cost_total", "Cost of the tokens, in the currency of the prices that are set");
    describe_counter!("faultline_alerts_received_total", "Alerts that came in, by what became of them at the door");
    describe_counter!("faultline_alert_notifications_refused_total", "Notifications none of whose alerts was taken");
    describe_gauge!("faultline_alert_queue_depth", "Alerts in the queue, by what is done about them");
    describe_gauge!("faultline_alert_queue_limit", "Alerts that may wait or be in work");
    describe_counter!("faultline_alerts_coalesced_total", "Alerts that joined an incident without a diagnosis of their own");
    describe_counter!("faultline_alert_diagnoses_total", "Diagnoses made for alerts, by how they ended");
    describe_counter!("faultline_alerts_given_up_total", "Alerts that could not be dealt with after several tries");
    describe_histogram!("faultline_alert_lag_seconds", "Seconds from the queue to an incident, for each alert");
    describe_counter!("faultline_remediations_total", "Remediations by action, and by what became of them");
    describe_gauge!("faultline_remediations_open", "Remediations that wait, are in work, or are stuck, in the store");
    describe_gauge!("faultline_remediation_paused", "1 while nothing is decided or begun, else 0");
    describe_histogram!("faultline_stage_duration_seconds", "Seconds that one stage of a diagnosis took");
    describe_counter!("faultline_cache_lookups_total", "Questions whose answer may be remembered, by whether it was");
    describe_counter!("faultline_retrievals_total", "Searches for runbooks, by what they went by and whether any runbook fits");
    describe_gauge!("faultline_incidents", "Incidents of the last 24 hours, of all replicas, by status");
    describe_gauge!("faultline_incidents_by_category", "Incidents of the last 24 hours, of all replicas, by category");
    describe_gauge!(
        "faultline_incident_detection_seconds",
        "Mean and median time to detection, of the incidents of the last 24 hours"
    );
    describe_gauge!(
        "faultline_incident_resolution_seconds",
        "Mean and median time to resolution, of the incidents of the last 24 hours"
    );
    describe_counter!("faultline_trace_spans_total", "Spans of traces, by whether they got to the collector");
    describe_gauge!("faultline_build_info", "Always 1; the version is in the label");
    describe_gauge!("process_resident_memory_bytes", "Resident memory");
    gauge!("faultline_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Some(handle)
}

/// Handles that are looked up once and then only counted with.
pub struct Metrics {
    routes: HashMap<String, RouteMetrics>,
    diagnoses: RwLock<HashMap<(CategoryId, Severity, &'static str), Counter>>,
    gaps: RwLock<HashMap<&'static str, Counter>>,
    refused: HashMap<&'static str, Counter>,
    fits: Counter,
    fits_not: Counter,
}

struct RouteMetrics {
    seconds: Histogram,
    requests: RwLock<Vec<(&'static str, StatusCode, Counter)>>,
}

impl Metrics {
    pub fn new<'r>(routes: impl Iterator<Item = &'r str>) -> Self {
        let _ = recorder();
        let of = |route: &str| RouteMetrics {
            seconds: histogram!("faultline_http_request_duration_seconds", "route" => route.to_owned()),
            requests: RwLock::default(),
        };
        Self {
            routes: routes.chain([UNMATCHED]).map(|route| (route.to_owned(), of(route))).collect(),
            diagnoses: RwLock::default(),
            gaps: RwLock::default(),
            refused: callers::REFUSALS
                .into_iter()
                .chain(REFUSALS)
                .map(|reason| (reason, counter!("faultline_auth_refused_total", "reason" => reason)))
                .collect(),
            fits: counter!("faultline_suggestions_total", "fit" => "yes"),
            fits_not: counter!("faultline_suggestions_total", "fit" => "no"),
        }
    }

    pub fn answered(&self, route: &str, method: &Method, status: StatusCode, took: Duration) {
        let method = method_label(method);
        let Some((route, metrics)) = self.routes.get_key_value(route).or_else(|| self.routes.get_key_value(UNMATCHED)) else {
            return;
        };
        metrics.seconds.record(took.as_secs_f64());
        let known = metrics.requests.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, _, counter)) = known.iter().find(|(known, code, _)| *known == method && *code == status) {
            return counter.increment(1);
        }
        drop(known);
        let labels = [("method", method.to_owned()), ("route", route.clone()), ("status", status.as_str().to_owned())];
        let counter = counter!("faultline_http_requests_total", &labels);
        counter.increment(1);
        metrics.requests.write().unwrap_or_else(PoisonError::into_inner).push((method, status, counter));
    }

    pub fn diagnosed(&self, diagnosis: &Diagnosis) {
        self.missed(&diagnosis.gaps);
        let mode = diagnosis.mode.as_str();
        let key = (diagnosis.error_category.clone(), diagnosis.severity, mode);
        if let Some(counter) = self.diagnoses.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return counter.increment(1);
        }
        // The categories of answers are those of the rule files: a bounded set.
        let labels = [("category", key.0.to_string()), ("severity", key.1.to_string()), ("mode", mode.to_owned())];
        let counter = counter!("faultline_diagnoses_total", &labels);
        counter.increment(1);
        self.diagnoses.write().unwrap_or_else(PoisonError::into_inner).insert(key, counter);
    }

    /// Counts a caller that was turned away.
    pub fn refused(&self, reason: &'static str) {
        if let Some(counter) = self.refused.get(reason) {
            counter.increment(1);
        }
    }

    pub fn suggested(&self, found: usize, gaps: &[Gap]) {
        self.missed(gaps);
        if found > 0 { self.fits.increment(1) } else { self.fits_not.increment(1) }
    }

    /// `status` is what the sender is told of the alert.
    pub fn alert_received(&self, status: &'static str) {
        counter!("faultline_alerts_received_total", "status" => status).increment(1);
    }

    /// A whole notification that was not taken.
    pub fn alerts_refused(&self) {
        counter!("faultline_alert_notifications_refused_total").increment(1);
    }

    fn missed(&self, gaps: &[Gap]) {
        for gap in gaps {
            if let Some(counter) = self.gaps.read().unwrap_or_else(PoisonError::into_inner).get(gap.stage) {
                counter.increment(1);
                continue;
            }
            let counter = counter!("faultline_gaps_total", "stage" => gap.stage);
            counter.increment(1);
            self.gaps.write().unwrap_or_else(PoisonError::into_inner).insert(gap.stage, counter);
        }
    }
}

/// `GET /metrics`.
pub async fn page(State(_): State<std::sync::Arc<Shared>>) -> Response {
    if let Some(bytes) = resident_memory_bytes() {
        gauge!("process_resident_memory_bytes").set(bytes);
    }
    let text = recorder().map(PrometheusHandle::render).unwrap_or_default();
    let content_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, content_type)], text).into_response()
}

/// Methods that nobody uses are one label, since a client may invent any number of them.
pub fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        _ => "other",
    }
}

/// Linux tells it; `None` elsewhere.
fn resident_memory_bytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024.0)
}
