// Care requests, and what belongs to many of them at once.
import { rows } from './database.mjs';
import { square } from './near.mjs';

const COLUMNS = `id, owner_id AS "ownerId", caretaker_id AS "caretakerId", title, status, starts_on AS "startsOn",
  ends_on AS "endsOn", approx_cell AS "approxCell", instructions, created_at AS "createdAt"`;

const OF_ROLE = {
  OWNER: 'owner_id = $1',
  CARETAKER: 'caretaker_id = $1',
  EITHER: '(owner_id = $1 OR caretaker_id = $1)',
};

/** Whether the viewer is the owner or the caretaker. */
export const isParty = (request, viewer) =>
  viewer !== undefined && (request.ownerId === viewer || request.caretakerId === viewer);

/** An open request, or one of the viewer's. */
export async function careRequest(viewer, id) {
  const [found] = await rows(
    'care-request',
    `SELECT ${COLUMNS} FROM care_requests
     WHERE id = $1 AND (status = 'OPEN' OR owner_id = $2 OR caretaker_id = $2)`,
    [id, viewer],
  );
  return found ?? null;
}

/** The viewer's requests, newest first. */
export function careRequests(viewer, role, first) {
  const of = role ?? 'EITHER';
  return rows(
    `care-requests-${of}`,
    `SELECT ${COLUMNS} FROM care_requests WHERE ${OF_ROLE[of]} ORDER BY id DESC LIMIT $2`,
    [viewer, size(first)],
  );
}

/** What is open near a place, newest first. */
export function openCareRequests(near, first) {
  const { latitudes, longitudes } = square(near);
  const around = longitudes.map((_, n) => `longitude_e6 BETWEEN $${2 * n + 4} AND $${2 * n + 5}`);
  return rows(
    `open-care-requests-${longitudes.length}`,
    `SELECT ${COLUMNS} FROM care_requests
     WHERE status = 'OPEN' AND latitude_e6 BETWEEN $1 AND $2 AND (${around.join(' OR ')})
     ORDER BY id DESC LIMIT $3`,
    [...latitudes, size(first), ...longitudes.flat()],
  );
}

/** The plants of each of these requests, in the owner's order. */
export async function plantsOf(requests) {
  const found = await rows(
    'plants-of',
    `SELECT l.care_request_id AS "careRequestId", p.id, p.name, p.species_text AS "speciesText"
     FROM care_request_plants l JOIN plants p ON p.id = l.plant_id
     WHERE l.care_request_id = ANY($1) ORDER BY l.position`,
    [requests],
  );
  return grouped(requests, found);
}

/** The first comments on each of these requests. */
export async function commentsOn(requests, first) {
  const found = await rows(
    'comments-on',
    `SELECT c.* FROM unnest($1::uuid[]) AS r (id), LATERAL (
       SELECT care_request_id AS "careRequestId", id, author_id AS "authorId", body, created_at AS "createdAt"
       FROM comments WHERE care_request_id = r.id ORDER BY id LIMIT $2
     ) c ORDER BY c.id`,
    [requests, size(first)],
  );
  return grouped(requests, found);
}

/** Each of these members. */
export async function users(ids) {
  const found = await rows(
    'users',
    'SELECT id, display_name AS "displayName" FROM users WHERE id = ANY($1)',
    [ids],
  );
  const byId = new Map(found.map((user) => [user.id, user]));
  return ids.map((id) => byId.get(id) ?? null);
}

function size(first) {
  if (first < 1 || first > 100) throw new Error('first: 1 to 100');
  return first;
}

function grouped(requests, found) {
  const groups = new Map(requests.map((id) => [id, []]));
  for (const row of found) groups.get(row.careRequestId).push(row);
  return requests.map((id) => groups.get(id));
}
