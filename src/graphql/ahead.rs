//! Rows that were loaded ahead of a page, for its entries and what is below them.

use std::collections::HashMap;
use std::sync::Arc;

use super::loaders::{CommentCountKey, CommentsKey, OfferCountKey, OffersKey, RequestPlantsKey, UserKey};
use crate::entity::{comment, offer, plant, user};

/// What was loaded ahead; what is not here is loaded when it is asked for.
#[derive(Clone, Default)]
pub struct Ahead(Option<Arc<Rows>>);

/// Rows by what asks for them.
#[derive(Default)]
pub struct Rows {
    /// Members.
    pub users: HashMap<UserKey, Arc<user::Profile>>,
    /// The plants of requests.
    pub plants: HashMap<RequestPlantsKey, Arc<Vec<Arc<plant::Model>>>>,
    /// Pages of requests' comments.
    pub comments: HashMap<CommentsKey, Arc<Vec<Arc<comment::Model>>>>,
    /// How many comments requests have.
    pub comment_counts: HashMap<CommentCountKey, i64>,
    /// Pages of the offers for requests.
    pub offers: HashMap<OffersKey, Arc<Vec<Arc<offer::Model>>>>,
    /// How many offers there are for requests.
    pub offer_counts: HashMap<OfferCountKey, i64>,
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

        $crate::graphql::at_hand::can_be_written!($object);
    };
}
pub(crate) use is_a_row;
