//! What alerts have in common is diagnosed once, and every one of them is counted.

use faultline::{
    domain::{incident::EntryKind, symptom::Severity},
    pipeline::alerts::work::Diagnosed,
};
use serde_json::{Value, json};

use super::bed::{Alerting, diagnoses, firing, killed, later, pod};

pub async fn a_storm_of_one_cause_is_one_diagnosis(alerting: Alerting) {
    let alerts: Vec<Value> = (0..1000).map(|number| killed(&pod("cart", number))).collect();
    for some in alerts.chunks(250) {
        assert_eq!(alerting.send(some).await["accepted"], 250);
    }
    assert_eq!(diagnoses(&alerting.work().await), 1);
    let incident = alerting.incident().await;
    assert_eq!((incident.category.as_str(), incident.target.to_string()), ("OOMKilled", "deployment/shop/cart".to_owned()));
    assert_eq!((incident.alerts, incident.diagnoses), (1000, 1));
    let told = alerting.timeline(&incident.id).await;
    let of_alerts: Vec<_> = told.iter().filter(|entry| entry.kind == EntryKind::Alert).collect();
    assert_eq!(of_alerts.len(), 22, "ten and a line for the rest, in two rounds");
    assert!(of_alerts.iter().any(|entry| entry.summary == "490 more alerts of the same cause"), "{of_alerts:?}");
    assert_eq!(of_alerts[0].actor.as_deref(), Some("alertmanager"));
    assert_eq!(alerting.waiting().await, 0);
}

pub async fn each_cause_is_diagnosed_once(alerting: Alerting) {
    let causes = [
        killed(&pod("cart", 1)),
        killed(&pod("orders", 1)),
        killed(&pod("cart", 2)),
        firing("VolumeFillsUp", json!({"namespace": "shop", "persistentvolumeclaim": "data-0"})),
        firing("NodeAway", json!({"node": "worker-3", "severity": "critical"})),
        killed(&pod("orders", 2)),
    ];
    // Each in a group of its own, as Alertmanager does when it groups by nothing they share.
    for (number, alert) in causes.iter().enumerate() {
        let mut one = super::bed::notification(std::slice::from_ref(alert));
        one["groupKey"] = json!(format!("group {number}"));
        assert_eq!(alerting.app.post(super::bed::PATH, &one).await.status, 202);
    }
    assert_eq!(diagnoses(&alerting.work().await), 4);
    let incidents = alerting.incidents().await;
    let mut shown: Vec<String> = incidents.iter().map(|one| format!("{} {} {}", one.target, one.category, one.alerts)).collect();
    shown.sort();
    assert_eq!(
        shown,
        [
            "deployment/shop/cart OOMKilled 2",
            "deployment/shop/orders OOMKilled 2",
            "node/worker-3 Unknown 1",
            "pvc/shop/data-0 Unknown 1"
        ]
    );
}

pub async fn alerts_of_one_group_about_one_thing_are_one_cause(alerting: Alerting) {
    let restarts = firing("CartRestarts", json!({"namespace": "shop", "deployment": "cart"}));
    alerting.send(&[killed(&pod("cart", 1)), restarts.clone()]).await;
    assert_eq!(diagnoses(&alerting.work().await), 1);
    assert_eq!(alerting.incident().await.alerts, 2);
    // In another group it is a cause of its own by its name.
    let mut elsewhere = super::bed::notification(&[firing("CartSlow", json!({"namespace": "shop", "deployment": "cart"}))]);
    elsewhere["groupKey"] = json!("another");
    alerting.app.post(super::bed::PATH, &elsewhere).await;
    let rounds = alerting.work().await;
    assert_eq!(rounds.iter().map(|round| round.diagnosed).collect::<Vec<_>>(), [Some(Diagnosed::Unknown)]);
    assert_eq!(alerting.incident().await.alerts, 3, "nothing explains it, and its target has an open incident");
}

pub async fn a_repeat_is_counted_and_after_ten_minutes_diagnosed_again(alerting: Alerting) {
    let alert = killed(&pod("cart", 1));
    let first = alerting.send(std::slice::from_ref(&alert)).await;
    assert_eq!(first["alerts"][0]["incident_id"], Value::Null, "nobody looked at it yet");
    assert_eq!(diagnoses(&alerting.work().await), 1);
    let incident = alerting.incident().await;
    for minutes in [5, 9] {
        let again = alerting.send(std::slice::from_ref(&alert)).await;
        assert_eq!(again["alerts"][0]["incident_id"], incident.id);
        assert_eq!(diagnoses(&alerting.work_at(later(minutes)).await), 0, "after {minutes} minutes");
    }
    alerting.send(&[alert]).await;
    assert_eq!(diagnoses(&alerting.work_at(later(11)).await), 1);
    let incident = alerting.incident().await;
    assert_eq!((incident.alerts, incident.diagnoses), (4, 2));
}

pub async fn what_nobody_can_explain_is_an_incident_all_the_same(alerting: Alerting) {
    let mut alert = firing("OrdersTooFew", json!({"namespace": "shop", "deployment": "orders", "severity": "critical"}));
    alert["annotations"] = json!({"summary": "Fewer orders than on any Friday"});
    alerting.send(&[alert]).await;
    let rounds = alerting.work().await;
    assert_eq!(rounds[0].diagnosed, Some(Diagnosed::Unknown));
    let incident = alerting.incident().await;
    assert_eq!((incident.category.as_str(), incident.severity), ("Unknown", Severity::Critical));
    assert_eq!(
        (incident.title.as_str(), incident.target.to_string()),
        ("Fewer orders than on any Friday", "deployment/shop/orders".to_owned())
    );
    assert_eq!(incident.started_at.to_string(), "2026-02-19T09:55:00Z", "as the alert says");
    assert_eq!((incident.alerts, incident.diagnoses), (1, 1));
    let read = alerting.app.get(&format!("/incidents/{}", incident.id)).await.json();
    crate::http::contract::conforms("IncidentDetail", &read);
    assert_eq!(read["diagnosis"]["error_category"], "Unknown");
}

pub async fn an_alert_without_a_target_has_an_incident_of_its_own(alerting: Alerting) {
    let queue = firing("PaymentsPending", json!({"queue": "payments", "severity": "info"}));
    alerting.send(&[queue, firing("PaymentsPending", json!({"queue": "refunds", "severity": "info"}))]).await;
    assert_eq!(diagnoses(&alerting.work().await), 1);
    let incident = alerting.incident().await;
    assert_eq!((incident.target.to_string(), incident.severity), ("alert/PaymentsPending".to_owned(), Severity::Low));
    assert_eq!(incident.alerts, 2);
}
