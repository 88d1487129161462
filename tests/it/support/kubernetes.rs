//! An API server made of a recording, in process or on a loopback socket, that fails on request and remembers what it was asked.

mod fault;
mod reviews;

use std::{
    convert::Infallible,
    error::Error,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use faultline::cluster::recording::{Recording, query_of};
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinSet};

pub use fault::{Fault, Rule};
pub use reviews::User;

/// Where the recordings are that came with the tests.
pub fn recordings() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/recordings")
}

/// A recording that came with the tests.
pub fn recorded(name: &str) -> Recording {
    Recording::load(&recordings().join(name)).unwrap_or_else(|error| panic!("{error}"))
}

/// Cheap to clone; clones share faults and memory.
#[derive(Clone)]
pub struct FakeApi {
    shared: Arc<Shared>,
}

struct Shared {
    recording: Recording,
    rules: Mutex<Vec<Rule>>,
    users: Mutex<Vec<User>>,
    seen: Mutex<Vec<Seen>>,
}

/// A request that was made, and how it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub method: String,
    pub path: String,
    /// Decoded, in their order.
    pub query: Vec<(String, String)>,
    /// `None` while there is no answer.
    pub status: Option<u16>,
    /// Of the body, as far as it was sent.
    pub bytes: usize,
    /// The trace that it says to be a part of.
    pub traceparent: Option<String>,
}

impl Seen {
    /// A parameter; empty where it was not given.
    pub fn parameter(&self, name: &str) -> &str {
        self.query.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }
}

impl FakeApi {
    /// The recorded cluster with one fault per namespace.
    pub fn zoo() -> Self {
        Self::of(recorded("zoo"))
    }

    pub fn of(recording: Recording) -> Self {
        Self { shared: Arc::new(Shared { recording, rules: Mutex::default(), users: Mutex::default(), seen: Mutex::default() }) }
    }

    /// Fails from now on as the rule says; of several rules the first that applies.
    pub fn with(self, rule: Rule) -> Self {
        lock(&self.shared.rules).push(rule);
        self
    }

    /// Knows these users, and no others.
    pub fn knowing(self, users: impl IntoIterator<Item = User>) -> Self {
        *lock(&self.shared.users) = users.into_iter().collect();
        self
    }

    /// Works from now on.
    pub fn heal(&self) {
        lock(&self.shared.rules).clear();
    }

    pub fn recording(&self) -> &Recording {
        &self.shared.recording
    }

    /// The requests made so far, in their order.
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.shared.seen).clone()
    }

    /// The requests made so far, which are forgotten.
    pub fn take_seen(&self) -> Vec<Seen> {
        std::mem::take(&mut lock(&self.shared.seen))
    }

    /// A client without a connection: nothing waits but what a fault makes wait, so that time can be paused.
    pub fn client(&self) -> kube::Client {
        let api = self.clone();
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let api = api.clone();
            async move { api.answer(request).await }
        });
        kube::Client::new(service, "default")
    }

    /// Serves on a loopback port until what is returned is dropped.
    pub async fn listen(&self) -> Listening {
        let api = self.clone();
        serve_on_loopback(move |request| {
            let api = api.clone();
            async move { api.answer(request).await }
        })
        .await
    }

    async fn answer<B: Body>(&self, request: Request<B>) -> Result<Response<Answered>, Infallible> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let request = Request::from_parts(parts, body);
        let seen = Seen {
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
            query: query_of(request.uri().query().unwrap_or_default()),
            status: None,
            bytes: 0,
            traceparent: request.headers().get("traceparent").and_then(|value| value.to_str().ok()).map(str::to_owned),
        };
        let number = {
            let mut all = lock(&self.shared.seen);
            all.push(seen.clone());
            all.len() - 1
        };
        // Chosen at once, so that who asks first is the first to fail; only a delay lets a second fault happen.
        let mut faults: Vec<Fault> = Vec::new();
        for rule in lock(&self.shared.rules).iter_mut() {
            if faults.last().is_none_or(|last| matches!(last, Fault::Delay(_))) {
                faults.extend(rule.fault(&seen));
            }
        }
        let answer = || {
            let review = reviews::answer(&lock(&self.shared.users), &request);
            review.unwrap_or_else(|| self.shared.recording.answer(&request))
        };
        let mut response = None;
        for fault in faults {
            response = fault.happen(answer).await;
            if response.is_some() {
                break;
            }
        }
        let response = response.unwrap_or_else(|| answer().map(Answered::whole));
        if let Some(seen) = lock(&self.shared.seen).get_mut(number) {
            seen.status = Some(response.status().as_u16());
            seen.bytes = response.body().sent();
        }
        Ok(response)
    }
}

/// Serves on a loopback port until what is returned is dropped. An error of `answer` cuts the connection.
pub async fn serve_on_loopback<A, F, E>(answer: A) -> Listening
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Result<Response<Answered>, E>> + Send + 'static,
    E: Error + Send + Sync + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let service = hyper::service::service_fn(answer.clone());
            connections.spawn(async move {
                // An error is a client that went away, or a fault that cut the connection.
                let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    Listening { address, folder: tempfile::tempdir().expect("a folder"), _tasks: tasks }
}

/// A fake API server on a socket; gone when dropped.
pub struct Listening {
    pub address: SocketAddr,
    folder: TempDir,
    _tasks: JoinSet<()>,
}

impl Listening {
    /// A kubeconfig with the contexts `fake`, which is this server and current, and `gone`, where nothing listens.
    pub fn kubeconfig(&self) -> PathBuf {
        let path = self.folder.path().join("kubeconfig");
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: fake\n\
             clusters:\n- name: fake\n  cluster: {{server: 'http://{}'}}\n- name: gone\n  cluster: {{server: 'http://127.0.0.1:1'}}\n\
             contexts:\n- name: fake\n  context: {{cluster: fake, user: nobody, namespace: default}}\n\
             - name: gone\n  context: {{cluster: gone, user: nobody}}\n\
             users:\n- name: nobody\n  user: {{}}\n",
            self.address
        );
        std::fs::write(&path, text).expect("a writable folder");
        path
    }
}

/// A body that is whole, or breaks off.
pub struct Answered {
    rest: Option<Bytes>,
    /// What is said to come, which a cut body does not keep.
    length: usize,
    is_cut: bool,
}

impl Answered {
    pub fn whole(body: Bytes) -> Self {
        Self { length: body.len(), rest: Some(body), is_cut: false }
    }

    fn cut_after(body: &Bytes, bytes: usize) -> Self {
        Self { length: body.len(), rest: Some(body.slice(..bytes.min(body.len()))), is_cut: true }
    }

    fn sent(&self) -> usize {
        self.rest.as_ref().map_or(0, Bytes::len)
    }
}

impl Body for Answered {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.rest.take() {
            Some(bytes) if !bytes.is_empty() => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            _ if self.is_cut => Poll::Ready(Some(Err(io::Error::from(io::ErrorKind::ConnectionReset)))),
            _ => Poll::Ready(None),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length as u64)
    }
}

pub fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
