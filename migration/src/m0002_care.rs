//! Plants, care requests, offers, and what is written about them.

use crate::dialect::SqlMigration;

pub(crate) const MIGRATION: SqlMigration = SqlMigration {
    name: "m0002_care",
    up: UP,
    down: DOWN,
};

const UP: &str = "
CREATE TABLE plants (
    id {uuid} NOT NULL PRIMARY KEY,
    owner_id {uuid} NOT NULL REFERENCES users (id),
    name text NOT NULL,
    species_text text,
    instructions text,
    status text NOT NULL CHECK (status IN ('ACTIVE', 'ARCHIVED', 'DEAD', 'GIVEN_AWAY')),
    created_at {time} NOT NULL,
    version bigint NOT NULL
);
CREATE INDEX plants_owner ON plants (owner_id, id);

CREATE TABLE care_requests (
    id {uuid} NOT NULL PRIMARY KEY,
    owner_id {uuid} NOT NULL REFERENCES users (id),
    caretaker_id {uuid} REFERENCES users (id),
    title text NOT NULL,
    mode text NOT NULL CHECK (mode IN ('AT_OWNER', 'AT_CARETAKER')),
    starts_on {date} NOT NULL,
    ends_on {date} NOT NULL,
    timezone text NOT NULL,
    approx_cell text,
    latitude_e6 integer,
    longitude_e6 integer,
    instructions text,
    status text NOT NULL CHECK (status IN ('DRAFT', 'OPEN', 'ASSIGNED', 'IN_PROGRESS', 'AWAITING_CONFIRM',
        'COMPLETED', 'CANCELLED', 'EXPIRED', 'DISPUTED')),
    status_since {time} NOT NULL,
    urgent boolean NOT NULL,
    created_at {time} NOT NULL,
    version bigint NOT NULL,
    CHECK (ends_on >= starts_on)
);
CREATE INDEX care_requests_owner ON care_requests (owner_id, id);
CREATE INDEX care_requests_caretaker ON care_requests (caretaker_id, id);
CREATE INDEX care_requests_status_start ON care_requests (status, starts_on);
CREATE INDEX care_requests_status_latitude ON care_requests (status, latitude_e6);
CREATE INDEX care_requests_status_id ON care_requests (status, id);

CREATE TABLE care_request_plants (
    care_request_id {uuid} NOT NULL REFERENCES care_requests (id),
    plant_id {uuid} NOT NULL REFERENCES plants (id),
    position integer NOT NULL,
    PRIMARY KEY (care_request_id, plant_id)
);
CREATE INDEX care_request_plants_plant ON care_request_plants (plant_id);

CREATE TABLE offers (
    id {uuid} NOT NULL PRIMARY KEY,
    care_request_id {uuid} NOT NULL REFERENCES care_requests (id),
    caretaker_id {uuid} NOT NULL REFERENCES users (id),
    message text,
    status text NOT NULL CHECK (status IN ('SENT', 'ACCEPTED', 'DECLINED', 'WITHDRAWN', 'EXPIRED')),
    created_at {time} NOT NULL,
    version bigint NOT NULL
);
CREATE UNIQUE INDEX offers_one_live ON offers (care_request_id, caretaker_id) WHERE status = 'SENT';
CREATE INDEX offers_request ON offers (care_request_id, id);
CREATE INDEX offers_caretaker ON offers (caretaker_id, care_request_id);

CREATE TABLE assignments (
    id {uuid} NOT NULL PRIMARY KEY,
    care_request_id {uuid} NOT NULL REFERENCES care_requests (id),
    caretaker_id {uuid} NOT NULL REFERENCES users (id),
    began_event_id {uuid} NOT NULL,
    ended_event_id {uuid}
);
CREATE INDEX assignments_request ON assignments (care_request_id, caretaker_id);
CREATE INDEX assignments_caretaker ON assignments (caretaker_id, care_request_id);

CREATE TABLE care_records (
    id {uuid} NOT NULL PRIMARY KEY,
    care_request_id {uuid} NOT NULL REFERENCES care_requests (id),
    plant_id {uuid} NOT NULL REFERENCES plants (id),
    caretaker_id {uuid} NOT NULL REFERENCES users (id),
    kind text NOT NULL CHECK (kind IN ('WATER', 'MIST', 'FERTILISE', 'REPOT', 'PRUNE', 'ROTATE', 'CLEAN_LEAVES',
        'PEST_CHECK', 'TREAT', 'MOVE', 'WATER_CHANGE', 'OTHER')),
    amount_ml integer CHECK (amount_ml >= 0),
    note text,
    occurred_at {time} NOT NULL,
    created_at {time} NOT NULL
);
CREATE INDEX care_records_request ON care_records (care_request_id, id);

CREATE TABLE comments (
    id {uuid} NOT NULL PRIMARY KEY,
    care_request_id {uuid} NOT NULL REFERENCES care_requests (id),
    author_id {uuid} NOT NULL REFERENCES users (id),
    body text NOT NULL,
    is_advice boolean NOT NULL,
    created_at {time} NOT NULL,
    version bigint NOT NULL
);
CREATE INDEX comments_request ON comments (care_request_id, id);
";

const DOWN: &str = "
DROP TABLE comments;
DROP TABLE care_records;
DROP TABLE assignments;
DROP TABLE offers;
DROP TABLE care_request_plants;
DROP TABLE care_requests;
DROP TABLE plants;
";
