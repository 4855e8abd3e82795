//! Requests in progress, written straight into the tables: over the API a thousand of them take a while.

use std::sync::Arc;

use plant_care_prove::api::Care;
use plant_care_prove::database::Database;
use plant_care_prove::failure::Result;

use crate::operations::{global_id, key};

/// So many more like one that was made over the API, with its parties and plants. Nothing has happened in them: their
/// timelines are empty.
pub async fn copies(database: &Database, care: &Care, count: usize) -> Result<Vec<Arc<Care>>> {
    let sql = include_str!("copies.sql")
        .replace("{request}", &key(&care.request)?)
        .replace("{count}", &count.to_string());
    let ids = database.column::<String>(&sql).await?;
    ids.iter()
        .map(|id| {
            Ok(Arc::new(Care {
                request: global_id(id)?,
                ..care.clone()
            }))
        })
        .collect()
}
