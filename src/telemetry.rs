//! What the process tells about itself: its log, its metrics and its traces.

mod log;
mod traces;

use std::{collections::BTreeSet, panic, sync::Arc};

use metrics::{counter, gauge, histogram};
use tracing_subscriber::{Layer, Registry, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{
    domain::{incident::Status, incident_stats::IncidentStats, redact::Redactor},
    http::{log_level::LogControl, metrics as http_metrics},
    incidents::QueueCounts,
    pipeline::alerts::work::{Diagnosed, Round},
    reason::client::Observed,
};

pub use self::{
    log::{CleanEvent, LogFormat, LogLevel, LogSettings},
    traces::{Exporting, TraceSettings, Traces},
};

/// Starts the log, the metrics and the traces; once per process, before anything else. Returns what changes the log's level, too. An
/// error names the setting to mend.
pub fn init(log: &LogSettings, traces: &TraceSettings, redactor: &Arc<Redactor>) -> Result<(Traces, LogControl), String> {
    let _ = http_metrics::recorder();
    let traces = Traces::of(traces, redactor)?;
    let (log, control) = log::layer(log, redactor);
    let mut layers: Vec<Box<dyn Layer<Registry> + Send + Sync>> = vec![log];
    layers.extend(traces.layer());
    // It fails only where a subscriber is set already, and then that one is meant.
    let _ = tracing_subscriber::registry().with(layers).try_init();
    panic::set_hook(Box::new(|panic| {
        // The panic's own text may quote what somebody sent, so only its place is logged.
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panicked at {place}");
    }));
    Ok((traces, control))
}

/// Counts what a provider of language models did for one question. Labels are of bounded sets; no text of a prompt is among them.
pub fn model_asked(observed: &Observed) {
    let provider = observed.provider;
    counter!("faultline_llm_requests_total", "provider" => provider, "outcome" => observed.outcome).increment(1);
    counter!("faultline_llm_attempts_total", "provider" => provider).increment(u64::from(observed.attempts));
    counter!("faultline_llm_tokens_total", "provider" => provider, "kind" => "input").increment(observed.usage.input_tokens);
    counter!("faultline_llm_tokens_total", "provider" => provider, "kind" => "output").increment(observed.usage.output_tokens);
    histogram!("faultline_llm_request_duration_seconds", "provider" => provider).record(observed.latency.as_secs_f64());
    if let Some(cost) = observed.cost {
        gauge!("faultline_llm_cost_total", "provider" => provider).increment(cost);
    }
}

/// Counts what a round of work at alerts did.
pub fn alerts_worked(round: &Round) {
    let outcome = round.diagnosed.map(|diagnosed| match diagnosed {
        Diagnosed::Known => "known",
        Diagnosed::Unknown => "unknown",
        Diagnosed::Failed => "failed",
    });
    if let Some(outcome) = outcome {
        counter!("faultline_alert_diagnoses_total", "outcome" => outcome).increment(1);
    }
    let coalesced = round.fired.saturating_sub(usize::from(outcome.is_some()));
    counter!("faultline_alerts_coalesced_total").increment(coalesced as u64);
    alerts_given_up(round.given_up);
    let lag = histogram!("faultline_alert_lag_seconds");
    for waited in &round.waited {
        lag.record(waited.as_secs_f64());
    }
}

pub fn alerts_given_up(number: usize) {
    counter!("faultline_alerts_given_up_total").increment(number as u64);
}

/// Tells how full the queue of alerts is.
pub fn alerts_waiting(counts: QueueCounts, most: usize) {
    for (state, number) in [("queued", counts.queued), ("in_work", counts.taken), ("given_up", counts.given_up)] {
        gauge!("faultline_alert_queue_depth", "state" => state).set(number as f64);
    }
    gauge!("faultline_alert_queue_limit").set(most as f64);
}

/// Tells how incidents are. `told` holds the categories that were told before: those that are gone are none, not as many as they were.
pub fn incidents(stats: &IncidentStats, told: &mut BTreeSet<String>) {
    for status in Status::ALL.iter().map(|status| status.as_str()) {
        gauge!("faultline_incidents", "status" => status).set(stats.by_status.get(status).copied().unwrap_or(0) as f64);
    }
    told.extend(stats.by_category.keys().cloned());
    for category in &*told {
        let number = stats.by_category.get(category).map_or(0, |group| group.incidents);
        gauge!("faultline_incidents_by_category", "category" => category.clone()).set(number as f64);
    }
    let [detection, resolution] = [&stats.detection, &stats.resolution].map(|durations| {
        durations.as_ref().map_or((f64::NAN, f64::NAN), |durations| (durations.mean_seconds, durations.median_seconds))
    });
    for (statistic, detected, resolved) in [("mean", detection.0, resolution.0), ("median", detection.1, resolution.1)] {
        gauge!("faultline_incident_detection_seconds", "statistic" => statistic).set(detected);
        gauge!("faultline_incident_resolution_seconds", "statistic" => statistic).set(resolved);
    }
}
