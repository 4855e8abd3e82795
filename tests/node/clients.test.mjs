// The code of docs/live-updates.md with the clients it names, over a network and a server that fail.
import assert from 'node:assert/strict';
import { cp, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { buildSchema, parse, validate } from 'graphql';
import WebSocket from 'ws';
import { eventsOf, logIn, recordCare, startedCare } from './care.mjs';
import { PAGE, writeExamples } from './examples.mjs';
import { following } from './follower.mjs';
import { startProxy } from './proxy.mjs';
import { REPOSITORY, startServer } from './server.mjs';

// Node 20 has none.
globalThis.WebSocket ??= WebSocket;

/** The block of each client, and the function of it that makes one. */
const CLIENTS = {
  'graphql-ws': ['graphql-ws.mjs', 'createLiveClient'],
  urql: ['urql.mjs', 'createUrqlClient'],
  Apollo: ['apollo.mjs', 'createApolloClient'],
  Relay: ['relay.mjs', 'createEnvironment', 'relayTimeline.mjs'],
};

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

/** A network of the test's own. */
async function network(t) {
  const proxy = await startProxy(server.url);
  t.after(() => proxy.stop());
  return { proxy, url: `${proxy.url}/graphql` };
}

async function sessionOf(member, url) {
  const { createSession } = await examples.load('session.mjs');
  return createSession(url, await logIn(server.url, member));
}

async function liveClient(t, url, member, options) {
  const { createLiveClient } = await examples.load('graphql-ws.mjs');
  const client = createLiveClient(url, await sessionOf(member, url), options);
  t.after(() => client.dispose());
  return client;
}

/** A client as the page makes it, and the functions that the page shows for it. */
async function made(t, name, member, url) {
  const [file, create, operations = file] = CLIENTS[name];
  const session = await sessionOf(member, url);
  const { [create]: createClient } = await examples.load(file);
  if (name === 'graphql-ws') return [await liveClient(t, url, member), await examples.load(operations)];
  const live = await liveClient(t, url, member);
  return [createClient(url, session, live), await examples.load(operations)];
}

function water(note) {
  const { careRequestId, plantId } = care;
  return { careRequestId, plantId, kind: 'WATER', amountMl: 250, note };
}

for (const name of Object.keys(CLIENTS)) {
  test(`${name} queries and mutates`, async (t) => {
    const { url } = await network(t);
    const [client, { recordCare }] = await made(t, name, care.caretaker, url);
    const { recordCare: recorded } = await recordCare(client, water(`by ${name}`));
    assert.deepEqual(recorded.userErrors, []);
    const [owner, { readTimeline }] = await made(t, name, care.owner, url);
    const { careRequest } = await readTimeline(owner, care.careRequestId);
    assert.equal(careRequest.title, care.title);
    assert.equal(careRequest.timeline.edges.at(-1).node.id, recorded.event.id);
    assert.equal(careRequest.timeline.pageInfo.endCursor, recorded.cursor);
    const refused = await recordCare(client, { ...water('too much'), amountMl: -1 });
    assert.deepEqual(refused.recordCare.userErrors.map(({ code }) => code), ['VALIDATION']);
  });

  test(`${name} follows and goes on, each event once`, async (t) => {
    const { proxy, url } = await network(t);
    const [client, { follow, readTimeline }] = await made(t, name, care.owner, url);
    const { careRequestId } = care;
    const followed = (position) => {
      const follower = following((heard) => follow(client, { careRequestId, ...position, ...heard }));
      t.after(() => follower.stop());
      return follower;
    };
    let count = (await eventsOf(care)).length;
    // Two with the same variables, of which the second joins late.
    const followers = [followed({})];
    await followers[0].isCaughtUp(1);
    followers.push(followed({}));
    const { careRequest } = await readTimeline(client, careRequestId);
    const page = followed({ after: careRequest.timeline.pageInfo.endCursor });
    await Promise.all([...followers, page].map((follower) => follower.isCaughtUp(1)));
    const read = count;
    const all = async () => {
      await Promise.all(followers.map((follower) => follower.hasEvents(count)));
      await page.hasEvents(count - read);
    };
    const happens = async (note) => {
      await recordCare(care, note);
      count += 1;
    };
    await happens('live');
    await all();

    proxy.cut();
    await happens('while the network is cut');
    await happens('and still');
    proxy.restore();
    await all();
    await Promise.all(followers.map((follower) => follower.isCaughtUp(2)));

    await server.kill();
    proxy.cut();
    await server.start();
    await happens('after the server was killed');
    await proxy.refuses();
    proxy.restore();
    await all();
    await happens('live again');
    await all();

    const events = await eventsOf(care);
    assert.equal(events.length, count);
    for (const follower of followers) assert.deepEqual(follower.events(), events);
    assert.deepEqual(page.events(), events.slice(read));
    assert.deepEqual(followers.flatMap(({ ends }) => ends), []);
  });

  test(`${name} is told what it may not follow`, async (t) => {
    const { url } = await network(t);
    const [client, { follow }] = await made(t, name, care.owner, url);
    const position = { careRequestId: care.careRequestId, after: 'damaged' };
    const refused = following((heard) => follow(client, { ...position, ...heard }));
    await refused.has('an end', ({ ends }) => ends.length > 0);
    assert.deepEqual(codesOf(refused.ends[0]), ['INVALID_CURSOR']);
  });
}

/** The codes of a problem, however a client wraps it. */
function codesOf(problem) {
  const errors = [problem, problem?.graphQLErrors, problem?.errors, problem?.cause].find(Array.isArray) ?? [];
  return errors.map(({ extensions }) => extensions.code);
}

test('graphql-ws alone starts anew after a cut, which is why the page has `resume`', async (t) => {
  const { proxy, url } = await network(t);
  const client = await liveClient(t, url, care.owner);
  const { LIVE_CARE } = await examples.load('operations.mjs');
  const request = { query: LIVE_CARE, variables: { careRequestId: care.careRequestId } };
  const plain = following(({ onMessage, onEnd }) =>
    client.subscribe(request, {
      next: ({ data }) => onMessage(data.careEvents),
      error: onEnd,
      complete: onEnd,
    }),
  );
  await plain.isCaughtUp(1);
  proxy.cut();
  proxy.restore();
  await plain.isCaughtUp(2);
  const events = await eventsOf(care);
  assert.deepEqual(plain.events(), [...events, ...events]);
  plain.stop();
});

test('the feed goes on through `resume`', async (t) => {
  const { proxy, url } = await network(t);
  const client = await liveClient(t, url, care.owner);
  const { resume } = await examples.load('graphql-ws.mjs');
  const { MY_FEED } = await examples.load('streams.mjs');
  const entries = async () => {
    const { feed } = await care.owner.call('{ feed { events(last: 100) { edges { node { event { id } } } } } }');
    return feed.events.edges.map(({ node }) => node.event.id);
  };
  const follower = following(({ onMessage, onEnd }) =>
    resume(client, { query: MY_FEED }, {
      next: ({ data }) => onMessage(data.myFeed),
      error: onEnd,
      complete: onEnd,
    }),
  );
  await follower.isCaughtUp(1);
  const before = await entries();
  const told = () => follower.of('FeedEventDelivered').map(({ event }) => event.id);
  await recordCare(care, 'for the feed');
  await follower.has('the first', () => told().length === 1);
  proxy.cut();
  await recordCare(care, 'for the feed, unseen');
  proxy.restore();
  await follower.isCaughtUp(2);
  assert.deepEqual([...before, ...told()], await entries());
  assert.equal(told().length, 2);
  follower.stop();
});

test('a dead network is noticed by silence', async (t) => {
  const { proxy, url } = await network(t);
  const client = await liveClient(t, url, care.owner, { keepAlive: 50, pongWithin: 200 });
  const { follow } = await examples.load('graphql-ws.mjs');
  const { careRequestId } = care;
  const codes = [];
  client.on('closed', ({ code }) => codes.push(code));
  const follower = following((heard) => follow(client, { careRequestId, ...heard }));
  await follower.isCaughtUp(1);
  proxy.freeze();
  await follower.has('noticed', () => codes.length > 0);
  assert.deepEqual(codes, [4499]);
  await recordCare(care, 'unheard');
  proxy.restore();
  await follower.isCaughtUp(2);
  assert.deepEqual(follower.events(), await eventsOf(care));
  follower.stop();
});

test('a restored backup is told, and the timeline forgets what is not in it', async (t) => {
  const { proxy, url } = await network(t);
  const backup = `${server.folder}-backup`;
  t.after(() => rm(backup, { recursive: true, force: true }));
  const client = await liveClient(t, url, care.owner);
  await server.kill();
  await cp(server.folder, backup, { recursive: true });
  await server.start();
  const kept = await eventsOf(care);
  await recordCare(care, 'lost');
  await recordCare(care, 'lost too');

  const { follow } = await examples.load('graphql-ws.mjs');
  const { emptyTimeline, received } = await examples.load('timeline.mjs');
  let timeline = emptyTimeline();
  const follower = following(({ onMessage, onEnd }) =>
    follow(client, {
      careRequestId: care.careRequestId,
      onMessage(message) {
        timeline = received(timeline, message);
        onMessage(message);
      },
      onEnd,
    }),
  );
  await follower.isCaughtUp(1);
  assert.deepEqual([...timeline.events.keys()], await eventsOf(care));
  assert.equal(timeline.events.size, kept.length + 2);

  proxy.cut();
  await server.kill();
  await rm(server.folder, { recursive: true });
  await cp(backup, server.folder, { recursive: true });
  await server.start();
  await recordCare(care, 'after the backup');
  proxy.restore();
  await follower.isCaughtUp(2);
  assert.deepEqual(follower.of('StreamGap').map(({ gapReason }) => gapReason), ['LOG_RESET']);
  assert.deepEqual([...timeline.events.keys()], await eventsOf(care));
  assert.equal(timeline.events.size, kept.length + 1);
  assert.equal(timeline.live, true);
  assert.equal(timeline.cursor, follower.cursor());
  follower.stop();
});

test('a token that is refused is exchanged once, also for many at a time', async (t) => {
  const { url } = await network(t);
  const { createSession } = await examples.load('session.mjs');
  const { refreshToken } = await logIn(server.url, care.owner);
  const saved = [];
  const session = createSession(url, { accessToken: 'worn', refreshToken }, (tokens) => saved.push(tokens));
  const ask = () =>
    session.fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: '{ viewer { displayName } }' }),
    });
  for (const answer of await Promise.all([ask(), ask(), ask()])) {
    assert.deepEqual((await answer.json()).data, { viewer: { displayName: care.owner.name } });
  }
  assert.equal(saved.length, 1);
  assert.equal(await session.token(), saved[0].accessToken);
});

test('a session that is over is told, and not tried again', async (t) => {
  const { url } = await network(t);
  const { SessionEnded, createSession } = await examples.load('session.mjs');
  const session = createSession(url, { accessToken: 'worn', refreshToken: 'worn too' });
  const asked = session.fetch(`${url}?query={__typename}`, { headers: { accept: 'application/json' } });
  await assert.rejects(asked, SessionEnded);
  await assert.rejects(session.token('worn'), SessionEnded);
});

test('an act whose answer is lost is done once', async (t) => {
  const { proxy, url } = await network(t);
  const session = await sessionOf(care.caretaker, url);
  const { Refused, actOf, send } = await examples.load('outbox.mjs');
  const before = await eventsOf(care);
  const act = actOf(water('from the cellar'));
  proxy.loseAnswers();
  const sent = send(url, session, act);
  const follower = following((heard) => {
    examples.load('graphql-ws.mjs').then(async ({ follow }) => {
      const live = await liveClient(t, `${server.url}/graphql`, care.owner);
      follow(live, { careRequestId: care.careRequestId, ...heard });
    });
    return () => {};
  });
  await follower.hasEvents(before.length + 1);
  proxy.restore();
  const { event, cursor, userErrors } = await sent;
  assert.deepEqual(userErrors, []);
  assert.deepEqual(await eventsOf(care), [...before, event.id]);
  assert.equal((await send(url, session, act)).cursor, cursor);
  const other = await send(url, session, { ...act, amountMl: 1 });
  assert.deepEqual(other.userErrors.map(({ code }) => code), ['IDEMPOTENCY_CONFLICT']);
  await assert.rejects(send(url, session, { ...act, careRequestId: 'damaged' }), Refused);
});

test('the operations fit the schema, and the links lead somewhere', async () => {
  const schema = buildSchema(await readFile(join(REPOSITORY, 'schema.graphql'), 'utf8'));
  const operations = Object.values(await examples.load('operations.mjs'));
  assert.equal(operations.length, 3);
  for (const operation of operations) assert.deepEqual(validate(schema, parse(operation)).map(String), []);
  const text = await readFile(PAGE, 'utf8');
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, title]) => `#${title.toLowerCase().replaceAll(' ', '-')}`);
  for (const [, link] of text.matchAll(/\]\((\S+?)\)/g)) {
    if (link.startsWith('#')) assert.ok(headings.includes(link), link);
    else await assert.doesNotReject(readFile(join(dirname(PAGE), link.split('#')[0])), link);
  }
});
