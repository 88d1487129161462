//! Events that were recorded in their newer form only, served in the older one, too: that is the one that is read.

use serde_json::Value;

use super::index::Index;

/// The fields of `events.k8s.io/v1`, and what core `v1` calls them.
const RENAMED: &[(&str, &str)] = &[
    ("regarding", "involvedObject"),
    ("note", "message"),
    ("reportingController", "reportingComponent"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
];

pub fn serve_as_core(index: &mut Index) {
    index.alias(("events.k8s.io", "v1", "events"), ("v1", "Event"), as_core);
}

fn as_core(mut event: Value) -> Value {
    if let Some(fields) = event.as_object_mut() {
        for (newer, older) in RENAMED {
            if let Some(value) = fields.shift_remove(*newer) {
                fields.insert((*older).to_owned(), value);
            }
        }
    }
    event
}
