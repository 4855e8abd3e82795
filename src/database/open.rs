//! Opening pools of connections.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, DatabaseConnection, DbErr};

use super::file::DatabaseFile;
use super::{Observed, TRUSTED_FOR};

/// How long a statement waits for another program's lock on a SQLite file; a transaction that writes [waits longer].
///
/// [waits longer]: super::transaction::Transaction
const BUSY_TIMEOUT: Duration = Duration::from_millis(500);
/// How long a caller waits for a free connection; longer than for a lock, so that a lock is named.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(6);
/// How long Postgres works on a statement before it gives it up, waiting for a lock included.
const STATEMENT_TIMEOUT: &str = "6s";
/// How long Postgres keeps a transaction open whose process says nothing more, with all that it has locked.
const ABANDONED_AFTER: &str = "15s";

/// Opens the file of a SQLite database.
pub(super) async fn sqlite(
    url: &str,
    connections: u32,
    file: &Arc<DatabaseFile>,
    observed: &Observed,
) -> Result<DatabaseConnection, DbErr> {
    let mut options = options(url, connections);
    let file = Arc::clone(file);
    options
        // There is nobody at the other end: asking a connection's thread costs as much as a statement.
        .test_before_acquire(false)
        .map_sqlx_sqlite_opts(|sqlite| {
            sqlite
                // A file that is gone is not to be taken for an empty database.
                .create_if_missing(false)
                .foreign_keys(true)
                .journal_mode(SqliteJournalMode::Wal)
                // Every commit reaches the disk before anybody is told of it.
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(BUSY_TIMEOUT)
        })
        .map_sqlx_sqlite_pool_opts(move |pool| {
            let file = Arc::clone(&file);
            pool.before_acquire(move |_, connection| {
                let is_of_file = file.is_of(connection.age);
                Box::pin(async move { Ok(is_of_file) })
            })
        });
    connect(options, observed).await
}

/// Opens a Postgres database.
pub(super) async fn postgres(
    known: PgConnectOptions,
    connections: u32,
    observed: &Observed,
) -> Result<DatabaseConnection, DbErr> {
    // The address stays with us: SeaORM would have it in a span, with the password.
    let mut options = options("postgres://database", connections);
    options
        // Asking a connection whether it is there takes a round trip.
        .test_before_acquire_if_idle_for(TRUSTED_FOR)
        .map_sqlx_postgres_opts(move |_| {
            known.clone().options([
                ("statement_timeout", STATEMENT_TIMEOUT),
                ("idle_in_transaction_session_timeout", ABANDONED_AFTER),
            ])
        });
    connect(options, observed).await
}

fn options(url: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_timeout(ACQUIRE_TIMEOUT)
        .sqlx_logging(false);
    options
}

async fn connect(options: ConnectOptions, observed: &Observed) -> Result<DatabaseConnection, DbErr> {
    let mut connection = sea_orm::Database::connect(options).await?;
    let observed = observed.clone();
    connection.set_metric_callback(move |statement| observed.statement(statement));
    Ok(connection)
}
