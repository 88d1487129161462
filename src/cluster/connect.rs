//! Being connected to a cluster, or knowing why not. Start-up never waits for one, and never fails for lack of one.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Node;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use tokio::time::{Instant, interval, timeout};
use tracing::{info, warn};

use super::{
    access::{self, Missing},
    reader::{Budget, Reader, Select, unreachable_because},
    recording::{Recording, RecordingError},
    settings::ClusterSettings,
    wire,
    writer::Writer,
};
use crate::{domain::evidence::Gap, net};

/// The cluster of this process.
pub struct Cluster {
    settings: ClusterSettings,
    state: RwLock<State>,
    recording: Option<Replay>,
}

#[derive(Clone)]
enum State {
    /// Told to look at none.
    Off,
    /// Not reached, and why; tried again in the background.
    Away(String),
    Connected(Connected),
}

#[derive(Clone)]
struct Connected {
    client: Client,
    /// `v1.36.2`
    version: String,
    /// `None` = the cluster would not say.
    missing: Option<Arc<[Missing]>>,
    /// The time at which this cluster stands still, where it is one that is replayed: see [`standstill`].
    stands_at: Option<Timestamp>,
}

/// A recording that stands in for a cluster.
struct Replay {
    recording: Arc<Recording>,
    /// The newest time in it: its "now".
    newest: Option<Timestamp>,
}

/// Whether there is a cluster to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connection {
    None { why: String },
    Connected { version: String },
    Recording,
}

/// How long one attempt to connect may take.
const ATTEMPT: Duration = Duration::from_secs(5);
/// How long one change may take.
const WRITE_CALL: Duration = Duration::from_secs(15);
/// How often the connection is looked after.
const LOOK_AFTER: Duration = Duration::from_secs(15);

impl Cluster {
    /// No cluster, and none is looked for.
    pub fn none() -> Self {
        Self { settings: ClusterSettings::default(), state: RwLock::new(State::Off), recording: None }
    }

    /// As the settings say. A recording is loaded here and now; a live cluster is reached by [`Cluster::connect`].
    pub fn open(settings: &ClusterSettings) -> Result<Self, RecordingError> {
        let folder = settings.cluster_recording.as_ref().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder {
            let recording = Recording::load(folder)?;
            for problem in recording.problems() {
                warn!("left out of the recording: {problem}");
            }
            return Ok(Self { settings: settings.clone(), ..Self::of_recording(recording) });
        }
        let state = if settings.no_cluster { State::Off } else { State::Away("not tried yet".to_owned()) };
        Ok(Self { settings: settings.clone(), state: RwLock::new(state), recording: None })
    }

    pub fn of_recording(recording: Recording) -> Self {
        let newest = recording.newest();
        Self { recording: Some(Replay { recording: Arc::new(recording), newest }), ..Self::none() }
    }

    /// A cluster behind a client that somebody else made.
    pub fn of_client(client: Client) -> Self {
        let connected = Connected { client, version: String::new(), missing: None, stands_at: None };
        Self { settings: ClusterSettings::default(), state: RwLock::new(State::Connected(connected)), recording: None }
    }

    /// Tries once to reach the cluster, within `at_most`.
    pub async fn connect(&self, at_most: Duration) {
        if self.recording.is_some() || matches!(self.state(), State::Off) {
            return;
        }
        let was_connected = matches!(self.state(), State::Connected(_));
        let next = match timeout(at_most.min(ATTEMPT), self.reach()).await {
            Ok(Ok(connected)) => State::Connected(connected),
            Ok(Err(why)) => State::Away(why),
            Err(_) => State::Away("no answer in time".to_owned()),
        };
        match (&next, was_connected) {
            (State::Connected(connected), false) => {
                info!(version = connected.version, "connected to the cluster");
            }
            (State::Away(why), true) => warn!("lost the cluster: {why}"),
            (State::Off | State::Away(_) | State::Connected(_), _) => {}
        }
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = next;
    }

    /// Looks after the connection until the process ends.
    pub async fn keep_connected(self: Arc<Self>) {
        let mut ticks = interval(LOOK_AFTER);
        ticks.tick().await;
        loop {
            ticks.tick().await;
            self.connect(ATTEMPT).await;
        }
    }

    async fn reach(&self) -> Result<Connected, String> {
        let known = match self.state() {
            State::Connected(connected) => Some(connected),
            State::Off | State::Away(_) => None,
        };
        let client = match &known {
            Some(connected) => connected.client.clone(),
            None => self.client_from_settings().await?,
        };
        let request = wire::get("/version", wire::JSON).map_err(|error| error.to_string())?;
        let response = client.send(request).await.map_err(|error| unreachable_because(&error).to_string())?;
        let status = response.status();
        let body = response.into_body().collect_bytes().await.map_err(|error| error.to_string())?;
        if !status.is_success() {
            return Err(wire::refusal(status, &body).to_string());
        }
        let version = serde_json::from_slice::<serde_json::Value>(&body)
            .ok()
            .and_then(|version| Some(version.get("gitVersion")?.as_str()?.chars().take(64).collect()))
            .unwrap_or_default();
        let (missing, stands_at) = match known {
            Some(connected) => (connected.missing, connected.stands_at),
            None => (access::missing(&client).await.map(Arc::from), standstill(&client).await),
        };
        Ok(Connected { client, version, missing, stands_at })
    }

    async fn client_from_settings(&self) -> Result<Client, String> {
        let options = KubeConfigOptions { context: self.settings.kube_context.clone(), ..KubeConfigOptions::default() };
        let files = self.settings.kubeconfig.clone().filter(|files| !files.as_os_str().is_empty());
        // Reading files and running credential plugins blocks.
        let kubeconfig = tokio::task::spawn_blocking(move || match files {
            Some(files) => merged(&files).map(Some),
            None => Ok(Kubeconfig::read().ok()),
        });
        let kubeconfig = kubeconfig.await.map_err(|error| error.to_string())??;
        let mut config = match kubeconfig {
            Some(kubeconfig) => Config::from_custom_kubeconfig(kubeconfig, &options)
                .await
                .map_err(|error| format!("kubeconfig: {}", causes(&error)))?,
            None => Config::incluster().map_err(|_| "no kubeconfig, and not in a pod of a cluster".to_owned())?,
        };
        net::install_tls();
        // Its own retries wait for up to a quarter of an hour and repeat writes as well.
        config.default_retry = false;
        config.connect_timeout = Some(Duration::from_secs(3));
        config.read_timeout = Some(Duration::from_secs(30));
        config.write_timeout = Some(Duration::from_secs(30));
        let runtime = tokio::runtime::Handle::current();
        let made = tokio::task::spawn_blocking(move || {
            let _inside = runtime.enter();
            Client::try_from(config).map_err(|error| causes(&error))
        });
        made.await.map_err(|error| error.to_string())?
    }

    fn state(&self) -> State {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What reaches the live cluster. `None` = none is connected; a recording is none.
    pub(super) fn client(&self) -> Option<Client> {
        match self.state() {
            State::Connected(connected) => Some(connected.client),
            State::Off | State::Away(_) => None,
        }
    }

    pub fn connection(&self) -> Connection {
        if self.recording.is_some() {
            return Connection::Recording;
        }
        match self.state() {
            State::Connected(connected) => Connection::Connected { version: connected.version },
            State::Away(why) => Connection::None { why },
            State::Off => Connection::None { why: "none is configured".to_owned() },
        }
    }

    pub fn is_connected(&self) -> bool {
        self.recording.is_some() || matches!(self.state(), State::Connected(_))
    }

    /// A reader with `budget`; `None` where there is no cluster to read.
    pub fn reader(&self, budget: Budget) -> Option<Reader> {
        if let Some(replay) = &self.recording {
            // A client belongs to the runtime that it was made in: one per reader is cheap, and right in any.
            return Some(Reader::new(Arc::clone(&replay.recording).client(), budget, true));
        }
        match self.state() {
            State::Connected(connected) => Some(Reader::new(connected.client, budget, false)),
            State::Off | State::Away(_) => None,
        }
    }

    /// What changes the cluster; `None` where there is none, or only a recording of one.
    pub fn writer(&self) -> Option<Writer> {
        match self.state() {
            State::Connected(connected) if self.recording.is_none() => Some(Writer::new(connected.client, WRITE_CALL)),
            State::Connected(_) | State::Off | State::Away(_) => None,
        }
    }

    /// What every answer must say about where it looked: that there was no cluster, or that it was a recording.
    pub fn gap(&self) -> Option<Gap> {
        match self.connection() {
            Connection::None { why } => Some(Gap::new("collect", "cluster", format!("no cluster was looked at: {why}"))),
            Connection::Recording => {
                let of = self.recording.as_ref().and_then(|replay| replay.newest).map(|newest| format!(" of {newest:.0}"));
                let why = format!("this is a recording{}, not a live cluster", of.unwrap_or_default());
                Some(Gap::new("collect", "live state", why))
            }
            Connection::Connected { .. } => None,
        }
    }

    /// Permissions that the account lacks in the cluster as a whole.
    pub fn missing_permissions(&self) -> Vec<Gap> {
        let State::Connected(Connected { missing: Some(missing), .. }) = self.state() else { return Vec::new() };
        let gap = |missing: &Missing| {
            let group = if missing.need.group.is_empty() { String::new() } else { format!(".{}", missing.need.group) };
            let why = format!("denied in the cluster as a whole; not seen without it: {}", missing.need.serves);
            Gap::new("collect", format!("{} {}{group}", missing.verb, missing.need.resource), why)
        };
        missing.iter().map(gap).collect()
    }

    /// The time of what is looked at: a recording's own, else `now`.
    pub fn now(&self, now: Timestamp) -> Timestamp {
        let of_recording = self.recording.as_ref().and_then(|replay| replay.newest);
        let stands_at = match self.state() {
            State::Connected(connected) => connected.stands_at,
            State::Off | State::Away(_) => None,
        };
        of_recording.or(stands_at).unwrap_or(now)
    }

    pub fn collect_timeout(&self) -> Duration {
        let chosen = self.settings.collect_timeout();
        if chosen.is_zero() { Duration::from_secs(20) } else { chosen }
    }
}

/// Kubelets report at least every five minutes: a cluster in which none did for longer than this is a replay of another time.
const STANDSTILL_SECONDS: i64 = 1800;
/// Nodes that are asked for the time.
const CLOCK_NODES: usize = 20;

/// The newest heartbeat of any node, where that is long ago: the time that ages have to be measured from. A cluster whose nodes are all
/// gone stands still, too, at the moment when they went.
async fn standstill(client: &Client) -> Option<Timestamp> {
    #[expect(clippy::disallowed_methods, reason = "compared once, when the connection is made")]
    let now = Timestamp::now();
    let budget = Budget { requests: 2, bytes: 4 << 20, deadline: Instant::now() + ATTEMPT, call: ATTEMPT };
    let reader = Reader::new(client.clone(), budget, false);
    let nodes = reader.list::<Node>(None, Select { limit: CLOCK_NODES, ..Select::default() }).await;
    let conditions = nodes.items.iter().flat_map(|node| node.status.iter().flat_map(|status| status.conditions.iter().flatten()));
    let newest = conditions.filter_map(|condition| condition.last_heartbeat_time.as_ref().map(|time| time.0)).max()?;
    (now.as_second() - newest.as_second() > STANDSTILL_SECONDS).then_some(newest)
}

/// Kubeconfig files, separated as in `PATH`; of what several name, the first wins.
fn merged(files: &std::path::Path) -> Result<Kubeconfig, String> {
    let mut all: Option<Kubeconfig> = None;
    for file in std::env::split_paths(files).filter(|file| !file.as_os_str().is_empty()) {
        let one = Kubeconfig::read_from(&file).map_err(|error| format!("kubeconfig: {}", causes(&error)))?;
        all = Some(match all {
            Some(before) => before.merge(one).map_err(|error| format!("kubeconfig: {}", causes(&error)))?,
            None => one,
        });
    }
    all.ok_or_else(|| "KUBECONFIG names no file".to_owned())
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text.push_str(": ");
        text.push_str(&source.to_string());
        cause = source.source();
    }
    wire::short(&text)
}
