//! Everything that has a global id.

use async_graphql::{Context, ID, Interface, Object};

use super::care_event::{
    CareConfirmed, CareEnded, CareEvent, CareRecorded, CareStarted, CaretakerWithdrew, CommentAdded,
    EndedEarly, OfferDeclined, OfferReceived, OfferWithdrawn, RequestAccepted, RequestCancelled,
    RequestExpired, RequestPublished, RequestReopened,
};
use super::care_request::CareRequest;
use super::comment::Comment;
use super::error::ApiError;
use super::loaders::{VisibleCommentKey, VisibleOfferKey, load};
use super::offer::Offer;
use super::plant::Plant;
use super::scalars::{GlobalId as _, marked};
use super::scope::member;
use super::user::User;
use crate::entity::{CareRequestId, CommentId, EventId, OfferId, PlantId, UserId};

/// Something with a global id, after the Relay specification.
#[derive(Interface)]
#[graphql(field(
    name = "id",
    ty = "ID",
    desc = "The global id: opaque, and valid for this type only."
))]
pub enum Node {
    /// A member.
    User(User),
    /// A plant.
    Plant(Plant),
    /// A care request.
    CareRequest(CareRequest),
    /// An offer.
    Offer(Offer),
    /// A comment.
    Comment(Comment),
    /// An event.
    RequestPublished(RequestPublished),
    /// An event.
    OfferReceived(OfferReceived),
    /// An event.
    OfferWithdrawn(OfferWithdrawn),
    /// An event.
    OfferDeclined(OfferDeclined),
    /// An event.
    RequestAccepted(RequestAccepted),
    /// An event.
    RequestCancelled(RequestCancelled),
    /// An event.
    RequestExpired(RequestExpired),
    /// An event.
    RequestReopened(RequestReopened),
    /// An event.
    CaretakerWithdrew(CaretakerWithdrew),
    /// An event.
    CareStarted(CareStarted),
    /// An event.
    CareEnded(CareEnded),
    /// An event.
    CareConfirmed(CareConfirmed),
    /// An event.
    EndedEarly(EndedEarly),
    /// An event.
    CareRecorded(CareRecorded),
    /// An event.
    CommentAdded(CommentAdded),
}

impl From<CareEvent> for Node {
    fn from(event: CareEvent) -> Self {
        match event {
            CareEvent::RequestPublished(event) => event.into(),
            CareEvent::OfferReceived(event) => event.into(),
            CareEvent::OfferWithdrawn(event) => event.into(),
            CareEvent::OfferDeclined(event) => event.into(),
            CareEvent::RequestAccepted(event) => event.into(),
            CareEvent::RequestCancelled(event) => event.into(),
            CareEvent::RequestExpired(event) => event.into(),
            CareEvent::RequestReopened(event) => event.into(),
            CareEvent::CaretakerWithdrew(event) => event.into(),
            CareEvent::CareStarted(event) => event.into(),
            CareEvent::CareEnded(event) => event.into(),
            CareEvent::CareConfirmed(event) => event.into(),
            CareEvent::EndedEarly(event) => event.into(),
            CareEvent::CareRecorded(event) => event.into(),
            CareEvent::CommentAdded(event) => event.into(),
        }
    }
}

/// Queries about whatever has a global id.
#[derive(Default)]
pub struct NodeQuery;

#[Object]
impl NodeQuery {
    /// What has this global id, if the viewer may see it.
    async fn node(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The global id.")] id: ID,
    ) -> Result<Option<Node>, ApiError> {
        member(context)?;
        let (mark, _) = marked(&id).ok_or(ApiError::InvalidId)?;
        Ok(match mark {
            UserId::MARK => User::load(context, UserId::from_id(&id)?).await?.map(Node::from),
            PlantId::MARK => Plant::load(context, PlantId::from_id(&id)?)
                .await?
                .map(Node::from),
            CareRequestId::MARK => CareRequest::load(context, CareRequestId::from_id(&id)?)
                .await?
                .map(Node::from),
            EventId::MARK => CareEvent::load(context, EventId::from_id(&id)?)
                .await?
                .map(Node::from),
            OfferId::MARK => {
                let key = VisibleOfferKey(OfferId::from_id(&id)?);
                load(context, key).await?.map(|row| Offer::from(row).into())
            }
            CommentId::MARK => {
                let key = VisibleCommentKey(CommentId::from_id(&id)?);
                load(context, key).await?.map(|row| Comment::from(row).into())
            }
            _ => return Err(ApiError::InvalidId),
        })
    }
}
