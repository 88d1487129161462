//! `faultline remediate` as a person at a terminal uses it, against a server on a socket.

use std::sync::Arc;

use faultline::{cluster::access::WRITES, remediate::RemediateSettings};
use serde_json::Value;

use super::bed::{Bed, POLICY, changes};
use crate::support::{
    cli::{Folder, Ran, faultline},
    kubernetes::Listening,
};

const RESTART: &str = "kubectl rollout restart deployment/api -n shop";
const SCALE: &str = "kubectl scale deployment/api --replicas=4 -n shop";

/// A cluster on a socket, and what the program is told of it.
struct Desk {
    bed: Bed,
    listening: Listening,
    folder: Folder,
    policy: String,
}

impl Desk {
    async fn new(name: &str) -> Self {
        let bed = Bed::today(RemediateSettings::default(), POLICY).await;
        bed.api();
        let folder = Folder::new(&format!("remediate-{name}"));
        let policy = folder.write("policy.yaml", POLICY);
        let listening = bed.living.listen().await;
        Self { bed, listening, folder, policy }
    }

    async fn runs(&self, arguments: &[&str]) -> Ran {
        self.runs_with(arguments, Some(&self.policy)).await
    }

    async fn runs_with(&self, arguments: &[&str], policy: Option<&str>) -> Ran {
        let mut run = faultline(&[&["remediate"], arguments].concat())
            .env("KUBECONFIG", self.listening.kubeconfig())
            .env("DATA_DIR", self.folder.path())
            .env("FAULTLINE_AUTHOR", "ada");
        if let Some(policy) = policy {
            run = run.env("POLICY_FILE", policy);
        }
        tokio::task::spawn_blocking(move || run.run()).await.expect("no panic")
    }

    async fn succeeds(&self, arguments: &[&str]) -> String {
        let ran = self.runs(arguments).await;
        assert_eq!(ran.code, 0, "{arguments:?}:\n{}\n{}", ran.out, ran.err);
        ran.out
    }

    /// Its reason, having ended with 1 and changed nothing.
    async fn refuses(&self, arguments: &[&str], reason: &str) {
        let before = self.bed.deployment();
        let ran = self.runs(arguments).await;
        assert_eq!(ran.code, 1, "{arguments:?}:\n{}\n{}", ran.out, ran.err);
        assert!(ran.err.contains(reason), "{reason}: {}", ran.err);
        assert_eq!(self.bed.deployment(), before);
    }
}

/// The id of what was printed.
fn id_of(printed: &str) -> String {
    let (_, rest) = printed.split_once(" (").expect("an id in brackets");
    rest.split(',').next().expect("an id").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_shows_all_that_a_decision_needs_and_changes_nothing() {
    let desk = Desk::new("plan").await;
    let printed = desk.succeeds(&["plan", SCALE]).await;
    for line in [
        "scale deployment/shop/api to 4 replicas  (",
        "  risk      LOW: some more of the same; no autoscaler is in charge",
        "  policy    needs-approval: ",
        "  verified  4 replicas of deployment/shop/api are available, within 300 seconds",
        "  undo      it is scaled back to 3 replicas",
        "    - spec.replicas: 3\n    + spec.replicas: 4",
        "To do it: faultline remediate apply ",
    ] {
        assert!(printed.contains(line), "{line}: {printed}");
    }
    let shown: Value = serde_json::from_str(&desk.succeeds(&["plan", SCALE, "--json"]).await).expect("JSON");
    crate::http::contract::conforms("Remediation", &shown);
    assert_eq!((shown["id"].as_str(), shown["requested_by"].as_str()), (Some(id_of(&printed).as_str()), Some("ada")));
    assert_eq!(shown["command"], SCALE);
    assert!(changes(&desk.bed.living.writes()).is_empty());

    desk.refuses(&["apply", SCALE], "nobody is there to confirm").await;
    desk.refuses(&["plan", "kubectl delete ns shop"], "the command ").await;
    desk.refuses(&["plan", "kubectl rollout restart deployment/gone -n shop"], "deployment/shop/gone does not exist").await;
    desk.refuses(&["plan", "kubectl rollout restart deployment/api -n kube-system"], "namespace kube-system is protected").await;
    desk.refuses(&["plan", "kubectl rollout restart deployment/api -n default"], "the policy forbids it").await;
    desk.refuses(&["apply", "0199-ab", "--yes"], "there is no such remediation").await;
    desk.refuses(&["undo", &id_of(&printed)], "there is nothing to undo").await;
    let without = desk.runs_with(&["plan", RESTART], None).await;
    assert_eq!(without.code, 1);
    assert!(without.err.contains("policy forbids it"), "{}", without.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_applied_is_verified_listed_and_undone() {
    let desk = Desk::new("apply").await;
    let planned = desk.succeeds(&["plan", SCALE]).await;
    let id = id_of(&planned);
    let applied = desk.succeeds(&["apply", &id, "--yes"]).await;
    assert!(applied.contains("applied: applied; it is verified that 4 replicas"), "{applied}");
    assert!(applied.contains("verified: verified: 4 replicas of deployment/shop/api are available"), "{applied}");
    assert_eq!(desk.bed.deployment()["spec"]["replicas"], 4);
    let list = desk.succeeds(&["list"]).await;
    assert!(list.starts_with(&format!("{id}  verified  scale deployment/shop/api to 4 replicas  verified: ")), "{list}");
    let list: Value = serde_json::from_str(&desk.succeeds(&["list", "--json"]).await).expect("JSON");
    assert_eq!((list[0]["approver"].as_str(), list.as_array().map(Vec::len)), (Some("ada"), Some(1)));
    for _ in 0..2 {
        assert!(desk.succeeds(&["undo", &id]).await.contains(", undone)"));
    }
    assert_eq!(desk.bed.deployment()["spec"]["replicas"], 3);
    desk.refuses(&["apply", &id, "--yes"], "it is undone already").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pause_holds_everything_back_until_resume() {
    let desk = Desk::new("pause").await;
    assert_eq!(desk.succeeds(&["pause", "a release"]).await, "paused: a release (ada)\n");
    desk.refuses(&["apply", RESTART, "--yes"], "remediation is paused: a release").await;
    assert_eq!(desk.succeeds(&["resume"]).await, "it goes on (mode approve)\n");
    // What does not help is undone, and that is no success.
    desk.bed
        .living
        .template_is_bad(|template| template["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"].is_string());
    let ran = desk.runs(&["apply", RESTART, "--yes"]).await;
    assert_eq!(ran.code, 1, "{}\n{}", ran.out, ran.err);
    assert!(ran.out.contains("undone: undone: "), "{}", ran.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_store_or_a_cluster_nothing_is_proposed() {
    let desk = Desk::new("nothing").await;
    let run = faultline(&["remediate", "plan", RESTART]).env("POLICY_FILE", &desk.policy).env("DATA_DIR", desk.folder.path());
    let ran = tokio::task::spawn_blocking(move || run.env("NO_CLUSTER", "true").run()).await.expect("no panic");
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("no cluster can be changed"), "{}", ran.err);
    let run = faultline(&["remediate", "plan", RESTART]).env("REMEDIATION_PAUSE_CONFIGMAP", "brake");
    let ran = tokio::task::spawn_blocking(move || run.run()).await.expect("no panic");
    assert_ne!(ran.code, 0);
    assert!(ran.err.contains("NAMESPACE/NAME"), "{}", ran.err);
}

#[test]
fn the_role_that_is_printed_is_the_table_of_writes() {
    let role: Value = serde_json::from_str(&faultline(&["rbac", "--remediation"]).succeeds()).expect("JSON");
    let mut printed = Vec::new();
    for rule in role["rules"].as_array().expect("rules") {
        let all = |field: &str| -> Arc<[String]> {
            rule[field].as_array().expect("a list").iter().filter_map(|one| one.as_str().map(str::to_owned)).collect()
        };
        for (group, resource) in
            all("apiGroups").iter().flat_map(|group| all("resources").to_vec().into_iter().map(move |one| (group.clone(), one)))
        {
            printed.extend(all("verbs").iter().map(|verb| format!("{verb} {group}/{resource}")));
        }
    }
    let mut written: Vec<String> = WRITES
        .iter()
        .flat_map(|change| change.need.verbs.iter().map(|verb| format!("{verb} {}/{}", change.need.group, change.need.resource)))
        .collect();
    printed.sort();
    written.sort();
    assert_eq!(printed, written);
}
