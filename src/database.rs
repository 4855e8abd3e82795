//! The database: connecting, and the one way to write. No queries.

pub mod reach;
pub mod reader;
pub mod schema;
pub mod texts;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{
    ConnectOptions, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, RuntimeErr,
    SqliteTransactionMode, TransactionOptions, TransactionTrait as _, metric, sqlx,
};
use tracing::Instrument as _;

use self::reader::Reader;
use self::texts::Texts;
use crate::config::Config;
use crate::telemetry::Telemetry;

/// How long a statement waits for another program's lock on a SQLite file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a caller waits for a free connection; longer than for a lock, so that a lock is named.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(6);
/// How long a connection may have rested to be taken without being asked.
const TRUSTED_FOR: Duration = Duration::from_millis(500);
/// How often a transaction is tried that Postgres ended to resolve a conflict.
const ATTEMPTS: usize = 5;

/// The connections to SQLite or Postgres.
///
/// SQLite has many readers and one writer, whose pool of a single connection is also the fair queue
/// of all who want to write. On Postgres both are the same pool.
#[derive(Clone, Debug)]
pub struct Database {
    reader: Reader,
    writer: DatabaseConnection,
    observed: Observed,
    texts: Arc<Texts>,
}

/// Whoever is told of statements.
#[derive(Clone, Debug)]
struct Observed {
    statements: Arc<AtomicU64>,
    telemetry: Arc<Telemetry>,
}

impl Observed {
    fn statement(&self, statement: &metric::Info<'_>) {
        self.statements.fetch_add(1, Ordering::Relaxed);
        // Without its values: those may be anybody's.
        tracing::trace!(statement = %statement.statement.sql, "a statement was run");
        self.telemetry.statement(statement);
    }
}

/// What is done in a transaction with what it is given.
pub type TransactionWork<C, T, E> = for<'w> fn(&'w DatabaseTransaction, &'w C) -> BoxFuture<'w, Result<T, E>>;

/// An error that may hold the database's.
pub trait HasDatabaseError: From<DbErr> {
    /// The database's error, if that is what it is.
    fn database_error(&self) -> Option<&DbErr>;
}

impl HasDatabaseError for DbErr {
    fn database_error(&self) -> Option<&DbErr> {
        Some(self)
    }
}

impl Database {
    /// Connects; a SQLite file is created if it is missing.
    pub async fn connect(config: &Config, telemetry: Arc<Telemetry>) -> Result<Self, DbErr> {
        let observed = Observed {
            statements: Arc::default(),
            telemetry,
        };
        let most = config.database_max_connections;
        let (reader, writer) = if config.postgres().is_none() {
            // The writer first: it is the one that may create the file.
            let writer = open(config, 1, &observed).await?;
            (open(config, most - 1, &observed).await?, writer)
        } else {
            let pool = open(config, most, &observed).await?;
            (pool.clone(), pool)
        };
        Ok(Self {
            reader: Reader::new(&reader, &observed),
            writer,
            observed,
            texts: Arc::default(),
        })
    }

    /// The connections to read from. Never inside a write transaction: that one has its own.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    fn writer(&self) -> &DatabaseConnection {
        match &self.reader {
            Reader::Sqlite(_) => &self.writer,
            shared @ Reader::Postgres(_) => shared.pool(),
        }
    }

    /// Which database it is.
    pub fn backend(&self) -> DbBackend {
        self.writer.get_database_backend()
    }

    /// The texts of statements that were built before.
    pub fn texts(&self) -> &Texts {
        &self.texts
    }

    /// Who is told of its statements.
    pub fn telemetry(&self) -> &Arc<Telemetry> {
        &self.observed.telemetry
    }

    /// Notes how many connections are open and in use.
    pub fn note_pools(&self) {
        let note = |name, idle, open, most| self.telemetry().metrics.database.pool(name, idle, open, most);
        match &self.reader {
            Reader::Sqlite(reader) => {
                for (name, pool) in [("reader", reader), ("writer", &self.writer)] {
                    let pool = pool.get_sqlite_connection_pool();
                    note(
                        name,
                        pool.num_idle(),
                        pool.size(),
                        pool.options().get_max_connections(),
                    );
                }
            }
            Reader::Postgres(kept) => {
                let pool = self.writer.get_postgres_connection_pool();
                let idle = pool.num_idle() + kept.resting();
                note("shared", idle, pool.size(), pool.options().get_max_connections());
            }
        }
    }

    /// Statements run so far, transactions' control statements not counted.
    pub fn statements(&self) -> u64 {
        self.observed.statements.load(Ordering::Relaxed)
    }

    /// Runs `work` in a transaction: IMMEDIATE on SQLite, READ COMMITTED on Postgres, where it is run
    /// again if the database ended it to resolve a conflict. An error rolls everything back.
    ///
    /// `work` is given `input` and captures nothing: so the compiler can see that its future may move
    /// between threads, which it cannot of an asynchronous closure that borrows.
    pub async fn write_transaction<C, T, E>(
        &self,
        name: &'static str,
        input: &C,
        work: TransactionWork<C, T, E>,
    ) -> Result<T, E>
    where
        C: Sync,
        E: HasDatabaseError,
    {
        let mut attempt = 1;
        loop {
            let span = tracing::debug_span!("write_transaction", transaction.name = name, attempt);
            let outcome = self.attempt(input, work).instrument(span).await;
            match outcome {
                Err(error) if attempt < ATTEMPTS && error.database_error().is_some_and(is_conflict) => {
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    async fn attempt<C, T, E>(&self, input: &C, work: TransactionWork<C, T, E>) -> Result<T, E>
    where
        C: Sync,
        E: HasDatabaseError,
    {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that begins a transaction"
        )]
        let transaction = self.writer().begin_with_options(options).await?;
        match work(&transaction, input).await {
            Ok(value) => {
                transaction.commit().await?;
                Ok(value)
            }
            Err(error) => {
                // The error that ended it says more than a failure to roll back would.
                if let Err(rollback) = transaction.rollback().await {
                    tracing::debug!(error = %rollback, "a transaction could not be rolled back");
                }
                Err(error)
            }
        }
    }

    /// Closes all connections; what is checked out is waited for.
    pub async fn close(self) -> Result<(), DbErr> {
        // The readers keep some of a shared pool's connections, which the pool waits for.
        self.reader.close().await?;
        self.writer.close().await
    }
}

async fn open(config: &Config, connections: u32, observed: &Observed) -> Result<DatabaseConnection, DbErr> {
    let mut options = match config.postgres() {
        // The address stays with us: SeaORM would have it in a span, with the password.
        Some(postgres) => {
            let mut options = ConnectOptions::new("postgres://database");
            options.map_sqlx_postgres_opts(move |_| postgres.clone());
            options
        }
        None => ConnectOptions::new(&config.database_url.0),
    };
    options
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_timeout(ACQUIRE_TIMEOUT)
        .sqlx_logging(false)
        // Asking a connection whether it is there takes a round trip.
        .test_before_acquire_if_idle_for(TRUSTED_FOR)
        .map_sqlx_sqlite_opts(|sqlite| {
            sqlite
                .create_if_missing(true)
                .foreign_keys(true)
                .journal_mode(SqliteJournalMode::Wal)
                // Every commit reaches the disk before anybody is told of it.
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(BUSY_TIMEOUT)
        });
    let mut connection = sea_orm::Database::connect(options).await?;
    let observed = observed.clone();
    connection.set_metric_callback(move |statement| observed.statement(statement));
    Ok(connection)
}

/// Whether Postgres gave up the transaction so that another could go on (40001, 40P01).
fn is_conflict(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) = error
    else {
        return false;
    };
    match &**error {
        sqlx::Error::Database(error) => matches!(error.code().as_deref(), Some("40001" | "40P01")),
        _ => false,
    }
}
