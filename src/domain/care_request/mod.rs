//! Care requests: making them, and what their parties do to their state.

pub mod near;
pub mod state;
pub mod timed;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use sea_orm::sea_query::{Expr, LockType};
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, Condition, EntityTrait as _, IntoActiveModel as _,
    Iterable as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, Set,
};

use self::state::Step;
use super::idempotency::Done;
use super::policy::{self, Action};
use super::values::{Cell, Days, Name, Text, Timezone};
use super::write::{Happening, Write};
use super::{Error, Keyed, Member, Reason, Refusal, Written};
use crate::app::App;
use crate::entity::care_request::{self, CareMode, CareRequestStatus};
use crate::entity::event::EventKind;
use crate::entity::offer::{self, OfferStatus};
use crate::entity::plant::{self, PlantStatus};
use crate::entity::{CareRequestId, EventId, PlantId, UserId, assignment, care_request_plant};

/// Plants of one request, at most.
pub const PLANTS_MAXIMUM: usize = 50;

/// What makes a new care request.
#[derive(Clone, Debug)]
pub struct NewCareRequest {
    /// The plants, in the order in which they are shown.
    pub plants: Vec<PlantId>,
    /// What it is called.
    pub title: Name<120>,
    /// Where the plants are looked after.
    pub mode: CareMode,
    /// From when until when.
    pub days: Days,
    /// The time zone of the days.
    pub timezone: Timezone,
    /// Roughly where.
    pub cell: Option<Cell>,
    /// What its caretaker should know.
    pub instructions: Option<Text<4000>>,
    /// Whether it is published at once.
    pub publish: bool,
}

/// What a party does to the state of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Publish a draft.
    Publish,
    /// Start the care.
    Start,
    /// End the care.
    End,
    /// Confirm that it has ended well.
    Confirm,
    /// End it early.
    EndEarly,
    /// Cancel it.
    Cancel,
    /// Withdraw as its caretaker.
    Withdraw,
}

impl Change {
    fn parts(self) -> (&'static str, Action, Step, EventKind) {
        match self {
            Self::Publish => (
                "publishCareRequest",
                Action::Publish,
                Step::Publish,
                EventKind::RequestPublished,
            ),
            Self::Start => (
                "startCare",
                Action::StartCare,
                Step::StartCare,
                EventKind::CareStarted,
            ),
            Self::End => ("endCare", Action::EndCare, Step::EndCare, EventKind::CareEnded),
            Self::Confirm => (
                "confirmCare",
                Action::Confirm,
                Step::Confirm,
                EventKind::CareConfirmed,
            ),
            Self::EndEarly => (
                "endCareEarly",
                Action::EndEarly,
                Step::EndEarly,
                EventKind::EndedEarly,
            ),
            Self::Cancel => (
                "cancelCareRequest",
                Action::Cancel,
                Step::Cancel,
                EventKind::RequestCancelled,
            ),
            Self::Withdraw => (
                "withdrawFromCare",
                Action::Withdraw,
                Step::Withdraw,
                EventKind::CaretakerWithdrew,
            ),
        }
    }
}

/// Makes a request for some of the viewer's plants, as a draft or published.
pub async fn create(
    app: &App,
    viewer: &Member,
    new: NewCareRequest,
    keyed: Option<Keyed>,
) -> Result<Written, Error> {
    check_plant_list(&new.plants)?;
    app.write_once(
        "createCareRequest",
        viewer,
        keyed,
        (*viewer, new),
        |write, (viewer, new)| {
            Box::pin(async move {
                if new.publish {
                    not_over(write.now, new.timezone, new.days.first)?;
                }
                take_plants(write, viewer.id, new).await?;
                let request = row(write, viewer.id, new);
                write.insert(request.clone()).await?;
                let links = new.plants.iter().zip(0..).map(|(plant, position)| {
                    care_request_plant::Model {
                        care_request_id: request.id,
                        plant_id: *plant,
                        position,
                    }
                    .into_active_model()
                });
                care_request_plant::Entity::insert_many(links)
                    .exec_without_returning(write.transaction)
                    .await?;
                let event = new.publish.then(|| {
                    write.record(&Happening::new(
                        EventKind::RequestPublished,
                        &request,
                        Some(viewer.id),
                    ))
                });
                write.after_commit(|app| app.telemetry.metrics.business.request_created());
                Ok(Done {
                    id: request.id.0,
                    event,
                    timeline: Some(request.id),
                })
            })
        },
    )
    .await
}

/// Has a party change a request's state.
pub async fn change(
    app: &App,
    viewer: &Member,
    id: CareRequestId,
    change: Change,
    keyed: Option<Keyed>,
) -> Result<Written, Error> {
    let (mutation, ..) = change.parts();
    app.write_once(
        mutation,
        viewer,
        keyed,
        (*viewer, id, change),
        |write, (viewer, id, change)| {
            Box::pin(async move {
                let (_, action, step, kind) = change.parts();
                let request = find(write, viewer, *id, care_request::locked).await?;
                if !policy::may(action, policy::member_standing(viewer, &request)) {
                    return Err(Reason::NotAllowed.into());
                }
                // Before the days: of a request that is over, what matters is that it is.
                if state::next(request.status, step).is_none() {
                    return Err(Reason::IllegalMove { from: request.status }.into());
                }
                match change {
                    Change::Start if today(write.now, &request) < request.starts_on - TimeDelta::days(1) => {
                        return Err(Reason::TooEarly.into());
                    }
                    Change::Publish => {
                        not_over(write.now, Timezone::stored(&request.timezone), request.starts_on)?;
                    }
                    _ => {}
                }
                let event = advance(write, request, step, kind, Some(viewer.id)).await?;
                Ok(Done {
                    id: id.0,
                    event: Some(event),
                    timeline: Some(*id),
                })
            })
        },
    )
    .await
}

/// Takes a step with all that follows from it, and records it.
pub(super) async fn advance(
    write: &Write<'_>,
    request: care_request::Model,
    step: Step,
    kind: EventKind,
    actor: Option<UserId>,
) -> Result<EventId, Error> {
    let to = state::next(request.status, step).ok_or(Reason::IllegalMove { from: request.status })?;
    let offerers = match step {
        Step::Cancel | Step::Expire => close_offers(write, &request, step, actor).await?,
        _ => Vec::new(),
    };
    let others = if step == Step::Expire {
        offerers.as_slice()
    } else {
        &[]
    };
    // Told of the request as it was: who withdraws or is passed over is still concerned.
    let event = write.record(&Happening {
        others,
        ..Happening::new(kind, &request, actor)
    });
    let reopened = matches!(step, Step::Withdraw | Step::Reopen);
    let mut changed = care_request::ActiveModel {
        id: Set(request.id),
        status: Set(to),
        status_since: Set(write.now),
        version: Set(request.version + 1),
        ..Default::default()
    };
    if reopened {
        changed.caretaker_id = Set(None);
        changed.urgent = Set(true);
        end_assignment(write, request.id, event).await?;
    }
    changed.update(write.transaction).await?;
    Ok(event)
}

/// The request, if the viewer may see it, read under `lock`.
pub(super) async fn find(
    write: &Write<'_>,
    viewer: &Member,
    id: CareRequestId,
    lock: fn(sea_orm::Select<care_request::Entity>) -> sea_orm::Select<care_request::Entity>,
) -> Result<care_request::Model, Error> {
    let visible = care_request::visible_to(viewer.id).filter(care_request::COLUMN.id.eq(id));
    let found = lock(visible).one(write.transaction).await?;
    found.ok_or_else(|| Refusal::of("careRequestId", Reason::NotFound).into())
}

/// The requests whose days have one in common with `first..=last`.
pub(super) fn overlapping(first: NaiveDate, last: NaiveDate) -> Condition {
    Condition::all()
        .add(care_request::Column::StartsOn.lte(last))
        .add(care_request::Column::EndsOn.gte(first))
}

/// The date in the request's time zone.
pub(super) fn today(now: DateTime<Utc>, request: &care_request::Model) -> NaiveDate {
    Timezone::stored(&request.timezone).date(now)
}

fn not_over(now: DateTime<Utc>, timezone: Timezone, first: NaiveDate) -> Result<(), Error> {
    if first < timezone.date(now) {
        return Err(Refusal::of("startsOn", Reason::InThePast).into());
    }
    Ok(())
}

fn check_plant_list(plants: &[PlantId]) -> Result<(), Error> {
    if plants.is_empty() {
        return Err(Refusal::of("plantIds", Reason::Empty).into());
    }
    if plants.len() > PLANTS_MAXIMUM {
        return Err(Refusal::of(
            "plantIds",
            Reason::TooMany {
                maximum: PLANTS_MAXIMUM,
            },
        )
        .into());
    }
    let distinct: std::collections::HashSet<_> = plants.iter().collect();
    if distinct.len() < plants.len() {
        return Err(Refusal::of("plantIds", Reason::Repeated).into());
    }
    Ok(())
}

/// Locks the plants, in the order of their ids, and refuses those that are not the owner's, not in
/// her care, or promised to another request for overlapping days.
async fn take_plants(write: &Write<'_>, owner: UserId, new: &NewCareRequest) -> Result<(), Error> {
    let plants = plant::owned_by(owner)
        .filter(plant::COLUMN.id.is_in(new.plants.iter().copied()))
        .order_by_asc(plant::Column::Id)
        .lock(LockType::NoKeyUpdate)
        .all(write.transaction)
        .await?;
    if plants.len() < new.plants.len() {
        return Err(Refusal::of("plantIds", Reason::NotFound).into());
    }
    if plants.iter().any(|plant| plant.status != PlantStatus::Active) {
        return Err(Refusal::of("plantIds", Reason::PlantNotActive).into());
    }
    let holding = CareRequestStatus::iter().filter(|status| state::holds_its_plants(*status));
    let busy = care_request::with_plants(new.plants.iter().copied())
        .filter(care_request::COLUMN.status.is_in(holding))
        .filter(overlapping(new.days.first, new.days.last))
        .one(write.transaction)
        .await?;
    match busy {
        Some(_) => Err(Refusal::of("plantIds", Reason::PlantBusy).into()),
        None => Ok(()),
    }
}

fn row(write: &Write<'_>, owner: UserId, new: &NewCareRequest) -> care_request::Model {
    care_request::Model {
        id: CareRequestId(write.new_id()),
        owner_id: owner,
        caretaker_id: None,
        title: new.title.as_ref().to_owned(),
        mode: new.mode,
        starts_on: new.days.first,
        ends_on: new.days.last,
        timezone: new.timezone.name().to_owned(),
        approx_cell: new.cell.as_ref().map(|cell| cell.hash().to_owned()),
        latitude_e6: new.cell.as_ref().map(|cell| cell.latitude_e6),
        longitude_e6: new.cell.as_ref().map(|cell| cell.longitude_e6),
        instructions: new.instructions.as_ref().map(|text| text.as_ref().to_owned()),
        status: if new.publish {
            CareRequestStatus::Open
        } else {
            CareRequestStatus::Draft
        },
        status_since: write.now,
        urgent: false,
        created_at: write.now,
        version: 1,
    }
}

/// Closes the offers that still await an answer, and says whose they were. Of a cancellation each
/// offerer is told by her own offer's event.
async fn close_offers(
    write: &Write<'_>,
    request: &care_request::Model,
    step: Step,
    actor: Option<UserId>,
) -> Result<Vec<UserId>, Error> {
    let live = offer::live_for(request.id)
        .order_by_asc(offer::Column::Id)
        .all(write.transaction)
        .await?;
    let status = if step == Step::Expire {
        OfferStatus::Expired
    } else {
        OfferStatus::Declined
    };
    for offer in &live {
        super::offer::answer(write, request, offer, status, actor).await?;
    }
    Ok(live.into_iter().map(|offer| offer.caretaker_id).collect())
}

async fn end_assignment(write: &Write<'_>, request: CareRequestId, event: EventId) -> Result<(), Error> {
    assignment::Entity::update_many()
        .col_expr(assignment::Column::EndedEventId, Expr::value(event))
        .filter(assignment::Column::CareRequestId.eq(request))
        .filter(assignment::Column::EndedEventId.is_null())
        .exec(write.transaction)
        .await?;
    Ok(())
}
