//! A write that goes on until it is told to end, and keeps others from writing meanwhile.

use std::sync::Arc;

use sea_orm::{ConnectionTrait as _, DbBackend, DbErr};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::TestApp;

/// A write under way. On SQLite nobody else writes then; on Postgres nobody writes to some tables.
pub(crate) struct Held {
    release: Arc<Notify>,
    holding: JoinHandle<Result<(), DbErr>>,
}

impl Held {
    /// Begins it; the tables are given as SQL lists them.
    pub(crate) async fn on(app: &TestApp, tables: &'static str) -> Self {
        let (held, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let input = (Arc::clone(&held), Arc::clone(&release), tables);
        let database = app.app.database.clone();
        let holding = app.app.tasks.spawn(async move {
            database
                .write_transaction("hold", input, |transaction, (held, release, tables)| {
                    Box::pin(async move {
                        if transaction.get_database_backend() == DbBackend::Postgres {
                            let lock = format!("LOCK TABLE {tables} IN EXCLUSIVE MODE");
                            transaction.execute_unprepared(&lock).await?;
                        }
                        held.notify_one();
                        release.notified().await;
                        Ok::<_, DbErr>(())
                    })
                })
                .await
        });
        held.notified().await;
        Self { release, holding }
    }

    /// Ends it.
    pub(crate) async fn let_go(self) {
        self.release.notify_one();
        self.holding.await.unwrap().unwrap();
    }
}
