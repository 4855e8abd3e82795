//! One SQL text for both databases.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

/// A migration that is SQL and nothing else. Its name must never change: databases remember it.
pub(crate) struct SqlMigration {
    pub(crate) name: &'static str,
    pub(crate) up: &'static str,
    pub(crate) down: &'static str,
}

impl MigrationName for SqlMigration {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for SqlMigration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, self.up).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, self.down).await
    }

    // SQLite would otherwise run it outside a transaction and could stop half-way.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// Runs `statements` (separated by `;`), with the type names in braces put into the database's own.
///
/// | written | Postgres | SQLite |
/// |---|---|---|
/// | `{uuid}` | `uuid` | `uuid_text`, holding a 16-byte blob |
/// | `{time}` | `timestamp with time zone` | `timestamp_with_timezone_text` |
/// | `{date}` | `date` | `date_text` |
/// | `{bytes}` | `bytea` | `blob` |
async fn run(manager: &SchemaManager<'_>, statements: &str) -> Result<(), DbErr> {
    let types = match manager.get_database_backend() {
        DbBackend::Sqlite => ["uuid_text", "timestamp_with_timezone_text", "date_text", "blob"],
        _ => ["uuid", "timestamp with time zone", "date", "bytea"],
    };
    let sql = ["{uuid}", "{time}", "{date}", "{bytes}"]
        .iter()
        .zip(types)
        .fold(statements.to_owned(), |sql, (written, own)| {
            sql.replace(written, own)
        });
    for statement in sql
        .split(';')
        .map(str::trim)
        .filter(|statement| !statement.is_empty())
    {
        manager.get_connection().execute_unprepared(statement).await?;
    }
    Ok(())
}
