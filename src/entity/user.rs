//! Members.

use sea_orm::QuerySelect as _;
use sea_orm::entity::prelude::*;

use super::UserId;
use super::by_place::read_by_place;
use super::stored::stored_by_name;

/// A member. The e-mail address is sealed with the member's own data key and found by a keyed
/// blind index; destroying `data_key_wrapped` erases it.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: UserId,
    pub display_name: String,
    pub email_index: Vec<u8>,
    pub email_sealed: Vec<u8>,
    pub data_key_wrapped: Vec<u8>,
    pub password_hash: String,
    pub role: Role,
    pub botanist_status: BotanistStatus,
    pub status: UserStatus,
    pub locale: Locale,
    pub timezone: String,
    /// Plants she can look after at the same time, over all her care requests.
    pub capacity_plants: i32,
    /// Raised to make every access token issued before worthless.
    pub token_epoch: i32,
    pub last_seen_at: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
    pub version: i64,
}

read_by_place!(
    id,
    display_name,
    email_index,
    email_sealed,
    data_key_wrapped,
    password_hash,
    role,
    botanist_status,
    status,
    locale,
    timezone,
    capacity_plants,
    token_epoch,
    last_seen_at,
    created_at,
    version
);

stored_by_name!(Role, BotanistStatus, UserStatus, Locale);

impl ActiveModelBehavior for ActiveModel {}

/// What everybody may see of a member. A page names hundreds of them, and what else there is of each is secret, or
/// sealed, and long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    pub id: UserId,
    pub display_name: String,
    pub botanist_status: BotanistStatus,
    pub created_at: DateTimeUtc,
}

read_by_place!(Profile: id, display_name, botanist_status, created_at);

impl From<&Model> for Profile {
    fn from(row: &Model) -> Self {
        Self {
            id: row.id,
            display_name: row.display_name.clone(),
            botanist_status: row.botanist_status,
            created_at: row.created_at,
        }
    }
}

/// The members as everybody may see them: the columns of a [`Profile`].
pub fn profiles() -> Select<Entity> {
    Entity::find().select_only().columns([
        Column::Id,
        Column::DisplayName,
        Column::BotanistStatus,
        Column::CreatedAt,
    ])
}

/// What a member may do beyond her own matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    Member,
    Moderator,
    Admin,
}

/// Whether the server knows her as a botanist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BotanistStatus {
    None,
    Pending,
    Verified,
    Revoked,
}

/// The state of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum UserStatus {
    Active,
    Suspended,
    Erased,
}

/// A language we write to people in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Locale {
    #[default]
    En,
    Fr,
}

/// The members behind an e-mail address, by the blind indexes of the forms under which it may be kept.
pub fn by_email_indexes(indexes: &[Vec<u8>]) -> Select<Entity> {
    match indexes {
        [index] => Entity::find().filter(COLUMN.email_index.eq(index.clone())),
        indexes => Entity::find().filter(Column::EmailIndex.is_in(indexes.iter().cloned())),
    }
}
