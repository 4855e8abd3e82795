//! Rows of several statements, put together.

use std::collections::HashMap;

use plant_care_prove::failure::Result;
use serde::Serialize;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

pub(super) const PLANTS: &str = "SELECT link.care_request_id, plant.name, plant.species_text
    FROM care_request_plants link JOIN plants plant ON plant.id = link.plant_id
    WHERE link.care_request_id = ANY($1) ORDER BY link.care_request_id, link.position";

/// A list, as GraphQL's connections write it.
#[derive(Serialize)]
pub(super) struct Edges<T> {
    pub(super) edges: Vec<Edge<T>>,
}

#[derive(Serialize)]
pub(super) struct Edge<T> {
    pub(super) node: T,
}

impl<T> FromIterator<T> for Edges<T> {
    fn from_iter<I: IntoIterator<Item = T>>(nodes: I) -> Self {
        Self {
            edges: nodes.into_iter().map(|node| Edge { node }).collect(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Plant {
    name: String,
    species_text: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Person {
    pub(super) display_name: String,
}

/// The plants of some requests, in order.
pub(super) async fn plants(
    connection: &mut PgConnection,
    requests: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Plant>>> {
    let rows: Vec<(Uuid, String, Option<String>)> = sqlx::query_as(PLANTS)
        .bind(requests)
        .fetch_all(connection)
        .await?;
    let mut plants: HashMap<Uuid, Vec<Plant>> = HashMap::with_capacity(requests.len());
    for (request, name, species_text) in rows {
        plants
            .entry(request)
            .or_default()
            .push(Plant { name, species_text });
    }
    Ok(plants)
}
