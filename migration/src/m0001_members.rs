//! Members, their sessions, and the oldest program that may use this schema.

use crate::dialect::SqlMigration;

pub(crate) const MIGRATION: SqlMigration = SqlMigration {
    name: "m0001_members",
    up: UP,
    down: DOWN,
};

const UP: &str = "
CREATE TABLE schema_info (
    id integer PRIMARY KEY CHECK (id = 1),
    minimum_program_version text NOT NULL
);
INSERT INTO schema_info (id, minimum_program_version) VALUES (1, '0.1.0');

CREATE TABLE users (
    id {uuid} NOT NULL PRIMARY KEY,
    display_name text NOT NULL,
    email_index {bytes} NOT NULL UNIQUE,
    email_sealed {bytes} NOT NULL,
    data_key_wrapped {bytes} NOT NULL,
    password_hash text NOT NULL,
    role text NOT NULL CHECK (role IN ('MEMBER', 'MODERATOR', 'ADMIN')),
    botanist_status text NOT NULL CHECK (botanist_status IN ('NONE', 'PENDING', 'VERIFIED', 'REVOKED')),
    status text NOT NULL CHECK (status IN ('ACTIVE', 'SUSPENDED', 'ERASED')),
    locale text NOT NULL CHECK (locale IN ('EN', 'FR')),
    timezone text NOT NULL,
    capacity_plants integer NOT NULL CHECK (capacity_plants >= 0),
    token_epoch integer NOT NULL,
    last_seen_at {time},
    created_at {time} NOT NULL,
    version bigint NOT NULL
);
CREATE INDEX users_last_seen ON users (last_seen_at);

CREATE TABLE sessions (
    id {uuid} NOT NULL PRIMARY KEY,
    user_id {uuid} NOT NULL REFERENCES users (id),
    family {uuid} NOT NULL,
    refresh_token_hash {bytes} NOT NULL UNIQUE,
    created_at {time} NOT NULL,
    expires_at {time} NOT NULL,
    revoked_at {time}
);
CREATE INDEX sessions_family ON sessions (family, revoked_at);
CREATE INDEX sessions_user ON sessions (user_id);
";

const DOWN: &str = "
DROP TABLE sessions;
DROP TABLE users;
DROP TABLE schema_info;
";
