//! Sessions: logging in, staying in, and out.

use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::{Expr, LockType};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _};

use super::throttle::Login;
use super::values::{Email, Password, Sought};
use super::{Error, Member, Reason, user as members};
use crate::admission::{Key, Turn};
use crate::app::App;
use crate::auth;
use crate::crypto;
use crate::entity::user::UserStatus;
use crate::entity::{EventId, FamilyId, SessionId, UserId, session, user};
use crate::live::control;

/// How long a refresh token waits to be used.
const REFRESH_DAYS: i64 = 30;

/// A hash that no password has: verifying against it takes as long as against a real one, so that
/// nobody can tell by the time whether an account exists. The hash is of 32 random bytes.
const NO_PASSWORD: &str = "$argon2id$v=19$m=19456,t=2,p=1$Zm9yIG5vYm9keSBhdCBhbGw$\
    kzaAc8LE7r7WyS3SN0oFnQBvHcpJlS0mB7v0tV2aGmk";

/// What a member gets who logged in.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Opaque; sent with each request.
    pub access_token: String,
    /// When the access token expires.
    pub expires_at: DateTime<Utc>,
    /// Opaque; good for one refresh.
    pub refresh_token: String,
    /// The member.
    pub user: user::Model,
}

/// Opens a session for whoever knows the password, as often as the [throttle](super::throttle) allows.
pub async fn login(app: &App, from: IpAddr, email: &Sought, password: &str) -> Result<Opened, Error> {
    let indexes = members::indexes(&app.keys, email);
    let login = app.throttle.login(from, &indexes[0])?;
    let turn = app.admission.password(Key::of_address(from)).await?;
    let judged = judge(app.clone(), login, indexes, password.to_owned(), turn);
    // To its end: a guess counts, and keeps its turn, whether its answer is waited for or not.
    let (found, _turn) = app.to_its_end(judged).await??;
    let user = found.ok_or(Reason::InvalidCredentials)?;
    let user = kept_anew(app, user, email).await;
    let family = FamilyId(app.clock.new_id());
    let (opened, row) = open(app, user, family);
    app.write("login", row, |write, row| {
        Box::pin(async move {
            write.insert(row.clone()).await?;
            Ok(())
        })
    })
    .await?;
    Ok(opened)
}

/// The active member whose password it is, and what of what she typed it was, as the throttle is told.
async fn judge(
    app: App,
    login: Login,
    indexes: Vec<Vec<u8>>,
    password: String,
    turn: Turn,
) -> Result<(Option<(user::Model, String)>, Turn), Error> {
    let judging = login.judge().await?;
    let found = verify(&app, &indexes, &password).await?;
    judging.judged(found.is_some());
    Ok((found, turn))
}

/// The active member whose password it is, and what of what she typed it was.
async fn verify(
    app: &App,
    indexes: &[Vec<u8>],
    password: &str,
) -> Result<Option<(user::Model, String)>, Error> {
    let found = members::behind(app, indexes).await?;
    let mut hashes: Vec<_> = found.iter().map(|user| user.password_hash.clone()).collect();
    if hashes.is_empty() {
        hashes.push(NO_PASSWORD.to_owned());
    }
    let tries = Password::tries(password);
    let judge = move || {
        hashes.iter().enumerate().find_map(|(nth, hash)| {
            let right = tries.iter().find(|form| crypto::verify_password(form, hash))?;
            Some((nth, right.clone()))
        })
    };
    let Some((nth, form)) = hashing(app, judge).await? else {
        return Ok(None);
    };
    let user = found.into_iter().nth(nth);
    let active = user.filter(|user| user.status == UserStatus::Active);
    Ok(active.map(|user| (user, form)))
}

/// Has the credentials of who has just proved to be a member kept as they are kept today, if they are not yet: new
/// rules for them bind new ones only. What cannot be is left as it is, and does not keep her out.
async fn kept_anew(app: &App, (mut user, typed): (user::Model, String), sought: &Sought) -> user::Model {
    let index = |email: &Email| app.keys.email_index(email.normal());
    let email = sought.email().filter(|email| index(email) != user.email_index);
    let password = Password::parse("password", &typed)
        .ok()
        .filter(|new| new.as_ref() != typed);
    if email.is_none() && password.is_none() {
        return user;
    }
    let before = user.clone();
    match members::keep_anew(app, &mut user, email, password).await {
        Ok(()) => user,
        Err(error) => {
            tracing::warn!(?error, "the credentials of a member are still kept as before");
            before
        }
    }
}

/// Exchanges a refresh token for a new pair, as often as the [throttle](super::throttle) allows with tokens that open
/// nothing. A token that comes a second time was stolen, from her or by her: its whole session ends.
pub async fn refresh(app: &App, from: IpAddr, refresh_token: &str) -> Result<Opened, Error> {
    let token = app.throttle.token(from).await?;
    let hash = crypto::sha256(refresh_token.as_bytes());
    let of_task = app.clone();
    // To its end: a token that opens nothing counts, whether its answer is waited for or not.
    let outcome = app.to_its_end(async move {
        let opened = exchange(&of_task, hash).await?;
        token.judged(opened.is_some());
        Ok::<_, Error>(opened)
    });
    // Refused only after the commit: the revocation of a reused token's family must stay.
    outcome.await??.ok_or_else(|| Reason::InvalidCredentials.into())
}

async fn exchange(app: &App, hash: Vec<u8>) -> Result<Option<Opened>, Error> {
    let (outcome, _) = app
        .write("refresh_session", (app.clone(), hash), |write, (app, hash)| {
            Box::pin(async move {
                let found = session::Entity::find()
                    .filter(session::COLUMN.refresh_token_hash.eq(hash.clone()))
                    .find_also_related(user::Entity)
                    .one(write.transaction)
                    .await?;
                let Some((used, Some(member))) = found else {
                    return Ok(None);
                };
                alone(write, member.id).await?;
                let revoked = revoke(write, session::Column::Id.eq(used.id)).await?;
                if revoked == 0 {
                    end(write, used.user_id, used.family).await?;
                    return Ok(None);
                }
                if used.expires_at <= write.now || member.status != UserStatus::Active {
                    return Ok(None);
                }
                let (opened, row) = open(app, member, used.family);
                write.insert(row).await?;
                Ok(Some(opened))
            })
        })
        .await?;
    Ok(outcome)
}

/// Ends the viewer's session: its access and refresh tokens are worthless from now on.
pub async fn logout(app: &App, viewer: &Member) -> Result<(), Error> {
    app.write("logout", *viewer, |write, viewer| {
        Box::pin(async move {
            alone(write, viewer.id).await?;
            end(write, viewer.id, viewer.session).await
        })
    })
    .await?;
    Ok(())
}

/// Ends a session, and its open connections wherever they are.
async fn end(write: &super::Write<'_>, member: UserId, family: FamilyId) -> Result<(), Error> {
    if revoke(write, session::Column::Family.eq(family)).await? > 0 {
        let id = EventId(write.new_id());
        write.append(control::session_ended(id, member, family));
    }
    Ok(())
}

/// Has the changes of one member's sessions come one after another: a session that ends while its token is
/// being refreshed would else live on in the new token, which the one that ends it cannot see yet.
async fn alone(write: &super::Write<'_>, member: UserId) -> Result<(), Error> {
    user::Entity::find_by_id(member)
        .lock(LockType::NoKeyUpdate)
        .one(write.transaction)
        .await?;
    Ok(())
}

/// A new pair of tokens for a member, and the row that makes the refresh token good.
pub(super) fn open(app: &App, user: user::Model, family: FamilyId) -> (Opened, session::Model) {
    let now = app.clock.now();
    let life = TimeDelta::from_std(app.config.access_token_life).unwrap_or(TimeDelta::zero());
    let expires_at = now + life;
    let (refresh_token, refresh_token_hash) = crypto::new_refresh_token();
    let row = session::Model {
        id: SessionId(app.clock.new_id()),
        user_id: user.id,
        family,
        refresh_token_hash,
        created_at: now,
        expires_at: now + TimeDelta::days(REFRESH_DAYS),
        revoked_at: None,
    };
    let access_token = auth::issue(&app.keys, &user, family, expires_at);
    (
        Opened {
            access_token,
            expires_at,
            refresh_token,
            user,
        },
        row,
    )
}

/// Hashes a password for a new account.
pub(super) async fn hash(app: &App, password: Password) -> Result<String, Error> {
    Ok(hashing(app, move || crypto::hash_password(password.as_ref())).await??)
}

/// Runs a slow hash off the async threads, a few at a time.
async fn hashing<T: Send + 'static>(
    app: &App,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let turn = Arc::clone(&app.hashing)
        .acquire_owned()
        .await
        .map_err(|_| Error::Interrupted)?;
    app.tasks
        .spawn_blocking(move || {
            let value = work();
            drop(turn);
            value
        })
        .await
        .map_err(|_| Error::Interrupted)
}

async fn revoke(
    write: &super::Write<'_>,
    which: impl sea_orm::sea_query::IntoCondition,
) -> Result<u64, Error> {
    let revoked = session::Entity::update_many()
        .col_expr(session::Column::RevokedAt, Expr::value(write.now))
        .filter(which)
        .filter(session::COLUMN.revoked_at.is_null())
        .exec(write.transaction)
        .await?;
    Ok(revoked.rows_affected)
}
