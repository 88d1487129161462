//! Two databases behind one small door: the same SQL, values and rows.
//!
//! Statements are written once, with `$1`, `text` and `bigint` alone, which both understand. What differs asks [`Work::dialect`].

use jiff::Timestamp;
use sqlx::{
    AssertSqlSafe, PgPool, Postgres, Row as _, Sqlite, SqlitePool, Transaction,
    postgres::{PgArguments, PgRow},
    query::Query,
    sqlite::{SqliteArguments, SqliteRow},
};

/// An open database.
#[derive(Clone, Debug)]
pub enum Database {
    /// SQLite lets one write at a time, so one connection does; reading goes on beside it.
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
    },
    Postgres(PgPool),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Sqlite,
    Postgres,
}

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Gone, busy for too long, out of space, or refusing; trying again may help.
    #[error("the store could not be used")]
    Database(#[from] sqlx::Error),
    /// A row that no version of this program wrote.
    #[error("the store holds {what} that cannot be read: {value:?}")]
    Unreadable { what: &'static str, value: String },
}

/// A value on its way into a statement.
#[derive(Clone, Debug)]
pub enum Value {
    Integer(Option<i64>),
    Text(Option<String>),
}

/// The values of a statement, in order: `values![id, now, None::<&str>]`.
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$($crate::incidents::database::Value::from($value)),*] };
}
pub(super) use values;

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(Some(number))
    }
}

/// `text` as both databases can hold it: Postgres has no zero bytes.
pub fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(storable(text)))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<Option<&str>> for Value {
    fn from(text: Option<&str>) -> Self {
        Self::Text(text.map(storable))
    }
}

impl From<Timestamp> for Value {
    fn from(time: Timestamp) -> Self {
        Self::Integer(Some(time.as_millisecond()))
    }
}

impl From<Option<Timestamp>> for Value {
    fn from(time: Option<Timestamp>) -> Self {
        Self::Integer(time.map(Timestamp::as_millisecond))
    }
}

/// One transaction: everything in it happens, or nothing. Dropped without [`Work::commit`], nothing did.
pub enum Work {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Database {
    /// Begins to read: one state of the store, whoever writes meanwhile.
    pub async fn read(&self) -> Result<Work, StoreError> {
        Ok(match self {
            Self::Sqlite { readers, .. } => Work::Sqlite(readers.begin().await?),
            Self::Postgres(pool) => Work::Postgres(pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?),
        })
    }

    /// Begins to write. In SQLite the only writer, from here on and among all processes.
    pub async fn write(&self) -> Result<Work, StoreError> {
        Ok(match self {
            Self::Sqlite { writer, .. } => Work::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres(pool) => Work::Postgres(pool.begin().await?),
        })
    }
}

impl Work {
    pub fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    pub async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await?,
            Self::Postgres(transaction) => transaction.commit().await?,
        }
        Ok(())
    }

    /// Lets nobody else into the same `name` until this transaction ends. In SQLite the one writer is alone already.
    pub async fn lock(&mut self, name: &str) -> Result<(), StoreError> {
        if self.dialect() == Dialect::Postgres {
            self.rows("SELECT pg_advisory_xact_lock($1)", values![lock_number(name)]).await?;
        }
        Ok(())
    }

    /// Runs a statement; returns how many rows it changed. `sql` never holds a value, only places for them.
    pub async fn run(&mut self, sql: &str, values: &[Value]) -> Result<u64, StoreError> {
        Ok(match self {
            Self::Sqlite(transaction) => sqlite_query(sql, values).execute(&mut **transaction).await?.rows_affected(),
            Self::Postgres(transaction) => postgres_query(sql, values).execute(&mut **transaction).await?.rows_affected(),
        })
    }

    pub async fn rows(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, StoreError> {
        Ok(match self {
            Self::Sqlite(transaction) => {
                let rows = sqlite_query(sql, values).fetch_all(&mut **transaction).await?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
            Self::Postgres(transaction) => {
                let rows = postgres_query(sql, values).fetch_all(&mut **transaction).await?;
                rows.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    /// The first row, where there is one.
    pub async fn row(&mut self, sql: &str, values: &[Value]) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    /// The single number that a statement such as `SELECT count(*)` tells.
    pub async fn number(&mut self, sql: &str, values: &[Value]) -> Result<i64, StoreError> {
        match self.row(sql, values).await? {
            Some(Row::Sqlite(row)) => Ok(row.try_get(0)?),
            Some(Row::Postgres(row)) => Ok(row.try_get(0)?),
            None => Ok(0),
        }
    }

    /// Runs a script of many statements without values.
    pub async fn script(&mut self, sql: &'static str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(transaction) => sqlx::raw_sql(sql).execute(&mut **transaction).await.map(|_| ())?,
            Self::Postgres(transaction) => sqlx::raw_sql(sql).execute(&mut **transaction).await.map(|_| ())?,
        }
        Ok(())
    }
}

/// The same number for the same name in every version: FNV-1a.
fn lock_number(name: &str) -> i64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in name.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash.cast_signed()
}

fn sqlite_query(sql: &str, values: &[Value]) -> Query<'static, Sqlite, SqliteArguments> {
    let query = sqlx::query(AssertSqlSafe(sql.to_owned()));
    values.iter().fold(query, |query, value| match value {
        Value::Integer(number) => query.bind(*number),
        Value::Text(text) => query.bind(text.clone()),
    })
}

fn postgres_query(sql: &str, values: &[Value]) -> Query<'static, Postgres, PgArguments> {
    let query = sqlx::query(AssertSqlSafe(sql.to_owned()));
    values.iter().fold(query, |query, value| match value {
        Value::Integer(number) => query.bind(*number),
        Value::Text(text) => query.bind(text.clone()),
    })
}

/// One row of an answer; columns are asked for by name.
#[derive(Debug)]
pub enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    pub fn text(&self, column: &str) -> Result<String, StoreError> {
        Ok(match self {
            Self::Sqlite(row) => row.try_get(column)?,
            Self::Postgres(row) => row.try_get(column)?,
        })
    }

    pub fn text_if_any(&self, column: &str) -> Result<Option<String>, StoreError> {
        Ok(match self {
            Self::Sqlite(row) => row.try_get(column)?,
            Self::Postgres(row) => row.try_get(column)?,
        })
    }

    pub fn integer(&self, column: &str) -> Result<i64, StoreError> {
        Ok(match self {
            Self::Sqlite(row) => row.try_get(column)?,
            Self::Postgres(row) => row.try_get(column)?,
        })
    }

    pub fn integer_if_any(&self, column: &str) -> Result<Option<i64>, StoreError> {
        Ok(match self {
            Self::Sqlite(row) => row.try_get(column)?,
            Self::Postgres(row) => row.try_get(column)?,
        })
    }

    /// A number that is never negative.
    pub fn count(&self, column: &str) -> Result<u64, StoreError> {
        Ok(u64::try_from(self.integer(column)?).unwrap_or_default())
    }

    pub fn time(&self, column: &str) -> Result<Timestamp, StoreError> {
        let milliseconds = self.integer(column)?;
        Timestamp::from_millisecond(milliseconds)
            .map_err(|_| StoreError::Unreadable { what: "a time", value: milliseconds.to_string() })
    }

    pub fn time_if_any(&self, column: &str) -> Result<Option<Timestamp>, StoreError> {
        self.integer_if_any(column)?.map(|_| self.time(column)).transpose()
    }

    /// A name that `known` knows, such as a status.
    pub fn named<T>(&self, column: &'static str, known: impl Fn(&str) -> Option<T>) -> Result<T, StoreError> {
        let text = self.text(column)?;
        known(&text).ok_or(StoreError::Unreadable { what: column, value: text })
    }
}
