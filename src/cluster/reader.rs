//! Reading within bounds: one request's budget of calls, bytes and time, shared by everything that looks.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Response, header};
use http_body_util::BodyExt;
use kube::{Client, client::Body};
use tokio::{
    sync::{OnceCell, Semaphore},
    time::{Instant, sleep, timeout_at},
};

use super::{
    error::ReadError,
    items,
    wire::{self, JSON, METADATA_ONLY, PLAIN, Readable, escaped, path, resource_path},
};
use crate::domain::{evidence::Gap, fact::Run};

/// What one diagnosis may cost the cluster.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    pub requests: usize,
    pub bytes: usize,
    /// When all reading ends.
    pub deadline: Instant,
    /// How long one call may take.
    pub call: Duration,
}

impl Budget {
    /// As the design promises for one diagnosis, whatever the size of the cluster: 40 requests, 4 MiB.
    pub fn for_diagnosis(deadline: Instant) -> Self {
        Self { requests: 40, bytes: 4 << 20, deadline, call: Duration::from_secs(8) }
    }

    /// For one sweep over a whole cluster, page by page.
    pub fn for_sweep(deadline: Instant) -> Self {
        Self { requests: 600, bytes: 512 << 20, deadline, call: Duration::from_secs(10) }
    }

    /// For a closer look at the worst that a sweep found.
    pub fn for_closer_look(deadline: Instant) -> Self {
        Self { requests: 160, bytes: 16 << 20, deadline, call: Duration::from_secs(6) }
    }
}

/// Calls of one reader that wait at the same time.
const CONCURRENT_CALLS: usize = 10;
/// The most that one object or one page of a list may weigh.
const MAX_BODY_BYTES: usize = 1 << 20;
/// A server that asks to wait longer than this is given up on.
const MAX_RETRY_WAIT: Duration = Duration::from_secs(1);
const RETRY_WAIT: Duration = Duration::from_millis(120);

/// Reads for one request. Everything that could not be read is kept as a gap.
pub struct Reader {
    client: Client,
    budget: Budget,
    is_recording: bool,
    requests: AtomicUsize,
    bytes: AtomicUsize,
    permits: Semaphore,
    gaps: Mutex<BTreeMap<String, String>>,
    /// The same path is asked for once, however many want it.
    known: Mutex<HashMap<String, Arc<Answer>>>,
}

/// One object, or why there is none.
#[derive(Clone, Debug, PartialEq)]
pub enum Found<T> {
    Seen(T),
    /// The cluster says that it does not exist.
    Absent,
    /// It could not be looked at; a gap says why.
    Unknown,
}

impl<T> Found<T> {
    pub fn seen(self) -> Option<T> {
        match self {
            Self::Seen(value) => Some(value),
            Self::Absent | Self::Unknown => None,
        }
    }
}

/// The items of one page.
#[derive(Clone, Debug)]
pub struct Listed<T> {
    pub items: Vec<T>,
    /// Everything there is was read.
    pub is_complete: bool,
    /// Token of the next page.
    pub next: Option<String>,
}

/// Which items of a list.
#[derive(Clone, Debug, Default)]
pub struct Select<'a> {
    pub labels: &'a str,
    pub fields: &'a str,
    /// Items of the page.
    pub limit: usize,
    /// Token of an earlier page.
    pub from: Option<&'a str>,
}

/// Which part of a log.
#[derive(Clone, Copy, Debug)]
pub struct LogQuery<'a> {
    pub container: &'a str,
    pub run: Run,
    pub lines: usize,
    pub bytes: usize,
}

/// What a path answered, or is about to.
type Answer = OnceCell<Result<Fetched, ReadError>>;

/// A body as far as it arrived.
#[derive(Clone, Debug)]
pub(super) struct Fetched {
    pub(super) body: Bytes,
    pub(super) is_cut: bool,
}

impl Reader {
    pub fn new(client: Client, budget: Budget, is_recording: bool) -> Self {
        Self {
            client,
            budget,
            is_recording,
            requests: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            permits: Semaphore::new(CONCURRENT_CALLS),
            gaps: Mutex::default(),
            known: Mutex::default(),
        }
    }

    /// One object.
    pub async fn get<K: Readable>(&self, namespace: Option<&str>, name: &str) -> Found<K> {
        self.object(K::URL_PATH_SEGMENT, namespace, &path::<K>(namespace, Some(name)), JSON).await
    }

    /// Whether an object exists, by its metadata alone.
    pub async fn exists<K: Readable>(&self, namespace: Option<&str>, name: &str) -> Found<()> {
        let target = path::<K>(namespace, Some(name));
        match self.object::<serde_json::Value>(K::URL_PATH_SEGMENT, namespace, &target, METADATA_ONLY).await {
            Found::Seen(_) => Found::Seen(()),
            Found::Absent => Found::Absent,
            Found::Unknown => Found::Unknown,
        }
    }

    /// One object of an API that has no type here.
    pub async fn get_untyped(
        &self,
        (group, version, plural): (&str, &str, &str),
        namespace: Option<&str>,
        name: &str,
    ) -> Found<serde_json::Value> {
        let what = format!("{plural}.{group}");
        self.object(&what, namespace, &resource_path(group, version, plural, namespace, Some(name)), JSON).await
    }

    /// The metadata of one object; what it holds never arrives.
    pub async fn metadata(
        &self,
        (group, version, plural): (&str, &str, &str),
        namespace: Option<&str>,
        name: &str,
    ) -> Found<serde_json::Value> {
        self.object(plural, namespace, &resource_path(group, version, plural, namespace, Some(name)), METADATA_ONLY).await
    }

    async fn object<T: serde::de::DeserializeOwned>(
        &self,
        what: &str,
        namespace: Option<&str>,
        target: &str,
        accept: &str,
    ) -> Found<T> {
        let read = self.fetch(target, accept, MAX_BODY_BYTES).await.and_then(|fetched| {
            serde_json::from_slice(&fetched.body).map_err(|error| {
                ReadError::Damaged(if fetched.is_cut { "it broke off".to_owned() } else { wire::short(&error.to_string()) })
            })
        });
        match read {
            Ok(object) => Found::Seen(object),
            Err(ReadError::Absent) => Found::Absent,
            Err(error) => {
                self.note(named(what, namespace), &error);
                Found::Unknown
            }
        }
    }

    /// One page of a list. A list that broke off gives what arrived of it.
    pub async fn list<K: Readable>(&self, namespace: Option<&str>, select: Select<'_>) -> Listed<K> {
        self.list_at(named(K::URL_PATH_SEGMENT, namespace), &path::<K>(namespace, None), select).await
    }

    /// The same, with every field of the items.
    pub async fn list_untyped(
        &self,
        (group, version, plural): (&str, &str, &str),
        namespace: Option<&str>,
        select: Select<'_>,
    ) -> Listed<serde_json::Value> {
        self.list_at(named(plural, namespace), &resource_path(group, version, plural, namespace, None), select).await
    }

    async fn list_at<T: serde::de::DeserializeOwned>(&self, what: String, list: &str, select: Select<'_>) -> Listed<T> {
        let mut limit = select.limit;
        loop {
            let mut target = format!("{list}?limit={limit}");
            for (name, value) in
                [("labelSelector", select.labels), ("fieldSelector", select.fields), ("continue", select.from.unwrap_or(""))]
            {
                if !value.is_empty() {
                    target.push_str(&format!("&{name}={}", escaped(value)));
                }
            }
            let fetched = match self.fetch(&target, JSON, MAX_BODY_BYTES).await {
                Ok(fetched) => fetched,
                Err(ReadError::Absent) => return Listed { items: Vec::new(), is_complete: true, next: None },
                Err(error) => {
                    self.note(what, &error);
                    return Listed { items: Vec::new(), is_complete: false, next: None };
                }
            };
            let Some(page) = items::page(&fetched.body) else {
                self.note(what, &ReadError::Damaged("it is no list".to_owned()));
                return Listed { items: Vec::new(), is_complete: false, next: None };
            };
            // Items too heavy for the page: fewer of them, rather than none.
            if fetched.is_cut && page.items.is_empty() && limit > 4 {
                limit /= 4;
                continue;
            }
            if page.is_damaged || fetched.is_cut {
                self.note(what, &ReadError::Damaged(format!("it broke off after {} items", page.items.len())));
            }
            let is_complete = page.next.is_none() && !page.is_damaged && !fetched.is_cut;
            return Listed { items: page.items, is_complete, next: page.next };
        }
    }

    /// The last lines of a container's log; `None` when there are none to be had. The server's refusal to show a log that does not exist
    /// is no gap.
    pub async fn log(&self, namespace: &str, pod: &str, query: LogQuery<'_>) -> Option<String> {
        let mut lines = query.lines;
        loop {
            let target = format!(
                "/api/v1/namespaces/{}/pods/{}/log?container={}&previous={}&tailLines={lines}&limitBytes={}&timestamps=true",
                escaped(namespace),
                escaped(pod),
                escaped(query.container),
                query.run == Run::Previous,
                query.bytes,
            );
            match self.fetch(&target, PLAIN, query.bytes).await {
                // The server counts bytes from the first of these lines: where they are too many, the last would be missing.
                Ok(fetched) if fetched.body.len() + 1024 >= query.bytes && lines > 40 => lines /= 8,
                Ok(fetched) => return Some(readable(&fetched)).filter(|text| !text.is_empty()),
                Err(ReadError::Refused { status: 400, .. } | ReadError::Absent | ReadError::NotServed) => return None,
                Err(error) => {
                    self.note(format!("log of pod {namespace}/{pod}"), &error);
                    return None;
                }
            }
        }
    }

    /// Says that something was not looked at.
    pub fn note(&self, what: impl Into<String>, error: &ReadError) {
        let why = match error {
            ReadError::NotServed if self.is_recording => "is not in the recording".to_owned(),
            other => other.to_string(),
        };
        self.note_why(what, why);
    }

    pub fn note_why(&self, what: impl Into<String>, why: impl Into<String>) {
        self.gaps.lock().unwrap_or_else(PoisonError::into_inner).entry(what.into()).or_insert_with(|| why.into());
    }

    /// What could not be looked at so far.
    pub fn gaps(&self) -> Vec<Gap> {
        let gaps = self.gaps.lock().unwrap_or_else(PoisonError::into_inner);
        gaps.iter().map(|(what, why)| Gap::new("collect", what, why)).collect()
    }

    /// Requests that may still be made.
    pub fn requests_left(&self) -> usize {
        self.budget.requests.saturating_sub(self.requests.load(Ordering::Relaxed))
    }

    async fn fetch(&self, target: &str, accept: &str, most_bytes: usize) -> Result<Fetched, ReadError> {
        let key = if accept == METADATA_ONLY { format!("metadata {target}") } else { target.to_owned() };
        let cell = Arc::clone(self.known.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default());
        cell.get_or_init(|| self.fetch_with_retry(target, accept, most_bytes)).await.clone()
    }

    /// Reads without remembering: for what is asked for once and too big to keep.
    pub(super) async fn fetch_with_retry(&self, target: &str, accept: &str, most_bytes: usize) -> Result<Fetched, ReadError> {
        let Ok(_permit) = self.permits.acquire().await else { return Err(ReadError::Spent) };
        let (first, wait) = self.call(target, accept, most_bytes).await;
        match first {
            Err(error) if error.is_worth_a_retry() && wait <= MAX_RETRY_WAIT && Instant::now() + wait < self.budget.deadline => {
                sleep(wait).await;
                self.call(target, accept, most_bytes).await.0
            }
            other => other,
        }
    }

    /// One call, and how long to wait before another.
    async fn call(&self, target: &str, accept: &str, most_bytes: usize) -> (Result<Fetched, ReadError>, Duration) {
        let used = self.requests.fetch_add(1, Ordering::Relaxed);
        if used >= self.budget.requests || self.bytes.load(Ordering::Relaxed) >= self.budget.bytes {
            return (Err(ReadError::Spent), RETRY_WAIT);
        }
        let deadline = self.budget.deadline.min(Instant::now() + self.budget.call);
        let mut wait = RETRY_WAIT;
        let answer = timeout_at(deadline, async {
            let response = self.client.send(wire::get(target, accept)?).await.map_err(|error| unreachable_because(&error))?;
            if let Some(seconds) = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok())
            {
                wait = wait.max(Duration::from_secs(seconds));
            }
            let status = response.status();
            let fetched = self.body(response, most_bytes).await?;
            if status.is_success() { Ok(fetched) } else { Err(wire::refusal(status, &fetched.body)) }
        });
        let answer = answer.await.unwrap_or(Err(ReadError::Slow));
        (answer, wait)
    }

    async fn body(&self, response: Response<Body>, most_bytes: usize) -> Result<Fetched, ReadError> {
        let mut body = response.into_body();
        let mut read = Vec::new();
        while let Some(frame) = body.frame().await {
            let data = match frame {
                Ok(frame) => frame.into_data().unwrap_or_default(),
                // What arrived before the line went dead is still worth reading.
                Err(_) if !read.is_empty() => return Ok(Fetched { body: read.into(), is_cut: true }),
                Err(error) => return Err(ReadError::Damaged(wire::short(&error.to_string()))),
            };
            let before = self.bytes.fetch_add(data.len(), Ordering::Relaxed);
            let room = self.budget.bytes.saturating_sub(before).min(most_bytes.saturating_sub(read.len()));
            read.extend_from_slice(&data[..data.len().min(room)]);
            if data.len() > room {
                return Ok(Fetched { body: read.into(), is_cut: true });
            }
        }
        Ok(Fetched { body: read.into(), is_cut: false })
    }
}

pub(super) fn named(what: &str, namespace: Option<&str>) -> String {
    match namespace {
        Some(namespace) => format!("{what} in namespace {namespace}"),
        None => what.to_owned(),
    }
}

/// A log as text; a cut one loses its last, broken line.
fn readable(fetched: &Fetched) -> String {
    let text = String::from_utf8_lossy(&fetched.body);
    match text.rfind('\n') {
        Some(end) if fetched.is_cut => text[..end].to_owned(),
        Some(_) | None => text.into_owned(),
    }
}

/// The innermost cause: the outer layers only say that a request failed.
pub fn unreachable_because(error: &kube::Error) -> ReadError {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    ReadError::Unreachable(wire::short(&cause.to_string()))
}
