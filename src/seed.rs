//! Demonstration data.
use crate::app::App;
use crate::domain::Error;
/// x
pub async fn run(_: &App) -> Result<String, Error> {
    Ok(String::new())
}
