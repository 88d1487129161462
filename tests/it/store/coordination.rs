//! Leases, claims, flags, budgets and approvals: of two who try, one wins.

use faultline::{
    domain::{
        incident::EntryKind,
        remediation::{Proposal, Remediation, RemediationStatus as Status},
    },
    incidents::{Bound, Decision, Proposed, Spent, Store, Told},
};
use jiff::{SignedDuration, Timestamp};

use super::bed::{Bed, at, entry, sighting};

pub async fn a_lease_has_one_holder(bed: Bed) {
    let leases = bed.store.leases();
    assert!(leases.acquire("worker", "a", at(30), at(0)).await.expect("it answers"));
    assert!(!leases.acquire("worker", "b", at(31), at(1)).await.expect("it answers"), "it is taken");
    assert!(leases.acquire("worker", "a", at(40), at(2)).await.expect("it answers"), "its holder may take it again");
    assert!(leases.renew("worker", "a", at(50), at(39)).await.expect("it answers"));
    assert!(!leases.renew("worker", "b", at(60), at(39)).await.expect("it answers"));
    assert!(leases.acquire("worker", "b", at(90), at(50)).await.expect("it answers"), "it is over");
    assert!(!leases.renew("worker", "a", at(99), at(51)).await.expect("it answers"), "it is another's now");
    leases.release("worker", "a").await.expect("it answers");
    assert!(!leases.acquire("worker", "c", at(99), at(52)).await.expect("it answers"), "only its holder lets go of it");
    leases.release("worker", "b").await.expect("it answers");

    let stores = [bed.other().await, bed.other().await, bed.other().await];
    let tries = stores.map(|store| {
        tokio::spawn(async move {
            let holder = format!("{:p}", &raw const store);
            store.leases().acquire("race", &holder, at(30), at(0)).await.expect("it answers")
        })
    });
    let mut winners = 0;
    for (number, one) in tries.into_iter().enumerate() {
        winners += usize::from(one.await.unwrap_or_else(|error| panic!("{number}: {error}")));
    }
    assert_eq!(winners, 1);
}

pub async fn a_claim_is_granted_once(bed: Bed) {
    let stores = [bed.other().await, bed.other().await, bed.other().await];
    let tries = stores.map(|store| {
        tokio::spawn(async move { store.claims().claim_once("message 7", "me", at(60), at(0)).await.expect("it answers") })
    });
    let mut granted = 0;
    for one in tries {
        granted += usize::from(one.await.expect("no claim fails"));
    }
    assert_eq!(granted, 1);
    assert!(
        !bed.store.claims().claim_once("message 7", "me", at(99), at(59)).await.expect("it answers"),
        "not even for its holder"
    );
    assert!(bed.store.claims().claim_once("message 7", "me", at(99), at(60)).await.expect("it answers"), "its time is over");
}

pub async fn a_flag_is_what_was_set_last(bed: Bed) {
    let flags = bed.store.flags();
    assert_eq!(flags.get("paused").await.expect("it answers"), None);
    flags.set("paused", "true", "ada", at(0)).await.expect("it is set");
    flags.set("paused", "false", "bob", at(1)).await.expect("it is set");
    assert_eq!(bed.other().await.flags().get("paused").await.expect("it answers").as_deref(), Some("false"));
}

fn bound(budget: &str, most: u64, seconds: i64) -> Bound {
    Bound { budget: budget.to_owned(), most, window: SignedDuration::from_secs(seconds) }
}

pub async fn budgets_are_spent_together_or_not_at_all(bed: Bed) {
    let budgets = bed.store.budgets();
    let api = [bound("api", 1, 900), bound("cluster", 3, 3600)];
    let db = [bound("db", 1, 900), bound("cluster", 3, 3600)];
    let no = |budget: &str, free: i64| Spent::No { budget: budget.to_owned(), free_at: at(free) };
    assert_eq!(budgets.spend(&api, at(0)).await.expect("it answers"), Spent::Yes);
    assert_eq!(budgets.spend(&api, at(899)).await.expect("it answers"), no("api", 900));
    assert_eq!(budgets.spend(&api, at(900)).await.expect("it answers"), Spent::Yes);
    assert_eq!(budgets.spend(&db, at(901)).await.expect("it answers"), Spent::Yes);
    assert_eq!(
        budgets.spend(&db, at(3599)).await.expect("it answers"),
        no("cluster", 3600),
        "the third of this hour was the last"
    );
    // What was refused cost nothing: the budget of db is whole.
    assert_eq!(budgets.spend(&db[..1], at(3599)).await.expect("it answers"), Spent::Yes);

    let stores = [bed.other().await, bed.other().await, bed.other().await];
    let tries = stores.map(|store| {
        tokio::spawn(async move { store.budgets().spend(&[bound("race", 2, 60)], at(0)).await.expect("it answers") })
    });
    let mut spent = 0;
    for one in tries {
        spent += usize::from(one.await.expect("no spending fails") == Spent::Yes);
    }
    assert_eq!(spent, 2);
}

fn proposal() -> Proposal {
    Proposal {
        incident_id: None,
        action: "{\"kind\":\"rollout-restart\"}".to_owned(),
        target: "deployment/shop/api".to_owned(),
        target_uid: Some("uid-1".to_owned()),
        resource_version: Some("42".to_owned()),
        diff: "+ restartedAt".to_owned(),
        requested_by: "faultline".to_owned(),
        expires_at: at(900),
    }
}

/// Keeps the proposal of the tests, whatever else waits.
async fn propose(store: &Store, now: Timestamp) -> Remediation {
    match store.remediations().propose(&proposal(), &Told::default(), |_| false, now).await.expect("it is proposed") {
        Proposed::New(made) | Proposed::Same(made) => *made,
    }
}

/// Processes that propose the same at one time have one proposal, until it is over.
pub async fn the_same_proposal_waits_once(bed: Bed) {
    let stores = [bed.other().await, bed.other().await, bed.other().await, bed.other().await];
    let told = Told { sighting: Some(sighting("api", "Unknown")), ..Told::of(entry(EntryKind::Proposal, "rollout-restart")) };
    let tries = stores.map(|store| {
        let told = told.clone();
        let is_same = |other: &Remediation| other.proposal.action == proposal().action;
        tokio::spawn(async move { store.remediations().propose(&proposal(), &told, is_same, at(0)).await.expect("it answers") })
    });
    let (mut made, mut found) = (Vec::new(), Vec::new());
    for one in tries {
        match one.await.expect("no proposal fails") {
            Proposed::New(new) => made.push(*new),
            Proposed::Same(same) => found.push(*same),
        }
    }
    assert_eq!((made.len(), found.len()), (1, 3));
    assert!(found.iter().all(|one| *one == made[0]));
    let incident = made[0].proposal.incident_id.as_deref().expect("it opened an incident");
    let timeline = bed.store.incidents().timeline(incident).await.expect("it answers").expect("it is there");
    let kinds: Vec<EntryKind> = timeline.iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [EntryKind::Alert, EntryKind::Proposal], "nothing is told twice");

    let remediations = bed.store.remediations();
    let (action, target) = (proposal().action, proposal().target);
    let again = async |proposal: Proposal, now: Timestamp| {
        let is_same = |other: &Remediation| other.proposal.action == proposal.action;
        remediations.propose(&proposal, &Told::default(), is_same, now).await.expect("it answers")
    };
    assert!(matches!(again(Proposal { action: format!("{action} "), ..proposal() }, at(1)).await, Proposed::New(_)));
    assert!(matches!(again(Proposal { target: format!("{target}-2"), ..proposal() }, at(1)).await, Proposed::New(_)));
    assert!(matches!(again(proposal(), at(899)).await, Proposed::Same(_)));
    assert!(matches!(again(proposal(), at(900)).await, Proposed::New(_)), "the first is over");
}

fn done(decision: Decision) -> Remediation {
    match decision {
        Decision::Done(remediation) => *remediation,
        Decision::NotFound | Decision::Changed(_) | Decision::Expired => panic!("{decision:?}"),
    }
}

pub async fn an_approval_works_once(bed: Bed) {
    let proposed = propose(&bed.store, at(0)).await;
    assert_eq!((proposed.status, &proposed.proposal), (Status::Proposed, &proposal()));
    let stores = [bed.other().await, bed.other().await, bed.other().await];
    let tries = stores.map(|store| {
        let (id, etag) = (proposed.id.clone(), proposed.etag.clone());
        tokio::spawn(async move {
            store.remediations().approve(&id, &etag, "ada", &Told::default(), at(10)).await.expect("it answers")
        })
    });
    let mut approved = Vec::new();
    for one in tries {
        if let Decision::Done(remediation) = one.await.expect("no approval fails") {
            approved.push(*remediation);
        }
    }
    assert_eq!(approved.len(), 1);
    assert_eq!((approved[0].status, approved[0].approver.as_deref()), (Status::Approved, Some("ada")));
    let nothing = &Told::default();
    let late =
        bed.store.remediations().reject(&proposed.id, &approved[0].etag, "bob", nothing, at(11)).await.expect("it answers");
    assert!(matches!(late, Decision::Changed(_)), "{late:?}");
    let unknown = bed.store.remediations().approve("0199", "x", "bob", nothing, at(11)).await.expect("it answers");
    assert_eq!(unknown, Decision::NotFound);
}

pub async fn an_expired_proposal_cannot_be_approved(bed: Bed) {
    let remediations = bed.store.remediations();
    let proposed = propose(&bed.store, at(0)).await;
    let late = remediations.approve(&proposed.id, &proposed.etag, "ada", &Told::default(), at(900)).await.expect("it answers");
    assert_eq!(late, Decision::Expired);
    assert_eq!(remediations.expire(at(899)).await.expect("it answers"), 0);
    assert_eq!(remediations.expire(at(900)).await.expect("it answers"), 1);
    let read = remediations.read(&proposed.id).await.expect("it answers").expect("it is kept");
    assert_eq!(read.status, Status::Expired);
    assert_ne!(read.etag, proposed.etag);
}

pub async fn a_remediation_goes_its_way(bed: Bed) {
    let remediations = bed.store.remediations();
    let proposed = propose(&bed.store, at(0)).await;
    let nothing = &Told::default();
    let early = remediations.start(&proposed.id, &proposed.etag, "{}", at(1)).await.expect("it answers");
    assert!(matches!(early, Decision::Changed(_)), "nobody approved it: {early:?}");
    let approved =
        done(remediations.approve(&proposed.id, &proposed.etag, "ada", &Told::default(), at(1)).await.expect("it answers"));
    let stale = remediations.start(&proposed.id, &proposed.etag, "{}", at(2)).await.expect("it answers");
    assert!(matches!(stale, Decision::Changed(_)), "{stale:?}");
    let started = done(remediations.start(&approved.id, &approved.etag, "{\"replicas\":2}", at(2)).await.expect("it answers"));
    assert_eq!((started.status, started.undo.as_deref()), (Status::Applying, Some("{\"replicas\":2}")));
    let twice = remediations.start(&approved.id, &approved.etag, "{}", at(2)).await.expect("it answers");
    assert!(matches!(twice, Decision::Changed(_)), "it is carried out once: {twice:?}");
    assert_eq!(remediations.in_status(Status::Applying).await.expect("it answers"), std::slice::from_ref(&started));
    done(
        remediations
            .advance(&started.id, Status::Applying, Status::Applied, "patched", nothing, at(3))
            .await
            .expect("it answers"),
    );
    let verified = remediations.advance(&started.id, Status::Applied, Status::Verified, "3 of 3 available", nothing, at(4)).await;
    let verified = done(verified.expect("it answers"));
    assert_eq!((verified.outcome.as_deref(), verified.updated_at), (Some("3 of 3 available"), at(4)));
    let again = remediations.advance(&started.id, Status::Applied, Status::Undone, "", nothing, at(5)).await.expect("it answers");
    assert!(matches!(again, Decision::Changed(_)), "{again:?}");
}
