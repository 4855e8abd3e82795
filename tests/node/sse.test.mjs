// The code of docs/live-updates.md that follows by server-sent events, over a network and a server that fail.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { EventSource } from 'eventsource';
import { eventsOf, logIn, recordCare, startedCare } from './care.mjs';
import { writeExamples } from './examples.mjs';
import { following } from './follower.mjs';
import { startProxy } from './proxy.mjs';
import { client, startServer } from './server.mjs';

// Node has none, or an experimental one.
globalThis.EventSource = EventSource;

const CLIENTS = { 'graphql-sse': 'graphql-sse.mjs', EventSource: 'event-source.mjs' };

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

async function network(t) {
  const proxy = await startProxy(server.url);
  t.after(() => proxy.stop());
  return { proxy, url: `${proxy.url}/graphql` };
}

/** A follower of the block `file`, as the owner with these tokens. */
async function followed(t, file, url, { tokens, ...position } = {}) {
  const [{ createSession }, { follow }] = await Promise.all([examples.load('session.mjs'), examples.load(file)]);
  const session = createSession(url, tokens ?? (await logIn(server.url, care.owner)));
  const { careRequestId } = care;
  const follower = following((heard) => follow(url, session, { careRequestId, ...position, ...heard }));
  t.after(() => follower.stop());
  return follower;
}

for (const [name, file] of Object.entries(CLIENTS)) {
  test(`${name} follows and goes on, each event once`, async (t) => {
    const { proxy, url } = await network(t);
    let count = (await eventsOf(care)).length;
    const happens = async (note) => {
      await recordCare(care, note);
      count += 1;
    };
    const follower = await followed(t, file, url);
    await follower.isCaughtUp(1);
    const from = follower.cursor();
    const read = count;
    const late = await followed(t, file, url, { after: from });
    await late.isCaughtUp(1);
    const all = () => Promise.all([follower.hasEvents(count), late.hasEvents(count - read)]);
    await happens('live');
    await all();

    proxy.cut();
    await happens('while the network is cut');
    await proxy.refuses();
    proxy.restore();
    await all();

    await server.kill();
    proxy.cut();
    await server.start();
    await happens('after the server was killed');
    proxy.restore();
    await all();
    await happens('live again');
    await all();

    const events = await eventsOf(care);
    assert.equal(events.length, count);
    assert.deepEqual(follower.events(), events);
    assert.deepEqual(late.events(), events.slice(read));
    assert.deepEqual([...follower.ends, ...late.ends], []);
  });

  test(`${name} goes on when the server is stopped and started`, async (t) => {
    const { url } = await network(t);
    const follower = await followed(t, file, url);
    await follower.isCaughtUp(1);
    await server.terminate();
    await server.start();
    await recordCare(care, 'after the restart');
    const events = await eventsOf(care);
    await follower.hasEvents(events.length);
    assert.deepEqual(follower.events(), events);
    assert.deepEqual(follower.ends, []);
  });

  test(`${name} is told what it may not follow`, async (t) => {
    const { url } = await network(t);
    const refused = await followed(t, file, url, { after: 'damaged' });
    await refused.has('an end', ({ ends }) => ends.length > 0);
    assert.deepEqual(refused.ends[0]?.map(({ extensions }) => extensions.code), ['INVALID_CURSOR']);
  });

  test(`${name} ends with the session, and goes on with another`, async (t) => {
    const { url } = await network(t);
    const { SessionEnded } = await examples.load('session.mjs');
    const tokens = await logIn(server.url, care.owner);
    const first = await followed(t, file, url, { tokens });
    await first.isCaughtUp(1);
    await client(server.url, tokens.accessToken)('mutation { logout { userErrors { code message field } } }');
    await first.has('an end', ({ ends }) => ends.length > 0);
    assert.ok(first.ends[0] instanceof SessionEnded, String(first.ends[0]));
    await recordCare(care, 'while logged out');
    const second = await followed(t, file, url, { after: first.cursor() });
    await second.isCaughtUp(1);
    assert.deepEqual([...first.events(), ...second.events()], await eventsOf(care));
  });
}

test('graphql-sse queries and mutates over the same address', async () => {
  const { createClient } = await import('graphql-sse');
  const { TIMELINE, RECORD_CARE } = await examples.load('operations.mjs');
  const ask = async ({ token }, query, variables) => {
    const headers = { authorization: `Bearer ${token}` };
    const asking = createClient({ url: `${server.url}/graphql`, headers, retryAttempts: 0 });
    const results = [];
    for await (const result of asking.iterate({ query, variables })) results.push(result);
    return results;
  };
  const { careRequestId, plantId } = care;
  const input = { careRequestId, plantId, kind: 'WATER' };
  const [recorded, ...more] = await ask(care.caretaker, RECORD_CARE, { input });
  assert.deepEqual([recorded.data.recordCare.userErrors, more], [[], []]);
  const [read] = await ask(care.owner, TIMELINE, { careRequestId });
  assert.equal(read.data.careRequest.timeline.edges.at(-1).node.id, recorded.data.recordCare.event.id);
});

test('a ticket is good for one stream only', async (t) => {
  const { url } = await network(t);
  const { LIVE_CARE } = await examples.load('operations.mjs');
  const { createStreamTicket } = await care.owner.call(
    'mutation { createStreamTicket { ticket expiresAt userErrors { code message field } } }',
  );
  assert.ok(Date.parse(createStreamTicket.expiresAt) > Date.now());
  const get = async (query, variables, headers = {}) => {
    const abort = new AbortController();
    t.after(() => abort.abort());
    const address = new URL(url);
    const { ticket } = createStreamTicket;
    address.search = new URLSearchParams({ query, variables: JSON.stringify(variables), ticket });
    return fetch(address, { headers: { accept: 'text/event-stream', ...headers }, signal: abort.signal });
  };
  const variables = { careRequestId: care.careRequestId };
  const first = await get(LIVE_CARE, variables);
  assert.equal(first.status, 200);
  assert.match(first.headers.get('content-type'), /^text\/event-stream/);
  assert.equal((await get(LIVE_CARE, variables, { 'last-event-id': '' })).status, 200);
  const other = await get('subscription { myFeed { __typename } }', {});
  assert.notEqual(other.status, 200);
});
