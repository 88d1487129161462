//! The process: its chosen parts, made once from the settings, and its life from start to drain.

pub mod alerts;
mod alone;
mod callers;
mod records;
mod remediations;

use std::{fs::File, io, path::PathBuf, sync::Arc, time::Duration};

use quick_cache::sync::Cache;
use tokio::time::interval;
use tracing::{info, warn};

use crate::{
    auth::{Auth, AuthMode, AuthSettings},
    classify::catalogue::{Catalogue, CatalogueError},
    cluster::{Cluster, ClusterSettings, recording::RecordingError},
    config::{self, KnowledgeSettings, RedactSettings, RunbookPlace, Settings},
    domain::redact::{Redactor, user::UserRule},
    guard::{policy::Policy, settings::PolicySettings},
    http::{self, metrics, server},
    incidents::{Records, Retention},
    pipeline::{
        REMEMBERED_ADVICE, REMEMBERED_ANSWERS, REMEMBERED_SUGGESTIONS, REMEMBERED_VERDICTS, Stages, alerts::Intake,
        cluster_health::Pictures, diagnose, remediate::Remediator, replays::Replays,
    },
    reason::{
        client::Providers,
        model::{Model, ModelSettings},
        rules::Advisor,
    },
    remediate::Mode,
    retrieve::{qdrant::QdrantIndex, retriever::Retriever, settings::RetrievalSettings, store::Store, watch::Place},
    telemetry,
};

/// Everything that a running Faultline consists of.
pub struct App {
    pub settings: Settings,
    pub stages: Arc<Stages>,
    /// Held as long as the process serves.
    _alone: Option<File>,
}

/// Why the process cannot start; each names the setting or file to mend.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("could not use the rules of RULES_DIR={}", .folder.display())]
    Rules { folder: PathBuf, source: CatalogueError },
    #[error("could not use the built-in rules")]
    BuiltInRules { source: CatalogueError },
    #[error("could not use the rules of REDACT_RULES={}: {why}", .file.display())]
    RedactRules { file: PathBuf, why: String },
    #[error("could not use the templates of the rules:\n  {}", .problems.join("\n  "))]
    Templates { problems: Vec<String> },
    #[error("RUNBOOK_DIR={} is not a folder that can be read", .folder.display())]
    Runbooks { folder: PathBuf },
    #[error("could not use the recording of the cluster (--from)")]
    Recording { source: RecordingError },
    #[error("QDRANT_URL={url} cannot be used: {why}")]
    Qdrant { url: String, why: String },
    #[error("could not use the language models: {0}")]
    Models(String),
    #[error("callers cannot be told apart: {0}")]
    Auth(String),
    #[error(
        "REMEDIATION_MODE=auto needs AUTH_MODE, or APP_HOST on loopback: whoever can ask for a diagnosis can set something in motion"
    )]
    AutoForAnybody,
    #[error("could not use the policy of POLICY_FILE={}:\n  {why}", .file.display())]
    Policy { file: PathBuf, why: String },
    #[error("DATABASE_URL cannot be used: {why}")]
    DatabaseUrl { why: String },
    #[error("the store of incidents cannot be used (DATABASE_URL, DATA_DIR): {why}")]
    Store { why: String },
    #[error("could not listen on APP_HOST={host} APP_PORT={port}")]
    Listen { host: String, port: u16, source: io::Error },
    #[error("traces cannot be sent: {0}")]
    Traces(String),
    #[error("could not wait for signals")]
    Signals { source: io::Error },
}

impl App {
    /// Makes the parts; nothing is listened on yet.
    pub async fn new(settings: Settings) -> Result<Self, StartError> {
        let stages = stages(&settings.knowledge, &settings.cluster)?;
        let mut stages = with_model(stages, &settings.model)?;
        stages.auth = Arc::new(auth(&settings.auth)?);
        stages.policy = policy(&settings.policy)?;
        let is_open = settings.auth.auth_mode == AuthMode::None && !settings.http.is_loopback();
        if is_open && settings.remediate.remediation_mode == Mode::Auto {
            return Err(StartError::AutoForAnybody);
        }
        stages.remediator = remediator(&settings.remediate);
        stages.records = Arc::new(records(&settings.store.place).await?);
        let alone = alone::alone(stages.records.place())?;
        stages.alerts = Arc::new(Intake::new(settings.alerts.alert_queue_size as usize));
        Ok(Self { settings, stages: Arc::new(stages), _alone: alone })
    }

    /// Serves until SIGTERM or SIGINT, then lets requests in work finish. A second signal ends it at once.
    pub async fn serve(self) -> Result<(), StartError> {
        let retention = Retention::of(&self.settings.store);
        let settings = self.settings.http;
        let (host, port) = (settings.app_host.clone(), settings.app_port);
        let listen_error = |source| StartError::Listen { host: host.clone(), port, source };
        let listener = server::listen(&host, port).await.map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;
        let mut signals = Signals::new().map_err(|source| StartError::Signals { source })?;
        let (lifecycle, grace) = (settings.lifecycle.clone(), settings.shutdown_grace());

        // Whoever asks at once should not be told that there is no cluster; nobody waits for one that does not answer.
        self.stages.cluster.connect(FIRST_CONNECT).await;
        let connection = tokio::spawn(Arc::clone(&self.stages.cluster).keep_connected());
        let (rules, runbooks) = (self.stages.catalogue.rules().len(), self.stages.retriever.library().runbooks().len());
        let fresh = tokio::spawn(Arc::clone(&self.stages.retriever).keep_fresh());
        let callers = callers::keep(&self.stages.auth);
        if !self.stages.auth.is_on() && !address.ip().is_loopback() {
            warn!(%address, "NO AUTHENTICATION: whoever reaches {address} may read everything and ask for diagnoses; set AUTH_MODE, or APP_HOST=127.0.0.1");
        }
        let records = Arc::clone(&self.stages.records);
        let record_keeping = tokio::spawn(records::keep(Arc::clone(&records), retention));
        let workers = alerts::Workers::start(&self.stages, &self.settings.alerts, settings.request_timeout());
        let tending = tokio::spawn(remediations::keep(Arc::clone(&self.stages)));
        let router = http::router(self.stages, settings);
        let upkeep = tokio::spawn(keep_metrics_small());
        info!(%address, rules, runbooks, version = env!("CARGO_PKG_VERSION"), "listening on http://{address}");

        let (stopping, stop) = tokio::sync::oneshot::channel();
        let watch = async {
            signals.next().await;
            lifecycle.begin_stopping();
            info!(grace_seconds = grace.as_secs(), "stopping: requests in work may finish");
            workers.begin_stopping();
            let _ = stopping.send(());
            signals.next().await;
        };
        let serving = server::serve(listener, router, server::most_connections(), async { _ = stop.await }, grace);
        tokio::select! {
            all_finished = serving => if all_finished {
                info!("stopped");
            } else {
                warn!(grace_seconds = grace.as_secs(), "stopped with requests in work, whose time was up");
            },
            () = watch => warn!("stopped at the second signal, with requests in work"),
        }
        upkeep.abort();
        connection.abort();
        fresh.abort();
        drop(callers);
        record_keeping.abort();
        workers.stopped().await;
        tending.abort();
        records.close().await;
        Ok(())
    }
}

/// How long the start waits for a cluster.
const FIRST_CONNECT: Duration = Duration::from_secs(2);

pub use records::records;
pub use remediations::remediator;

/// The parts that every diagnosis passes, without a store and with the built-in policy: whoever keeps incidents sets
/// [`Stages::records`], whoever changes something [`Stages::policy`].
pub fn stages(settings: &KnowledgeSettings, cluster: &ClusterSettings) -> Result<Stages, StartError> {
    let cluster = Cluster::open(cluster).map_err(|source| StartError::Recording { source })?;
    stages_of(settings, cluster)
}

/// The same without a cluster, for what works on texts and runbooks alone.
pub fn stages_without_cluster(settings: &KnowledgeSettings) -> Result<Stages, StartError> {
    stages_of(settings, Cluster::none())
}

/// The same with a cluster that somebody else made.
pub fn stages_of(settings: &KnowledgeSettings, cluster: Cluster) -> Result<Stages, StartError> {
    let catalogue = match settings.rules_dir() {
        Some(folder) => {
            Catalogue::with_overlay(folder).map_err(|source| StartError::Rules { folder: folder.to_owned(), source })?
        }
        None => Catalogue::built_in().map_err(|source| StartError::BuiltInRules { source })?,
    };
    let advisor = Advisor::new(catalogue.playbooks()).map_err(|problems| StartError::Templates { problems })?;
    let redactor = redactor(&settings.redact)?;
    let retriever = Arc::new(retriever(settings, &redactor)?);
    Ok(knowing(Arc::new(catalogue), Arc::new(advisor), redactor, retriever, cluster))
}

/// Stages that know what others know, with nothing else in common: another process, as far as it can be told.
pub fn stages_beside(known: &Stages, cluster: Cluster) -> Stages {
    let (catalogue, advisor) = (Arc::clone(&known.catalogue), Arc::clone(&known.advisor));
    knowing(catalogue, advisor, Arc::clone(&known.redactor), Arc::clone(&known.retriever), cluster)
}

fn knowing(
    catalogue: Arc<Catalogue>,
    advisor: Arc<Advisor>,
    redactor: Arc<Redactor>,
    retriever: Arc<Retriever>,
    cluster: Cluster,
) -> Stages {
    let gaps = diagnose::standing_gaps();
    Stages {
        catalogue,
        retriever,
        advisor,
        model: None,
        redactor,
        cluster: Arc::new(cluster),
        records: Arc::new(Records::off()),
        alerts: Arc::default(),
        auth: Arc::new(Auth::none()),
        replays: Replays::default(),
        policy: Policy::built_in(),
        remediator: Remediator::off(),
        pictures: Pictures::default(),
        gaps,
        answers: Cache::new(REMEMBERED_ANSWERS),
        suggestions: Cache::new(REMEMBERED_SUGGESTIONS),
        advice: Cache::new(REMEMBERED_ADVICE),
        verdicts: Cache::new(REMEMBERED_VERDICTS),
    }
}

/// What decides who calls.
pub fn auth(settings: &AuthSettings) -> Result<Auth, StartError> {
    Auth::open(settings).map_err(StartError::Auth)
}

/// The same stages with the models that are configured.
pub fn with_model(stages: Stages, settings: &ModelSettings) -> Result<Stages, StartError> {
    let observed = |providers: Providers| providers.observed_by(telemetry::model_asked);
    let model = Model::open(settings, observed).map_err(StartError::Models)?;
    Ok(match model {
        Some(model) => with(stages, model),
        None => stages,
    })
}

/// The same stages with a model that somebody else made.
pub fn with(stages: Stages, model: Model) -> Stages {
    let no_model = diagnose::standing_gaps();
    let gaps = stages.gaps.into_iter().filter(|gap| !no_model.contains(gap)).collect();
    Stages { model: Some(model), gaps, ..stages }
}

/// What masks secrets, with the user's own rules.
pub fn redactor(settings: &RedactSettings) -> Result<Arc<Redactor>, StartError> {
    let Some(file) = settings.rules() else { return Ok(Redactor::built_in()) };
    let error = |why: String| StartError::RedactRules { file: file.to_owned(), why };
    let text = std::fs::read_to_string(file).map_err(|cause| error(cause.to_string()))?;
    let rules: Vec<UserRule> = serde_saphyr::from_str(&text).map_err(|cause| error(cause.to_string()))?;
    Redactor::with_rules(&rules).map(Arc::new).map_err(|cause| error(cause.to_string()))
}

/// Which changes may be made in the cluster: what the setting names, or nothing.
pub fn policy(settings: &PolicySettings) -> Result<Policy, StartError> {
    let Some(file) = settings.file() else { return Ok(Policy::built_in()) };
    let error = |why: String| StartError::Policy { file: file.to_owned(), why };
    let text = std::fs::read_to_string(file).map_err(|cause| error(cause.to_string()))?;
    Policy::load(&text).map_err(|cause| error(cause.to_string()))
}

/// The index in Qdrant. `None` = the setting names none.
fn store(settings: &RetrievalSettings) -> Result<Option<Store>, StartError> {
    if settings.qdrant_url.is_empty() {
        return Ok(None);
    }
    let index = QdrantIndex::new(&settings.qdrant_url, &settings.qdrant_api_key, &settings.qdrant_collection);
    let index = index.map_err(|why| StartError::Qdrant { url: settings.qdrant_url.clone(), why })?;
    Ok(Some(Store::new(Arc::new(index), "Qdrant")))
}

/// The settings of retrieval with the user's cache in them, where no other is set.
pub fn retrieval(settings: &KnowledgeSettings) -> RetrievalSettings {
    let mut retrieval = settings.retrieval.clone();
    retrieval.cache_dir = retrieval.cache_dir.filter(|folder| !folder.as_os_str().is_empty()).or_else(config::user_cache_dir);
    retrieval
}

fn retriever(settings: &KnowledgeSettings, redactor: &Arc<Redactor>) -> Result<Retriever, StartError> {
    let place = match settings.runbook_place() {
        RunbookPlace::BuiltIn => Place::BuiltIn,
        RunbookPlace::Folders(folders) => {
            if let Some(folder) = folders.iter().find(|folder| std::fs::read_dir(folder).is_err()) {
                return Err(StartError::Runbooks { folder: folder.clone() });
            }
            Place::Folders(folders)
        }
    };
    let retrieval = retrieval(settings);
    let store = store(&retrieval)?;
    let retriever = Retriever::open(place, retrieval, store, Arc::clone(redactor));
    for problem in retriever.shelf().problems.iter() {
        warn!(file = problem.file, "{}: {}", problem.file, problem.what);
    }
    Ok(retriever)
}

/// Histograms grow until they are read; this reads them when nobody scrapes.
async fn keep_metrics_small() {
    let mut ticks = interval(Duration::from_secs(5));
    loop {
        ticks.tick().await;
        if let Some(recorder) = metrics::recorder() {
            recorder.run_upkeep();
        }
    }
}

/// What asks the process to stop.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    fn new() -> io::Result<Self> {
        Ok(Self { terminate: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())? })
    }

    #[cfg(not(unix))]
    fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = self.terminate.recv() => {}
        }
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
