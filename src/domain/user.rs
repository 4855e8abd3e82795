//! Members.

use std::net::IpAddr;

use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{ColumnTrait as _, DbErr, EntityTrait as _, QueryFilter as _, SqlErr};

use super::session::{self, Opened};
use super::values::{Email, Name, Password, Sought, Text, Timezone};
use super::{Error, Reason, Refusal, Write};
use crate::admission::Key;
use crate::app::App;
use crate::crypto::{Keys, Unsealable};
use crate::entity::user::{BotanistStatus, Locale, Role, UserStatus};
use crate::entity::{EventId, FamilyId, UserId, care_request, session as sessions, user};
use crate::live::{Stream, control};

/// Plants a new member can look after at the same time, until she says otherwise.
pub const DEFAULT_CAPACITY_PLANTS: i32 = 20;

/// What makes a new member.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Her e-mail address.
    pub email: Email,
    /// Her password.
    pub password: Password,
    /// The name others see.
    pub display_name: Name<80>,
    /// The language she reads.
    pub locale: Locale,
    /// Her time zone.
    pub timezone: Option<Timezone>,
}

/// Makes a member of whoever asks from an address, as often as the [throttle](super::throttle) allows.
pub async fn register_from(app: &App, from: IpAddr, new: NewUser) -> Result<Opened, Error> {
    let registration = app.throttle.registration(from)?;
    let turn = app.admission.password(Key::of_address(from)).await?;
    let of_task = app.clone();
    // To its end: it counts, and keeps its turn, whether its answer is waited for or not.
    let registered = app.to_its_end(async move {
        let registered = register(&of_task, new).await;
        if let Ok(_) | Err(Error::Refused(_)) = &registered {
            // Also that her address has an account is told so often only.
            registration.was_tried();
        }
        drop(turn);
        registered
    });
    registered.await?
}

/// Makes a member and opens her first session.
pub async fn register(app: &App, new: NewUser) -> Result<Opened, Error> {
    let forms = new.email.clone().into();
    let user = made(app, new).await?;
    let (opened, row) = session::open(app, user.clone(), FamilyId(app.clock.new_id()));
    store(app, user, Some(row), &forms).await?;
    Ok(opened)
}

/// Makes a member who has no session yet, for the operators' commands.
pub async fn add(app: &App, new: NewUser) -> Result<user::Model, Error> {
    let forms = new.email.clone().into();
    let user = made(app, new).await?;
    store(app, user.clone(), None, &forms).await?;
    Ok(user)
}

async fn made(app: &App, new: NewUser) -> Result<user::Model, Error> {
    let (data_key, data_key_wrapped) = app.keys.new_data_key();
    Ok(user::Model {
        id: UserId(app.clock.new_id()),
        display_name: Text::into_string(new.display_name),
        email_index: app.keys.email_index(new.email.normal()),
        email_sealed: data_key.seal("email", new.email.shown()),
        data_key_wrapped,
        password_hash: session::hash(app, new.password).await?,
        role: Role::Member,
        botanist_status: BotanistStatus::None,
        status: UserStatus::Active,
        locale: new.locale,
        timezone: new.timezone.map_or("UTC", Timezone::name).to_owned(),
        capacity_plants: DEFAULT_CAPACITY_PLANTS,
        token_epoch: 0,
        last_seen_at: None,
        created_at: app.clock.now(),
        version: 1,
    })
}

/// Stores a new member, with her first session if she has one, unless her address is taken.
async fn store(
    app: &App,
    user: user::Model,
    session: Option<sessions::Model>,
    forms: &Sought,
) -> Result<(), Error> {
    // It may have been taken before addresses had a normal form.
    let others = indexes(&app.keys, forms).split_off(1);
    app.write(
        "register",
        (user, session, others),
        |write, (user, session, others)| {
            Box::pin(async move {
                if !others.is_empty()
                    && user::by_email_indexes(others)
                        .one(write.transaction)
                        .await?
                        .is_some()
                {
                    return Err(Refusal::of("email", Reason::EmailTaken).into());
                }
                write.insert(user.clone()).await.map_err(taken)?;
                if let Some(session) = session {
                    write.insert(session.clone()).await?;
                }
                write.after_commit(|app| {
                    app.telemetry.metrics.business.registrations.inc();
                });
                Ok(())
            })
        },
    )
    .await?;
    Ok(())
}

/// A member's own e-mail address.
pub fn email(app: &App, user: &user::Model) -> Result<String, Error> {
    Ok(unsealed(&app.keys, &user.data_key_wrapped, &user.email_sealed)?)
}

/// An e-mail address, by the data key that it is sealed with.
pub(super) fn unsealed(keys: &Keys, data_key: &[u8], email: &[u8]) -> Result<String, Unsealable> {
    keys.unwrap_data_key(data_key)?.open("email", email)
}

/// The member with an e-mail address, for the operators' commands.
pub async fn by_email(app: &App, email: &Sought) -> Result<user::Model, Error> {
    let found = behind(app, &indexes(&app.keys, email)).await?;
    found.into_iter().next().ok_or_else(|| Reason::NotFound.into())
}

/// The blind indexes of the forms under which an address may be kept, the newest first.
pub(super) fn indexes(keys: &Keys, email: &Sought) -> Vec<Vec<u8>> {
    let forms = email.forms().iter();
    forms.map(|form| keys.email_index(form)).collect()
}

/// The members behind an address, in the order of its forms: more than one only if they registered before there
/// was a normal form.
pub(super) async fn behind(app: &App, indexes: &[Vec<u8>]) -> Result<Vec<user::Model>, Error> {
    let mut found = user::by_email_indexes(indexes).all(app.database.reader()).await?;
    found.sort_by_key(|user| indexes.iter().position(|index| *index == user.email_index));
    Ok(found)
}

/// Keeps the address and the password of a member, who has just proved to be her, as they are kept today.
pub(super) async fn keep_anew(
    app: &App,
    user: &mut user::Model,
    email: Option<&Email>,
    password: Option<Password>,
) -> Result<(), Error> {
    let mut kept = user::ActiveModel::default();
    if let Some(email) = email
        // Somebody else's since: hers stays as it is.
        && behind(app, &[app.keys.email_index(email.normal())]).await?.is_empty()
    {
        let data_key = app.keys.unwrap_data_key(&user.data_key_wrapped)?;
        user.email_index = app.keys.email_index(email.normal());
        user.email_sealed = data_key.seal("email", email.shown());
        kept.email_index = sea_orm::Set(user.email_index.clone());
        kept.email_sealed = sea_orm::Set(user.email_sealed.clone());
    }
    if let Some(password) = password {
        user.password_hash = session::hash(app, password).await?;
        kept.password_hash = sea_orm::Set(user.password_hash.clone());
    }
    if kept == user::ActiveModel::default() {
        return Ok(());
    }
    app.write("keep_credentials_anew", (user.id, kept), |write, (id, kept)| {
        Box::pin(async move {
            user::Entity::update_many()
                .set(kept.clone())
                .col_expr(user::Column::Version, Expr::col(user::Column::Version).add(1))
                .filter(user::Column::Id.eq(*id))
                .exec(write.transaction)
                .await?;
            Ok(())
        })
    })
    .await?;
    user.version += 1;
    Ok(())
}

/// Gives a member a role. Her tokens end, so that no old one speaks for the new role.
pub async fn grant(app: &App, id: UserId, role: Role) -> Result<(), Error> {
    let change = user::ActiveModel {
        role: sea_orm::Set(role),
        ..Default::default()
    };
    change_standing(app, "grant_role", id, change).await
}

/// Records that somebody has checked that a member is a botanist.
pub async fn verify_botanist(app: &App, id: UserId) -> Result<(), Error> {
    let change = user::ActiveModel {
        botanist_status: sea_orm::Set(BotanistStatus::Verified),
        ..Default::default()
    };
    change_standing(app, "verify_botanist", id, change).await
}

/// Suspends a member: her tokens are worthless from now on, her open connections end on every replica, and
/// she cannot log in.
pub async fn suspend(app: &App, id: UserId) -> Result<(), Error> {
    let change = user::ActiveModel {
        status: sea_orm::Set(UserStatus::Suspended),
        ..Default::default()
    };
    change_standing(app, "suspend", id, change).await
}

async fn change_standing(
    app: &App,
    name: &'static str,
    id: UserId,
    change: user::ActiveModel,
) -> Result<(), Error> {
    app.write(name, (id, change), |write, (id, change)| {
        Box::pin(async move {
            let changed = user::Entity::update_many()
                .set(change.clone())
                .col_expr(
                    user::Column::TokenEpoch,
                    Expr::col(user::Column::TokenEpoch).add(1),
                )
                .col_expr(user::Column::Version, Expr::col(user::Column::Version).add(1))
                .filter(user::Column::Id.eq(*id))
                .exec(write.transaction)
                .await?;
            if changed.rows_affected != 1 {
                return Err(Reason::NotFound.into());
            }
            write.append(control::member_changed(EventId(write.new_id()), *id));
            write.change_access(read_by(write, *id).await?);
            Ok(())
        })
    })
    .await?;
    Ok(())
}

/// The streams that a member may follow.
async fn read_by(write: &Write<'_>, member: UserId) -> Result<Vec<Stream>, Error> {
    let requests = care_request::of_party(member).all(write.transaction).await?;
    let timelines = requests.into_iter().map(|request| Stream::Care(request.id));
    Ok(timelines.chain([Stream::User(member), Stream::Board]).collect())
}

fn taken(error: DbErr) -> Error {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => Refusal::of("email", Reason::EmailTaken).into(),
        _ => error.into(),
    }
}
