//! `plant-care serve`.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use super::CliError;
use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::telemetry::{self, LogTo};
use crate::transport::{management, server};

/// Serves until SIGTERM or Ctrl-C; a second signal ends at once.
pub(super) async fn run(migrate: bool) -> Result<(), CliError> {
    let config = Config::from_environment()?;
    let log_level = telemetry::logs::start(&config, LogTo::Stdout);
    // First the address: nothing is to be changed in the database if it is taken.
    let listener = server::listen(&config).await?;
    let management = management::listen(&config)?;
    let app = App::build(config, Clock::system(), migrate).await?;
    stop_on_signals(&app)?;
    let address = listener.local_addr()?;
    tracing::info!(%address, database = %app.config.shown_database_url(), "serving GraphQL at http://{address}/graphql");
    if let Some(listener) = management {
        let address = listener.local_addr()?;
        tracing::info!(%address, "metrics are at http://{address}/metrics");
        management::serve(&app, listener, log_level);
    }
    let telemetry = Arc::clone(&app.telemetry);
    let served = server::serve(app, listener).await;
    telemetry.stop().await;
    served?;
    tracing::info!("stopped");
    Ok(())
}

fn stop_on_signals(app: &App) -> Result<(), CliError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let leaving = app.leaving.clone();
    // Not one of the tracked tasks: those are waited for.
    #[expect(
        clippy::disallowed_methods,
        reason = "the process must not wait for the task that waits for signals"
    )]
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if leaving.is_cancelled() {
                tracing::warn!("ended at once: a second signal came");
                std::process::exit(130);
            }
            tracing::info!("stopping: open work may finish");
            leaving.cancel();
        }
    });
    Ok(())
}
