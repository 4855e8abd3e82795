//! Data as fat as the server takes: each list full, each text as long as it may be.
//!
//! One of each is made through the API, and the rest copied from it in the tables: it would take minutes otherwise.

use serde_json::json;

use crate::api::{Care, Member, text};
use crate::failure::{Failure, Result};
use crate::harness::Harness;
use crate::processes::Server;
use crate::seed::columns;

/// Plants of a request: as many as there may be.
const PLANTS: usize = 50;

/// What there is.
pub(super) struct World {
    /// The owner of all of it.
    pub(super) viewer: Member,
    /// The request that is in progress.
    pub(super) request: String,
    /// Ids of whatever there is; the request's first.
    pub(super) ids: Vec<String>,
    care: Care,
}

/// A text of so many characters, each of which takes four bytes.
fn long(characters: usize) -> String {
    "\u{1F335}".repeat(characters)
}

impl World {
    pub(super) async fn make(
        harness: &Harness,
        server: &Server,
        entries: usize,
        characters: usize,
    ) -> Result<Self> {
        let api = &harness.api;
        let address = server.address;
        let care = api.care(address).await?;
        let comment = json!({ "careRequestId": care.request, "body": long(2 * characters) });
        let fields = "comment { id } cursor";
        let comment = api
            .mutate(address, Some(&care.caretaker), "addComment", comment, fields)
            .await?;
        api.record(address, &care, "worst", None).await?;
        fill(harness, entries, &long(characters)).await?;
        let query = "query($id: ID!) { viewer { id } careRequest(id: $id) { id plants { id }
            timeline(first: 3) { edges { node { id } } } offers(first: 2) { edges { node { id } } } } }";
        let told = api
            .run(address, Some(&care.owner), query, json!({ "id": care.request }))
            .await?;
        let request = &told["careRequest"];
        let mut ids = vec![
            care.request.clone(),
            text(&told["viewer"]["id"])?,
            text(&comment["comment"]["id"])?,
        ];
        for list in [
            &request["plants"],
            &request["timeline"]["edges"],
            &request["offers"]["edges"],
        ] {
            for entry in list.as_array().into_iter().flatten().take(3) {
                let entry = if entry["node"].is_object() {
                    &entry["node"]
                } else {
                    entry
                };
                ids.push(text(&entry["id"])?);
            }
        }
        Ok(Self {
            viewer: care.owner.clone(),
            request: care.request.clone(),
            ids,
            care,
        })
    }

    /// The end of the request's timeline.
    pub(super) async fn head(&self, harness: &Harness, server: &Server) -> Result<String> {
        Ok(harness.api.head(server.address, &self.care).await?.1)
    }

    /// Writes a comment on the request.
    pub(super) async fn comment(&self, harness: &Harness, server: &Server) -> Result<()> {
        let input = json!({ "careRequestId": self.request, "body": long(1_000) });
        let fields = "comment { id }";
        let caretaker = Some(&self.care.caretaker);
        harness
            .api
            .mutate(server.address, caretaker, "addComment", input, fields)
            .await?;
        Ok(())
    }
}

/// Copies what there is until every list has so many entries.
#[expect(
    clippy::too_many_lines,
    reason = "one statement for each table, one after another"
)]
async fn fill(harness: &Harness, entries: usize, long: &str) -> Result<()> {
    let database = &harness.database;
    let (key, name) = if database.is_postgres() {
        ("gen_random_uuid()", "'care:' || r.id::text".to_owned())
    } else {
        let part = |from: u8, length: u8| format!("substr(lower(hex(r.id)), {from}, {length})");
        let parts = [part(1, 8), part(9, 4), part(13, 4), part(17, 4), part(21, 12)];
        (
            "randomblob(16)",
            format!("'care:' || {}", parts.join(" || '-' || ")),
        )
    };
    let numbers = |table: &str, count: usize| {
        format!(
            "CREATE TABLE {table} AS WITH RECURSIVE numbers(n) AS
                 (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})
             SELECT {key} AS id, n FROM numbers;"
        )
    };
    let short: String = long.chars().take(80).collect();
    let copy = |(into, values): (String, String), table: &str, from: &str| {
        format!("INSERT INTO {table} ({into}) SELECT {values} FROM {from};")
    };
    let is_open = format!("CASE WHEN c.n > {entries} THEN 'OPEN' ELSE 'IN_PROGRESS' END");
    let requests = columns(database, "care_requests", &[("id", "c.id"), ("status", &is_open)]).await?;
    let plants = columns(database, "plants", &[("id", "c.id")]).await?;
    let in_requests = [
        ("care_request_id", "r.id"),
        ("plant_id", "p.id"),
        ("position", "p.n + 1"),
    ];
    let in_requests = columns(database, "care_request_plants", &in_requests).await?;
    let of_request = [("id", "c.id"), ("care_request_id", "c.request")];
    let comments = columns(database, "comments", &of_request).await?;
    let declined = [
        ("id", "c.event"),
        ("care_request_id", "c.request"),
        ("status", "'DECLINED'"),
    ];
    let offers = columns(database, "offers", &declined).await?;
    let of_comment = [
        ("id", "c.event"),
        ("care_request_id", "c.request"),
        ("subject_id", "c.id"),
    ];
    let events = columns(database, "events", &of_comment).await?;
    let ends = format!("{}", entries + 10);
    let streams = columns(database, "streams", &[("name", &name), ("last_seq", &ends)]).await?;
    let places = [
        ("stream", name.as_str()),
        ("seq", "c.n + 10"),
        ("event_id", "c.event"),
    ];
    let entries_of = columns(database, "stream_entries", &places).await?;
    let in_feed = [("seq", "s.last_seq + c.n"), ("event_id", "c.event")];
    let in_feed = columns(database, "stream_entries", &in_feed).await?;
    let sql = [
        "BEGIN;".to_owned(),
        numbers("prove_requests", 2 * entries),
        numbers("prove_plants", PLANTS - 1),
        numbers("prove_entries", entries),
        "CREATE TABLE prove_request AS SELECT id FROM care_requests;".to_owned(),
        "CREATE TABLE prove_comment AS SELECT id FROM comments;".to_owned(),
        "CREATE TABLE prove_event AS SELECT id FROM events WHERE subject_id IN (SELECT id FROM prove_comment);".to_owned(),
        format!("UPDATE care_requests SET title = '{short}', instructions = '{long}{long}';"),
        format!("UPDATE plants SET name = '{short}', species_text = '{short}', instructions = '{long}';"),
        format!("UPDATE offers SET message = '{long}';"),
        format!("UPDATE users SET display_name = '{short}';"),
        copy(requests, "care_requests", "care_requests o CROSS JOIN prove_requests c"),
        copy(plants, "plants", "plants o CROSS JOIN prove_plants c"),
        copy(
            in_requests,
            "care_request_plants",
            "care_request_plants o CROSS JOIN care_requests r
                 CROSS JOIN (SELECT p.id, COALESCE(c.n, 0) AS n FROM plants p LEFT JOIN prove_plants c ON c.id = p.id) p
             WHERE o.plant_id <> p.id OR o.care_request_id <> r.id",
        ),
        format!(
            "CREATE TABLE prove_comments AS SELECT {key} AS id, {key} AS event, r.id AS request, c.n
             FROM care_requests r CROSS JOIN prove_entries c;"
        ),
        copy(
            comments,
            "comments",
            "prove_comments c CROSS JOIN comments o JOIN prove_comment t ON t.id = o.id",
        ),
        copy(offers, "offers", "prove_comments c CROSS JOIN offers o"),
        copy(
            events,
            "events",
            "prove_comments c CROSS JOIN events o JOIN prove_event t ON t.id = o.id",
        ),
        copy(
            streams,
            "streams",
            "prove_requests r CROSS JOIN streams o
             WHERE o.name IN (SELECT e.stream FROM stream_entries e JOIN prove_event t ON t.id = e.event_id
                 WHERE e.stream LIKE 'care:%')",
        ),
        copy(
            entries_of,
            "stream_entries",
            "prove_comments c JOIN prove_requests r ON r.id = c.request CROSS JOIN stream_entries o
             JOIN prove_event t ON t.id = o.event_id WHERE o.stream LIKE 'care:%'",
        ),
        // The one that was made has its own number of entries already.
        copy(
            in_feed,
            "stream_entries",
            "prove_comments c JOIN prove_request r ON r.id = c.request CROSS JOIN stream_entries o
             JOIN prove_event t ON t.id = o.event_id JOIN streams s ON s.name = o.stream
             WHERE o.stream LIKE 'care:%' OR o.stream LIKE 'user:%'",
        ),
        format!(
            "UPDATE streams SET last_seq = last_seq + {entries} WHERE name IN
                 (SELECT e.stream FROM stream_entries e JOIN prove_event t ON t.id = e.event_id);"
        ),
        "DROP TABLE prove_requests; DROP TABLE prove_plants; DROP TABLE prove_entries; DROP TABLE prove_request;
         DROP TABLE prove_comment; DROP TABLE prove_event; DROP TABLE prove_comments; COMMIT"
            .to_owned(),
    ];
    let sql = sql.join("\n");
    database
        .execute(&sql)
        .await
        .map_err(|error| Failure::new(format!("{error}\n{}", short_of(&sql))))?;
    Ok(())
}

/// Statements without what is long in them.
fn short_of(sql: &str) -> String {
    sql.chars().filter(char::is_ascii).collect()
}
