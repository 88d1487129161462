//! Embedding in the process: ONNX Runtime, loaded when it is needed, on threads of its own.

use super::local::{LocalModel, Prefixes};
use super::{Appetite, EmbedError, Embedder, Embedding, ModelIdentity, Purpose, Vector, normalised};
use fastembed::{InitOptionsUserDefined, TextEmbedding, UserDefinedEmbeddingModel};
use ort::environment::Environment;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

/// One session per thread; a text is embedded alone, since a quantised model's vector depends on the batch it is in.
#[derive(Debug)]
pub struct OnnxEmbedder {
    identity: ModelIdentity,
    prefixes: Prefixes,
    threads: usize,
    queue: Mutex<Sender<Job>>,
}

struct Job {
    text: String,
    done: oneshot::Sender<Result<Vector, EmbedError>>,
}

/// A longer text is cut before it is tokenised; no model reads that much.
const MAX_TEXT_BYTES: usize = 16 << 10;

impl OnnxEmbedder {
    /// Loads the runtime and the model, and proves that it embeds. Takes a tenth of a second: call it on a thread that may block.
    pub fn load(runtime: &Path, model: LocalModel, threads: usize) -> Result<OnnxEmbedder, EmbedError> {
        let environment = environment(runtime)?;
        let threads = threads.max(1);
        let (queue, jobs) = channel::<Job>();
        let jobs = Arc::new(Mutex::new(jobs));
        let mut first = session(&model, environment.clone())?;
        let probe = embed_one(&mut first, "probe".to_owned())?;
        let identity = model.identity(probe.len());
        let prefixes = model.prefixes;
        let mut sessions = vec![first];
        for _ in 1..threads {
            sessions.push(session(&model, environment.clone())?);
        }
        drop(model);
        for (number, session) in sessions.into_iter().enumerate() {
            let jobs = Arc::clone(&jobs);
            let thread = std::thread::Builder::new().name(format!("embed-{number}"));
            thread
                .spawn(move || work(session, &jobs))
                .map_err(|error| EmbedError::Unusable(format!("no thread to embed on: {error}")))?;
        }
        Ok(OnnxEmbedder { identity, prefixes, threads, queue: Mutex::new(queue) })
    }
}

impl Embedder for OnnxEmbedder {
    fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    fn appetite(&self) -> Appetite {
        Appetite { texts: 1, calls: self.threads }
    }

    fn embed(&self, texts: Vec<String>, purpose: Purpose) -> Embedding<'_> {
        let prefix = match purpose {
            Purpose::Query => self.prefixes.query,
            Purpose::Passage => self.prefixes.passage,
        };
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Box::pin(async move {
            let mut waiting = Vec::with_capacity(texts.len());
            for text in texts {
                let text = if prefix.is_empty() { text } else { format!("{prefix}{text}") };
                let (done, vector) = oneshot::channel();
                queue.send(Job { text, done }).map_err(|_| gone())?;
                waiting.push(vector);
            }
            let mut vectors = Vec::with_capacity(waiting.len());
            for vector in waiting {
                vectors.push(vector.await.map_err(|_| gone())??);
            }
            Ok(vectors)
        })
    }
}

fn gone() -> EmbedError {
    EmbedError::Failed("the embedding threads have ended".to_owned())
}

/// Until the embedder is dropped.
fn work(mut session: TextEmbedding, jobs: &Mutex<Receiver<Job>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { text, done }) = job else { return };
        // Whoever asked may have gone away.
        if !done.is_closed() {
            let _ = done.send(embed_one(&mut session, text));
        }
    }
}

fn embed_one(session: &mut TextEmbedding, mut text: String) -> Result<Vector, EmbedError> {
    text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES));
    let vectors = caught(|| session.embed([text], None))?;
    let vectors = vectors.map_err(|error| EmbedError::Failed(format!("could not embed: {error}")))?;
    let vector = vectors.into_iter().next().and_then(normalised);
    vector.ok_or_else(|| EmbedError::Failed("the model gave no vector".to_owned()))
}

fn session(model: &LocalModel, environment: Environment) -> Result<TextEmbedding, EmbedError> {
    let parts = UserDefinedEmbeddingModel::new(model.onnx.clone(), model.tokenizer.clone())
        .with_pooling(model.pooling.clone())
        .with_quantization(model.quantization);
    let options =
        InitOptionsUserDefined::new().with_environment(environment).with_max_length(model.max_tokens).with_intra_threads(1);
    let made = caught(|| TextEmbedding::try_new_from_user_defined(parts, options))?;
    made.map_err(|error| EmbedError::Unusable(format!("could not load the model {}: {error}", model.id)))
}

/// The process's runtime. There can be one only, so the first that loads stays.
fn environment(runtime: &Path) -> Result<Environment, EmbedError> {
    static LOADED: Mutex<Option<(PathBuf, Environment)>> = Mutex::new(None);
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, environment)) = &*loaded {
        return Ok(environment.clone());
    }
    let unusable = |why: String| EmbedError::Unusable(format!("could not use the ONNX Runtime {}: {why}", runtime.display()));
    if !runtime.is_file() {
        return Err(unusable("there is no such file".to_owned()));
    }
    let builder = caught(|| ort::init_from(runtime))?.map_err(|error| unusable(error.to_string()))?;
    let environment =
        caught(|| builder.with_name("faultline").with_telemetry(false).build())?.map_err(|error| unusable(error.to_string()))?;
    *loaded = Some((runtime.to_owned(), environment.clone()));
    Ok(environment)
}

/// The libraries below panic where a symbol is missing; a diagnosis must not end with them.
fn caught<T>(work: impl FnOnce() -> T) -> Result<T, EmbedError> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let what = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        EmbedError::Unusable(format!("the ONNX Runtime gave up: {}", what.unwrap_or("no reason given")))
    })
}
