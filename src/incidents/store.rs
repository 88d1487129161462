//! The store: opened, described, copied, closed. What it holds is reached by its parts.

use std::path::Path;

use jiff::Timestamp;

use super::{
    Audit, Budgets, Claims, Flags, Leases,
    database::{Database, StoreError},
    firing::Firing,
    model_replies::ModelReplies,
    postgres,
    queue::AlertQueue,
    remediations::Remediations,
    replays::Replays,
    schema,
    settings::{Place, make_folder},
    sqlite,
    together::Together,
};

/// An open store; a clone is the same one.
#[derive(Clone, Debug)]
pub struct Store {
    pub(super) database: Database,
    place: Place,
    together: Together,
}

/// Why there is no store.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Not reachable, not writable, nowhere: it may come back, and everything else works meanwhile.
    #[error("{0}")]
    Unavailable(String),
    /// It will never work as it is set: a wrong user, password or database, or a file that is no store.
    #[error("{0}")]
    Refused(String),
    /// Opened by a newer version before; this one would read it wrongly.
    #[error(
        "the store has schema {found}, and this version knows schemas up to {known} only: start the newer version, or another store"
    )]
    Newer { found: i64, known: i64 },
}

/// What the store is and holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreStatus {
    /// Where it is, without a password.
    pub place: String,
    pub schema: i64,
    /// Name of a table and its rows.
    pub rows: Vec<(&'static str, i64)>,
    pub size_bytes: i64,
}

const TABLES: [&str; 13] = [
    "incidents",
    "timeline",
    "diagnoses",
    "audit",
    "remediations",
    "alert_queue",
    "firing_alerts",
    "spendings",
    "flags",
    "leases",
    "claims",
    "replays",
    "model_replies",
];

impl Store {
    /// Opens the store and brings its tables up to date.
    pub async fn open(place: &Place, now: Timestamp) -> Result<Self, OpenError> {
        let database = match place {
            Place::Off => return Err(OpenError::Unavailable("the store is switched off".to_owned())),
            Place::Nowhere(why) => return Err(OpenError::Unavailable((*why).to_owned())),
            Place::File { file, is_named } => {
                if !is_named {
                    make_folder(file).map_err(|error| OpenError::Unavailable(unusable(file, &error.to_string())))?;
                }
                sqlite::open(file).await
            }
            Place::Postgres(options) => postgres::open((**options).clone()).await,
        };
        let failed = |error: StoreError| open_error(place, &error);
        let database = database.map_err(failed)?;
        match schema::migrate(&database, now).await.map_err(failed)? {
            Ok(()) => Ok(Self { database, place: place.clone(), together: Together::default() }),
            Err(found) => Err(OpenError::Newer { found, known: schema::VERSION }),
        }
    }

    /// Opens a store that is there already and changes nothing, and tells its schema; 0 = it has no tables yet.
    pub async fn look_at(place: &Place) -> Result<(Self, i64), OpenError> {
        let database = match place {
            Place::Off => return Err(OpenError::Unavailable("the store is switched off".to_owned())),
            Place::Nowhere(why) => return Err(OpenError::Unavailable((*why).to_owned())),
            Place::File { file, .. } if !file.is_file() => {
                return Err(OpenError::Unavailable(unusable(file, "it is not there yet")));
            }
            Place::File { file, .. } => sqlite::open(file).await,
            Place::Postgres(options) => postgres::open((**options).clone()).await,
        };
        let failed = |error: StoreError| open_error(place, &error);
        let store = Self { database: database.map_err(failed)?, place: place.clone(), together: Together::default() };
        let schema = schema::found(&store.database).await.map_err(failed)?;
        Ok((store, schema))
    }

    /// The time that the store says it is. `None` = it has no clock of its own.
    pub async fn clock(&self) -> Result<Option<Timestamp>, StoreError> {
        let Database::Postgres(_) = &self.database else { return Ok(None) };
        let now = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)";
        Ok(Timestamp::from_millisecond(self.database.read().await?.number(now, &[]).await?).ok())
    }

    pub fn place(&self) -> &Place {
        &self.place
    }

    pub fn incidents(&self) -> Incidents<'_> {
        Incidents { database: &self.database, together: &self.together }
    }

    pub fn audit(&self) -> Audit<'_> {
        Audit { database: &self.database }
    }

    pub fn remediations(&self) -> Remediations<'_> {
        Remediations { database: &self.database }
    }

    pub fn queue(&self) -> AlertQueue<'_> {
        AlertQueue { database: &self.database }
    }

    pub fn firing(&self) -> Firing<'_> {
        Firing { database: &self.database }
    }

    pub fn budgets(&self) -> Budgets<'_> {
        Budgets { database: &self.database }
    }

    pub fn leases(&self) -> Leases<'_> {
        Leases { database: &self.database }
    }

    pub fn claims(&self) -> Claims<'_> {
        Claims { database: &self.database }
    }

    pub fn replays(&self) -> Replays<'_> {
        Replays { database: &self.database }
    }

    pub fn model_replies(&self) -> ModelReplies<'_> {
        ModelReplies { database: &self.database }
    }

    pub fn flags(&self) -> Flags<'_> {
        Flags { database: &self.database }
    }

    pub async fn status(&self) -> Result<StoreStatus, StoreError> {
        let mut work = self.database.read().await?;
        let schema = work.number("SELECT max(version) FROM faultline_schema", &[]).await?;
        let mut rows = Vec::with_capacity(TABLES.len());
        for table in TABLES {
            rows.push((table, work.number(&format!("SELECT count(*) FROM {table}"), &[]).await?));
        }
        let size = match &self.database {
            Database::Sqlite { .. } => "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
            Database::Postgres(_) => "SELECT pg_database_size(current_database())",
        };
        let size_bytes = work.number(size, &[]).await?;
        Ok(StoreStatus { place: self.place.describe(), schema, rows, size_bytes })
    }

    /// Writes a whole copy to `file`, which must not be there yet. `None` = it is Postgres, whose own `pg_dump` does that.
    pub async fn backup(&self, file: &Path) -> Option<Result<(), StoreError>> {
        match &self.database {
            Database::Sqlite { writer, .. } => Some(sqlite::backup(writer, &file.to_string_lossy()).await),
            Database::Postgres(_) => None,
        }
    }

    /// Lets go of every connection. A SQLite file is then whole by itself.
    pub async fn close(&self) {
        match &self.database {
            Database::Sqlite { writer, readers } => sqlite::close(writer, readers).await,
            Database::Postgres(pool) => pool.close().await,
        }
    }
}

/// Incidents: recorded by `record.rs`, read by `read.rs`, changed by `change.rs`, counted by `stats.rs`.
#[derive(Clone, Copy, Debug)]
pub struct Incidents<'a> {
    pub(super) database: &'a Database,
    pub(super) together: &'a Together,
}

fn unusable(file: &Path, why: &str) -> String {
    format!("the file {} cannot be used: {why}", file.display())
}

/// SQLSTATEs that no waiting mends: wrong user or password, no such database, no right to connect or to make tables.
const HOPELESS: [&str; 5] = ["28P01", "28000", "3D000", "42501", "3F000"];
/// SQLite: the file is not a database.
const NOT_A_DATABASE: &str = "26";

fn open_error(place: &Place, error: &StoreError) -> OpenError {
    let (code, reason) = match error {
        StoreError::Database(sqlx::Error::Database(error)) => (error.code().unwrap_or_default(), error.message().to_owned()),
        StoreError::Database(sqlx::Error::PoolTimedOut) => ("".into(), "it did not answer in time".to_owned()),
        StoreError::Database(error) => ("".into(), error.to_string()),
        StoreError::Unreadable { .. } => ("".into(), error.to_string()),
    };
    let (is_hopeless, what) = match place {
        Place::File { file, is_named } => (*is_named && code == NOT_A_DATABASE, unusable(file, &reason)),
        Place::Postgres(_) | Place::Off | Place::Nowhere(_) => {
            (HOPELESS.contains(&&*code), format!("{} cannot be used: {reason}", place.describe()))
        }
    };
    if is_hopeless { OpenError::Refused(what) } else { OpenError::Unavailable(what) }
}
