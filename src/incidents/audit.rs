//! The audit log: a chain of rows, each sealed with the hash of the one before.
//!
//! An act is written down before it is done ([`Audit::begin`]) and once more when it has ended ([`Audit::complete`]). Whoever
//! changes something has to show the [`AuditEntry`] of it, which nothing else makes.

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::database::{Database, Row, StoreError, Value, Work, storable, values};
use crate::domain::audit::{Act, ActOutcome, AuditBreak, AuditEntry, AuditKind, AuditReport, AuditRow};

#[derive(Clone, Copy, Debug)]
pub struct Audit<'a> {
    pub(super) database: &'a Database,
}

/// Hash before the first row.
const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Who takes rows away when their time is over.
const RETENTION: &str = "faultline retention";
const COLUMNS: &str = "seq, at, kind, of_seq, actor, action, target, incident_id, request_id, details, previous_hash, hash";
/// Rows that are checked at once.
const BATCH: i64 = 1000;

impl Audit<'_> {
    /// Writes down an act that is about to be done. Without this row nothing may be done.
    pub async fn begin(&self, act: Act, now: Timestamp) -> Result<AuditEntry, StoreError> {
        let mut work = self.database.write().await?;
        let seq = append(&mut work, AuditKind::Begun, None, &act, now).await?;
        work.commit().await?;
        Ok(AuditEntry::written(seq, act))
    }

    /// Writes down how an act ended. `details` is JSON.
    pub async fn complete(
        &self,
        entry: AuditEntry,
        outcome: ActOutcome,
        details: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut work = self.database.write().await?;
        let details = serde_json::json!({"outcome": outcome, "details": details}).to_string();
        let (seq, act) = entry.used_up();
        append(&mut work, AuditKind::Outcome, Some(seq), &Act { details, ..act }, now).await?;
        work.commit().await
    }

    /// Acts that were begun before `before` and never completed, because the process died: whoever starts next looks after them.
    pub async fn unfinished(&self, before: Timestamp) -> Result<Vec<AuditEntry>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM audit AS begun WHERE kind = 'begun' AND at < $1 AND NOT EXISTS \
             (SELECT 1 FROM audit AS outcome WHERE outcome.kind = 'outcome' AND outcome.of_seq = begun.seq) ORDER BY seq"
        );
        let rows = self.database.read().await?.rows(&sql, values![before]).await?;
        let entry = |row: &Row| {
            let AuditRow { seq, actor, action, target, incident_id, request_id, details, .. } = audit_row(row)?;
            let act = Act { actor, action, target, incident_id, request_id, details };
            Ok(AuditEntry::written(i64::try_from(seq).unwrap_or_default(), act))
        };
        rows.iter().map(entry).collect()
    }

    /// The newest rows, the newest first; `before` is the row to go on after.
    pub async fn list(&self, limit: usize, before: Option<u64>) -> Result<Vec<AuditRow>, StoreError> {
        let before = before.and_then(|seq| i64::try_from(seq).ok()).unwrap_or(i64::MAX);
        let sql = format!("SELECT {COLUMNS} FROM audit WHERE seq < $1 ORDER BY seq DESC LIMIT $2");
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.database.read().await?.rows(&sql, values![before, limit]).await?.iter().map(audit_row).collect()
    }

    /// Computes every hash again and names the first row that does not fit.
    pub async fn verify(&self) -> Result<AuditReport, StoreError> {
        let mut work = self.database.read().await?;
        let mut report = AuditReport { rows: 0, first_seq: None, last_seq: None, head: None, broken: None };
        let mut last = 0;
        loop {
            let sql = format!("SELECT {COLUMNS} FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2");
            let rows = work.rows(&sql, values![last, BATCH]).await?;
            if rows.is_empty() {
                return Ok(report);
            }
            for row in &rows {
                let row = match audit_row(row) {
                    Ok(row) => row,
                    Err(error) => {
                        let seq = row.count("seq")?;
                        report.broken = Some(AuditBreak { seq, why: error.to_string() });
                        return Ok(report);
                    }
                };
                let why = match (&report.head, report.last_seq) {
                    (Some(head), Some(before)) => broken_after(before, head, &row),
                    _ => broken_at_start(&mut work, &row).await?,
                };
                if let Some(why) = why {
                    report.broken = Some(AuditBreak { seq: row.seq, why });
                    return Ok(report);
                }
                report.rows += 1;
                report.first_seq = report.first_seq.or(Some(row.seq));
                report.last_seq = Some(row.seq);
                last = i64::try_from(row.seq).unwrap_or(i64::MAX);
                report.head = Some(row.hash);
            }
        }
    }

    /// Takes away the rows from before `before`, having sealed in the chain where it now begins. Returns how many.
    pub async fn forget(&self, before: Timestamp, now: Timestamp) -> Result<u64, StoreError> {
        let mut work = self.database.write().await?;
        work.lock(LOCK).await?;
        // What is younger than a row that is kept stays with it: the chain is cut at one place.
        let cut = "SELECT seq, hash FROM audit WHERE seq < coalesce((SELECT min(seq) FROM audit WHERE at >= $1), \
                   (SELECT max(seq) + 1 FROM audit)) ORDER BY seq DESC LIMIT 1";
        let Some(row) = work.row(cut, values![before]).await? else { return Ok(0) };
        let (seq, hash) = (row.integer("seq")?, row.text("hash")?);
        let act = Act {
            actor: RETENTION.to_owned(),
            action: "forget".to_owned(),
            target: String::new(),
            incident_id: None,
            request_id: None,
            details: serde_json::json!({"hash": hash}).to_string(),
        };
        append(&mut work, AuditKind::Anchor, Some(seq), &act, now).await?;
        let gone = work.run("DELETE FROM audit WHERE seq <= $1", values![seq]).await?;
        work.commit().await?;
        Ok(gone)
    }
}

const LOCK: &str = "audit";

async fn append(work: &mut Work, kind: AuditKind, of_seq: Option<i64>, act: &Act, now: Timestamp) -> Result<i64, StoreError> {
    work.lock(LOCK).await?;
    let last = work.row("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1", &[]).await?;
    let (last, previous_hash) = match last {
        Some(row) => (row.integer("seq")?, row.text("hash")?),
        None => (0, NOTHING.to_owned()),
    };
    let seq = last + 1;
    let mut row = AuditRow {
        seq: u64::try_from(seq).unwrap_or_default(),
        // As it is kept, or the hash could not be computed again.
        at: Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now),
        kind,
        of_seq: of_seq.and_then(|seq| u64::try_from(seq).ok()),
        actor: storable(&act.actor),
        action: storable(&act.action),
        target: storable(&act.target),
        incident_id: act.incident_id.as_deref().map(storable),
        request_id: act.request_id.as_deref().map(storable),
        details: storable(&act.details),
        previous_hash,
        hash: String::new(),
    };
    row.hash = hash(&row);
    let insert = format!("INSERT INTO audit ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)");
    let values = values![
        seq,
        now,
        kind.as_str(),
        Value::Integer(of_seq),
        row.actor,
        row.action,
        row.target,
        row.incident_id.as_deref(),
        row.request_id.as_deref(),
        row.details,
        row.previous_hash,
        row.hash,
    ];
    work.run(&insert, values).await?;
    Ok(seq)
}

/// SHA-256 over a JSON array of all columns but the hash itself, the previous hash first.
fn hash(row: &AuditRow) -> String {
    let columns = serde_json::json!([
        row.previous_hash,
        row.seq,
        row.at.as_millisecond(),
        row.kind,
        row.of_seq,
        row.actor,
        row.action,
        row.target,
        row.incident_id,
        row.request_id,
        row.details,
    ]);
    format!("{:x}", Sha256::digest(columns.to_string()))
}

/// What is wrong with a row that follows another.
fn broken_after(before: u64, head: &str, row: &AuditRow) -> Option<String> {
    if row.seq != before + 1 {
        return Some(format!("row {} is missing", before + 1));
    }
    if row.previous_hash != head {
        return Some(format!("it does not follow row {before}: that row was changed, or this one"));
    }
    broken_inside(row)
}

fn broken_inside(row: &AuditRow) -> Option<String> {
    (hash(row) != row.hash).then(|| "its columns were changed after it was written".to_owned())
}

/// What is wrong with the row that the log begins with.
async fn broken_at_start(work: &mut Work, row: &AuditRow) -> Result<Option<String>, StoreError> {
    if row.seq == 1 && row.previous_hash == NOTHING {
        return Ok(broken_inside(row));
    }
    let before = i64::try_from(row.seq.saturating_sub(1)).unwrap_or(i64::MAX);
    let anchors = "SELECT details FROM audit WHERE kind = 'anchor' AND of_seq = $1";
    let expected = serde_json::json!({"hash": row.previous_hash}).to_string();
    for anchor in work.rows(anchors, values![before]).await? {
        if anchor.text("details")? == expected {
            return Ok(broken_inside(row));
        }
    }
    Ok(Some("the rows before it are gone, and no anchor of the retention vouches for that".to_owned()))
}

fn audit_row(row: &Row) -> Result<AuditRow, StoreError> {
    Ok(AuditRow {
        seq: row.count("seq")?,
        at: row.time("at")?,
        kind: row.named("kind", AuditKind::of)?,
        of_seq: row.integer_if_any("of_seq")?.and_then(|seq| u64::try_from(seq).ok()),
        actor: row.text("actor")?,
        action: row.text("action")?,
        target: row.text("target")?,
        incident_id: row.text_if_any("incident_id")?,
        request_id: row.text_if_any("request_id")?,
        details: row.text("details")?,
        previous_hash: row.text("previous_hash")?,
        hash: row.text("hash")?,
    })
}
