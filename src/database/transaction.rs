//! A transaction that writes, on a connection of its own.
//!
//! `SeaORM`'s and sqlx's own count what is open on a connection, and go by that count when a statement of theirs was
//! dropped half-way, or when the database has rolled back by itself: the next one to write on the connection is then
//! told that it is stored what is not. Here only the database's own word counts. A connection on which BEGIN, COMMIT or
//! ROLLBACK did not succeed is closed, before anybody is answered; and so is one whose transaction was left.

use std::time::Duration;

use async_trait::async_trait;
use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::{self, Connection as _, Executor as _, Sqlite};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement, metric};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::fault::{self, Fault};
use super::file::Identity;
use super::reader::{Out, not_acquired, query};
use super::{Observed, Writer};

/// How long the client waits for a statement; longer than the database itself takes before it gives one up.
pub(super) const STATEMENT_TIMEOUT: Duration = Duration::from_secs(8);
/// How long a writer waits for the lock of a SQLite file, those before it included.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may take to be closed.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A transaction that writes. Once a statement of it has failed, it can only be rolled back.
#[derive(Debug)]
pub struct Transaction {
    backend: DbBackend,
    observed: Observed,
    open: Mutex<Open>,
}

/// What is open.
#[derive(Debug)]
struct Open {
    /// Nothing once it has come to its end.
    connection: Option<Connection>,
    /// What a statement has failed by: Postgres then takes no other, and SQLite may have rolled back by itself and would
    /// store each that follows at once.
    failed: Option<Fault>,
}

/// The connection of a transaction.
#[derive(Debug)]
enum Connection {
    /// With the file that it has open.
    Sqlite(PoolConnection<Sqlite>, Identity),
    Postgres(Out),
}

/// Why a transaction was not committed.
#[derive(Debug)]
pub(super) struct NotCommitted {
    pub(super) error: DbErr,
    /// Whether nobody knows if it is stored all the same: the database was asked to, and did not answer.
    pub(super) is_unknown: bool,
}

impl Connection {
    /// Runs a control statement.
    async fn control(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        let run = async {
            match self {
                Self::Sqlite(connection, _) => (&mut **connection).execute(sql).await.map(drop),
                Self::Postgres(out) => (&mut *out.connection).execute(sql).await.map(drop),
            }
        };
        within(run).await
    }

    /// Closes it: whatever is open on it ends with it.
    async fn close(self) {
        let closing = async {
            match self {
                Self::Sqlite(connection, _) => connection.close().await,
                // Not by a word of farewell: who did not answer before does not hear it.
                Self::Postgres(out) => out.connection.detach().close_hard().await,
            }
        };
        let closed = tokio::time::timeout(CLOSE_TIMEOUT, closing).await;
        tracing::debug!(
            in_time = closed.is_ok(),
            "a connection on which a transaction failed was closed"
        );
    }
}

impl Transaction {
    /// Begins on a connection; `anew` on one that was asked first whether it is there.
    ///
    /// On SQLite whoever finds the lock taken by another program waits behind the others again, until her time is over: so
    /// all who wait are told at the same time, however many they are.
    pub(super) async fn begin(writer: &Writer, anew: bool, observed: &Observed) -> Result<Self, DbErr> {
        let deadline = Instant::now() + LOCK_TIMEOUT;
        loop {
            let mut connection = writer.take(anew, deadline).await?;
            // Either database refuses it if a transaction is open: so none is.
            match connection.control(writer.begin()).await {
                Ok(()) => {
                    return Ok(Self {
                        backend: writer.backend(),
                        observed: observed.clone(),
                        open: Mutex::new(Open {
                            connection: Some(connection),
                            failed: None,
                        }),
                    });
                }
                Err(error) => {
                    connection.close().await;
                    if Fault::of_sqlx(&error) != Fault::Locked || Instant::now() >= deadline {
                        return Err(DbErr::Exec(RuntimeErr::SqlxError(error.into())));
                    }
                }
            }
        }
    }

    /// Stores what was written. The connection goes back to `writer` if the database says that it is stored.
    pub(super) async fn commit(self, writer: &Writer) -> Result<(), NotCommitted> {
        let refused = |error: sqlx::Error, is_unknown| NotCommitted {
            error: DbErr::Exec(RuntimeErr::SqlxError(error.into())),
            is_unknown,
        };
        let mut open = self.open.lock().await;
        let Some(mut connection) = open.connection.take() else {
            return Err(refused(sqlx::Error::WorkerCrashed, false));
        };
        if open.failed.is_some() {
            connection.close().await;
            return Err(refused(after_failure(), false));
        }
        if let (Writer::Sqlite { file, .. }, Connection::Sqlite(_, opened)) = (writer, &connection)
            && file.now() != *opened
        {
            connection.close().await;
            return Err(refused(fault::file_replaced(), false));
        }
        match connection.control("COMMIT").await {
            Ok(()) => {
                writer.give_back(connection);
                Ok(())
            }
            Err(error) => {
                connection.close().await;
                let is_unknown = matches!(
                    Fault::of_sqlx(&error),
                    Fault::Lost | Fault::Hung | Fault::Storage(fault::StorageFault::DiskError)
                );
                Err(refused(error, is_unknown))
            }
        }
    }

    /// Takes back what was written.
    pub(super) async fn roll_back(self, writer: &Writer) {
        let mut open = self.open.lock().await;
        let Some(mut connection) = open.connection.take() else {
            return;
        };
        if matches!(open.failed, Some(Fault::Lost | Fault::Hung)) {
            connection.close().await;
            return;
        }
        match connection.control("ROLLBACK").await {
            Ok(()) => writer.give_back(connection),
            // SQLite says so if it has rolled back by itself.
            Err(error) => {
                tracing::debug!(%error, "a transaction was ended by closing its connection");
                connection.close().await;
            }
        }
    }
}

impl Writer {
    /// A connection to write on.
    async fn take(&self, anew: bool, deadline: Instant) -> Result<Connection, DbErr> {
        match self {
            Self::Sqlite { pool, file } => {
                // As large as Postgres's.
                let acquiring = Box::pin(pool.get_sqlite_connection_pool().acquire());
                let acquired = tokio::time::timeout_at(deadline, acquiring).await;
                let connection = acquired.unwrap_or(Err(sqlx::Error::PoolTimedOut));
                Ok(Connection::Sqlite(connection.map_err(not_acquired)?, file.now()))
            }
            Self::Postgres(kept) => Ok(Connection::Postgres(kept.take(anew).await?)),
        }
    }

    /// Takes a connection back on which no transaction is open.
    fn give_back(&self, connection: Connection) {
        if let (Self::Postgres(kept), Connection::Postgres(out)) = (self, connection) {
            kept.give_back(out);
        }
    }
}

impl Drop for Open {
    /// It was left half-way: by a panic, or because the process ends.
    fn drop(&mut self) {
        match &mut self.connection {
            Some(Connection::Sqlite(connection, _)) => connection.close_on_drop(),
            Some(Connection::Postgres(out)) => out.connection.close_on_drop(),
            None => {}
        }
    }
}

/// Waits for the database, but not for ever.
pub(super) async fn within<T>(asked: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    match tokio::time::timeout(STATEMENT_TIMEOUT, asked).await {
        Ok(answered) => answered,
        Err(_) => Err(fault::hung()),
    }
}

/// The error of a statement after one that failed.
fn after_failure() -> sqlx::Error {
    sqlx::Error::Protocol("a statement of this transaction has failed: it can only be rolled back".to_owned())
}

/// Runs a statement in one of sqlx's ways.
macro_rules! run {
    ($transaction:expr, $statement:expr, $run:ident, $error:path, $answer:expr) => {{
        let mut statement = $statement;
        let values = statement.values.take();
        let mut open = $transaction.open.lock().await;
        let Open { connection, failed } = &mut *open;
        let began = Instant::now();
        let answered = match connection {
            Some(_) if failed.is_some() => Err(after_failure()),
            None => Err(sqlx::Error::WorkerCrashed),
            Some(Connection::Sqlite(connection, _)) => {
                let asked = query(&statement, values).$run(&mut **connection);
                within(asked).await.map($answer)
            }
            Some(Connection::Postgres(out)) => {
                let asked = query(&statement, values).$run(&mut *out.connection);
                within(asked).await.map($answer)
            }
        };
        if let Err(error) = &answered {
            failed.get_or_insert(Fault::of_sqlx(error));
        }
        $transaction.observed.statement(&metric::Info {
            elapsed: began.elapsed(),
            statement: &statement,
            failed: answered.is_err(),
        });
        answered.map_err(|error| $error(RuntimeErr::SqlxError(error.into())))
    }};
}

#[async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DbBackend {
        self.backend
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        run!(self, statement, execute, DbErr::Exec, ExecResult::from)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.execute_raw(Statement::from_string(self.backend, sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        run!(self, statement, fetch_optional, DbErr::Query, |row| row
            .map(QueryResult::from))
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        run!(self, statement, fetch_all, DbErr::Query, |rows| rows
            .into_iter()
            .map(QueryResult::from)
            .collect())
    }
}
