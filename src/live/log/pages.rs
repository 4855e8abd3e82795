//! Pages of many streams in one statement, each as far as its reader may read it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use sea_orm::{
    ActiveEnum as _, ConnectionTrait as _, DbBackend, DbErr, EntityTrait as _, FromQueryResult,
    Iterable as _, QueryFilter as _, QueryResult, Statement, Value,
};

use super::{Entry, Extent};
use crate::database::reader::Reader;
use crate::entity::among::{array, is_among};
use crate::entity::by_place::ReadByPlace as _;
use crate::entity::event;
use crate::entity::stored::stored;
use crate::entity::stream;
use crate::entity::stream_entry::Level;
use crate::live::Stream;

/// A stream as a reader sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct View {
    /// The stream.
    pub stream: Stream,
    /// Only what is in one of these ranges, both ends included.
    pub ranges: Option<Vec<(i64, i64)>>,
    /// Only what is at least so loud.
    pub minimum: Option<Level>,
}

/// A page of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Page {
    /// Of what.
    pub view: View,
    /// Only what comes after this number.
    pub after: Option<i64>,
    /// Only what comes before this number.
    pub before: Option<i64>,
    /// Entries at most.
    pub limit: usize,
    /// Whether it is taken from the end.
    pub from_end: bool,
}

impl View {
    /// All of a stream.
    pub fn whole(stream: Stream) -> Self {
        Self {
            stream,
            ranges: None,
            minimum: None,
        }
    }

    /// What there is between two numbers, in ranges that do not overlap.
    fn windows(&self, after: Option<i64>, before: Option<i64>) -> Vec<(i64, i64)> {
        let first = after.map_or(0, |after| after.saturating_add(1));
        let last = before.map_or(i64::MAX, |before| before.saturating_sub(1));
        let mut ranges = self.ranges.clone().unwrap_or_else(|| vec![(0, i64::MAX)]);
        ranges.sort_unstable();
        let mut windows: Vec<(i64, i64)> = Vec::new();
        for (from, to) in ranges {
            let (from, to) = (from.max(first), to.min(last));
            match windows.last_mut() {
                _ if from > to => {}
                Some((_, end)) if from <= *end => *end = to.max(*end),
                _ => windows.push((from, to)),
            }
        }
        windows
    }
}

/// The entries of pages, each in order.
pub async fn pages(reader: &Reader, pages: &[Page]) -> Result<HashMap<Page, Vec<Entry>>, DbErr> {
    let mut read: HashMap<_, _> = pages.iter().map(|page| (page.clone(), Vec::new())).collect();
    let alike = grouped(pages, |page| (page.limit, page.from_end, page.view.minimum));
    for ((limit, from_end, minimum), alike) in alike {
        let asked = Asked::of(alike.iter().map(|page| (&page.view, page.after, page.before)));
        if asked.windows.is_empty() {
            continue;
        }
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows: Vec<Row> = reader
            .all(asked.entries(reader, minimum, from_end, limit))
            .await?;
        for Row { window, entry } in rows {
            let page = asked.whose(window).and_then(|page| alike.get(page));
            if let Some(entries) = page.and_then(|page| read.get_mut(*page)) {
                entries.push(entry);
            }
        }
    }
    for (page, entries) in &mut read {
        // Each of its windows gave as many as the page may have.
        if page.from_end {
            entries.drain(..entries.len().saturating_sub(page.limit));
        } else {
            entries.truncate(page.limit);
        }
    }
    Ok(read)
}

/// How many entries there are in all.
pub async fn totals(reader: &Reader, views: &[View]) -> Result<HashMap<View, i64>, DbErr> {
    let mut totals: HashMap<_, _> = views.iter().map(|view| (view.clone(), 0)).collect();
    for (minimum, alike) in grouped(views, |view| view.minimum) {
        let asked = Asked::of(alike.iter().map(|view| (*view, None, None)));
        if asked.windows.is_empty() {
            continue;
        }
        for row in reader.query_all_raw(asked.totals(reader, minimum)).await? {
            let (window, count): (i64, i64) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            let view = asked.whose(window).and_then(|view| alike.get(view));
            if let Some(total) = view.and_then(|view| totals.get_mut(*view)) {
                *total += count;
            }
        }
    }
    Ok(totals)
}

/// The heads and floors of streams; all zero where nothing was ever appended.
pub async fn extents(reader: &Reader, streams: &[Stream]) -> Result<HashMap<Stream, Extent>, DbErr> {
    let names = streams.iter().map(ToString::to_string);
    let among = is_among(reader.get_database_backend(), stream::Column::Name, names);
    let rows = stream::Entity::find().filter(among).all(reader).await?;
    let mut extents: HashMap<_, _> = streams
        .iter()
        .map(|stream| (*stream, Extent::default()))
        .collect();
    for row in rows {
        if let Ok(stream) = row.name.parse() {
            extents.insert(stream, Extent::of(&row));
        }
    }
    Ok(extents)
}

/// Parts of streams that are asked for together.
struct Asked {
    /// Whose it is, the stream, its first and its last number.
    windows: Vec<(usize, Stream, i64, i64)>,
}

impl Asked {
    fn of<'a>(views: impl Iterator<Item = (&'a View, Option<i64>, Option<i64>)>) -> Self {
        let windows = views.enumerate().flat_map(|(whose, (view, after, before))| {
            let windows = view.windows(after, before).into_iter();
            windows.map(move |(from, to)| (whose, view.stream, from, to))
        });
        Self {
            windows: windows.collect(),
        }
    }

    fn whose(&self, window: i64) -> Option<usize> {
        let (whose, ..) = self.windows.get(usize::try_from(window).ok()?)?;
        Some(*whose)
    }

    /// The windows as a table, and its parameters: the text is the same however many there are.
    fn table(&self, backend: DbBackend) -> (&'static str, Vec<Value>) {
        let windows = self.windows.iter();
        if backend == DbBackend::Postgres {
            let table = "SELECT number - 1 AS number, stream, first, last \
                         FROM unnest($1::text[], $2::bigint[], $3::bigint[]) \
                         WITH ORDINALITY AS given (stream, first, last, number)";
            let values = vec![
                array(windows.clone().map(|(_, stream, ..)| stream.to_string())),
                array(windows.clone().map(|(.., first, _)| *first)),
                array(windows.map(|(.., last)| *last)),
            ];
            return (table, values);
        }
        let table = "SELECT key AS number, json_extract(value, '$[0]') AS stream, \
                     json_extract(value, '$[1]') AS first, json_extract(value, '$[2]') AS last FROM json_each($1)";
        let windows: Vec<_> = windows
            .map(|(_, stream, first, last)| (stream.to_string(), first, last))
            .collect();
        let json = serde_json::to_string(&windows).unwrap_or_default();
        (table, vec![json.into()])
    }

    /// The first or last entries of each.
    fn entries(&self, reader: &Reader, minimum: Option<Level>, from_end: bool, limit: i64) -> Statement {
        let backend = reader.get_database_backend();
        let (asked, mut values) = self.table(backend);
        values.push(limit.into());
        let limit = values.len();
        let order = if from_end { "DESC" } else { "ASC" };
        let loud = at_least(minimum);
        let columns: Vec<_> = event::Model::COLUMNS
            .iter()
            .map(|column| format!("event.{column}"))
            .collect();
        let columns = columns.join(", ");
        let of_window = format!(
            "FROM stream_entries AS entry WHERE entry.stream = asked.stream \
             AND entry.seq BETWEEN asked.first AND asked.last{loud} ORDER BY entry.seq {order} LIMIT ${limit}"
        );
        // SQLite has no lateral joins, but looks the numbers up window by window; it keeps the order of a cross join.
        let entries = if backend == DbBackend::Postgres {
            format!("CROSS JOIN LATERAL (SELECT entry.* {of_window}) AS entry")
        } else {
            format!(
                "CROSS JOIN stream_entries AS entry ON entry.stream = asked.stream \
                 AND entry.seq IN (SELECT entry.seq {of_window})"
            )
        };
        let sql = format!(
            "SELECT asked.number, entry.seq, entry.level, entry.access_version, {columns} \
             FROM ({asked}) AS asked {entries} JOIN events AS event ON event.id = entry.event_id \
             ORDER BY asked.number, entry.seq"
        );
        Statement::from_sql_and_values(backend, sql, values)
    }

    /// How many entries each has.
    fn totals(&self, reader: &Reader, minimum: Option<Level>) -> Statement {
        let backend = reader.get_database_backend();
        let (asked, values) = self.table(backend);
        let loud = at_least(minimum);
        let sql = format!(
            "SELECT asked.number, (SELECT count(*) FROM stream_entries AS entry WHERE entry.stream = asked.stream \
             AND entry.seq BETWEEN asked.first AND asked.last{loud}) FROM ({asked}) AS asked"
        );
        Statement::from_sql_and_values(backend, sql, values)
    }
}

/// What is loud enough. The names are ours.
fn at_least(minimum: Option<Level>) -> String {
    let Some(minimum) = minimum else {
        return String::new();
    };
    let levels = Level::iter().filter(|level| *level >= minimum);
    let names: Vec<_> = levels.map(|level| format!("'{}'", level.to_value())).collect();
    format!(" AND entry.level IN ({})", names.join(", "))
}

/// An entry, and the window in which it was found.
struct Row {
    window: i64,
    entry: Entry,
}

impl FromQueryResult for Row {
    fn from_query_result(row: &QueryResult, _prefix: &str) -> Result<Self, DbErr> {
        Ok(Self {
            window: stored(row, 0)?,
            entry: Entry {
                seq: stored(row, 1)?,
                level: stored(row, 2)?,
                access_version: stored(row, 3)?,
                event: Arc::new(event::Model::read(row, 4)?),
            },
        })
    }
}

fn grouped<T, K: Eq + Hash>(all: &[T], by: impl Fn(&T) -> K) -> HashMap<K, Vec<&T>> {
    let mut groups: HashMap<K, Vec<&T>> = HashMap::new();
    for one in all {
        groups.entry(by(one)).or_default().push(one);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_what_may_be_read_between_two_numbers_and_nothing_twice() {
        let whole = View::whole(Stream::Board);
        assert_eq!(whole.windows(None, None), [(0, i64::MAX)]);
        assert_eq!(whole.windows(Some(3), Some(9)), [(4, 8)]);
        assert_eq!(whole.windows(Some(3), Some(4)), []);
        assert_eq!(whole.windows(Some(i64::MAX), Some(0)), []);
        let parts = View {
            ranges: Some(vec![(20, 30), (1, 5), (4, 8), (4, 6), (40, 41)]),
            ..whole
        };
        assert_eq!(parts.windows(None, None), [(1, 8), (20, 30), (40, 41)]);
        assert_eq!(parts.windows(Some(4), Some(25)), [(5, 8), (20, 24)]);
        assert_eq!(parts.windows(Some(30), Some(40)), []);
    }
}
