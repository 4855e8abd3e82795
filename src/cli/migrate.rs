//! `plant-care migrate`.

use clap::Subcommand;

use super::{CliError, say};
use crate::app::{self, StartError};
use crate::clock::Clock;
use crate::config::Config;
use crate::database::schema;
use crate::telemetry::{self, LogTo, Telemetry};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Apply the migrations that are missing
    Up,
    /// Revert the newest migrations, with all that is stored in what they made
    Down {
        /// How many
        #[arg(long, default_value_t = 1)]
        steps: u32,
    },
    /// Print every migration and whether it is applied
    Status,
}

pub(super) async fn run(command: Command) -> Result<(), CliError> {
    let config = Config::from_environment()?.without_spans();
    telemetry::logs::start(&config, LogTo::Stderr);
    let telemetry = Telemetry::start(&config).map_err(StartError::from)?;
    let database = app::connect(&config, telemetry, Clock::system()).await?;
    match command {
        Command::Up => match schema::migrate_up(&database).await? {
            0 => say("nothing to apply")?,
            applied => say(format_args!("applied {applied}"))?,
        },
        Command::Down { steps } => {
            schema::migrate_down(&database, steps).await?;
            say(format_args!("reverted {steps}"))?;
        }
        Command::Status => {
            for (name, applied) in schema::status(&database).await? {
                say(format_args!(
                    "{} {name}",
                    if applied { "applied" } else { "missing" }
                ))?;
            }
        }
    }
    Ok(database.close().await?)
}
