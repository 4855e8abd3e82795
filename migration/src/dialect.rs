//! One SQL text for both databases.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

/// Runs `statements` (separated by `;`), with the type names in braces put into the database's own.
///
/// | written | Postgres | SQLite |
/// |---|---|---|
/// | `{uuid}` | `uuid` | `uuid_text`, holding a 16-byte blob |
/// | `{time}` | `timestamp with time zone` | `timestamp_with_timezone_text` |
/// | `{date}` | `date` | `date_text` |
/// | `{bytes}` | `bytea` | `blob` |
pub(crate) async fn run(manager: &SchemaManager<'_>, statements: &str) -> Result<(), DbErr> {
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
