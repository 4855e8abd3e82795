SELECT json_build_object('data', json_build_object('openCareRequests', json_build_object('edges',
    COALESCE(json_agg(json_build_object('node', row_to_json(request)) ORDER BY request.id DESC), '[]'))))::text
FROM (
    SELECT r.id, r.title, r.starts_on AS "startsOn", r.ends_on AS "endsOn", r.approx_cell AS "approxCell",
        p.list AS plants
    FROM (
        SELECT * FROM care_requests
        WHERE status = 'OPEN' AND latitude_e6 BETWEEN $1 AND $2 AND longitude_e6 BETWEEN $3 AND $4
        ORDER BY id DESC LIMIT 50
    ) r
    CROSS JOIN LATERAL (
        SELECT COALESCE(json_agg(json_build_object('name', plant.name, 'speciesText', plant.species_text)
            ORDER BY link.position), '[]') AS list
        FROM care_request_plants link JOIN plants plant ON plant.id = link.plant_id
        WHERE link.care_request_id = r.id
    ) p
) request
