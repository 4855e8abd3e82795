//! What time does: nobody has to ask for it.

use std::fmt::Debug;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::app::App;
use crate::domain::care_request::timed;
use crate::domain::stream_ticket;
use crate::live::retention;
use crate::telemetry::outage::Outage;

/// How often transitions are looked for that are due. Their rules are about days, so that half a minute is
/// soon.
const STEPS_EVERY: Duration = Duration::from_secs(30);
/// How often the log is trimmed. What it keeps is counted in days, too.
const TRIM_EVERY: Duration = Duration::from_hours(1);

/// Runs the jobs until the process stops. Every process may run them: each step is taken under the
/// request's lock, and only if it still is due; and what one has trimmed another does not find.
pub fn start(app: &App) {
    every(app, STEPS_EVERY, "taking the steps that are due", |app| {
        Box::pin(async move {
            let steps = timed::run(app).await?;
            if steps > 0 {
                tracing::info!(steps, "care requests moved on with time");
            }
            Ok::<_, crate::domain::Error>(())
        })
    });
    every(app, TRIM_EVERY, "trimming the log", |app| {
        Box::pin(async move {
            let entries = retention::run(&app.database, app.clock.now()).await?;
            stream_ticket::forget_old(app).await?;
            if entries > 0 {
                tracing::info!(entries, "the log was trimmed");
            }
            Ok::<_, crate::domain::Error>(())
        })
    });
}

fn every<E: Debug + Send + 'static>(
    app: &App,
    pause: Duration,
    part: &'static str,
    job: for<'a> fn(&'a App) -> BoxFuture<'a, Result<(), E>>,
) {
    let app_of_task = app.clone();
    app.tasks.spawn(async move {
        let mut ticks = tokio::time::interval(pause);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut outage = Outage::of(part);
        loop {
            tokio::select! {
                () = app_of_task.stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            outage.note(&job(&app_of_task).await);
        }
    });
}
