//! The words of an alert name nothing: what is looked at, its labels say.

use faultline::cluster::Cluster;
use serde_json::{Value, json};

use super::bed::{Alerting, firing};
use crate::{
    store::bed::Bed,
    support::living::{Living, Trouble},
};

/// A shop whose `payments` and `ledger` crash, and a service that looks after it.
async fn shop() -> (Living, Alerting) {
    let living = Living::new();
    living.template_trouble(|_| Some(Trouble::Crashes));
    for name in ["payments", "ledger-api"] {
        living.deployment("shop", name).create();
    }
    living.deployment("quiet", "web").create();
    let alerting = Alerting::with(Bed::sqlite().await, Cluster::of_client(living.client()), 100);
    (living, alerting)
}

fn said(labels: Value, text: &str) -> Value {
    let mut alert = firing("SlowAnswers", labels);
    alert["annotations"] = json!({"summary": text, "description": text});
    alert
}

/// What was asked of the cluster about the shop.
fn asked(living: &Living) -> Vec<String> {
    living.seen().iter().map(|seen| seen.path.clone()).filter(|path| path.contains("/namespaces/shop/")).collect()
}

#[tokio::test]
async fn no_word_of_an_alert_is_taken_for_a_name() {
    for text in ["payments is slow", "The ledger-api answers slowly", "why does `payments` hang, and ledger-api with it"] {
        let (living, alerting) = shop().await;
        alerting.send(&[said(json!({"team": "a"}), text)]).await;
        alerting.work().await;
        let incident = alerting.incident().await;
        assert_eq!(
            (incident.target.to_string(), incident.category.as_str()),
            ("alert/SlowAnswers".to_owned(), "Unknown"),
            "{text}"
        );
        assert!(living.seen().iter().all(|seen| !seen.path.contains("/deployments")), "{text}: {:?}", living.seen());
    }
}

#[tokio::test]
async fn the_namespace_of_a_label_is_looked_at_whole() {
    let (living, alerting) = shop().await;
    // The word names a workload elsewhere, which is not what is unwell here.
    alerting.send(&[said(json!({"namespace": "shop"}), "web is slow")]).await;
    alerting.work().await;
    let asked = asked(&living);
    assert!(!asked.is_empty() && asked.iter().all(|path| !path.ends_with("/web")), "{asked:?}");
    let incident = alerting.incident().await;
    assert_eq!(incident.target.namespace.as_deref(), Some("shop"), "{}", incident.target);
}

#[tokio::test]
async fn a_label_that_names_an_object_is_looked_at() {
    let (living, alerting) = shop().await;
    alerting.send(&[said(json!({"namespace": "shop", "deployment": "payments"}), "ledger-api is slow")]).await;
    alerting.work().await;
    assert_eq!(alerting.incident().await.target.to_string(), "deployment/shop/payments");
    assert!(asked(&living).iter().all(|path| !path.ends_with("/ledger-api")));
}
