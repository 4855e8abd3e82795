//! An owner's requests with plants, caretaker, and the first comments with their authors.

use std::collections::HashMap;

use axum::extract::{Path, Query, State};
use chrono::{DateTime, NaiveDate, Utc};
use plant_care_prove::failure::Result;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgPool;
use uuid::Uuid;

use super::rows::{Edges, Person, Plant, plants};
use super::{Answer, Data, Form, Json};

pub(super) const LATERAL: &str = include_str!("feed_lateral.sql");
pub(super) const NESTED: &str = include_str!("feed_nested.sql");

pub(super) const REQUESTS: &str = "SELECT id, caretaker_id, title, status, starts_on, ends_on
    FROM care_requests WHERE owner_id = $1 ORDER BY id DESC LIMIT $2";
pub(super) const COMMENTS: &str = "SELECT asked.id, comment.body, comment.created_at, author.display_name
    FROM unnest($1::uuid[]) asked (id)
    CROSS JOIN LATERAL (
        SELECT id, author_id, body, created_at FROM comments
        WHERE care_request_id = asked.id ORDER BY id LIMIT 5
    ) comment
    JOIN users author ON author.id = comment.author_id
    ORDER BY comment.id";
const CARETAKERS: &str = "SELECT id, display_name FROM users WHERE id = ANY($1)";

#[derive(Deserialize)]
pub(super) struct Asked {
    viewer: Uuid,
    #[serde(default = "fifty")]
    first: i64,
}

fn fifty() -> i64 {
    50
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Feed {
    care_requests: Edges<Request>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    id: Uuid,
    title: String,
    status: String,
    starts_on: NaiveDate,
    ends_on: NaiveDate,
    plants: Vec<Plant>,
    caretaker: Option<Person>,
    comments: Edges<Comment>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Comment {
    body: String,
    created_at: DateTime<Utc>,
    author: Person,
}

pub(super) async fn answer(
    State(pool): State<PgPool>,
    Path(form): Path<Form>,
    Query(asked): Query<Asked>,
) -> Answer {
    let statement = match form {
        Form::Lateral => LATERAL,
        Form::Nested => NESTED,
        Form::Rows => return Ok(rows(&pool, &asked).await?),
    };
    let (text,): (String,) = sqlx::query_as(statement)
        .bind(asked.viewer)
        .bind(asked.first)
        .fetch_one(&pool)
        .await?;
    Ok(Json(text.into()))
}

async fn rows(pool: &PgPool, asked: &Asked) -> Result<Json> {
    let mut connection = pool.acquire().await?;
    let requests: Vec<(Uuid, Option<Uuid>, String, String, NaiveDate, NaiveDate)> = sqlx::query_as(REQUESTS)
        .bind(asked.viewer)
        .bind(asked.first)
        .fetch_all(&mut *connection)
        .await?;
    let ids: Vec<Uuid> = requests.iter().map(|request| request.0).collect();
    let mut caretakers: Vec<Uuid> = requests.iter().filter_map(|request| request.1).collect();
    caretakers.sort_unstable();
    caretakers.dedup();

    let mut plants = plants(&mut connection, &ids).await?;
    let rows: Vec<(Uuid, String, DateTime<Utc>, String)> = sqlx::query_as(COMMENTS)
        .bind(&ids)
        .fetch_all(&mut *connection)
        .await?;
    let people: Vec<(Uuid, String)> = sqlx::query_as(CARETAKERS)
        .bind(&caretakers)
        .fetch_all(&mut *connection)
        .await?;
    drop(connection);

    let mut comments: HashMap<Uuid, Vec<Comment>> = HashMap::with_capacity(ids.len());
    for (request, body, created_at, display_name) in rows {
        comments.entry(request).or_default().push(Comment {
            body,
            created_at,
            author: Person { display_name },
        });
    }
    let people: HashMap<Uuid, String> = people.into_iter().collect();
    let care_requests = requests
        .into_iter()
        .map(|(id, caretaker, title, status, starts_on, ends_on)| Request {
            id,
            title,
            status,
            starts_on,
            ends_on,
            plants: plants.remove(&id).unwrap_or_default(),
            caretaker: caretaker.and_then(|id| people.get(&id)).map(|name| Person {
                display_name: name.clone(),
            }),
            comments: comments.remove(&id).unwrap_or_default().into_iter().collect(),
        })
        .collect();
    Json::of(&Data {
        data: Feed { care_requests },
    })
}
