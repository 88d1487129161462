//! A collector of traces: takes OTLP over gRPC, as the program sends it.

use std::{collections::BTreeMap, sync::Arc};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{KeyValue, any_value::Value},
    trace::v1::Span,
};
use tokio::{
    net::TcpListener,
    sync::{Mutex, watch},
};
use tonic::{Request, Response, Status, metadata::MetadataMap, transport::server::TcpIncoming};

/// A running collector; ends with the test's runtime.
pub struct Collector {
    pub url: String,
    kept: Arc<Kept>,
}

struct Kept {
    requests: Mutex<Vec<(MetadataMap, ExportTraceServiceRequest)>>,
    arrived: watch::Sender<usize>,
}

/// One span as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    pub name: String,
    pub trace: String,
    pub id: String,
    /// Empty for the first one of a trace.
    pub parent: String,
    /// 1 internal, 2 server, 3 client, 5 consumer.
    pub kind: i32,
    pub attributes: BTreeMap<String, String>,
}

impl Collector {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let kept = Arc::new(Kept { requests: Mutex::default(), arrived: watch::channel(0).0 });
        let service = TraceServiceServer::from_arc(Arc::clone(&kept));
        let server = tonic::transport::Server::builder().add_service(service);
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
        Self { url, kept }
    }

    /// All spans so far, once there are some with these names.
    pub async fn with(&self, names: &[&str]) -> Vec<Seen> {
        let mut arrived = self.kept.arrived.subscribe();
        loop {
            let spans = self.spans().await;
            if names.iter().all(|name| spans.iter().any(|span| span.name == *name)) {
                return spans;
            }
            arrived.changed().await.expect("the collector lives");
        }
    }

    pub async fn spans(&self) -> Vec<Seen> {
        let requests = self.kept.requests.lock().await;
        let resources = requests.iter().flat_map(|(_, request)| &request.resource_spans);
        resources.flat_map(|resource| &resource.scope_spans).flat_map(|scope| &scope.spans).map(seen).collect()
    }

    /// Everything that arrived, as text.
    pub async fn text(&self) -> String {
        format!("{:?}", self.kept.requests.lock().await.iter().map(|(_, request)| request).collect::<Vec<_>>())
    }

    /// The headers of each request.
    pub async fn heads(&self) -> Vec<MetadataMap> {
        self.kept.requests.lock().await.iter().map(|(head, _)| head.clone()).collect()
    }
}

#[tonic::async_trait]
impl TraceService for Kept {
    async fn export(&self, request: Request<ExportTraceServiceRequest>) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let (head, _, body) = request.into_parts();
        self.requests.lock().await.push((head, body));
        self.arrived.send_modify(|number| *number += 1);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn seen(span: &Span) -> Seen {
    let hex = |bytes: &[u8]| bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    Seen {
        name: span.name.clone(),
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        kind: span.kind,
        attributes: span.attributes.iter().map(|one| (one.key.clone(), shown(one))).collect(),
    }
}

fn shown(attribute: &KeyValue) -> String {
    match attribute.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::DoubleValue(number)) => number.to_string(),
        Some(Value::BoolValue(is_so)) => is_so.to_string(),
        other => format!("{other:?}"),
    }
}
