//! An incident ends with the last alert that fires for it.

use faultline::domain::incident::{EntryKind, Status};
use serde_json::json;

use super::bed::{Alerting, diagnoses, firing, killed, later, over, pod};
use crate::store::bed::entry;

pub async fn the_last_alert_that_ends_resolves_the_incident(alerting: Alerting) {
    let (one, other) = (killed(&pod("cart", 1)), killed(&pod("cart", 2)));
    alerting.send(&[one.clone(), other.clone()]).await;
    alerting.work().await;
    let ended = alerting.send(&[over(&one)]).await;
    assert_eq!(ended["alerts"][0]["status"], "resolved");
    let rounds = alerting.work().await;
    assert_eq!((rounds[0].fired, rounds[0].ended, rounds[0].diagnosed), (0, 1, None));
    assert_eq!(alerting.incident().await.status, Status::Open, "another still fires");
    alerting.send(&[over(&other)]).await;
    alerting.work_at(later(3)).await;
    let incident = alerting.incident().await;
    assert_eq!(incident.status, Status::Resolved);
    assert!(incident.resolution_seconds.expect("it ended") > 100.0);
    assert_eq!(incident.alerts, 2, "an end is no alert more");
    let history = alerting.history(&incident.id).await;
    let ends = [("alert", "CartKilled: is over"), ("resolved", "the last alert of it is over")];
    assert_eq!(history[history.len() - 2..], ends.map(|(kind, text)| (kind, text.to_owned())));
    // Said twice it is over once.
    alerting.send(&[over(&other)]).await;
    alerting.work().await;
    assert_eq!(alerting.history(&incident.id).await, history);
}

pub async fn an_alert_that_ends_before_it_is_looked_at_is_told(alerting: Alerting) {
    let brief = firing("OrdersTooFew", json!({"namespace": "shop", "deployment": "orders"}));
    assert_eq!(alerting.send(std::slice::from_ref(&brief)).await["alerts"][0]["status"], "queued");
    alerting.send(&[over(&brief)]).await;
    assert_eq!(alerting.waiting().await, 1, "its end takes its place");
    assert_eq!(diagnoses(&alerting.work().await), 0);
    let incident = alerting.incident().await;
    assert_eq!((incident.status, incident.alerts, incident.diagnoses), (Status::Resolved, 1, 0));
    let told = alerting.timeline(&incident.id).await;
    assert_eq!(told[0].summary, "OrdersTooFew: fired and was over before it was looked at: OrdersTooFew of something");
    let details: serde_json::Value = serde_json::from_str(told[0].details.as_deref().expect("details")).expect("JSON");
    assert_eq!(
        (&details["starts_at"], &details["ends_at"]),
        (&json!("2026-02-19T09:55:00.000Z"), &json!("2026-02-19T10:05:00.000Z"))
    );

    // Where its cause has an open incident, it is told there, and that goes on.
    let (one, other) = (killed(&pod("cart", 1)), killed(&pod("cart", 2)));
    alerting.send(std::slice::from_ref(&one)).await;
    alerting.work().await;
    alerting.send(std::slice::from_ref(&other)).await;
    alerting.send(&[over(&other)]).await;
    alerting.work().await;
    let incidents = alerting.incidents().await;
    let cart = incidents.iter().find(|one| one.category.as_str() == "OOMKilled").expect("that of cart");
    assert_eq!((incidents.len(), cart.alerts, cart.status), (2, 2, Status::Open));
}

pub async fn an_end_that_nobody_knows_changes_nothing(alerting: Alerting) {
    alerting.send(&[over(&killed(&pod("cart", 1)))]).await;
    assert_eq!(diagnoses(&alerting.work().await), 0);
    assert!(alerting.incidents().await.is_empty());
    assert_eq!(alerting.waiting().await, 0);
}

pub async fn what_comes_back_soon_is_the_same_incident(alerting: Alerting) {
    let alert = killed(&pod("cart", 1));
    for _ in 0..2 {
        alerting.send(std::slice::from_ref(&alert)).await;
        alerting.work().await;
        alerting.send(&[over(&alert)]).await;
        alerting.work().await;
    }
    let incident = alerting.incident().await;
    assert_eq!((incident.status, incident.reopened, incident.alerts), (Status::Resolved, 1, 2));
}

pub async fn an_alert_of_a_resolved_incident_opens_it_again(alerting: Alerting) {
    let alert = killed(&pod("cart", 1));
    alerting.send(std::slice::from_ref(&alert)).await;
    alerting.work().await;
    let id = alerting.incident().await.id;
    let by_hand = entry(EntryKind::Resolved, "I think that is it");
    alerting.store().incidents().resolve(&id, &by_hand, later(1)).await.expect("it answers");
    let again = alerting.send(&[alert]).await;
    assert_eq!(again["alerts"][0]["incident_id"], serde_json::Value::Null, "no open one");
    assert_eq!(diagnoses(&alerting.work_at(later(2)).await), 1, "somebody thought it was over, and it is not");
    let incident = alerting.incident().await;
    assert_eq!((incident.id, incident.status, incident.reopened), (id, Status::Open, 1));
}
