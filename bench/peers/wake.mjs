// Wakes the processes whose subscribers follow a stream, by NOTIFY.
//
// After the commit, like Plant Care, and many wake-ups in one message while the one before is under way: inside the
// writer's transaction NOTIFY would lock the whole database at its commit.
import { randomBytes } from 'node:crypto';
import { rows } from './database.mjs';

const SENDER = randomBytes(8).toString('base64url');
let waiting = [];
let busy = false;

/** Sends these lines soon. */
export function wake(lines) {
  waiting.push(...lines);
  if (!busy) void send();
}

async function send() {
  busy = true;
  while (waiting.length > 0) {
    // A notification holds 8,000 bytes.
    const lines = waiting.splice(0, 60);
    try {
      await rows('notify', 'SELECT pg_notify($1, $2)', ['plant_care_wake', `1 ${SENDER}\n${lines.join('\n')}`]);
    } catch (error) {
      console.error('a wake-up was not sent:', error);
    }
  }
  busy = false;
}
