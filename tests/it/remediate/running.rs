//! A running process looks after what it was told to do, and the next one after what it left.

use std::time::Duration;

use faultline::remediate::RemediateSettings;
use serde_json::{Value, json};

use super::bed::{Bed, POLICY, changes};
use crate::support::{cli::Folder, kubernetes::Listening, serving::Serving};

const SCALE: &str = "kubectl scale deployment/api --replicas=4 -n shop";
/// Far more than it takes, and more than the lease (two minutes) that a killed process may have left on the target.
const DEADLINE: Duration = Duration::from_secs(180);

/// A cluster on a socket, and the flags of a service that may change it.
struct House {
    bed: Bed,
    flags: Vec<String>,
    _listening: Listening,
    _folder: Folder,
}

impl House {
    async fn new(name: &str) -> Self {
        let bed = Bed::today(RemediateSettings::default(), POLICY).await;
        bed.api();
        let folder = Folder::new(&format!("remediate-{name}"));
        let listening = bed.living.listen().await;
        let policy = folder.write("policy.yaml", POLICY);
        let kubeconfig = listening.kubeconfig().display().to_string();
        let data = folder.path().display().to_string();
        let flags = [
            ("--kubeconfig", kubeconfig.as_str()),
            ("--policy-file", &policy),
            ("--data-dir", &data),
            ("--remediation-mode", "approve"),
            ("--rate-limit-requests", "0"),
        ];
        let flags = flags.iter().flat_map(|(name, value)| [(*name).to_owned(), (*value).to_owned()]).collect();
        Self { bed, flags, _listening: listening, _folder: folder }
    }

    async fn start(&self) -> Serving {
        let flags = self.flags.clone();
        let starting = move || Serving::start(&flags.iter().map(String::as_str).collect::<Vec<_>>());
        let serving = tokio::task::spawn_blocking(starting).await.expect("no panic");
        until(async || body(&serving.get("/health").await)["k8s_connected"] == true).await;
        serving
    }
}

/// The JSON of an answer with its head.
fn body(answer: &str) -> Value {
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {head}\n{body}"))
}

async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let asking = async {
        let mut pause = tokio::time::interval(Duration::from_millis(50));
        while !is_so().await {
            pause.tick().await;
        }
    };
    tokio::time::timeout(DEADLINE, asking).await.expect("it comes to an end");
}

/// Proposes and approves. Returns its id.
async fn approved(serving: &Serving) -> String {
    let made = body(&serving.post("/remediations", "", &json!({"command": SCALE, "author": "ada"}).to_string()).await);
    let (id, etag) = (made["id"].as_str().expect("an id"), made["etag"].as_str().expect("an etag"));
    let if_match = format!("if-match: \"{etag}\"\r\n");
    let applied = body(&serving.post(&format!("/remediations/{id}/approve"), &if_match, "{\"author\": \"grace\"}").await);
    assert_eq!(applied["status"], "applied", "{applied}");
    id.to_owned()
}

async fn is_verified(serving: &Serving, id: &str) {
    until(async || body(&serving.get(&format!("/remediations/{id}")).await)["status"] == "verified").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_approved_is_verified_without_being_asked_again() {
    let house = House::new("serves").await;
    let serving = house.start().await;
    let id = approved(&serving).await;
    is_verified(&serving, &id).await;
    let seen = body(&serving.get(&format!("/remediations/{id}")).await);
    let incident = seen["incident_id"].as_str().expect("an incident");
    assert_eq!(body(&serving.get(&format!("/incidents/{incident}")).await)["status"], "mitigated");
    let metrics = serving.get("/metrics").await;
    for line in [
        "faultline_remediations_total{action=\"scale\",outcome=\"verified\"} 1",
        "faultline_remediations_total{action=\"cordon\",outcome=\"stuck\"} 0",
        "faultline_remediation_paused 0",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_process_left_the_next_one_ends() {
    let house = House::new("killed").await;
    let serving = house.start().await;
    house.bed.living.freeze();
    let id = approved(&serving).await;
    // No goodbye: the process is killed.
    drop(serving);
    house.bed.living.thaw();
    let next = house.start().await;
    is_verified(&next, &id).await;
    assert_eq!(changes(&house.bed.living.writes()).len(), 1, "it is not done twice");
}
