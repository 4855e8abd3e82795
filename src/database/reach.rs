//! Whether there is a database at all: asked once, at the start.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::{self, ConnectOptions as _, Connection as _};
use sea_orm::{DbErr, RuntimeErr};

/// How long it may take to answer, until it is left to the pool.
const PATIENCE: Duration = Duration::from_secs(6);

/// Fails if nothing listens where the database should be. A pool would take that for a database that is about to
/// start, and keep whoever has mistaken its address waiting. While the server runs, that is what it should do.
pub async fn listens(options: &PgConnectOptions) -> Result<(), DbErr> {
    let connected = tokio::time::timeout(PATIENCE, options.connect()).await;
    match connected {
        Ok(Err(error @ sqlx::Error::Io(_))) => Err(DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error)))),
        Ok(Ok(connection)) => {
            if let Err(error) = connection.close().await {
                tracing::debug!(%error, "a connection was not closed cleanly");
            }
            Ok(())
        }
        // The pool says what is wrong, if it is so still.
        Ok(Err(_)) | Err(_) => Ok(()),
    }
}
