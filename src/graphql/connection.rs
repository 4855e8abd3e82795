//! Relay connections: arguments, cursors, pages.

use std::borrow::Cow;

use async_graphql::{Context, ContextSelectionSet, Object, OutputType, SimpleObject, TypeName};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sea_orm::sea_query::{
    Alias, Asterisk, Expr, ExprTrait as _, Func, Order, Query, SelectStatement, WindowStatement,
};
use sea_orm::{
    ColumnTrait, Condition, DbBackend, EntityTrait, Iterable as _, JoinType, QueryFilter as _,
    QueryOrder as _, QuerySelect as _, QueryTrait, Select,
};
use uuid::Uuid;

use super::at_hand::{AtHand, Write, can_be_written, write_object};
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

/// What can be an entry of a connection.
pub trait ConnectionNode: OutputType + Write + 'static {
    /// The name before `Connection` and `Edge`.
    const NAME: &'static str;
}

/// An entry of a list that is ordered by key.
pub trait KeyedNode: ConnectionNode {
    /// The list's mark in cursors; another list's cursor is refused.
    const MARK: u8;
    /// Whether the newest comes first.
    const NEWEST_FIRST: bool;
    /// The entry's key.
    fn key(&self) -> Uuid;
}

fn encode<N: KeyedNode>(key: Uuid) -> String {
    let mut bytes = vec![b'k', N::MARK];
    bytes.extend_from_slice(key.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode<N: KeyedNode>(cursor: &str) -> Result<Uuid, ApiError> {
    let bytes: Option<[u8; 18]> = URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()
        .and_then(|bytes| bytes.try_into().ok());
    match bytes.as_ref().map(|bytes| bytes.split_at(2)) {
        Some(([b'k', mark], key)) if *mark == N::MARK => {
            Uuid::from_slice(key).map_err(|_| ApiError::InvalidCursor(None))
        }
        _ => Err(ApiError::InvalidCursor(None)),
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
                Func::cust("unnest").arg(array(lists.of).cast_as(Alias::new("uuid[]"))),
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

/// A page of a list.
pub struct Connection<N: ConnectionNode> {
    edges: Vec<Edge<N>>,
    page_info: PageInfo,
    total_count: i64,
    /// Whether all that is asked of its entries is at hand.
    was_loaded: bool,
}

/// Where a page stands in its list.
#[derive(Clone, Debug, Default, SimpleObject)]
pub struct PageInfo {
    /// Whether there are entries before this page.
    pub has_previous_page: bool,
    /// Whether there are entries after this page.
    pub has_next_page: bool,
    /// The cursor of the first entry; null in an empty page.
    pub start_cursor: Option<String>,
    /// The cursor of the last entry. In an empty page of a timeline or feed it is the position that was read, so
    /// that a subscription can go on from it; null in an empty page of another list.
    pub end_cursor: Option<String>,
}

impl<N: ConnectionNode> Connection<N> {
    /// A page of entries with their cursors.
    pub fn new(
        entries: Vec<(String, N)>,
        has_previous_page: bool,
        has_next_page: bool,
        total_count: i64,
    ) -> Self {
        let page_info = PageInfo {
            has_previous_page,
            has_next_page,
            start_cursor: entries.first().map(|(cursor, _)| cursor.clone()),
            end_cursor: entries.last().map(|(cursor, _)| cursor.clone()),
        };
        let edges = entries
            .into_iter()
            .map(|(cursor, node)| Edge { cursor, node })
            .collect();
        Self {
            edges,
            page_info,
            total_count,
            was_loaded: false,
        }
    }

    /// Says whether all that is asked of its entries was loaded ahead.
    #[must_use]
    pub fn loaded(self, was_loaded: bool) -> Self {
        Self { was_loaded, ..self }
    }

    /// The list of what somebody may not see.
    pub fn empty() -> Self {
        Self::new(Vec::new(), false, false, 0)
    }

    /// Says where an empty page ends.
    #[must_use]
    pub fn ending_at(mut self, position: String) -> Self {
        self.page_info.end_cursor.get_or_insert(position);
        self
    }
}

impl<N: KeyedNode> Connection<N> {
    /// A page made of the rows that [`Page::of`] asked for, in the order in which they came.
    pub fn of_rows(mut rows: Vec<N>, page: &Page, total_count: i64) -> Self {
        let more = rows.len() > page.size.limit;
        rows.truncate(page.size.limit);
        if page.size.backward {
            rows.reverse();
        }
        let (previous, next) = if page.size.backward {
            (more, page.before.is_some())
        } else {
            (page.after.is_some(), more)
        };
        let entries = rows
            .into_iter()
            .map(|node| (encode::<N>(node.key()), node))
            .collect();
        Self::new(entries, previous, next, total_count)
    }
}

/// Whether the answer of the field that is being resolved has `totalCount`; it is counted only then.
pub fn wants_total(context: &Context<'_>) -> bool {
    context.look_ahead().field("totalCount").exists()
}

impl<N: ConnectionNode> TypeName for Connection<N> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Connection", N::NAME).into()
    }
}

/// A page of a list, after the Relay specification.
#[Object(name_type)]
impl<N: ConnectionNode> Connection<N> {
    /// The entries of this page, in order.
    fn edges(&self) -> AtHand<&[Edge<N>]> {
        AtHand::page(&self.edges, self.was_loaded)
    }

    /// Where this page stands in the list.
    fn page_info(&self) -> AtHand<&PageInfo> {
        AtHand::new(&self.page_info)
    }

    /// How many entries the whole list has for this viewer; counted only if asked for.
    fn total_count(&self) -> i64 {
        self.total_count
    }
}

/// An entry of a list and its place there.
pub struct Edge<N> {
    cursor: String,
    node: N,
}

impl<N: ConnectionNode> TypeName for Edge<N> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Edge", N::NAME).into()
    }
}

/// An entry of a list and its place there.
#[Object(name_type)]
impl<N: ConnectionNode> Edge<N> {
    /// The place, for `after` and `before`.
    fn cursor(&self) -> &str {
        &self.cursor
    }

    /// The entry.
    fn node(&self) -> AtHand<&N> {
        AtHand::new(&self.node)
    }
}

can_be_written!(PageInfo);

impl<N: ConnectionNode> Write for Connection<N> {
    fn write(&self, context: &ContextSelectionSet<'_>) {
        write_object(self, context);
    }
}

impl<N: ConnectionNode> Write for Edge<N> {
    fn write(&self, context: &ContextSelectionSet<'_>) {
        write_object(self, context);
    }
}
