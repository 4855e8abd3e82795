//! Relay connections: entries with their cursors.

use std::borrow::Cow;

use async_graphql::{Context, ContextSelectionSet, Object, OutputType, SelectionField, TypeName};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::at_hand::{AtHand, Write, can_be_written, write_object};
use super::error::ApiError;
use super::page::Page;
use crate::live::Cursor;

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

/// The place of an entry in its list.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// In a list that is ordered by key: the list's mark and the key.
    Key(u8, Uuid),
    /// In a stream.
    Stream(Cursor),
}

impl Place {
    /// As clients are told it. Most of them do not ask.
    fn encode(self) -> String {
        match self {
            Self::Key(mark, key) => {
                let mut bytes = [b'k'; 18];
                bytes[1] = mark;
                bytes[2..].copy_from_slice(key.as_bytes());
                URL_SAFE_NO_PAD.encode(bytes)
            }
            Self::Stream(cursor) => cursor.encode(),
        }
    }
}

pub(super) fn decode<N: KeyedNode>(cursor: &str) -> Result<Uuid, ApiError> {
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

/// A page of a list.
pub struct Connection<N: ConnectionNode> {
    edges: Vec<Edge<N>>,
    page_info: PageInfo,
    total_count: i64,
    /// Whether all that is asked of its entries is at hand.
    was_loaded: bool,
}

/// Where a page stands in its list.
pub struct PageInfo {
    has_previous_page: bool,
    has_next_page: bool,
    start: Option<Place>,
    end: Option<Place>,
}

/// Where a page stands in its list.
#[Object]
impl PageInfo {
    /// Whether there are entries before this page.
    fn has_previous_page(&self) -> bool {
        self.has_previous_page
    }

    /// Whether there are entries after this page.
    fn has_next_page(&self) -> bool {
        self.has_next_page
    }

    /// The cursor of the first entry; null in an empty page.
    fn start_cursor(&self) -> Option<String> {
        self.start.map(Place::encode)
    }

    /// The cursor of the last entry. In an empty page of a timeline or feed it is the position that was read, so
    /// that a subscription can go on from it; null in an empty page of another list.
    fn end_cursor(&self) -> Option<String> {
        self.end.map(Place::encode)
    }
}

impl<N: ConnectionNode> Connection<N> {
    /// A page of entries with their cursors.
    pub fn new(
        entries: Vec<(Place, N)>,
        has_previous_page: bool,
        has_next_page: bool,
        total_count: i64,
    ) -> Self {
        let page_info = PageInfo {
            has_previous_page,
            has_next_page,
            start: entries.first().map(|(place, _)| *place),
            end: entries.last().map(|(place, _)| *place),
        };
        let edges = entries
            .into_iter()
            .map(|(place, node)| Edge { place, node })
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
    pub fn ending_at(mut self, position: Cursor) -> Self {
        self.page_info.end.get_or_insert(Place::Stream(position));
        self
    }
}

impl<N: KeyedNode> Connection<N> {
    /// A page made of the rows that [`Page::slice`] asks for, in the order in which they came.
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
            .map(|node| (Place::Key(N::MARK, node.key()), node))
            .collect();
        Self::new(entries, previous, next, total_count)
    }
}

/// Whether the answer of the field that is being resolved has `totalCount`; it is counted only then.
pub fn wants_total(context: &Context<'_>) -> bool {
    context.look_ahead().field("totalCount").exists()
}

/// Whether it has more than that; rows are read only then.
pub fn wants_rows(context: &Context<'_>) -> bool {
    has_rows(&context.field())
}

/// Whether a connection is asked for more than its total.
pub fn has_rows(connection: &SelectionField<'_>) -> bool {
    let mut fields = connection.selection_set();
    fields.any(|field| !["totalCount", "__typename"].contains(&field.name()))
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
    place: Place,
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
    fn cursor(&self) -> String {
        self.place.encode()
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
