//! Pages of a stream: a request's timeline, a member's feed.

use std::sync::Arc;

use async_graphql::Context;
use async_graphql::dataloader::Loader;
use futures_util::try_join;
use sea_orm::DbErr;

use super::connection::{Connection, ConnectionNode, Place as Position, wants_rows, wants_total};
use super::error::ApiError;
use super::loaders::{Key, Loaders, Observed, Reader, Rows};
use super::page::PageArguments;
use super::scope::{app, loaded};
use crate::domain;
use crate::entity::EventId;
use crate::entity::stream_entry::Level;
use crate::live::gate::Access;
use crate::live::log::{self, Entry, Extent, Place, View};
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
            .filter_map(|(cursor, entry)| Some((Position::Stream(cursor), node(entry)?)))
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

/// A stream's head and floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExtentKey(Stream);

/// The entries of a page of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EntriesKey(log::Page);

/// How many entries there are of a stream for a reader.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EntryCountKey(View);

macro_rules! loaded_from_the_log {
    ($($key:ident, $metric:literal => $value:ty, $load:path;)*) => {$(
        impl Key for $key {
            fn name() -> &'static str {
                $metric
            }
        }

        impl Loader<$key> for Reader {
            type Value = $value;
            type Error = Arc<DbErr>;

            async fn load(&self, keys: &[$key]) -> Rows<$key, $value> {
                let keys: Vec<_> = keys.iter().map(|key| key.0.clone()).collect();
                let read = $load(self.database().reader(), &keys).await?;
                Ok(read.into_iter().map(|(key, read)| ($key(key), read.into())).collect())
            }
        }
    )*};
}

loaded_from_the_log! {
    ExtentKey, "Extent" => Extent, log::extents;
    EntriesKey, "Entries" => Arc<[Entry]>, log::pages;
    EntryCountKey, "EntryCount" => i64, log::totals;
}

/// Reads a page of a stream, with those of all other streams that are asked for: of what the viewer may read, what is at
/// least as loud as `minimum`.
pub async fn page(
    context: &Context<'_>,
    stream: Stream,
    arguments: &PageArguments,
    access: &Access,
    minimum: Option<Level>,
) -> Result<StreamPage, ApiError> {
    let size = arguments.size(app(context).config.limits.page_size)?;
    let decoded = |text: &Option<String>| text.as_deref().map(|text| cursor(text, stream)).transpose();
    let (after, before) = (decoded(&arguments.after)?, decoded(&arguments.before)?);
    let loaders = loaded(context);
    // The head before the entries: an empty page's position must not be after an entry that it lacks.
    let extent = loaders.load_one(ExtentKey(stream)).await?.unwrap_or_default();
    for cursor in [after, before].iter().flatten() {
        let place = match Place::by_extent(cursor, extent) {
            Some(place) => place,
            None => Place::by_event(cursor, extent, event_at(&loaders, stream, cursor.seq).await?),
        };
        domain::timeline::still_there(place)?;
    }
    let view = View {
        stream,
        ranges: access.ranges().map(<[_]>::to_vec),
        minimum,
    };
    let (wants_rows, wants_total) = (wants_rows(context), wants_total(context));
    let entries = EntriesKey(log::Page {
        view: view.clone(),
        after: after.map(|cursor| cursor.seq),
        before: before.map(|cursor| cursor.seq),
        limit: size.limit + 1,
        from_end: size.backward,
    });
    let (entries, total_count) = try_join!(
        asked(&loaders, entries, wants_rows),
        asked(&loaders, EntryCountKey(view), wants_total)
    )?;
    let entries = entries.as_deref().unwrap_or_default();
    let more = entries.len() > size.limit;
    let entries = if size.backward {
        &entries[entries.len().saturating_sub(size.limit)..]
    } else {
        &entries[..entries.len().min(size.limit)]
    };
    let position = match (after, wants_rows && entries.is_empty()) {
        // To one who may not read on, the head is not to be known.
        (after, true) if access.ranges().is_some() => after.unwrap_or(Cursor::start(stream)),
        (Some(after), true) if after.seq >= extent.last => after,
        (_, true) => log::cursor_of(
            stream,
            extent.last,
            event_at(&loaders, stream, extent.last).await?,
        ),
        _ => Cursor::start(stream),
    };
    let (has_previous_page, has_next_page) = if size.backward {
        (more, before.is_some())
    } else {
        (after.is_some(), more)
    };
    let entries = entries
        .iter()
        .map(|entry| (Cursor::after(stream, entry.seq, entry.event.id), entry.clone()))
        .collect();
    Ok(StreamPage {
        entries,
        has_previous_page,
        has_next_page,
        total_count: total_count.unwrap_or(0),
        position,
    })
}

/// What a key stands for, if it is asked for.
async fn asked<K>(
    loaders: &Loaders,
    key: K,
    is_asked: bool,
) -> Result<Option<<Observed as Loader<K>>::Value>, Arc<DbErr>>
where
    K: Key,
    Observed: Loader<K, Error = Arc<DbErr>>,
{
    if is_asked {
        loaders.load_one(key).await
    } else {
        Ok(None)
    }
}

/// The event of an entry; nothing before the first and where it was trimmed.
async fn event_at(loaders: &Loaders, stream: Stream, seq: i64) -> Result<Option<EventId>, ApiError> {
    if seq == 0 {
        return Ok(None);
    }
    let entry = EntriesKey(log::Page {
        view: View::whole(stream),
        after: Some(seq - 1),
        before: Some(seq + 1),
        limit: 1,
        from_end: false,
    });
    let entries = loaders.load_one(entry).await?;
    Ok(entries
        .as_deref()
        .and_then(<[_]>::first)
        .map(|entry| entry.event.id))
}
