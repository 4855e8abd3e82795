//! Whether what is written is stored: by what was stored just now or, when nothing was, by a row of our own.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait as _, DbErr, EntityTrait as _, IntoActiveModel as _, QueryFilter as _};
use uuid::Uuid;

use crate::app::App;
use crate::clock::Clock;
use crate::crypto;
use crate::database::fault::{Fault, StorageFault};
use crate::entity::heartbeat;

/// For how long something that was stored proves that more can be.
const PROVED_FOR: Duration = Duration::from_secs(1);
/// How long whoever asks waits for the proof.
const PATIENCE: Duration = Duration::from_secs(1);
/// For how long nothing need be stored while there is too much to do.
const STALLED_AFTER: Duration = Duration::from_secs(10);
/// What is written: a page of a disk.
const FILLER_BYTES: usize = 4096;
/// How long the row of a process is kept that is no more.
const KEPT_FOR: TimeDelta = TimeDelta::days(1);

/// What a process knows of its own heartbeat.
#[derive(Debug)]
pub struct Heartbeat {
    replica: Uuid,
    /// Held while one is under way.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// What the last one that failed had to wait for.
    waited_for: Mutex<Option<&'static str>>,
}

/// Whether what is written is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storing {
    /// It is.
    Proved,
    /// It waits for its turn.
    Busy,
    /// It is not, or has waited for too long.
    Failing(&'static str),
}

impl Heartbeat {
    /// Of a process that begins.
    pub fn new(clock: &Clock) -> Self {
        Self {
            replica: clock.new_id(),
            turn: Arc::default(),
            waited_for: Mutex::default(),
        }
    }

    fn waited_for(&self) -> std::sync::MutexGuard<'_, Option<&'static str>> {
        self.waited_for.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Proves that a write can be stored, or says why not, within about a second.
pub async fn prove(app: &App) -> Storing {
    if is_proved(app) {
        return Storing::Proved;
    }
    let beaten = tokio::time::timeout(PATIENCE, beat(app)).await;
    let storage = app.database.storage();
    if let Some(fault) = storage.failing() {
        return Storing::Failing(fault.name());
    }
    match beaten {
        Ok(Ok(())) => return Storing::Proved,
        Ok(Err(error)) => match Fault::of(&error) {
            Fault::Lost => return Storing::Failing("unreachable"),
            Fault::Other | Fault::Storage(StorageFault::Corrupt) => return Storing::Failing("failing"),
            _ => {}
        },
        Err(_) => {}
    }
    if storage.stored_ago() < STALLED_AFTER {
        Storing::Busy
    } else {
        Storing::Failing(app.heartbeat.waited_for().unwrap_or("slow"))
    }
}

fn is_proved(app: &App) -> bool {
    let storage = app.database.storage();
    storage.failing().is_none() && storage.stored_ago() < PROVED_FOR
}

/// Stores a heartbeat; of those who ask at the same time, for all.
async fn beat(app: &App) -> Result<(), DbErr> {
    let turn = Arc::clone(&app.heartbeat.turn).lock_owned().await;
    if is_proved(app) {
        return Ok(());
    }
    let app_of_task = app.clone();
    let write = async move {
        let app = app_of_task;
        let now = app.clock.now();
        let row = heartbeat::Model {
            replica: app.heartbeat.replica,
            beat_at: now,
            filler: crypto::random::<FILLER_BYTES>().to_vec(),
        };
        let stored = app
            .database
            .transact("heartbeat", true, &row, |transaction, row| {
                Box::pin(async move {
                    let conflict = OnConflict::column(heartbeat::Column::Replica)
                        .update_columns([heartbeat::Column::BeatAt, heartbeat::Column::Filler])
                        .to_owned();
                    heartbeat::Entity::insert(row.clone().into_active_model())
                        .on_conflict(conflict)
                        .exec_without_returning(transaction)
                        .await?;
                    heartbeat::Entity::delete_many()
                        .filter(heartbeat::Column::BeatAt.lt(row.beat_at - KEPT_FOR))
                        .exec(transaction)
                        .await?;
                    Ok::<_, DbErr>(())
                })
            })
            .await;
        *app.heartbeat.waited_for() = match stored.as_ref().map_err(Fault::of) {
            Err(Fault::Locked | Fault::Conflict) => Some("locked"),
            Err(Fault::NoConnection) => Some("no free connection"),
            _ => None,
        };
        // Whoever asks next, asks anew.
        drop(turn);
        stored
    };
    app.database.in_task(write).await
}
