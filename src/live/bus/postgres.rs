//! Postgres NOTIFY as a bus.
//!
//! Sent after commit and from a connection of its own: NOTIFY inside the writer's transaction would
//! take a lock over the whole database at commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sea_orm::sqlx::postgres::{PgListener, PgPool, PgPoolOptions};
use sea_orm::{DbErr, RuntimeErr, sqlx};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Wake;
use crate::live::Hub;
use crate::telemetry::outage::Outage;

const CHANNEL: &str = "plant_care_wake";
/// Wake-ups in one NOTIFY: its payload may have 8,000 bytes, and one takes at most 64.
const BATCH: usize = 100;
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// The bus's own two connections, made when first used.
pub(super) fn pool(url: &str) -> Result<PgPool, DbErr> {
    PgPoolOptions::new()
        .max_connections(2)
        .connect_lazy(url)
        .map_err(|error| DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error))))
}

/// Sends what waits, together; what cannot be sent is dropped.
pub(super) async fn send(pool: PgPool, mut waiting: mpsc::Receiver<Wake>, stop: CancellationToken) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut outage = Outage::of("sending wake-ups");
    loop {
        let received = tokio::select! {
            () = stop.cancelled() => return,
            received = waiting.recv_many(&mut batch, BATCH) => received,
        };
        if received == 0 {
            return;
        }
        let payload = batch.drain(..).map(Wake::encode).collect::<Vec<_>>().join("\n");
        let sent = sqlx::query("SELECT pg_notify($1, $2)")
            .bind(CHANNEL)
            .bind(payload)
            .execute(&pool)
            .await;
        outage.note(&sent);
    }
}

/// Tells the hub what other processes send, for ever; after each reconnect anti-entropy makes up for
/// what was missed.
pub(super) async fn listen(pool: PgPool, hub: Arc<Hub>, listening: Arc<AtomicBool>, stop: CancellationToken) {
    let mut outage = Outage::of("receiving wake-ups");
    while !stop.is_cancelled() {
        let listener = tokio::select! {
            () = stop.cancelled() => return,
            listener = connect(&pool) => listener,
        };
        outage.note(&listener);
        if let Ok(listener) = listener {
            listening.store(true, Ordering::Relaxed);
            tokio::select! {
                () = stop.cancelled() => return,
                lost = receive(listener, &hub) => outage.note(&lost),
            }
            listening.store(false, Ordering::Relaxed);
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(RETRY_AFTER) => {}
        }
    }
}

async fn connect(pool: &PgPool) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

/// Tells the hub what is received, until the connection is lost.
async fn receive(mut listener: PgListener, hub: &Hub) -> Result<(), sqlx::Error> {
    loop {
        // `recv` would reconnect by itself, and what was missed meanwhile would go unnoticed in the log.
        let Some(notification) = listener.try_recv().await? else {
            return Err(sqlx::Error::PoolClosed);
        };
        for wake in notification.payload().lines().filter_map(Wake::decode) {
            wake.tell(hub);
        }
    }
}
