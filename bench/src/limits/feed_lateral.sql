SELECT json_build_object('data', json_build_object('careRequests', json_build_object('edges',
    COALESCE(json_agg(json_build_object('node', row_to_json(request)) ORDER BY request.id DESC), '[]'))))::text
FROM (
    SELECT r.id, r.title, r.status, r.starts_on AS "startsOn", r.ends_on AS "endsOn", p.list AS plants,
        CASE WHEN k.id IS NOT NULL THEN json_build_object('displayName', k.display_name) END AS caretaker,
        json_build_object('edges', c.list) AS comments
    FROM (SELECT * FROM care_requests WHERE owner_id = $1 ORDER BY id DESC LIMIT $2) r
    LEFT JOIN users k ON k.id = r.caretaker_id
    CROSS JOIN LATERAL (
        SELECT COALESCE(json_agg(json_build_object('name', plant.name, 'speciesText', plant.species_text)
            ORDER BY link.position), '[]') AS list
        FROM care_request_plants link JOIN plants plant ON plant.id = link.plant_id
        WHERE link.care_request_id = r.id
    ) p
    CROSS JOIN LATERAL (
        SELECT COALESCE(json_agg(json_build_object('node', json_build_object('body', comment.body,
            'createdAt', comment.created_at, 'author', json_build_object('displayName', author.display_name)))
            ORDER BY comment.id), '[]') AS list
        FROM (SELECT * FROM comments WHERE care_request_id = r.id ORDER BY id LIMIT 5) comment
        JOIN users author ON author.id = comment.author_id
    ) c
) request
