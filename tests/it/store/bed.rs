//! What a case of the suite gets: an empty store, whichever database it is in.

use std::{future::Future, pin::Pin};

use faultline::{
    domain::{
        incident::IncidentTarget,
        symptom::{CategoryId, Severity},
    },
    incidents::{NewEntry, OpenError, PlaceSettings, Seen, Sighting, Store},
    net::Secret,
};
use jiff::{SignedDuration, Timestamp};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use tempfile::TempDir;

pub type Case = fn(Bed) -> Pin<Box<dyn Future<Output = ()> + Send>>;

pub struct Bed {
    pub url: String,
    pub store: Store,
    /// Holds the file of a SQLite store.
    _folder: Option<TempDir>,
}

impl Bed {
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let url = format!("sqlite://{}/store.db", folder.path().display());
        Self { store: try_open(&url).await.expect("an empty store opens"), url, _folder: Some(folder) }
    }

    pub async fn open(url: String) -> Self {
        Self { store: try_open(&url).await.expect("an empty store opens"), url, _folder: None }
    }

    /// The same store as another process sees it.
    pub async fn other(&self) -> Store {
        try_open(&self.url).await.expect("the store opens again")
    }

    /// Goes around the store, as somebody with the password of the database can.
    pub async fn execute(&self, sql: &str) -> Result<(), sqlx::Error> {
        execute(&self.url, sql).await
    }

    pub fn is_postgres(&self) -> bool {
        self.url.starts_with("postgres:")
    }

    /// Lets rows of the audit log be changed.
    pub async fn disarm_audit(&self) {
        let sql = if self.is_postgres() {
            "ALTER TABLE audit DISABLE TRIGGER ALL"
        } else {
            "DROP TRIGGER audit_is_never_changed; DROP TRIGGER audit_is_never_deleted"
        };
        self.execute(sql).await.expect("the triggers can be taken away");
    }
}

pub async fn try_open(url: &str) -> Result<Store, OpenError> {
    let settings = PlaceSettings { database_url: Secret::new(url), data_dir: None };
    Store::open(&settings.place(None).expect("a valid address"), at(0)).await
}

pub async fn execute(url: &str, sql: &str) -> Result<(), sqlx::Error> {
    let sql = AssertSqlSafe(sql.to_owned());
    if url.starts_with("postgres:") {
        let mut connection = PgConnection::connect(url).await?;
        sqlx::raw_sql(sql).execute(&mut connection).await?;
    } else {
        let mut connection = SqliteConnection::connect(url).await?;
        sqlx::raw_sql(sql).execute(&mut connection).await?;
    }
    Ok(())
}

/// Some seconds after the beginning of all tests.
pub fn at(seconds: i64) -> Timestamp {
    let beginning: Timestamp = "2026-02-19T10:00:00Z".parse().expect("a time");
    beginning + SignedDuration::from_secs(seconds)
}

pub fn target(name: &str) -> IncidentTarget {
    IncidentTarget { kind: "deployment".to_owned(), namespace: Some("shop".to_owned()), name: name.to_owned() }
}

/// An alert about `name` in shop.
pub fn sighting(name: &str, category: &str) -> Sighting {
    Sighting {
        target: target(name),
        category: CategoryId::new(category),
        severity: Severity::High,
        title: format!("{name} is unwell: {category}"),
        started_at: at(0),
        seen: Seen::Alert { summary: "KubePodCrashLooping".to_owned(), details: "{}".to_owned() },
    }
}

pub fn entry(kind: faultline::domain::incident::EntryKind, text: &str) -> NewEntry {
    NewEntry::new(kind, text).by(Some("ada".to_owned()))
}
