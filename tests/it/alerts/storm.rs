//! Many alerts of many causes: each is counted once, each cause is diagnosed once.

use std::collections::BTreeMap;

use serde_json::Value;

use super::bed::{Alerting, diagnoses, killed, over, pod};

pub async fn two_thousand_alerts_of_many_causes(alerting: Alerting) {
    let alerts: Vec<Value> = (0..2000).map(|number| killed(&pod(&format!("app{}", number % 20), number))).collect();
    for some in alerts.chunks(100) {
        alerting.send(some).await;
    }
    assert_eq!(alerting.waiting().await, 2000);
    let rounds = alerting.work().await;
    assert_eq!(diagnoses(&rounds), 20);
    let counted: BTreeMap<String, u64> =
        alerting.incidents().await.into_iter().map(|one| (one.target.to_string(), one.alerts)).collect();
    assert_eq!(counted.len(), 20);
    assert!(counted.values().all(|alerts| *alerts == 100), "{counted:?}");
    assert_eq!(rounds.iter().map(|round| round.waited.len()).sum::<usize>(), 2000);

    for some in alerts.chunks(500) {
        let ends: Vec<Value> = some.iter().map(over).collect();
        alerting.send(&ends).await;
    }
    alerting.work().await;
    assert!(alerting.incidents().await.iter().all(|one| one.resolved_at.is_some()));
    assert_eq!(alerting.waiting().await, 0);
}
