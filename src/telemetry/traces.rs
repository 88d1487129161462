//! Traces: spans wait in a bounded queue and go to a collector as OTLP over gRPC. Whatever the collector does, nobody waits for it.
//!
//! ```text
//! a span ends ──> queue (full: dropped and counted) ──> a batch ──> cleaned ──> the collector (no answer: dropped and counted)
//! ```

use std::{fmt, str::FromStr, sync::Arc, time::Duration};

use clap::{Args, ValueEnum};
use metrics::counter;
use opentelemetry::{
    Context, KeyValue, Value,
    trace::{SpanContext, TraceState, TracerProvider as _},
};
use opentelemetry_proto::{
    tonic::collector::trace::v1::{ExportTraceServiceRequest, trace_service_client::TraceServiceClient},
    transform::{common::tonic::ResourceAttributesWithSchema, trace::tonic::group_spans_by_resource_and_scope},
};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{Sampler, SdkTracerProvider, Span, SpanData, SpanProcessor},
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{Instant, sleep_until, timeout},
};
use tonic::{
    Request,
    metadata::{AsciiMetadataKey, AsciiMetadataValue, MetadataMap},
    transport::{Channel, ClientTlsConfig, Endpoint},
};
use tracing::{Level, warn};
use tracing_subscriber::{Layer, Registry, filter::filter_fn};
use uuid::Uuid;

use crate::{
    domain::redact::Redactor,
    net::{Secret, install_tls},
};

/// Where traces go, and which are made.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Traces")]
pub struct TraceSettings {
    /// Collector that takes traces as OTLP over gRPC: http://collector:4317; no traces are made when not set
    #[arg(long, env, default_value = "", hide_default_value = true)]
    pub otel_exporter_otlp_endpoint: String,

    /// Headers for the collector, by comma: name=value, with values percent-encoded
    #[arg(long, env, default_value = "", hide_default_value = true, hide_env_values = true)]
    pub otel_exporter_otlp_headers: Secret,

    /// Name of this service in traces
    #[arg(long, env, default_value = "faultline")]
    pub otel_service_name: String,

    /// Which requests are traced; parentbased: as the caller decided, where it says
    #[arg(long, env, value_enum, default_value = "parentbased_always_on")]
    pub otel_traces_sampler: Sampling,

    /// Share of the requests that are traced, from 0 to 1, with a sampler that ends with traceidratio
    #[arg(long, env, default_value = "1")]
    pub otel_traces_sampler_arg: Share,
}

/// Which traces are recorded, in the words of OpenTelemetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Sampling {
    AlwaysOn,
    AlwaysOff,
    Traceidratio,
    ParentbasedAlwaysOn,
    ParentbasedAlwaysOff,
    ParentbasedTraceidratio,
}

/// From nothing (0) to all (1).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share(f64);

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let share = text.trim().parse().ok().filter(|share| (0.0..=1.0).contains(share));
        share.map(Self).ok_or_else(|| "must be a number from 0 to 1".to_owned())
    }
}

/// Spans that wait to be sent; one more is dropped.
const WAITING: usize = 2048;
/// Spans in one request to the collector.
const BATCH: usize = 512;
/// A span waits at most this long for others.
const GATHER_FOR: Duration = Duration::from_secs(2);
const SEND_WITHIN: Duration = Duration::from_secs(5);
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// What waits at the end of the process has this long to get away.
const FLUSH_WITHIN: Duration = Duration::from_secs(3);
/// Between two warnings about the same collector.
const WARN_EVERY: Duration = Duration::from_secs(60);
/// Bytes of one value of a span.
const VALUE_BYTES: usize = 256;
/// Bytes of what a collector says that are logged.
const SAID_BYTES: usize = 200;

/// The traces of this process. Nothing is sent before [`Traces::start`].
pub struct Traces(Option<Ready>);

struct Ready {
    provider: SdkTracerProvider,
    spans: mpsc::Receiver<SpanData>,
    endpoint: Endpoint,
    headers: MetadataMap,
    resource: Resource,
    redactor: Arc<Redactor>,
}

impl Traces {
    /// An error names the setting to mend.
    pub fn of(settings: &TraceSettings, redactor: &Arc<Redactor>) -> Result<Self, String> {
        let Some(endpoint) = settings.endpoint()? else { return Ok(Self(None)) };
        let headers = settings.headers()?;
        let resource = Resource::builder_empty()
            .with_service_name(settings.otel_service_name.clone())
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_attribute(KeyValue::new("service.instance.id", Uuid::now_v7().to_string()))
            .build();
        let (queue, spans) = mpsc::channel(WAITING);
        let provider = SdkTracerProvider::builder()
            .with_span_processor(Queue(queue))
            .with_sampler(settings.sampler())
            .with_resource(resource.clone())
            .build();
        Ok(Self(Some(Ready { provider, spans, endpoint, headers, resource, redactor: Arc::clone(redactor) })))
    }

    /// What turns spans of ours into spans of a trace. `None` = no traces are wanted.
    pub fn layer(&self) -> Option<Box<dyn Layer<Registry> + Send + Sync>> {
        let tracer = self.0.as_ref()?.provider.tracer("faultline");
        // Lines of the log are not for a collector: they may quote what somebody said.
        let is_ours = filter_fn(|metadata| {
            metadata.is_span() && *metadata.level() <= Level::INFO && metadata.target().starts_with("faultline")
        });
        let layer = tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false);
        Some(layer.with_filter(is_ours).boxed())
    }

    /// Begins to send, in the background.
    pub fn start(self) -> Exporting {
        let Some(Ready { provider, spans, endpoint, headers, resource, redactor }) = self.0 else { return Exporting(None) };
        // So that the first one that is lost is seen as a rise.
        for outcome in ["sent", "failed", "dropped"] {
            counted(outcome, 0);
        }
        let client = TraceServiceClient::new(endpoint.connect_lazy());
        let collector = Collector { client, headers, resource: (&resource).into(), redactor, warned_at: None, lost: 0 };
        let (stop, stopping) = oneshot::channel();
        Exporting(Some(Sending { task: tokio::spawn(send_all(spans, collector, stopping)), stop, _provider: provider }))
    }
}

/// Traces on their way.
pub struct Exporting(Option<Sending>);

struct Sending {
    task: JoinHandle<()>,
    stop: oneshot::Sender<()>,
    /// Dropped, it would end what makes spans.
    _provider: SdkTracerProvider,
}

impl Exporting {
    /// Sends what still waits, for a short while.
    pub async fn finish(self) {
        let Some(Sending { mut task, stop, _provider }) = self.0 else { return };
        let _ = stop.send(());
        if timeout(FLUSH_WITHIN, &mut task).await.is_err() {
            task.abort();
            warn!("the last traces did not get to the collector in time");
        }
    }
}

impl TraceSettings {
    /// Where traces go. `None` = nowhere.
    pub fn endpoint(&self) -> Result<Option<Endpoint>, String> {
        let url = self.otel_exporter_otlp_endpoint.trim();
        if url.is_empty() {
            return Ok(None);
        }
        install_tls();
        let wrong = || "OTEL_EXPORTER_OTLP_ENDPOINT must be http://host:port or https://host:port".to_owned();
        let is_tls = url.starts_with("https://");
        if !is_tls && !url.starts_with("http://") {
            return Err(wrong());
        }
        let endpoint = Endpoint::from_shared(url.to_owned()).map_err(|_| wrong())?;
        let endpoint = endpoint.connect_timeout(CONNECT_WITHIN).timeout(SEND_WITHIN);
        let endpoint = if is_tls { endpoint.tls_config(ClientTlsConfig::new().with_native_roots()) } else { Ok(endpoint) };
        endpoint.map(Some).map_err(|_| wrong())
    }

    fn headers(&self) -> Result<MetadataMap, String> {
        let mut headers = MetadataMap::new();
        for pair in self.otel_exporter_otlp_headers.expose().split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            // The text itself is a secret.
            let wrong = || "OTEL_EXPORTER_OTLP_HEADERS must be name=value, by comma".to_owned();
            let (name, value) = pair.split_once('=').ok_or_else(wrong)?;
            let name: AsciiMetadataKey = name.trim().to_ascii_lowercase().parse().map_err(|_| wrong())?;
            let mut value: AsciiMetadataValue = decoded(value.trim()).ok_or_else(wrong)?.parse().map_err(|_| wrong())?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(headers)
    }

    fn sampler(&self) -> Sampler {
        let ratio = Sampler::TraceIdRatioBased(self.otel_traces_sampler_arg.0);
        let by_parent = |root: Sampler| Sampler::ParentBased(Box::new(root));
        match self.otel_traces_sampler {
            Sampling::AlwaysOn => Sampler::AlwaysOn,
            Sampling::AlwaysOff => Sampler::AlwaysOff,
            Sampling::Traceidratio => ratio,
            Sampling::ParentbasedAlwaysOn => by_parent(Sampler::AlwaysOn),
            Sampling::ParentbasedAlwaysOff => by_parent(Sampler::AlwaysOff),
            Sampling::ParentbasedTraceidratio => by_parent(ratio),
        }
    }
}

/// Without percent encoding. `None` = it is not UTF-8.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        let code = more.get(..2).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        if let Some(byte) = code.filter(|_| *first == b'%') {
            bytes.push(byte);
            rest = &more[2..];
        } else {
            bytes.push(*first);
            rest = more;
        }
    }
    String::from_utf8(bytes).ok()
}

/// What takes spans that ended.
#[derive(Debug)]
struct Queue(mpsc::Sender<SpanData>);

impl SpanProcessor for Queue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() && self.0.try_send(span).is_err() {
            counted("dropped", 1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

fn counted(outcome: &'static str, spans: usize) {
    counter!("faultline_trace_spans_total", "outcome" => outcome).increment(spans as u64);
}

async fn send_all(mut spans: mpsc::Receiver<SpanData>, mut collector: Collector, mut stopping: oneshot::Receiver<()>) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut due = Instant::now();
    loop {
        let (is_first, room) = (batch.is_empty(), BATCH - batch.len());
        let is_due = tokio::select! {
            biased;
            _ = &mut stopping => break,
            got = spans.recv_many(&mut batch, room) => {
                if got == 0 { break }
                if is_first { due = Instant::now() + GATHER_FOR }
                batch.len() == BATCH
            }
            () = sleep_until(due), if !is_first => true,
        };
        if is_due {
            collector.send(std::mem::take(&mut batch)).await;
        }
    }
    spans.close();
    while let Ok(span) = spans.try_recv() {
        batch.push(span);
    }
    for some in batch.chunks(BATCH) {
        collector.send(some.to_vec()).await;
    }
}

/// The other end.
struct Collector {
    client: TraceServiceClient<Channel>,
    headers: MetadataMap,
    resource: ResourceAttributesWithSchema,
    redactor: Arc<Redactor>,
    /// `None` = nothing was wrong so far.
    warned_at: Option<Instant>,
    /// Spans lost since the last warning.
    lost: usize,
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector").finish_non_exhaustive()
    }
}

impl Collector {
    async fn send(&mut self, batch: Vec<SpanData>) {
        let number = batch.len();
        let batch = batch.into_iter().map(|span| cleaned(span, &self.redactor)).collect();
        let resource_spans = group_spans_by_resource_and_scope(batch, &self.resource);
        let mut request = Request::new(ExportTraceServiceRequest { resource_spans });
        *request.metadata_mut() = self.headers.clone();
        let why = match timeout(SEND_WITHIN, self.client.export(request)).await {
            Ok(Ok(_)) => return counted("sent", number),
            Ok(Err(status)) => {
                let said = status.message();
                format!("{:?} {}", status.code(), &said[..said.floor_char_boundary(SAID_BYTES)])
            }
            Err(_) => "no answer in time".to_owned(),
        };
        counted("failed", number);
        self.lost += number;
        if self.warned_at.is_none_or(|at| at.elapsed() >= WARN_EVERY) {
            self.warned_at = Some(Instant::now());
            warn!(spans = self.lost, "traces were lost: the collector of OTEL_EXPORTER_OTLP_ENDPOINT took none: {why}");
            self.lost = 0;
        }
    }
}

/// The span as it may leave: short, without secrets, and without what the caller keeps in its trace for others.
fn cleaned(span: SpanData, redactor: &Arc<Redactor>) -> SpanData {
    let mut redaction = redactor.session();
    let mut clean = |text: &str| {
        let text = redaction.clean(text);
        text[..text.floor_char_boundary(VALUE_BYTES)].to_owned()
    };
    let name = clean(&span.name).into();
    let attributes = span.attributes.into_iter().map(|KeyValue { key, value, .. }| match &value {
        Value::String(text) => KeyValue::new(key, clean(text.as_str())),
        _ => KeyValue::new(key, value),
    });
    let context = &span.span_context;
    let (trace_id, span_id, flags) = (context.trace_id(), context.span_id(), context.trace_flags());
    SpanData {
        name,
        attributes: attributes.collect(),
        span_context: SpanContext::new(trace_id, span_id, flags, false, TraceState::default()),
        ..span
    }
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn percent_encoding_is_undone() {
        let cases = [("a%20b", "a b"), ("100%", "100%"), ("%zz%41", "%zzA"), ("Basic%20eDp5%3D", "Basic eDp5="), ("", "")];
        for (text, expected) in cases {
            assert_eq!(decoded(text).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(decoded("%ff"), None);
    }
}
