WITH made AS (
    INSERT INTO care_requests (id, owner_id, caretaker_id, title, mode, starts_on, ends_on, timezone, approx_cell,
        latitude_e6, longitude_e6, instructions, status, status_since, urgent, created_at, version)
    SELECT gen_random_uuid(), owner_id, caretaker_id, title, mode, starts_on, ends_on, timezone, approx_cell,
        latitude_e6, longitude_e6, instructions, status, status_since, urgent, created_at, version
    FROM care_requests, generate_series(1, {count}) WHERE id = '{request}'
    RETURNING id
), planted AS (
    INSERT INTO care_request_plants (care_request_id, plant_id, position)
    SELECT made.id, p.plant_id, p.position FROM made, care_request_plants p WHERE p.care_request_id = '{request}'
), assigned AS (
    INSERT INTO assignments (id, care_request_id, caretaker_id, began_event_id)
    SELECT gen_random_uuid(), made.id, a.caretaker_id, a.began_event_id FROM made, assignments a
    WHERE a.care_request_id = '{request}'
)
SELECT id::text FROM made
