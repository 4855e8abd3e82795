//! Pages of lists: how much a client asks for, and which rows are read for it.

use sea_orm::sea_query::Order;
use uuid::Uuid;

use super::connection::{KeyedNode, decode};
use super::error::{ApiError, Exceeded};
use crate::app::App;
use crate::entity::pages::Slice;

/// Entries of a page if the client does not say.
pub const DEFAULT_PAGE: usize = 20;

/// The arguments of a connection as the client sent them.
#[derive(Clone, Debug, Default)]
pub struct PageArguments {
    /// How many from the beginning.
    pub first: Option<i32>,
    /// After which cursor.
    pub after: Option<String>,
    /// How many from the end.
    pub last: Option<i32>,
    /// Before which cursor.
    pub before: Option<String>,
}

/// Which end of a list a page is taken from, and how long it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Size {
    /// Entries at most.
    pub limit: usize,
    /// Whether it is taken from the end.
    pub backward: bool,
}

/// A page of a list that is ordered by key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Page {
    /// How much of it, from which end.
    pub size: Size,
    /// Only what comes after this key.
    pub after: Option<Uuid>,
    /// Only what comes before this key.
    pub before: Option<Uuid>,
}

impl PageArguments {
    /// How much is asked for: from 1 to the limit of a page.
    pub fn size(&self, maximum: usize) -> Result<Size, ApiError> {
        let (asked, backward) = match (self.first, self.last) {
            (Some(_), Some(_)) => {
                return Err(ApiError::BadRequest("Give first or last, not both.".to_owned()));
            }
            (first, None) => (first, false),
            (None, last) => (last, true),
        };
        let Some(asked) = asked else {
            return Ok(Size {
                limit: DEFAULT_PAGE.min(maximum),
                backward,
            });
        };
        match usize::try_from(asked) {
            Err(_) | Ok(0) => Err(ApiError::BadRequest("A page has at least one entry.".to_owned())),
            Ok(value) if value > maximum => Err(ApiError::LimitExceeded(Exceeded {
                limit: "PAGE_SIZE",
                value,
                maximum,
            })),
            Ok(limit) => Ok(Size { limit, backward }),
        }
    }

    /// The page of a list of `N` that is ordered by key.
    pub fn page<N: KeyedNode>(&self, app: &App) -> Result<Page, ApiError> {
        let key = |cursor: &Option<String>| cursor.as_deref().map(decode::<N>).transpose();
        Ok(Page {
            size: self.size(app.config.limits.page_size)?,
            after: key(&self.after)?,
            before: key(&self.before)?,
        })
    }
}

impl Page {
    /// The rows of a list of `N` to ask the database for: one more than the page, to see whether there are more.
    pub fn slice<N: KeyedNode>(&self) -> Slice {
        let (above, below) = if N::NEWEST_FIRST {
            (self.before, self.after)
        } else {
            (self.after, self.before)
        };
        Slice {
            above,
            below,
            order: if N::NEWEST_FIRST == self.size.backward {
                Order::Asc
            } else {
                Order::Desc
            },
            rows: self.size.limit as u64 + 1,
        }
    }
}
