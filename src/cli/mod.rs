//! The commands.

mod database;
mod demo;
mod healthcheck;
mod log;
mod migrate;
mod serve;
mod user;
mod watch;

use std::io::{self, Write as _};

use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use url::Url;

use crate::app::{App, StartError};
use crate::client::ClientError;
use crate::clock::Clock;
use crate::config::{Config, ConfigError};
use crate::domain;
use crate::seed;
use crate::telemetry::{self, LogTo};
use crate::transport::server::ServeError;

/// A plant care GraphQL API whose heart is the live care update.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API until SIGTERM or Ctrl-C
    Serve {
        /// Leave the database's schema alone
        #[arg(long)]
        no_migrate: bool,
    },
    /// Change the database's schema
    #[command(subcommand)]
    Migrate(migrate::Command),
    /// Look at the database
    #[command(subcommand)]
    Database(database::Command),
    /// Print the GraphQL schema
    Schema,
    /// Fill the database with demonstration data; a second time changes nothing
    Seed,
    /// Play a care story against a running server, and print the owner's live timeline
    Demo(demo::Arguments),
    /// Follow the live timeline of a care request, as the member of `PLANT_CARE_TOKEN`
    Watch(watch::Arguments),
    /// Look at the log
    #[command(subcommand)]
    Log(log::Command),
    /// Add a member, or change what one may do
    #[command(subcommand)]
    User(user::Command),
    /// Print the configuration in force, secrets masked
    Config,
    /// Exit with 0 if a URL answers with success; for container health checks
    Healthcheck {
        /// The URL, such as <http://127.0.0.1:8000/health/ready>
        url: String,
    },
}

/// SIGXFSZ, of which `tokio` has no name: a file would grow beyond what its user or process may have.
const FILE_TOO_LARGE: i32 = 25;

/// Why a command failed; its text is the one line that is printed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// A setting is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The process could not be built.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Serving failed.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] sea_orm::DbErr),
    /// The schema could not be changed.
    #[error(transparent)]
    Schema(#[from] crate::database::schema::SchemaError),
    /// The database cannot be looked at.
    #[error(transparent)]
    Integrity(#[from] domain::integrity::IntegrityError),
    /// A use case failed.
    #[error("{0}")]
    Domain(String),
    /// A server did not do as it should.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The terminal is gone.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
    /// What the user gave cannot be used.
    #[error("{0}")]
    Usage(String),
}

impl From<domain::Error> for CliError {
    fn from(error: domain::Error) -> Self {
        let text = match error {
            domain::Error::Refused(refusals) => refusals
                .iter()
                .map(|refusal| {
                    let message =
                        crate::graphql::messages::refusal(refusal.reason, crate::entity::user::Locale::En);
                    refusal
                        .field
                        .map_or(message.clone(), |field| format!("{field}: {message}"))
                })
                .collect::<Vec<_>>()
                .join(" "),
            domain::Error::Database(error) => format!("the database failed: {error}"),
            domain::Error::Unconfirmed(error) => {
                format!("the database did not say whether it was stored: {error}")
            }
            error => format!("{error:?}"),
        };
        Self::Domain(text)
    }
}

impl From<seed::Error> for CliError {
    fn from(error: seed::Error) -> Self {
        match error {
            seed::Error::Production => Self::Usage(
                "demonstration data is not for production: its members' passwords are public".to_owned(),
            ),
            seed::Error::Stopped { done, of, error } => Self::Domain(format!(
                "the demonstration stopped after step {done} of {of}: {} Run seed again to go on; if it stops \
                 there again, stop the servers of this database and start with an empty one",
                Self::from(error)
            )),
            seed::Error::Domain(error) => error.into(),
        }
    }
}

impl Cli {
    /// Runs the command.
    pub async fn run(self) -> Result<(), CliError> {
        // While it is listened to, a file that may not grow is an error of whoever writes to it, and not our end.
        let _listening = signal(SignalKind::from_raw(FILE_TOO_LARGE))?;
        match self.command {
            Command::Serve { no_migrate } => serve::run(!no_migrate).await,
            Command::Migrate(command) => migrate::run(command).await,
            Command::Database(command) => database::run(command).await,
            Command::Schema => Ok(say(crate::graphql::sdl().trim_end())?),
            Command::Seed => {
                let app = app(true).await?;
                let logins = seed::run(&app).await?;
                say(logins)?;
                Ok(app.database.close().await?)
            }
            Command::Demo(arguments) => demo::run(arguments).await,
            Command::Watch(arguments) => watch::run(arguments).await,
            Command::Log(command) => log::run(command).await,
            Command::User(command) => user::run(command).await,
            Command::Config => {
                let table = Config::from_environment()?.table();
                for (variable, value) in table {
                    say(format_args!("{variable}={value}"))?;
                }
                Ok(())
            }
            Command::Healthcheck { url } => healthcheck::run(server(&url)?).await,
        }
    }
}

/// The process of a command that works on the database by itself; its logs go to standard error. Only a command
/// whose purpose it is changes the schema.
async fn app(migrate: bool) -> Result<App, CliError> {
    let config = Config::from_environment()?.without_spans();
    telemetry::logs::start(&config, LogTo::Stderr);
    Ok(App::build(config, Clock::system(), migrate).await?)
}

/// The address of a server, as somebody typed it. Not clap's to read: it would repeat one that is wrong, with the
/// password in it.
fn server(address: &str) -> Result<Url, CliError> {
    Url::parse(address)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| {
            CliError::Usage("this is no address of a server: http://127.0.0.1:8000 is one".to_owned())
        })
}

/// Prints a line.
fn say(line: impl std::fmt::Display) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{line}")
}
