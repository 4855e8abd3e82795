//! The steps that time takes with care requests.

use chrono::{DateTime, Days, TimeDelta, Utc};
use sea_orm::{ColumnTrait as _, Condition, QueryFilter as _, QueryOrder as _, QuerySelect as _};

use super::state::Step;
use super::{advance, today};
use crate::app::App;
use crate::domain::Error;
use crate::domain::values::Timezone;
use crate::entity::CareRequestId;
use crate::entity::care_request::{self, CareRequestStatus, Column};
use crate::entity::event::EventKind;

/// Requests read at a time.
const BATCH: u64 = 500;
/// After this the owner's silence confirms.
const CONFIRMED_AFTER: TimeDelta = TimeDelta::hours(72);

/// Takes every step that is due, and says how many. One that fails is logged and does not keep the
/// others.
pub async fn run(app: &App) -> Result<usize, Error> {
    let now = app.clock.now();
    let mut taken = 0;
    let mut after = None;
    loop {
        let batch = candidates(app, now, after).await?;
        for request in batch.iter().filter(|row| due_step(row, now).is_some()) {
            match take(app, request.id).await {
                Ok(true) => taken += 1,
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(?error, care_request_id = %request.id, "a step that is due was not taken");
                }
            }
        }
        // All of them, so that those for which nothing can be done do not keep others waiting.
        match batch.last() {
            Some(last) if batch.len() as u64 == BATCH => after = Some(last.id),
            _ => return Ok(taken),
        }
    }
}

/// The next requests for which a step may be due: time zones make it sure only row by row.
async fn candidates(
    app: &App,
    now: DateTime<Utc>,
    after: Option<CareRequestId>,
) -> Result<Vec<care_request::Model>, Error> {
    let latest = now.date_naive() + Days::new(1);
    let due = Condition::any()
        .add(
            Condition::all()
                .add(Column::Status.eq(CareRequestStatus::Open))
                .add(Column::Urgent.eq(false))
                .add(Column::StartsOn.lt(latest)),
        )
        .add(
            Condition::all()
                .add(Column::Status.eq(CareRequestStatus::Assigned))
                .add(Column::StartsOn.lt(latest)),
        )
        .add(
            Condition::all()
                .add(Column::Status.is_in([CareRequestStatus::Open, CareRequestStatus::InProgress]))
                .add(Column::EndsOn.lt(latest)),
        )
        .add(
            Condition::all()
                .add(Column::Status.eq(CareRequestStatus::AwaitingConfirm))
                .add(Column::StatusSince.lte(now - CONFIRMED_AFTER)),
        );
    Ok(care_request::timed()
        .filter(due)
        .filter(Condition::all().add_option(after.map(|id| Column::Id.gt(id))))
        .order_by_asc(Column::Id)
        .limit(BATCH)
        .all(app.database.reader())
        .await?)
}

/// Takes the step that is due, if it still is when the row is locked.
async fn take(app: &App, id: CareRequestId) -> Result<bool, Error> {
    let (taken, _) = app
        .write("timed_step", id, |write, id| {
            Box::pin(async move {
                let select = care_request::timed().filter(Column::Id.eq(*id));
                let Some(request) = care_request::locked(select).one(write.transaction).await? else {
                    return Ok(false);
                };
                let Some((step, kind)) = due_step(&request, write.now) else {
                    return Ok(false);
                };
                advance(write, request, step, kind, None).await?;
                Ok(true)
            })
        })
        .await?;
    Ok(taken)
}

/// The step that is due at `now`. A day has ended when the next has begun in the request's time zone.
fn due_step(request: &care_request::Model, now: DateTime<Utc>) -> Option<(Step, EventKind)> {
    let today = today(now, request);
    match request.status {
        CareRequestStatus::Open => {
            let last_chance = if request.urgent {
                request.ends_on
            } else {
                request.starts_on
            };
            (today > last_chance).then_some((Step::Expire, EventKind::RequestExpired))
        }
        CareRequestStatus::Assigned => {
            // Who takes a request that has begun without her has two days of her own.
            let assigned_on = Timezone::stored(&request.timezone).date(request.status_since);
            (today >= request.starts_on.max(assigned_on) + Days::new(2))
                .then_some((Step::Reopen, EventKind::RequestReopened))
        }
        CareRequestStatus::InProgress => {
            (today >= request.ends_on + Days::new(2)).then_some((Step::EndCare, EventKind::CareEnded))
        }
        CareRequestStatus::AwaitingConfirm => (now >= request.status_since + CONFIRMED_AFTER)
            .then_some((Step::Confirm, EventKind::CareConfirmed)),
        _ => None,
    }
}
