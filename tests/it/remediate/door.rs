//! The service at its HTTP door, over a cluster that lives.

use std::sync::Arc;

use axum::{
    body::Body,
    http::{HeaderValue, header},
};
use faultline::{
    cluster::Cluster,
    http,
    incidents::Records,
    pipeline::{Stages, remediate},
    remediate::{Mode, RemediateSettings},
};
use serde_json::{Value, json};

use super::bed::{Bed, POLICY};
use crate::support::{Answer, TestApp, json_request, settings};

pub struct Door {
    pub bed: Bed,
    pub process: Arc<Stages>,
    pub app: TestApp,
}

impl Door {
    pub async fn new() -> Self {
        Self::with(RemediateSettings { remediation_mode: Mode::Approve, ..RemediateSettings::default() }).await
    }

    pub async fn with(remediate: RemediateSettings) -> Self {
        let bed = Bed::today(remediate, POLICY).await;
        let process = bed.process().await;
        let app = TestApp { router: http::router(Arc::clone(&process), settings()) };
        Self { bed, process, app }
    }

    /// The same service while no cluster is there.
    pub async fn without_a_cluster(&self) -> TestApp {
        let mut stages = faultline::app::stages_beside(&crate::support::stages(), Cluster::none());
        stages.records = Arc::new(Records::of(self.bed.store.other().await));
        stages.remediator = remediate::Remediator::new(self.bed.settings.clone(), self.bed.settings.bounds(None), self.bed.now());
        TestApp { router: http::router(Arc::new(stages), settings()) }
    }

    pub async fn propose(&self, body: &Value) -> Answer {
        self.app.post("/remediations", body).await
    }

    /// What is proposed for a command that can be.
    pub async fn proposed(&self, command: &str) -> Value {
        let answer = self.propose(&json!({"command": command, "author": "ada"})).await;
        assert_eq!(answer.status, 201, "{command}: {}", answer.text());
        answer.json()
    }

    /// `approve` or `reject` of what was seen.
    pub async fn decide(&self, seen: &Value, verb: &str) -> Answer {
        self.decide_with(seen, verb, Some(&format!("\"{}\"", text(seen, "etag"))), &json!({"author": "grace"})).await
    }

    pub async fn decide_with(&self, seen: &Value, verb: &str, if_match: Option<&str>, body: &Value) -> Answer {
        let mut request = json_request(&format!("/remediations/{}/{verb}", text(seen, "id")), Body::from(body.to_string()));
        if let Some(etag) = if_match {
            request.headers_mut().insert(header::IF_MATCH, HeaderValue::try_from(etag).expect("a header"));
        }
        self.app.send(request).await
    }

    /// Lets the process take the next steps, and reads it again.
    pub async fn tended(&self, seen: &Value) -> Value {
        remediate::tend(&self.process, self.bed.now()).await.expect("the store answers");
        self.app.get(&format!("/remediations/{}", text(seen, "id"))).await.json()
    }

    /// Everything that the store holds, as bytes.
    pub fn kept(&self) -> Vec<u8> {
        let path = self.bed.store.url.trim_start_matches("sqlite://").to_owned();
        let files = [path.clone(), format!("{path}-wal")];
        files.iter().filter_map(|file| std::fs::read(file).ok()).flatten().collect()
    }
}

pub fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object[field].as_str().unwrap_or_else(|| panic!("{field} in {object}"))
}
