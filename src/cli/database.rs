//! `plant-care database`.

use clap::Subcommand;

use super::{CliError, say};
use crate::app::{self, StartError};
use crate::clock::Clock;
use crate::config::Config;
use crate::crypto::Keys;
use crate::domain::integrity;
use crate::telemetry::{self, LogTo, Telemetry};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Exit with 0 if the database is whole and readable with the keys that are set; writes nothing
    Check,
}

pub(super) async fn run(command: Command) -> Result<(), CliError> {
    let Command::Check = command;
    let config = Config::from_environment()?.without_spans();
    telemetry::logs::start(&config, LogTo::Stderr);
    let telemetry = Telemetry::start(&config).map_err(StartError::from)?;
    let keys = Keys::load(&config).map_err(StartError::from)?;
    let database = app::connect(&config, telemetry, Clock::system()).await?;
    let report = integrity::check(&database, &keys).await?;
    database.close().await?;
    if !report.complaints.is_empty() {
        return Err(CliError::Domain(format!(
            "the database is damaged: {}",
            report.complaints.join("; ")
        )));
    }
    for (what, count) in report.counts {
        say(format_args!("{count} {what}"))?;
    }
    Ok(say("the database is whole")?)
}
