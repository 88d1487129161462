//! A wish on its way to a proposal: equal ones, and those that come to nothing.

use std::time::Duration;

use faultline::{
    domain::incident::IncidentFilter,
    incidents::Listed,
    pipeline::remediate::{self, NotDone, Wish},
};
use serde_json::json;

use super::{
    bed::{Bed, changes},
    door::{Door, text},
};
use crate::support::living::Fault;

const RESTART: &str = "kubectl rollout restart deployment/api -n shop";
const SCALE: &str = "kubectl scale deployment/api --replicas=4 -n shop";

/// Incidents that there are.
async fn incidents(bed: &Bed) -> usize {
    let all = Listed { limit: 10, after: None };
    bed.store.store.incidents().list(&IncidentFilter::default(), &all).await.expect("the store answers").incidents.len()
}

#[tokio::test]
async fn the_same_wish_of_two_replicas_at_one_time_is_one_proposal() {
    let bed = Bed::new().await;
    bed.api();
    // Both have looked before either has kept anything.
    bed.living.clone().with("patch", "*", Fault::Slow(Duration::from_millis(500)));
    let (one, other) = (bed.process().await, bed.process().await);
    let (first, second) = tokio::join!(bed.propose(&one, RESTART), bed.propose(&other, RESTART));
    let (first, second) = (first.expect("it is proposed"), second.expect("it is proposed"));
    assert_eq!((first.id(), first.etag()), (second.id(), second.etag()));
    assert_eq!(incidents(&bed).await, 1);
    let told = bed.timeline(&first).await;
    assert_eq!(told.iter().filter(|line| line.starts_with("proposal: ")).count(), 1, "{told:#?}");
    bed.audit_is_whole().await;
    let (another, third) = tokio::join!(bed.propose(&one, SCALE), bed.propose(&other, RESTART));
    assert_ne!(another.expect("it is another").id(), first.id());
    assert_eq!(third.expect("it waits").id(), first.id());
}

#[tokio::test]
async fn a_wish_that_comes_to_nothing_opens_no_incident() {
    let door = Door::new().await;
    let restart = json!({"command": RESTART});
    assert_eq!(door.propose(&restart).await.status, 409, "there is no such deployment");
    door.bed.api();
    for code in [403, 422, 500] {
        door.bed.living.fail_next("patch", "*", Fault::Status(code));
        let refused = door.propose(&restart).await;
        assert_eq!(refused.problem().1, "cluster-refused", "{code}");
    }
    assert_eq!(door.app.get("/incidents").await.json()["incidents"], json!([]));
    door.bed.audit_is_whole().await;
    assert!(changes(&door.bed.living.writes()).is_empty());

    let made = door.proposed(RESTART).await;
    let incident = door.app.get(&format!("/incidents/{}", text(&made, "incident_id"))).await.json();
    assert_eq!(incident["status"], "open");
    assert_eq!(incidents(&door.bed).await, 1);
}

#[tokio::test]
async fn a_wish_for_a_named_incident_needs_it_to_be_there() {
    let bed = Bed::new().await;
    bed.api();
    let process = bed.process().await;
    let action = remediate::action_of(RESTART, None).expect("an action");
    let wish = Wish {
        action,
        command: None,
        requested_by: "ada".to_owned(),
        incident_id: Some("019c75a1-5b40-7d2e-8a53-6b1f0c9d2e47".to_owned()),
        request_id: None,
    };
    let refused = remediate::propose(&process, &wish, bed.now()).await;
    assert!(matches!(refused, Err(NotDone::NoIncident)), "{refused:?}");
    assert_eq!(incidents(&bed).await, 0);
}
