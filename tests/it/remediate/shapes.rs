//! Objects of unusual shapes, and clusters and people that come between.

use faultline::{
    domain::{
        action::{Action, Change},
        object::{Kind, ObjectRef},
        remediation::RemediationStatus,
    },
    pipeline::remediate::{self, NotDone},
};
use serde_json::json;

use super::bed::{API, Bed, changes, is, meant};
use crate::support::living::Fault;

const RESTART: &str = "kubectl rollout restart deployment/api -n shop";
const SCALE: &str = "kubectl scale deployment/api --replicas=4 -n shop";

fn memory(limit: &str) -> String {
    format!("kubectl set resources deployment/api -c app --limits=memory={limit} -n shop")
}

/// A server writes `1Gi` where somebody asked for `1024Mi`.
#[tokio::test]
async fn a_limit_is_the_same_however_the_server_writes_it() {
    for (before, asked, kept) in
        [("512Mi", "1024Mi", "1Gi"), ("0.5Gi", "768Mi", "768Mi"), ("300Mi", "0.5Gi", "512Mi"), ("536870912", "1000M", "1G")]
    {
        let bed = Bed::new().await;
        let first = bed.living.deployment("shop", "api").replicas(3).memory_limit("app", before).create();
        let process = bed.process().await;
        let shown = bed.apply(&process, &memory(asked)).await.unwrap_or_else(|error| panic!("{asked}: {error}"));
        is(&bed.tend(&process, &shown).await, RemediationStatus::Verified);
        assert_eq!(bed.deployment()["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"], kept);
        let undone = remediate::undo(&process, shown.id(), "grace", bed.now()).await.expect("undone");
        is(&undone, RemediationStatus::Undone);
        assert_eq!(meant(&bed.deployment()), meant(&first), "{asked}");
    }
    let bed = Bed::new().await;
    bed.living.deployment("shop", "api").replicas(3).memory_limit("app", "1024Mi").create();
    let process = bed.process().await;
    let same = bed.propose(&process, &memory("1Gi")).await.expect_err("it is so already");
    assert!(same.to_string().contains("already"), "{same}");
}

#[tokio::test]
async fn a_node_without_annotations_is_cordoned_and_opened_by_undo() {
    let bed = Bed::new().await;
    for node in ["node-b", "node-c", "node-d"] {
        bed.living.node(node).create();
    }
    let path = "/api/v1/nodes/node-d";
    bed.living.edit_status(path, |node| node["status"]["conditions"][0]["status"] = "False".into());
    let before = bed.living.snapshot(path);
    assert!(before["metadata"]["annotations"].is_null());
    let process = bed.process().await;
    let shown = bed.apply(&process, "kubectl cordon node-d").await.expect("it is carried out");
    assert_eq!(bed.living.snapshot(path)["metadata"]["annotations"], json!({"faultline.io/cordoned": "true"}));
    // A controller notes something of its own.
    bed.living.edit(path, |node| node["metadata"]["annotations"]["example.com/seen"] = "yes".into());
    is(&bed.tend(&process, &shown).await, RemediationStatus::Verified);
    is(&remediate::undo(&process, shown.id(), "grace", bed.now()).await.expect("undone"), RemediationStatus::Undone);
    let after = bed.living.snapshot(path);
    assert_eq!(after["metadata"]["annotations"], json!({"example.com/seen": "yes"}));
    assert!(after["spec"]["unschedulable"].is_null());
}

#[tokio::test]
async fn names_may_be_as_long_as_they_can_be() {
    let bed = Bed::new().await;
    // Cut for the name of an event it would end in a dash.
    let name = format!("{}-{}", "a".repeat(199), "b".repeat(53));
    assert_eq!(name.len(), 253);
    bed.living
        .deployment("shop", &name)
        .replicas(3)
        .with(|object| {
            for labels in ["/spec/selector/matchLabels/app", "/spec/template/metadata/labels/app", "/metadata/labels/app"] {
                *object.pointer_mut(labels).expect("a label") = "long".into();
            }
        })
        .create();
    let process = bed.process().await;
    let target = ObjectRef::new(Kind::Deployment, Some("shop"), &name);
    let shown = bed.wish(&process, Action { target, change: Change::Pause }, None).await.expect("it is proposed");
    bed.approve(&process, &shown).await.expect("it is carried out");
    is(&bed.tend(&process, &shown).await, RemediationStatus::Verified);
    let events = bed.living.all("Event", "shop");
    assert!(events.iter().any(|event| event["reason"] == "RemediationApplied"), "{events:?}");
}

#[tokio::test]
async fn a_deployment_that_says_no_replicas_has_one() {
    let bed = Bed::new().await;
    bed.living.deployment("shop", "api").create();
    let process = bed.process().await;
    let shown = bed.apply(&process, "kubectl scale deployment/api --replicas=2 -n shop").await.expect("it is carried out");
    assert_eq!(shown.diff(), "- spec.replicas: 1\n+ spec.replicas: 2\n");
    is(&bed.tend(&process, &shown).await, RemediationStatus::Verified);
}

#[tokio::test]
async fn pods_that_only_people_replace_are_not_restarted() {
    let bed = Bed::new().await;
    let on_delete = |object: &mut serde_json::Value| object["spec"]["updateStrategy"] = json!({"type": "OnDelete"});
    bed.living.statefulset("shop", "queue").replicas(3).with(on_delete).create();
    let process = bed.process().await;
    let refused = bed.propose(&process, "kubectl rollout restart statefulset/queue -n shop").await.expect_err("it is refused");
    assert!(refused.to_string().contains("OnDelete"), "{refused}");
}

#[tokio::test]
async fn a_job_that_cleans_up_at_once_is_kept_long_enough_to_be_seen() {
    let bed = Bed::new().await;
    bed.living.template_is_bad(|_| true);
    let quick = |job: &mut serde_json::Value| job["spec"]["ttlSecondsAfterFinished"] = 0.into();
    bed.living.job("shop", "report").annotation("faultline.io/idempotent", "true").create();
    bed.living.settle();
    bed.living.template_is_bad(|_| false);
    bed.living.edit("/apis/batch/v1/namespaces/shop/jobs/report", quick);
    let process = bed.process().await;
    let rerun = Action { target: ObjectRef::new(Kind::Job, Some("shop"), "report"), change: Change::RerunJob };
    let shown = bed.wish(&process, rerun, None).await.expect("it is proposed");
    bed.approve(&process, &shown).await.expect("it is carried out");
    let made = bed.living.all("Job", "shop").into_iter().find(|job| job["metadata"]["name"] != "report").expect("a second job");
    assert_eq!(made["spec"]["ttlSecondsAfterFinished"], 3600);
}

#[tokio::test]
async fn a_cluster_that_is_away_for_a_while_is_waited_for() {
    let bed = Bed::new().await;
    let before = bed.api();
    let process = bed.process().await;
    let shown = bed.propose(&process, SCALE).await.expect("it is proposed");
    bed.living.freeze();
    bed.approve(&process, &shown).await.expect("it is carried out");
    bed.later(400);
    let _away = bed.living.clone().with("patch", "*", Fault::Status(503));
    is(&bed.tend(&process, &shown).await, RemediationStatus::Applied);
    let _away = bed.living.clone().with("get", "*", Fault::Status(503));
    is(&bed.tend(&process, &shown).await, RemediationStatus::Applied);
    assert!(remediate::standing(&process).await.expect("the store answers").paused.is_none());
    bed.living.heal();
    is(&bed.tend(&process, &shown).await, RemediationStatus::Undone);
    assert_eq!(meant(&bed.deployment()), meant(&before));
    bed.audit_is_whole().await;
}

#[tokio::test]
async fn a_cluster_that_stays_away_needs_a_person() {
    let bed = Bed::new().await;
    bed.api();
    let process = bed.process().await;
    let shown = bed.propose(&process, SCALE).await.expect("it is proposed");
    bed.living.freeze();
    bed.approve(&process, &shown).await.expect("it is carried out");
    bed.later(3600);
    let _away = bed.living.clone().with("patch", "*", Fault::Status(503));
    is(&bed.tend(&process, &shown).await, RemediationStatus::Stuck);
    // Wanting it undone once more does not make it worse, and says why it does not work.
    let again = remediate::undo(&process, shown.id(), "grace", bed.now()).await.expect_err("it is still away");
    assert!(matches!(again, NotDone::NoCluster(_)), "{again}");
    bed.living.heal();
    is(&remediate::undo(&process, shown.id(), "grace", bed.now()).await.expect("undone"), RemediationStatus::Undone);
    bed.audit_is_whole().await;
}

#[tokio::test]
async fn an_undo_that_a_person_wants_in_vain_changes_and_pauses_nothing() {
    let bed = Bed::new().await;
    bed.api();
    let process = bed.process().await;
    let shown = bed.apply(&process, SCALE).await.expect("it is carried out");
    is(&bed.tend(&process, &shown).await, RemediationStatus::Verified);
    bed.living.edit(API, |object| object["spec"]["replicas"] = 7.into());
    let refused = remediate::undo(&process, shown.id(), "grace", bed.now()).await.expect_err("somebody scaled it since");
    assert!(matches!(refused, NotDone::CannotUndo(_)), "{refused}");
    is(&bed.read(&process, shown.id()).await, RemediationStatus::Verified);
    assert!(remediate::standing(&process).await.expect("the store answers").paused.is_none());
    assert_eq!(bed.deployment()["spec"]["replicas"], 7);
}

#[tokio::test]
async fn of_two_who_undo_at_once_both_see_it_undone() {
    let bed = Bed::new().await;
    bed.api();
    let (one, other) = (bed.process().await, bed.process().await);
    let shown = bed.apply(&one, SCALE).await.expect("it is carried out");
    is(&bed.tend(&one, &shown).await, RemediationStatus::Verified);
    let undo = |stages| remediate::undo(stages, shown.id(), "grace", bed.now());
    let (first, second) = tokio::join!(undo(&one), undo(&other));
    for done in [first, second] {
        match done {
            Ok(undone) => is(&undone, RemediationStatus::Undone),
            Err(busy) => assert!(matches!(busy, NotDone::Busy(_)), "{busy}"),
        }
    }
    is(&bed.read(&one, shown.id()).await, RemediationStatus::Undone);
    assert_eq!(changes(&bed.living.writes()).len(), 2, "one forth, one back");
}

#[tokio::test]
async fn a_store_that_fails_in_the_middle_leaves_what_the_next_look_ends() {
    let bed = Bed::new().await;
    bed.api();
    let process = bed.process().await;
    let shown = bed.propose(&process, RESTART).await.expect("it is proposed");
    let refuse = "CREATE TRIGGER full BEFORE UPDATE ON remediations WHEN new.status = 'applied' \
                  BEGIN SELECT RAISE(ABORT, 'the disk is full'); END";
    bed.store.execute(refuse).await.expect("the trigger is made");
    let failed = bed.approve(&process, &shown).await.expect_err("it cannot be written down");
    assert!(matches!(failed, NotDone::Failed), "{failed}");
    is(&bed.tend(&process, &shown).await, RemediationStatus::Applying);
    bed.store.execute("DROP TRIGGER full").await.expect("there is room again");
    bed.tend(&process, &shown).await;
    is(&bed.tend(&process, &shown).await, RemediationStatus::Verified);
    assert_eq!(changes(&bed.living.writes()).len(), 1);
    bed.audit_is_whole().await;
}

#[tokio::test]
async fn equal_proposals_of_two_replicas_are_done_once() {
    let bed = Bed::new().await;
    bed.api();
    let (one, other) = (bed.process().await, bed.process().await);
    let (first, second) = tokio::join!(bed.propose(&one, RESTART), bed.propose(&other, RESTART));
    let (first, second) = (first.expect("it is proposed"), second.expect("it is proposed"));
    bed.approve(&one, &first).await.expect("it is carried out");
    is(&bed.tend(&one, &first).await, RemediationStatus::Verified);
    if first.id() != second.id() {
        let late = bed.approve(&other, &second).await.expect_err("it is another object by now");
        assert!(matches!(late, NotDone::Changed(_)), "{late}");
    }
    assert_eq!(changes(&bed.living.writes()).len(), 1);
}

#[tokio::test]
async fn what_is_gone_needs_nobody() {
    for is_made_anew in [false, true] {
        let bed = Bed::new().await;
        bed.api();
        let process = bed.process().await;
        let shown = bed.apply(&process, SCALE).await.expect("it is carried out");
        let gone = http::Request::delete(API).body(Vec::new()).expect("a request");
        bed.living.client().request::<serde_json::Value>(gone).await.expect("it is deleted");
        bed.living.settle();
        if is_made_anew {
            bed.api();
        }
        let failed = bed.tend(&process, &shown).await;
        is(&failed, RemediationStatus::Failed);
        assert!(failed.outcome().is_some_and(|outcome| outcome.contains("is gone")), "{:?}", failed.outcome());
        assert!(remediate::standing(&process).await.expect("the store answers").paused.is_none());
        bed.audit_is_whole().await;
    }
}

#[tokio::test]
async fn an_approval_while_somebody_looks_after_the_target_is_no_refusal() {
    let bed = Bed::new().await;
    bed.api();
    let process = bed.process().await;
    let shown = bed.propose(&process, SCALE).await.expect("it is proposed");
    let leases = bed.store.store.leases();
    let until = bed.now() + jiff::SignedDuration::from_mins(1);
    assert!(leases.acquire("remediate deployment/shop/api", "another", until, bed.now()).await.expect("the store answers"));
    is(&bed.approve(&process, &shown).await.expect("it is decided"), RemediationStatus::Approved);
    leases.release("remediate deployment/shop/api", "another").await.expect("the store answers");
    bed.tend(&process, &shown).await;
    is(&bed.tend(&process, &shown).await, RemediationStatus::Verified);
    assert_eq!(changes(&bed.living.writes()).len(), 1);
}
