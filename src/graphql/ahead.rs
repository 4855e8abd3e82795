//! Rows that were loaded ahead of a page, for its entries and what is below them.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::Arc;

use super::list::{List, PageKey, PageRows, TotalKey};
use super::loaders::{RequestPlantsKey, UserKey};
use super::page::Page;
use crate::entity::{plant, user};

/// What was loaded ahead; what is not here is loaded when it is asked for.
#[derive(Clone, Default)]
pub struct Ahead(Option<Arc<Rows>>);

/// Rows by what asks for them.
#[derive(Default)]
pub struct Rows {
    /// Members.
    pub users: HashMap<UserKey, Arc<user::Profile>>,
    /// The viewer with what is hers alone, if that is asked for.
    pub account: Option<Arc<user::Model>>,
    /// The plants of requests.
    pub plants: HashMap<RequestPlantsKey, Arc<Vec<Arc<plant::Model>>>>,
    /// Pages of lists, and their totals.
    pub lists: Lists,
}

/// Pages of lists and their totals, by which lists they are.
#[derive(Default)]
pub struct Lists(Vec<(TypeId, Box<dyn Any + Send + Sync>)>);

/// Of one kind of lists.
pub struct Loaded<L: List> {
    /// Pages.
    pub pages: HashMap<PageKey<L>, PageRows<L>>,
    /// How many entries the lists have.
    pub totals: HashMap<TotalKey<L>, i64>,
}

impl<L: List> Default for Loaded<L> {
    fn default() -> Self {
        Self {
            pages: HashMap::new(),
            totals: HashMap::new(),
        }
    }
}

impl Lists {
    /// Adds what was loaded of a kind of lists.
    pub fn add<L: List>(&mut self, loaded: Loaded<L>) {
        self.0.push((TypeId::of::<L>(), Box::new(loaded)));
    }

    fn of<L: List>(&self) -> Option<&Loaded<L>> {
        // There are a few, so that to look at each is the fastest.
        let (_, loaded) = self.0.iter().find(|(list, _)| *list == TypeId::of::<L>())?;
        loaded.downcast_ref()
    }

    /// The rows of a page.
    pub fn page<L: List>(&self, parent: L::Parent, page: Page) -> Option<&PageRows<L>> {
        self.of::<L>()?.pages.get(&PageKey(parent, page))
    }

    /// How many entries a list has.
    pub fn total<L: List>(&self, parent: L::Parent) -> Option<&i64> {
        self.of::<L>()?.totals.get(&TotalKey::of(parent))
    }
}

impl From<Rows> for Ahead {
    fn from(rows: Rows) -> Self {
        Self(Some(Arc::new(rows)))
    }
}

impl Ahead {
    /// A row, or rows, if they were loaded.
    pub fn find<T: Clone>(&self, of: impl FnOnce(&Rows) -> Option<&T>) -> Option<T> {
        self.0.as_deref().and_then(of).cloned()
    }
}

/// An object that is a row, with what was loaded ahead for what is below it.
macro_rules! is_a_row {
    ($object:ident, $entity:ident) => {
        impl From<std::sync::Arc<$entity::Model>> for $object {
            fn from(row: std::sync::Arc<$entity::Model>) -> Self {
                Self(row, $crate::graphql::ahead::Ahead::default())
            }
        }

        impl $crate::graphql::list::RowNode for $object {
            type Row = $entity::Model;

            fn of(row: std::sync::Arc<$entity::Model>, ahead: $crate::graphql::ahead::Ahead) -> Self {
                Self(row, ahead)
            }

            fn key_of(row: &$entity::Model) -> uuid::Uuid {
                row.id.0
            }
        }

        $crate::graphql::at_hand::can_be_written!($object);
    };
}
pub(crate) use is_a_row;
