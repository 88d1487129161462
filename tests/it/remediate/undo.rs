//! What did not help is undone, and the object is as it was; what cannot be undone is loud.

use faultline::{
    domain::{incident::IncidentFilter, remediation::RemediationStatus, symptom::Severity},
    incidents::Listed,
    pipeline::remediate::{self, NotDone},
};

use super::bed::{API, Bed, is, meant};
use crate::support::living::{Fault, Trouble};

const RESTART: &str = "kubectl rollout restart deployment/api -n shop";
const SCALE: &str = "kubectl scale deployment/api --replicas=4 -n shop";
const MEMORY: &str = "kubectl set resources deployment/api -c app --limits=memory=512Mi -n shop";
const PAUSE: &str = "kubectl rollout pause deployment/api -n shop";

#[tokio::test]
async fn what_is_not_verified_in_time_is_undone_and_the_object_is_as_it_was() {
    for command in [RESTART, SCALE, MEMORY] {
        let bed = Bed::new().await;
        let before = bed.api();
        let process = bed.process().await;
        let shown = bed.propose(&process, command).await.expect("it is proposed");
        bed.living.freeze();
        is(&bed.approve(&process, &shown).await.expect("it is carried out"), RemediationStatus::Applied);
        assert_ne!(meant(&bed.deployment()), meant(&before));
        bed.later(20);
        is(&bed.tend(&process, &shown).await, RemediationStatus::Applied);
        bed.later(600);
        let undone = bed.tend(&process, &shown).await;
        is(&undone, RemediationStatus::Undone);
        assert_eq!(meant(&bed.deployment()), meant(&before), "{command}");
        bed.living.thaw();
        assert_eq!(meant(&bed.deployment()), meant(&before), "{command}");
        assert!(bed.timeline(&shown).await.last().is_some_and(|last| last.starts_with("undone: ")));
        bed.audit_is_whole().await;
    }
}

#[tokio::test]
async fn a_rollout_that_fails_is_undone_at_once() {
    let bed = Bed::new().await;
    let before = bed.api();
    let process = bed.process().await;
    bed.living.template_trouble(|template| {
        let limit = &template["spec"]["containers"][0]["resources"]["limits"]["memory"];
        (limit == "512Mi").then_some(Trouble::Crashes)
    });
    let shown = bed.apply(&process, MEMORY).await.expect("it is carried out");
    is(&bed.tend(&process, &shown).await, RemediationStatus::Undone);
    assert_eq!(meant(&bed.deployment()), meant(&before));
    assert!(bed.pods().iter().filter(|pod| pod["status"]["phase"] == "Running").count() >= 3);
}

#[tokio::test]
async fn an_undone_rollback_is_the_template_of_before() {
    let bed = Bed::new().await;
    bed.api();
    bed.living
        .new_revision("shop", "api", |template| template["spec"]["containers"][0]["image"] = "registry.example/api:2".into());
    let before = bed.deployment();
    let process = bed.process().await;
    let shown = bed.apply(&process, "kubectl rollout undo deployment/api -n shop").await.expect("it is carried out");
    is(&bed.tend(&process, &shown).await, RemediationStatus::Verified);
    is(&remediate::undo(&process, shown.id(), "grace", bed.now()).await.expect("undone"), RemediationStatus::Undone);
    assert_eq!(meant(&bed.deployment()), meant(&before));
}

#[tokio::test]
async fn undoing_twice_is_undoing_once() {
    for command in [RESTART, SCALE, MEMORY, PAUSE] {
        let bed = Bed::new().await;
        let before = bed.api();
        let process = bed.process().await;
        let shown = bed.apply(&process, command).await.expect("it is carried out");
        is(&bed.tend(&process, &shown).await, RemediationStatus::Verified);
        for _ in 0..2 {
            let undone = remediate::undo(&process, shown.id(), "grace", bed.now()).await.expect("undone");
            is(&undone, RemediationStatus::Undone);
        }
        assert_eq!(meant(&bed.deployment()), meant(&before), "{command}");
        bed.audit_is_whole().await;
    }
}

#[tokio::test]
async fn what_ended_cannot_be_had_back() {
    let bed = Bed::new().await;
    bed.api();
    bed.living.failed_pod("shop", "api");
    let process = bed.process().await;
    let command = "kubectl delete pods --field-selector=status.phase=Failed -n shop";
    let shown = bed.apply(&process, command).await.expect("it is carried out");
    is(&bed.tend(&process, &shown).await, RemediationStatus::Verified);
    let refused = remediate::undo(&process, shown.id(), "grace", bed.now()).await;
    assert!(matches!(refused, Err(NotDone::CannotUndo(_))), "{refused:?}");
    let early = bed.propose(&process, RESTART).await.expect("it is proposed");
    assert!(matches!(remediate::undo(&process, early.id(), "grace", bed.now()).await, Err(NotDone::Changed(_))));
}

#[tokio::test]
async fn a_pod_that_does_not_come_back_is_told_and_nothing_more_is_tried() {
    let bed = Bed::new().await;
    bed.api();
    let process = bed.process().await;
    let name = bed.pods()[0]["metadata"]["name"].as_str().expect("a name").to_owned();
    let shown = bed.propose(&process, &format!("kubectl delete pod {name} -n shop")).await.expect("it is proposed");
    bed.living.freeze();
    bed.approve(&process, &shown).await.expect("it is carried out");
    bed.later(181);
    let failed = bed.tend(&process, &shown).await;
    is(&failed, RemediationStatus::Failed);
    assert!(failed.outcome().is_some_and(|outcome| outcome.starts_with("it did not help")), "{:?}", failed.outcome());
}

#[tokio::test]
async fn an_undo_that_fails_is_stuck_critical_and_pauses_everything() {
    let bed = Bed::new().await;
    bed.api();
    let process = bed.process().await;
    let shown = bed.propose(&process, SCALE).await.expect("it is proposed");
    bed.living.freeze();
    bed.approve(&process, &shown).await.expect("it is carried out");
    bed.later(600);
    bed.living.clone().with("patch", "*", Fault::Status(403));
    let stuck = bed.tend(&process, &shown).await;
    is(&stuck, RemediationStatus::Stuck);
    assert!(stuck.outcome().is_some_and(|outcome| outcome.contains("a person is needed")));
    let wanted = Listed { limit: 10, after: None };
    let filter = IncidentFilter { severities: vec![Severity::Critical], ..IncidentFilter::default() };
    let critical = bed.store.store.incidents().list(&filter, &wanted).await.expect("the store answers").incidents;
    assert_eq!(critical.len(), 1);
    let standing = remediate::standing(&process).await.expect("the store answers");
    assert!(standing.paused.is_some_and(|why| why.contains("stuck")));
    bed.audit_is_whole().await;

    // A person mends what stood in the way, and undoes it.
    bed.living.heal();
    is(&remediate::undo(&process, shown.id(), "grace", bed.now()).await.expect("undone"), RemediationStatus::Undone);
    assert_eq!(bed.deployment()["spec"]["replicas"], 3);
}

#[tokio::test]
async fn what_somebody_else_changed_since_is_not_set_back() {
    let bed = Bed::new().await;
    bed.api();
    let process = bed.process().await;
    let shown = bed.apply(&process, SCALE).await.expect("it is carried out");
    bed.living.edit(API, |object| object["spec"]["replicas"] = 7.into());
    let stuck = bed.tend(&process, &shown).await;
    is(&stuck, RemediationStatus::Stuck);
    assert_eq!(bed.deployment()["spec"]["replicas"], 7);
}

#[tokio::test]
async fn a_passing_failure_does_not_keep_it_from_being_undone() {
    for fault in [Fault::ConflictOnce, Fault::Reset, Fault::LostAnswer, Fault::Status(500), Fault::Status(429)] {
        let bed = Bed::new().await;
        let before = bed.api();
        let process = bed.process().await;
        let shown = bed.propose(&process, SCALE).await.expect("it is proposed");
        bed.living.freeze();
        bed.approve(&process, &shown).await.expect("it is carried out");
        bed.later(600);
        bed.living.fail_next("patch", "*", fault);
        is(&bed.tend(&process, &shown).await, RemediationStatus::Undone);
        assert_eq!(meant(&bed.deployment()), meant(&before), "{fault:?}");
        bed.audit_is_whole().await;
    }
}
