//! Demonstration data: members, plants and care requests in every state, with the history behind them.
//!
//! It is made by the use cases, with a clock that starts some weeks ago and is moved on to now, so that
//! the log, the feeds and the steps that time takes are real. Names and chance are the same each time.
//!
//! A second run changes nothing: the member who joins last marks it as complete. A run that was
//! interrupted goes on: each deed has an idempotency key, and the plan starts from the day of the first.

mod dice;
mod members;
mod plan;
mod plants;
mod play;
mod requests;
mod story;
mod talk;

use std::fmt;

use sea_orm::{ColumnTrait as _, QueryFilter as _, QueryOrder as _};

use self::members::{CARETAKER, NEWCOMER, OWNER, PASSWORD, PEOPLE, Person};
use self::play::Player;
use crate::app::App;
use crate::clock::Clock;
use crate::config::Environment;
use crate::domain::values::Email;
use crate::domain::{self, Reason};
use crate::entity::care_request::CareRequestStatus;
use crate::entity::{care_request, user};
use crate::graphql::scalars::GlobalId as _;
use crate::live::bus::Bus;

/// Why there is no demonstration.
#[derive(Debug)]
pub enum Error {
    /// Its passwords are public.
    Production,
    /// A deed could not be done.
    Stopped {
        /// Deeds done before it.
        done: usize,
        /// Deeds there are.
        of: usize,
        /// Why.
        error: domain::Error,
    },
    /// The database failed.
    Domain(domain::Error),
}

/// Whom a newcomer logs in as, and what she follows.
#[derive(Clone, Debug)]
pub struct Logins {
    /// The e-mail address of the owner.
    pub owner: String,
    /// The e-mail address of the caretaker.
    pub caretaker: String,
    /// The password of both, and of all others.
    pub password: &'static str,
    /// The global id of the request between them.
    pub request: String,
    /// What that request is called.
    pub title: String,
    /// Whether it is still in progress: the demonstration may be weeks old.
    pub in_progress: bool,
}

/// Fills the database, or finds that it is filled.
pub async fn run(app: &App) -> Result<Logins, Error> {
    if app.config.environment == Environment::Production {
        return Err(Error::Production);
    }
    let complete = member(app, &PEOPLE[NEWCOMER]).await?.is_some();
    if !complete {
        let begun = member(app, &PEOPLE[OWNER]).await?;
        let now = begun.map_or_else(|| app.clock.now(), |owner| owner.created_at + plan::WEEKS);
        let mut then = app.clone();
        then.clock = Clock::manual(now - plan::WEEKS);
        // Servers find the new entries by themselves within a second, at once; told of each, they would
        // wake their subscribers hundreds of times.
        then.bus = Bus::InProcess;
        Player::new(then, now).play().await?;
    }
    logins(app).await
}

async fn logins(app: &App) -> Result<Logins, Error> {
    let owner = known(member(app, &PEOPLE[OWNER]).await?)?;
    let caretaker = known(member(app, &PEOPLE[CARETAKER]).await?)?;
    // The newest of those that the two have with each other is the one to follow.
    let request = care_request::owned_by(owner.id)
        .filter(care_request::COLUMN.caretaker_id.eq(caretaker.id))
        .order_by_desc(care_request::Column::Id)
        .all(app.database.reader())
        .await
        .map_err(domain::Error::from)?
        .into_iter()
        .max_by_key(|request| (request.status == CareRequestStatus::InProgress, request.id));
    let request = known(request)?;
    Ok(Logins {
        owner: PEOPLE[OWNER].email(),
        caretaker: PEOPLE[CARETAKER].email(),
        password: PASSWORD,
        request: request.id.to_id().0,
        title: request.title,
        in_progress: request.status == CareRequestStatus::InProgress,
    })
}

/// A member of the demonstration, if she has joined.
async fn member(app: &App, person: &Person) -> Result<Option<user::Model>, domain::Error> {
    let email = Email::parse("email", &person.email())?;
    match domain::user::by_email(app, &email.into()).await {
        Ok(user) => Ok(Some(user)),
        Err(domain::Error::Refused(refusals))
            if refusals.iter().any(|refusal| refusal.reason == Reason::NotFound) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// What the demonstration is bound to hold.
fn known<T>(found: Option<T>) -> Result<T, domain::Error> {
    found.ok_or_else(|| Reason::NotFound.into())
}

impl From<domain::Error> for Error {
    fn from(error: domain::Error) -> Self {
        Self::Domain(error)
    }
}

impl fmt::Display for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.owner.len().max(self.caretaker.len());
        let password = self.password;
        writeln!(f, "Owner      {:width$}   password {password}", self.owner)?;
        writeln!(f, "Caretaker  {:width$}   password {password}", self.caretaker)?;
        let state = if self.in_progress {
            "in progress between them"
        } else {
            "over: for a new demonstration use an empty database"
        };
        write!(f, "Request    {}   {}, {state}", self.request, self.title)
    }
}
