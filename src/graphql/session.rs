//! Sessions.

use async_graphql::{Context, InputObject, Object, SimpleObject};

use super::error::{ApiError, UserError};
use super::outcome::Outcome;
use super::scalars::DateTime;
use super::scope::{app, member, scope};
use super::user::{Locale, User};
use crate::domain::session::Opened;
use crate::domain::user::NewUser;
use crate::domain::values::{Email, Password, Sought, Text, Timezone, gather};
use crate::domain::{self, Error};

/// What a member gets who logged in.
#[derive(SimpleObject)]
pub struct Session {
    /// The access token: send it as `Authorization: Bearer ...`, or as `{"authorization": "Bearer ..."}` in
    /// `connection_init`. Opaque, and without personal data.
    access_token: String,
    /// The refresh token, good for one `refreshSession` within 30 days. Keep it secret: used a second time, it ends
    /// the session.
    refresh_token: String,
    /// When the access token expires.
    expires_at: DateTime,
    /// The member.
    user: User,
}

/// The answer to what opens a session.
#[derive(SimpleObject)]
pub struct SessionPayload {
    /// The session; null if it was refused.
    session: Option<Session>,
    /// Why it was refused; empty if it was not.
    user_errors: Vec<UserError>,
}

/// The answer to `logout`.
#[derive(SimpleObject)]
pub struct LogoutPayload {
    /// Why it was refused; empty if it was not.
    user_errors: Vec<UserError>,
}

/// Who wants to become a member.
#[derive(InputObject)]
pub struct RegisterInput {
    /// Her e-mail address, whose domain may be an international one. It is stored encrypted and shown to nobody else.
    email: String,
    /// Her password: 8 to 200 characters, at least one of which is seen. Spaces count, and however an accented letter is
    /// typed, it is the same.
    #[graphql(secret)]
    password: String,
    /// The name others see: one line of at most 80 characters, without invisible ones.
    display_name: String,
    /// The language she reads; that of `Accept-Language` if it is not given.
    locale: Option<Locale>,
    /// Her IANA time zone, such as `Europe/Paris`; UTC if it is not given.
    timezone: Option<String>,
}

/// Who wants to log in.
#[derive(InputObject)]
pub struct LoginInput {
    /// Her e-mail address.
    email: String,
    /// Her password.
    #[graphql(secret)]
    password: String,
}

/// A session that is to go on.
#[derive(InputObject)]
pub struct RefreshSessionInput {
    /// The refresh token; it is used up.
    #[graphql(secret)]
    refresh_token: String,
}

/// Mutations of sessions.
#[derive(Default)]
pub struct SessionMutation;

#[Object]
impl SessionMutation {
    /// Makes a member and logs her in. An address may do so a number of times an hour.
    async fn register(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Who.")] input: RegisterInput,
    ) -> Result<SessionPayload, ApiError> {
        let opened = register(context, input).await;
        SessionPayload::of(context, opened)
    }

    /// Opens a session with e-mail and password. Too many wrong passwords for an account, or logins from an address,
    /// answer `LIMIT_EXCEEDED`; see `serviceLimits`.
    async fn login(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Who.")] input: LoginInput,
    ) -> Result<SessionPayload, ApiError> {
        let opened = login(context, input).await;
        SessionPayload::of(context, opened)
    }

    /// Exchanges a refresh token for a new pair of tokens. A refresh token that is used a second time ends the whole
    /// session: one of its two users has stolen it. Too many tokens from an address that open nothing answer
    /// `LIMIT_EXCEEDED`; see `serviceLimits`.
    async fn refresh_session(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which session.")] input: RefreshSessionInput,
    ) -> Result<SessionPayload, ApiError> {
        let from = scope(context).caller.address;
        let opened = domain::session::refresh(app(context), from, &input.refresh_token).await;
        SessionPayload::of(context, opened)
    }

    /// Ends the session whose token is used; all its tokens are worthless from now on.
    async fn logout(&self, context: &Context<'_>) -> Result<LogoutPayload, ApiError> {
        domain::session::logout(app(context), member(context)?).await?;
        Ok(LogoutPayload {
            user_errors: Vec::new(),
        })
    }
}

impl SessionPayload {
    fn of(context: &Context<'_>, opened: Result<Opened, Error>) -> Result<Self, ApiError> {
        let Outcome { done, user_errors } = Outcome::of(context, opened)?;
        let session = done.map(|opened| Session {
            access_token: opened.access_token,
            refresh_token: opened.refresh_token,
            expires_at: DateTime(opened.expires_at),
            user: User::herself(opened.user),
        });
        Ok(Self { session, user_errors })
    }
}

async fn register(context: &Context<'_>, input: RegisterInput) -> Result<Opened, Error> {
    gather! {
        email = Email::parse("email", &input.email),
        password = Password::parse("password", &input.password),
        display_name = Text::parse("displayName", &input.display_name),
        timezone = input.timezone.as_deref().map(|zone| Timezone::parse("timezone", zone)).transpose(),
    }
    let locale = input.locale.map_or_else(|| scope(context).locale(), Into::into);
    domain::user::register_from(
        app(context),
        scope(context).caller.address,
        NewUser {
            email,
            password,
            display_name,
            locale,
            timezone,
        },
    )
    .await
}

async fn login(context: &Context<'_>, input: LoginInput) -> Result<Opened, Error> {
    let email = Sought::parse("email", &input.email)?;
    domain::session::login(
        app(context),
        scope(context).caller.address,
        &email,
        &input.password,
    )
    .await
}
