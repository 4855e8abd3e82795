//! Members.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Lookahead, Object};

use super::ahead::Ahead;
use super::at_hand::leaves::names_can_be_written;
use super::at_hand::{AtHand, can_be_written};
use super::connection::Connection;
use super::error::ApiError;
use super::list::page_of;
use super::loaders::{AccountKey, UserKey};
use super::page::PageArguments;
use super::plant::{Plant, Plants};
use super::scalars::{DateTime, GlobalId as _};
use super::scope::{app, loaded, scope};
use crate::domain;
use crate::entity::{UserId, user};

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

names_can_be_written!(BotanistStatus);

/// A member, as the viewer or as somebody else sees her.
pub struct User {
    profile: Arc<user::Profile>,
    /// What is hers alone: at hand where she has just proved to be this member, or has asked for herself.
    account: Option<Arc<user::Model>>,
}

impl User {
    /// A member by id.
    pub async fn load(context: &Context<'_>, id: UserId) -> Result<Option<Self>, ApiError> {
        let viewer = scope(context).caller.viewer;
        let viewer = viewer.member().filter(|viewer| viewer.id == id);
        if viewer.is_some() && asks_for_account(&context.look_ahead()) {
            // Before her fields are resolved: each would wait for it by itself.
            return Ok(account(context, id).await?.map(Self::herself));
        }
        if let Some(viewer) = viewer {
            let app = app(context);
            if let Some(profile) = app.recent.profile(app, viewer) {
                return Ok(Some(profile.into()));
            }
        }
        let row = loaded(context).load_one(UserKey(id)).await?;
        Ok(row.map(Self::from))
    }

    /// A member who is known to be one: as she was loaded ahead, or loaded now.
    pub async fn at_hand(context: &Context<'_>, ahead: &Ahead, id: UserId) -> Result<Self, ApiError> {
        if let Some(account) = ahead.find(|rows| rows.account.as_ref().filter(|account| account.id == id)) {
            return Ok(Self::herself(account));
        }
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

    /// A member with what is hers alone: for the operation that she asked for, or that has just opened her session.
    pub fn herself(row: impl Into<Arc<user::Model>>) -> Self {
        let row = row.into();
        Self {
            profile: Arc::new(user::Profile::from(&*row)),
            account: Some(row),
        }
    }

    /// Her key.
    pub(super) fn key(&self) -> UserId {
        self.profile.id
    }

    /// Whether it is she who is asking.
    pub(super) fn is_viewer(&self, context: &Context<'_>) -> bool {
        let viewer = scope(context).caller.viewer;
        self.account.is_some() || viewer.member().is_some_and(|viewer| viewer.id == self.profile.id)
    }

    /// What is hers alone; nothing if somebody else is asking.
    async fn account(&self, context: &Context<'_>) -> Result<Option<Arc<user::Model>>, ApiError> {
        match &self.account {
            None if self.is_viewer(context) => account(context, self.profile.id).await,
            known => Ok(known.clone()),
        }
    }
}

/// Whether a selection on a member asks for what is hers alone.
pub(super) fn asks_for_account(member: &Lookahead<'_>) -> bool {
    const HERS: [&str; 5] = ["email", "locale", "timezone", "role", "capacityPlants"];
    HERS.iter().any(|field| member.field(field).exists())
}

/// What is the viewer's alone; what everybody may see of her is loaded with it.
pub(super) async fn account(
    context: &Context<'_>,
    viewer: UserId,
) -> Result<Option<Arc<user::Model>>, ApiError> {
    let loaders = loaded(context);
    let account = loaders.load_one(AccountKey(viewer)).await?;
    if let Some(row) = &account {
        let profile = Arc::new(user::Profile::from(&**row));
        loaders.feed_one(UserKey(viewer), profile).await;
    }
    Ok(account)
}

can_be_written!(User);

impl From<Arc<user::Profile>> for User {
    fn from(profile: Arc<user::Profile>) -> Self {
        Self {
            profile,
            account: None,
        }
    }
}

/// A member. What is hers alone is null, or empty, for everybody else.
#[Object]
impl User {
    /// Her global id.
    pub async fn id(&self) -> ID {
        self.profile.id.to_id()
    }

    /// The name she goes by.
    fn display_name(&self) -> AtHand<&str> {
        AtHand::new(&self.profile.display_name)
    }

    /// Whether she was checked to be a botanist.
    fn botanist_status(&self) -> AtHand<BotanistStatus> {
        AtHand::new(self.profile.botanist_status.into())
    }

    /// Her e-mail address; only she sees it.
    async fn email(&self, context: &Context<'_>) -> Result<Option<String>, ApiError> {
        let account = self.account(context).await?;
        let email = account.map(|account| domain::user::email(app(context), &account));
        Ok(email.transpose()?)
    }

    /// The language she reads; only she sees it.
    async fn locale(&self, context: &Context<'_>) -> Result<Option<Locale>, ApiError> {
        let account = self.account(context).await?;
        Ok(account.map(|account| account.locale.into()))
    }

    /// Her IANA time zone; only she sees it.
    async fn timezone(&self, context: &Context<'_>) -> Result<Option<String>, ApiError> {
        let account = self.account(context).await?;
        Ok(account.map(|account| account.timezone.clone()))
    }

    /// What she may do beyond her own matters; only she sees it.
    async fn role(&self, context: &Context<'_>) -> Result<Option<Role>, ApiError> {
        let account = self.account(context).await?;
        Ok(account.map(|account| account.role.into()))
    }

    /// How many plants she can look after at the same time; only she sees it.
    async fn capacity_plants(&self, context: &Context<'_>) -> Result<Option<i32>, ApiError> {
        let account = self.account(context).await?;
        Ok(account.map(|account| account.capacity_plants))
    }

    /// When she became a member.
    fn created_at(&self) -> AtHand<DateTime> {
        AtHand::new(DateTime(self.profile.created_at))
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
    ) -> Result<AtHand<Connection<Plant>>, ApiError> {
        let arguments = PageArguments {
            first,
            after,
            last,
            before,
        };
        page_of::<Plants>(context, self, &Ahead::default(), arguments).await
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
            Some(member) => Ok(account(context, member.id).await?.map(User::herself)),
            None => Ok(None),
        }
    }
}
