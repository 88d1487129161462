//! An API server that can be written to, and whose cluster acts: what passes here is meant to pass on a real 1.36.
//!
//! ```text
//! client()/listen() ─> fault ─> serve ─┬─ read, write, subresource ─> world (objects, versions, clock)
//!                                      └─ control: controllers, scheduler, kubelet; at once or per tick()
//! ```
//!
//! Not as in a real cluster: no watches, no server-side apply, no managed fields, no admission but quotas, no PUT; a pod is
//! available as soon as it is ready; cron jobs and autoscalers do nothing by themselves (an autoscaler keeps to its bounds).

mod build;
mod control;
mod death;
mod defaults;
mod events;
mod failure;
mod fault;
mod patch;
mod read;
mod reply;
mod resource;
mod schema;
mod select;
mod serve;
mod snapshot;
mod subresource;
mod validate;
mod value;
mod world;
mod write;

use std::{
    convert::Infallible,
    io,
    sync::{Arc, Mutex},
};

use faultline::cluster::recording::query_of;
use http::{HeaderMap, Request, Response, header};
use http_body_util::BodyExt;
use hyper::body::Body;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::time::Instant;

use super::kubernetes::{Answered, Listening, lock, serve_on_loopback};
use death::Deaths;
use fault::{Then, happen};
use reply::Asked;
use world::{Denied, World};

pub use death::{Death, Moment};
pub use fault::Fault;
pub use snapshot::Snapshot;
pub use world::Trouble;

/// When controllers act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// After each write until they have nothing to do any more, as if all waiting was over, deadlines of rollouts included.
    Immediate,
    /// One step per `tick()`.
    Manual,
    /// As time passes for the client: with each request one step, and one more per second since the last one. The clock of
    /// the cluster follows tokio's, so that paused time lets deadlines pass.
    Clock,
}

/// Cheap to clone; clones are the same cluster.
#[derive(Clone)]
pub struct Living {
    shared: Arc<Shared>,
}

struct Shared {
    world: Mutex<World>,
    rules: Mutex<Vec<fault::Rule>>,
    seen: Mutex<Vec<Seen>>,
    deaths: Deaths,
    /// When the last request was. `None` = there was none.
    last: Mutex<Option<Instant>>,
}

/// A request that was made, and how it was answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub method: String,
    /// As rights name it: `get`, `list`, `create`, `patch`, `delete`.
    pub verb: &'static str,
    pub path: String,
    /// Decoded, in their order.
    pub query: Vec<(String, String)>,
    /// Null where there was none, or none of JSON.
    pub body: Value,
    /// Whether it asked that nothing be changed, in its query or its body.
    pub dry_run: bool,
    /// `None` while there is no answer, and where the connection broke.
    pub status: Option<u16>,
}

impl Seen {
    /// Whether it could change something in the cluster. Asking for rights is no write.
    pub fn is_write(&self) -> bool {
        matches!(self.verb, "create" | "patch" | "update" | "delete") && !self.path.starts_with("/apis/authorization.k8s.io/")
    }
}

impl Living {
    /// One node, `node-a`, the namespaces `default` and `kube-system`, and nothing in them.
    pub fn new() -> Self {
        Self::at("2026-03-04T10:00:00Z")
    }

    /// The same, where it is this time.
    pub fn at(time: &str) -> Self {
        let time: Timestamp = time.parse().expect("a time");
        let shared = Shared {
            world: Mutex::new(World::new(time)),
            rules: Mutex::default(),
            seen: Mutex::default(),
            deaths: Deaths::default(),
            last: Mutex::default(),
        };
        let living = Self { shared: Arc::new(shared) };
        for namespace in ["default", "kube-system"] {
            living.namespace(namespace);
        }
        living.node("node-a").create();
        living
    }

    /// The same cluster with controllers that act in this way from now on.
    pub fn paced(self, pace: Pace) -> Self {
        lock(&self.shared.world).pace = pace;
        self
    }

    /// Controllers, scheduler and kubelet do nothing from now on.
    pub fn freeze(&self) {
        lock(&self.shared.world).is_frozen = true;
    }

    /// They act again.
    pub fn thaw(&self) {
        let mut world = lock(&self.shared.world);
        world.is_frozen = false;
        if world.pace == Pace::Immediate {
            control::settle(&mut world);
        }
    }

    /// One look of each controller. Whether anything changed.
    pub fn tick(&self) -> bool {
        control::tick(&mut lock(&self.shared.world))
    }

    /// As many looks as it takes until nothing changes any more; deadlines of rollouts count as passed.
    pub fn settle(&self) {
        control::settle(&mut lock(&self.shared.world));
    }

    /// Lets time pass in the cluster. Controllers see it at the next tick.
    pub fn advance(&self, time: SignedDuration) {
        lock(&self.shared.world).pass(time);
    }

    /// What time it is in the cluster.
    pub fn now(&self) -> Timestamp {
        lock(&self.shared.world).now
    }

    /// Pods of the templates that it says are bad crash.
    pub fn template_is_bad(&self, is_bad: impl Fn(&Value) -> bool + Send + Sync + 'static) {
        self.template_trouble(move |template| is_bad(template).then_some(Trouble::Crashes));
    }

    /// Pods of a template have the trouble that it says; `None` = they run well.
    pub fn template_trouble(&self, judge: impl Fn(&Value) -> Option<Trouble> + Send + Sync + 'static) {
        let mut world = lock(&self.shared.world);
        world.judge = Arc::new(judge);
        if world.pace == Pace::Immediate {
            control::settle(&mut world);
        }
    }

    /// This one pod has a trouble, whatever its template; the pod that comes after it has not.
    #[track_caller]
    pub fn pod_trouble(&self, namespace: &str, pod: &str, trouble: Trouble) {
        let pod = self.snapshot(&format!("/api/v1/namespaces/{namespace}/pods/{pod}"));
        let mut world = lock(&self.shared.world);
        world.sick.insert(value::uid(&pod.0).to_owned(), trouble);
        if world.pace == Pace::Immediate {
            control::settle(&mut world);
        }
    }

    /// What a container wrote; `is_previous` = before it was started again.
    pub fn log(&self, namespace: &str, pod: &str, container: &str, is_previous: bool, text: &str) {
        let key = (namespace.to_owned(), pod.to_owned(), container.to_owned(), is_previous);
        lock(&self.shared.world).logs.insert(key, text.to_owned());
    }

    /// The client has not the right any more; empty = of any verb, resource (`pods/eviction`), namespace.
    pub fn deny(&self, verb: &str, resource: &str, namespace: &str) {
        let denied = Denied { verb: verb.to_owned(), resource: resource.to_owned(), namespace: namespace.to_owned() };
        lock(&self.shared.world).denied.push(denied);
    }

    /// The next request of this verb (`*` = any) and path (`*` = anything) fails.
    pub fn fail_next(&self, verb: &'static str, path: &'static str, fault: Fault) {
        lock(&self.shared.rules).push(fault::Rule::new(verb, path, fault).once());
    }

    /// The next such request that is no dry run fails.
    pub fn fail_next_change(&self, verb: &'static str, path: &'static str, fault: Fault) {
        lock(&self.shared.rules).push(fault::Rule::new(verb, path, fault).once().of_changes());
    }

    /// Every such request fails, until `heal`.
    pub fn with(self, verb: &'static str, path: &'static str, fault: Fault) -> Self {
        lock(&self.shared.rules).push(fault::Rule::new(verb, path, fault));
        self
    }

    /// Nothing fails any more.
    pub fn heal(&self) {
        lock(&self.shared.rules).clear();
    }

    /// The process that holds the clients made until now dies with its n-th write from now (1 = the next) that is no dry run:
    /// none of its requests is ever answered after that. A client made later is another process.
    pub fn kill(&self, moment: Moment, n: usize) -> Death {
        self.shared.deaths.plan(moment, n)
    }

    /// The requests made so far, in their order.
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.shared.seen).clone()
    }

    /// Those of them that could change something, dry runs included.
    pub fn writes(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(Seen::is_write).collect()
    }

    /// Those of them that were to change something.
    pub fn real_writes(&self) -> Vec<Seen> {
        self.writes().into_iter().filter(|seen| !seen.dry_run).collect()
    }

    /// A client without a connection: nothing waits but what a fault makes wait, so that time can be paused.
    pub fn client(&self) -> kube::Client {
        let (api, life) = (self.clone(), self.shared.deaths.life());
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let api = api.clone();
            async move { api.answer(life, request).await }
        });
        kube::Client::new(service, "default")
    }

    /// Serves on a loopback port until what is returned is dropped.
    pub async fn listen(&self) -> Listening {
        let (api, life) = (self.clone(), self.shared.deaths.life());
        serve_on_loopback(move |request| {
            let api = api.clone();
            async move { api.answer(life, request).await }
        })
        .await
    }

    async fn answer<B: Body>(&self, life: u64, request: Request<B>) -> io::Result<Response<Answered>> {
        let (parts, body) = request.into_parts();
        let header = |name| header_of(&parts.headers, name);
        let asked = Asked {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: query_of(parts.uri.query().unwrap_or_default()),
            accept: header(header::ACCEPT),
            content_type: header(header::CONTENT_TYPE),
            body: body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default(),
        };
        if self.shared.deaths.is_over(life) {
            return never().await;
        }
        let seen = serve::seen(&asked);
        let number = {
            let mut all = lock(&self.shared.seen);
            all.push(seen.clone());
            all.len() - 1
        };
        let faults = fault::of(&mut lock(&self.shared.rules), &seen);
        let mut is_answer_lost = false;
        let mut refusal = None;
        for fault in faults {
            match happen(fault, || serve::touch(&mut lock(&self.shared.world), &asked)).await? {
                Then::GoOn => {}
                Then::LoseAnswer => is_answer_lost = true,
                Then::Answer(response) => {
                    refusal = Some(response);
                    break;
                }
            }
        }
        if self.shared.deaths.is_over(life) {
            return never().await;
        }
        let is_last = seen.is_write() && !seen.dry_run && refusal.is_none();
        let moment = if is_last { self.shared.deaths.count(life) } else { None };
        if moment == Some(Moment::Before) {
            return never().await;
        }
        let response = refusal.unwrap_or_else(|| {
            let mut world = lock(&self.shared.world);
            self.catch_up(&mut world);
            serve::answer(&mut world, &asked).response()
        });
        if moment == Some(Moment::After) {
            return never().await;
        }
        if is_answer_lost {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if let Some(seen) = lock(&self.shared.seen).get_mut(number) {
            seen.status = Some(response.status().as_u16());
        }
        Ok(response.map(Answered::whole))
    }
}

impl Living {
    /// What happened in the cluster since the last request.
    fn catch_up(&self, world: &mut World) {
        let now = Instant::now();
        let last = lock(&self.shared.last).replace(now).unwrap_or(now);
        if world.pace == Pace::Clock {
            let passed = now.duration_since(last);
            world.pass(SignedDuration::try_from(passed).expect("a short time"));
            let steps = passed.as_secs().saturating_add(1);
            for _ in 0..steps {
                if !control::tick(world) {
                    break;
                }
            }
        }
    }
}

async fn never<T>() -> T {
    let never: Infallible = std::future::pending().await;
    match never {}
}

fn header_of(headers: &HeaderMap, name: header::HeaderName) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}
