//! Over the whole log of requests: no write without its audit row, its rehearsal and a line of the policy before it, and none that is
//! not in the table.

use faultline::{
    cluster::access::WRITES,
    domain::{
        action::{Action, Change},
        audit::Act,
        object::{Kind, ObjectRef},
        permit::{Clearance, DecidedBy, Permit},
        ruling::Magnitude,
    },
    guard::policy::{Policy, PolicyQuestion},
    pipeline::remediate,
};

use super::bed::{Bed, LOOSE, POLICY};
use crate::support::living::Seen;

#[tokio::test]
async fn every_write_is_preceded_by_its_audit_row_its_rehearsal_and_the_policy() {
    let bed = Bed::new().await;
    bed.api();
    bed.living.failed_pod("shop", "api");
    let process = bed.process().await;
    let pod = bed.pods().into_iter().find(|pod| pod["status"]["phase"] == "Running").expect("a pod that runs");
    let name = pod["metadata"]["name"].as_str().expect("a name").to_owned();
    let action = |kind: Kind, name: &str, change: Change| Action { target: ObjectRef::new(kind, Some("shop"), name), change };
    let actions = [
        action(Kind::Deployment, "api", Change::RolloutRestart),
        action(Kind::Deployment, "api", Change::Scale { replicas: 4 }),
        action(Kind::Deployment, "api", Change::RaiseMemoryLimit { container: "app".to_owned(), limit: "300Mi".to_owned() }),
        action(Kind::Deployment, "api", Change::RolloutUndo { to_revision: None }),
        action(Kind::Deployment, "api", Change::Pause),
        action(Kind::Deployment, "api", Change::Resume),
        action(Kind::Pod, &name, Change::EvictPod),
        action(Kind::Namespace, "shop", Change::DeleteFailedPods),
    ];
    for action in actions {
        let is_pod = action.target.kind == Kind::Pod;
        let action = if is_pod {
            let running = bed.pods().into_iter().find(|pod| pod["status"]["phase"] == "Running").expect("a pod that runs");
            let name = running["metadata"]["name"].as_str().expect("a name").to_owned();
            Action { target: ObjectRef::new(Kind::Pod, Some("shop"), &name), ..action }
        } else {
            action
        };
        let seen_before = bed.living.seen().len();
        let rows_before = bed.store.store.audit().list(1, None).await.expect("it is read").first().map_or(0, |row| row.seq);
        let shown = bed.wish(&process, action.clone(), None).await.unwrap_or_else(|error| panic!("{action}: {error}"));
        let at_approval = bed.living.seen().len();
        bed.approve(&process, &shown).await.unwrap_or_else(|error| panic!("{action}: {error}"));
        bed.tend(&process, &shown).await;
        if !matches!(action.change, Change::EvictPod | Change::DeleteFailedPods) {
            remediate::undo(&process, shown.id(), "grace", bed.now()).await.unwrap_or_else(|error| panic!("{action}: {error}"));
            let again = bed.wish(&process, action.clone(), None).await.unwrap_or_else(|error| panic!("{action}: {error}"));
            bed.approve(&process, &again).await.unwrap_or_else(|error| panic!("{action}: {error}"));
            bed.tend(&process, &again).await;
        }
        let seen = bed.living.seen();
        let real = |one: &&Seen| one.is_write() && !one.dry_run && !one.path.ends_with("/events");
        assert!(!seen[seen_before..at_approval].iter().any(|one| real(&one)), "{action}: proposing changes nothing");
        for (at, write) in seen.iter().enumerate().skip(seen_before).filter(|(_, one)| real(one)) {
            let rehearsed = seen[at_approval..at]
                .iter()
                .any(|one| one.dry_run && (&one.verb, &one.path, &one.body) == (&write.verb, &write.path, &write.body));
            assert!(rehearsed, "{action}: {} {} was not rehearsed", write.verb, write.path);
        }
        let rows = bed.store.store.audit().list(500, None).await.expect("it is read");
        let begun = rows.iter().filter(|row| row.seq > rows_before && row.action == action.change.kind().as_str());
        let applied = begun
            .filter(|row| row.details.contains("\"decision\":\"needs-approval\"") && row.details.contains("\"phase\":\"apply\""));
        assert!(applied.count() >= 1, "{action}: the audit row of the change carries the line of the policy");
    }
    only_writes_of_the_table(&bed.living.seen());
    bed.audit_is_whole().await;
}

#[tokio::test]
async fn a_permit_needs_a_decision_and_its_own_audit_row() {
    let bed = Bed::new().await;
    let restart =
        |name: &str| Action { target: ObjectRef::new(Kind::Deployment, Some("shop"), name), change: Change::RolloutRestart };
    let ruling = |policy: &str, action: &Action| {
        let (labels, magnitude) = (std::collections::BTreeMap::new(), Magnitude { pods: Some(1), ..Magnitude::default() });
        let question = PolicyQuestion { action, labels: &labels, labels_known: true, magnitude, now: bed.now() };
        Policy::load(policy).expect("a policy").judge(&question)
    };
    let row = async |action: &Action| {
        let act = Act {
            actor: "ada".to_owned(),
            action: action.change.kind().as_str().to_owned(),
            target: action.target.to_string(),
            incident_id: None,
            request_id: None,
            details: "{}".to_owned(),
        };
        bed.store.store.audit().begin(act, bed.now()).await.expect("it is written")
    };
    let action = restart("api");
    assert!(Clearance::of(&action, ruling("version: 1\nrules: []\n", &action)).is_err());
    let allowed = Clearance::of(&action, ruling(LOOSE, &action)).expect("it is allowed");
    let asked = Clearance::of(&action, ruling(POLICY, &action)).expect("it is not forbidden");
    let own = row(&action).await;
    assert!(Permit::new(&allowed, DecidedBy::Policy, &own).is_some());
    assert!(Permit::new(&asked, DecidedBy::Policy, &own).is_none());
    assert!(Permit::new(&asked, DecidedBy::Person("ada"), &own).is_some());
    assert!(Permit::new(&asked, DecidedBy::Person(""), &own).is_none());
    for other in [restart("web"), Action { change: Change::Scale { replicas: 4 }, ..restart("api") }] {
        assert!(Permit::new(&allowed, DecidedBy::Policy, &row(&other).await).is_none());
    }
}

/// The audit row is there before the first request of a change arrives.
#[tokio::test]
async fn without_an_audit_row_nothing_is_sent() {
    let bed = Bed::new().await;
    bed.api();
    let process = bed.process().await;
    let shown = bed.propose(&process, "kubectl scale deployment/api --replicas=4 -n shop").await.expect("it is proposed");
    let before = bed.living.writes().len();
    let refuse = "CREATE TRIGGER no_more BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'the log is full'); END";
    bed.store.execute(refuse).await.expect("the trigger is made");
    bed.approve(&process, &shown).await.expect_err("no audit row, no write");
    assert_eq!(bed.living.writes().len(), before);
    assert_eq!(bed.deployment()["spec"]["replicas"], 3);
}

fn only_writes_of_the_table(seen: &[Seen]) {
    for write in seen.iter().filter(|one| one.is_write()) {
        let parts: Vec<&str> = write.path.trim_start_matches('/').split('/').collect();
        let (group, rest) = match parts.as_slice() {
            ["api", "v1", rest @ ..] => ("", rest),
            ["apis", group, _, rest @ ..] => (*group, rest),
            other => panic!("{other:?}"),
        };
        let rest = if rest.first() == Some(&"namespaces") && rest.len() > 2 { &rest[2..] } else { rest };
        let resource = match rest {
            [plural] | [plural, _] => (*plural).to_owned(),
            [plural, _, part] => format!("{plural}/{part}"),
            other => panic!("{other:?}"),
        };
        let is_listed = WRITES.iter().any(|change| {
            change.need.group == group && change.need.resource == resource && change.need.verbs.contains(&write.verb)
        });
        assert!(is_listed, "{} {}", write.verb, write.path);
    }
}
