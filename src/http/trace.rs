//! The trace that a request belongs to: read from its head, shown as a span, passed on by what the request sets off.

use std::net::IpAddr;

use axum::http::{HeaderMap, Method, StatusCode, header};
use opentelemetry::{
    Context,
    trace::{FutureExt, SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, WithContext},
};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};
use tracing::{Instrument, Span, field, info_span, instrument::Instrumented};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::{PREFIX, metrics::method_label};
use crate::domain::trace::{self, TraceParent};

/// Asked so often, and by machines alone, that their traces would hide the others.
const PROBES: [&str; 4] = ["/livez", "/readyz", "/health", "/metrics"];

/// Bytes of a header that a span shows.
const SHOWN_BYTES: usize = 128;

/// One request in its trace.
#[derive(Clone, Debug)]
pub struct RequestTrace {
    span: Span,
    context: Context,
}

impl RequestTrace {
    /// Continues the caller's trace, or begins one. Where no traces are exported nothing is recorded, but lines of the log and
    /// outgoing calls name the trace all the same.
    pub fn begin(headers: &HeaderMap, method: &Method, route: &str, request_id: &str, client: IpAddr) -> Self {
        let parent = parent(headers);
        let shown = |name: header::HeaderName| {
            let text = headers.get(name).and_then(|value| value.to_str().ok());
            text.map(|text| &text[..text.floor_char_boundary(SHOWN_BYTES)])
        };
        let method = method_label(method);
        let span = || {
            info_span!(
                "request",
                "otel.name" = format!("{method} {route}"),
                "otel.kind" = "server",
                "otel.status_code" = field::Empty,
                "http.request.method" = method,
                "http.route" = route,
                "http.response.status_code" = field::Empty,
                "error.type" = field::Empty,
                "server.address" = shown(header::HOST),
                "client.address" = %client,
                "user_agent.original" = shown(header::USER_AGENT),
                "faultline.request_id" = request_id,
            )
        };
        let is_probe = PROBES.contains(&route.strip_prefix(PREFIX).unwrap_or(route));
        let span = if is_probe { Span::none() } else { span() };
        if let Some(parent) = &parent {
            // It fails only where no traces are exported.
            let _ = span.set_parent(Context::new().with_remote_span_context(parent.clone()));
        }
        let context = span.context();
        if context.span().span_context().is_valid() {
            return Self { span, context };
        }
        let unrecorded = parent.unwrap_or_else(unrecorded);
        Self { span, context: Context::new().with_remote_span_context(unrecorded) }
    }

    /// `work` as a part of this request.
    pub fn of<T>(&self, work: impl Future<Output = T>) -> impl Future<Output = T> {
        work.with_context(self.context.clone()).instrument(self.span.clone())
    }

    pub fn answered(&self, status: StatusCode) {
        self.span.record("http.response.status_code", status.as_u16());
        if status.is_server_error() {
            self.span.record("otel.status_code", "ERROR").record("error.type", status.as_str());
        }
    }
}

/// `work` on another thread or task, as a part of what is done here.
pub fn here<F: Future>(work: F) -> Instrumented<WithContext<F>> {
    work.with_context(Context::current()).instrument(Span::current())
}

/// What the head says. `None` = nothing, or nothing that can be used.
fn parent(headers: &HeaderMap) -> Option<SpanContext> {
    let mut given = headers.get_all("traceparent").iter();
    let (first, None) = (given.next()?, given.next()) else { return None };
    let parent = TraceParent::parse(first.to_str().ok()?)?;
    let states: Option<Vec<&str>> = headers.get_all("tracestate").iter().map(|value| value.to_str().ok()).collect();
    let state = states.map(|states| states.join(",")).unwrap_or_default();
    let state = trace::state(&state).and_then(|state| state.parse::<TraceState>().ok()).unwrap_or_default();
    let flags = if parent.is_sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
    let (trace_id, span_id) =
        (TraceId::from_bytes(parent.trace_id.to_be_bytes()), SpanId::from_bytes(parent.span_id.to_be_bytes()));
    Some(SpanContext::new(trace_id, span_id, flags, true, state))
}

/// A trace that nobody records.
fn unrecorded() -> SpanContext {
    let ids = RandomIdGenerator::default();
    SpanContext::new(ids.new_trace_id(), ids.new_span_id(), TraceFlags::default(), false, TraceState::default())
}
