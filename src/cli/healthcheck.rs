//! `plant-care healthcheck`.

use url::Url;

use super::CliError;
use crate::client;

pub(super) async fn run(url: Url) -> Result<(), CliError> {
    Ok(client::check(url).await?)
}
