//! Counts, times to detection and resolution, and how well healing went.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    database::{StoreError, values},
    read::{COLUMNS, incident},
    store::Incidents,
};
use crate::domain::{
    incident::{Durations, Incident},
    incident_stats::{Group, Healing, IncidentStats},
};

/// Incidents that one answer counts, the newest; a window with more is counted in part.
const MOST_INCIDENTS: i64 = 100_000;

impl Incidents<'_> {
    /// Figures of the incidents that were detected from `since` on and before `until`.
    pub async fn stats(&self, since: Timestamp, until: Timestamp) -> Result<IncidentStats, StoreError> {
        let mut work = self.database.read().await?;
        let sql = format!(
            "SELECT {COLUMNS} FROM incidents WHERE detected_at >= $1 AND detected_at < $2 ORDER BY detected_at DESC, id DESC LIMIT $3"
        );
        let rows = work.rows(&sql, values![since, until, MOST_INCIDENTS]).await?;
        let incidents = rows.iter().map(incident).collect::<Result<Vec<_>, _>>()?;
        let mut healing = BTreeMap::new();
        let counted = "SELECT kind, count(*) AS number FROM timeline WHERE kind IN ('applied', 'verified', 'undone') \
                       AND at >= $1 AND at < $2 GROUP BY kind";
        for row in work.rows(counted, values![since, until]).await? {
            healing.insert(row.text("kind")?, row.count("number")?);
        }
        let of = |kind: &str| healing.get(kind).copied().unwrap_or_default();
        let all: Vec<&Incident> = incidents.iter().collect();
        let whole = group(&all);
        Ok(IncidentStats {
            since,
            until,
            incidents: whole.incidents,
            by_status: counts(&all, |incident| incident.status.as_str().to_owned()),
            by_severity: counts(&all, |incident| incident.severity.as_str().to_owned()),
            by_category: groups(&all, |incident| incident.category.as_str().to_owned()),
            by_namespace: groups(&all, |incident| incident.target.namespace.clone().unwrap_or_default()),
            detection: whole.detection,
            resolution: whole.resolution,
            healing: Healing::of(of("applied"), of("verified"), of("undone")),
        })
    }
}

fn counts(incidents: &[&Incident], name: impl Fn(&Incident) -> String) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for incident in incidents {
        *counts.entry(name(incident)).or_default() += 1;
    }
    counts
}

fn groups(incidents: &[&Incident], name: impl Fn(&Incident) -> String) -> BTreeMap<String, Group> {
    let mut groups: BTreeMap<String, Vec<&Incident>> = BTreeMap::new();
    for incident in incidents {
        groups.entry(name(incident)).or_default().push(incident);
    }
    groups.into_iter().map(|(name, incidents)| (name, group(&incidents))).collect()
}

fn group(incidents: &[&Incident]) -> Group {
    Group {
        incidents: incidents.len(),
        detection: Durations::of(incidents.iter().map(|incident| incident.detection_seconds).collect()),
        resolution: Durations::of(incidents.iter().filter_map(|incident| incident.resolution_seconds).collect()),
    }
}
