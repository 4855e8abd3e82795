//! Acts of care: recorded once, told at once.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::EntityTrait as _;

use super::care_request::find;
use super::idempotency::Done;
use super::policy::{self, Action};
use super::values::Text;
use super::write::Happening;
use super::{Error, Keyed, Member, Reason, Refusal, Written};
use crate::app::App;
use crate::entity::care_record::{self, TaskKind};
use crate::entity::care_request::{self, CareRequestStatus};
use crate::entity::event::EventKind;
use crate::entity::{CareRecordId, CareRequestId, PlantId, care_request_plant};

/// Millilitres of one act of care, at most.
pub const AMOUNT_ML_MAXIMUM: i32 = 100_000;
/// How far a client's clock may be ahead of ours.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::minutes(5);

/// What makes a care record.
#[derive(Clone, Debug)]
pub struct NewCareRecord {
    /// For which request.
    pub care_request: CareRequestId,
    /// Which plant was looked after.
    pub plant: PlantId,
    /// What was done.
    pub kind: TaskKind,
    /// How much water or feed, in millilitres.
    pub amount_ml: Option<i32>,
    /// What else there is to say.
    pub note: Option<Text<2000>>,
    /// When, by the client's clock; now if it does not say.
    pub occurred_at: Option<DateTime<Utc>>,
}

/// Records an act of care: one row and one event.
pub async fn record(
    app: &App,
    viewer: &Member,
    new: NewCareRecord,
    keyed: Option<Keyed>,
) -> Result<Written, Error> {
    app.write_once(
        "recordCare",
        viewer,
        keyed,
        (*viewer, new),
        |write, (viewer, new)| {
            Box::pin(async move {
                let request = find(write, viewer, new.care_request, care_request::held).await?;
                if !policy::may(Action::RecordCare, policy::member_standing(viewer, &request)) {
                    return Err(Reason::NotAllowed.into());
                }
                if request.status != CareRequestStatus::InProgress {
                    return Err(Reason::IllegalMove { from: request.status }.into());
                }
                let link = care_request_plant::Entity::find_by_id((request.id, new.plant))
                    .one(write.transaction)
                    .await?;
                if link.is_none() {
                    return Err(Refusal::of("plantId", Reason::PlantNotInRequest).into());
                }
                let occurred_at = new.occurred_at.unwrap_or(write.now);
                if occurred_at > write.now + CLOCKS_DIFFER {
                    return Err(Refusal::of("occurredAt", Reason::InTheFuture).into());
                }
                // In progress since the start of this care: nothing can have been done for it before.
                if occurred_at < request.status_since - CLOCKS_DIFFER {
                    return Err(Refusal::of("occurredAt", Reason::BeforeCareBegan).into());
                }
                let record = care_record::Model {
                    id: CareRecordId(write.new_id()),
                    care_request_id: request.id,
                    plant_id: new.plant,
                    caretaker_id: viewer.id,
                    kind: new.kind,
                    amount_ml: new.amount_ml,
                    note: new.note.clone().map(Text::into_string),
                    occurred_at,
                    created_at: write.now,
                };
                let id = record.id.0;
                write.store(record);
                let event = write.record(&Happening {
                    plant: Some(new.plant),
                    subject: Some(id),
                    occurred_at: new.occurred_at,
                    ..Happening::new(EventKind::CareRecorded, &request, Some(viewer.id))
                });
                Ok(Done {
                    id,
                    event: Some(event),
                    timeline: Some(request.id),
                })
            })
        },
    )
    .await
}
