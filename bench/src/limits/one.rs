//! One request.

use axum::extract::{Query, State};
use chrono::NaiveDate;
use plant_care_prove::failure::Failure;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgPool;
use uuid::Uuid;

use super::{Answer, Data, Json};

const ONE: &str = "SELECT title, status, starts_on, ends_on FROM care_requests WHERE id = $1";

#[derive(Deserialize)]
pub(super) struct Asked {
    id: Uuid,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    care_request: One,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct One {
    id: Uuid,
    title: String,
    status: String,
    starts_on: NaiveDate,
    ends_on: NaiveDate,
}

pub(super) async fn answer(State(pool): State<PgPool>, Query(Asked { id }): Query<Asked>) -> Answer {
    let row = sqlx::query_as(ONE).bind(id).fetch_optional(&pool).await?;
    let (title, status, starts_on, ends_on) =
        row.ok_or_else(|| Failure::new(format!("there is no request {id}")))?;
    let care_request = One {
        id,
        title,
        status,
        starts_on,
        ends_on,
    };
    Ok(Json::of(&Data {
        data: Found { care_request },
    })?)
}
