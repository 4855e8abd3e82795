//! The database below the servers: a new one for each proof, and what only SQL can do to it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Decode, PgConnection, Postgres, Row as _, Sqlite,
    SqliteConnection, Type,
};
use tokio::process::Command;

use crate::failure::{Failure, Result, ensure, fail};
use crate::figures::random;
use crate::processes::pin;

/// A database of a proof's own.
#[derive(Debug)]
pub struct Database {
    url: String,
    file: Option<PathBuf>,
    /// The Postgres that was started for it.
    _private: Option<Private>,
}

/// A Postgres of one's own, by its folder; it goes away with this, however the proof ends.
#[derive(Debug)]
struct Private(PathBuf);

impl Drop for Private {
    fn drop(&mut self) {
        let stopped = std::process::Command::new(script())
            .args([OsStr::new("stop"), self.0.as_os_str()])
            .status();
        // If it stays behind there is nobody left to tell.
        drop(stopped);
    }
}

/// One connection.
enum Link {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

impl Database {
    /// A SQLite file in a folder; the first server makes it.
    pub fn sqlite(folder: &Path) -> Self {
        let file = folder.join("prove.db");
        Self {
            url: format!("sqlite://{}", file.display()),
            file: Some(file),
            _private: None,
        }
    }

    /// The database at an address; whoever made it takes it away.
    pub fn at(url: &str) -> Self {
        let file = url.strip_prefix("sqlite://").map(PathBuf::from);
        Self {
            url: url.to_owned(),
            file,
            _private: None,
        }
    }

    /// A new database on a Postgres server: on this one, or on one that is started for it.
    pub async fn postgres(server: Option<&str>) -> Result<Self> {
        let (server, private) = match server {
            Some(server) => (server.to_owned(), None),
            None => start().await.map(|(url, private)| (url, Some(private)))?,
        };
        let name = format!("plant_care_prove_{:x}", random());
        let (host, _) = server
            .rsplit_once('/')
            .ok_or_else(|| Failure::new(format!("{server} names no database")))?;
        let new = Self {
            url: format!("{host}/{name}"),
            file: None,
            _private: private,
        };
        let mut link = Link::Postgres(PgConnection::connect(&server).await?);
        link.execute(&format!("CREATE DATABASE {name}")).await?;
        link.close().await?;
        Ok(new)
    }

    /// Its address, as the servers take it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether it is a Postgres.
    pub fn is_postgres(&self) -> bool {
        self.file.is_none()
    }

    /// The host and port of a Postgres.
    pub fn address(&self) -> Result<&str> {
        self.url
            .split(['@', '/'])
            .find(|part| part.contains(':') && part.split(':').nth(1).is_some_and(|port| !port.is_empty()))
            .filter(|_| self.is_postgres())
            .ok_or_else(|| Failure::new("it is no Postgres with a port in its address"))
    }

    /// Has a Postgres of this machine run on one core, with what it starts from here on. Any other is left where it is.
    pub async fn pin(&self, core: usize) -> Result<()> {
        if !self.is_postgres() || !self.address()?.starts_with("127.0.0.1:") {
            return Ok(());
        }
        let first_line = "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::bigint";
        let postmaster = u32::try_from(self.number(first_line).await?)?;
        let children = std::fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children"))?;
        pin(postmaster, core).await?;
        for child in children.split_whitespace() {
            // One that has gone meanwhile need not be anywhere.
            pin(child.parse()?, core).await.or_else(|error| {
                let is_gone = !Path::new("/proc").join(child).exists();
                if is_gone { Ok(()) } else { Err(error) }
            })?;
        }
        Ok(())
    }

    /// Runs statements and says how many rows they changed.
    pub async fn execute(&self, sql: &str) -> Result<u64> {
        let mut link = self.link().await?;
        let rows = link.execute(sql).await?;
        link.close().await?;
        Ok(rows)
    }

    /// The first column of a query.
    pub async fn column<T>(&self, sql: &str) -> Result<Vec<T>>
    where
        T: for<'r> Decode<'r, Postgres> + Type<Postgres> + for<'r> Decode<'r, Sqlite> + Type<Sqlite>,
    {
        self.link().await?.column(sql).await
    }

    /// The first column of a query, after statements on the same connection.
    pub async fn column_after<T>(&self, before: &str, sql: &str) -> Result<Vec<T>>
    where
        T: for<'r> Decode<'r, Postgres> + Type<Postgres> + for<'r> Decode<'r, Sqlite> + Type<Sqlite>,
    {
        let mut link = self.link().await?;
        link.execute(before).await?;
        link.column(sql).await
    }

    /// A query's one number.
    pub async fn number(&self, sql: &str) -> Result<i64> {
        match self.column::<i64>(sql).await?[..] {
            [number] => Ok(number),
            _ => fail(format!("not one row: {sql}")),
        }
    }

    /// How often tables were read since the database was made: scans, each of one statement or more. What a
    /// connection has done is counted when it has been idle for a second, so this waits for it. Postgres only.
    pub async fn scans(&self, table: &str) -> Result<Option<u64>> {
        if !self.is_postgres() {
            return Ok(None);
        }
        tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
        let sql = format!(
            "SELECT (COALESCE(seq_scan, 0) + COALESCE(idx_scan, 0))::bigint
             FROM pg_stat_user_tables WHERE relname = '{table}'"
        );
        Ok(u64::try_from(self.number(&sql).await?).ok())
    }

    async fn link(&self) -> Result<Link> {
        Ok(match &self.file {
            None => Link::Postgres(PgConnection::connect(&self.url).await?),
            Some(file) => {
                let options = SqliteConnectOptions::new()
                    .filename(file)
                    .journal_mode(SqliteJournalMode::Wal)
                    .busy_timeout(std::time::Duration::from_secs(20));
                Link::Sqlite(options.connect().await?)
            }
        })
    }
}

impl Link {
    async fn execute(&mut self, sql: &str) -> Result<u64> {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql));
        Ok(match self {
            Self::Postgres(link) => sql.execute(link).await?.rows_affected(),
            Self::Sqlite(link) => sql.execute(link).await?.rows_affected(),
        })
    }

    async fn column<T>(&mut self, sql: &str) -> Result<Vec<T>>
    where
        T: for<'r> Decode<'r, Postgres> + Type<Postgres> + for<'r> Decode<'r, Sqlite> + Type<Sqlite>,
    {
        Ok(match self {
            Self::Postgres(link) => sqlx::raw_sql(AssertSqlSafe(sql))
                .fetch_all(link)
                .await?
                .iter()
                .map(|row| row.try_get(0))
                .collect::<std::result::Result<_, _>>()?,
            Self::Sqlite(link) => sqlx::raw_sql(AssertSqlSafe(sql))
                .fetch_all(link)
                .await?
                .iter()
                .map(|row| row.try_get(0))
                .collect::<std::result::Result<_, _>>()?,
        })
    }

    async fn close(self) -> Result<()> {
        match self {
            Self::Postgres(link) => link.close().await?,
            Self::Sqlite(link) => link.close().await?,
        }
        Ok(())
    }
}

/// Starts a Postgres of one's own: its address.
async fn start() -> Result<(String, Private)> {
    let private = Private(std::env::temp_dir().join(format!("plant-care-prove-postgres.{:x}", random())));
    let output = Command::new(script())
        .args([OsStr::new("start"), private.0.as_os_str()])
        .output()
        .await?;
    ensure(output.status.success(), || {
        format!("scripts/postgres: {}", String::from_utf8_lossy(&output.stderr))
    })?;
    Ok((String::from_utf8_lossy(&output.stdout).trim().to_owned(), private))
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/postgres")
}
