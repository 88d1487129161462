//! `faultline store` and `faultline audit`: where incidents are kept, and whether the audit log is whole.

use std::{
    error::Error,
    io::Write,
    path::{Path, PathBuf},
};

use clap::Subcommand;
use jiff::Timestamp;

use super::{CliError, Outcome, ask::write_json};
use crate::{
    app,
    incidents::{PlaceSettings, Store, StoreError},
};

#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Copy the whole store to a new file while it is used; for Postgres use pg_dump
    Backup { file: PathBuf },
    /// Tell where the store is and what it holds
    Status,
}

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// List the rows of the audit log, the newest first
    List {
        /// Rows at most
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// As JSON lines
        #[arg(long)]
        json: bool,
    },
    /// Compute the chain of the audit log again and name its first break; exit code 1 where there is one
    Verify {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

/// The store that the settings name; having none is an error here.
pub async fn opened(place: &PlaceSettings) -> Result<Store, CliError> {
    let records = app::records(place).await?;
    let why = records.why_none().unwrap_or_default();
    records.store().ok_or_else(|| CliError::Input(format!("there is no store of incidents: {why}")))
}

/// What the store answered, or why it did not.
pub fn asked<T>(answer: Result<T, StoreError>) -> Result<T, CliError> {
    answer.map_err(|error| {
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        CliError::Input(format!("{error}{cause}"))
    })
}

#[expect(clippy::disallowed_methods, reason = "the command line is an edge: the clock is read here, once")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

pub fn store(command: &StoreCommand, place: &PlaceSettings) -> Result<Outcome, CliError> {
    super::block_on(async {
        let store = opened(place).await?;
        let done = match command {
            StoreCommand::Backup { file } => backup(&store, file).await,
            StoreCommand::Status => status(&store).await,
        };
        store.close().await;
        done
    })?
}

async fn backup(store: &Store, file: &Path) -> Result<Outcome, CliError> {
    if file.exists() {
        return Err(CliError::Input(format!("{} is there already; name a new file", file.display())));
    }
    let Some(done) = store.backup(file).await else {
        return Err(CliError::Input("the store is in Postgres: use pg_dump".to_owned()));
    };
    asked(done)?;
    writeln!(anstream::stdout().lock(), "copied to {}", file.display())?;
    Ok(Outcome::Done)
}

async fn status(store: &Store) -> Result<Outcome, CliError> {
    let status = asked(store.status().await)?;
    let mut out = anstream::stdout().lock();
    writeln!(out, "store         {}\nschema        {}\nbytes         {}", status.place, status.schema, status.size_bytes)?;
    for (table, rows) in status.rows {
        writeln!(out, "{table:<12}  {rows}")?;
    }
    Ok(Outcome::Done)
}

pub fn audit(command: &AuditCommand, place: &PlaceSettings) -> Result<Outcome, CliError> {
    super::block_on(async {
        let store = opened(place).await?;
        let done = match command {
            AuditCommand::List { limit, json } => list(&store, *limit, *json).await,
            AuditCommand::Verify { json } => verify(&store, *json).await,
        };
        store.close().await;
        done
    })?
}

async fn list(store: &Store, limit: usize, as_json: bool) -> Result<Outcome, CliError> {
    let rows = asked(store.audit().list(limit, None).await)?;
    let mut out = anstream::stdout().lock();
    for row in rows {
        if as_json {
            serde_json::to_writer(&mut out, &row).map_err(std::io::Error::from)?;
            writeln!(out)?;
        } else {
            let of = row.of_seq.map(|seq| format!(" of {seq}")).unwrap_or_default();
            let (seq, at, kind) = (row.seq, row.at, row.kind);
            writeln!(out, "{seq}  {at:.3}  {kind}{of}  {}  {}  {}  {}", row.actor, row.action, row.target, row.details)?;
        }
    }
    Ok(Outcome::Done)
}

async fn verify(store: &Store, as_json: bool) -> Result<Outcome, CliError> {
    let report = asked(store.audit().verify().await)?;
    let mut out = anstream::stdout().lock();
    if as_json {
        write_json(&mut out, &report)?;
    } else {
        match (&report.broken, &report.head) {
            (Some(broken), _) => writeln!(out, "broken at row {}: {}", broken.seq, broken.why)?,
            (None, Some(head)) => {
                let (first, last) = (report.first_seq.unwrap_or_default(), report.last_seq.unwrap_or_default());
                writeln!(out, "{} rows, {first} to {last}, are whole\nhash of the last  {head}", report.rows)?;
            }
            (None, None) => writeln!(out, "the audit log is empty")?,
        }
    }
    Ok(if report.broken.is_none() { Outcome::Done } else { Outcome::ProblemsFound })
}
