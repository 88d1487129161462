//! A process that dies at any point leaves nothing that the next one does not end.

use faultline::{
    domain::{incident::Status, remediation::RemediationStatus},
    incidents::Told,
    pipeline::remediate,
};

use super::bed::{Bed, changes, is, meant, until_death};
use crate::support::living::{Fault, Moment};

const COMMANDS: [&str; 4] = [
    "kubectl rollout restart deployment/api -n shop",
    "kubectl scale deployment/api --replicas=4 -n shop",
    "kubectl set resources deployment/api -c app --limits=memory=512Mi -n shop",
    "kubectl delete pods --field-selector=status.phase=Failed -n shop",
];

/// The lease of a dead process is over after two minutes.
const LEASE: i64 = 121;

#[tokio::test]
async fn killed_at_the_change_it_is_ended_by_the_next_process() {
    for command in COMMANDS {
        for (moment, ends) in [(Moment::Before, RemediationStatus::Failed), (Moment::After, RemediationStatus::Verified)] {
            let bed = Bed::new().await;
            bed.api();
            bed.living.failed_pod("shop", "api");
            let process = bed.process().await;
            let shown = bed.propose(&process, command).await.expect("it is proposed");
            let death = bed.living.kill(moment, 1);
            assert!(until_death(death, bed.approve(&process, &shown)).await.is_none(), "{command}");
            drop(process);
            let next = bed.process().await;
            is(&bed.tend(&next, &shown).await, RemediationStatus::Applying);
            bed.later(LEASE);
            for _ in 0..2 {
                bed.tend(&next, &shown).await;
            }
            is(&bed.read(&next, shown.id()).await, ends);
            assert_eq!(changes(&bed.living.writes()).len(), 1, "{command}: it is not done twice");
            bed.later(3600);
            remediate::tend(&next, bed.now()).await.expect("the store answers");
            bed.audit_is_whole().await;
        }
    }
}

#[tokio::test]
async fn killed_between_decision_and_change_it_is_carried_out_once_by_the_next() {
    let bed = Bed::new().await;
    bed.api();
    let process = bed.process().await;
    let shown = bed.propose(&process, COMMANDS[1]).await.expect("it is proposed");
    // It was decided, and the process died before it did anything.
    bed.store
        .store
        .remediations()
        .approve(shown.id(), shown.etag(), "grace", &Told::default(), bed.now())
        .await
        .expect("the store answers");
    drop(process);
    let (one, other) = (bed.process().await, bed.process().await);
    let (first, second) = tokio::join!(remediate::tend(&one, bed.now()), remediate::tend(&other, bed.now()));
    first.and(second).expect("the store answers");
    bed.tend(&one, &shown).await;
    is(&bed.tend(&other, &shown).await, RemediationStatus::Verified);
    assert_eq!(changes(&bed.living.writes()).len(), 1);
}

#[tokio::test]
async fn killed_while_it_is_verified_the_next_process_verifies_it() {
    let bed = Bed::new().await;
    bed.api();
    let process = bed.process().await;
    bed.living.freeze();
    let shown = bed.apply(&process, COMMANDS[1]).await.expect("it is carried out");
    is(&bed.tend(&process, &shown).await, RemediationStatus::Applied);
    drop(process);
    bed.living.thaw();
    let next = bed.process().await;
    is(&bed.tend(&next, &shown).await, RemediationStatus::Verified);
}

#[tokio::test]
async fn killed_while_it_is_undone_the_next_process_undoes_it() {
    for moment in [Moment::Before, Moment::After] {
        let bed = Bed::new().await;
        let before = bed.api();
        let process = bed.process().await;
        bed.living.freeze();
        let shown = bed.apply(&process, COMMANDS[1]).await.expect("it is carried out");
        bed.later(600);
        let death = bed.living.kill(moment, 1);
        assert!(until_death(death, remediate::tend(&process, bed.now())).await.is_none());
        drop(process);
        bed.later(LEASE);
        let next = bed.process().await;
        is(&bed.tend(&next, &shown).await, RemediationStatus::Undone);
        assert_eq!(meant(&bed.deployment()), meant(&before));
        bed.later(3600);
        remediate::tend(&next, bed.now()).await.expect("the store answers");
        bed.audit_is_whole().await;
    }
}

/// A store that breaks off where a step is told is as good as a death there.
const NO_HISTORY: &str = "CREATE TRIGGER no_history BEFORE INSERT ON timeline BEGIN SELECT RAISE(ABORT, 'no'); END";

#[tokio::test]
async fn a_step_and_what_is_told_of_it_are_kept_together_or_not_at_all() {
    let ends = [
        (RemediationStatus::Verified, "verified: "),
        (RemediationStatus::Undone, "undone: "),
        (RemediationStatus::Stuck, "note: stuck, a person is needed"),
    ];
    for (end, line) in ends {
        let bed = Bed::new().await;
        bed.api();
        let process = bed.process().await;
        if end != RemediationStatus::Verified {
            bed.living.freeze();
        }
        let shown = bed.apply(&process, COMMANDS[1]).await.expect("it is carried out");
        if end == RemediationStatus::Stuck {
            bed.living.clone().with("patch", "*", Fault::Status(403));
        }
        bed.later(600);
        bed.store.execute(NO_HISTORY).await.expect("the store takes it");
        is(&bed.tend(&process, &shown).await, RemediationStatus::Applied);
        bed.store.execute("DROP TRIGGER no_history").await.expect("the store takes it");
        drop(process);
        bed.later(LEASE);
        let next = bed.process().await;
        is(&bed.tend(&next, &shown).await, end);
        let timeline = bed.timeline(&shown).await;
        assert_eq!(timeline.iter().filter(|told| told.starts_with(line)).count(), 1, "{timeline:#?}");
        let shown = serde_json::to_value(&shown).expect("it is plain");
        let incident = shown["incident_id"].as_str().expect("it belongs to an incident");
        let incident =
            bed.store.store.incidents().read(incident).await.expect("the store answers").expect("it is there").incident;
        assert_eq!(incident.status == Status::Mitigated, end == RemediationStatus::Verified);
        bed.audit_is_whole().await;
    }
}
