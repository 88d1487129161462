//! The tables, and how they came to be: numbered scripts, each run once.

use jiff::Timestamp;

use super::database::{Database, Dialect, StoreError, values};

struct Migration {
    version: i64,
    /// What both understand; it runs first.
    both: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

/// In order. A script that was released is never changed; what comes later is a further one.
const MIGRATIONS: [Migration; 4] = [
    Migration {
        version: 1,
        both: include_str!("migrations/0001_store.sql"),
        sqlite: include_str!("migrations/sqlite/0001_audit_is_append_only.sql"),
        postgres: include_str!("migrations/postgres/0001_audit_is_append_only.sql"),
    },
    Migration { version: 2, both: include_str!("migrations/0002_alerts.sql"), sqlite: "", postgres: "" },
    Migration { version: 3, both: include_str!("migrations/0003_replays.sql"), sqlite: "", postgres: "" },
    Migration { version: 4, both: include_str!("migrations/0004_model_replies.sql"), sqlite: "", postgres: "" },
];

/// The schema that this version of the program speaks.
pub const VERSION: i64 = MIGRATIONS[MIGRATIONS.len() - 1].version;

/// The schema that a store has. 0 = it has no tables yet.
pub async fn found(database: &Database) -> Result<i64, StoreError> {
    let mut work = database.read().await?;
    let tables = match work.dialect() {
        Dialect::Sqlite => "SELECT count(*) FROM sqlite_master WHERE name = 'faultline_schema'",
        Dialect::Postgres => {
            "SELECT count(*) FROM pg_tables WHERE tablename = 'faultline_schema' AND schemaname = ANY(current_schemas(false))"
        }
    };
    if work.number(tables, &[]).await? == 0 {
        return Ok(0);
    }
    work.number("SELECT coalesce(max(version), 0) FROM faultline_schema", &[]).await
}

/// Brings the tables up to [`VERSION`]; of several processes that start at once, one does it and the others wait.
///
/// Returns the version that was found where it is newer than this program, having changed nothing.
pub async fn migrate(database: &Database, now: Timestamp) -> Result<Result<(), i64>, StoreError> {
    let mut work = database.write().await?;
    work.lock("faultline schema").await?;
    let table = "CREATE TABLE IF NOT EXISTS faultline_schema (version bigint NOT NULL PRIMARY KEY, applied_at bigint NOT NULL)";
    work.script(table).await?;
    let found = work.number("SELECT coalesce(max(version), 0) FROM faultline_schema", &[]).await?;
    if found > VERSION {
        return Ok(Err(found));
    }
    for migration in MIGRATIONS.iter().filter(|migration| migration.version > found) {
        work.script(migration.both).await?;
        work.script(match work.dialect() {
            Dialect::Sqlite => migration.sqlite,
            Dialect::Postgres => migration.postgres,
        })
        .await?;
        let done = "INSERT INTO faultline_schema (version, applied_at) VALUES ($1, $2)";
        work.run(done, values![migration.version, now]).await?;
    }
    work.commit().await?;
    Ok(Ok(()))
}
