//! The log of care events, its streams and readers, and idempotency keys.

use crate::dialect::SqlMigration;

pub(crate) const MIGRATION: SqlMigration = SqlMigration {
    name: "m0003_log",
    up: UP,
    down: DOWN,
};

const UP: &str = "
CREATE TABLE events (
    id {uuid} NOT NULL PRIMARY KEY,
    kind text NOT NULL,
    care_request_id {uuid} REFERENCES care_requests (id),
    plant_id {uuid} REFERENCES plants (id),
    actor_id {uuid} REFERENCES users (id),
    subject_id {uuid},
    occurred_at {time} NOT NULL,
    recorded_at {time} NOT NULL,
    traceparent text
);
CREATE INDEX events_request ON events (care_request_id);

CREATE TABLE streams (
    name text NOT NULL PRIMARY KEY,
    last_seq bigint NOT NULL,
    floor_seq bigint NOT NULL,
    last_recorded_at {time} NOT NULL,
    CHECK (floor_seq >= 0 AND last_seq >= floor_seq)
);

CREATE TABLE stream_entries (
    stream text NOT NULL REFERENCES streams (name),
    seq bigint NOT NULL CHECK (seq > 0),
    event_id {uuid} NOT NULL REFERENCES events (id),
    level text NOT NULL CHECK (level IN ('INFO', 'NOTICE', 'WARNING', 'CRITICAL')),
    PRIMARY KEY (stream, seq)
);
CREATE UNIQUE INDEX stream_entries_event ON stream_entries (event_id, stream);

CREATE TABLE read_cursors (
    user_id {uuid} NOT NULL REFERENCES users (id),
    stream text NOT NULL,
    last_seq bigint NOT NULL,
    PRIMARY KEY (stream, user_id)
);

CREATE TABLE idempotency_keys (
    actor_id {uuid} NOT NULL REFERENCES users (id),
    mutation text NOT NULL,
    idempotency_key text NOT NULL,
    input_hash {bytes} NOT NULL,
    result_id {uuid},
    event_id {uuid},
    created_at {time} NOT NULL,
    PRIMARY KEY (actor_id, mutation, idempotency_key)
);
";

const DOWN: &str = "
DROP TABLE idempotency_keys;
DROP TABLE read_cursors;
DROP TABLE stream_entries;
DROP TABLE streams;
DROP TABLE events;
";
