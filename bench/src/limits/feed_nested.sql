SELECT json_build_object('data', json_build_object('careRequests', json_build_object('edges', ARRAY(
    SELECT json_build_object('node', json_build_object(
        'id', r.id, 'title', r.title, 'status', r.status, 'startsOn', r.starts_on, 'endsOn', r.ends_on,
        'plants', ARRAY(
            SELECT json_build_object('name', plant.name, 'speciesText', plant.species_text)
            FROM care_request_plants link JOIN plants plant ON plant.id = link.plant_id
            WHERE link.care_request_id = r.id ORDER BY link.position
        ),
        'caretaker', (SELECT json_build_object('displayName', k.display_name) FROM users k WHERE k.id = r.caretaker_id),
        'comments', json_build_object('edges', ARRAY(
            SELECT json_build_object('node', json_build_object('body', comment.body, 'createdAt', comment.created_at,
                'author', (SELECT json_build_object('displayName', author.display_name)
                    FROM users author WHERE author.id = comment.author_id)))
            FROM comments comment WHERE comment.care_request_id = r.id ORDER BY comment.id LIMIT 5
        ))
    ))
    FROM care_requests r WHERE r.owner_id = $1 ORDER BY r.id DESC LIMIT $2
))))::text
