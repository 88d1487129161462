//! Incidents as they are read: one, its history, and lists page by page.

use jiff::Timestamp;

use super::{
    database::{Row, StoreError, Value, values},
    store::Incidents,
};
use crate::domain::{
    incident::{
        Cursor, EntryKind, Incident, IncidentDetail, IncidentFilter, IncidentPage, IncidentTarget, Status, TimelineEntry,
    },
    symptom::{CategoryId, Severity},
};

pub(super) const COLUMNS: &str = "id, status, severity, category, target_kind, target_namespace, target_name, title, started_at, \
    detected_at, last_seen_at, acknowledged_at, mitigated_at, resolved_at, diagnoses, alerts, reopened, version";

/// How much of a list is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// 1 to 200.
    pub limit: usize,
    /// `None` = from the newest on.
    pub after: Option<Cursor>,
}

/// Words of a search that are looked at.
const MOST_WORDS: usize = 8;

impl Incidents<'_> {
    /// `None` = there is no such incident.
    pub async fn read(&self, id: &str) -> Result<Option<IncidentDetail>, StoreError> {
        let mut work = self.database.read().await?;
        let Some(row) = work.row(&format!("SELECT {COLUMNS} FROM incidents WHERE id = $1"), values![id]).await? else {
            return Ok(None);
        };
        let latest = "SELECT document FROM diagnoses WHERE incident_id = $1 ORDER BY at DESC, id DESC LIMIT 1";
        let diagnosis = work.row(latest, values![id]).await?.map(|row| row.text("document")).transpose()?;
        Ok(Some(IncidentDetail { incident: incident(&row)?, diagnosis }))
    }

    /// The whole history, the oldest first. `None` = there is no such incident.
    pub async fn timeline(&self, id: &str) -> Result<Option<Vec<TimelineEntry>>, StoreError> {
        let mut work = self.database.read().await?;
        if work.number("SELECT count(*) FROM incidents WHERE id = $1", values![id]).await? == 0 {
            return Ok(None);
        }
        let sql = "SELECT position, at, kind, summary, actor, details FROM timeline WHERE incident_id = $1 ORDER BY position";
        work.rows(sql, values![id]).await?.iter().map(entry).collect::<Result<_, _>>().map(Some)
    }

    /// A page of the incidents that pass the filter, the newest first. Incidents that come meanwhile do not shift it.
    pub async fn list(&self, filter: &IncidentFilter, wanted: &Listed) -> Result<IncidentPage, StoreError> {
        let mut conditions = Conditions::of(filter);
        if let Some(after) = &wanted.after {
            let (time, id) = (conditions.place(after.detected_at), conditions.place(&after.id));
            conditions.and(format!("(detected_at < {time} OR (detected_at = {time} AND id < {id}))"));
        }
        let limit = conditions.place(i64::try_from(wanted.limit.saturating_add(1)).unwrap_or(i64::MAX));
        let sql = format!("SELECT {COLUMNS} FROM incidents{} ORDER BY detected_at DESC, id DESC LIMIT {limit}", conditions.sql());
        let rows = self.database.read().await?.rows(&sql, &conditions.values).await?;
        let mut incidents = rows.iter().map(incident).collect::<Result<Vec<_>, _>>()?;
        let has_more = incidents.len() > wanted.limit;
        incidents.truncate(wanted.limit);
        let last = incidents.last().filter(|_| has_more);
        let next = last.map(|last| Cursor { detected_at: last.detected_at, id: last.id.clone() });
        Ok(IncidentPage { incidents, next })
    }

    /// Open incidents of one target, newest first: where an alert or an action may belong.
    pub async fn open_of(&self, target: &IncidentTarget) -> Result<Vec<Incident>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM incidents WHERE status <> 'resolved' AND target_kind = $1 AND target_name = $2 \
             AND coalesce(target_namespace, '') = $3 ORDER BY detected_at DESC, id DESC"
        );
        let values = values![&target.kind, &target.name, target.namespace.as_deref().unwrap_or_default()];
        self.database.read().await?.rows(&sql, values).await?.iter().map(incident).collect()
    }
}

/// What a list asks for, as SQL with places and the values for them.
struct Conditions {
    all: Vec<String>,
    values: Vec<Value>,
}

impl Conditions {
    fn of(filter: &IncidentFilter) -> Self {
        let mut conditions = Self { all: Vec::new(), values: Vec::new() };
        conditions.any_of("status", filter.statuses.iter().map(|status| status.as_str()));
        conditions.any_of("severity", filter.severities.iter().map(|severity| severity.as_str()));
        conditions.any_of("category", filter.category.as_deref().into_iter());
        conditions.any_of("target_namespace", filter.namespace.as_deref().into_iter());
        if let Some(target) = &filter.target {
            let parts: Vec<&str> = target.splitn(3, '/').collect();
            let (kind, namespace, name) = match parts[..] {
                [kind, namespace, name] => (Some(kind), Some(namespace), name),
                [kind, name] => (Some(kind), None, name),
                _ => (None, None, target.as_str()),
            };
            conditions.any_of("target_kind", kind.into_iter());
            conditions.any_of("target_namespace", namespace.into_iter());
            conditions.any_of("target_name", [name].into_iter());
        }
        if let Some(since) = filter.since {
            let place = conditions.place(since);
            conditions.and(format!("detected_at >= {place}"));
        }
        if let Some(until) = filter.until {
            let place = conditions.place(until);
            conditions.and(format!("detected_at < {place}"));
        }
        let text = filter.text.as_deref().unwrap_or_default().to_lowercase();
        for word in text.split_whitespace().take(MOST_WORDS) {
            let word = word.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
            let place = conditions.place(format!("%{word}%"));
            conditions.and(format!("search_text LIKE {place} ESCAPE '\\'"));
        }
        conditions
    }

    /// The place of a value in the statement.
    fn place(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    fn and(&mut self, condition: String) {
        self.all.push(condition);
    }

    /// Nothing is asked for where there are no values.
    fn any_of<'v>(&mut self, column: &str, values: impl Iterator<Item = &'v str>) {
        let places: Vec<String> = values.map(|value| self.place(value)).collect();
        if !places.is_empty() {
            self.and(format!("{column} IN ({})", places.join(", ")));
        }
    }

    fn sql(&self) -> String {
        if self.all.is_empty() { String::new() } else { format!(" WHERE {}", self.all.join(" AND ")) }
    }
}

pub(super) fn severity(name: &str) -> Option<Severity> {
    [Severity::Low, Severity::Medium, Severity::High, Severity::Critical].into_iter().find(|one| one.as_str() == name)
}

pub(super) fn incident(row: &Row) -> Result<Incident, StoreError> {
    let (started_at, detected_at) = (row.time("started_at")?, row.time("detected_at")?);
    let resolved_at = row.time_if_any("resolved_at")?;
    Ok(Incident {
        id: row.text("id")?,
        status: row.named("status", Status::of)?,
        severity: row.named("severity", severity)?,
        category: CategoryId::new(&row.text("category")?),
        target: IncidentTarget {
            kind: row.text("target_kind")?,
            namespace: row.text_if_any("target_namespace")?,
            name: row.text("target_name")?,
        },
        title: row.text("title")?,
        started_at,
        detected_at,
        last_seen_at: row.time("last_seen_at")?,
        acknowledged_at: row.time_if_any("acknowledged_at")?,
        mitigated_at: row.time_if_any("mitigated_at")?,
        resolved_at,
        detection_seconds: seconds(started_at, detected_at),
        resolution_seconds: resolved_at.map(|resolved_at| seconds(detected_at, resolved_at)),
        diagnoses: row.count("diagnoses")?,
        alerts: row.count("alerts")?,
        reopened: row.count("reopened")?,
        version: row.count("version")?,
    })
}

fn entry(row: &Row) -> Result<TimelineEntry, StoreError> {
    Ok(TimelineEntry {
        position: row.count("position")?,
        at: row.time("at")?,
        kind: row.named("kind", EntryKind::of)?,
        summary: row.text("summary")?,
        actor: row.text_if_any("actor")?,
        details: row.text_if_any("details")?,
    })
}

/// From one time to a later one; never negative.
pub(super) fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64().max(0.0)
}
