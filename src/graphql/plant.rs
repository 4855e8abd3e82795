//! Plants.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use sea_orm::{EntityTrait as _, Select};
use uuid::Uuid;

use super::ahead::{Ahead, is_a_row};
use super::at_hand::AtHand;
use super::at_hand::leaves::names_can_be_written;
use super::connection::{ConnectionNode, KeyedNode};
use super::error::{ApiError, UserError};
use super::list::List;
use super::loaders::{CaredForKey, PlantKey};
use super::outcome::Outcome;
use super::scalars::{DateTime, GlobalId as _};
use super::scope::{app, loaded, member};
use super::user::User;
use crate::domain::plant::NewPlant;
use crate::domain::values::{Text, gather};
use crate::domain::{self, Error, Member};
use crate::entity::{PlantId, UserId, plant};

/// What became of a plant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "plant::PlantStatus")]
pub enum PlantStatus {
    /// It is in its owner's care.
    Active,
    /// Its owner put it aside.
    Archived,
    /// It died.
    Dead,
    /// It has another owner now.
    GivenAway,
}

names_can_be_written!(PlantStatus);

/// A plant of a member.
pub struct Plant(pub Arc<plant::Model>, pub Ahead);

is_a_row!(Plant, plant);

impl ConnectionNode for Plant {
    const NAME: &'static str = "Plant";
}

impl KeyedNode for Plant {
    const MARK: u8 = b'p';
    const NEWEST_FIRST: bool = false;

    fn key(&self) -> Uuid {
        self.0.id.0
    }
}

/// The plants of a member; only she sees them as a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Plants;

impl List for Plants {
    type Of = User;
    type Parent = UserId;
    type Node = Plant;
    type Entity = plant::Entity;

    const FIELD: &'static str = "plants";
    const NAME: &'static str = "Plants";
    const TOTAL: &'static str = "PlantCount";
    const PARENT: plant::Column = plant::Column::OwnerId;
    const KEY: plant::Column = plant::Column::Id;

    fn parent(of: &User) -> UserId {
        of.key()
    }

    fn is_shown(context: &Context<'_>, of: &User) -> bool {
        of.is_viewer(context)
    }

    /// Of any member: who has just logged in is not the one for whom rows are read.
    fn select(_viewer: Option<UserId>) -> Option<Select<plant::Entity>> {
        Some(plant::Entity::find())
    }

    fn parent_of(row: &plant::Model) -> UserId {
        row.owner_id
    }
}

impl Plant {
    /// A plant that the viewer may see.
    pub async fn load(context: &Context<'_>, id: PlantId) -> Result<Option<Self>, ApiError> {
        Ok(loaded(context).load_one(PlantKey(id)).await?.map(Self::from))
    }
}

/// A plant. Its owner sees it, and whoever sees a care request that it is part of.
#[Object]
impl Plant {
    /// Its global id.
    pub async fn id(&self) -> ID {
        self.0.id.to_id()
    }

    /// What its owner calls it.
    fn name(&self) -> AtHand<&str> {
        AtHand::new(&self.0.name)
    }

    /// Its species, in its owner's words.
    fn species_text(&self) -> AtHand<Option<&str>> {
        AtHand::new(self.0.species_text.as_deref())
    }

    /// What became of it.
    fn status(&self) -> AtHand<PlantStatus> {
        AtHand::new(self.0.status.into())
    }

    /// Whose it is.
    async fn owner(&self, context: &Context<'_>) -> Result<AtHand<User>, ApiError> {
        User::at_hand(context, &self.1, self.0.owner_id)
            .await
            .map(AtHand::new)
    }

    /// How to look after it; only its owner and the caretaker of a care request that it is part of see it.
    async fn instructions(&self, context: &Context<'_>) -> Result<Option<&str>, ApiError> {
        let Some(instructions) = self.0.instructions.as_deref() else {
            return Ok(None);
        };
        let may = self.0.owner_id == member(context)?.id
            || loaded(context).load_one(CaredForKey(self.0.id)).await?.is_some();
        Ok(may.then_some(instructions))
    }

    /// When its owner added it.
    fn created_at(&self) -> AtHand<DateTime> {
        AtHand::new(DateTime(self.0.created_at))
    }
}

/// A plant to be added.
#[derive(InputObject)]
pub struct CreatePlantInput {
    /// What its owner calls it: one line of at most 80 characters, without invisible ones.
    name: String,
    /// Its species, in its owner's words: one line of at most 120 characters, without invisible ones.
    species_text: Option<String>,
    /// How to look after it: at most 2,000 characters.
    instructions: Option<String>,
}

/// The answer to what changes a plant.
#[derive(SimpleObject)]
pub struct PlantPayload {
    /// The plant; null if it was refused.
    plant: Option<Plant>,
    /// Why it was refused; empty if it was not.
    user_errors: Vec<UserError>,
}

/// Queries about plants.
#[derive(Default)]
pub struct PlantQuery;

#[Object]
impl PlantQuery {
    /// A plant that the viewer may see.
    async fn plant(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The plant's global id.")] id: ID,
    ) -> Result<Option<Plant>, ApiError> {
        member(context)?;
        Plant::load(context, PlantId::from_id(&id)?).await
    }
}

/// Mutations of plants.
#[derive(Default)]
pub struct PlantMutation;

#[Object]
impl PlantMutation {
    /// Adds a plant to the viewer's.
    async fn create_plant(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The plant.")] input: CreatePlantInput,
    ) -> Result<PlantPayload, ApiError> {
        let viewer = member(context)?;
        let Outcome { done, user_errors } = Outcome::of(context, create(context, viewer, &input).await)?;
        Ok(PlantPayload {
            plant: done.map(|row| Arc::new(row).into()),
            user_errors,
        })
    }
}

async fn create(
    context: &Context<'_>,
    viewer: &Member,
    input: &CreatePlantInput,
) -> Result<plant::Model, Error> {
    gather! {
        name = Text::parse("name", &input.name),
        species_text = Text::optional("speciesText", input.species_text.as_deref()),
        instructions = Text::optional("instructions", input.instructions.as_deref()),
    }
    domain::plant::create(
        app(context),
        viewer,
        NewPlant {
            name,
            species_text,
            instructions,
        },
    )
    .await
}
