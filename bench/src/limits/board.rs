//! Open requests near a cell, with their plants.

use axum::extract::{Path, Query, State};
use chrono::NaiveDate;
use plant_care_prove::failure::{Failure, Result};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgPool;
use uuid::Uuid;

use super::rows::{Edges, Plant, plants};
use super::{Answer, Data, Form, Json};

pub(super) const LATERAL: &str = include_str!("board_lateral.sql");
pub(super) const NESTED: &str = include_str!("board_nested.sql");

pub(super) const REQUESTS: &str = "SELECT id, title, starts_on, ends_on, approx_cell FROM care_requests
    WHERE status = 'OPEN' AND latitude_e6 BETWEEN $1 AND $2 AND longitude_e6 BETWEEN $3 AND $4
    ORDER BY id DESC LIMIT 50";

/// How far it looks, as `board.graphql` says.
const RADIUS_KM: f64 = 25.0;
/// A degree of latitude in kilometres.
const KM_PER_DEGREE: f64 = 111.195;

#[derive(Deserialize)]
pub(super) struct Asked {
    cell: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Board {
    open_care_requests: Edges<Request>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    id: Uuid,
    title: String,
    starts_on: NaiveDate,
    ends_on: NaiveDate,
    approx_cell: Option<String>,
    plants: Vec<Plant>,
}

/// South, north, west and east ends of the square around a cell's middle, in millionths of a degree. The benchmark
/// looks at no pole and not across the antimeridian.
pub(super) fn square(cell: &str) -> Result<[i32; 4]> {
    let (middle, _, _) = geohash::decode(cell).map_err(|error| Failure::new(format!("{cell}: {error}")))?;
    let height = RADIUS_KM / KM_PER_DEGREE;
    // Meridians are closest at the end of the square that is nearer to the pole.
    let width = height / (middle.y.abs() + height).to_radians().cos();
    let (latitude, longitude) = (millionths(middle.y), millionths(middle.x));
    let (height, width) = (millionths(height), millionths(width));
    Ok([
        latitude - height,
        latitude + height,
        longitude - width,
        longitude + width,
    ])
}

#[expect(clippy::cast_possible_truncation, reason = "degrees are small")]
fn millionths(degrees: f64) -> i32 {
    (degrees * 1e6).round() as i32
}

pub(super) async fn answer(
    State(pool): State<PgPool>,
    Path(form): Path<Form>,
    Query(asked): Query<Asked>,
) -> Answer {
    let [south, north, west, east] = square(&asked.cell)?;
    let statement = match form {
        Form::Lateral => LATERAL,
        Form::Nested => NESTED,
        Form::Rows => return Ok(rows(&pool, [south, north, west, east]).await?),
    };
    let (text,): (String,) = sqlx::query_as(statement)
        .bind(south)
        .bind(north)
        .bind(west)
        .bind(east)
        .fetch_one(&pool)
        .await?;
    Ok(Json(text.into()))
}

async fn rows(pool: &PgPool, [south, north, west, east]: [i32; 4]) -> Result<Json> {
    let mut connection = pool.acquire().await?;
    let requests: Vec<(Uuid, String, NaiveDate, NaiveDate, Option<String>)> = sqlx::query_as(REQUESTS)
        .bind(south)
        .bind(north)
        .bind(west)
        .bind(east)
        .fetch_all(&mut *connection)
        .await?;
    let ids: Vec<Uuid> = requests.iter().map(|request| request.0).collect();
    let mut plants = plants(&mut connection, &ids).await?;
    drop(connection);
    let open_care_requests = requests
        .into_iter()
        .map(|(id, title, starts_on, ends_on, approx_cell)| Request {
            id,
            title,
            starts_on,
            ends_on,
            approx_cell,
            plants: plants.remove(&id).unwrap_or_default(),
        })
        .collect();
    Json::of(&Data {
        data: Board { open_care_requests },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_square_reaches_as_far_in_all_directions() {
        // Paris: a degree of longitude is some 73 km there.
        let [south, north, west, east] = square("u09tvw").unwrap();
        assert_eq!(north - south, 449_660);
        let km = f64::from(east - west) / 1e6 * 73.2;
        assert!((km - 50.0).abs() < 0.5, "{km}");
        assert!(square("paris!").is_err());
    }
}
