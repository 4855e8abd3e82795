//! Access versions: which entries a reader may get without being authorised anew.

use crate::dialect::SqlMigration;

pub(crate) const MIGRATION: SqlMigration = SqlMigration {
    name: "m0004_live",
    up: UP,
    down: DOWN,
};

const UP: &str = "
ALTER TABLE streams ADD COLUMN access_version bigint NOT NULL DEFAULT 0;
ALTER TABLE stream_entries ADD COLUMN access_version bigint NOT NULL DEFAULT 0;
";

// What is told of sessions and members only has a place in the control stream.
const DOWN: &str = "
DELETE FROM stream_entries WHERE stream IN ('board', 'control');
DELETE FROM streams WHERE name IN ('board', 'control');
DELETE FROM events WHERE kind IN ('SESSION_ENDED', 'MEMBER_CHANGED');
ALTER TABLE stream_entries DROP COLUMN access_version;
ALTER TABLE streams DROP COLUMN access_version;
";
