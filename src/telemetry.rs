//! What the process tells about itself: its log and its metrics.

use std::{
    io::{self, IsTerminal, Write},
    panic,
    str::FromStr,
    sync::Arc,
};

use clap::{Args, ValueEnum};
use metrics::{counter, gauge, histogram};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use crate::{
    domain::redact::Redactor,
    http::metrics as http_metrics,
    incidents::QueueCounts,
    pipeline::alerts::work::{Diagnosed, Round},
    reason::client::Observed,
};

/// What is logged and how.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Log")]
pub struct LogSettings {
    /// error, warn, info, debug or trace; or by part: info,faultline::http=debug
    #[arg(long, env, default_value = "info")]
    pub log_level: LogLevel,

    /// Form of the log on stderr; when not set: text on a terminal, else json
    #[arg(long, env, value_enum)]
    pub log_format: Option<LogFormat>,
}

/// A filter that is known to be valid.
#[derive(Clone, Debug)]
pub struct LogLevel(String);

impl FromStr for LogLevel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let filter = text.trim().to_ascii_lowercase();
        match EnvFilter::try_new(&filter) {
            Ok(_) if !filter.is_empty() => Ok(Self(filter)),
            Ok(_) => Err("must not be empty".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Json,
    Text,
}

/// What writes the log: every event passes redaction as a whole, whoever wrote it.
#[derive(Clone)]
struct CleanLog(Arc<Redactor>);

impl MakeWriter<'_> for CleanLog {
    type Writer = CleanEvent<io::Stderr>;

    fn make_writer(&self) -> Self::Writer {
        CleanEvent { redactor: Arc::clone(&self.0), to: io::stderr() }
    }
}

/// Takes one event per call, as the formatter hands it over, and passes it on without its secrets.
pub struct CleanEvent<W> {
    redactor: Arc<Redactor>,
    to: W,
}

impl<W> CleanEvent<W> {
    pub fn new(redactor: Arc<Redactor>, to: W) -> Self {
        Self { redactor, to }
    }
}

impl<W: Write> Write for CleanEvent<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        self.to.write_all(self.redactor.clean(&String::from_utf8_lossy(event)).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Starts the log and the metrics; once per process, before anything else.
pub fn init(settings: &LogSettings, redactor: &Arc<Redactor>) {
    let _ = http_metrics::recorder();
    let terminal = std::io::stderr().is_terminal();
    let format = settings.log_format.unwrap_or(if terminal { LogFormat::Text } else { LogFormat::Json });
    let filter = EnvFilter::new(&settings.log_level.0);
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(CleanLog(Arc::clone(redactor)));
    // It fails only where a subscriber is set already, and then that one is meant.
    let _ = match format {
        LogFormat::Json => log.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init(),
        LogFormat::Text => log.with_ansi(terminal).try_init(),
    };
    panic::set_hook(Box::new(|panic| {
        // The panic's own text may quote what somebody sent, so only its place is logged.
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panicked at {place}");
    }));
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
