//! Which alerts fire for which incident: they open it or join it, are counted, and end it when the last of them is over.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use serde_json::json;

use super::{
    bounded,
    change::{NewEntry, advance, append, lock},
    database::{Database, StoreError, Value, Work, values},
    kept::keep,
    queue::take_out,
    read::{COLUMNS, incident},
    record::{MANY_ENTRIES, Sighting, TITLE_BYTES, sight},
};
use crate::domain::{
    incident::{EntryKind, Incident, Status},
    symptom::Severity,
};

#[derive(Clone, Copy, Debug)]
pub struct Firing<'a> {
    pub(super) database: &'a Database,
}

/// A taken alert as its incident remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenAlert {
    /// Its place in the queue, which it leaves with this.
    pub queue_id: String,
    pub fingerprint: String,
    pub cause: String,
    pub target: String,
    pub group_key: String,
    pub severity: Severity,
    /// What the history says of it, in one line.
    pub summary: String,
    /// The alert, as a JSON object.
    pub details: String,
}

/// Which incident alerts belong to.
#[derive(Clone, Debug, PartialEq)]
pub enum Belongs {
    /// One that is not resolved.
    Open { incident_id: String },
    /// The one of this target and category, opened where there is none.
    Sighting(Box<Sighting>),
}

/// An incident for which alerts of a cause fire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownIncident {
    pub id: String,
    /// When the cause was last diagnosed.
    pub diagnosed_at: Timestamp,
}

/// What became of alerts that ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Incidents that ended with them.
    pub resolved: Vec<String>,
    /// Alerts of which nobody knew that they had fired.
    pub unknown: usize,
}

/// Who writes into the history for alerts.
const ACTOR: &str = "alertmanager";
/// Alerts of one round that stand in the history by themselves; the others share a line.
const TOLD_EACH: usize = 10;
/// Fingerprints that the shared line names.
const TOLD_FINGERPRINTS: usize = 50;
/// Fingerprints asked for in one statement.
const ASKED_AT_ONCE: usize = 200;

impl Firing<'_> {
    /// The unresolved incident of each fingerprint that fires for one; of several the newest.
    pub async fn incidents_of(&self, fingerprints: &[&str]) -> Result<HashMap<String, String>, StoreError> {
        let mut work = self.database.read().await?;
        let mut found = HashMap::new();
        for some in fingerprints.chunks(ASKED_AT_ONCE) {
            let places: Vec<String> = (1..=some.len()).map(|number| format!("${number}")).collect();
            let sql = format!(
                "SELECT firing_alerts.fingerprint, incidents.id FROM firing_alerts JOIN incidents ON incidents.id = incident_id \
                 WHERE status <> 'resolved' AND fingerprint IN ({}) ORDER BY detected_at, incidents.id",
                places.join(", ")
            );
            let values: Vec<Value> = some.iter().map(|fingerprint| Value::from(*fingerprint)).collect();
            for row in work.rows(&sql, &values).await? {
                found.insert(row.text("fingerprint")?, row.text("id")?);
            }
        }
        Ok(found)
    }

    /// The unresolved incident that an alert's like fires for, if it was diagnosed at `since` or later.
    pub async fn known(&self, like: &SeenAlert, since: Timestamp) -> Result<Option<KnownIncident>, StoreError> {
        let sql = "SELECT incidents.id, diagnosed_at FROM firing_alerts JOIN incidents ON incidents.id = incident_id \
                   WHERE status <> 'resolved' AND diagnosed_at >= $1 \
                   AND (cause = $2 OR (target = $3 AND group_key = $4 AND target <> '' AND group_key <> '')) \
                   ORDER BY diagnosed_at DESC, incidents.id DESC LIMIT 1";
        let values = values![since, &like.cause, &like.target, &like.group_key];
        let row = self.database.read().await?.row(sql, values).await?;
        row.map(|row| Ok(KnownIncident { id: row.text("id")?, diagnosed_at: row.time("diagnosed_at")? })).transpose()
    }

    /// Alerts fire: they leave the queue and are counted where they belong, in one transaction. Returns the incident's id;
    /// `None` = it is not open any more, or the alerts are not `holder`'s any more, and nothing was written.
    pub async fn join(
        &self,
        alerts: &[SeenAlert],
        belongs: &Belongs,
        diagnosed_at: Timestamp,
        holder: &str,
        now: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        let mut work = self.database.write().await?;
        let alerts = ours(&mut work, alerts, holder).await?;
        let found = match belongs {
            Belongs::Open { incident_id } => still_open(&mut work, incident_id).await?,
            Belongs::Sighting(sighting) if !alerts.is_empty() => {
                let (found, _) = sight(&mut work, sighting, now).await?;
                keep(&mut work, &found, sighting, now).await?;
                Some(found)
            }
            Belongs::Sighting(_) => None,
        };
        let Some(found) = found.filter(|_| !alerts.is_empty()) else { return Ok(None) };
        lock(&mut work, &found.id).await?;
        count(&mut work, &found, &alerts, now).await?;
        tell(&mut work, &found.id, &alerts, "more alerts of the same cause", now).await?;
        for alert in &alerts {
            let link = "INSERT INTO firing_alerts (fingerprint, incident_id, cause, target, group_key, diagnosed_at, seen_at) \
                        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (fingerprint, incident_id) DO UPDATE \
                        SET diagnosed_at = excluded.diagnosed_at, seen_at = excluded.seen_at, group_key = excluded.group_key";
            let SeenAlert { fingerprint, cause, target, group_key, .. } = alert;
            work.run(link, values![fingerprint, &found.id, cause, target, group_key, diagnosed_at, now]).await?;
        }
        work.commit().await?;
        Ok(Some(found.id))
    }

    /// Alerts are over: they leave the queue, and each incident whose last firing alert this was is resolved.
    ///
    /// `unseen` are those of them that nobody has looked at: they are told and counted in `belongs`. `None` = that is not open any
    /// more, and nothing was written.
    pub async fn end(
        &self,
        alerts: &[SeenAlert],
        unseen: &BTreeSet<&str>,
        belongs: &Belongs,
        holder: &str,
        now: Timestamp,
    ) -> Result<Option<Ended>, StoreError> {
        let mut work = self.database.write().await?;
        let mut ended = Ended::default();
        let mut told: BTreeMap<String, Vec<&SeenAlert>> = BTreeMap::new();
        let mut missed = Vec::new();
        for alert in ours(&mut work, alerts, holder).await? {
            let unlink = "DELETE FROM firing_alerts WHERE fingerprint = $1 RETURNING incident_id";
            let links = work.rows(unlink, values![&alert.fingerprint]).await?;
            if links.is_empty() && unseen.contains(alert.queue_id.as_str()) {
                missed.push(alert);
            } else if links.is_empty() {
                ended.unknown += 1;
            }
            for link in links {
                told.entry(link.text("incident_id")?).or_default().push(alert);
            }
        }
        if !missed.is_empty() {
            let open = match belongs {
                Belongs::Open { incident_id } => still_open(&mut work, incident_id).await?,
                Belongs::Sighting(sighting) => Some(sight(&mut work, sighting, now).await?.0),
            };
            let Some(found) = open else { return Ok(None) };
            count(&mut work, &found, &missed, now).await?;
            told.entry(found.id).or_default().extend(missed);
        }
        // In the order of their ids, so that no two writers wait for each other.
        for (id, alerts) in told {
            let status = lock(&mut work, &id).await?;
            tell(&mut work, &id, &alerts, "more alerts are over", now).await?;
            let firing = work.number("SELECT count(*) FROM firing_alerts WHERE incident_id = $1", values![&id]).await?;
            if let Some(from) = status.filter(|_| firing == 0) {
                let entry = NewEntry::new(EntryKind::Resolved, "the last alert of it is over").by(Some(ACTOR.to_owned()));
                if advance(&mut work, &id, from, Status::Resolved, &entry, now).await? {
                    ended.resolved.push(id);
                }
            }
        }
        work.commit().await?;
        Ok(Some(ended))
    }
}

/// Those of the alerts that are still `holder`'s. They leave the queue.
async fn ours<'s>(work: &mut Work, alerts: &'s [SeenAlert], holder: &str) -> Result<Vec<&'s SeenAlert>, StoreError> {
    let ours = take_out(work, alerts.iter().map(|alert| alert.queue_id.as_str()), holder).await?;
    let ours: BTreeSet<&str> = ours.iter().map(String::as_str).collect();
    Ok(alerts.iter().filter(|alert| ours.contains(alert.queue_id.as_str())).collect())
}

async fn still_open(work: &mut Work, id: &str) -> Result<Option<Incident>, StoreError> {
    lock(work, id).await?;
    let sql = format!("SELECT {COLUMNS} FROM incidents WHERE id = $1 AND status <> 'resolved'");
    work.row(&sql, values![id]).await?.as_ref().map(incident).transpose()
}

async fn count(work: &mut Work, found: &Incident, alerts: &[&SeenAlert], now: Timestamp) -> Result<(), StoreError> {
    let severity = alerts.iter().map(|alert| alert.severity).fold(found.severity, Severity::max);
    let number = i64::try_from(alerts.len()).unwrap_or(i64::MAX);
    let update =
        "UPDATE incidents SET severity = $2, last_seen_at = $3, alerts = alerts + $4, version = version + 1 WHERE id = $1";
    work.run(update, values![&found.id, severity.as_str(), now.max(found.last_seen_at), number]).await?;
    Ok(())
}

/// Writes the alerts into the history, in few lines however many there are.
async fn tell(work: &mut Work, id: &str, alerts: &[&SeenAlert], others: &str, now: Timestamp) -> Result<(), StoreError> {
    let entries = work.number("SELECT entries FROM incidents WHERE id = $1", values![id]).await?;
    if u64::try_from(entries).unwrap_or_default() >= MANY_ENTRIES {
        return Ok(());
    }
    let each = if alerts.len() > TOLD_EACH + 1 { TOLD_EACH } else { alerts.len() };
    for alert in &alerts[..each] {
        let entry = NewEntry::new(EntryKind::Alert, bounded(&alert.summary, TITLE_BYTES)).by(Some(ACTOR.to_owned()));
        append(work, id, &NewEntry { details: Some(alert.details.clone()), ..entry }, now).await?;
    }
    let rest = &alerts[each..];
    if !rest.is_empty() {
        let fingerprints: Vec<&str> = rest.iter().take(TOLD_FINGERPRINTS).map(|alert| alert.fingerprint.as_str()).collect();
        let details = json!({"alerts": rest.len(), "fingerprints": fingerprints}).to_string();
        let entry = NewEntry::new(EntryKind::Alert, format!("{} {others}", rest.len())).by(Some(ACTOR.to_owned()));
        append(work, id, &NewEntry { details: Some(details), ..entry }, now).await?;
    }
    Ok(())
}
