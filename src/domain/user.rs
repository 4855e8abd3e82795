//! Members.

use std::net::IpAddr;

use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{ColumnTrait as _, DbErr, EntityTrait as _, QueryFilter as _, SqlErr};

use super::session::{self, Opened};
use super::values::{Email, Password, Text, Timezone};
use super::{Error, Reason, Refusal, Write};
use crate::admission::Key;
use crate::app::App;
use crate::entity::user::{BotanistStatus, Locale, Role, UserStatus};
use crate::entity::{EventId, FamilyId, UserId, care_request, user};
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
    pub display_name: Text<80>,
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
    let (data_key, data_key_wrapped) = app.keys.new_data_key();
    let user = user::Model {
        id: UserId(app.clock.new_id()),
        display_name: new.display_name.into_string(),
        email_index: app.keys.email_index(new.email.as_ref()),
        email_sealed: data_key.seal("email", new.email.as_ref()),
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
    };
    let (opened, row) = session::open(app, user.clone(), FamilyId(app.clock.new_id()));
    app.write("register", (user, row), |write, (user, row)| {
        Box::pin(async move {
            write.insert(user.clone()).await.map_err(taken)?;
            write.insert(row.clone()).await?;
            write.after_commit(|app| {
                app.telemetry.metrics.business.registrations.inc();
            });
            Ok(())
        })
    })
    .await?;
    Ok(opened)
}

/// A member's own e-mail address.
pub fn email(app: &App, user: &user::Model) -> Result<String, Error> {
    Ok(app
        .keys
        .unwrap_data_key(&user.data_key_wrapped)?
        .open("email", &user.email_sealed)?)
}

/// The member with an e-mail address, for the operators' commands.
pub async fn by_email(app: &App, email: &Email) -> Result<user::Model, Error> {
    let index = app.keys.email_index(email.as_ref());
    user::by_email_index(index)
        .one(app.database.reader())
        .await?
        .ok_or_else(|| Reason::NotFound.into())
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
