//! Stream tickets: what an event stream is opened with by a client that cannot send a token.

use crate::dialect::SqlMigration;

pub(crate) const MIGRATION: SqlMigration = SqlMigration {
    name: "m0005_stream_tickets",
    up: UP,
    down: DOWN,
};

const UP: &str = "
CREATE TABLE stream_tickets (
    ticket_hash {bytes} NOT NULL PRIMARY KEY,
    user_id {uuid} NOT NULL REFERENCES users (id),
    family {uuid} NOT NULL,
    created_at {time} NOT NULL,
    bound_to {bytes}
);
CREATE INDEX stream_tickets_created ON stream_tickets (created_at);
";

const DOWN: &str = "
DROP TABLE stream_tickets;
";
