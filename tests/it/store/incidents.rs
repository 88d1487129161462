//! Incidents: opened once, told whole, found again, counted right.

use std::collections::BTreeSet;

use faultline::{
    domain::{
        incident::{EntryKind, IncidentFilter, IncidentTarget, Status},
        symptom::Severity,
    },
    incidents::{Changed, Listed, Outcome, Retention, Seen, Sighting, Store},
};
use jiff::SignedDuration;

use super::bed::{Bed, at, entry, sighting, target};

async fn record(store: &Store, sighting: &Sighting, seconds: i64) -> (String, Outcome) {
    let recorded = store.incidents().record(sighting, at(seconds)).await.expect("it is recorded");
    (recorded.incident_id, recorded.outcome)
}

async fn resolve(store: &Store, id: &str, seconds: i64) {
    let changed =
        store.incidents().resolve(id, &entry(EntryKind::Resolved, "rolled back"), at(seconds)).await.expect("it answers");
    assert_eq!(changed, Changed::Done);
}

async fn kinds(store: &Store, id: &str) -> Vec<EntryKind> {
    let timeline = store.incidents().timeline(id).await.expect("it answers").expect("it is there");
    assert!(timeline.iter().zip(1..).all(|(entry, position)| entry.position == position), "{timeline:?}");
    timeline.into_iter().map(|entry| entry.kind).collect()
}

async fn ids(store: &Store, filter: &IncidentFilter) -> Vec<String> {
    let page = store.incidents().list(filter, &Listed { limit: 200, after: None }).await.expect("it answers");
    page.incidents.into_iter().map(|incident| incident.id).collect()
}

pub async fn the_same_trouble_is_one_incident(bed: Bed) {
    let (id, outcome) = record(&bed.store, &sighting("api", "OOMKilled"), 10).await;
    assert_eq!(outcome, Outcome::Opened);
    assert_eq!(record(&bed.store, &sighting("api", "OOMKilled"), 20).await, (id.clone(), Outcome::Updated));
    let (other, _) = record(&bed.store, &sighting("api", "DNSFailure"), 21).await;
    let (another, _) = record(&bed.store, &sighting("db", "OOMKilled"), 22).await;
    assert_eq!([&id, &other, &another].into_iter().collect::<BTreeSet<_>>().len(), 3);
    let found = bed.store.incidents().read(&id).await.expect("it answers").expect("it is there");
    let incident = found.incident;
    assert_eq!((incident.alerts, incident.diagnoses, incident.reopened), (2, 0, 0));
    assert_eq!((incident.started_at, incident.detected_at, incident.last_seen_at), (at(0), at(10), at(20)));
    assert_eq!((incident.detection_seconds, incident.resolution_seconds, incident.status), (10.0, None, Status::Open));
    assert_eq!(kinds(&bed.store, &id).await, [EntryKind::Alert, EntryKind::Alert]);
    assert_eq!(bed.store.incidents().open_of(&target("api")).await.expect("it answers").len(), 2);
    assert_eq!(bed.store.incidents().read("0199-nothing").await.expect("it answers"), None);
    assert_eq!(bed.store.incidents().timeline("0199-nothing").await.expect("it answers"), None);
}

pub async fn two_writers_open_one_incident(bed: Bed) {
    let mut writers = Vec::new();
    for _ in 0..4 {
        let store = bed.other().await;
        writers.push(tokio::spawn(async move {
            let mut opened = 0;
            for second in 0..5 {
                opened += usize::from(record(&store, &sighting("api", "OOMKilled"), second).await.1 == Outcome::Opened);
            }
            opened
        }));
    }
    let mut opened = 0;
    for writer in writers {
        opened += writer.await.expect("no writer fails");
    }
    assert_eq!(opened, 1);
    let all = ids(&bed.store, &IncidentFilter::default()).await;
    assert_eq!(all.len(), 1);
    assert_eq!(kinds(&bed.store, &all[0]).await.len(), 20, "nothing that was seen is lost");
}

pub async fn what_comes_together_is_recorded_as_one_by_one(bed: Bed) {
    const TARGETS: [&str; 3] = ["api", "db", "web"];
    let mut writers = Vec::new();
    for _ in 0..3 {
        let store = bed.other().await;
        writers.push(tokio::spawn(async move {
            let incidents = store.incidents();
            let recordings = (0..60).map(|second: i64| {
                let name = TARGETS[usize::try_from(second % 3).expect("a place")];
                incidents.record_together(sighting(name, "OOMKilled"), at(second))
            });
            let recorded = futures_util::future::join_all(recordings).await;
            recorded.into_iter().map(|one| one.expect("it is recorded")).collect::<Vec<_>>()
        }));
    }
    let mut recorded = Vec::new();
    for writer in writers {
        recorded.extend(writer.await.expect("no writer fails"));
    }
    assert_eq!(recorded.iter().filter(|one| one.outcome == Outcome::Opened).count(), TARGETS.len());
    for (place, name) in TARGETS.iter().enumerate() {
        let open = bed.store.incidents().open_of(&target(name)).await.expect("it answers");
        assert_eq!(open.len(), 1, "{name}");
        let (incident, own) = (&open[0], recorded.iter().skip(place).step_by(TARGETS.len()));
        assert!(own.clone().all(|one| one.incident_id == incident.id), "each is told of its own");
        assert_eq!((incident.alerts, kinds(&bed.store, &incident.id).await.len()), (60, 60));
        assert_eq!(incident.last_seen_at, at(57 + i64::try_from(place).expect("a place")));
    }
}

pub async fn trouble_that_comes_back_soon_is_the_same_incident(bed: Bed) {
    let (id, _) = record(&bed.store, &sighting("api", "OOMKilled"), 0).await;
    resolve(&bed.store, &id, 600).await;
    assert_eq!(record(&bed.store, &sighting("api", "OOMKilled"), 600 + 1800).await, (id.clone(), Outcome::Reopened));
    let incident = bed.store.incidents().read(&id).await.expect("it answers").expect("it is there").incident;
    assert_eq!((incident.status, incident.resolved_at, incident.reopened), (Status::Open, None, 1));
    let told = [EntryKind::Alert, EntryKind::Resolved, EntryKind::Reopened, EntryKind::Alert];
    assert_eq!(kinds(&bed.store, &id).await, told);
    resolve(&bed.store, &id, 3000).await;
    let (later, outcome) = record(&bed.store, &sighting("api", "OOMKilled"), 3000 + 1801).await;
    assert_eq!(outcome, Outcome::Opened);
    assert_ne!(later, id);
    // Of several that ended, the one that ended last counts.
    resolve(&bed.store, &later, 5000).await;
    assert_eq!(record(&bed.store, &sighting("api", "OOMKilled"), 5001).await, (later, Outcome::Reopened));
}

pub async fn severity_is_the_highest_that_was_seen(bed: Bed) {
    let of = |severity| Sighting { severity, ..sighting("api", "OOMKilled") };
    let (id, _) = record(&bed.store, &of(Severity::Medium), 0).await;
    record(&bed.store, &of(Severity::Critical), 1).await;
    record(&bed.store, &of(Severity::Low), 2).await;
    let incident = bed.store.incidents().read(&id).await.expect("it answers").expect("it is there").incident;
    assert_eq!(incident.severity, Severity::Critical);
}

pub async fn a_healthy_look_is_told_and_resolves_nothing(bed: Bed) {
    let (id, _) = record(&bed.store, &sighting("api", "OOMKilled"), 0).await;
    let store = bed.store.incidents();
    assert_eq!(store.seen_healthy(&target("api"), "r2", at(5)).await.expect("it answers"), 1);
    assert_eq!(store.seen_healthy(&target("db"), "r3", at(5)).await.expect("it answers"), 0);
    assert_eq!(kinds(&bed.store, &id).await, [EntryKind::Alert, EntryKind::Diagnosis]);
    let incident = store.read(&id).await.expect("it answers").expect("it is there").incident;
    assert_eq!(incident.status, Status::Open);
}

pub async fn statuses_only_advance(bed: Bed) {
    let (id, _) = record(&bed.store, &sighting("api", "OOMKilled"), 10).await;
    let store = bed.store.incidents();
    let versions = async || store.read(&id).await.expect("it answers").expect("it is there").incident.version;
    let before = versions().await;
    assert_eq!(store.acknowledge(&id, &entry(EntryKind::Acknowledged, "mine"), at(20)).await.expect("it answers"), Changed::Done);
    assert!(versions().await > before);
    assert_eq!(store.mitigate(&id, &entry(EntryKind::Verified, "3 of 3"), at(30)).await.expect("it answers"), Changed::Done);
    let again = store.acknowledge(&id, &entry(EntryKind::Acknowledged, "mine"), at(40)).await.expect("it answers");
    assert_eq!(again, Changed::AlreadySo);
    // The clock of whoever resolves is behind: an incident never ends before it was detected.
    resolve(&bed.store, &id, 5).await;
    assert_eq!(store.resolve(&id, &entry(EntryKind::Resolved, ""), at(60)).await.expect("it answers"), Changed::AlreadySo);
    assert_eq!(
        store.resolve("0199-nothing", &entry(EntryKind::Resolved, ""), at(60)).await.expect("it answers"),
        Changed::NotFound
    );
    assert_eq!(store.add("0199-nothing", &entry(EntryKind::Note, "x"), at(60)).await.expect("it answers"), Changed::NotFound);
    let incident = store.read(&id).await.expect("it answers").expect("it is there").incident;
    assert_eq!(
        (incident.acknowledged_at, incident.mitigated_at, incident.resolved_at),
        (Some(at(20)), Some(at(30)), Some(at(10)))
    );
    assert_eq!(incident.resolution_seconds, Some(0.0));
    let told = [EntryKind::Alert, EntryKind::Acknowledged, EntryKind::Verified, EntryKind::Resolved];
    assert_eq!(kinds(&bed.store, &id).await, told);
}

pub async fn lists_are_filtered(bed: Bed) {
    let store = &bed.store;
    let (api, _) = record(store, &sighting("api", "OOMKilled"), 10).await;
    let (db, _) = record(store, &Sighting { severity: Severity::Critical, ..sighting("db", "DiskFull") }, 20).await;
    let mut node = sighting("node-1", "NodeNotReady");
    node.target = IncidentTarget { kind: "node".to_owned(), namespace: None, name: "node-1".to_owned() };
    let (node, _) = record(store, &node, 30).await;
    resolve(store, &db, 40).await;
    store.incidents().add(&api, &entry(EntryKind::Note, "Caused by the 100% Größe_x rollout"), at(50)).await.expect("it answers");

    let text = |text: &str| IncidentFilter { text: Some(text.to_owned()), ..IncidentFilter::default() };
    let of_target = |target: &str| IncidentFilter { target: Some(target.to_owned()), ..IncidentFilter::default() };
    let cases: Vec<(IncidentFilter, Vec<&String>)> = vec![
        (IncidentFilter::default(), vec![&node, &db, &api]),
        (IncidentFilter { statuses: vec![Status::Open], ..IncidentFilter::default() }, vec![&node, &api]),
        (IncidentFilter { statuses: vec![Status::Open, Status::Resolved], ..IncidentFilter::default() }, vec![&node, &db, &api]),
        (IncidentFilter { severities: vec![Severity::Critical], ..IncidentFilter::default() }, vec![&db]),
        (IncidentFilter { category: Some("OOMKilled".to_owned()), ..IncidentFilter::default() }, vec![&api]),
        (IncidentFilter { namespace: Some("shop".to_owned()), ..IncidentFilter::default() }, vec![&db, &api]),
        (of_target("api"), vec![&api]),
        (of_target("deployment/db"), vec![&db]),
        (of_target("deployment/shop/db"), vec![&db]),
        (of_target("deployment/other/db"), vec![]),
        (of_target("node/node-1"), vec![&node]),
        (IncidentFilter { since: Some(at(20)), until: Some(at(30)), ..IncidentFilter::default() }, vec![&db]),
        (text("oomkilled API"), vec![&api]),
        (text("größe_x"), vec![&api]),
        (text("100%"), vec![&api]),
        (text("1_0%"), vec![]),
        (text("'; DROP TABLE incidents; --"), vec![]),
        (text("unwell"), vec![&node, &db, &api]),
    ];
    for (filter, wanted) in cases {
        assert_eq!(ids(store, &filter).await.iter().collect::<Vec<_>>(), wanted, "{filter:?}");
    }
}

pub async fn pages_are_stable_while_incidents_come(bed: Bed) {
    let store = &bed.store;
    for number in 0..7 {
        // Some at the same moment, so that the time alone does not order them.
        record(store, &sighting(&format!("app-{number}"), "OOMKilled"), number / 3).await;
    }
    let before = ids(store, &IncidentFilter::default()).await;
    let (mut seen, mut after) = (Vec::new(), None);
    for page_number in 0.. {
        let wanted = Listed { limit: 2, after };
        let page = store.incidents().list(&IncidentFilter::default(), &wanted).await.expect("it answers");
        seen.extend(page.incidents.into_iter().map(|incident| incident.id));
        record(store, &sighting(&format!("new-{page_number}"), "OOMKilled"), 100 + page_number).await;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, before);
}

pub async fn figures_are_those_counted_by_hand(bed: Bed) {
    let store = &bed.store;
    // Name, category, detected, resolved; all began at second 0.
    let table = [("a", "OOMKilled", 10, Some(110)), ("b", "OOMKilled", 20, Some(320)), ("c", "DNSFailure", 60, None)];
    let mut made = Vec::new();
    for (name, category, detected, resolved) in table {
        let (id, _) = record(store, &sighting(name, category), detected).await;
        if let Some(resolved) = resolved {
            resolve(store, &id, resolved).await;
        }
        made.push(id);
    }
    record(store, &sighting("early", "OOMKilled"), -5).await;
    for (kind, seconds) in
        [(EntryKind::Applied, 70), (EntryKind::Applied, 71), (EntryKind::Verified, 72), (EntryKind::Undone, 73)]
    {
        store.incidents().add(&made[2], &entry(kind, "step"), at(seconds)).await.expect("it answers");
    }
    let stats = store.incidents().stats(at(0), at(1000)).await.expect("it answers");
    assert_eq!(stats.incidents, 3);
    assert_eq!(stats.by_status, [("open".to_owned(), 1), ("resolved".to_owned(), 2)].into());
    assert_eq!(stats.by_severity, [("HIGH".to_owned(), 3)].into());
    let memory = &stats.by_category["OOMKilled"];
    let resolution = memory.resolution.expect("two ended");
    assert_eq!((resolution.count, resolution.mean_seconds, resolution.median_seconds), (2, 200.0, 200.0));
    let detection = memory.detection.expect("two were detected");
    assert_eq!((detection.mean_seconds, detection.median_seconds), (15.0, 15.0));
    assert_eq!(stats.by_category["DNSFailure"].resolution, None);
    let shop = stats.by_namespace["shop"].detection.expect("three were detected");
    assert_eq!((shop.count, shop.mean_seconds, shop.median_seconds), (3, 30.0, 20.0));
    let healing = &stats.healing;
    assert_eq!((healing.applied, healing.verified, healing.undone, healing.success), (2, 1, 1, Some(0.5)));
    let nothing = store.incidents().stats(at(5000), at(6000)).await.expect("it answers");
    assert_eq!((nothing.incidents, nothing.resolution, nothing.healing.success), (0, None, None));
}

pub async fn old_incidents_are_forgotten_and_open_ones_are_not(bed: Bed) {
    let store = &bed.store;
    let (open, _) = record(store, &sighting("open", "OOMKilled"), 0).await;
    let (old, _) = record(store, &sighting("old", "OOMKilled"), 0).await;
    let (young, _) = record(store, &sighting("young", "OOMKilled"), 0).await;
    resolve(store, &old, 100).await;
    resolve(store, &young, 5000).await;
    let retention = Retention { incidents: SignedDuration::from_secs(1000), audit: SignedDuration::from_hours(1) };
    let cleaned = store.clean(&retention, at(5500)).await.expect("it is cleaned");
    assert_eq!(cleaned.incidents, 1);
    let left: BTreeSet<String> = ids(store, &IncidentFilter::default()).await.into_iter().collect();
    assert_eq!(left, BTreeSet::from([open, young]));
    assert_eq!(store.incidents().timeline(&old).await.expect("it answers"), None);
    let rows = store.status().await.expect("it answers").rows;
    assert!(rows.contains(&("timeline", 3)), "what belongs to it is gone as well: {rows:?}");
}

pub async fn a_flood_of_diagnoses_is_bounded(bed: Bed) {
    let long = Seen::Alert { summary: "é".repeat(2000), details: "{}".to_owned() };
    let flood = Sighting { title: "x".repeat(100_000), seen: long, ..sighting("api", "OOMKilled") };
    let (id, _) = record(&bed.store, &flood, 0).await;
    for number in 1..510 {
        record(&bed.store, &sighting("api", "OOMKilled"), number).await;
    }
    let incident = bed.store.incidents().read(&id).await.expect("it answers").expect("it is there").incident;
    assert_eq!((incident.alerts, incident.title.len()), (510, 512));
    assert_eq!(kinds(&bed.store, &id).await.len(), 500);
    // What people do is still told.
    resolve(&bed.store, &id, 600).await;
    assert_eq!(kinds(&bed.store, &id).await.last(), Some(&EntryKind::Resolved));
}
