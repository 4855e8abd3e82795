BEGIN;
CREATE TABLE bench_numbers (n bigint NOT NULL PRIMARY KEY);
INSERT INTO bench_numbers {numbers};
CREATE TABLE bench_cells (n bigint NOT NULL PRIMARY KEY, cell text NOT NULL, latitude integer NOT NULL, longitude integer NOT NULL);
INSERT INTO bench_cells VALUES {cells};

INSERT INTO users (id, display_name, email_index, email_sealed, data_key_wrapped, password_hash, role, botanist_status,
    status, locale, timezone, capacity_plants, token_epoch, created_at, version)
SELECT {member}, 'Member ' || n.n, {member_bytes}, o.email_sealed, o.data_key_wrapped, 'none', 'MEMBER', 'NONE',
    'ACTIVE', 'EN', 'UTC', 20, 0, o.created_at, 1
FROM bench_numbers n, users o WHERE o.display_name = '{OWNER}' AND n.n BETWEEN 1 AND {members};

-- The owner's and the writer's are in progress for ever, a tenth of the others is open, the rest is past.
INSERT INTO care_requests (id, owner_id, caretaker_id, title, mode, starts_on, ends_on, timezone, approx_cell,
    latitude_e6, longitude_e6, instructions, status, status_since, urgent, created_at, version)
SELECT {request},
    CASE n.n % {share} WHEN 0 THEN o.id WHEN 1 THEN w.id ELSE {owner_member} END,
    CASE WHEN n.n % 10 = 5 THEN NULL ELSE {caretaker_member} END,
    'Request ' || n.n, 'AT_OWNER',
    CAST(CASE WHEN n.n % 10 = 5 THEN '2099-06-01' ELSE '2026-06-01' END AS {day}),
    CAST(CASE WHEN n.n % 10 = 5 THEN '2099-06-14' WHEN n.n % {share} < 2 THEN '2099-12-31' ELSE '2026-06-14' END AS {day}),
    'Europe/Paris', c.cell, c.latitude, c.longitude, 'Water them twice a week, the fern every day.',
    CASE WHEN n.n % 10 = 5 THEN 'OPEN' WHEN n.n % {share} < 2 THEN 'IN_PROGRESS' ELSE 'COMPLETED' END,
    o.created_at, false, o.created_at, 1
FROM bench_numbers n JOIN bench_cells c ON c.n = n.n / 10 % {places}, users o, users w
WHERE o.display_name = '{OWNER}' AND w.display_name = '{WRITER}' AND n.n BETWEEN 1 AND {requests} ORDER BY n.n;

INSERT INTO offers (id, care_request_id, caretaker_id, message, status, created_at, version)
SELECT {offer}, r.id, {caretaker_member}, 'I know such plants.', CASE WHEN r.status = 'OPEN' THEN 'SENT' ELSE 'ACCEPTED' END,
    r.created_at, 1
FROM bench_numbers n JOIN care_requests r ON r.id = {request} WHERE n.n <= {requests} ORDER BY n.n;

INSERT INTO assignments (id, care_request_id, caretaker_id, began_event_id)
SELECT {assignment}, r.id, r.caretaker_id, r.id
FROM bench_numbers n JOIN care_requests r ON r.id = {request}
WHERE r.caretaker_id IS NOT NULL AND n.n <= {requests} ORDER BY n.n;

INSERT INTO plants (id, owner_id, name, species_text, instructions, status, created_at, version)
SELECT {plant}, r.owner_id, 'Plant ' || n.n || '.' || p.n, 'Ficus lyrata', 'Little water in winter.', 'ACTIVE',
    r.created_at, 1
FROM bench_numbers n JOIN care_requests r ON r.id = {request}, bench_numbers p WHERE p.n < 2 AND n.n <= {requests}
ORDER BY n.n, p.n;

INSERT INTO care_request_plants (care_request_id, plant_id, position)
SELECT r.id, {plant}, p.n
FROM bench_numbers n JOIN care_requests r ON r.id = {request}, bench_numbers p WHERE p.n < 2 AND n.n <= {requests}
ORDER BY n.n, p.n;

INSERT INTO comments (id, care_request_id, author_id, body, is_advice, created_at, version)
SELECT {comment}, r.id, CASE WHEN c.n % 2 = 0 THEN r.owner_id ELSE COALESCE(r.caretaker_id, r.owner_id) END,
    'Comment ' || c.n || ': the leaves look fine, the soil was dry.', false, r.created_at, 1
FROM bench_numbers n JOIN care_requests r ON r.id = {request}, bench_numbers c
WHERE c.n BETWEEN 1 AND {comments} AND n.n <= {requests} ORDER BY n.n, c.n;

-- Each comment is an event in its request's timeline. That it was one in its parties' feeds, too, is long ago.
INSERT INTO events (id, kind, care_request_id, actor_id, subject_id, occurred_at, recorded_at)
SELECT {event}, 'COMMENT_ADDED', o.care_request_id, o.author_id, o.id, o.created_at, o.created_at
FROM bench_numbers n CROSS JOIN bench_numbers c JOIN comments o ON o.id = {comment}
WHERE c.n BETWEEN 1 AND {comments} AND n.n BETWEEN 1 AND {requests} ORDER BY n.n, c.n;

INSERT INTO streams (name, last_seq, floor_seq, last_recorded_at, access_version)
SELECT {timeline}, {comments}, 0, r.created_at, 0
FROM bench_numbers n JOIN care_requests r ON r.id = {request}
WHERE {comments} > 0 AND n.n <= {requests} ORDER BY n.n;

INSERT INTO stream_entries (stream, seq, event_id, level, access_version)
SELECT {timeline}, c.n, {event}, 'NOTICE', 0
FROM bench_numbers n, bench_numbers c
WHERE c.n BETWEEN 1 AND {comments} AND n.n BETWEEN 1 AND {requests} ORDER BY n.n, c.n;

DROP TABLE bench_cells;
DROP TABLE bench_numbers;
COMMIT;
ANALYZE;
