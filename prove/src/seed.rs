//! A long log, written straight into the tables: through the API it would take minutes.

use crate::database::Database;
use crate::failure::{Failure, Result, ensure};

/// Copies the event whose care record has this note so many times to the end of its timeline: as new events with
/// entries of their own, numbered on, and the timeline's head raised. Everything else of them is as in the original,
/// whatever columns there are.
pub async fn copies(database: &Database, note: &str, times: u64) -> Result<()> {
    let template = format!(
        "SELECT e.id FROM events e JOIN care_records r ON r.id = e.subject_id WHERE r.note = '{note}'"
    );
    let streams = database
        .column::<String>(&format!(
            "SELECT stream FROM stream_entries WHERE stream LIKE 'care:%' AND event_id IN ({template})"
        ))
        .await?;
    let [stream] = &streams[..] else {
        return Err(Failure::new(format!(
            "the event noted {note} is in {} timelines",
            streams.len()
        )));
    };
    let (events, new_events) = columns(database, "events", &[("id", "c.id")]).await?;
    let places = [("seq", "s.last_seq + c.n"), ("event_id", "c.id")];
    let (entries, new_entries) = columns(database, "stream_entries", &places).await?;
    let keys = if database.is_postgres() {
        format!("SELECT gen_random_uuid() AS id, n FROM generate_series(1, {times}) n")
    } else {
        format!(
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {times})
             SELECT randomblob(16) AS id, n FROM numbers"
        )
    };
    let sql = format!(
        "BEGIN;
         CREATE TABLE prove_copies AS {keys};
         CREATE TABLE prove_template AS {template};
         INSERT INTO events ({events}) SELECT {new_events} FROM prove_copies c CROSS JOIN events o
             JOIN prove_template t ON t.id = o.id ORDER BY c.n;
         INSERT INTO stream_entries ({entries}) SELECT {new_entries} FROM prove_copies c
             CROSS JOIN stream_entries o JOIN streams s ON s.name = o.stream
             JOIN prove_template t ON t.id = o.event_id WHERE o.stream = '{stream}' ORDER BY c.n;
         UPDATE streams SET last_seq = last_seq + {times} WHERE name = '{stream}';
         DROP TABLE prove_template;
         DROP TABLE prove_copies;
         COMMIT"
    );
    database.execute(&sql).await?;
    let missing = database
        .number(&format!(
            "SELECT s.last_seq - s.floor_seq - (SELECT COUNT(*) FROM stream_entries e WHERE e.stream = s.name)
             FROM streams s WHERE s.name = '{stream}'"
        ))
        .await?;
    ensure(missing == 0, || {
        format!("the log that was seeded lacks {missing} entries")
    })
}

/// A table's columns, and what to copy into each: an expression of its own, or the original's value.
pub async fn columns(database: &Database, table: &str, own: &[(&str, &str)]) -> Result<(String, String)> {
    let sql = if database.is_postgres() {
        format!(
            "SELECT column_name::text FROM information_schema.columns
             WHERE table_schema = current_schema() AND table_name = '{table}'"
        )
    } else {
        format!("SELECT name FROM pragma_table_info('{table}')")
    };
    let columns = database.column::<String>(&sql).await?;
    let values: Vec<String> = columns
        .iter()
        .map(|column| match own.iter().find(|(name, _)| name == column) {
            Some((_, value)) => (*value).to_owned(),
            None => format!("o.{column}"),
        })
        .collect();
    Ok((columns.join(", "), values.join(", ")))
}
