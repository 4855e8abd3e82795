-- The limit of writing to one stream: write.sql, each time on the writer's first request.
--
--   pgbench -n -M prepared -D writer=$writer -D notify=1 -f one-stream.sql
--
-- `writer` and `notify` are as there.
\set n 1
BEGIN;
SELECT id AS request, caretaker_id AS caretaker FROM care_requests
    WHERE id = ('019' || lpad(to_hex(:n::bigint), 9, '0') || '70028000' || lpad(to_hex(:n::bigint), 12, '0'))::uuid
        AND (owner_id = :writer::uuid OR caretaker_id = :writer::uuid OR status = 'OPEN'
            OR id IN (SELECT care_request_id FROM offers WHERE caretaker_id = :writer::uuid)
            OR id IN (SELECT care_request_id FROM assignments WHERE caretaker_id = :writer::uuid))
    LIMIT 1 FOR SHARE \gset
INSERT INTO comments (id, care_request_id, author_id, body, is_advice, created_at, version)
    VALUES (gen_random_uuid(), :request::uuid, :writer::uuid, 'The leaves look fine, the soil was dry.', false, now(), 1)
    RETURNING id AS comment \gset
INSERT INTO streams (name, last_seq, floor_seq, last_recorded_at, access_version)
    VALUES ('care:' || :request::text, 1, 0, now(), 0)
    ON CONFLICT (name) DO UPDATE SET last_seq = streams.last_seq + 1
    RETURNING name AS care, last_seq AS care_seq, access_version AS care_version \gset
INSERT INTO streams (name, last_seq, floor_seq, last_recorded_at, access_version)
    VALUES ('user:' || :caretaker::text, 1, 0, now(), 0)
    ON CONFLICT (name) DO UPDATE SET last_seq = streams.last_seq + 1
    RETURNING name AS feed, last_seq AS feed_seq, access_version AS feed_version \gset
UPDATE streams SET last_recorded_at = greatest(last_recorded_at, now()) WHERE name IN (:care, :feed);
INSERT INTO events (id, kind, care_request_id, plant_id, actor_id, subject_id, occurred_at, recorded_at, traceparent)
    VALUES (gen_random_uuid(), 'COMMENT_ADDED', :request::uuid, NULL, :writer::uuid, :comment::uuid, now(), now(), NULL)
    RETURNING id AS event \gset
INSERT INTO stream_entries (stream, seq, event_id, level, access_version)
    VALUES (:care, :care_seq::bigint, :event::uuid, 'NOTICE', :care_version::bigint),
        (:feed, :feed_seq::bigint, :event::uuid, 'NOTICE', :feed_version::bigint);
COMMIT;
\if :notify
SELECT pg_notify('plant_care_wake', format(E'1 pgbench\nm %s %s\nm %s %s',
    :care::text, :care_seq::text, :feed::text, :feed_seq::text));
\endif
