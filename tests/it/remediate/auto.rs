//! Mode auto: low risk, proven, allowed, within budgets, one at a time, and not before somebody lets it.

use std::sync::Arc;

use faultline::{
    domain::{diagnosis::Diagnosis, remediation::RemediationStatus, target::Target},
    pipeline::{
        Stages,
        diagnose::{self, Pass, Question},
        remediate::{self, AUTO},
    },
    remediate::{Mode, RemediateSettings},
};

use super::bed::{Bed, LOOSE, POLICY, changes};
use crate::support::living::Trouble;

fn auto() -> RemediateSettings {
    RemediateSettings { remediation_mode: Mode::Auto, auto_resume: true, ..RemediateSettings::default() }
}

/// All pods crash until they are restarted: a restart is what the rules recommend, and what helps.
fn crashing(bed: &Bed) {
    bed.api();
    bed.living.template_trouble(|template| {
        let is_restarted = template["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"].is_string();
        (!is_restarted).then_some(Trouble::Crashes)
    });
}

async fn diagnosed(bed: &Bed, stages: &Arc<Stages>, text: &str, target: Target) -> Diagnosis {
    let mut redaction = stages.redactor.session();
    let question = Question { error_message: redaction.clean(text), target, ..Question::default() };
    diagnose::diagnose(stages, &question, Pass::new("r", bed.now(), redaction)).await
}

fn deployment() -> Target {
    let text = |text: &str| Some(text.to_owned());
    Target { namespace: text("shop"), deployment: text("api"), ..Target::default() }
}

const SAID: &str = "Back-off restarting failed container app";

async fn recommends(bed: &Bed, stages: &Arc<Stages>) -> Diagnosis {
    crashing(bed);
    diagnosed(bed, stages, SAID, deployment()).await
}

#[tokio::test]
async fn a_diagnosis_links_the_proposals_of_its_commands() {
    let bed = Bed::new().await;
    let process = bed.process().await;
    let diagnosis = recommends(&bed, &process).await;
    let linked: Vec<_> = diagnosis.fix_commands.iter().filter(|command| command.remediation_id.is_some()).collect();
    assert!(!linked.is_empty(), "{:#?} {:#?}", diagnosis.fix_commands, diagnosis.gaps);
    let id = linked[0].remediation_id.as_deref().expect("it is linked");
    let shown = bed.read(&process, id).await;
    assert_eq!(shown.status(), RemediationStatus::Proposed);
    let again = diagnosed(&bed, &process, SAID, deployment()).await;
    assert_eq!(again.fix_commands.iter().find_map(|command| command.remediation_id.as_deref()), Some(id));
    assert!(changes(&bed.living.writes()).is_empty());
}

#[tokio::test]
async fn without_a_policy_that_allows_it_a_diagnosis_proposes_nothing() {
    let bed = Bed::with(auto(), "version: 1\nrules: []\n").await;
    let process = bed.process().await;
    let diagnosis = recommends(&bed, &process).await;
    assert!(diagnosis.fix_commands.iter().all(|command| command.remediation_id.is_none()));
    assert!(bed.living.writes().is_empty());
}

/// Diagnoses until nothing is under way any more.
async fn mended(bed: &Bed, stages: &Arc<Stages>) -> Vec<RemediationStatus> {
    recommends(bed, stages).await;
    for _ in 0..4 {
        remediate::tend(stages, bed.now()).await.expect("the store answers");
    }
    let all = remediate::list(stages, &remediate::Filter::default(), 10, None).await.expect("the store answers");
    all.iter().map(remediate::Shown::status).collect()
}

#[tokio::test]
async fn what_is_low_proven_and_allowed_is_done_and_verified_without_a_person() {
    let bed = Bed::with(auto(), LOOSE).await;
    let process = bed.process().await;
    assert!(mended(&bed, &process).await.contains(&RemediationStatus::Verified));
    assert_eq!(changes(&bed.living.writes()), ["patch /apis/apps/v1/namespaces/shop/deployments/api"]);
    let rows = bed.store.store.audit().list(50, None).await.expect("it is read");
    assert!(rows.iter().any(|row| row.actor == AUTO && row.details.contains("\"decision\":\"allow\"")));
    bed.audit_is_whole().await;
}

#[tokio::test]
async fn auto_waits_after_a_start_until_somebody_lets_it() {
    let bed = Bed::with(RemediateSettings { auto_resume: false, ..auto() }, LOOSE).await;
    let process = bed.process().await;
    let diagnosis = recommends(&bed, &process).await;
    assert!(
        diagnosis.gaps.iter().any(|gap| gap.stage == "remediate" && gap.why.contains("/remediations/resume")),
        "{:?}",
        diagnosis.gaps
    );
    assert!(changes(&bed.living.writes()).is_empty());
    remediate::resume(&process, "grace", bed.now()).await.expect("it goes on");
    diagnosed(&bed, &process, SAID, deployment()).await;
    remediate::tend(&process, bed.now()).await.expect("the store answers");
    assert_eq!(changes(&bed.living.writes()).len(), 1);
    // A process that begins later waits again.
    bed.later(60);
    let next = bed.process().await;
    assert!(remediate::standing(&next).await.expect("the store answers").auto_waits.is_some());
}

/// What keeps mode auto from doing it, and the reason that the answer gives.
async fn held_back(bed: &Bed, reason: &str) {
    let process = bed.process().await;
    let diagnosis = recommends(bed, &process).await;
    remediate::tend(&process, bed.now()).await.expect("the store answers");
    assert!(changes(&bed.living.writes()).is_empty(), "{reason}");
    assert!(
        diagnosis.gaps.iter().any(|gap| gap.stage == "remediate" && gap.why.contains(reason)),
        "{reason}: {:?}",
        diagnosis.gaps
    );
}

#[tokio::test]
async fn auto_does_nothing_that_a_person_should_decide() {
    held_back(&Bed::with(auto(), POLICY).await, "the policy wants a person").await;
    held_back(&Bed::with(RemediateSettings { auto_max_pods: 2, ..auto() }, LOOSE).await, "more than 2 pods").await;
    held_back(
        &Bed::with(RemediateSettings { auto_per_cluster_hour: 0, ..auto() }, LOOSE).await,
        "its budget is zero (auto hour cluster)",
    )
    .await;
    held_back(&Bed::with(RemediateSettings { remediation_paused: true, auto_resume: false, ..auto() }, LOOSE).await, "paused")
        .await;
}

#[tokio::test]
async fn what_only_somebody_said_is_no_proof() {
    let bed = Bed::with(auto(), LOOSE).await;
    bed.api();
    let process = bed.process().await;
    diagnosed(&bed, &process, "CrashLoopBackOff: back-off 5m0s restarting failed container, exit code 1", deployment()).await;
    remediate::tend(&process, bed.now()).await.expect("the store answers");
    assert!(changes(&bed.living.writes()).is_empty());
}

/// Diagnoses, and lets what is done for it be undone: the cluster does not get on with it in time.
async fn does_not_help(bed: &Bed, stages: &Arc<Stages>) -> Vec<String> {
    let diagnosis = diagnosed(bed, stages, SAID, deployment()).await;
    bed.living.freeze();
    for _ in 0..3 {
        remediate::tend(stages, bed.now()).await.expect("the store answers");
        bed.later(250);
    }
    remediate::tend(stages, bed.now()).await.expect("the store answers");
    bed.living.thaw();
    diagnosis.gaps.iter().filter(|gap| gap.stage == "remediate").map(|gap| gap.why.clone()).collect()
}

#[tokio::test]
async fn after_two_that_did_not_help_a_person_is_needed() {
    let bed = Bed::with(RemediateSettings { auto_cooldown_minutes: 0, ..auto() }, LOOSE).await;
    crashing(&bed);
    let process = bed.process().await;
    let mut reasons = Vec::new();
    for _ in 0..3 {
        reasons.extend(does_not_help(&bed, &process).await);
    }
    let done = changes(&bed.living.writes());
    assert_eq!(done.len(), 4, "two restarts, each undone: {done:?} {reasons:?}");
    assert!(reasons.iter().any(|reason| reason.contains("did not help within a day")), "{reasons:?}");
}

#[tokio::test]
async fn a_target_that_was_just_changed_cools_down() {
    let bed = Bed::with(RemediateSettings { auto_cooldown_minutes: 60, ..auto() }, LOOSE).await;
    crashing(&bed);
    let process = bed.process().await;
    assert!(does_not_help(&bed, &process).await.is_empty());
    let reasons = does_not_help(&bed, &process).await;
    assert!(reasons.iter().any(|reason| reason.contains("auto cooldown deployment/shop/api")), "{reasons:?}");
}
