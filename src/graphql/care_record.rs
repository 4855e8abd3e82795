//! Recording care.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, InputObject, Object};

use super::care_event::CareEvent;
use super::error::{ApiError, UserError};
use super::loaders::CareRecordKey;
use super::outcome::{Outcome, keyed};
use super::scalars::{DateTime, GlobalId as _};
use super::scope::{app, loaded, member};
use crate::domain::care_record::{AMOUNT_ML_MAXIMUM, NewCareRecord};
use crate::domain::values::{Text, gather, within};
use crate::domain::{self, Error, Member, Written};
use crate::entity::{CareRecordId, CareRequestId, PlantId, care_record};

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "care_record::TaskKind")]
pub enum TaskKind {
    /// Watered.
    Water,
    /// Misted.
    Mist,
    /// Fertilised.
    Fertilise,
    /// Repotted.
    Repot,
    /// Pruned.
    Prune,
    /// Turned to the light.
    Rotate,
    /// Dusted or washed the leaves.
    CleanLeaves,
    /// Looked for pests.
    PestCheck,
    /// Treated against a pest or an illness.
    Treat,
    /// Moved to another place.
    Move,
    /// Changed the water of a cutting or a hydroponic plant.
    WaterChange,
    /// Something else; the note says what.
    Other,
}

/// A care record's row, of which the viewer knows by an event that she may read.
pub async fn load_known(
    context: &Context<'_>,
    id: CareRecordId,
) -> Result<Option<Arc<care_record::Model>>, ApiError> {
    Ok(loaded(context).load_one(CareRecordKey(id)).await?)
}

/// An act of care to be recorded.
#[derive(InputObject)]
pub struct RecordCareInput {
    /// The request, which is in progress.
    care_request_id: ID,
    /// Which of its plants was looked after.
    plant_id: ID,
    /// What was done.
    kind: TaskKind,
    /// How much water or feed, in millilitres: 0 to 100,000.
    amount_ml: Option<i32>,
    /// What else there is to say: at most 2,000 characters.
    note: Option<String>,
    /// When it was done, by the client's clock, so that it can be captured offline; now if it is not given. Not before the
    /// care began.
    occurred_at: Option<DateTime>,
    /// The caller's own name for this mutation: the same name with the same input does it once.
    idempotency_key: Option<String>,
}

/// The answer to what appends a care event.
pub struct CareEventPayload(Outcome);

/// The answer to what appends a care event.
#[Object]
impl CareEventPayload {
    /// The event; null if it was refused.
    async fn event(&self, context: &Context<'_>) -> Result<Option<CareEvent>, ApiError> {
        match self
            .0
            .done
            .as_ref()
            .and_then(|written| Some((written.event?, written.cursor?)))
        {
            Some((event, cursor)) => CareEvent::load_known(context, event, Some(cursor.seq)).await,
            None => Ok(None),
        }
    }

    /// The event's place in the request's timeline, for `after`.
    async fn cursor(&self) -> Option<String> {
        self.0.cursor()
    }

    /// Why it was refused; empty if it was not.
    async fn user_errors(&self) -> &[UserError] {
        &self.0.user_errors
    }
}

/// Mutations of care records.
#[derive(Default)]
pub struct CareRecordMutation;

#[Object]
impl CareRecordMutation {
    /// Records an act of care, as the caretaker of a request that is in progress: one event, which the owner sees at
    /// once.
    async fn record_care(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What was done.")] input: RecordCareInput,
    ) -> Result<CareEventPayload, ApiError> {
        let viewer = member(context)?;
        let request = CareRequestId::from_id(&input.care_request_id)?;
        let plant = PlantId::from_id(&input.plant_id)?;
        let recorded = record(context, viewer, request, plant, &input).await;
        Ok(CareEventPayload(Outcome::of(context, recorded)?))
    }
}

async fn record(
    context: &Context<'_>,
    viewer: &Member,
    care_request: CareRequestId,
    plant: PlantId,
    input: &RecordCareInput,
) -> Result<Written, Error> {
    let keyed = keyed(input.idempotency_key.as_deref(), input)?;
    gather! {
        amount_ml = input.amount_ml.map(|amount| within("amountMl", amount, 0, AMOUNT_ML_MAXIMUM)).transpose(),
        note = Text::optional("note", input.note.as_deref()),
    }
    let new = NewCareRecord {
        care_request,
        plant,
        kind: input.kind.into(),
        amount_ml,
        note,
        occurred_at: input.occurred_at.map(|time| time.0),
    };
    domain::care_record::record(app(context), viewer, new, keyed).await
}
