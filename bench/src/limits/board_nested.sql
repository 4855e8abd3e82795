SELECT json_build_object('data', json_build_object('openCareRequests', json_build_object('edges', ARRAY(
    SELECT json_build_object('node', json_build_object(
        'id', r.id, 'title', r.title, 'startsOn', r.starts_on, 'endsOn', r.ends_on, 'approxCell', r.approx_cell,
        'plants', ARRAY(
            SELECT json_build_object('name', plant.name, 'speciesText', plant.species_text)
            FROM care_request_plants link JOIN plants plant ON plant.id = link.plant_id
            WHERE link.care_request_id = r.id ORDER BY link.position
        )
    ))
    FROM care_requests r
    WHERE r.status = 'OPEN' AND r.latitude_e6 BETWEEN $1 AND $2 AND r.longitude_e6 BETWEEN $3 AND $4
    ORDER BY r.id DESC LIMIT 50
))))::text
