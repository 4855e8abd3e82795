//! The state of the database's schema: migrating, and refusing what this program is too old for.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::BoxFuture;
use migration::MigratorTrait as _;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, QueryResult, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait as _,
};
use tokio::time::Instant;

use super::Database;
use super::fault::Fault;

/// Postgres's advisory lock for migrating, so that two programs do not do it at once. The number
/// means nothing but must never change.
const MIGRATION_LOCK: i64 = 0x706c_616e_7463;

/// How long it waits for another program that writes to a SQLite file.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the schema cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The schema was changed for a newer program.
    #[error("the database needs plant-care {minimum} or newer; this is {}", env!("CARGO_PKG_VERSION"))]
    ProgramTooOld {
        /// What the schema demands.
        minimum: String,
    },
    /// Migrations were not applied.
    #[error("the database lacks {0} migration(s): run `plant-care migrate up`")]
    Behind(usize),
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] DbErr),
}

/// Applies the migrations that are missing and says how many; alone, whoever else may try.
pub async fn migrate_up(database: &Database) -> Result<usize, SchemaError> {
    alone(database, &(), |transaction, ()| {
        Box::pin(async move {
            let missing = pending(transaction).await?.len();
            if missing > 0 {
                migration::Migrator::up(transaction, None).await?;
            }
            Ok(missing)
        })
    })
    .await
}

/// Reverts the newest `steps` migrations, with all that is stored in what they made.
pub async fn migrate_down(database: &Database, steps: u32) -> Result<(), SchemaError> {
    alone(database, &steps, |transaction, steps| {
        Box::pin(async move { Ok(migration::Migrator::down(transaction, Some(*steps)).await?) })
    })
    .await
}

/// What is done with the schema.
type Change<C, T> = for<'w> fn(&'w DatabaseTransaction, &'w C) -> BoxFuture<'w, Result<T, SchemaError>>;

/// Changes the schema in one transaction, in which no other program changes it. It is `SeaORM`'s own, because its
/// migrator takes no other; a program whose migration fails does not serve.
async fn alone<C, T>(database: &Database, input: &C, change: Change<C, T>) -> Result<T, SchemaError> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let deadline = Instant::now() + LOCK_TIMEOUT;
    let transaction = loop {
        #[expect(
            clippy::disallowed_methods,
            reason = "what changes the schema is no write of the program's"
        )]
        match database.writers().begin_with_options(options).await {
            Err(error) if Fault::of(&error) == Fault::Locked && Instant::now() < deadline => {}
            begun => break begun?,
        }
    };
    lock(&transaction).await?;
    check_program(&transaction).await?;
    let changed = change(&transaction, input).await?;
    transaction.commit().await?;
    Ok(changed)
}

/// Every migration of this program, and whether the database has it.
pub async fn status(database: &Database) -> Result<Vec<(String, bool)>, DbErr> {
    let applied = applied(database.reader()).await?;
    Ok(names()
        .map(|name| (name.clone(), applied.contains(&name)))
        .collect())
}

/// Refuses a schema that this program cannot serve.
pub async fn check(database: &Database) -> Result<(), SchemaError> {
    check_program(database.reader()).await?;
    match pending(database.reader()).await?.len() {
        0 => Ok(()),
        missing => Err(SchemaError::Behind(missing)),
    }
}

/// Keeps every other program from migrating until the transaction ends; on SQLite it does so by itself.
async fn lock(transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    if transaction.get_database_backend() == DbBackend::Postgres {
        // It takes as long as it takes, and so does the one before it.
        transaction
            .execute_unprepared("SET LOCAL statement_timeout = 0")
            .await?;
        transaction
            .execute_unprepared(&format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
            .await?;
    }
    Ok(())
}

fn names() -> impl Iterator<Item = String> {
    migration::Migrator::migrations()
        .into_iter()
        .map(|migration| migration.name().to_owned())
}

async fn applied(connection: &impl ConnectionTrait) -> Result<HashSet<String>, DbErr> {
    if !has_table(connection, "seaql_migrations").await? {
        return Ok(HashSet::new());
    }
    let rows = query(connection, "SELECT version FROM seaql_migrations").await?;
    rows.iter().map(|row| row.try_get("", "version")).collect()
}

async fn pending(connection: &impl ConnectionTrait) -> Result<Vec<String>, DbErr> {
    let applied = applied(connection).await?;
    Ok(names().filter(|name| !applied.contains(name)).collect())
}

async fn check_program(connection: &impl ConnectionTrait) -> Result<(), SchemaError> {
    if !has_table(connection, "schema_info").await? {
        return Ok(());
    }
    let rows = query(
        connection,
        "SELECT minimum_program_version FROM schema_info WHERE id = 1",
    )
    .await?;
    let Some(row) = rows.first() else {
        return Ok(());
    };
    let minimum: String = row.try_get("", "minimum_program_version")?;
    if version(&minimum) <= version(env!("CARGO_PKG_VERSION")) {
        Ok(())
    } else {
        Err(SchemaError::ProgramTooOld { minimum })
    }
}

/// `1.12.3` as numbers, so that versions compare as they should; what is no number counts highest.
fn version(text: &str) -> Vec<u64> {
    text.split('.')
        .map(|part| part.parse().unwrap_or(u64::MAX))
        .collect()
}

/// Whether there is a table; `name` is one of ours.
async fn has_table(connection: &impl ConnectionTrait, name: &str) -> Result<bool, DbErr> {
    let sql = match connection.get_database_backend() {
        DbBackend::Sqlite => {
            format!("SELECT name FROM sqlite_master WHERE type = 'table' AND name = '{name}'")
        }
        _ => format!("SELECT relname FROM pg_class WHERE oid = to_regclass('{name}')"),
    };
    Ok(!query(connection, sql).await?.is_empty())
}

async fn query(connection: &impl ConnectionTrait, sql: impl Into<String>) -> Result<Vec<QueryResult>, DbErr> {
    connection
        .query_all_raw(Statement::from_string(connection.get_database_backend(), sql))
        .await
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn versions_compare_by_number() {
        assert!(version("0.10.0") > version("0.9.9"));
        assert!(version("1.0.0") > version("0.99.0"));
        assert_eq!(version("0.1.0"), version("0.1.0"));
    }
}
