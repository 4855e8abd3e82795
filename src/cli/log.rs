//! `plant-care log`.

use clap::Subcommand;

use super::{CliError, app, say};
use crate::live::Stream;
use crate::live::log;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print a stream's head and floor, and whether entries are missing between them
    Inspect {
        /// The stream: care:0198c0de-0000-7000-8000-000000000000, user:..., board or control
        stream: String,
    },
}

pub(super) async fn run(command: Command) -> Result<(), CliError> {
    let Command::Inspect { stream } = command;
    let Ok(stream) = stream.parse::<Stream>() else {
        return Err(CliError::Usage(format!(
            "{stream} is not a stream: it takes care: or user: and a UUID, board, or control"
        )));
    };
    let app = app(false).await?;
    let extent = log::extent(app.database.reader(), stream).await?;
    let mut position = extent.floor;
    let mut missing = 0;
    loop {
        let entries = log::read(app.database.reader(), stream, position, 1000).await?;
        let Some(last) = entries.last() else { break };
        let first = entries.first().map_or(0, |entry| entry.seq);
        let expected = last.seq - position;
        missing += expected - i64::try_from(entries.len()).unwrap_or(expected);
        tracing::debug!(first, last = last.seq, "read");
        position = last.seq;
    }
    missing += extent.last - position;
    say(format_args!(
        "head {}\nfloor {}\nmissing {missing}",
        extent.last, extent.floor
    ))?;
    Ok(app.database.close().await?)
}
