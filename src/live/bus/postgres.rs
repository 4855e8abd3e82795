//! Postgres NOTIFY as a bus.
//!
//! Sent after commit and from a connection of its own: NOTIFY inside the writer's transaction would
//! take a lock over the whole database at commit.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::postgres::{PgListener, PgPool, PgPoolOptions};
use sea_orm::{DbErr, RuntimeErr, sqlx};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Wake;
use crate::live::Hub;

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
    let mut healthy = true;
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
        report("send", &mut healthy, sent.err());
    }
}

/// Tells the hub what other processes send, for ever; after each reconnect anti-entropy makes up for
/// what was missed.
pub(super) async fn listen(pool: PgPool, hub: Arc<Hub>, stop: CancellationToken) {
    let mut healthy = true;
    while !stop.is_cancelled() {
        let failure = tokio::select! {
            () = stop.cancelled() => return,
            failure = receive(&pool, &hub) => failure,
        };
        report("listen", &mut healthy, failure.err());
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(RETRY_AFTER) => {}
        }
    }
}

async fn receive(pool: &PgPool, hub: &Hub) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    while let Some(notification) = listener.try_recv().await? {
        for wake in notification.payload().lines().filter_map(Wake::decode) {
            wake.tell(hub);
        }
    }
    Ok(())
}

/// Logs a failure once, and once that it is over.
fn report(what: &'static str, healthy: &mut bool, failure: Option<sqlx::Error>) {
    match failure {
        Some(error) if *healthy => {
            tracing::warn!(%error, bus.part = what, "the bus is down; streams are polled")
        }
        None if !*healthy => tracing::info!(bus.part = what, "the bus is up again"),
        _ => return,
    }
    *healthy = !*healthy;
}
