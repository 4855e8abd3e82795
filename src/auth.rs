//! From a token to the one who is asking; the same for HTTP and websockets. No permissions here.

mod recent;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::{Expr, ExprTrait as _, Query};
use sea_orm::{ColumnTrait as _, DbErr, EntityTrait as _, QueryFilter as _, QueryTrait as _};
use uuid::Uuid;

use crate::app::App;
use crate::crypto::Keys;
use crate::database::Database;
use crate::domain::{Member, Viewer};
use crate::entity::user::UserStatus;
use crate::entity::{FamilyId, UserId, session, user};

use self::recent::Moment;
pub use self::recent::Recent;

/// How long what a member asks for waits until it is written that she was seen.
const SEEN_PATIENCE: Duration = Duration::from_millis(250);
/// How often "last seen" is written at most.
const SEEN_EVERY: TimeDelta = TimeDelta::seconds(60);
/// user (16), session (16), epoch (4), expiry in seconds (8).
const CLAIMS_BYTES: usize = 44;

/// Why a token does not speak for anybody.
#[derive(Debug)]
pub enum AuthError {
    /// It is not one of ours, has expired, or its session or member is no longer.
    Invalid,
    /// It could not be checked.
    Unavailable(DbErr),
}

/// A new access token. It names the member and her session, and nothing personal; it is sealed, so
/// that nobody can read or change even that.
pub fn issue(keys: &Keys, user: &user::Model, session: FamilyId, expires_at: DateTime<Utc>) -> String {
    let mut claims = Vec::with_capacity(CLAIMS_BYTES);
    claims.extend_from_slice(user.id.0.as_bytes());
    claims.extend_from_slice(session.0.as_bytes());
    claims.extend_from_slice(&user.token_epoch.to_be_bytes());
    claims.extend_from_slice(&expires_at.timestamp().to_be_bytes());
    keys.seal_token(&claims)
}

/// Who an `Authorization` value says that sends it; whether that holds, only [`authenticate`] says.
#[derive(Clone, Copy, Debug)]
pub enum Bearer {
    /// Nobody in particular: there is none.
    Nobody,
    /// It is no token of ours.
    Stranger,
    /// What the token claims.
    Claims(Claims),
}

impl Bearer {
    /// Reads an `Authorization` value.
    pub fn read(app: &App, authorization: Option<&str>) -> Self {
        match authorization.map(|authorization| claims(app, authorization)) {
            None => Self::Nobody,
            Some(None) => Self::Stranger,
            Some(Some(claims)) => Self::Claims(claims),
        }
    }
}

/// Who comes with a token; nobody in particular without one. Whether her session lives, the database is asked once a
/// second.
pub async fn authenticate(app: &App, bearer: Bearer) -> Result<Viewer, AuthError> {
    let claims = match bearer {
        Bearer::Nobody => return Ok(Viewer::Anonymous),
        Bearer::Stranger => return Err(AuthError::Invalid),
        Bearer::Claims(claims) => claims,
    };
    let now = app.clock.now();
    if claims.expires_at <= now.timestamp() {
        return Err(AuthError::Invalid);
    }
    let asked = Moment::now(app);
    if let Some(member) = app.recent.find(&claims, asked) {
        return Ok(Viewer::Member(member));
    }
    // By itself: few have to be looked up, and all wait with room for it.
    Box::pin(look_up(app, claims, asked)).await
}

/// Asks the database who comes with a token, and whether her session lives.
async fn look_up(app: &App, claims: Claims, asked: Moment) -> Result<Viewer, AuthError> {
    let now = app.clock.now();
    let alive = session::alive(claims.session, now)
        .filter(session::COLUMN.user_id.eq(claims.user))
        .into_query();
    let user = user::Entity::find_by_id(claims.user)
        .filter(Expr::exists(
            Query::select()
                .expr(Expr::val(1))
                .from_subquery(alive, "alive")
                .take(),
        ))
        .one(app.database.reader())
        .await
        .map_err(AuthError::Unavailable)?;
    match user {
        Some(user) if user.status == UserStatus::Active && user.token_epoch == claims.epoch => {
            let until_seen = seen(app, &user, now).await;
            let member = Member {
                id: user.id,
                session: claims.session,
                role: user.role,
                locale: user.locale,
            };
            let said = (member, user::Profile::from(&user));
            app.recent
                .keep(&claims, said, until_seen, (asked, Moment::now(app)));
            Ok(Viewer::Member(member))
        }
        _ => Err(AuthError::Invalid),
    }
}

/// A member whose session lives and who was not suspended.
pub async fn member_of(app: &App, user: UserId, session: FamilyId) -> Result<Option<Member>, DbErr> {
    let alive = session::alive(session, app.clock.now())
        .filter(session::COLUMN.user_id.eq(user))
        .find_also_related(user::Entity)
        .one(app.database.reader())
        .await?;
    let user = alive.and_then(|(_, user)| user);
    Ok(user
        .filter(|user| user.status == UserStatus::Active)
        .map(|user| Member {
            id: user.id,
            session,
            role: user.role,
            locale: user.locale,
        }))
}

/// Whether somebody is a member who was not suspended.
pub async fn is_active(database: &Database, member: UserId) -> Result<bool, DbErr> {
    let user = user::Entity::find_by_id(member).one(database.reader()).await?;
    Ok(user.is_some_and(|user| user.status == UserStatus::Active))
}

/// What an `Authorization` value claims, if it is a token of ours; whether it still holds, only
/// [`authenticate`] says.
pub fn claims(app: &App, authorization: &str) -> Option<Claims> {
    let (scheme, token) = authorization.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    read(&app.keys, token.trim())
}

/// What a token claims.
#[derive(Clone, Copy, Debug)]
pub struct Claims {
    /// Whose it is.
    pub user: UserId,
    /// Of which of her sessions.
    pub session: FamilyId,
    epoch: i32,
    /// When it expires, in seconds since 1970.
    pub expires_at: i64,
}

fn read(keys: &Keys, token: &str) -> Option<Claims> {
    let claims: [u8; CLAIMS_BYTES] = keys.open_token(token).ok()?.try_into().ok()?;
    let (user, rest) = claims.split_first_chunk::<16>()?;
    let (session, rest) = rest.split_first_chunk::<16>()?;
    let (epoch, rest) = rest.split_first_chunk::<4>()?;
    Some(Claims {
        user: UserId(Uuid::from_bytes(*user)),
        session: FamilyId(Uuid::from_bytes(*session)),
        epoch: i32::from_be_bytes(*epoch),
        expires_at: i64::from_be_bytes(rest.try_into().ok()?),
    })
}

/// Writes that the member was seen: the first time at once, then at most once a minute. What she
/// asked for does not fail with it. Says how long it is until it is to be written again.
async fn seen(app: &App, user: &user::Model, now: DateTime<Utc>) -> Duration {
    if let Some(since) = user.last_seen_at.map(|seen| now - seen)
        && since < SEEN_EVERY
    {
        return (SEEN_EVERY - since).to_std().unwrap_or_default();
    }
    let writing = app
        .database
        .write_transaction("last_seen", (user.id, now), |transaction, (user, now)| {
            let seen = || Expr::col(user::Column::LastSeenAt);
            let update = user::Entity::update_many()
                .col_expr(user::Column::LastSeenAt, Expr::value(*now))
                .filter(user::Column::Id.eq(*user))
                .filter(seen().is_null().or(seen().lt(*now)));
            Box::pin(async move { update.exec(transaction).await })
        });
    // It goes on by itself.
    if let Ok(Err(error)) = tokio::time::timeout(SEEN_PATIENCE, writing).await {
        tracing::debug!(%error, user_id = %user.id, "last seen could not be written");
    }
    SEEN_EVERY.to_std().unwrap_or_default()
}
