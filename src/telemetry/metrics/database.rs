//! Statements and connections.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{Timing, Timings, TraceLabel, timings};

const EDGES: [f64; 9] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];
/// Tables that are told apart: more than the program has.
const TABLES: usize = 64;
const OTHER: &str = "other";

/// Statements and connections.
#[derive(Debug)]
pub struct DatabaseMetrics {
    queries: Timings<Labels>,
    known: RwLock<HashMap<String, [Timing; 5]>>,
    connections: Family<PoolState, Gauge>,
    maximum: Family<Pool, Gauge>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    operation: &'static str,
    table: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PoolState {
    pool: &'static str,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Pool {
    pool: &'static str,
}

/// What a statement does, and to which table first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement<'s> {
    /// `SELECT`, `INSERT`, `UPDATE`, `DELETE`, or `other`.
    pub operation: &'static str,
    /// The table.
    pub table: &'s str,
}

const OPERATIONS: [(&str, &str); 4] = [
    ("SELECT", " FROM "),
    ("INSERT", " INTO "),
    ("UPDATE", "UPDATE "),
    ("DELETE", " FROM "),
];

impl<'s> Statement<'s> {
    /// Reads a statement as the program writes them.
    pub fn of(sql: &'s str) -> Self {
        let sql = first_part(sql);
        for (operation, before) in OPERATIONS {
            if sql.get(..operation.len()) == Some(operation) {
                // Of a query over another one, the inner one's.
                let mut tables = sql
                    .match_indices(before)
                    .map(|(at, _)| table(&sql[at + before.len()..]));
                let table = tables.find(|table| !table.is_empty()).unwrap_or(OTHER);
                return Self { operation, table };
            }
        }
        Self {
            operation: OTHER,
            table: OTHER,
        }
    }
}

/// Of a statement that does several things, the first.
fn first_part(sql: &str) -> &str {
    let parts = sql.strip_prefix("WITH ");
    parts
        .and_then(|parts| parts.split_once(" AS ("))
        .map_or(sql, |(_, first)| first)
}

fn table(text: &str) -> &str {
    let text = text.trim_start_matches('"');
    let is_part = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    &text[..text.find(|letter| !is_part(letter)).unwrap_or(text.len())]
}

impl DatabaseMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            queries: timings(|| Timing::new(EDGES.into_iter())),
            known: RwLock::default(),
            connections: Family::default(),
            maximum: Family::default(),
        };
        registry.register(
            "plant_care_database_query_duration_seconds",
            "Statements, by what they do and the first table they name",
            metrics.queries.clone(),
        );
        registry.register(
            "plant_care_database_pool_connections",
            "Open connections",
            metrics.connections.clone(),
        );
        registry.register(
            "plant_care_database_pool_max_connections",
            "Connections that may be open",
            metrics.maximum.clone(),
        );
        metrics.timing("users", 0);
        metrics
    }

    /// A statement was run.
    pub fn took(&self, statement: Statement<'_>, took: Duration, trace: Option<TraceLabel>) {
        let operation = OPERATIONS
            .iter()
            .position(|(name, _)| *name == statement.operation);
        let operation = operation.unwrap_or(OPERATIONS.len());
        let timing = self.timing(statement.table, operation);
        timing.observe(took.as_secs_f64(), trace, None);
    }

    fn timing(&self, table: &str, operation: usize) -> Timing {
        {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(timings) = known.get(table) {
                return timings[operation].clone();
            }
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let table = if known.len() < TABLES { table } else { OTHER };
        let timings = known.entry(table.to_owned()).or_insert_with(|| {
            ["SELECT", "INSERT", "UPDATE", "DELETE", OTHER].map(|operation| {
                self.queries.get_or_create_owned(&Labels {
                    operation,
                    table: table.to_owned(),
                })
            })
        });
        timings[operation].clone()
    }

    /// The state of a pool of connections.
    pub fn pool(&self, pool: &'static str, idle: usize, open: u32, maximum: u32) {
        let idle = i64::try_from(idle).unwrap_or(i64::MAX);
        let gauge = |state| self.connections.get_or_create_owned(&PoolState { pool, state });
        gauge("idle").set(idle);
        gauge("used").set((i64::from(open) - idle).max(0));
        self.maximum.get_or_create(&Pool { pool }).set(maximum.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_known_by_its_first_words() {
        for (sql, operation, table) in [
            (r#"SELECT "users"."id" FROM "users" WHERE 1"#, "SELECT", "users"),
            (
                r#"WITH "part_0" AS (INSERT INTO "comments" ("id") VALUES ($1)) INSERT INTO "events" ("id") VALUES ($2)"#,
                "INSERT",
                "comments",
            ),
            ("SELECT a FROM (SELECT * FROM x) y", "SELECT", "x"),
            (
                r#"INSERT INTO "stream_entries" ("a") VALUES (1)"#,
                "INSERT",
                "stream_entries",
            ),
            ("UPDATE streams SET floor_seq = 1", "UPDATE", "streams"),
            (r#"DELETE FROM "events""#, "DELETE", "events"),
            ("PRAGMA x", "other", "other"),
            ("", "other", "other"),
        ] {
            assert_eq!(Statement::of(sql), Statement { operation, table }, "{sql}");
        }
    }
}
