//! A service with a store, notifications for it, and a worker that works when it is told to.

use std::{sync::Arc, time::Duration};

use faultline::{
    app,
    cluster::Cluster,
    config::KnowledgeSettings,
    domain::incident::{Incident, IncidentFilter, TimelineEntry},
    http,
    incidents::{Listed, Records, Store},
    pipeline::{
        Stages,
        alerts::{
            Intake,
            work::{self, Round, Worker},
        },
    },
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    http::contract::conforms,
    store::bed::Bed,
    support::{Answer, TestApp, settings},
};

pub const PATH: &str = "/webhooks/alertmanager";

pub struct Alerting {
    pub bed: Bed,
    pub stages: Arc<Stages>,
    pub app: TestApp,
}

impl Alerting {
    pub fn on(bed: Bed) -> Self {
        Self::with(bed, Cluster::none(), 20_000)
    }

    pub fn with(bed: Bed, cluster: Cluster, most: usize) -> Self {
        let stages = stages(Records::of(bed.store.clone()), cluster, most);
        let app = TestApp { router: http::router(Arc::clone(&stages), settings()) };
        Self { bed, stages, app }
    }

    pub fn store(&self) -> &Store {
        &self.bed.store
    }

    /// Sends a notification, which is taken.
    pub async fn send(&self, alerts: &[Value]) -> Value {
        let answer = self.try_send(alerts).await;
        assert_eq!(answer.status, 202, "{}", answer.text());
        let accepted = answer.json();
        conforms("AlertsAccepted", &accepted);
        accepted
    }

    pub async fn try_send(&self, alerts: &[Value]) -> Answer {
        self.app.post(PATH, &notification(alerts)).await
    }

    /// Works until nothing is left to do.
    pub async fn work(&self) -> Vec<Round> {
        self.work_at(now()).await
    }

    pub async fn work_at(&self, now: Timestamp) -> Vec<Round> {
        work_as(&self.stages, self.store(), "worker", now).await
    }

    /// All incidents, the oldest first.
    pub async fn incidents(&self) -> Vec<Incident> {
        let all = Listed { limit: 200, after: None };
        let mut page = self.store().incidents().list(&IncidentFilter::default(), &all).await.expect("it answers");
        page.incidents.reverse();
        page.incidents
    }

    /// The only incident.
    pub async fn incident(&self) -> Incident {
        let mut all = self.incidents().await;
        assert_eq!(all.len(), 1, "{all:#?}");
        all.remove(0)
    }

    pub async fn timeline(&self, id: &str) -> Vec<TimelineEntry> {
        self.store().incidents().timeline(id).await.expect("it answers").expect("it is there")
    }

    /// Kinds and summaries of its history.
    pub async fn history(&self, id: &str) -> Vec<(&'static str, String)> {
        self.timeline(id).await.into_iter().map(|entry| (entry.kind.as_str(), entry.summary)).collect()
    }

    /// Alerts that wait or are in work.
    pub async fn waiting(&self) -> u64 {
        let counts = self.store().queue().counts().await.expect("it answers");
        assert_eq!(counts.given_up, 0);
        counts.queued + counts.taken
    }
}

pub fn stages(records: Records, cluster: Cluster, most: usize) -> Arc<Stages> {
    let mut stages = app::stages_of(&KnowledgeSettings::default(), cluster).expect("the built-in parts fit together");
    stages.records = Arc::new(records);
    stages.alerts = Arc::new(Intake::new(most));
    Arc::new(stages)
}

pub fn worker(holder: &str) -> Worker<'_> {
    Worker { holder, diagnose_within: Duration::from_secs(30) }
}

/// Works as `holder` until nothing is left to do.
pub async fn work_as(stages: &Stages, store: &Store, holder: &str, now: Timestamp) -> Vec<Round> {
    let mut rounds = Vec::new();
    while let Some(round) = work::next(stages, store, worker(holder), now).await.expect("the store answers") {
        rounds.push(round);
    }
    rounds
}

/// Diagnoses that the rounds made.
pub fn diagnoses(rounds: &[Round]) -> usize {
    rounds.iter().filter(|round| round.diagnosed.is_some()).count()
}

pub fn notification(alerts: &[Value]) -> Value {
    json!({
        "receiver": "faultline", "status": "firing", "version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0,
        "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://alertmanager.example:9093",
        "notification_reason": "new alerts added", "routeLabels": {}, "alerts": alerts,
    })
}

/// An alert that fires, without a fingerprint: it has the one of its labels.
pub fn firing(name: &str, labels: Value) -> Value {
    let mut all = json!({"alertname": name, "severity": "warning"});
    all.as_object_mut().expect("an object").extend(labels.as_object().expect("an object").clone());
    json!({
        "status": "firing", "labels": all, "annotations": {"summary": format!("{name} of something")},
        "startsAt": "2026-02-19T09:55:00Z", "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "http://prometheus.example/graph",
    })
}

/// A pod of a deployment of shop, killed for its memory.
pub fn killed(pod: &str) -> Value {
    let mut alert = firing("CartKilled", json!({"namespace": "shop", "pod": pod, "container": "cart"}));
    alert["annotations"] = json!({
        "summary": "Containers are killed for their memory",
        "description": format!("Container cart of pod {pod} was terminated: Reason: OOMKilled, exit code 137"),
    });
    alert
}

/// The same alert once it is over.
pub fn over(alert: &Value) -> Value {
    let mut over = alert.clone();
    over["status"] = json!("resolved");
    over["endsAt"] = json!("2026-02-19T10:05:00Z");
    over
}

/// The name of a pod as a replica set gives it.
pub fn pod(deployment: &str, number: usize) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut rest = number;
    let mut suffix = String::new();
    for _ in 0..5 {
        suffix.push(char::from(LETTERS[rest % LETTERS.len()]));
        rest /= LETTERS.len();
    }
    format!("{deployment}-7d9f8b6c5-{suffix}")
}

/// The time of a test's beginning, a little after what it sends first.
#[expect(clippy::disallowed_methods, reason = "notifications are stamped by the service's own clock")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

pub fn later(minutes: i64) -> Timestamp {
    now() + SignedDuration::from_mins(minutes)
}
