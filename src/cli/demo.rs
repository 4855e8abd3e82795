//! `plant-care demo`.

use super::CliError;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {}

pub(super) async fn run(_: Arguments) -> Result<(), CliError> {
    Ok(())
}
