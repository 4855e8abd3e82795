// Followers and writers, while the stack under them changes: node load.mjs URL. Writes 50 care records a second, each with a
// key of its own, and four followers read them; until stdin closes. Then one line of JSON says what was lost, what came
// twice, and what was not answered. A program of its own, because whom it trusts (NODE_EXTRA_CA_CERTS) is read at the start.
import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { logIn, startedCare } from '../../tests/node/care.mjs';
import { writeExamples } from '../../tests/node/examples.mjs';
import { following } from '../../tests/node/follower.mjs';
import { REPOSITORY, until } from '../../tests/node/server.mjs';

const WRITES_PER_SECOND = 50;
/** A request that was not answered well is sent once more, after this. */
const AGAIN_AFTER_MS = 250;
const PATIENCE_SECONDS = 60;

const { default: WebSocket } = await import(createRequire(join(REPOSITORY, 'tests/node/package.json')).resolve('ws'));

const RECORD = `mutation ($input: RecordCareInput!) {
  recordCare(input: $input) { event { id } userErrors { code message } }
}`;
const TIMELINE = `query ($id: ID!, $after: String) {
  careRequest(id: $id) {
    timeline(first: 100, after: $after) { edges { node { id } } pageInfo { hasNextPage endCursor } }
  }
}`;

const url = process.argv[2];
const told = { written: 0, repeated: 0, failed: [], longestPauseMs: 0 };
const examples = await writeExamples();
try {
  const suffix = Date.now().toString(36);
  const cares = [];
  for (const number of [1, 2]) {
    cares.push(await startedCare(url, [`Olive${number}${suffix}`, `Carl${number}${suffix}`]));
  }
  const followers = await Promise.all(cares.flatMap((care) => [care.owner, care.caretaker].map((who) => follow(care, who))));
  await Promise.all(followers.map(({ follower }) => follower.isCaughtUp(1)));
  console.log('{"ready":true}');

  const ended = new Promise((resolve) => process.stdin.on('end', resolve).resume());
  let isOver = false;
  ended.then(() => (isOver = true));
  const open = new Set();
  let lastAnswer = performance.now();
  const answered = () => {
    const now = performance.now();
    told.longestPauseMs = Math.max(told.longestPauseMs, Math.round(now - lastAnswer));
    lastAnswer = now;
  };
  const started = performance.now();
  for (let number = 0; !isOver; number += 1) {
    // Open loop: what is late is not waited for.
    await pause(Math.max(0, started + (number * 1000) / WRITES_PER_SECOND - performance.now()));
    const writing = record(cares[number % cares.length], answered).finally(() => open.delete(writing));
    open.add(writing);
  }
  await Promise.all(open);
  told.seconds = Math.round((performance.now() - started) / 1000);
  Object.assign(told, await verdict(cares, followers));
  for (const { follower, client } of followers) {
    follower.stop();
    await client.dispose();
  }
} finally {
  await examples.remove();
}
console.log(JSON.stringify(told));
process.exit(0);

async function follow(care, who) {
  const { createSession } = await examples.load('session.mjs');
  const { createLiveClient, follow } = await examples.load('graphql-ws.mjs');
  const session = createSession(`${url}/graphql`, await logIn(url, who));
  const client = createLiveClient(`${url}/graphql`, session, { webSocketImpl: WebSocket });
  const follower = following((heard) => follow(client, { careRequestId: care.careRequestId, ...heard }));
  return { care, client, follower };
}

/** Writes one record, once more if it must be. */
async function record({ caretaker, careRequestId, plantId }, answered) {
  const input = { careRequestId, plantId, kind: 'WATER', amountMl: 250, idempotencyKey: randomUUID() };
  for (const isLast of [false, true]) {
    const problem = await attempt(caretaker.token, input);
    if (!problem) {
      told.written += 1;
      return answered();
    }
    if (isLast) told.failed.push(problem);
    else told.repeated += 1;
    await pause(AGAIN_AFTER_MS);
  }
}

/** What is wrong with the answer to a write; nothing if it was written. */
async function attempt(token, input) {
  try {
    const answer = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ query: RECORD, variables: { input } }),
    });
    const text = await answer.text();
    return answer.ok && JSON.parse(text).data?.recordCare?.event ? undefined : `${answer.status} ${text.slice(0, 300)}`;
  } catch (error) {
    return `${error.message}: ${error.cause?.message ?? ''}`;
  }
}

/** What each follower lacks, or has twice or in another order, compared with the timeline. */
async function verdict(cares, followers) {
  let lost = 0;
  let doubled = 0;
  let disordered = 0;
  for (const care of cares) {
    const events = await timeline(care);
    for (const { follower } of followers.filter((one) => one.care === care)) {
      const complaint = () => `A follower has ${follower.events().length} of ${events.length} events`;
      await until(
        () => new Set(follower.events()).size >= events.length || null,
        PATIENCE_SECONDS,
        complaint,
      ).catch(() => {});
      const seen = follower.events();
      const unique = new Set(seen);
      lost += events.filter((id) => !unique.has(id)).length;
      doubled += seen.length - unique.size;
      disordered += [...unique].filter((id, at) => id !== events[at]).length;
    }
  }
  const resumes = followers.reduce((sum, { follower }) => sum + follower.of('StreamCaughtUp').length - 1, 0);
  return { lost, doubled, disordered, resumes };
}

async function timeline({ owner, careRequestId }) {
  const ids = [];
  for (let after; ; ) {
    const { careRequest } = await owner.call(TIMELINE, { id: careRequestId, after });
    const { edges, pageInfo } = careRequest.timeline;
    ids.push(...edges.map(({ node }) => node.id));
    if (!pageInfo.hasNextPage) return ids;
    after = pageInfo.endCursor;
  }
}
