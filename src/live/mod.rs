//! Live updates: the log, the hub that follows it, and the bus that wakes other processes.
//!
//! An event is stored first and pushed after commit. Each stream is a log whose entries are numbered
//! without a hole; a subscriber is a position in it and a wake-up, nothing else. So nothing is lost
//! when a wake-up is, or a connection: whoever comes back reads on from where she was.

pub mod beginning;
pub mod bus;
pub mod control;
pub mod cursor;
pub mod gate;
pub mod hub;
mod latest;
pub mod listeners;
pub mod log;
pub mod mailbox;
pub mod message;
mod party;
pub mod reminders;
pub mod retention;
pub mod ring;
pub mod stream;
pub mod subscriber;
pub mod topic;

use std::sync::Arc;
use std::time::Duration;

pub use beginning::Start;
pub use cursor::Cursor;
pub use hub::Hub;
pub use mailbox::{Mailbox, Seat};
pub use message::{EndReason, GapReason, Message};
pub use party::Teller;
pub use stream::Stream;
pub use subscriber::{Next, Subscriber};

use crate::app::App;
use crate::telemetry::outage::Outage;

/// How often followed streams are compared with the database: what a lost wake-up costs at most.
const ANTI_ENTROPY_EVERY: Duration = Duration::from_secs(1);

/// How often it is noted by how much subscribers are behind.
const LAGS_EVERY: Duration = Duration::from_secs(5);

/// Follows the control stream, and keeps the hub honest until the process stops.
pub fn start(app: &App) {
    watch_lags(app);
    app.tasks.spawn(Arc::clone(&app.hub.control).run());
    let (hub, halt) = (Arc::clone(&app.hub), app.halt.clone());
    app.tasks.spawn(async move { hub.reminders.run(halt).await });
    let app_of_task = app.clone();
    app.tasks.spawn(async move {
        let mut ticks = tokio::time::interval(ANTI_ENTROPY_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut outage = Outage::of("following the database");
        loop {
            tokio::select! {
                () = app_of_task.halt.cancelled() => return,
                _ = ticks.tick() => {}
                () = app_of_task.compare.notified() => {}
            }
            outage.note(&app_of_task.hub.catch_up().await);
        }
    });
}

/// Notes now and then by how much subscribers are behind.
fn watch_lags(app: &App) {
    let (hub, halt) = (Arc::clone(&app.hub), app.halt.clone());
    app.tasks.spawn(async move {
        let mut ticks = tokio::time::interval(LAGS_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = halt.cancelled() => return,
                _ = ticks.tick() => hub.note_lags(),
            }
        }
    });
}

/// Has all connections end, spread over `window` so that their clients do not all come back at once, and
/// waits until they have.
pub async fn drain(hub: &Hub, window: Duration) {
    let listeners = &hub.control.listeners;
    listeners.open.close();
    let mailboxes = listeners.mailboxes();
    let steps = u32::try_from(mailboxes.len()).unwrap_or(u32::MAX).max(1);
    let began = tokio::time::Instant::now();
    for (mailbox, step) in mailboxes.iter().zip(0..) {
        tokio::time::sleep_until(began + window / steps * step).await;
        mailbox.end(mailbox::Ending::Drained);
    }
    listeners.open.wait().await;
}
