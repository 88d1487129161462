//! The log: one event a line on stderr, without secrets, each naming the trace that it belongs to.

use std::{
    fmt,
    io::{self, IsTerminal, Write},
    str::FromStr,
    sync::Arc,
};

use clap::{Args, ValueEnum};
use opentelemetry::{Context, trace::TraceContextExt};
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{FilterExt, filter_fn},
    fmt::{
        FmtContext, FormatEvent, FormatFields, MakeWriter,
        format::{self, JsonFields, Writer as Line},
    },
    registry::LookupSpan,
    reload,
};

use crate::{domain::redact::Redactor, http::log_level::LogControl};

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

/// What writes the log as the settings say, and what changes its level.
pub fn layer(settings: &LogSettings, redactor: &Arc<Redactor>) -> (Box<dyn Layer<Registry> + Send + Sync>, LogControl) {
    let terminal = io::stderr().is_terminal();
    let form = settings.log_format.unwrap_or(if terminal { LogFormat::Text } else { LogFormat::Json });
    // Spans are for traces: where none are exported, they are not even made.
    let (level, handle) = reload::Layer::new(EnvFilter::new(&settings.log_level.0));
    let control = LogControl::new(settings.log_level.0.clone(), move |level| {
        let LogLevel(level) = level.parse()?;
        handle.reload(EnvFilter::new(level)).map_err(|error| error.to_string())
    });
    #[expect(clippy::redundant_closure_for_method_calls, reason = "a method's path has one lifetime, and a filter wants any")]
    let filter = filter_fn(|metadata| metadata.is_event()).and(level);
    let log = tracing_subscriber::fmt::layer().with_writer(CleanLog(Arc::clone(redactor)));
    let log = match form {
        LogFormat::Json => {
            let form = format::format().json().flatten_event(true).with_current_span(false).with_span_list(false);
            log.event_format(Traced { form, is_json: true }).fmt_fields(JsonFields::new()).with_filter(filter).boxed()
        }
        LogFormat::Text => {
            let form = format::format().with_ansi(terminal);
            log.event_format(Traced { form, is_json: false }).with_filter(filter).boxed()
        }
    };
    (log, control)
}

/// A form of the log whose lines end with the id of the trace, where there is one.
struct Traced<F> {
    form: F,
    is_json: bool,
}

impl<S, N, F> FormatEvent<S, N> for Traced<F>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Line<'_>, event: &Event<'_>) -> fmt::Result {
        let trace = Context::current().span().span_context().clone();
        if !trace.is_valid() {
            return self.form.format_event(context, writer, event);
        }
        let mut line = String::new();
        self.form.format_event(context, Line::new(&mut line), event)?;
        let (line, id) = (line.trim_end(), trace.trace_id());
        match line.strip_suffix('}').filter(|_| self.is_json) {
            Some(open) => writeln!(writer, "{open},\"trace_id\":\"{id}\"}}"),
            None => writeln!(writer, "{line} trace_id={id}"),
        }
    }
}
