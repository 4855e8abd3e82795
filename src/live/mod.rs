//! Live updates: the log, the hub that follows it, and the bus that wakes other processes.
//!
//! An event is stored first and pushed after commit. Each stream is a log whose entries are numbered
//! without a hole; a subscriber is a position in it and a wake-up, nothing else. So nothing is lost
//! when a wake-up is, or a connection: whoever comes back reads on from where she was.

pub mod bus;
pub mod cursor;
pub mod follow;
pub mod hub;
pub mod log;
pub mod stream;

use std::time::Duration;

pub use cursor::Cursor;
pub use hub::Hub;
pub use stream::Stream;

use crate::app::App;
use crate::telemetry::outage::Outage;

/// How often followed streams are compared with the database: what a lost wake-up costs at most.
const ANTI_ENTROPY_EVERY: Duration = Duration::from_secs(1);

/// Keeps the hub honest until the process stops.
pub fn start(app: &App) {
    let app_of_task = app.clone();
    app.tasks.spawn(async move {
        let mut ticks = tokio::time::interval(ANTI_ENTROPY_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut outage = Outage::of("following the database");
        loop {
            tokio::select! {
                () = app_of_task.stop.cancelled() => return,
                _ = ticks.tick() => {}
                () = app_of_task.compare.notified() => {}
            }
            outage.note(&app_of_task.hub.catch_up(app_of_task.database.reader()).await);
        }
    });
}
