//! Care events: one type for each kind.

use std::sync::Arc;

use async_graphql::{Context, ID, Interface, Object};

use super::at_hand::Write;
use super::care_record::{self, TaskKind};
use super::care_request::CareRequest;
use super::comment::Comment;
use super::connection::ConnectionNode;
use super::error::ApiError;
use super::loaders::{AccessKey, EventKey, TimelineSeqKey};
use super::offer::Offer;
use super::plant::Plant;
use super::scalars::{DateTime, GlobalId as _};
use super::scope::{loaded, member};
use super::user::User;
use crate::entity::event::{self, EventKind};
use crate::entity::{CareRecordId, CommentId, EventId, OfferId};

/// An event's row, and its number in its request's timeline as far as it is known.
#[derive(Clone)]
pub struct Facts {
    row: Arc<event::Model>,
    seq: Option<i64>,
}

impl Facts {
    async fn seq(&self, context: &Context<'_>) -> Result<Option<i64>, ApiError> {
        match self.seq {
            Some(seq) => Ok(Some(seq)),
            None => Ok(loaded(context).load_one(TimelineSeqKey(self.row.id)).await?),
        }
    }

    async fn care_request(&self, context: &Context<'_>) -> Result<Option<CareRequest>, ApiError> {
        match self.row.care_request_id {
            Some(id) => CareRequest::load(context, id).await,
            None => Ok(None),
        }
    }

    async fn plant(&self, context: &Context<'_>) -> Result<Option<Plant>, ApiError> {
        match self.row.plant_id {
            Some(id) => Plant::load(context, id).await,
            None => Ok(None),
        }
    }

    async fn actor(&self, context: &Context<'_>) -> Result<Option<User>, ApiError> {
        match self.row.actor_id {
            Some(id) => User::load(context, id).await,
            None => Ok(None),
        }
    }

    async fn offer(&self, context: &Context<'_>) -> Result<Option<Offer>, ApiError> {
        match self.row.subject_id {
            Some(id) => Offer::load_known(context, OfferId(id)).await,
            None => Ok(None),
        }
    }
}

macro_rules! care_events {
    ($($(#[$doc:meta])* $name:ident { $($own:tt)* })*) => {
        $(
            $(#[$doc])*
            pub struct $name(Facts);

            $(#[$doc])*
            #[Object]
            impl $name {
                /// Its global id; the same in every stream.
                pub async fn id(&self) -> ID {
                    self.0.row.id.to_id()
                }

                /// Its number in its request's timeline, from 1; null if it is not in it. A reader who may not read
                /// everything sees numbers missing: loss must not be inferred from them.
                async fn seq(&self, context: &Context<'_>) -> Result<Option<i64>, ApiError> {
                    self.0.seq(context).await
                }

                /// The request it is about; null if the viewer may no longer see it.
                async fn care_request(&self, context: &Context<'_>) -> Result<Option<CareRequest>, ApiError> {
                    self.0.care_request(context).await
                }

                /// The plant it is about, if it is about one.
                async fn plant(&self, context: &Context<'_>) -> Result<Option<Plant>, ApiError> {
                    self.0.plant(context).await
                }

                /// Who did it; null where time did.
                async fn actor(&self, context: &Context<'_>) -> Result<Option<User>, ApiError> {
                    self.0.actor(context).await
                }

                /// When it happened, by the clock of who did it.
                async fn occurred_at(&self) -> DateTime {
                    DateTime(self.0.row.occurred_at)
                }

                /// When the server stored it; never earlier than the entry before it in a stream.
                async fn recorded_at(&self) -> DateTime {
                    DateTime(self.0.row.recorded_at)
                }

                $($own)*
            }
        )*

        /// Something that happened to a care request: stored once, told to all it concerns, never changed.
        #[derive(Interface)]
        #[graphql(
            field(name = "id", ty = "ID", desc = "Its global id; the same in every stream."),
            field(
                name = "seq",
                ty = "Option<i64>",
                desc = "Its number in its request's timeline, from 1; null if it is not in it. A reader who may not \
                        read everything sees numbers missing: loss must not be inferred from them."
            ),
            field(
                name = "care_request",
                ty = "Option<CareRequest>",
                desc = "The request it is about; null if the viewer may no longer see it."
            ),
            field(name = "plant", ty = "Option<Plant>", desc = "The plant it is about, if it is about one."),
            field(name = "actor", ty = "Option<User>", desc = "Who did it; null where time did."),
            field(name = "occurred_at", ty = "DateTime", desc = "When it happened, by the clock of who did it."),
            field(
                name = "recorded_at",
                ty = "DateTime",
                desc = "When the server stored it; never earlier than the entry before it in a stream."
            )
        )]
        pub enum CareEvent {
            $($(#[$doc])* $name($name),)*
        }

        impl CareEvent {
            /// The event of a row; none if it is not about care. `seq` is its number in its request's timeline, if that
            /// is known.
            pub fn new(row: Arc<event::Model>, seq: Option<i64>) -> Option<Self> {
                let kind = row.kind;
                let facts = Facts { row, seq };
                Some(match kind {
                    $(EventKind::$name => Self::$name($name(facts)),)*
                    EventKind::SessionEnded | EventKind::MemberChanged => return None,
                })
            }

            /// The row.
            pub fn row(&self) -> &event::Model {
                match self {
                    $(Self::$name(event) => &event.0.row,)*
                }
            }
        }
    };
}

care_events! {
    /// The owner published the request.
    RequestPublished {}
    /// Somebody offered to take the request.
    OfferReceived {
        /// The offer.
        async fn offer(&self, context: &Context<'_>) -> Result<Option<Offer>, ApiError> {
            self.0.offer(context).await
        }
    }
    /// Somebody took back her offer.
    OfferWithdrawn {
        /// The offer.
        async fn offer(&self, context: &Context<'_>) -> Result<Option<Offer>, ApiError> {
            self.0.offer(context).await
        }
    }
    /// The owner declined an offer, accepted another, or cancelled the request.
    OfferDeclined {
        /// The offer.
        async fn offer(&self, context: &Context<'_>) -> Result<Option<Offer>, ApiError> {
            self.0.offer(context).await
        }
    }
    /// The owner accepted an offer: the request has a caretaker.
    RequestAccepted {
        /// The caretaker.
        async fn caretaker(&self, context: &Context<'_>) -> Result<Option<User>, ApiError> {
            match self.0.offer(context).await? {
                Some(offer) => User::load(context, offer.0.caretaker_id).await,
                None => Ok(None),
            }
        }
    }
    /// The owner cancelled the request.
    RequestCancelled {}
    /// Nobody was found in time.
    RequestExpired {}
    /// The caretaker did not start in time: the request is open again.
    RequestReopened {}
    /// The caretaker withdrew: the request is open again, and urgent.
    CaretakerWithdrew {}
    /// The caretaker started.
    CareStarted {}
    /// The care has ended and awaits the owner's confirmation.
    CareEnded {}
    /// The care was confirmed to have ended well, by the owner or after three days by time.
    CareConfirmed {}
    /// The owner ended the care early.
    EndedEarly {}
    /// The caretaker did something for a plant.
    CareRecorded {
        /// What was done.
        async fn task_kind(&self, context: &Context<'_>) -> Result<Option<TaskKind>, ApiError> {
            Ok(recorded(&self.0, context).await?.map(|record| record.kind.into()))
        }

        /// How much water or feed, in millilitres.
        async fn amount_ml(&self, context: &Context<'_>) -> Result<Option<i32>, ApiError> {
            Ok(recorded(&self.0, context).await?.and_then(|record| record.amount_ml))
        }

        /// What else there is to say.
        async fn note(&self, context: &Context<'_>) -> Result<Option<String>, ApiError> {
            Ok(recorded(&self.0, context).await?.and_then(|record| record.note.clone()))
        }
    }
    /// Somebody commented on the request.
    CommentAdded {
        /// The comment.
        async fn comment(&self, context: &Context<'_>) -> Result<Option<Comment>, ApiError> {
            match self.0.row.subject_id {
                Some(id) => Comment::load_known(context, CommentId(id)).await,
                None => Ok(None),
            }
        }
    }
}

async fn recorded(
    facts: &Facts,
    context: &Context<'_>,
) -> Result<Option<Arc<crate::entity::care_record::Model>>, ApiError> {
    match facts.row.subject_id {
        Some(id) => care_record::load_known(context, CareRecordId(id)).await,
        None => Ok(None),
    }
}

impl Write for CareEvent {}

impl ConnectionNode for CareEvent {
    const NAME: &'static str = "CareEvent";
}

impl CareEvent {
    /// An event of which the viewer knows that she may read it.
    pub async fn load_known(
        context: &Context<'_>,
        id: EventId,
        seq: Option<i64>,
    ) -> Result<Option<Self>, ApiError> {
        Ok(loaded(context)
            .load_one(EventKey(id))
            .await?
            .and_then(|row| Self::new(row, seq)))
    }

    /// The event, if the viewer may read it where she found it: in her own feed. What was told to her alone
    /// stays hers; what is in a timeline she reads as far as she may read that.
    pub async fn if_readable(self, context: &Context<'_>) -> Result<Option<Self>, ApiError> {
        let row = self.row();
        let (Some(request), false) = (row.care_request_id, told_personally(row.kind)) else {
            return Ok(Some(self));
        };
        let loaders = loaded(context);
        let (access, seq) = futures_util::try_join!(
            loaders.load_one(AccessKey(request)),
            loaders.load_one(TimelineSeqKey(row.id))
        )?;
        let readable = access.zip(seq).is_some_and(|(access, seq)| access.allows(seq));
        Ok(readable.then_some(self))
    }

    /// The event with this id, if the viewer may read it.
    pub async fn load(context: &Context<'_>, id: EventId) -> Result<Option<Self>, ApiError> {
        let viewer = member(context)?;
        let Some(event) = Self::load_known(context, id, None).await? else {
            return Ok(None);
        };
        let row = event.row();
        if !told_personally(row.kind) {
            return event.if_readable(context).await;
        }
        // Told to a request's owner and to an offerer.
        let offer = row.subject_id.map(OfferId);
        let party = match (offer, row.care_request_id) {
            (Some(offer), _)
                if Offer::load_known(context, offer)
                    .await?
                    .is_some_and(|offer| offer.0.caretaker_id == viewer.id) =>
            {
                true
            }
            (_, Some(request)) => CareRequest::load(context, request)
                .await?
                .is_some_and(|request| request.0.owner_id == viewer.id),
            _ => false,
        };
        Ok(party.then_some(event))
    }
}

/// Whether an event is told to those it concerns, and not to all parties of its request.
fn told_personally(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::OfferReceived
            | EventKind::OfferWithdrawn
            | EventKind::OfferDeclined
            | EventKind::RequestExpired
    )
}
