//! What is told of every stage: a span in the trace, and the time that it took. Names are of bounded sets; no text is among them.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use metrics::histogram;
use tracing::{Instrument, Span, info_span};

/// The span of one stage, named as the stage.
pub fn span(stage: &'static str) -> Span {
    info_span!("stage", "otel.name" = stage)
}

/// The span of one step of a remediation.
pub fn remediation(step: &'static str, id: &str) -> Span {
    info_span!("remediation", "otel.name" = step, "faultline.remediation_id" = id)
}

/// Milliseconds per stage.
pub struct Timings {
    last: Instant,
    pub spent: BTreeMap<&'static str, f64>,
}

impl Timings {
    pub fn start() -> Self {
        Self { last: Instant::now(), spent: BTreeMap::new() }
    }

    /// `stage` has taken the time since the last one ended.
    pub fn lap(&mut self, stage: &'static str) {
        let now = Instant::now();
        let took = now.duration_since(self.last);
        self.spent.insert(stage, u32::try_from(took.as_micros()).map_or(f64::MAX, f64::from) / 1000.0);
        self.last = now;
        timed(stage, took);
    }
}

/// Counts the time that a stage took.
pub fn timed(stage: &'static str, took: Duration) {
    histogram!("faultline_stage_duration_seconds", "stage" => stage).record(took.as_secs_f64());
}

/// Does `work` as a stage.
pub async fn stage<T>(name: &'static str, work: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let done = Box::pin(work).instrument(span(name)).await;
    timed(name, began.elapsed());
    done
}

/// Counts whether an answer was remembered.
pub fn remembered(cache: &'static str, is_hit: bool) {
    let outcome = if is_hit { "hit" } else { "miss" };
    metrics::counter!("faultline_cache_lookups_total", "cache" => cache, "outcome" => outcome).increment(1);
}

/// Counts a search for runbooks: whether meaning was looked at beside words, and whether any runbook fits.
pub fn retrieved(by_meaning: bool, fits: bool) {
    let (by, fit) = (if by_meaning { "hybrid" } else { "lexical" }, if fits { "yes" } else { "no" });
    metrics::counter!("faultline_retrievals_total", "by" => by, "fit" => fit).increment(1);
}
