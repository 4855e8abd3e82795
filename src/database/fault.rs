//! What kind of failure an error of the database is: who is at fault, and what may be done about it.

use std::io;

use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr, sqlx};

/// What is behind an error of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Postgres gave the transaction up so that another could go on (40001, 40P01): it may be run again.
    Conflict,
    /// Somebody else has held a lock for too long, or the server has no room for another session.
    Locked,
    /// No connection of the pool was free in time.
    NoConnection,
    /// The connection is gone, or could not be made.
    Lost,
    /// A statement was not answered in time.
    Hung,
    /// Nothing can be stored.
    Storage(StorageFault),
    /// What the statement itself is to blame for, or something unknown.
    Other,
}

/// Why nothing can be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StorageFault {
    /// The disk, or what may be used of it, is full.
    DiskFull,
    /// The database may only be read.
    ReadOnly,
    /// The disk does not do what it is asked.
    DiskError,
    /// The database's file is not where it was, or is another one.
    FileReplaced,
    /// What is stored contradicts itself.
    Corrupt,
}

impl StorageFault {
    /// What it is called, in `/health/ready` and in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::DiskFull => "disk full",
            Self::ReadOnly => "read-only",
            Self::DiskError => "disk error",
            Self::FileReplaced => "file gone or replaced",
            Self::Corrupt => "corrupt",
        }
    }
}

impl Fault {
    /// What is behind an error.
    pub fn of(error: &DbErr) -> Self {
        match error {
            DbErr::ConnectionAcquire(ConnAcquireErr::Timeout) => Self::NoConnection,
            DbErr::ConnectionAcquire(_) => Self::Lost,
            DbErr::Conn(RuntimeErr::SqlxError(error))
            | DbErr::Exec(RuntimeErr::SqlxError(error))
            | DbErr::Query(RuntimeErr::SqlxError(error)) => Self::of_sqlx(error),
            _ => Self::Other,
        }
    }

    /// What is behind an error of the driver.
    pub(super) fn of_sqlx(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Io(error) => match error.kind() {
                io::ErrorKind::TimedOut => Self::Hung,
                io::ErrorKind::StaleNetworkFileHandle => Self::Storage(StorageFault::FileReplaced),
                _ => Self::Lost,
            },
            sqlx::Error::PoolTimedOut => Self::NoConnection,
            sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_) => Self::Lost,
            sqlx::Error::Database(error) => {
                let code = error.code().unwrap_or_default();
                if error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
                    Self::of_sqlite(code.parse().unwrap_or(0))
                } else {
                    Self::of_postgres(&code)
                }
            }
            _ => Self::Other,
        }
    }

    /// By SQLite's result code; the primary one is its lowest byte (<https://www.sqlite.org/rescode.html>).
    fn of_sqlite(code: i32) -> Self {
        match code & 0xff {
            5 | 6 => Self::Locked,
            8 => Self::Storage(StorageFault::ReadOnly),
            10 => Self::Storage(StorageFault::DiskError),
            13 => Self::Storage(StorageFault::DiskFull),
            14 => Self::Storage(StorageFault::FileReplaced),
            11 | 26 => Self::Storage(StorageFault::Corrupt),
            _ => Self::Other,
        }
    }

    /// By SQLSTATE (Postgres's documentation, appendix A).
    fn of_postgres(code: &str) -> Self {
        match code {
            "40001" | "40P01" => Self::Conflict,
            // lock_not_available; too_many_connections and what is like it
            "55P03" | "53300" | "53400" => Self::Locked,
            // query_canceled: by our own time limit
            "57014" => Self::Hung,
            "53100" => Self::Storage(StorageFault::DiskFull),
            "25006" => Self::Storage(StorageFault::ReadOnly),
            "XX001" | "XX002" => Self::Storage(StorageFault::Corrupt),
            // idle_in_transaction_session_timeout
            "25P03" => Self::Lost,
            _ if code.starts_with("08") || code.starts_with("57P") => Self::Lost,
            _ if code.starts_with("58") => Self::Storage(StorageFault::DiskError),
            // out_of_memory
            _ if code.starts_with("53") => Self::Locked,
            _ => Self::Other,
        }
    }

    /// Whether it is the database's, and may be over in a moment: whoever asked may ask again.
    pub fn is_passing(self) -> bool {
        !matches!(self, Self::Other | Self::Storage(StorageFault::Corrupt))
    }
}

/// The error of a statement that was not answered in time.
pub(super) fn hung() -> sqlx::Error {
    let words = "the database did not answer in time";
    sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, words))
}

/// The error of a database whose file is not the one that was opened.
pub(super) fn file_replaced() -> sqlx::Error {
    let words = "the database's file is gone, or another one is in its place";
    sqlx::Error::Io(io::Error::new(io::ErrorKind::StaleNetworkFileHandle, words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extended_codes_of_sqlite_are_of_their_kind() {
        let of = Fault::of_sqlite;
        assert_eq!([of(5), of(261), of(517), of(6)], [Fault::Locked; 4]);
        assert_eq!(of(13), Fault::Storage(StorageFault::DiskFull));
        assert_eq!(of(778), Fault::Storage(StorageFault::DiskError));
        assert_eq!(of(1032), Fault::Storage(StorageFault::ReadOnly));
        assert_eq!([of(2067), of(1), of(19)], [Fault::Other; 3]);
    }

    #[test]
    fn states_of_postgres_are_of_their_kind() {
        let of = Fault::of_postgres;
        assert_eq!([of("57P01"), of("57P03"), of("08006")], [Fault::Lost; 3]);
        assert_eq!(of("53100"), Fault::Storage(StorageFault::DiskFull));
        assert_eq!(of("58030"), Fault::Storage(StorageFault::DiskError));
        assert_eq!([of("23505"), of("25P02"), of("42601")], [Fault::Other; 3]);
        assert!(Fault::Lost.is_passing() && !Fault::Other.is_passing());
    }
}
