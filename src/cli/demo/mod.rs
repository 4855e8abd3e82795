//! `plant-care demo`: a story of care, played against a running server through its public API.

pub(super) mod follower;
mod people;
pub(super) mod screen;
mod story;
mod witness;

use std::time::Duration;

use clap::ValueEnum;

use self::screen::Screen;
use self::story::{Cast, Tally};
use super::{CliError, server};
use crate::client::{Client, ClientError};
use crate::config::shown;

/// Where `make run` serves.
pub(super) const DEFAULT_URL: &str = "http://127.0.0.1:8000";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The server
    #[arg(long, default_value = DEFAULT_URL)]
    url: String,
    /// Play again and again, with the same members, until Ctrl-C
    #[arg(long = "loop")]
    again: bool,
    /// How fast
    #[arg(long, value_enum, default_value_t = Pace::Calm)]
    pace: Pace,
}

/// How long the pauses are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Pace {
    /// Half a minute, so that a person can read along
    Calm,
    /// Hardly a pause, for tests
    Fast,
}

impl Pace {
    fn of(self, milliseconds: u64) -> Duration {
        Duration::from_millis(match self {
            Self::Calm => milliseconds,
            Self::Fast => milliseconds / 40,
        })
    }
}

pub(super) async fn run(arguments: Arguments) -> Result<(), CliError> {
    let screen = Screen::new();
    let client = Client::new(follower::endpoint(&server(&arguments.url)?))?;
    let mut cast = match Cast::register(&client).await {
        Ok(cast) => cast,
        Err(ClientError::Unreachable { url, reason }) => {
            return Err(CliError::Usage(format!(
                "no server answers at {} ({reason}): start one with `make run`, or name another with --url",
                shown::address(url.as_str())
            )));
        }
        Err(error) => return Err(error.into()),
    };
    let mut tally = Tally::default();
    if !arguments.again {
        Box::pin(cast.play(&screen, arguments.pace, &mut tally)).await?;
        return Ok(screen.headline(&tally.to_string())?);
    }
    let rounds = async {
        loop {
            Box::pin(cast.play(&screen, arguments.pace, &mut tally)).await?;
            screen.headline(&tally.to_string())?;
            tokio::time::sleep(arguments.pace.of(2000)).await;
            cast.refresh().await?;
        }
    };
    let ended: Result<(), CliError> = tokio::select! {
        ended = rounds => ended,
        signal = tokio::signal::ctrl_c() => signal.map_err(Into::into),
    };
    ended?;
    Ok(screen.headline(&tally.to_string())?)
}
