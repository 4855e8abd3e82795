//! Heartbeats: by which each server finds out whether what it writes is stored.

use crate::dialect::SqlMigration;

pub(crate) const MIGRATION: SqlMigration = SqlMigration {
    name: "m0006_heartbeats",
    up: UP,
    down: DOWN,
};

const UP: &str = "
CREATE TABLE heartbeats (
    replica {uuid} NOT NULL PRIMARY KEY,
    beat_at {time} NOT NULL,
    filler {bytes} NOT NULL
);
";

const DOWN: &str = "
DROP TABLE heartbeats;
";
