// Writing a comment: the rows that Plant Care writes, in one transaction, and its wake-up.
import { randomBytes } from 'node:crypto';
import { rows, transaction } from './database.mjs';
import { wake } from './wake.mjs';

/** Adds a comment of the viewer's; null if she is no party of the request. */
export async function addComment(viewer, careRequestId, body) {
  const added = await transaction(async (client) => {
    const ask = (name, text, values) => rows(name, text, values, client);
    const [request] = await ask(
      'hold-care-request',
      `SELECT id, owner_id AS "ownerId", caretaker_id AS "caretakerId" FROM care_requests
       WHERE id = $1 AND (owner_id = $2 OR caretaker_id = $2) FOR SHARE`,
      [careRequestId, viewer],
    );
    if (!request) return null;

    const [comment] = await ask(
      'insert-comment',
      `INSERT INTO comments (id, care_request_id, author_id, body, is_advice, created_at, version)
       VALUES ($1, $2, $3, $4, false, now(), 1)
       RETURNING id, author_id AS "authorId", body, created_at AS "createdAt"`,
      [newId(), request.id, viewer, body],
    );

    // The counters are raised in one order by all, the request's first: so writers wait and never deadlock.
    const others = [request.ownerId, request.caretakerId].filter((user) => user && user !== viewer);
    const names = [`care:${request.id}`, ...others.map((user) => `user:${user}`)];
    const heads = [];
    for (const name of names) {
      const [head] = await ask(
        'raise-stream',
        `INSERT INTO streams (name, last_seq, floor_seq, last_recorded_at, access_version)
         VALUES ($1, 1, 0, now(), 0)
         ON CONFLICT (name) DO UPDATE SET last_seq = streams.last_seq + 1
         RETURNING last_seq AS seq, last_recorded_at AS "recordedAt", access_version AS version`,
        [name],
      );
      heads.push(head);
    }
    // Taken after the locks, and never before the entries that are there.
    const [{ recordedAt }] = await ask(
      'record-streams',
      `UPDATE streams
       SET last_recorded_at = greatest(statement_timestamp(), (SELECT max(at) FROM unnest($2::timestamptz[]) at))
       WHERE name = ANY($1) RETURNING last_recorded_at AS "recordedAt"`,
      [names, heads.map((head) => head.recordedAt)],
    );
    const event = newId();
    await ask(
      'insert-event',
      `INSERT INTO events (id, kind, care_request_id, actor_id, subject_id, occurred_at, recorded_at)
       VALUES ($1, 'COMMENT_ADDED', $2, $3, $4, $5, $5)`,
      [event, request.id, viewer, comment.id, recordedAt],
    );
    const sequences = heads.map((head) => head.seq);
    await ask(
      'insert-entries',
      `INSERT INTO stream_entries (stream, seq, event_id, level, access_version)
       SELECT name, seq, $1, 'NOTICE', version
       FROM unnest($2::text[], $3::bigint[], $4::bigint[]) AS e (name, seq, version)`,
      [event, names, sequences, heads.map((head) => head.version)],
    );
    return { comment, moved: names.map((name, n) => `m ${name} ${sequences[n]}`) };
  });
  if (!added) return null;
  wake(added.moved);
  return added.comment;
}

/** A UUID of version 7: ids grow with time, as comments are read in their order. */
function newId() {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(Date.now(), 0, 6);
  bytes[6] = 0x70 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  const text = bytes.toString('hex');
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join('-');
}
