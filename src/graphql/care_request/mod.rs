//! Care requests.

pub mod mutation;
pub mod preload;
pub mod query;
pub mod subscription;

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object};
use uuid::Uuid;

pub use self::mutation::{CareRequestMutation, CareRequestPayload};
pub use self::query::{CareRequestQuery, NearInput};
pub use self::subscription::CareRequestSubscription;
use super::ahead::{Ahead, is_a_row};
use super::at_hand::AtHand;
use super::at_hand::leaves::names_can_be_written;
use super::care_event::CareEvent;
use super::comment::{Comment, Comments};
use super::connection::{Connection, ConnectionNode, KeyedNode};
use super::error::ApiError;
use super::list::page_of;
use super::loaders::{AccessKey, RequestKey, RequestPlantsKey, load};
use super::offer::{Offer, Offers};
use super::page::PageArguments;
use super::plant::Plant;
use super::scalars::{Date, DateTime, GlobalId as _};
use super::scope::{app, loaded, scope};
use super::timeline;
use super::user::User;
use crate::domain::policy::{self, Action, Right, Standing};
use crate::entity::{CareRequestId, care_request};
use crate::live::Stream;
use crate::live::gate::Access;

/// Where the plants are looked after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "care_request::CareMode")]
pub enum CareMode {
    /// At the owner's.
    AtOwner,
    /// At the caretaker's.
    AtCaretaker,
}

/// The state of a care request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "care_request::CareRequestStatus")]
pub enum CareRequestStatus {
    /// Only its owner sees it.
    Draft,
    /// It looks for a caretaker.
    Open,
    /// It has a caretaker, who has not started.
    Assigned,
    /// The plants are being looked after.
    InProgress,
    /// The care has ended and awaits the owner's confirmation.
    AwaitingConfirm,
    /// It has ended.
    Completed,
    /// The owner cancelled it.
    Cancelled,
    /// Nobody was found in time.
    Expired,
    /// The owner and the caretaker do not agree how it ended.
    Disputed,
}

/// What the viewer is to the care requests she asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum CareRole {
    /// Their owner.
    Owner,
    /// Their caretaker.
    Caretaker,
}

names_can_be_written!(CareMode, CareRequestStatus);

/// A care request that the viewer may see.
#[derive(Clone)]
pub struct CareRequest(pub Arc<care_request::Model>, pub Ahead);

is_a_row!(CareRequest, care_request);

impl ConnectionNode for CareRequest {
    const NAME: &'static str = "CareRequest";
}

impl KeyedNode for CareRequest {
    const MARK: u8 = b'r';
    const NEWEST_FIRST: bool = true;

    fn key(&self) -> Uuid {
        self.0.id.0
    }
}

impl CareRequest {
    /// A request that the viewer may see.
    pub async fn load(context: &Context<'_>, id: CareRequestId) -> Result<Option<Self>, ApiError> {
        Ok(loaded(context).load_one(RequestKey(id)).await?.map(Self::from))
    }

    /// What the viewer is to it.
    pub(super) fn standing(&self, context: &Context<'_>) -> Standing {
        policy::standing(&scope(context).caller.viewer, &self.0)
    }

    /// Whether the viewer is shown what is for its parties.
    pub(super) fn shows_private_details(&self, context: &Context<'_>) -> bool {
        policy::may(Action::SeePrivateDetails, self.standing(context))
    }
}

/// A request for care of some plants over some days. Every member sees what is open; instructions, caretaker, comments
/// and timeline are for its parties, and for everybody else as if they did not exist.
#[Object]
impl CareRequest {
    /// Its global id.
    pub async fn id(&self) -> ID {
        self.0.id.to_id()
    }

    /// What it is called.
    fn title(&self) -> AtHand<&str> {
        AtHand::new(&self.0.title)
    }

    /// Its state.
    fn status(&self) -> AtHand<CareRequestStatus> {
        AtHand::new(self.0.status.into())
    }

    /// Whether it was left by a caretaker and needs another soon.
    fn urgent(&self) -> bool {
        self.0.urgent
    }

    /// Where the plants are looked after.
    fn mode(&self) -> AtHand<CareMode> {
        AtHand::new(self.0.mode.into())
    }

    /// Whose plants they are.
    async fn owner(&self, context: &Context<'_>) -> Result<AtHand<User>, ApiError> {
        User::at_hand(context, &self.1, self.0.owner_id)
            .await
            .map(AtHand::new)
    }

    /// Who looks after them; null while nobody does, and for those who are no party.
    async fn caretaker(&self, context: &Context<'_>) -> Result<AtHand<Option<User>>, ApiError> {
        let caretaker = match self.0.caretaker_id {
            Some(caretaker) if self.shows_private_details(context) => {
                Some(User::at_hand(context, &self.1, caretaker).await?)
            }
            _ => None,
        };
        Ok(AtHand::new(caretaker))
    }

    /// The plants, in the owner's order.
    async fn plants(&self, context: &Context<'_>) -> Result<AtHand<Vec<Plant>>, ApiError> {
        let key = RequestPlantsKey(self.0.id);
        let plants = match self.1.find(|rows| rows.plants.get(&key)) {
            Some(plants) => plants,
            None => load(context, key).await?.unwrap_or_default(),
        };
        let plants = plants.iter().map(|row| Plant(Arc::clone(row), self.1.clone()));
        Ok(AtHand::new(plants.collect()))
    }

    /// The first day.
    fn starts_on(&self) -> AtHand<Date> {
        AtHand::new(Date(self.0.starts_on))
    }

    /// The last day.
    fn ends_on(&self) -> AtHand<Date> {
        AtHand::new(Date(self.0.ends_on))
    }

    /// The IANA time zone of the days.
    fn timezone(&self) -> AtHand<&str> {
        AtHand::new(&self.0.timezone)
    }

    /// Roughly where: a geohash of six characters, about a kilometre wide.
    fn approx_cell(&self) -> AtHand<Option<&str>> {
        AtHand::new(self.0.approx_cell.as_deref())
    }

    /// What the caretaker should know; null for those who are no party.
    fn instructions(&self, context: &Context<'_>) -> Option<&str> {
        if self.shows_private_details(context) {
            self.0.instructions.as_deref()
        } else {
            None
        }
    }

    /// When it was made.
    fn created_at(&self) -> AtHand<DateTime> {
        AtHand::new(DateTime(self.0.created_at))
    }

    /// The offers for it, oldest first: all of them for its owner, her own for an offerer, none for others.
    async fn offers(
        &self,
        context: &Context<'_>,
        #[graphql(
            desc = "How many from the beginning, 1 to 100; 20 if neither `first` nor `last` is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only entries after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only entries before this cursor.")] before: Option<String>,
    ) -> Result<AtHand<Connection<Offer>>, ApiError> {
        let arguments = PageArguments {
            first,
            after,
            last,
            before,
        };
        page_of::<Offers>(context, self, &self.1, arguments).await
    }

    /// The comments on it, oldest first; none for those who are no party.
    async fn comments(
        &self,
        context: &Context<'_>,
        #[graphql(
            desc = "How many from the beginning, 1 to 100; 20 if neither `first` nor `last` is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only entries after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only entries before this cursor.")] before: Option<String>,
    ) -> Result<AtHand<Connection<Comment>>, ApiError> {
        let arguments = PageArguments {
            first,
            after,
            last,
            before,
        };
        page_of::<Comments>(context, self, &self.1, arguments).await
    }

    /// Everything that happened, oldest first: all of it for its parties, her own time for a former caretaker, nothing
    /// for others. The cursors are those of the subscription `careEvents`: read a page, then subscribe after its
    /// `endCursor`, and nothing is missed.
    async fn timeline(
        &self,
        context: &Context<'_>,
        #[graphql(
            desc = "How many from the beginning, 1 to 100; 20 if neither `first` nor `last` is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only entries after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only entries before this cursor.")] before: Option<String>,
    ) -> Result<Connection<CareEvent>, ApiError> {
        let arguments = PageArguments {
            first,
            after,
            last,
            before,
        };
        let access = match policy::right(Action::ReadTimeline, self.standing(context)) {
            Right::Yes => Access::All,
            _ => loaded(context)
                .load_one(AccessKey(self.0.id))
                .await?
                .unwrap_or(Access::Only(Vec::new())),
        };
        if access.is_empty() {
            arguments.size(app(context).config.limits.page_size)?;
            return Ok(Connection::empty());
        }
        // Boxed: each field of a request would be as large otherwise, because one of them may be this.
        let stream = Stream::Care(self.0.id);
        let page = Box::pin(timeline::page(context, stream, &arguments, &access, None)).await?;
        Ok(page.map(|entry| CareEvent::new(entry.event, Some(entry.seq))))
    }
}
