//! Each action does what it says, is verified, and is the same the second time.

use faultline::domain::{
    action::{Action, Change},
    object::{Kind, ObjectRef},
    remediation::RemediationStatus,
};
use faultline::pipeline::remediate::NotDone;
use faultline::remediate::Refusal;

use super::bed::{Bed, changes, is};
use crate::support::living::Trouble;

#[tokio::test]
async fn a_restart_replaces_all_pods_of_the_same_template() {
    let bed = Bed::new().await;
    let before = bed.api();
    let old: Vec<String> = bed.pods().iter().map(|pod| pod["metadata"]["uid"].to_string()).collect();
    let process = bed.process().await;
    let shown = bed.propose(&process, "kubectl rollout restart deployment/api -n shop").await.expect("it is proposed");
    is(&shown, RemediationStatus::Proposed);
    assert_eq!(shown.risk().as_str(), "LOW");
    assert_eq!(
        shown.diff(),
        "spec.template.metadata.annotations\n+ kubectl.kubernetes.io/restartedAt: the time of the restart\n"
    );
    assert_eq!(bed.deployment(), before, "nothing is changed by proposing");

    let applied = bed.approve(&process, &shown).await.expect("it is carried out");
    is(&applied, RemediationStatus::Applied);
    let verified = bed.tend(&process, &shown).await;
    is(&verified, RemediationStatus::Verified);
    let new = bed.pods();
    assert_eq!(new.len(), 3);
    assert!(new.iter().all(|pod| !old.contains(&pod["metadata"]["uid"].to_string())));
    assert_eq!(
        bed.timeline(&shown).await[1..],
        [
            "proposal: rollout-restart deployment/shop/api",
            "dry_run: the API server would accept it",
            "approval: approved",
            "applied: rollout-restart deployment/shop/api",
            "verified: the rollout of deployment/shop/api is complete",
            &format!("note: mitigated by remediation {}", shown.id()),
        ]
    );
    let events = bed.living.all("Event", "shop");
    assert!(events.iter().any(|event| event["reason"] == "RemediationApplied" && event["involvedObject"]["name"] == "api"));
    bed.audit_is_whole().await;
}

#[tokio::test]
async fn the_same_wish_is_the_same_proposal_and_is_done_once() {
    let bed = Bed::new().await;
    bed.api();
    let process = bed.process().await;
    let command = "kubectl scale deployment/api --replicas=4 -n shop";
    let first = bed.propose(&process, command).await.expect("it is proposed");
    let second = bed.propose(&process, command).await.expect("it is the same");
    assert_eq!(first.id(), second.id());
    bed.approve(&process, &first).await.expect("it is carried out");
    let again = bed.approve(&process, &first).await.expect_err("it works once");
    assert!(matches!(again, NotDone::Changed(_) | NotDone::NotSeen), "{again}");
    is(&bed.tend(&process, &first).await, RemediationStatus::Verified);
    let done = bed.propose(&process, command).await.expect_err("it is so already");
    assert!(matches!(done, NotDone::Refused(Refusal::Already { .. })), "{done}");
    assert_eq!(changes(&bed.living.writes()), ["patch /apis/apps/v1/namespaces/shop/deployments/api/scale"]);
}

#[tokio::test]
async fn scaling_up_waits_for_the_new_replicas() {
    let bed = Bed::new().await;
    bed.api();
    let process = bed.process().await;
    let shown = bed.apply(&process, "kubectl scale deployment/api --replicas=4 -n shop").await.expect("it is carried out");
    assert_eq!(bed.deployment()["spec"]["replicas"], 4);
    let verified = bed.tend(&process, &shown).await;
    is(&verified, RemediationStatus::Verified);
    assert_eq!(verified.outcome(), Some("verified: 4 replicas of deployment/shop/api are available"));
}

#[tokio::test]
async fn a_bad_rollout_is_undone_to_the_template_before() {
    let bed = Bed::new().await;
    let before = bed.living.deployment("shop", "api").replicas(3).image("registry.example/api:1").create();
    bed.living.template_is_bad(|template| template["spec"]["containers"][0]["image"] == "registry.example/api:2");
    bed.living
        .new_revision("shop", "api", |template| template["spec"]["containers"][0]["image"] = "registry.example/api:2".into());
    let process = bed.process().await;
    let shown = bed.propose(&process, "kubectl rollout undo deployment/api -n shop").await.expect("it is proposed");
    assert_eq!(
        shown.diff(),
        "revision 2 -> 1\n- spec.template.spec.containers[app].image: registry.example/api:2\n\
         + spec.template.spec.containers[app].image: registry.example/api:1\n"
    );
    bed.approve(&process, &shown).await.expect("it is carried out");
    is(&bed.tend(&process, &shown).await, RemediationStatus::Verified);
    assert_eq!(bed.deployment()["spec"]["template"], before["spec"]["template"]);
}

#[tokio::test]
async fn a_memory_limit_is_raised_within_bounds() {
    let bed = Bed::new().await;
    bed.api();
    bed.living.template_trouble(|template| {
        let limit = &template["spec"]["containers"][0]["resources"]["limits"]["memory"];
        (limit == "256Mi").then_some(Trouble::OutOfMemory)
    });
    let process = bed.process().await;
    let command = "kubectl set resources deployment/api -c app --limits=memory=512Mi -n shop";
    let shown = bed.apply(&process, command).await.expect("it is carried out");
    is(&bed.tend(&process, &shown).await, RemediationStatus::Verified);
    assert_eq!(bed.deployment()["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"], "512Mi");
    let beyond = bed.propose(&process, "kubectl set resources deployment/api -c app --limits=memory=2Gi -n shop").await;
    assert!(matches!(beyond, Err(NotDone::Refused(Refusal::Unsafe { .. }))), "{beyond:?}");
}

#[tokio::test]
async fn a_pod_is_evicted_and_made_anew() {
    let bed = Bed::new().await;
    bed.api();
    let process = bed.process().await;
    for change in [Change::EvictPod, Change::DeletePod] {
        let name = bed.pods()[0]["metadata"]["name"].as_str().expect("a name").to_owned();
        let action = Action { target: ObjectRef::new(Kind::Pod, Some("shop"), &name), change };
        let shown = bed.wish(&process, action, None).await.expect("it is proposed");
        assert_eq!(shown.risk().as_str(), "LOW");
        bed.approve(&process, &shown).await.expect("it is carried out");
        is(&bed.tend(&process, &shown).await, RemediationStatus::Verified);
        assert_eq!(bed.pods().len(), 3);
        assert!(bed.pods().iter().all(|pod| pod["metadata"]["name"] != *name));
    }
}

#[tokio::test]
async fn failed_pods_of_workloads_go_and_others_stay() {
    let bed = Bed::new().await;
    bed.api();
    bed.living.failed_pod("shop", "api");
    bed.living.failed_pod("shop", "api");
    let running = bed.pods().iter().filter(|pod| pod["status"]["phase"] == "Running").count();
    let process = bed.process().await;
    let shown =
        bed.propose(&process, "kubectl delete pods --field-selector=status.phase=Failed -n shop").await.expect("proposed");
    assert_eq!(shown.pods(), Some(2));
    // What failed since was not approved, and stays.
    bed.living.failed_pod("shop", "api");
    bed.approve(&process, &shown).await.expect("it is carried out");
    is(&bed.tend(&process, &shown).await, RemediationStatus::Verified);
    let phases: Vec<String> = bed.pods().iter().map(|pod| pod["status"]["phase"].to_string()).collect();
    assert_eq!(phases.iter().filter(|phase| *phase == "\"Failed\"").count(), 1, "{phases:?}");
    assert_eq!(phases.iter().filter(|phase| *phase == "\"Running\"").count(), running);
}

#[tokio::test]
async fn a_rollout_is_paused_and_resumed() {
    let bed = Bed::new().await;
    bed.api();
    let process = bed.process().await;
    for (verb, paused) in [("pause", true), ("resume", false)] {
        let shown =
            bed.apply(&process, &format!("kubectl rollout {verb} deployment/api -n shop")).await.expect("it is carried out");
        is(&bed.tend(&process, &shown).await, RemediationStatus::Verified);
        assert_eq!(bed.deployment()["spec"]["paused"].as_bool().unwrap_or_default(), paused);
    }
}

#[tokio::test]
async fn a_node_in_trouble_is_cordoned_and_opened_again_when_it_is_well() {
    let bed = Bed::new().await;
    for node in ["node-b", "node-c", "node-d"] {
        bed.living.node(node).create();
    }
    let pressed = |status: &'static str| {
        move |node: &mut serde_json::Value| {
            let conditions = node["status"]["conditions"].as_array_mut().expect("conditions");
            conditions.retain(|condition| condition["type"] != "DiskPressure");
            conditions.push(serde_json::json!({"type": "DiskPressure", "status": status}));
        }
    };
    let process = bed.process().await;
    let well = bed.propose(&process, "kubectl cordon node-d").await;
    assert!(matches!(well, Err(NotDone::Refused(Refusal::Unsafe { .. }))), "{well:?}");
    bed.living.edit_status("/api/v1/nodes/node-d", pressed("True"));
    let shown = bed.apply(&process, "kubectl cordon node-d").await.expect("it is carried out");
    is(&bed.tend(&process, &shown).await, RemediationStatus::Verified);
    assert_eq!(bed.living.snapshot("/api/v1/nodes/node-d")["spec"]["unschedulable"], true);

    let early = bed.propose(&process, "kubectl uncordon node-d").await;
    assert!(matches!(early, Err(NotDone::Refused(Refusal::Unsafe { .. }))), "{early:?}");
    bed.living.edit_status("/api/v1/nodes/node-d", pressed("False"));
    let since = bed.now().to_string();
    bed.living.edit_status("/api/v1/nodes/node-d", |node| node["status"]["conditions"][0]["lastTransitionTime"] = since.into());
    let early = bed.propose(&process, "kubectl uncordon node-d").await;
    assert!(matches!(early, Err(NotDone::Refused(Refusal::Unsafe { .. }))), "{early:?}");
    bed.later(3600);
    let shown = bed.apply(&process, "kubectl uncordon node-d").await.expect("it is carried out");
    is(&bed.tend(&process, &shown).await, RemediationStatus::Verified);
    let node = bed.living.snapshot("/api/v1/nodes/node-d");
    assert!(!node["spec"]["unschedulable"].as_bool().unwrap_or_default());
    assert!(node["metadata"]["annotations"].get("faultline.io/cordoned").is_none());
}

#[tokio::test]
async fn a_failed_job_runs_again_where_it_may() {
    let bed = Bed::new().await;
    bed.living.template_is_bad(|_| true);
    bed.living.job("shop", "report").annotation("faultline.io/idempotent", "true").create();
    bed.living.job("shop", "charge").create();
    bed.living.settle();
    bed.living.template_is_bad(|_| false);
    let process = bed.process().await;
    let rerun = |name: &str| Action { target: ObjectRef::new(Kind::Job, Some("shop"), name), change: Change::RerunJob };
    let charge = bed.wish(&process, rerun("charge"), None).await;
    assert!(matches!(charge, Err(NotDone::Refused(Refusal::Unsafe { .. }))), "{charge:?}");
    let shown = bed.wish(&process, rerun("report"), None).await.expect("it is proposed");
    bed.approve(&process, &shown).await.expect("it is carried out");
    bed.living.settle();
    is(&bed.tend(&process, &shown).await, RemediationStatus::Verified);
    assert_eq!(bed.living.all("Job", "shop").len(), 3);
    let again = bed.wish(&process, rerun("report"), None).await;
    assert!(matches!(again, Err(NotDone::Refused(Refusal::Already { .. }))), "{again:?}");
}

/// Who owns the manifest of a job would delete a copy that bears its marks.
#[tokio::test]
async fn a_job_that_runs_again_belongs_to_no_manager_of_manifests() {
    let bed = Bed::new().await;
    let marks = serde_json::json!({
        "app.kubernetes.io/instance": "shop", "argocd.argoproj.io/instance": "shop", "app.kubernetes.io/managed-by": "Helm",
        "kustomize.toolkit.fluxcd.io/name": "shop", "kustomize.toolkit.fluxcd.io/namespace": "flux-system", "team": "a",
    });
    let tracking = serde_json::json!({
        "argocd.argoproj.io/tracking-id": "shop:batch/Job:shop/report", "argocd.argoproj.io/hook": "Sync",
        "faultline.io/idempotent": "true", "example.com/note": "kept",
    });
    bed.living.template_is_bad(|_| true);
    let job = bed.living.job("shop", "report").with(|job| {
        job["metadata"]["labels"] = marks.clone();
        job["metadata"]["annotations"] = tracking.clone();
        let template = &mut job["spec"]["template"]["metadata"];
        template["annotations"] = tracking.clone();
        template["labels"].as_object_mut().expect("labels").extend(marks.as_object().expect("labels").clone());
    });
    job.create();
    bed.living.settle();
    bed.living.template_is_bad(|_| false);
    let process = bed.process().await;
    let target = ObjectRef::new(Kind::Job, Some("shop"), "report");
    let shown = bed.wish(&process, Action { target, change: Change::RerunJob }, None).await.expect("it is proposed");
    bed.approve(&process, &shown).await.expect("it is carried out");
    let jobs = bed.living.all("Job", "shop");
    let copy = jobs.iter().find(|job| job["metadata"]["name"] != "report").expect("a new job");
    let keys = |pointer: &str| {
        let map = copy.pointer(pointer).and_then(serde_json::Value::as_object).expect("labels or annotations");
        let is_servers = |key: &str| key.contains("controller-uid") || key.contains("job-name") || key.contains("job-tracking");
        map.keys().filter(|key| !is_servers(key)).cloned().collect::<Vec<_>>()
    };
    assert_eq!(keys("/metadata/labels"), ["team"]);
    assert_eq!(keys("/metadata/annotations"), ["faultline.io/rerun-of"]);
    assert_eq!(
        keys("/spec/template/metadata/labels"),
        ["app", "app.kubernetes.io/instance", "team"],
        "services may select by it"
    );
    assert_eq!(keys("/spec/template/metadata/annotations"), ["example.com/note", "faultline.io/idempotent"]);
}

#[tokio::test]
async fn stateful_sets_and_daemon_sets_restart_as_well() {
    let bed = Bed::new().await;
    bed.living.statefulset("shop", "queue").replicas(3).create();
    bed.living.daemonset("shop", "agent").create();
    let process = bed.process().await;
    let shown = bed.apply(&process, "kubectl rollout restart statefulset/queue -n shop").await.expect("it is carried out");
    assert_eq!(shown.risk().as_str(), "MEDIUM");
    is(&bed.tend(&process, &shown).await, RemediationStatus::Verified);
    // One node, one pod, which serves.
    let alone = bed.propose(&process, "kubectl rollout restart daemonset/agent -n shop").await;
    assert!(matches!(alone, Err(NotDone::Refused(Refusal::Unsafe { .. }))), "{alone:?}");
}
