//! Pages of lists: how much a client asks for, and the rows that are read for it.

use sea_orm::sea_query::{
    Alias, Asterisk, Expr, ExprTrait as _, Func, Order, Query, SelectStatement, WindowStatement,
};
use sea_orm::{
    ColumnTrait, Condition, DbBackend, EntityTrait, Iterable as _, JoinType, QueryFilter as _,
    QueryOrder as _, QuerySelect as _, QueryTrait, Select,
};
use uuid::Uuid;

use super::connection::{KeyedNode, decode};
use super::error::{ApiError, Exceeded};
use crate::app::App;
use crate::entity::CareRequestId;
use crate::entity::among::array;

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
    /// Rows to ask the database for: one more than the page, to see whether there are more.
    fn rows(&self) -> u64 {
        self.size.limit as u64 + 1
    }

    fn order<N: KeyedNode>(&self) -> Order {
        if N::NEWEST_FIRST == self.size.backward {
            Order::Asc
        } else {
            Order::Desc
        }
    }

    fn bounds<N: KeyedNode, C: ColumnTrait>(&self, column: C) -> Condition {
        let (after, before) = if N::NEWEST_FIRST {
            (
                self.after.map(|key| column.lt(key)),
                self.before.map(|key| column.gt(key)),
            )
        } else {
            (
                self.after.map(|key| column.gt(key)),
                self.before.map(|key| column.lt(key)),
            )
        };
        Condition::all().add_option(after).add_option(before)
    }

    /// Restricts a select to this page, by its key column.
    pub fn of<N: KeyedNode, E: EntityTrait>(&self, select: Select<E>, key: E::Column) -> Select<E> {
        select
            .filter(self.bounds::<N, _>(key))
            .order_by(key, self.order::<N>())
            .limit(self.rows())
    }

    /// This page of each of many lists, in one statement: each list's rows of `select` in order, whatever is between
    /// them.
    pub fn of_each<N: KeyedNode, E: EntityTrait>(
        &self,
        select: Select<E>,
        lists: Lists<E::Column>,
        key: E::Column,
    ) -> SelectStatement {
        match lists.backend {
            DbBackend::Postgres => self.looked_up::<N, E>(select, lists, key),
            _ => self.numbered::<N, E>(select, lists, key),
        }
    }

    /// By a look at an index for each list, which reads no more of it than its page.
    fn looked_up<N: KeyedNode, E: EntityTrait>(
        &self,
        select: Select<E>,
        lists: Lists<E::Column>,
        key: E::Column,
    ) -> SelectStatement {
        let (asked, page) = (Alias::new("asked"), Alias::new("page"));
        let of_list = Expr::col(lists.column.as_column_ref()).eq(Expr::col((asked.clone(), asked.clone())));
        let of_list = select.select_only().columns(E::Column::iter()).filter(of_list);
        Query::select()
            .column((page.clone(), Asterisk))
            .from_function(
                Func::cust("unnest").arg(Expr::value(array(lists.of)).cast_as(Alias::new("uuid[]"))),
                asked,
            )
            .join_lateral(
                JoinType::InnerJoin,
                QueryTrait::into_query(self.of::<N, E>(of_list, key)),
                page.clone(),
                Condition::all(),
            )
            .order_by((page, key), self.order::<N>())
            .take()
    }

    /// By the rows' numbers within their lists: SQLite has no lateral joins.
    fn numbered<N: KeyedNode, E: EntityTrait>(
        &self,
        select: Select<E>,
        lists: Lists<E::Column>,
        key: E::Column,
    ) -> SelectStatement {
        let window = WindowStatement::partition_by((E::default(), lists.column))
            .order_by((E::default(), key), self.order::<N>())
            .take();
        let mut numbered = QueryTrait::into_query(
            select
                .select_only()
                .columns(E::Column::iter())
                .filter(lists.column.is_in(lists.of))
                .filter(self.bounds::<N, _>(key)),
        );
        numbered.expr_window_as(Func::cust("ROW_NUMBER"), window, Alias::new("place_in_list"));
        Query::select()
            .column(Asterisk)
            .from_subquery(numbered, Alias::new("numbered"))
            .and_where(Expr::col(Alias::new("place_in_list")).lte(self.rows()))
            .order_by(Alias::new("place_in_list"), Order::Asc)
            .take()
    }
}

/// Lists of one kind: the rows that have the same value in a column.
pub struct Lists<C> {
    backend: DbBackend,
    column: C,
    of: Vec<CareRequestId>,
}

impl<C> Lists<C> {
    /// The lists of some care requests, which `column` names.
    pub fn new(backend: DbBackend, column: C, of: Vec<CareRequestId>) -> Self {
        Self { backend, column, of }
    }
}
