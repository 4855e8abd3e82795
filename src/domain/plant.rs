//! Plants.

use sea_orm::{DbErr, QueryFilter as _};

use super::values::{Name, Text};
use super::{Error, Member};
use crate::app::App;
use crate::database::Database;
use crate::entity::among::is_among;
use crate::entity::plant::{self, PlantStatus};
use crate::entity::{PlantId, UserId, care_request_plant};

/// What makes a new plant.
#[derive(Clone, Debug)]
pub struct NewPlant {
    /// What its owner calls it.
    pub name: Name<80>,
    /// Its species, in its owner's words.
    pub species_text: Option<Name<120>>,
    /// What its caretaker should know.
    pub instructions: Option<Text<2000>>,
}

/// Adds a plant to the viewer's.
pub async fn create(app: &App, viewer: &Member, new: NewPlant) -> Result<plant::Model, Error> {
    let plant = plant::Model {
        id: PlantId(app.clock.new_id()),
        owner_id: viewer.id,
        name: new.name.into_string(),
        species_text: new.species_text.map(Text::into_string),
        instructions: new.instructions.map(Text::into_string),
        status: PlantStatus::Active,
        created_at: app.clock.now(),
        version: 1,
    };
    app.write("create_plant", plant.clone(), |write, plant| {
        Box::pin(async move {
            write.insert(plant.clone()).await?;
            write.after_commit(|app| {
                app.telemetry.metrics.business.plants.inc();
            });
            Ok(())
        })
    })
    .await?;
    Ok(plant)
}

/// Those of `plants` that are part of a request whose caretaker the viewer is: she reads how to look
/// after them, as their owner does.
pub async fn cared_for(
    database: &Database,
    viewer: UserId,
    plants: &[PlantId],
) -> Result<Vec<PlantId>, DbErr> {
    let plant = care_request_plant::Column::PlantId;
    let rows = care_request_plant::cared_for_by(viewer)
        .filter(is_among(database.backend(), plant, plants.iter().copied()))
        .all(database.reader())
        .await?;
    Ok(rows.into_iter().map(|row| row.plant_id).collect())
}
