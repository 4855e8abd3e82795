//! Whether a database is whole, and readable with the keys that are set: what a backup must be, once it is restored.
//! Nothing is written.

use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DbBackend, DbErr, EntityTrait, PaginatorTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _, Statement,
};

use super::key_fingerprint::{self, KeysError};
use super::user::{indexes, unsealed};
use super::values::Sought;
use crate::crypto::Keys;
use crate::database::schema::{self, SchemaError};
use crate::database::{Database, reader::Reader};
use crate::entity::{
    UserId, care_record, care_request, comment, event, offer, plant, stream, stream_entry, user,
};

/// How many members are read at a time.
const PAGE: u64 = 500;
/// How many of what is wrong are named of each kind.
const NAMED: usize = 10;

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    /// How many rows there are, by what they are.
    pub counts: Vec<(&'static str, u64)>,
    /// What is wrong, in a sentence each; nothing in a database that is whole.
    pub complaints: Vec<String>,
}

/// Why a database cannot even be looked at.
#[derive(Debug, thiserror::Error)]
pub enum IntegrityError {
    /// It has another schema.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// It was written with other keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// It failed.
    #[error("the database failed: {0}")]
    Database(#[from] DbErr),
}

/// Looks at everything.
pub async fn check(database: &Database, keys: &Keys) -> Result<Report, IntegrityError> {
    schema::check(database).await?;
    let database = database.reader();
    key_fingerprint::check(database, keys).await?;
    let mut report = Report::default();
    pages(database, &mut report).await?;
    members(database, keys, &mut report).await?;
    streams(database, &mut report).await?;
    report.counts = vec![
        ("members", count::<user::Entity>(database).await?),
        ("plants", count::<plant::Entity>(database).await?),
        ("care requests", count::<care_request::Entity>(database).await?),
        ("offers", count::<offer::Entity>(database).await?),
        ("care records", count::<care_record::Entity>(database).await?),
        ("comments", count::<comment::Entity>(database).await?),
        ("events", count::<event::Entity>(database).await?),
        ("streams", count::<stream::Entity>(database).await?),
        ("stream entries", count::<stream_entry::Entity>(database).await?),
    ];
    Ok(report)
}

async fn count<E: EntityTrait>(database: &Reader) -> Result<u64, DbErr>
where
    E::Model: Send + Sync,
{
    E::find().count(database).await
}

/// What SQLite finds in its file by itself. Postgres has nothing of the kind, but says so when it reads a page whose
/// checksum is wrong, and a dump that is restored holds no row that its constraints forbid.
async fn pages(database: &Reader, report: &mut Report) -> Result<(), DbErr> {
    if database.get_database_backend() != DbBackend::Sqlite {
        return Ok(());
    }
    for pragma in ["integrity_check", "foreign_key_check"] {
        let sql = Statement::from_string(DbBackend::Sqlite, format!("PRAGMA {pragma}"));
        for row in database.query_all_raw(sql).await?.iter().take(NAMED) {
            let told: String = row.try_get_by_index(0)?;
            if told != "ok" {
                report.complaints.push(format!("{pragma}: {told}"));
            }
        }
    }
    Ok(())
}

/// Each member's data key opens, her e-mail address with it, and she is found by it.
async fn members(database: &Reader, keys: &Keys, report: &mut Report) -> Result<(), DbErr> {
    let mut wrong = Vec::new();
    let mut last: Option<UserId> = None;
    loop {
        let mut page = user::Entity::find().order_by_asc(user::Column::Id).limit(PAGE);
        if let Some(last) = last {
            page = page.filter(user::Column::Id.gt(last));
        }
        let page = page.all(database).await?;
        let Some(newest) = page.last() else { break };
        last = Some(newest.id);
        for member in page {
            let email = unsealed(keys, &member.data_key_wrapped, &member.email_sealed);
            let is_right = email.is_ok_and(|email| {
                Sought::parse("email", &email)
                    .is_ok_and(|email| indexes(keys, &email).contains(&member.email_index))
            });
            if !is_right {
                wrong.push(member.id.0);
            }
        }
    }
    name(
        report,
        "members whose data cannot be read with ENCRYPTION_KEY",
        &wrong,
    );
    Ok(())
}

/// Each stream has every entry from its floor to its head.
async fn streams(database: &Reader, report: &mut Report) -> Result<(), DbErr> {
    let sql = "SELECT s.name FROM streams s \
        LEFT JOIN (SELECT stream, count(*) AS entries, min(seq) AS first, max(seq) AS last \
            FROM stream_entries GROUP BY stream) e ON e.stream = s.name \
        WHERE coalesce(e.entries, 0) <> s.last_seq - s.floor_seq \
            OR e.first <> s.floor_seq + 1 OR e.last <> s.last_seq \
        ORDER BY s.name";
    let rows = database
        .query_all_raw(Statement::from_string(database.get_database_backend(), sql))
        .await?;
    let names: Result<Vec<String>, DbErr> = rows.iter().map(|row| row.try_get_by_index(0)).collect();
    name(
        report,
        "streams that lack entries, or have some beyond their head",
        &names?,
    );
    Ok(())
}

fn name(report: &mut Report, what: &str, wrong: &[impl ToString]) {
    if wrong.is_empty() {
        return;
    }
    let mut names: Vec<String> = wrong.iter().take(NAMED).map(ToString::to_string).collect();
    if wrong.len() > NAMED {
        names.push("...".to_owned());
    }
    report
        .complaints
        .push(format!("{} {what}: {}", wrong.len(), names.join(", ")));
}
