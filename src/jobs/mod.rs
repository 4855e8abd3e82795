//! What time does: transitions that nobody has to ask for.

use std::time::Duration;

use crate::app::App;
use crate::domain::care_request::timed;

/// How often the jobs look for what is due. Their rules are about days, so that half a minute is soon.
const EVERY: Duration = Duration::from_secs(30);

/// Runs the jobs until the process stops. Every process may run them: each step is taken under the
/// request's lock, and only if it still is due.
pub fn start(app: &App) {
    let app_of_task = app.clone();
    app.tasks.spawn(async move {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut healthy = true;
        loop {
            tokio::select! {
                () = app_of_task.stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            match timed::run(&app_of_task).await {
                Ok(taken) if taken > 0 => tracing::info!(steps = taken, "care requests moved on with time"),
                Ok(_) => {}
                Err(error) if healthy => {
                    healthy = false;
                    tracing::warn!(?error, "the jobs cannot run; they try again");
                    continue;
                }
                Err(_) => continue,
            }
            if !healthy {
                healthy = true;
                tracing::info!("the jobs run again");
            }
        }
    });
}
