//! The database: connecting, and the one way to write. No queries.

pub mod fault;
mod file;
mod open;
pub mod reach;
pub mod reader;
pub mod schema;
pub mod storage;
pub mod texts;
pub mod transaction;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use opentelemetry::context::FutureExt as _;
use sea_orm::{DatabaseConnection, DbBackend, DbErr, metric};
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use self::fault::Fault;
use self::file::DatabaseFile;
use self::reader::{Kept, Reader};
use self::storage::Storage;
use self::texts::Texts;
use self::transaction::{NotCommitted, Transaction};
use crate::clock::Clock;
use crate::config::Config;
use crate::telemetry::Telemetry;

/// How long a connection may have rested to be taken without being asked.
const TRUSTED_FOR: Duration = Duration::from_millis(500);
/// How often a transaction is tried that Postgres ended to resolve a conflict.
const ATTEMPTS: usize = 5;
/// How often a transaction is tried whose connection is lost.
const ATTEMPTS_LOST: usize = 2;

/// The connections to SQLite or Postgres.
///
/// SQLite has many readers and one writer, whose pool of a single connection is also the fair queue
/// of all who want to write. On Postgres both are the same pool.
#[derive(Clone, Debug)]
pub struct Database {
    reader: Reader,
    writer: Writer,
    observed: Observed,
    texts: Arc<Texts>,
    storage: Arc<Storage>,
    /// Writes that are under way.
    writes: TaskTracker,
}

/// The connections to write with.
#[derive(Clone, Debug)]
enum Writer {
    /// A pool of one, and the file it is for.
    Sqlite {
        pool: DatabaseConnection,
        file: Arc<DatabaseFile>,
    },
    /// Those that are read with.
    Postgres(Kept),
}

impl Writer {
    fn backend(&self) -> DbBackend {
        match self {
            Self::Sqlite { .. } => DbBackend::Sqlite,
            Self::Postgres(_) => DbBackend::Postgres,
        }
    }

    /// What a transaction begins with: on SQLite it takes the lock at once.
    fn begin(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "BEGIN IMMEDIATE",
            Self::Postgres(_) => "BEGIN",
        }
    }
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
pub type TransactionWork<C, T, E> = for<'w> fn(&'w Transaction, &'w C) -> BoxFuture<'w, Result<T, E>>;

/// An error that may hold the database's.
pub trait HasDatabaseError: From<DbErr> {
    /// The database's error, if that is what it is.
    fn database_error(&self) -> Option<&DbErr>;

    /// The error of a write of which nobody knows whether it is stored: the database was asked to, and did not answer.
    fn unconfirmed(error: DbErr) -> Self {
        Self::from(error)
    }
}

impl HasDatabaseError for DbErr {
    fn database_error(&self) -> Option<&DbErr> {
        Some(self)
    }
}

impl Database {
    /// Connects. The file of a SQLite database must be there.
    pub async fn connect(config: &Config, telemetry: Arc<Telemetry>, clock: Clock) -> Result<Self, DbErr> {
        let observed = Observed {
            statements: Arc::default(),
            telemetry,
        };
        let most = config.database_max_connections;
        let (reader, writer) = if let Some(postgres) = config.postgres() {
            let kept = Kept::new(open::postgres(postgres, most, &observed).await?, &observed);
            (Reader::Postgres(kept.clone()), Writer::Postgres(kept))
        } else {
            let url = &config.database_url.0;
            let path = config.sqlite_file().unwrap_or_default();
            let file = Arc::new(DatabaseFile::at(&path));
            let pool = open::sqlite(url, 1, &file, &observed).await?;
            let reader = Reader::Sqlite(open::sqlite(url, most - 1, &file, &observed).await?);
            (reader, Writer::Sqlite { pool, file })
        };
        Ok(Self {
            reader,
            writer,
            observed,
            texts: Arc::default(),
            storage: Arc::new(Storage::new(clock)),
            writes: TaskTracker::new(),
        })
    }

    /// The connections to read from. Never inside a write transaction: that one has its own.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The pool of those who write, for what needs `SeaORM`'s own transaction.
    fn writers(&self) -> &DatabaseConnection {
        match &self.writer {
            Writer::Sqlite { pool, .. } => pool,
            Writer::Postgres(_) => self.reader.pool(),
        }
    }

    /// Which database it is.
    pub fn backend(&self) -> DbBackend {
        self.writer.backend()
    }

    /// Whether what is written is stored.
    pub fn storage(&self) -> &Storage {
        &self.storage
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
        match &self.writer {
            Writer::Sqlite { pool: writer, .. } => {
                for (name, pool) in [("reader", self.reader.pool()), ("writer", writer)] {
                    let pool = pool.get_sqlite_connection_pool();
                    note(
                        name,
                        pool.num_idle(),
                        pool.size(),
                        pool.options().get_max_connections(),
                    );
                }
            }
            Writer::Postgres(kept) => {
                let pool = kept.pool();
                let idle = pool.num_idle() + kept.resting();
                note("shared", idle, pool.size(), pool.options().get_max_connections());
            }
        }
    }

    /// Statements run so far, transactions' control statements not counted.
    pub fn statements(&self) -> u64 {
        self.observed.statements.load(Ordering::Relaxed)
    }

    /// Writes that have begun or wait for their turn.
    pub fn writes_under_way(&self) -> usize {
        self.writes.len()
    }

    /// Runs `work` in a transaction: IMMEDIATE on SQLite, READ COMMITTED on Postgres. An error rolls everything back.
    ///
    /// It runs in a task of its own to its end, whether its caller waits for that or not: a write is whole, or it is not
    /// there.
    ///
    /// `work` is given `input` and captures nothing: so the compiler can see that its future may move
    /// between threads, which it cannot of an asynchronous closure that borrows.
    pub async fn write_transaction<C, T, E>(
        &self,
        name: &'static str,
        input: C,
        work: TransactionWork<C, T, E>,
    ) -> Result<T, E>
    where
        C: Send + Sync + 'static,
        T: Send + 'static,
        E: HasDatabaseError + Send + 'static,
    {
        let database = self.clone();
        self.in_task(async move { database.transact(name, false, &input, work).await })
            .await
    }

    /// Has a write run to its end, whether its caller waits for that or not.
    pub(crate) async fn in_task<T, E>(
        &self,
        write: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbErr> + Send + 'static,
    {
        match self.writes.spawn(write.with_current_context()).await {
            Ok(outcome) => outcome,
            Err(ended) => Err(DbErr::Custom(format!("a write ended early: {ended}")).into()),
        }
    }

    /// Runs `work` in a transaction, for a caller who is not dropped before it has come to its end. It is run again
    /// if Postgres ended it to resolve a conflict, or if its connection was lost before it was to be stored; after that,
    /// too, if it `is_repeatable`.
    pub(crate) async fn transact<C, T, E>(
        &self,
        name: &'static str,
        is_repeatable: bool,
        input: &C,
        work: TransactionWork<C, T, E>,
    ) -> Result<T, E>
    where
        C: Sync,
        E: HasDatabaseError,
    {
        let mut attempt = 1;
        let mut was_lost = false;
        loop {
            let span = tracing::debug_span!("write_transaction", transaction.name = name, attempt);
            let failed = match self.attempt(was_lost, input, work).instrument(span).await {
                Ok(value) => return Ok(value),
                Err(failed) => failed,
            };
            let again = match failed.fault {
                Some(Fault::Conflict) => attempt < ATTEMPTS,
                Some(Fault::Lost) => attempt < ATTEMPTS_LOST && (is_repeatable || !failed.is_unknown),
                _ => false,
            };
            if !again {
                return Err(failed.error);
            }
            was_lost |= failed.fault == Some(Fault::Lost);
            attempt += 1;
        }
    }

    async fn attempt<C, T, E>(
        &self,
        anew: bool,
        input: &C,
        work: TransactionWork<C, T, E>,
    ) -> Result<T, Failed<E>>
    where
        C: Sync,
        E: HasDatabaseError,
    {
        let transaction = Transaction::begin(&self.writer, anew, &self.observed)
            .await
            .map_err(|error| self.failed(error.into(), false))?;
        let value = match work(&transaction, input).await {
            Ok(value) => value,
            Err(error) => {
                transaction.roll_back(&self.writer).await;
                return Err(self.failed(error, false));
            }
        };
        match transaction.commit(&self.writer).await {
            Ok(()) => {
                self.storage.stored();
                Ok(value)
            }
            Err(NotCommitted { error, is_unknown }) => {
                let error = if is_unknown {
                    E::unconfirmed(error)
                } else {
                    error.into()
                };
                Err(self.failed(error, is_unknown))
            }
        }
    }

    /// Takes note of what a write failed by.
    fn failed<E: HasDatabaseError>(&self, error: E, is_unknown: bool) -> Failed<E> {
        let fault = error.database_error().map(Fault::of);
        if let Some(fault) = fault {
            self.storage.failed(fault);
        }
        Failed {
            error,
            fault,
            is_unknown,
        }
    }

    /// Closes all connections, once the writes that are under way have come to their end.
    pub async fn close(self) -> Result<(), DbErr> {
        self.writes.close();
        self.writes.wait().await;
        // The readers keep some of a shared pool's connections, which the pool waits for.
        self.reader.close().await?;
        match self.writer {
            Writer::Sqlite { pool, .. } => pool.close().await,
            Writer::Postgres(_) => Ok(()),
        }
    }
}

/// A transaction that was not stored, or of which that is not known.
struct Failed<E> {
    error: E,
    fault: Option<Fault>,
    is_unknown: bool,
}
