//! A closer look at the worst of what a sweep found: last words and events, which name the cause that a status only shows the effect of.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;

use super::super::{
    Look,
    asked::Complaint,
    events::{self, Happening},
    logs, look_pod, pod_events,
};
use super::Unwell;
use crate::{
    cluster::Reader,
    domain::{
        evidence::Gap,
        fact::{Fact, LogTail, Weight},
        object::{Kind, ObjectRef},
    },
};

/// Things that are looked at in depth.
pub const MOST: usize = 40;

/// Adds logs and events to the first [`MOST`] of `unwell`; what could not be read is returned, folded.
pub async fn look(reader: &Reader, unwell: &mut [Unwell], now: Timestamp) -> Vec<Gap> {
    let complaint = Complaint::default();
    let look = Look { reader, now, complaint: &complaint };
    let told_by_more = |one: &&mut Unwell| {
        let kind = one.scope.subject.kind;
        one.worst.is_some() || kind.is_workload() || kind == Kind::PersistentVolumeClaim
    };
    join_all(unwell.iter_mut().filter(told_by_more).take(MOST).map(|one| closer(&look, one))).await;
    folded(reader.gaps())
}

async fn closer(look: &Look<'_>, one: &mut Unwell) {
    if let Some(pod) = one.worst.take() {
        let (facts, logs) = of_pod(look, &pod).await;
        one.scope.facts.extend(facts);
        one.scope.logs.extend(logs);
        return;
    }
    // Without a pod, it is the events of the maker that say why there is none.
    let object = one.scope.subject.clone();
    let happened = look_pod::happenings(look, &object).await;
    one.scope.facts.extend(of_maker(&happened, &object));
}

async fn of_pod(look: &Look<'_>, pod: &Pod) -> (Vec<Fact>, Vec<LogTail>) {
    let object = super::super::pod::reference(pod);
    let (happened, logs) = tokio::join!(look_pod::happenings(look, &object), logs::of_unwell(look.reader, pod));
    let happened: Vec<&Happening> = events::of(&happened, &object);
    (pod_events::facts(pod, &happened, look.now), logs)
}

fn of_maker(happened: &[Happening], object: &ObjectRef) -> Vec<Fact> {
    events::of(happened, object).into_iter().filter(|one| one.is_warning).map(|one| events::fact(one, Weight::Message)).collect()
}

/// One gap per kind of reason: that forty logs are denied is said once.
fn folded(gaps: Vec<Gap>) -> Vec<Gap> {
    let mut by_reason: BTreeMap<(bool, String), (Gap, usize)> = BTreeMap::new();
    for gap in gaps {
        let is_log = gap.what.starts_with("log of ");
        let kind = gap.why.split(':').next().unwrap_or_default().to_owned();
        by_reason.entry((is_log, kind)).or_insert((gap, 0)).1 += 1;
    }
    let gap = |(gap, count): (Gap, usize)| {
        let what = if count > 1 { format!("{} and {} more", gap.what, count - 1) } else { gap.what };
        Gap { what, ..gap }
    };
    by_reason.into_values().map(gap).collect()
}
