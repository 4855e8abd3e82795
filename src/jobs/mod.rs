//! What time does: transitions that nobody has to ask for.

use std::time::Duration;

use crate::app::App;
use crate::domain::care_request::timed;
use crate::telemetry::outage::Outage;

/// How often the jobs look for what is due. Their rules are about days, so that half a minute is soon.
const EVERY: Duration = Duration::from_secs(30);

/// Runs the jobs until the process stops. Every process may run them: each step is taken under the
/// request's lock, and only if it still is due.
pub fn start(app: &App) {
    let app_of_task = app.clone();
    app.tasks.spawn(async move {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut outage = Outage::of("taking the steps that are due");
        loop {
            tokio::select! {
                () = app_of_task.stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let outcome = timed::run(&app_of_task).await;
            outage.note(&outcome);
            if let Ok(steps @ 1..) = outcome {
                tracing::info!(steps, "care requests moved on with time");
            }
        }
    });
}
