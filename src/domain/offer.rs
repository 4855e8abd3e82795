//! Offers: sending, accepting, declining, withdrawing.

use sea_orm::sea_query::LockType;
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, DbErr, EntityTrait as _, PaginatorTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _, Set, SqlErr,
};

use super::care_request::state::{self, Step};
use super::care_request::{find, overlapping};
use super::idempotency::Done;
use super::policy::{self, Action};
use super::values::Text;
use super::write::{Happening, Write};
use super::{Error, Keyed, Member, Reason, Refusal, Written};
use crate::app::App;
use crate::entity::care_request::{self, CareRequestStatus};
use crate::entity::event::EventKind;
use crate::entity::offer::{self, OfferStatus};
use crate::entity::user::UserStatus;
use crate::entity::{
    AssignmentId, CareRequestId, EventId, OfferId, UserId, assignment, care_request_plant, user,
};

/// Offers to take on an open request.
pub async fn send(
    app: &App,
    viewer: &Member,
    request: CareRequestId,
    message: Option<Text<2000>>,
    keyed: Option<Keyed>,
) -> Result<Written, Error> {
    app.write_once(
        "sendOffer",
        viewer,
        keyed,
        (*viewer, request, message),
        |write, (viewer, request, message)| {
            Box::pin(async move {
                let request = find(write, viewer, *request, care_request::held).await?;
                let standing = policy::member_standing(viewer, &request);
                if standing == policy::Standing::Owner {
                    return Err(Reason::OwnRequest.into());
                }
                if request.status != CareRequestStatus::Open {
                    return Err(Reason::IllegalMove { from: request.status }.into());
                }
                if !policy::may(Action::SendOffer, standing) {
                    return Err(Reason::NotAllowed.into());
                }
                let offer = offer::Model {
                    id: OfferId(write.new_id()),
                    care_request_id: request.id,
                    caretaker_id: viewer.id,
                    message: message.clone().map(Text::into_string),
                    status: OfferStatus::Sent,
                    created_at: write.now,
                    version: 1,
                };
                write.insert(offer.clone()).await.map_err(already_offered)?;
                let event = happened(write, EventKind::OfferReceived, &request, &offer, Some(viewer.id));
                Ok(Done {
                    id: offer.id.0,
                    event: Some(event),
                    timeline: None,
                })
            })
        },
    )
    .await
}

/// Accepts an offer: of all that are accepted at the same moment, one. All others are declined.
pub async fn accept(app: &App, viewer: &Member, id: OfferId, keyed: Option<Keyed>) -> Result<Written, Error> {
    app.write_once(
        "acceptOffer",
        viewer,
        keyed,
        (*viewer, id),
        |write, (viewer, id)| {
            Box::pin(async move {
                let chosen = find_offer(write, viewer, *id).await?;
                // Parents first, in the order that all writers keep: the caretaker, then the request.
                let caretaker = user::Entity::find_by_id(chosen.caretaker_id)
                    .lock(LockType::NoKeyUpdate)
                    .one(write.transaction)
                    .await?
                    .ok_or(Reason::NotFound)?;
                let request = find(write, viewer, chosen.care_request_id, care_request::locked).await?;
                if !policy::may(Action::AcceptOffer, policy::member_standing(viewer, &request)) {
                    return Err(Reason::NotAllowed.into());
                }
                let next = match state::next(request.status, Step::AcceptOffer) {
                    Some(next) => next,
                    None if request.caretaker_id.is_some()
                        && request.status != CareRequestStatus::Cancelled =>
                    {
                        return Err(Reason::AlreadyTaken.into());
                    }
                    None => return Err(Reason::IllegalMove { from: request.status }.into()),
                };
                let live = offer::live_for(request.id)
                    .order_by_asc(offer::Column::Id)
                    .all(write.transaction)
                    .await?;
                if !live.iter().any(|offer| offer.id == *id) {
                    return Err(Reason::OfferNotLive.into());
                }
                if caretaker.status != UserStatus::Active {
                    return Err(Reason::OfferNotLive.into());
                }
                has_room(write, &caretaker, &request).await?;
                for offer in live.iter().filter(|offer| offer.id != *id) {
                    answer(write, &request, offer, OfferStatus::Declined, Some(viewer.id)).await?;
                }
                set_status(write, &chosen, OfferStatus::Accepted).await?;
                let event = assign(write, request, &chosen, next, viewer.id).await?;
                Ok(Done {
                    id: chosen.care_request_id.0,
                    event: Some(event),
                    timeline: Some(chosen.care_request_id),
                })
            })
        },
    )
    .await
}

/// Declines an offer.
pub async fn decline(
    app: &App,
    viewer: &Member,
    id: OfferId,
    keyed: Option<Keyed>,
) -> Result<Written, Error> {
    close(app, viewer, id, keyed, "declineOffer", OfferStatus::Declined).await
}

/// Takes back the viewer's own offer.
pub async fn withdraw(
    app: &App,
    viewer: &Member,
    id: OfferId,
    keyed: Option<Keyed>,
) -> Result<Written, Error> {
    close(app, viewer, id, keyed, "withdrawOffer", OfferStatus::Withdrawn).await
}

async fn close(
    app: &App,
    viewer: &Member,
    id: OfferId,
    keyed: Option<Keyed>,
    mutation: &'static str,
    status: OfferStatus,
) -> Result<Written, Error> {
    app.write_once(
        mutation,
        viewer,
        keyed,
        (*viewer, id, status),
        |write, (viewer, id, status)| {
            Box::pin(async move {
                let (id, status) = (*id, *status);
                let offer = find_offer(write, viewer, id).await?;
                // The request's lock keeps an acceptance from passing this by.
                let request = find(write, viewer, offer.care_request_id, care_request::locked).await?;
                let offer = find_offer(write, viewer, id).await?;
                let allowed = if status == OfferStatus::Withdrawn {
                    offer.caretaker_id == viewer.id
                        && policy::right(Action::WithdrawOffer, policy::Standing::Offerer)
                            == policy::Right::Own
                } else {
                    policy::may(Action::DeclineOffer, policy::member_standing(viewer, &request))
                };
                if !allowed {
                    return Err(Reason::NotAllowed.into());
                }
                if offer.status != OfferStatus::Sent {
                    return Err(Reason::OfferNotLive.into());
                }
                let event = answer(write, &request, &offer, status, Some(viewer.id)).await?;
                Ok(Done {
                    id: id.0,
                    event,
                    timeline: None,
                })
            })
        },
    )
    .await
}

/// Gives a live offer its answer, and tells those it concerns; an expired one's offerer is told by the
/// request's own event.
pub(super) async fn answer(
    write: &Write<'_>,
    request: &care_request::Model,
    offer: &offer::Model,
    status: OfferStatus,
    actor: Option<UserId>,
) -> Result<Option<EventId>, Error> {
    set_status(write, offer, status).await?;
    let kind = match status {
        OfferStatus::Declined => EventKind::OfferDeclined,
        OfferStatus::Withdrawn => EventKind::OfferWithdrawn,
        _ => return Ok(None),
    };
    Ok(Some(happened(write, kind, request, offer, actor)))
}

async fn assign(
    write: &Write<'_>,
    mut request: care_request::Model,
    offer: &offer::Model,
    status: CareRequestStatus,
    actor: UserId,
) -> Result<EventId, Error> {
    let id = request.id;
    let version = request.version + 1;
    request.caretaker_id = Some(offer.caretaker_id);
    let event = write.record(&Happening {
        subject: Some(offer.id.0),
        ..Happening::new(EventKind::RequestAccepted, &request, Some(actor))
    });
    let changed = care_request::ActiveModel {
        id: Set(id),
        caretaker_id: Set(Some(offer.caretaker_id)),
        status: Set(status),
        status_since: Set(write.now),
        version: Set(version),
        ..Default::default()
    };
    changed.update(write.transaction).await?;
    let assignment = assignment::Model {
        id: AssignmentId(write.new_id()),
        care_request_id: id,
        caretaker_id: offer.caretaker_id,
        began_event_id: event,
        ended_event_id: None,
    };
    write.insert(assignment).await?;
    Ok(event)
}

/// Refuses a request whose plants would be more than the caretaker can take on any of its days.
async fn has_room(
    write: &Write<'_>,
    caretaker: &user::Model,
    request: &care_request::Model,
) -> Result<(), Error> {
    let taken = care_request::cared_for_by(caretaker.id)
        .filter(care_request::COLUMN.status.is_in(state::TAKING_CAPACITY))
        .filter(overlapping(request.starts_on, request.ends_on))
        .all(write.transaction)
        .await?;
    let requests = taken.into_iter().map(|taken| taken.id).chain([request.id]);
    let plants = care_request_plant::Entity::find()
        .filter(care_request_plant::COLUMN.care_request_id.is_in(requests))
        .count(write.transaction)
        .await?;
    if plants > u64::try_from(caretaker.capacity_plants).unwrap_or(0) {
        return Err(Reason::CaretakerFull.into());
    }
    Ok(())
}

async fn find_offer(write: &Write<'_>, viewer: &Member, id: OfferId) -> Result<offer::Model, Error> {
    let found = offer::visible_to(viewer.id)
        .filter(offer::COLUMN.id.eq(id))
        .one(write.transaction)
        .await?;
    found.ok_or_else(|| Refusal::of("offerId", Reason::NotFound).into())
}

async fn set_status(write: &Write<'_>, offer: &offer::Model, status: OfferStatus) -> Result<(), Error> {
    let changed = offer::ActiveModel {
        id: Set(offer.id),
        status: Set(status),
        version: Set(offer.version + 1),
        ..Default::default()
    };
    changed.update(write.transaction).await?;
    Ok(())
}

/// Records something about an offer: for the owner and the offerer, and nobody else.
fn happened(
    write: &Write<'_>,
    kind: EventKind,
    request: &care_request::Model,
    offer: &offer::Model,
    actor: Option<UserId>,
) -> EventId {
    write.record(&Happening {
        others: &[offer.caretaker_id],
        subject: Some(offer.id.0),
        ..Happening::new(kind, request, actor)
    })
}

fn already_offered(error: DbErr) -> Error {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => Reason::AlreadyOffered.into(),
        _ => error.into(),
    }
}
