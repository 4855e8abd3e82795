//! What changes care requests.

use async_graphql::{Context, ID, InputObject, InputType, Object};

use super::{CareMode, CareRequest};
use crate::domain::care_request::{Change, NewCareRequest};
use crate::domain::values::{Cell, Days, Text, Timezone, gather};
use crate::domain::{self, Error, Member, Written};
use crate::entity::{CareRequestId, PlantId};
use crate::graphql::error::{ApiError, UserError};
use crate::graphql::outcome::{Outcome, keyed};
use crate::graphql::scalars::{Date, GlobalId as _};
use crate::graphql::scope::{app, member};

/// A care request to be made.
#[derive(InputObject)]
pub struct CreateCareRequestInput {
    /// The plants, 1 to 50, in the order in which they are to be shown. A plant is in at most one request for a day.
    plant_ids: Vec<ID>,
    /// What it is called: one line of at most 120 characters, without invisible ones.
    title: String,
    /// Where the plants are looked after.
    mode: CareMode,
    /// The first day.
    starts_on: Date,
    /// The last day, at most a year after the first: on the same day of the next year at the latest.
    ends_on: Date,
    /// The IANA time zone of the days, such as `Europe/Paris`.
    timezone: String,
    /// What the caretaker should know: at most 4,000 characters.
    instructions: Option<String>,
    /// Roughly where: a geohash of six characters.
    approx_cell: Option<String>,
    /// Whether it is published at once; otherwise it is a draft.
    #[graphql(default = false)]
    publish: bool,
    /// The caller's own name for this mutation: the same name with the same input does it once.
    idempotency_key: Option<String>,
}

macro_rules! change_inputs {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(InputObject)]
        pub struct $name {
            /// The request.
            care_request_id: ID,
            /// The caller's own name for this mutation: the same name with the same input does it once.
            idempotency_key: Option<String>,
        }

        impl ChangeInput for $name {
            fn parts(&self) -> (&ID, Option<&str>) {
                (&self.care_request_id, self.idempotency_key.as_deref())
            }
        }
    )*};
}

/// The inputs that name a request and nothing else.
trait ChangeInput: InputType {
    /// The request and the idempotency key.
    fn parts(&self) -> (&ID, Option<&str>);
}

change_inputs! {
    /// A draft to be published.
    PublishCareRequestInput;
    /// Care to be started.
    StartCareInput;
    /// Care to be ended.
    EndCareInput;
    /// Care to be confirmed.
    ConfirmCareInput;
    /// Care to be ended early.
    EndCareEarlyInput;
    /// A request to be cancelled.
    CancelCareRequestInput;
    /// A request to withdraw from.
    WithdrawFromCareInput;
}

/// The answer to what changes a care request.
pub struct CareRequestPayload(pub Outcome);

/// The answer to what changes a care request.
#[Object]
impl CareRequestPayload {
    /// The request; null if it was refused.
    async fn care_request(&self, context: &Context<'_>) -> Result<Option<CareRequest>, ApiError> {
        match &self.0.done {
            Some(written) => CareRequest::load(context, CareRequestId(written.id)).await,
            None => Ok(None),
        }
    }

    /// The place of the event in the request's timeline, for `after`; null if nothing was appended.
    async fn cursor(&self) -> Option<String> {
        self.0.cursor()
    }

    /// Why it was refused; empty if it was not.
    async fn user_errors(&self) -> &[UserError] {
        &self.0.user_errors
    }
}

/// Mutations of care requests.
#[derive(Default)]
pub struct CareRequestMutation;

#[Object]
impl CareRequestMutation {
    /// Makes a care request for some of the viewer's plants, as a draft or published.
    async fn create_care_request(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The request.")] input: CreateCareRequestInput,
    ) -> Result<CareRequestPayload, ApiError> {
        let viewer = member(context)?;
        let plants = input
            .plant_ids
            .iter()
            .map(PlantId::from_id)
            .collect::<Result<_, _>>()?;
        let created = create(context, viewer, plants, &input).await;
        Ok(CareRequestPayload(Outcome::of(context, created)?))
    }

    /// Publishes a draft, as its owner.
    async fn publish_care_request(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which request.")] input: PublishCareRequestInput,
    ) -> Result<CareRequestPayload, ApiError> {
        change(context, Change::Publish, &input).await
    }

    /// Starts the care, as its caretaker, from the day before the first day.
    async fn start_care(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which request.")] input: StartCareInput,
    ) -> Result<CareRequestPayload, ApiError> {
        change(context, Change::Start, &input).await
    }

    /// Ends the care, as its caretaker; the owner then confirms it.
    async fn end_care(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which request.")] input: EndCareInput,
    ) -> Result<CareRequestPayload, ApiError> {
        change(context, Change::End, &input).await
    }

    /// Confirms that the care has ended well, as its owner; after 72 hours it counts as confirmed.
    async fn confirm_care(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which request.")] input: ConfirmCareInput,
    ) -> Result<CareRequestPayload, ApiError> {
        change(context, Change::Confirm, &input).await
    }

    /// Ends care that is in progress, as the owner who is back early.
    async fn end_care_early(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which request.")] input: EndCareEarlyInput,
    ) -> Result<CareRequestPayload, ApiError> {
        change(context, Change::EndEarly, &input).await
    }

    /// Cancels a request before its care has started, as its owner. Offers for it are declined.
    async fn cancel_care_request(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which request.")] input: CancelCareRequestInput,
    ) -> Result<CareRequestPayload, ApiError> {
        change(context, Change::Cancel, &input).await
    }

    /// Withdraws from a request, as its caretaker: it is open again, and urgent.
    async fn withdraw_from_care(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which request.")] input: WithdrawFromCareInput,
    ) -> Result<CareRequestPayload, ApiError> {
        change(context, Change::Withdraw, &input).await
    }
}

async fn change(
    context: &Context<'_>,
    change: Change,
    input: &impl ChangeInput,
) -> Result<CareRequestPayload, ApiError> {
    let viewer = member(context)?;
    let (id, key) = input.parts();
    let id = CareRequestId::from_id(id)?;
    let changed = async {
        let keyed = keyed(key, input)?;
        domain::care_request::change(app(context), viewer, id, change, keyed).await
    };
    Ok(CareRequestPayload(Outcome::of(context, changed.await)?))
}

async fn create(
    context: &Context<'_>,
    viewer: &Member,
    plants: Vec<PlantId>,
    input: &CreateCareRequestInput,
) -> Result<Written, Error> {
    let keyed = keyed(input.idempotency_key.as_deref(), input)?;
    gather! {
        title = Text::parse("title", &input.title),
        days = Days::parse(input.starts_on.0, input.ends_on.0),
        timezone = Timezone::parse("timezone", &input.timezone),
        cell = Cell::optional("approxCell", input.approx_cell.as_deref()),
        instructions = Text::optional("instructions", input.instructions.as_deref()),
    }
    let mode = input.mode.into();
    let new = NewCareRequest {
        plants,
        title,
        mode,
        days,
        timezone,
        cell,
        instructions,
        publish: input.publish,
    };
    domain::care_request::create(app(context), viewer, new, keyed).await
}
