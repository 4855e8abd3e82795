//! Pages of a stream: a request's timeline, a member's feed.

use async_graphql::Context;
use sea_orm::PaginatorTrait as _;

use super::connection::{Connection, ConnectionNode, Place, wants_total};
use super::error::ApiError;
use super::page::PageArguments;
use super::scope::app;
use crate::domain;
use crate::entity::stream_entry::Level;
use crate::live::gate::Access;
use crate::live::log::{self, Entry, Wanted};
use crate::live::{Cursor, Stream};

/// A page of entries, each with its cursor.
pub struct StreamPage {
    entries: Vec<(Cursor, Entry)>,
    has_previous_page: bool,
    has_next_page: bool,
    total_count: i64,
    /// The position that was read.
    position: Cursor,
}

impl StreamPage {
    /// The page as a connection of what `node` makes of the entries.
    pub fn map<N: ConnectionNode>(self, node: impl Fn(Entry) -> Option<N>) -> Connection<N> {
        let entries = self
            .entries
            .into_iter()
            .filter_map(|(cursor, entry)| Some((Place::Stream(cursor), node(entry)?)))
            .collect();
        Connection::new(
            entries,
            self.has_previous_page,
            self.has_next_page,
            self.total_count,
        )
        .ending_at(self.position)
    }
}

/// A cursor of this stream that a client sent.
pub fn cursor(text: &str, stream: Stream) -> Result<Cursor, ApiError> {
    Cursor::decode(text, stream).ok_or(ApiError::InvalidCursor(None))
}

/// Reads a page of a stream: of what the viewer may read, what is at least as loud as `minimum`.
pub async fn page(
    context: &Context<'_>,
    stream: Stream,
    arguments: &PageArguments,
    access: &Access,
    minimum: Option<Level>,
) -> Result<StreamPage, ApiError> {
    let app = app(context);
    let size = arguments.size(app.config.limits.page_size)?;
    let after = arguments
        .after
        .as_deref()
        .map(|text| cursor(text, stream))
        .transpose()?;
    let before = arguments
        .before
        .as_deref()
        .map(|text| cursor(text, stream))
        .transpose()?;
    for cursor in [after, before].iter().flatten() {
        domain::timeline::stand(&app.database, cursor).await?;
    }
    let reader = app.database.reader();
    let wanted = Wanted {
        stream,
        after: after.map(|cursor| cursor.seq),
        before: before.map(|cursor| cursor.seq),
        ranges: access.ranges(),
        minimum,
    };
    // The head before the entries: an empty page's position must not be after an entry that it lacks.
    let head = log::extent(reader, stream).await?.last;
    let mut entries = wanted.read(reader, size.limit as u64 + 1, size.backward).await?;
    let more = entries.len() > size.limit;
    if more {
        if size.backward {
            entries.remove(0);
        } else {
            entries.pop();
        }
    }
    let total_count = if wants_total(context) {
        let all = Wanted {
            after: None,
            before: None,
            ..wanted
        };
        i64::try_from(all.select().count(reader).await?).unwrap_or(i64::MAX)
    } else {
        0
    };
    let position = match (after, entries.is_empty()) {
        // To one who may not read on, the head is not to be known.
        (after, true) if access.ranges().is_some() => after.unwrap_or(Cursor::start(stream)),
        (Some(after), true) if after.seq >= head => after,
        (_, true) => log::cursor_at(reader, stream, head).await?,
        _ => Cursor::start(stream),
    };
    let (has_previous_page, has_next_page) = if size.backward {
        (more, before.is_some())
    } else {
        (after.is_some(), more)
    };
    let entries = entries
        .into_iter()
        .map(|entry| (Cursor::after(stream, entry.seq, entry.event.id), entry))
        .collect();
    Ok(StreamPage {
        entries,
        has_previous_page,
        has_next_page,
        total_count,
        position,
    })
}
