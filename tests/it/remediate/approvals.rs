//! An approval names what was seen, lives for minutes, works once, and says who.

use faultline::{
    domain::{audit::AuditKind, remediation::RemediationStatus},
    pipeline::remediate::{self, NotDone},
    remediate::{Mode, RemediateSettings},
};

use super::bed::{Bed, POLICY, changes, is};

const RESTART: &str = "kubectl rollout restart deployment/api -n shop";

#[tokio::test]
async fn an_approval_that_saw_something_else_is_refused() {
    let bed = Bed::new().await;
    bed.api();
    let process = bed.process().await;
    let shown = bed.propose(&process, RESTART).await.expect("it is proposed");
    let other = remediate::approve(&process, shown.id(), "0199-ab", "grace", bed.now()).await;
    assert!(matches!(other, Err(NotDone::NotSeen)), "{other:?}");
    bed.approve(&process, &shown).await.expect("it is carried out");
    assert!(matches!(remediate::read(&process, "0199-ab").await, Err(NotDone::NotFound)));
}

#[tokio::test]
async fn an_approval_comes_in_time_or_not_at_all() {
    let bed = Bed::new().await;
    bed.api();
    let process = bed.process().await;
    let shown = bed.propose(&process, RESTART).await.expect("it is proposed");
    bed.later(15 * 60 + 1);
    let late = bed.approve(&process, &shown).await;
    assert!(matches!(late, Err(NotDone::Expired)), "{late:?}");
    remediate::tend(&process, bed.now()).await.expect("the store answers");
    is(&bed.read(&process, shown.id()).await, RemediationStatus::Expired);
    assert!(changes(&bed.living.writes()).is_empty());
}

#[tokio::test]
async fn a_rejected_proposal_stays_rejected() {
    let bed = Bed::new().await;
    bed.api();
    let process = bed.process().await;
    let shown = bed.propose(&process, RESTART).await.expect("it is proposed");
    let rejected =
        remediate::reject(&process, shown.id(), shown.etag(), "grace", "not today", bed.now()).await.expect("rejected");
    is(&rejected, RemediationStatus::Rejected);
    assert!(matches!(bed.approve(&process, &shown).await, Err(NotDone::Changed(_))));
    assert!(bed.timeline(&shown).await.contains(&"approval: rejected: not today".to_owned()));
}

#[tokio::test]
async fn four_eyes_are_two_people() {
    let settings = RemediateSettings { remediation_mode: Mode::Approve, require_four_eyes: true, ..RemediateSettings::default() };
    let bed = Bed::with(settings, POLICY).await;
    bed.api();
    let process = bed.process().await;
    let shown = bed.propose(&process, RESTART).await.expect("it is proposed");
    let own = remediate::approve(&process, shown.id(), shown.etag(), "ada", bed.now()).await;
    assert!(matches!(own, Err(NotDone::FourEyes)), "{own:?}");
    bed.approve(&process, &shown).await.expect("grace did not ask for it");
}

#[tokio::test]
async fn of_two_who_approve_at_once_one_does() {
    let bed = Bed::new().await;
    bed.api();
    let (one, other) = (bed.process().await, bed.process().await);
    let shown = bed.propose(&one, RESTART).await.expect("it is proposed");
    let (first, second) = tokio::join!(bed.approve(&one, &shown), bed.approve(&other, &shown));
    assert_eq!(usize::from(first.is_ok()) + usize::from(second.is_ok()), 1, "{first:?} {second:?}");
    assert_eq!(changes(&bed.living.writes()).len(), 1);
}

#[tokio::test]
async fn of_one_target_one_is_in_work() {
    let bed = Bed::new().await;
    bed.api();
    let process = bed.process().await;
    let first = bed.propose(&process, RESTART).await.expect("it is proposed");
    let second = bed.propose(&process, "kubectl scale deployment/api --replicas=4 -n shop").await.expect("it is another wish");
    bed.living.freeze();
    is(&bed.approve(&process, &first).await.expect("it is carried out"), RemediationStatus::Applied);
    let busy = bed.approve(&process, &second).await;
    assert!(matches!(busy, Err(NotDone::Busy(_))), "{busy:?}");
    let busy = bed.propose(&process, "kubectl rollout pause deployment/api -n shop").await;
    assert!(matches!(busy, Err(NotDone::Busy(_))), "{busy:?}");
}

#[tokio::test]
async fn paused_means_that_nothing_begins_and_what_began_ends() {
    let bed = Bed::new().await;
    bed.api();
    let (process, other) = (bed.process().await, bed.process().await);
    let first = bed.apply(&process, RESTART).await.expect("it is carried out");
    remediate::pause(&other, "a release is under way", "grace", bed.now()).await.expect("it is paused");
    is(&bed.tend(&process, &first).await, RemediationStatus::Verified);
    let shown = bed.propose(&process, "kubectl scale deployment/api --replicas=4 -n shop").await.expect("showing is no doing");
    let paused = bed.approve(&process, &shown).await.expect_err("it is paused in every process");
    assert!(matches!(&paused, NotDone::Paused(why) if why.contains("a release is under way")), "{paused}");
    remediate::resume(&process, "grace", bed.now()).await.expect("it goes on");
    bed.approve(&process, &shown).await.expect("it is carried out");
}

#[tokio::test]
async fn a_config_map_pauses_as_well() {
    let settings = RemediateSettings {
        remediation_mode: Mode::Approve,
        remediation_pause_configmap: Some("ops/brake".to_owned()),
        ..RemediateSettings::default()
    };
    let bed = Bed::with(settings, POLICY).await;
    bed.api();
    let process = bed.process().await;
    let shown = bed.propose(&process, RESTART).await.expect("it is proposed");
    bed.living.object("ConfigMap", "ops", "brake", serde_json::json!({})).annotation("faultline.io/paused", "true").create();
    assert!(matches!(bed.approve(&process, &shown).await, Err(NotDone::Paused(_))));
    bed.living.deny("get", "configmaps", "ops");
    assert!(matches!(bed.approve(&process, &shown).await, Err(NotDone::Paused(_))), "a switch that is not seen is off");
}

#[tokio::test]
async fn the_audit_log_says_who_did_what_and_on_whose_word() {
    let bed = Bed::new().await;
    bed.api();
    let process = bed.process().await;
    let shown = bed.apply(&process, RESTART).await.expect("it is carried out");
    bed.tend(&process, &shown).await;
    let rows = bed.store.store.audit().list(50, None).await.expect("it is read");
    let begun: Vec<String> = rows
        .iter()
        .rev()
        .filter(|row| row.kind == AuditKind::Begun)
        .map(|row| format!("{} {} {}", row.actor, row.action, row.target))
        .collect();
    assert_eq!(
        begun,
        [
            "ada rollout-restart deployment/shop/api",
            "grace approve deployment/shop/api",
            "grace rollout-restart deployment/shop/api"
        ]
    );
    assert!(rows.iter().any(|row| row.details.contains("\"rule\":\"shop\"") && row.details.contains("\"phase\":\"apply\"")));
    bed.audit_is_whole().await;
}
