//! `plant-care watch`: follows one care request, through lost connections.

use std::time::Duration;

use super::demo::DEFAULT_URL;
use super::demo::follower::{Follower, Told, endpoint};
use super::demo::screen::{Screen, Style};
use super::{CliError, server};
use crate::client::{Client, ClientError};
use crate::config::var;

/// The pause before the first attempt to come back; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// From here on close codes say that coming back would not help: the token is no good any more.
const REFUSED: u16 = 4400;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The care request's global id
    #[arg(value_name = "CARE_REQUEST_ID")]
    request: String,
    /// Only what comes after this cursor
    #[arg(long)]
    after: Option<String>,
    /// The server
    #[arg(long, default_value = DEFAULT_URL)]
    url: String,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), CliError> {
    let Some(token) = var("PLANT_CARE_TOKEN") else {
        return Err(CliError::Usage(
            "PLANT_CARE_TOKEN is not set: it takes the access token that `login` or `register` gave"
                .to_owned(),
        ));
    };
    let screen = Screen::new();
    let client = Client::new(endpoint(&server(&arguments.url)?))?.with_token(token);
    let request = arguments.request;
    let mut follower = Follower::new(client, request.clone(), arguments.after);
    let outcome = tokio::select! {
        outcome = follow(&mut follower, &screen) => outcome,
        signal = tokio::signal::ctrl_c() => signal.map_err(Into::into),
    };
    if let Some(cursor) = &follower.cursor {
        screen.say(
            Style::Dim,
            &format!("resume with: plant-care watch {request} --after {cursor}"),
        )?;
    }
    outcome
}

/// Follows until the stream ends.
async fn follow(follower: &mut Follower, screen: &Screen) -> Result<(), CliError> {
    follower.connect().await?;
    let mut pause = FIRST_PAUSE;
    loop {
        let error = match read(follower, screen, &mut pause).await? {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        if !lost(&error) {
            return Err(error.into());
        }
        follower.cut();
        screen.say(
            Style::Yellow,
            &format!("connection lost ({error}); again in {:.1} s", pause.as_secs_f32()),
        )?;
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Shows what comes until the stream ends or its connection is lost; the inner error.
async fn read(
    follower: &mut Follower,
    screen: &Screen,
    pause: &mut Duration,
) -> Result<Result<(), ClientError>, CliError> {
    if !follower.connected()
        && let Err(error) = follower.connect().await
    {
        return Ok(Err(error));
    }
    let mut live = false;
    loop {
        let told = match follower.next().await {
            Ok(told) => told,
            Err(error) => return Ok(Err(error)),
        };
        match told {
            Told::Event(event) if live => screen.event(&event, "live", false)?,
            Told::Event(event) => screen.event(&event, "replay", true)?,
            Told::CaughtUp => {
                live = true;
                *pause = FIRST_PAUSE;
                screen.say(Style::Dim, "caught up; what follows happens now (Ctrl-C ends)")?;
            }
            Told::Position => {}
            Told::Gap(reason) => screen.say(
                Style::Yellow,
                &format!("gap ({reason}): the events up to here are not to be had; read the timeline anew"),
            )?,
            Told::Ended(reason) => {
                screen.say(Style::Yellow, &format!("the stream has ended ({reason})"))?;
                return Ok(Ok(()));
            }
        }
    }
}

/// Whether it may go away by itself.
fn lost(error: &ClientError) -> bool {
    match error {
        ClientError::Unreachable { .. } => true,
        ClientError::Closed { code, .. } => code.is_none_or(|code| code < REFUSED),
        _ => false,
    }
}
