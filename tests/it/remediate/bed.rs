//! A cluster that lives, a store, and processes that come and go.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use faultline::{
    app,
    cluster::Cluster,
    domain::remediation::RemediationStatus,
    guard::policy::Policy,
    incidents::Records,
    pipeline::{
        Stages,
        remediate::{self, NotDone, Remediator, Shown, Wish},
    },
    remediate::{Mode, RemediateSettings},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::{
    store::bed as stores,
    support::living::{Living, Seen, Snapshot},
};

pub struct Bed {
    pub living: Living,
    pub store: stores::Bed,
    pub settings: RemediateSettings,
    pub policy: &'static str,
    seconds: AtomicI64,
}

/// Everything in `shop` waits for a person, restarts and replaced pods do not; nodes wait as well.
pub const POLICY: &str = r#"
version: 1
rules:
  - id: shop
    actions: [evict-pod, delete-pod, delete-failed-pods, rollout-restart, rollout-undo, scale, pause, resume, rerun-job, raise-memory-limit]
    namespaces: [shop]
    decision: needs-approval
    justification: the shop is looked after
    examples:
      match: [rollout-undo deployment/shop/api]
      not_match: [rollout-undo deployment/other/api]
  - id: nodes
    actions: [cordon, uncordon]
    decision: needs-approval
    justification: nodes are looked after
    examples:
      match: [cordon node/node-a]
      not_match: [rollout-undo deployment/other/api]
"#;

/// What is low in risk needs nobody.
pub const LOOSE: &str = r#"
version: 1
rules:
  - id: anything-in-shop
    actions: [evict-pod, delete-pod, delete-failed-pods, rollout-restart, rollout-undo, scale, raise-memory-limit]
    namespaces: [shop]
    decision: allow
    justification: a place to play
    examples:
      match: [rollout-restart deployment/shop/api]
      not_match: [rollout-restart deployment/other/api]
"#;

impl Bed {
    pub async fn new() -> Self {
        Self::with(RemediateSettings { remediation_mode: Mode::Approve, ..RemediateSettings::default() }, POLICY).await
    }

    pub async fn with(settings: RemediateSettings, policy: &'static str) -> Self {
        Self::of(Living::new(), settings, policy).await
    }

    /// One whose time is that of the clock, for doors that read it.
    pub async fn today(settings: RemediateSettings, policy: &'static str) -> Self {
        Self::of(Living::at(&today().to_string()), settings, policy).await
    }

    async fn of(living: Living, settings: RemediateSettings, policy: &'static str) -> Self {
        Self { living, store: stores::Bed::sqlite().await, settings, policy, seconds: AtomicI64::new(0) }
    }

    /// A process that begins now: a client and memory of its own, the same cluster and store.
    pub async fn process(&self) -> Arc<Stages> {
        let cluster = Cluster::of_client(self.living.client());
        let mut stages = app::stages_beside(&crate::support::stages(), cluster);
        stages.policy = Policy::load(self.policy).expect("the policy of the tests");
        stages.records = Arc::new(Records::of(self.store.other().await));
        let bounds = self.settings.bounds(Some("faultline".to_owned()));
        stages.remediator = Remediator::new(self.settings.clone(), bounds, self.now());
        Arc::new(stages)
    }

    pub fn now(&self) -> Timestamp {
        self.living.now() + SignedDuration::from_secs(self.seconds.load(Ordering::Relaxed))
    }

    /// Lets time pass for whoever tends.
    pub fn later(&self, seconds: i64) -> Timestamp {
        self.seconds.fetch_add(seconds, Ordering::Relaxed);
        self.now()
    }

    pub async fn propose(&self, stages: &Stages, command: &str) -> Result<Shown, NotDone> {
        let action = remediate::action_of(command, None).unwrap_or_else(|why| panic!("{command}: {why}"));
        self.wish(stages, action, Some(command.to_owned())).await
    }

    pub async fn wish(
        &self,
        stages: &Stages,
        action: faultline::domain::action::Action,
        command: Option<String>,
    ) -> Result<Shown, NotDone> {
        let wish = Wish { action, command, requested_by: "ada".to_owned(), incident_id: None, request_id: None };
        remediate::propose(stages, &wish, self.now()).await
    }

    pub async fn approve(&self, stages: &Arc<Stages>, shown: &Shown) -> Result<Shown, NotDone> {
        remediate::approve(stages, shown.id(), shown.etag(), "grace", self.now()).await
    }

    /// Proposes and approves.
    pub async fn apply(&self, stages: &Arc<Stages>, command: &str) -> Result<Shown, NotDone> {
        let shown = self.propose(stages, command).await?;
        self.approve(stages, &shown).await
    }

    pub async fn tend(&self, stages: &Arc<Stages>, shown: &Shown) -> Shown {
        remediate::tend(stages, self.now()).await.expect("the store answers");
        self.read(stages, shown.id()).await
    }

    pub async fn read(&self, stages: &Stages, id: &str) -> Shown {
        remediate::read(stages, id).await.expect("it is kept")
    }

    /// A workload of three replicas, ready.
    pub fn api(&self) -> Snapshot {
        self.living.deployment("shop", "api").replicas(3).memory_limit("app", "256Mi").create()
    }

    pub fn deployment(&self) -> Snapshot {
        self.living.snapshot(API)
    }

    pub fn pods(&self) -> Vec<Snapshot> {
        self.living.all("Pod", "shop")
    }

    /// The timeline of its incident, as `kind: summary`.
    pub async fn timeline(&self, shown: &Shown) -> Vec<String> {
        let shown = serde_json::to_value(shown).expect("it is plain");
        let incident = shown["incident_id"].as_str().expect("it belongs to an incident");
        let entries = self.store.store.incidents().timeline(incident).await.expect("the store answers").expect("an incident");
        entries.iter().map(|entry| format!("{}: {}", entry.kind, entry.summary)).collect()
    }

    /// Whether the audit log is whole, and nothing in it is left open.
    pub async fn audit_is_whole(&self) {
        let audit = self.store.store.audit();
        assert_eq!(audit.verify().await.expect("it is read").broken, None);
        let open = audit.unfinished(Timestamp::MAX).await.expect("it is read");
        assert!(open.is_empty(), "every act says how it ended: {open:?}");
    }
}

#[expect(clippy::disallowed_methods, reason = "the doors under test read the clock")]
pub fn today() -> Timestamp {
    Timestamp::now()
}

pub const API: &str = "/apis/apps/v1/namespaces/shop/deployments/api";

/// Lets a future run as long as a process lives.
pub async fn until_death<T>(mut death: crate::support::living::Death, process: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        done = process => Some(done),
        () = death.happened() => None,
        () = tokio::time::sleep(Duration::from_secs(30)) => panic!("it neither ends nor dies"),
    }
}

/// Writes that change something, events left out.
pub fn changes(seen: &[Seen]) -> Vec<String> {
    let changes = seen.iter().filter(|one| !one.dry_run && !one.path.ends_with("/events"));
    changes.map(|one| format!("{} {}", one.verb, one.path)).collect()
}

pub fn is(shown: &Shown, status: RemediationStatus) {
    assert_eq!(shown.status(), status, "{:?}", shown.outcome());
}

/// The object as people mean it: without status and versions, and without the marks of time that a restart leaves.
pub fn meant(snapshot: &Snapshot) -> Value {
    snapshot.without_noise()
}
