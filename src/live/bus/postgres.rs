//! Postgres NOTIFY as a bus.
//!
//! Sent after commit and from a connection of its own: NOTIFY inside the writer's transaction would
//! take a lock over the whole database at commit.

use std::time::Duration;

use sea_orm::sqlx;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgListener, PgPool, PgPoolOptions};

use super::{Ear, Speaker};
use crate::telemetry::outage::Outage;

const CHANNEL: &str = "plant_care_wake";
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// The bus's own two connections, made when first used.
pub(super) fn pool(options: PgConnectOptions) -> PgPool {
    PgPoolOptions::new().max_connections(2).connect_lazy_with(options)
}

/// Sends by NOTIFY.
pub(super) struct Notifier(pub(super) PgPool);

impl Speaker for Notifier {
    type Error = sqlx::Error;

    async fn publish(&self, message: String) -> Result<bool, sqlx::Error> {
        sqlx::query("SELECT pg_notify($1, $2)")
            .bind(CHANNEL)
            .bind(message)
            .execute(&self.0)
            .await?;
        Ok(true)
    }
}

/// Hears what other processes send, for ever.
pub(super) async fn listen(pool: PgPool, ear: Ear) {
    let mut outage = Outage::of("receiving wake-ups");
    loop {
        let listener = connect(&pool).await;
        outage.note(&listener);
        if let Ok(listener) = listener {
            ear.open();
            outage.note(&receive(listener, &ear).await);
            ear.close();
        }
        tokio::time::sleep(RETRY_AFTER).await;
    }
}

async fn connect(pool: &PgPool) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

/// Hears what is received, until the connection is lost.
async fn receive(mut listener: PgListener, ear: &Ear) -> Result<(), sqlx::Error> {
    loop {
        // `recv` would reconnect by itself, and what was missed meanwhile would go unnoticed in the log.
        let Some(notification) = listener.try_recv().await? else {
            return Err(sqlx::Error::PoolClosed);
        };
        ear.hear(notification.payload());
    }
}
