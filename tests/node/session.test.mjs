// Sockets whose session ends: the code of docs/live-updates.md with the close code 4403.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import WebSocket from 'ws';
import { eventsOf, logIn, recordCare, startedCare } from './care.mjs';
import { writeExamples } from './examples.mjs';
import { following } from './follower.mjs';
import { client, startServer } from './server.mjs';

// Node 20 has none.
globalThis.WebSocket ??= WebSocket;

let server;
let examples;
let care;

before(async () => {
  examples = await writeExamples();
  server = await startServer();
  care = await startedCare(server.url);
});

after(async () => {
  await server?.stop();
  await examples?.remove();
});

/** A follower with these tokens, and the codes with which its sockets are closed. */
async function followed(t, tokens, position = {}) {
  const url = `${server.url}/graphql`;
  const { createSession } = await examples.load('session.mjs');
  const { createLiveClient, follow } = await examples.load('graphql-ws.mjs');
  const live = createLiveClient(url, createSession(url, tokens));
  const codes = [];
  live.on('closed', ({ code }) => codes.push(code));
  t.after(() => live.dispose());
  const { careRequestId } = care;
  const follower = following((heard) => follow(live, { careRequestId, ...position, ...heard }));
  t.after(() => follower.stop());
  return { follower, codes };
}

test('a token that is good no longer is exchanged, and the stream goes on', async (t) => {
  const { refreshToken } = await logIn(server.url, care.owner);
  const { follower, codes } = await followed(t, { accessToken: 'worn', refreshToken });
  await follower.isCaughtUp(1);
  assert.deepEqual(codes, [4403]);
  assert.deepEqual(follower.events(), await eventsOf(care));
});

test('a logout closes the socket with 4403; after the next login the stream goes on without loss', async (t) => {
  const tokens = await logIn(server.url, care.owner);
  const { SessionEnded } = await examples.load('session.mjs');
  const { follower: first, codes } = await followed(t, tokens);
  await first.isCaughtUp(1);
  // On another connection.
  await client(server.url, tokens.accessToken)('mutation { logout { userErrors { code message field } } }');
  await first.has('an end', ({ ends }) => ends.length > 0);
  assert.equal(codes[0], 4403);
  assert.ok(first.ends[0] instanceof SessionEnded, String(first.ends[0]));
  await recordCare(care, 'while logged out');
  const { follower: second } = await followed(t, await logIn(server.url, care.owner), { after: first.cursor() });
  await second.isCaughtUp(1);
  assert.deepEqual([...first.events(), ...second.events()], await eventsOf(care));
});
