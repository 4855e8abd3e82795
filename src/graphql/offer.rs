//! Offers.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, InputObject, Object};
use sea_orm::Select;
use uuid::Uuid;

use super::ahead::{Ahead, is_a_row};
use super::at_hand::AtHand;
use super::at_hand::leaves::names_can_be_written;
use super::care_request::{CareRequest, CareRequestPayload};
use super::connection::{ConnectionNode, KeyedNode};
use super::error::{ApiError, UserError};
use super::list::List;
use super::loaders::OfferKey;
use super::outcome::{Outcome, keyed};
use super::scalars::{DateTime, GlobalId as _};
use super::scope::{app, loaded, member};
use super::user::User;
use crate::domain;
use crate::domain::policy::Standing;
use crate::domain::values::Text;
use crate::entity::{CareRequestId, OfferId, UserId, offer};

/// The state of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "offer::OfferStatus")]
pub enum OfferStatus {
    /// It awaits an answer.
    Sent,
    /// The owner accepted it.
    Accepted,
    /// The owner declined it, accepted another or cancelled the request.
    Declined,
    /// The offerer took it back.
    Withdrawn,
    /// The request expired.
    Expired,
}

names_can_be_written!(OfferStatus);

/// An offer to take on a care request.
pub struct Offer(pub Arc<offer::Model>, pub Ahead);

is_a_row!(Offer, offer);

impl ConnectionNode for Offer {
    const NAME: &'static str = "Offer";
}

impl KeyedNode for Offer {
    const MARK: u8 = b'o';
    const NEWEST_FIRST: bool = false;

    fn key(&self) -> Uuid {
        self.0.id.0
    }
}

/// The offers for a care request: all of them for its owner, her own for an offerer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Offers;

impl List for Offers {
    type Of = CareRequest;
    type Parent = CareRequestId;
    type Node = Offer;
    type Entity = offer::Entity;

    const FIELD: &'static str = "offers";
    const NAME: &'static str = "Offers";
    const TOTAL: &'static str = "OfferCount";
    const PARENT: offer::Column = offer::Column::CareRequestId;
    const KEY: offer::Column = offer::Column::Id;

    fn parent(of: &CareRequest) -> CareRequestId {
        of.0.id
    }

    /// To every member, who may have sent one; whose it is, is the finder's matter.
    fn is_shown(context: &Context<'_>, of: &CareRequest) -> bool {
        of.standing(context) != Standing::Guest
    }

    fn select(viewer: Option<UserId>) -> Option<Select<offer::Entity>> {
        viewer.map(offer::visible_to)
    }

    fn parent_of(row: &offer::Model) -> CareRequestId {
        row.care_request_id
    }
}

impl Offer {
    /// An offer of which the viewer knows by something that she may see.
    pub async fn load_known(context: &Context<'_>, id: OfferId) -> Result<Option<Self>, ApiError> {
        Ok(loaded(context).load_one(OfferKey(id)).await?.map(Self::from))
    }
}

/// An offer to take on a care request. Its sender and the request's owner see it.
#[Object]
impl Offer {
    /// Its global id.
    pub async fn id(&self) -> ID {
        self.0.id.to_id()
    }

    /// The request; null if the viewer may no longer see it.
    async fn care_request(&self, context: &Context<'_>) -> Result<Option<CareRequest>, ApiError> {
        CareRequest::load(context, self.0.care_request_id).await
    }

    /// Who offers.
    async fn caretaker(&self, context: &Context<'_>) -> Result<AtHand<User>, ApiError> {
        User::at_hand(context, &self.1, self.0.caretaker_id)
            .await
            .map(AtHand::new)
    }

    /// What she says to the owner.
    fn message(&self) -> AtHand<Option<&str>> {
        AtHand::new(self.0.message.as_deref())
    }

    /// Its state.
    fn status(&self) -> AtHand<OfferStatus> {
        AtHand::new(self.0.status.into())
    }

    /// When it was sent.
    fn created_at(&self) -> AtHand<DateTime> {
        AtHand::new(DateTime(self.0.created_at))
    }
}

/// An offer to be sent.
#[derive(InputObject)]
pub struct SendOfferInput {
    /// The open request.
    care_request_id: ID,
    /// What to say to the owner: at most 2,000 characters.
    message: Option<String>,
    /// The caller's own name for this mutation: the same name with the same input does it once.
    idempotency_key: Option<String>,
}

macro_rules! offer_inputs {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(InputObject)]
        pub struct $name {
            /// The offer.
            offer_id: ID,
            /// The caller's own name for this mutation: the same name with the same input does it once.
            idempotency_key: Option<String>,
        }
    )*};
}

offer_inputs! {
    /// An offer to be accepted.
    AcceptOfferInput;
    /// An offer to be declined.
    DeclineOfferInput;
    /// An offer to be taken back.
    WithdrawOfferInput;
}

/// The answer to what changes an offer.
pub struct OfferPayload(Outcome);

/// The answer to what changes an offer.
#[Object]
impl OfferPayload {
    /// The offer; null if it was refused.
    async fn offer(&self, context: &Context<'_>) -> Result<Option<Offer>, ApiError> {
        match &self.0.done {
            Some(written) => Offer::load_known(context, OfferId(written.id)).await,
            None => Ok(None),
        }
    }

    /// Why it was refused; empty if it was not.
    async fn user_errors(&self) -> &[UserError] {
        &self.0.user_errors
    }
}

/// Mutations of offers.
#[derive(Default)]
pub struct OfferMutation;

#[Object]
impl OfferMutation {
    /// Offers to take on an open request. A member has at most one offer for a request that awaits its answer.
    async fn send_offer(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The offer.")] input: SendOfferInput,
    ) -> Result<OfferPayload, ApiError> {
        let viewer = member(context)?;
        let id = CareRequestId::from_id(&input.care_request_id)?;
        let sent = async {
            let message = Text::optional("message", input.message.as_deref())?;
            let keyed = keyed(input.idempotency_key.as_deref(), &input)?;
            domain::offer::send(app(context), viewer, id, message, keyed).await
        };
        Ok(OfferPayload(Outcome::of(context, sent.await)?))
    }

    /// Accepts an offer, as the request's owner. Of acceptances at the same moment exactly one wins, all others are
    /// refused with `CONFLICT`; the request's other offers are declined.
    async fn accept_offer(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which offer.")] input: AcceptOfferInput,
    ) -> Result<CareRequestPayload, ApiError> {
        let viewer = member(context)?;
        let id = OfferId::from_id(&input.offer_id)?;
        let accepted = async {
            let keyed = keyed(input.idempotency_key.as_deref(), &input)?;
            domain::offer::accept(app(context), viewer, id, keyed).await
        };
        Ok(CareRequestPayload(Outcome::of(context, accepted.await)?))
    }

    /// Declines an offer, as the request's owner.
    async fn decline_offer(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which offer.")] input: DeclineOfferInput,
    ) -> Result<OfferPayload, ApiError> {
        let viewer = member(context)?;
        let id = OfferId::from_id(&input.offer_id)?;
        let declined = async {
            let keyed = keyed(input.idempotency_key.as_deref(), &input)?;
            domain::offer::decline(app(context), viewer, id, keyed).await
        };
        Ok(OfferPayload(Outcome::of(context, declined.await)?))
    }

    /// Takes back an offer of the viewer's that awaits its answer.
    async fn withdraw_offer(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which offer.")] input: WithdrawOfferInput,
    ) -> Result<OfferPayload, ApiError> {
        let viewer = member(context)?;
        let id = OfferId::from_id(&input.offer_id)?;
        let withdrawn = async {
            let keyed = keyed(input.idempotency_key.as_deref(), &input)?;
            domain::offer::withdraw(app(context), viewer, id, keyed).await
        };
        Ok(OfferPayload(Outcome::of(context, withdrawn.await)?))
    }
}
