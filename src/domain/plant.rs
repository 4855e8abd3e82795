//! Plants.

use sea_orm::{ActiveModelTrait as _, IntoActiveModel as _};

use super::values::Text;
use super::{Error, Member};
use crate::app::App;
use crate::entity::plant::{self, PlantStatus};
use crate::entity::PlantId;

/// What makes a new plant.
#[derive(Clone, Debug)]
pub struct NewPlant {
    /// What its owner calls it.
    pub name: Text<80>,
    /// Its species, in its owner's words.
    pub species_text: Option<Text<120>>,
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
    app.write("create_plant", async |write| {
        plant.clone().into_active_model().insert(write.transaction).await?;
        Ok(())
    })
    .await?;
    Ok(plant)
}
