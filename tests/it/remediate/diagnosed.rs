//! From a question about a workload that crashes to an incident that is mitigated, over HTTP.

use faultline::{
    domain::remediation::RemediationStatus,
    incidents::Told,
    pipeline::remediate,
    remediate::{Mode, RemediateSettings},
};
use serde_json::json;

use super::{
    bed::{Bed, LOOSE, changes, is},
    door::{Door, text},
};
use crate::{http::contract::conforms, support::living::Trouble};

#[tokio::test]
async fn a_crashing_workload_is_diagnosed_restarted_verified_and_its_incident_mitigated() {
    let door = Door::new().await;
    door.bed.api();
    door.bed.living.template_trouble(|template| {
        let is_restarted = template["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"].is_string();
        (!is_restarted).then_some(Trouble::Crashes)
    });
    let asked =
        json!({"error_message": "Back-off restarting failed container app", "namespace": "shop", "deployment_name": "api"});
    let diagnosis = door.app.post("/diagnose", &asked).await.json();
    conforms("Diagnosis", &diagnosis);
    let command = diagnosis["fix_commands"].as_array().expect("commands").iter().find(|one| {
        one["remediation_id"].is_string() && one["command"].as_str().is_some_and(|command| command.contains("rollout restart"))
    });
    let id = text(command.expect("a restart is proposed"), "remediation_id").to_owned();
    let seen = door.app.get(&format!("/remediations/{id}")).await.json();
    conforms("Remediation", &seen);
    assert_eq!(seen["incident_id"], diagnosis["incident_id"]);
    assert_eq!(text(&seen, "requested_by"), remediate::AUTO);
    assert!(changes(&door.bed.living.writes()).is_empty());

    let applied = door.decide(&seen, "approve").await;
    assert_eq!(applied.json()["status"], "applied", "{}", applied.text());
    assert_eq!(text(&door.tended(&seen).await, "status"), "verified");
    let incident = text(&seen, "incident_id");
    let timeline = door.app.get(&format!("/incidents/{incident}/timeline")).await.json();
    conforms("Timeline", &timeline);
    let of_it: Vec<&str> = timeline["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .filter(|entry| entry["details"]["remediation_id"] == *id)
        .map(|entry| text(entry, "kind"))
        .collect();
    assert_eq!(of_it, ["proposal", "dry_run", "approval", "applied", "verified"]);
    let detail = door.app.get(&format!("/incidents/{incident}")).await.json();
    conforms("IncidentDetail", &detail);
    assert_eq!(text(&detail, "status"), "mitigated");
    door.bed.audit_is_whole().await;
}

#[tokio::test]
async fn two_wishes_of_one_target_stay_two_proposals_however_often_they_are_made() {
    let door = Door::new().await;
    door.bed.api();
    let commands = ["kubectl rollout restart deployment/api -n shop", "kubectl scale deployment/api --replicas=4 -n shop"];
    let mut ids = std::collections::BTreeSet::new();
    for command in [commands, commands, commands].concat() {
        ids.insert(text(&door.proposed(command).await, "id").to_owned());
    }
    assert_eq!(ids.len(), 2);
}

fn auto() -> RemediateSettings {
    RemediateSettings { remediation_mode: Mode::Auto, auto_resume: true, ..RemediateSettings::default() }
}

/// What mode auto decided on, and no process began yet.
async fn left_behind(bed: &Bed) -> remediate::Shown {
    bed.api();
    let process = bed.process().await;
    let shown = bed.propose(&process, "kubectl rollout restart deployment/api -n shop").await.expect("it is proposed");
    let remediations = bed.store.store.remediations();
    remediations
        .approve(shown.id(), shown.etag(), remediate::AUTO, &Told::default(), bed.now())
        .await
        .expect("the store answers");
    shown
}

#[tokio::test]
async fn what_auto_decided_on_is_not_begun_where_auto_is_off_or_waits() {
    let bed = Bed::with(RemediateSettings { remediation_mode: Mode::Approve, ..auto() }, LOOSE).await;
    let shown = left_behind(&bed).await;
    is(&bed.tend(&bed.process().await, &shown).await, RemediationStatus::Failed);
    assert!(changes(&bed.living.writes()).is_empty());

    let bed = Bed::with(RemediateSettings { auto_resume: false, ..auto() }, LOOSE).await;
    let shown = left_behind(&bed).await;
    let process = bed.process().await;
    is(&bed.tend(&process, &shown).await, RemediationStatus::Approved);
    assert!(changes(&bed.living.writes()).is_empty());
    remediate::resume(&process, "grace", bed.now()).await.expect("it goes on");
    bed.tend(&process, &shown).await;
    is(&bed.tend(&process, &shown).await, RemediationStatus::Verified);
}

#[tokio::test]
async fn a_budget_is_given_back_where_nothing_was_begun() {
    let bed = Bed::with(RemediateSettings { auto_cooldown_minutes: 60, ..auto() }, LOOSE).await;
    let shown = left_behind(&bed).await;
    let cooldown = || faultline::incidents::Bound {
        budget: "auto cooldown deployment/shop/api".to_owned(),
        most: 1,
        window: jiff::SignedDuration::from_hours(1),
    };
    let budgets = bed.store.store.budgets();
    let spent = budgets.spend(&[cooldown()], bed.now()).await.expect("the store answers");
    assert_eq!(spent, faultline::incidents::Spent::Yes);
    bed.living.edit(super::bed::API, |object| object["metadata"]["labels"]["team"] = "b".into());
    is(&bed.tend(&bed.process().await, &shown).await, RemediationStatus::Failed);
    let again = budgets.spend(&[cooldown()], bed.now()).await.expect("the store answers");
    assert_eq!(again, faultline::incidents::Spent::Yes, "it can be spent anew");
}

#[tokio::test]
async fn a_request_that_nobody_waits_for_is_done_to_its_end() {
    let door = Door::new().await;
    door.bed.api();
    let made = door.proposed("kubectl rollout restart deployment/api -n shop").await;
    {
        // The client goes away after the first step of the work.
        let deciding = door.decide(&made, "reject");
        tokio::pin!(deciding);
        tokio::select! {
            biased;
            _ = &mut deciding => {}
            () = tokio::task::yield_now() => {}
        }
    }
    // Bounded, since nothing is waited for but the work itself.
    for _ in 0..10_000 {
        let open = door.bed.store.store.audit().unfinished(jiff::Timestamp::MAX).await.expect("it is read");
        let seen = door.app.get(&format!("/remediations/{}", text(&made, "id"))).await.json();
        if open.is_empty() && text(&seen, "status") == "rejected" {
            return;
        }
    }
    panic!("it was left half done");
}
