//! The store as one file.

use std::{path::Path, time::Duration};

use sqlx::{
    ConnectOptions, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::database::{Database, StoreError};

/// How long one waits for another process that writes.
const BUSY: Duration = Duration::from_secs(5);
/// How long one waits for a connection of this process.
const ACQUIRE: Duration = Duration::from_secs(5);
const READERS: u32 = 4;

/// Opens the file, made where it is missing. Its folder has to be there.
pub async fn open(file: &Path) -> Result<Database, StoreError> {
    // With a write-ahead log NORMAL loses nothing when the process dies; when the machine does, the last moments at most, and never consistency.
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        .disable_statement_logging();
    let pool = || SqlitePoolOptions::new().acquire_timeout(ACQUIRE);
    let writer = pool().max_connections(1).connect_with(options.clone()).await?;
    let readers = pool().max_connections(READERS).connect_lazy_with(options);
    Ok(Database::Sqlite { writer, readers })
}

/// Writes a whole and consistent copy to `file`, which must not be there yet, while others read and write.
pub async fn backup(writer: &SqlitePool, file: &str) -> Result<(), StoreError> {
    sqlx::query("VACUUM INTO $1").bind(file.to_owned()).execute(writer).await?;
    Ok(())
}

/// Brings the write-ahead log into the file, so that the file alone is a backup.
pub async fn close(writer: &SqlitePool, readers: &SqlitePool) {
    readers.close().await;
    let _ = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(writer).await;
    writer.close().await;
}
