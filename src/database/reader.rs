//! The connections to read from.
//!
//! sqlx asks a connection that comes back to its pool whether it still works: a round trip to Postgres and a task for
//! each statement, which of a short one is as much as the statement itself. So some of Postgres's connections are kept
//! out of the pool while they are in use again and again, and go back to it, to be asked, once a second. A statement
//! holds one connection and nothing else, so nobody waits for somebody who waits; and where the pool has no more, nothing is
//! kept out of it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use sea_orm::sea_query::Values;
use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::postgres::{PgPool, PgRow};
use sea_orm::sqlx::query::Query;
use sea_orm::sqlx::{self, AssertSqlSafe, Connection as _, IntoArguments, Postgres};
use sea_orm::{
    ConnAcquireErr, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, FromQueryResult,
    QueryResult, RuntimeErr, Statement, metric,
};
use sea_query_sqlx::SqlxValues;
use tokio::time::Instant;

use super::fault::Fault;
use super::transaction::within;
use super::{Observed, TRUSTED_FOR};

/// How long a connection is kept out of the pool.
const OUT_FOR: Duration = Duration::from_secs(1);
/// How often a statement that only reads is run at most, if its connection is lost.
const ATTEMPTS: usize = 2;

/// Runs what only reads on a connection of its own, and once more on another one if that was lost.
macro_rules! retried {
    ($kept:expr, $statement:expr, |$connection:ident| $asked:expr) => {{
        let mut attempt = 1;
        loop {
            let mut out = $kept.take(attempt > 1).await?;
            let began = Instant::now();
            let answered = {
                let $connection = &mut *out.connection;
                within($asked).await
            };
            let fault = $kept.0.ended(out, $statement, began, &answered);
            if fault == Some(Fault::Lost) && attempt < ATTEMPTS {
                attempt += 1;
                continue;
            }
            break answered.map_err(|error| DbErr::Query(RuntimeErr::SqlxError(error.into())));
        }
    }};
}

/// The connections to read from.
#[derive(Clone, Debug)]
pub enum Reader {
    /// SQLite's pool, in which nothing is asked over a wire.
    Sqlite(DatabaseConnection),
    /// Postgres's, some of whose connections are kept out of it.
    Postgres(Kept),
}

/// Connections that are kept out of Postgres's pool.
#[derive(Clone, Debug)]
pub struct Kept(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pool: DatabaseConnection,
    most: usize,
    resting: Mutex<Vec<Out>>,
    observed: Observed,
}

/// A connection out of the pool.
#[derive(Debug)]
pub(super) struct Out {
    pub(super) connection: PoolConnection<Postgres>,
    since: Instant,
    used_at: Instant,
}

impl Reader {
    /// The pool below, for whoever needs a connection for longer than a statement.
    pub fn pool(&self) -> &DatabaseConnection {
        match self {
            Self::Sqlite(pool) => pool,
            Self::Postgres(kept) => {
                kept.0.make_room();
                &kept.0.pool
            }
        }
    }

    /// The rows of a statement. Each becomes what it is read as when it comes, so that what held it holds the next one.
    pub async fn all<M>(&self, mut statement: Statement) -> Result<Vec<M>, DbErr>
    where
        M: FromQueryResult + Send + Sync,
    {
        let kept = match self {
            Self::Sqlite(pool) => {
                let rows = M::find_by_statement(statement).stream(pool).await?;
                // What cannot be read ends it: no more rows come, and none is kept.
                return rows.try_collect().await;
            }
            Self::Postgres(kept) => kept,
        };
        let values = statement.values.take();
        retried!(kept, &statement, |connection| async {
            let mut read = Ok(Vec::new());
            let mut rows = query(&statement, values.clone()).fetch(connection);
            while let Some(row) = rows.try_next().await? {
                let row = QueryResult::from(row);
                // The connection is of use again only when the last row has come, whatever is wrong with one.
                if let Ok(rows) = &mut read {
                    match M::from_query_result(&row, "") {
                        Ok(row) => rows.push(row),
                        Err(error) => read = Err(error),
                    }
                }
            }
            Ok::<_, sqlx::Error>(read)
        })?
    }

    /// Closes the connections; what is in use is waited for.
    pub(super) async fn close(self) -> Result<(), DbErr> {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(kept) => {
                // From here on nothing is kept any more.
                let closing = kept.0.pool().close();
                kept.0.resting().clear();
                closing.await;
                Ok(())
            }
        }
    }
}

impl Kept {
    /// Keeps some of a pool's connections.
    pub(super) fn new(pool: DatabaseConnection, observed: &Observed) -> Self {
        let most = pool
            .get_postgres_connection_pool()
            .options()
            .get_max_connections()
            / 2;
        Self(Arc::new(Inner {
            pool,
            most: usize::try_from(most).unwrap_or(0),
            resting: Mutex::default(),
            observed: observed.clone(),
        }))
    }

    /// A connection; `anew`, one that has answered just now.
    pub(super) async fn take(&self, anew: bool) -> Result<Out, DbErr> {
        if !anew && let Some(out) = self.0.rested() {
            return Ok(out);
        }
        // Waiting for the pool takes 14 KiB, as it may have to connect: of every future that reads, were it a part of it.
        Box::pin(self.0.acquire(anew)).await
    }

    /// Takes a connection back on which nothing is open.
    pub(super) fn give_back(&self, out: Out) {
        self.0.give_back(out);
    }

    /// The pool below.
    pub(super) fn pool(&self) -> &PgPool {
        self.0.pool()
    }

    /// Connections that nobody uses although the pool does not have them.
    pub(super) fn resting(&self) -> usize {
        self.0.resting().len()
    }
}

impl Inner {
    fn pool(&self) -> &PgPool {
        self.pool.get_postgres_connection_pool()
    }

    /// Whether the pool has no more, so that somebody may be waiting for what comes back to it.
    fn is_used_up(&self) -> bool {
        let pool = self.pool();
        pool.num_idle() == 0 && pool.size() >= pool.options().get_max_connections()
    }

    /// Gives the pool what rests, if it has no more.
    fn make_room(&self) {
        if self.is_used_up() {
            self.resting().clear();
        }
    }

    fn resting(&self) -> std::sync::MutexGuard<'_, Vec<Out>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection that rests, and was in use a moment ago.
    fn rested(&self) -> Option<Out> {
        let mut resting = self.resting();
        let out = resting.pop()?;
        if out.used_at.elapsed() < TRUSTED_FOR {
            return Some(out);
        }
        // Those below it have rested as long. The pool asks them before anybody gets them again.
        resting.clear();
        None
    }

    /// Takes a connection from the pool; `anew`, one that has answered just now, because another one was lost.
    async fn acquire(&self, anew: bool) -> Result<Out, DbErr> {
        if anew {
            // Those that rest may be lost, too.
            self.resting().clear();
        }
        loop {
            let mut out = Out::new(self.pool().acquire().await.map_err(not_acquired)?);
            if !anew {
                return Ok(out);
            }
            match within(out.connection.ping()).await {
                Ok(()) => return Ok(out),
                // Each that is lost leaves the pool; then it makes new ones, or fails.
                Err(error) => {
                    tracing::debug!(%error, "a connection to the database was lost");
                    drop(out.connection.detach());
                }
            }
        }
    }

    /// Takes a connection back whose statement came to its end. Any other is dropped, and so goes to the pool.
    fn give_back(&self, mut out: Out) {
        if out.since.elapsed() >= OUT_FOR || self.is_used_up() || self.pool().is_closed() {
            return;
        }
        out.used_at = Instant::now();
        let mut resting = self.resting();
        if resting.len() < self.most {
            resting.push(out);
        }
    }

    /// A statement has come to its end: that is told, and its connection is kept if nothing is wrong with it.
    fn ended<T>(
        &self,
        out: Out,
        statement: &Statement,
        began: Instant,
        answered: &Result<T, sqlx::Error>,
    ) -> Option<Fault> {
        self.observed.statement(&metric::Info {
            elapsed: began.elapsed(),
            statement,
            failed: answered.is_err(),
        });
        let fault = answered.as_ref().err().map(Fault::of_sqlx);
        match fault {
            None => self.give_back(out),
            // Whether it works again is not for the pool to find out, who would wait for it.
            Some(Fault::Lost | Fault::Hung) => drop(out.connection.detach()),
            // By the pool, which asks it first.
            Some(_) => {}
        }
        fault
    }
}

impl Out {
    fn new(connection: PoolConnection<Postgres>) -> Self {
        let now = Instant::now();
        Self {
            connection,
            since: now,
            used_at: now,
        }
    }
}

/// Runs a statement in one of sqlx's ways.
macro_rules! run {
    ($kept:expr, $statement:expr, $run:ident) => {{
        let mut statement = $statement;
        let values = statement.values.take();
        retried!($kept, &statement, |connection| query(&statement, values.clone())
            .$run(connection))
    }};
}

/// A statement with its values, as sqlx runs it on either database.
pub(super) fn query<DB>(statement: &Statement, values: Option<Values>) -> Query<'_, DB, SqlxValues>
where
    DB: sqlx::Database,
    SqlxValues: IntoArguments<DB>,
{
    let values = SqlxValues(values.unwrap_or_else(|| Values(Vec::new())));
    sqlx::query_with(AssertSqlSafe(statement.sql.as_str()), values)
}

#[async_trait]
impl ConnectionTrait for Reader {
    fn get_database_backend(&self) -> DbBackend {
        match self {
            Self::Sqlite(_) => DbBackend::Sqlite,
            Self::Postgres(_) => DbBackend::Postgres,
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        match self {
            Self::Sqlite(pool) => pool.execute_raw(statement).await,
            Self::Postgres(kept) => Ok(run!(kept, statement, execute)?.into()),
        }
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        match self {
            Self::Sqlite(pool) => pool.execute_unprepared(sql).await,
            Self::Postgres(kept) => {
                let statement = Statement::from_string(DbBackend::Postgres, sql);
                Ok(run!(kept, statement, execute)?.into())
            }
        }
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        match self {
            Self::Sqlite(pool) => pool.query_one_raw(statement).await,
            Self::Postgres(kept) => Ok(run!(kept, statement, fetch_optional)?.map(QueryResult::from)),
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match self {
            Self::Sqlite(pool) => pool.query_all_raw(statement).await,
            Self::Postgres(kept) => {
                let rows: Vec<PgRow> = run!(kept, statement, fetch_all)?;
                Ok(rows.into_iter().map(QueryResult::from).collect())
            }
        }
    }
}

pub(super) fn not_acquired(error: sqlx::Error) -> DbErr {
    match error {
        sqlx::Error::PoolTimedOut => DbErr::ConnectionAcquire(ConnAcquireErr::Timeout),
        sqlx::Error::PoolClosed => DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed),
        error => DbErr::Conn(RuntimeErr::SqlxError(error.into())),
    }
}
