//! Members.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object};
use sea_orm::PaginatorTrait as _;

use super::ahead::Ahead;
use super::at_hand::can_be_written;
use super::connection::{Connection, PageArguments, wants_total};
use super::error::ApiError;
use super::loaders::UserKey;
use super::plant::Plant;
use super::scalars::{DateTime, GlobalId as _};
use super::scope::{app, loaded, scope};
use crate::domain;
use crate::entity::{UserId, plant, user};

/// A language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "user::Locale")]
pub enum Locale {
    /// English.
    En,
    /// French.
    Fr,
}

/// What a member may do beyond her own matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "user::Role")]
pub enum Role {
    /// Nothing.
    Member,
    /// Hide content and suspend members.
    Moderator,
    /// What a moderator may, verify botanists and grant roles.
    Admin,
}

/// Whether the server knows a member as a botanist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "user::BotanistStatus")]
pub enum BotanistStatus {
    /// She never said that she is one.
    None,
    /// She said so and nobody has checked it.
    Pending,
    /// It was checked.
    Verified,
    /// It was checked and taken back.
    Revoked,
}

/// A member, as the viewer or as somebody else sees her.
pub struct User {
    row: Arc<user::Model>,
    /// Whether she has just proved to be this member, and the operation does not know it yet.
    has_logged_in: bool,
}

impl User {
    /// A member by id.
    pub async fn load(context: &Context<'_>, id: UserId) -> Result<Option<Self>, ApiError> {
        let row = loaded(context).load_one(UserKey(id)).await?;
        Ok(row.map(Self::from))
    }

    /// A member who is known to be one: as she was loaded ahead, or loaded now.
    pub async fn at_hand(context: &Context<'_>, ahead: &Ahead, id: UserId) -> Result<Self, ApiError> {
        match ahead.find(|rows| rows.users.get(&UserKey(id))) {
            Some(row) => Ok(row.into()),
            // On the heap: most callers have her at hand, and each would carry all of this.
            None => Box::pin(Self::load_known(context, id)).await,
        }
    }

    /// A member whom a row refers to; every such member exists.
    pub async fn load_known(context: &Context<'_>, id: UserId) -> Result<Self, ApiError> {
        Self::load(context, id)
            .await?
            .ok_or_else(|| ApiError::internal(&("no such member", id)))
    }

    /// The member whose session the operation has just opened: she sees what is hers.
    pub fn logged_in(row: user::Model) -> Self {
        Self {
            row: Arc::new(row),
            has_logged_in: true,
        }
    }

    fn is_viewer(&self, context: &Context<'_>) -> bool {
        if self.has_logged_in {
            return true;
        }
        scope(context)
            .caller
            .viewer
            .member()
            .is_some_and(|viewer| viewer.id == self.row.id)
    }
}

can_be_written!(User);

impl From<Arc<user::Model>> for User {
    fn from(row: Arc<user::Model>) -> Self {
        Self {
            row,
            has_logged_in: false,
        }
    }
}

/// A member. What is hers alone is null, or empty, for everybody else.
#[Object]
impl User {
    /// Her global id.
    pub async fn id(&self) -> ID {
        self.row.id.to_id()
    }

    /// The name she goes by.
    fn display_name(&self) -> &str {
        &self.row.display_name
    }

    /// Whether she was checked to be a botanist.
    fn botanist_status(&self) -> BotanistStatus {
        self.row.botanist_status.into()
    }

    /// Her e-mail address; only she sees it.
    fn email(&self, context: &Context<'_>) -> Result<Option<String>, ApiError> {
        if self.is_viewer(context) {
            Ok(Some(domain::user::email(app(context), &self.row)?))
        } else {
            Ok(None)
        }
    }

    /// The language she reads; only she sees it.
    fn locale(&self, context: &Context<'_>) -> Option<Locale> {
        self.is_viewer(context).then(|| self.row.locale.into())
    }

    /// Her IANA time zone; only she sees it.
    fn timezone(&self, context: &Context<'_>) -> Option<&str> {
        self.is_viewer(context).then_some(self.row.timezone.as_str())
    }

    /// What she may do beyond her own matters; only she sees it.
    fn role(&self, context: &Context<'_>) -> Option<Role> {
        self.is_viewer(context).then(|| self.row.role.into())
    }

    /// How many plants she can look after at the same time; only she sees it.
    fn capacity_plants(&self, context: &Context<'_>) -> Option<i32> {
        self.is_viewer(context).then_some(self.row.capacity_plants)
    }

    /// When she became a member.
    fn created_at(&self) -> DateTime {
        DateTime(self.row.created_at)
    }

    /// Her plants, oldest first; only she sees them as a list.
    async fn plants(
        &self,
        context: &Context<'_>,
        #[graphql(
            desc = "How many from the beginning, 1 to 100; 20 if neither `first` nor `last` is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only entries after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only entries before this cursor.")] before: Option<String>,
    ) -> Result<Connection<Plant>, ApiError> {
        let app = app(context);
        let page = PageArguments {
            first,
            after,
            last,
            before,
        }
        .page::<Plant>(app)?;
        if !self.is_viewer(context) {
            return Ok(Connection::empty());
        }
        let reader = app.database.reader();
        let plants = plant::owned_by(self.row.id);
        let total = if wants_total(context) {
            i64::try_from(plants.clone().count(reader).await?).unwrap_or(i64::MAX)
        } else {
            0
        };
        let rows = page.of::<Plant, _>(plants, plant::Column::Id).all(reader).await?;
        Ok(Connection::of_rows(
            rows.into_iter().map(|row| Arc::new(row).into()).collect(),
            &page,
            total,
        ))
    }
}

/// Queries about members.
#[derive(Default)]
pub struct UserQuery;

#[Object]
impl UserQuery {
    /// The member whose token is used; null without one.
    async fn viewer(&self, context: &Context<'_>) -> Result<Option<User>, ApiError> {
        match scope(context).caller.viewer.member() {
            Some(member) => User::load(context, member.id).await,
            None => Ok(None),
        }
    }
}
