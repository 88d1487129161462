//! Events as facts: equal ones together, newest last, only those that still matter.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;

use super::time::ago;
use crate::domain::{
    evidence::Source,
    fact::{Fact, Weight},
    object::{Kind, ObjectRef},
};

/// Equal events, counted.
#[derive(Clone, Debug)]
pub struct Happening {
    pub object: ObjectRef,
    pub reason: String,
    pub message: String,
    pub count: i64,
    pub first: Option<Timestamp>,
    pub last: Option<Timestamp>,
    pub is_warning: bool,
}

/// Events of one object that are kept.
const MOST_PER_OBJECT: usize = 12;

/// Folds events that say the same of the same object, oldest first by when they were last seen.
pub fn folded(events: &[Event]) -> Vec<Happening> {
    let mut all: BTreeMap<(String, String, String), Happening> = BTreeMap::new();
    for event in events {
        let involved = &event.involved_object;
        let Some(kind) = involved.kind.as_deref().and_then(Kind::of) else { continue };
        let name = involved.name.as_deref().unwrap_or_default();
        let object = ObjectRef::new(kind, involved.namespace.as_deref().or(event.metadata.namespace.as_deref()), name);
        let reason = event.reason.clone().unwrap_or_default();
        let message = event.message.clone().unwrap_or_default().replace("(combined from similar events): ", "");
        let series = event.series.as_ref();
        let last = series
            .and_then(|series| series.last_observed_time.as_ref().map(|time| time.0))
            .or(event.last_timestamp.as_ref().map(|time| time.0))
            .or(event.event_time.as_ref().map(|time| time.0));
        let first = event.first_timestamp.as_ref().map(|time| time.0).or(event.event_time.as_ref().map(|time| time.0)).or(last);
        let count = i64::from(series.and_then(|series| series.count).or(event.count).unwrap_or(1).max(1));
        let happening = Happening {
            object: object.clone(),
            reason: reason.clone(),
            message: message.clone(),
            count: 0,
            first,
            last,
            is_warning: event.type_.as_deref() == Some("Warning"),
        };
        let held = all.entry((object.to_string(), reason, shape(&message))).or_insert(happening);
        held.count += count;
        held.first = [held.first, first].into_iter().flatten().min();
        if last >= held.last {
            held.last = last;
            held.message = message;
        }
    }
    let mut all: Vec<Happening> = all.into_values().collect();
    all.sort_by(|a, b| a.last.cmp(&b.last).then_with(|| a.reason.cmp(&b.reason)));
    all
}

/// Equal for messages that differ only in generated names and numbers.
fn shape(message: &str) -> String {
    message
        .split_whitespace()
        .map(|word| if word.bytes().any(|byte| byte.is_ascii_digit()) { "#" } else { word })
        .take(24)
        .collect::<Vec<_>>()
        .join(" ")
}

/// The happenings of `object`, the newest [`MOST_PER_OBJECT`].
pub fn of<'a>(happenings: &'a [Happening], object: &ObjectRef) -> Vec<&'a Happening> {
    let mut mine: Vec<&Happening> = happenings.iter().filter(|happening| happening.object == *object).collect();
    if mine.len() > MOST_PER_OBJECT {
        mine.drain(..mine.len() - MOST_PER_OBJECT);
    }
    mine
}

/// As a fact: `pod event BackOff: ... (28 times in 15 min)`, `replicaset api-1 event FailedCreate: ...`.
pub fn fact(happening: &Happening, weight: Weight) -> Fact {
    let subject = if happening.object.kind == Kind::Pod {
        "pod".to_owned()
    } else {
        format!("{} {}", happening.object.kind.as_str(), happening.object.name)
    };
    let often = match (happening.count, happening.first, happening.last) {
        (0 | 1, _, _) => String::new(),
        (count, Some(first), Some(last)) if last > first => format!(" ({count} times in {})", ago(first, last)),
        (count, ..) => format!(" ({count} times)"),
    };
    let text = format!("{subject} event {}: {}{often}", happening.reason, happening.message.trim());
    Fact::new(Source::Events, &happening.object, weight, text).at(happening.last)
}
