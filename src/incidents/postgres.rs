//! The store in Postgres, for more than one replica.

use std::{str::FromStr, time::Duration};

use sqlx::{
    ConnectOptions, Executor,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::database::{Database, StoreError};

/// How long one waits for a connection, a new one included.
const ACQUIRE: Duration = Duration::from_secs(5);
const CONNECTIONS: u32 = 8;
/// No statement of ours takes long; one that does holds locks that others wait for.
const LIMITS: &str = "SET statement_timeout = '15s'; SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '30s'";

/// Reads an address. The error never quotes it, since it may hold a password.
pub fn parse(url: &str) -> Result<PgConnectOptions, String> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| "is not an address such as postgres://user:password@host:5432/database".to_owned())?;
    Ok(options.application_name("faultline").disable_statement_logging())
}

pub async fn open(options: PgConnectOptions) -> Result<Database, StoreError> {
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(ACQUIRE).after_connect(|connection, _| {
        Box::pin(async move {
            connection.execute(LIMITS).await?;
            Ok(())
        })
    });
    Ok(Database::Postgres(pool.connect_with(options).await?))
}
