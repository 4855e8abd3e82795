//! Finding care requests.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object};
use sea_orm::{ColumnTrait as _, ConnectionTrait as _, QueryFilter as _, QueryTrait as _, Select};

use super::preload::preload;
use super::{CareRequest, CareRequestStatus, CareRole};
use crate::domain::Refusal;
use crate::domain::care_request::near;
use crate::domain::values::{Cell, within};
use crate::entity::by_place::ByPlace;
use crate::entity::{CareRequestId, care_request};
use crate::graphql::connection::{Connection, wants_rows, wants_total};
use crate::graphql::error::ApiError;
use crate::graphql::list::SelectTotalKey;
use crate::graphql::loaders::load;
use crate::graphql::messages;
use crate::graphql::page::{Page, PageArguments};
use crate::graphql::scalars::{Date, GlobalId as _};
use crate::graphql::scope::{app, member, scope};

/// A place and how far from it.
#[derive(InputObject)]
pub struct NearInput {
    /// The place: a geohash of six characters.
    cell: String,
    /// How far north, south, east and west of its middle, in kilometres: 1 to 500.
    radius_km: i32,
}

/// Queries about care requests.
#[derive(Default)]
pub struct CareRequestQuery;

#[Object]
impl CareRequestQuery {
    /// A care request that the viewer may see.
    async fn care_request(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The request's global id.")] id: ID,
    ) -> Result<Option<CareRequest>, ApiError> {
        member(context)?;
        CareRequest::load(context, CareRequestId::from_id(&id)?).await
    }

    /// The viewer's care requests, newest first.
    #[expect(
        clippy::too_many_arguments,
        reason = "the four of a Relay connection, and two filters"
    )]
    async fn care_requests(
        &self,
        context: &Context<'_>,
        #[graphql(
            name = "as",
            desc = "Only those of which she is this; of which she is either if not given."
        )]
        role: Option<CareRole>,
        #[graphql(desc = "Only those in one of these states.")] status: Option<Vec<CareRequestStatus>>,
        #[graphql(
            desc = "How many from the beginning, 1 to 100; 20 if neither `first` nor `last` is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only entries after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only entries before this cursor.")] before: Option<String>,
    ) -> Result<Connection<CareRequest>, ApiError> {
        let viewer = member(context)?;
        let page = PageArguments {
            first,
            after,
            last,
            before,
        }
        .page::<CareRequest>(app(context))?;
        let mut select = match role {
            Some(CareRole::Owner) => care_request::owned_by(viewer.id),
            Some(CareRole::Caretaker) => care_request::cared_for_by(viewer.id),
            None => care_request::of_party(viewer.id),
        };
        if let Some(status) = status {
            let status = status.into_iter().map(care_request::CareRequestStatus::from);
            select = select.filter(care_request::Column::Status.is_in(status));
        }
        Box::pin(list(context, select, &page)).await
    }

    /// What is open, newest first: for members who look for plants to take care of.
    #[expect(
        clippy::too_many_arguments,
        reason = "the four of a Relay connection, and three filters"
    )]
    async fn open_care_requests(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Only those near a place; requests that name no place are then left out.")]
        near: Option<NearInput>,
        #[graphql(desc = "Only those whose first day is this or later.")] from: Option<Date>,
        #[graphql(desc = "Only those whose last day is this or earlier.")] to: Option<Date>,
        #[graphql(
            desc = "How many from the beginning, 1 to 100; 20 if neither `first` nor `last` is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only entries after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only entries before this cursor.")] before: Option<String>,
    ) -> Result<Connection<CareRequest>, ApiError> {
        member(context)?;
        let page = PageArguments {
            first,
            after,
            last,
            before,
        }
        .page::<CareRequest>(app(context))?;
        let mut select = care_request::open();
        if let Some(input) = near {
            select = select.filter(area(context, &input)?);
        }
        if let Some(Date(from)) = from {
            select = select.filter(care_request::Column::StartsOn.gte(from));
        }
        if let Some(Date(to)) = to {
            select = select.filter(care_request::Column::EndsOn.lte(to));
        }
        Box::pin(list(context, select, &page)).await
    }
}

/// A page of requests, with the related rows that its selection asks for. Whoever waits for it boxes that: each root field
/// would be as large otherwise, because one of them may be this.
async fn list(
    context: &Context<'_>,
    select: Select<care_request::Entity>,
    page: &Page,
) -> Result<Connection<CareRequest>, ApiError> {
    let reader = app(context).database.reader();
    let (key, backend) = (care_request::Column::Id, reader.get_database_backend());
    let total = if wants_total(context) {
        load(context, SelectTotalKey::of(&select, key, backend)).await?
    } else {
        None
    };
    if !wants_rows(context) {
        return Ok(Connection::new(Vec::new(), false, false, total.unwrap_or(0)));
    }
    let rows = page.slice::<CareRequest>().of(select, key).build(backend);
    let rows: Vec<ByPlace<care_request::Model>> = reader.all(rows).await?;
    let mut requests: Vec<_> = rows
        .into_iter()
        .map(|ByPlace(row)| CareRequest::from(Arc::new(row)))
        .collect();
    let shown = requests.len().min(page.size.limit);
    let shown = &mut requests[..shown];
    let was_loaded = preload(context, shown, &context.look_ahead().field("edges").field("node")).await?;
    Ok(Connection::of_rows(requests, page, total.unwrap_or(0)).loaded(was_loaded))
}

/// The area that an argument describes; there is no payload to put a refusal of it into.
pub(super) fn area(context: &Context<'_>, input: &NearInput) -> Result<sea_orm::Condition, ApiError> {
    let parsed = Cell::parse("cell", &input.cell).and_then(|cell| {
        let radius = within("radiusKm", input.radius_km, 1, near::RADIUS_KM_MAXIMUM)?;
        Ok(near::condition(&cell, radius))
    });
    parsed.map_err(|Refusal { reason, field }| {
        let message = messages::refusal(reason, scope(context).locale());
        ApiError::BadRequest(format!("near.{}: {message}", field.unwrap_or_default()))
    })
}
