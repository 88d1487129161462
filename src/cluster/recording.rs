//! A recorded cluster: a folder of what a cluster said, answered as its API server would answer, read-only.
//!
//! ```text
//! folder ─ folder ─> document / dump ─> index (objects as text) ─┐
//!                 └> log_file ────────> logs                     ├─ answer <─ kube::Client
//! ```
//!
//! A resource that nothing was recorded of is "not found" and never an empty list, so that "not recorded" and "none" differ.

mod answer;
mod discovery;
mod document;
mod dump;
mod events;
mod folder;
mod index;
mod json;
mod kinds;
mod list;
mod log_file;
mod logs;
mod newest;
mod object;
mod pod_log;
mod request;
mod review;
mod selector;
mod status;

use std::{
    convert::Infallible,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use kube::client::Body;
use serde_json::{Value, json};

use index::Index;
use logs::Logs;

pub use logs::Run;
pub use request::query_of;

/// What a cluster said, kept in memory. Nothing of a `Secret` is in it, and of a `ConfigMap` only the keys.
#[derive(Default)]
pub struct Recording {
    index: Index,
    logs: Logs,
    /// As `/version` said it. `None` where it was not recorded.
    version: Option<Value>,
    problems: Vec<String>,
}

/// Why a folder cannot be served at all. A file that cannot be read is no such reason.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    #[error("there is no folder {}", folder.display())]
    NoFolder { folder: PathBuf },
    #[error("could not read folder {}", folder.display())]
    Unreadable { folder: PathBuf, source: std::io::Error },
    #[error("nothing in {} is a recording of a cluster: of {files} files none holds objects of Kubernetes{}", folder.display(), unread(problems))]
    NothingOfKubernetes {
        folder: PathBuf,
        /// How many files were looked at.
        files: usize,
        /// Those that could not be read, each with why.
        problems: Vec<String>,
    },
}

impl Recording {
    /// Loads a folder in whichever layout: API paths, `kubectl cluster-info dump`, must-gather, support bundle. Reads files, so
    /// it takes a while.
    pub fn load(folder: &Path) -> Result<Self, RecordingError> {
        let mut recording = Self::default();
        let files = folder::load(folder, &mut recording)?;
        if recording.index.is_empty() {
            let problems = recording.problems;
            return Err(RecordingError::NothingOfKubernetes { folder: folder.to_owned(), files, problems });
        }
        events::serve_as_core(&mut recording.index);
        Ok(recording)
    }

    /// A recording of these objects and lists of objects.
    pub fn from_objects(objects: impl IntoIterator<Item = Value>) -> Self {
        Self::from_texts(objects.into_iter().map(|object| object.to_string()))
    }

    /// The same of objects that are JSON already, which is much faster. They should be written without spaces.
    pub fn from_texts(objects: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let mut recording = Self::default();
        for object in objects {
            recording.index.add(object.as_ref(), None);
        }
        recording
    }

    /// Adds what a container wrote.
    pub fn add_log(&mut self, namespace: &str, pod: &str, container: &str, run: Run, text: impl Into<Bytes>) {
        self.logs.add(namespace, pod, container, run, text.into());
    }

    /// The newest time seen in any object: the "now" of the recording. `None` where no object tells a time.
    pub fn newest(&self) -> Option<Timestamp> {
        self.index.newest().time()
    }

    /// The files that could not be read, each with why.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// What the API server would answer. The body counts for access reviews only.
    pub fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
        answer::answer(self, request)
    }

    /// A client of this recording, without any connection. Must be called within a tokio runtime.
    pub fn client(self: Arc<Self>) -> kube::Client {
        let service = tower::service_fn(move |request: Request<Body>| {
            let recording = Arc::clone(&self);
            async move {
                let (parts, body) = request.into_parts();
                // The bodies of our own clients are in memory, and an unreadable one is as good as none.
                let body = body.collect_bytes().await.unwrap_or_default();
                let response = recording.answer(&Request::from_parts(parts, body));
                Ok::<_, Infallible>(response.map(Body::from))
            }
        });
        kube::Client::new(service, "default")
    }

    fn version(&self) -> Value {
        self.version.clone().unwrap_or_else(|| {
            let unknown = "";
            json!({
                "major": unknown, "minor": unknown, "gitVersion": "unknown", "gitCommit": unknown, "gitTreeState": unknown,
                "buildDate": unknown, "goVersion": unknown, "compiler": unknown, "platform": unknown,
            })
        })
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<String> = self.index.resources().map(index::Resource::qualified).collect();
        formatter.debug_struct("Recording").field("resources", &kinds).field("problems", &self.problems).finish_non_exhaustive()
    }
}

fn unread(problems: &[String]) -> String {
    match problems {
        [] => String::new(),
        [first, ..] => format!(", and {} could not be read ({first})", problems.len()),
    }
}
