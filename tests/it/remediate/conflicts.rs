//! What changed since it was shown is not touched; what the server refuses changes nothing.

use faultline::{domain::remediation::RemediationStatus, pipeline::remediate::NotDone};

use super::bed::{API, Bed, changes, is};
use crate::support::living::Fault;

const RESTART: &str = "kubectl rollout restart deployment/api -n shop";
const SCALE: &str = "kubectl scale deployment/api --replicas=4 -n shop";

#[tokio::test]
async fn an_object_that_changed_since_the_proposal_is_left_alone() {
    type Edit = fn(&mut serde_json::Value);
    let edits: [(&str, Edit); 3] = [
        ("the size", |object| object["spec"]["replicas"] = 5.into()),
        ("the template", |object| object["spec"]["template"]["metadata"]["labels"]["x"] = "y".into()),
        ("a label", |object| object["metadata"]["labels"]["team"] = "b".into()),
    ];
    for (what, edit) in edits {
        let bed = Bed::new().await;
        bed.api();
        let process = bed.process().await;
        let shown = bed.propose(&process, RESTART).await.expect("it is proposed");
        bed.living.edit(API, edit);
        let changed = bed.deployment();
        let refused = bed.approve(&process, &shown).await.expect_err(what);
        assert!(matches!(refused, NotDone::Changed(_)), "{what}: {refused}");
        is(&bed.read(&process, shown.id()).await, RemediationStatus::Failed);
        assert_eq!(bed.deployment(), changed, "{what}");
        bed.audit_is_whole().await;
    }
}

#[tokio::test]
async fn an_object_that_was_made_anew_is_another() {
    let bed = Bed::new().await;
    bed.api();
    let process = bed.process().await;
    let shown = bed.propose(&process, SCALE).await.expect("it is proposed");
    let gone = http::Request::delete(API).body(Vec::new()).expect("a request");
    bed.living.client().request::<serde_json::Value>(gone).await.expect("it is deleted");
    bed.living.settle();
    bed.api();
    let refused = bed.approve(&process, &shown).await.expect_err("it has another uid");
    assert!(matches!(refused, NotDone::Changed(_)), "{refused}");
    assert_eq!(bed.deployment()["spec"]["replicas"], 3);
}

#[tokio::test]
async fn a_status_that_moved_meanwhile_is_no_change_of_mind() {
    for command in [RESTART, SCALE] {
        let bed = Bed::new().await;
        bed.api();
        let process = bed.process().await;
        let shown = bed.propose(&process, command).await.expect("it is proposed");
        bed.living.fail_next("patch", "/apis/apps/v1/namespaces/shop/deployments/api*", Fault::ConflictOnce);
        is(&bed.approve(&process, &shown).await.expect("it is tried again"), RemediationStatus::Applied);
        is(&bed.tend(&process, &shown).await, RemediationStatus::Verified);
    }
}

#[tokio::test]
async fn what_the_server_does_not_accept_is_not_even_proposed() {
    for code in [403, 422, 429] {
        let bed = Bed::new().await;
        let before = bed.api();
        let process = bed.process().await;
        bed.living.fail_next("patch", "*", Fault::Status(code));
        let refused = bed.propose(&process, RESTART).await.expect_err("the rehearsal fails");
        assert!(matches!(refused, NotDone::Rejected(_)), "{code}: {refused}");
        assert_eq!(bed.deployment(), before);
        bed.audit_is_whole().await;
    }
}

#[tokio::test]
async fn a_refusal_at_the_last_moment_changes_nothing() {
    for code in [403, 409, 422, 429] {
        let bed = Bed::new().await;
        let before = bed.api();
        let process = bed.process().await;
        let shown = bed.propose(&process, RESTART).await.expect("it is proposed");
        // A conflict is tried again a few times.
        for _ in 0..4 {
            bed.living.fail_next_change("patch", "*", Fault::Status(code));
        }
        let refused = bed.approve(&process, &shown).await.expect_err("it is refused");
        assert!(matches!(refused, NotDone::Rejected(_) | NotDone::Changed(_)), "{code}: {refused}");
        is(&bed.read(&process, shown.id()).await, RemediationStatus::Failed);
        assert_eq!(bed.deployment(), before, "{code}");
        bed.audit_is_whole().await;
    }
}

#[tokio::test]
async fn an_eviction_that_a_budget_blocks_is_not_tried_again() {
    let bed = Bed::new().await;
    bed.api();
    let process = bed.process().await;
    let name = bed.pods()[0]["metadata"]["name"].as_str().expect("a name").to_owned();
    let target = faultline::domain::object::ObjectRef::new(faultline::domain::object::Kind::Pod, Some("shop"), &name);
    let action = faultline::domain::action::Action { target, change: faultline::domain::action::Change::EvictPod };
    let shown = bed.wish(&process, action, None).await.expect("it is proposed");
    bed.living.pdb("shop", "guard", "api", serde_json::json!({"minAvailable": 3})).create();
    let blocked = bed.approve(&process, &shown).await.expect_err("the budget has no room");
    assert!(blocked.to_string().contains("disruption budget"), "{blocked}");
    assert!(changes(&bed.living.writes()).is_empty(), "it failed in the rehearsal");
}

#[tokio::test]
async fn an_answer_that_got_lost_is_looked_up() {
    for (fault, ends) in [(Fault::LostAnswer, RemediationStatus::Verified), (Fault::Status(500), RemediationStatus::Failed)] {
        let bed = Bed::new().await;
        bed.api();
        let process = bed.process().await;
        let shown = bed.propose(&process, SCALE).await.expect("it is proposed");
        bed.living.fail_next_change("patch", "*", fault);
        is(&bed.approve(&process, &shown).await.expect("nobody knows yet"), RemediationStatus::Applying);
        bed.living.heal();
        let mut now = bed.tend(&process, &shown).await;
        if now.status() == RemediationStatus::Applied {
            now = bed.tend(&process, &shown).await;
        }
        is(&now, ends);
        bed.audit_is_whole().await;
    }
}
