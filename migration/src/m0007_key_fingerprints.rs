//! Fingerprints of the keys that a database was written with.

use crate::dialect::SqlMigration;

pub(crate) const MIGRATION: SqlMigration = SqlMigration {
    name: "m0007_key_fingerprints",
    up: UP,
    down: DOWN,
};

const UP: &str = "
CREATE TABLE key_fingerprints (
    id {uuid} NOT NULL PRIMARY KEY,
    key_name text NOT NULL,
    fingerprint text NOT NULL,
    recorded_at {time} NOT NULL,
    UNIQUE (key_name, fingerprint)
);
";

const DOWN: &str = "
DROP TABLE key_fingerprints;
";
