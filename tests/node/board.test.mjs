// The board of open requests, followed as docs/live-updates.md says.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildSchema, parse, validate } from 'graphql';
import WebSocket from 'ws';
import { logIn, publishedRequest, startedCare } from './care.mjs';
import { writeExamples } from './examples.mjs';
import { following } from './follower.mjs';
import { startProxy } from './proxy.mjs';
import { REPOSITORY, startServer } from './server.mjs';

// Node 20 has none.
globalThis.WebSocket ??= WebSocket;

let server;
let examples;

before(async () => {
  examples = await writeExamples();
  server = await startServer();
});

after(async () => {
  await server?.stop();
  await examples?.remove();
});

test('the operations of the other streams fit the schema', async () => {
  const schema = buildSchema(await readFile(join(REPOSITORY, 'schema.graphql'), 'utf8'));
  for (const operation of Object.values(await examples.load('streams.mjs'))) {
    assert.deepEqual(validate(schema, parse(operation)).map(String), []);
  }
});

test('the board begins with what is open, and goes on with each change once', async (t) => {
  const { owner, caretaker } = await startedCare(server.url);
  const proxy = await startProxy(server.url);
  t.after(() => proxy.stop());
  const url = `${proxy.url}/graphql`;
  const { createSession } = await examples.load('session.mjs');
  const { createLiveClient, resume } = await examples.load('graphql-ws.mjs');
  const { OPEN_REQUESTS } = await examples.load('streams.mjs');
  const client = createLiveClient(url, createSession(url, await logIn(server.url, caretaker)));
  t.after(() => client.dispose());
  const cancel = (careRequestId) =>
    owner.call(
      `mutation ($input: CancelCareRequestInput!) {
        cancelCareRequest(input: $input) { userErrors { code message field } }
      }`,
      { input: { careRequestId } },
    );

  const first = await publishedRequest(owner, 'first');
  const board = following(({ onMessage, onEnd }) =>
    resume(client, { query: OPEN_REQUESTS }, {
      next: ({ data }) => onMessage(data.openCareRequests),
      error: onEnd,
      complete: onEnd,
    }),
  );
  t.after(() => board.stop());
  const told = () =>
    board.messages.flatMap(({ careRequest, careRequestId }) => {
      if (careRequest) return [`+${careRequest.id}`];
      return careRequestId ? [`-${careRequestId}`] : [];
    });
  await board.isCaughtUp(1);
  assert.deepEqual(told(), [`+${first.careRequestId}`]);

  const second = await publishedRequest(owner, 'second');
  await board.has('the second', () => told().length === 2);
  proxy.cut();
  await cancel(first.careRequestId);
  const third = await publishedRequest(owner, 'third');
  proxy.restore();
  await board.isCaughtUp(2);
  await cancel(third.careRequestId);
  await board.has('the last', () => told().at(-1) === `-${third.careRequestId}`);
  assert.deepEqual(told(), [
    `+${first.careRequestId}`,
    `+${second.careRequestId}`,
    `-${first.careRequestId}`,
    `+${third.careRequestId}`,
    `-${third.careRequestId}`,
  ]);
});
