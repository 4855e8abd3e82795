// A real Prometheus that scrapes a real server: the numbers are right, and every PromQL query of the dashboards, rules,
// alerts and documents has an answer.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { createClient as createEventClient } from 'graphql-sse';
import { createClient as createSocketClient } from 'graphql-ws';
import WebSocket from 'ws';
import { startedCare } from './care.mjs';
import { following } from './follower.mjs';
import { promtool, startPrometheus } from './prometheus.mjs';
import { promqlQueries, selectorsOf } from './queries.mjs';
import { PATIENCE_SECONDS, PROGRAM, startServer, until } from './server.mjs';

/** Series that are made outside the API, and not by Prometheus itself. */
const ELSEWHERE = ['pg_up', 'node_memory_MemAvailable_bytes', 'node_memory_MemTotal_bytes', 'up{job="mimir"}'];
/** What a panel looks back on. */
const INTERVAL = '1m';
/** How long every query may take to have an answer: lag is sampled each 5 s, and a rate needs two samples. */
const ANSWER_SECONDS = 30;
/** What must have moved before the queries are believed: a rate of nothing is an answer too. */
const MOVED = [
  `sum(rate(plant_care_live_backfill_entries_total[${INTERVAL}]))`,
  `sum(rate(plant_care_live_gaps_total{reason="log_reset"}[${INTERVAL}]))`,
  `sum(rate(plant_care_live_subscriptions_ended_total{reason="client"}[${INTERVAL}]))`,
  `min(sum by (field, stage) (rate(plant_care_live_delivery_seconds_count[${INTERVAL}])))`,
  `sum(rate(plant_care_telemetry_dropped_total[${INTERVAL}]))`,
  `sum(rate(graphql_server_request_duration_seconds_count{outcome="client_error"}[${INTERVAL}]))`,
  `sum(rate(graphql_resolver_errors_total{type="Query", field="careRequests"}[${INTERVAL}]))`,
  'min(plant_care_live_connections)',
  'min(plant_care_live_subscriptions)',
];
/** The trace that a client begins. */
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const POSTS = 'plant_care_request_duration_seconds_count{method="POST", route="/graphql", status_code="200"}';
const INSERTS = 'plant_care_database_query_duration_seconds_count{operation="INSERT", table="users"}';

/** What the operators' metrics are after the care of `startedCare` and a comment, and after one demo besides. */
const STORY = [
  ['plant_care_user_registrations_total{user_type="member"}', 2, 5],
  ['plant_care_plant_creations_total{owner_type="member"}', 1, 4],
  ...Object.entries({
    created: [1, 2], published: [1, 2], offered: [1, 3], accepted: [1, 2], declined: [0, 1], offer_withdrawn: [0, 0],
    start: [1, 2], end: [0, 1], confirmed: [0, 1], ended_early: [0, 0], withdrawn: [0, 0], cancelled: [0, 0],
    expired: [0, 0], reopened: [0, 0],
  }).map(([action, values]) => [`plant_care_care_requests_total{action="${action}"}`, ...values]),
  ['plant_care_comments_created_total{kind="comment"}', 1, 4],
  ['plant_care_comments_created_total{kind="advice"}', 0, 0],
  ['plant_care_active_users', 2, 5],
  ['plant_care_plants_in_care', 1, 1],
  [INSERTS, 2, 5],
];

let server;
let prometheus;
let care;

before(async () => {
  // Nobody listens there: spans are made and dropped.
  server = await startServer({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' });
  prometheus = await startPrometheus(server.management);
  care = await startedCare(server.url);
});

after(async () => {
  await prometheus?.stop();
  await server?.stop();
});

const DEMO = () => ['demo', '--url', server.url, '--pace', 'fast'];

/** Waits until the server is scraped after what has happened so far. */
async function scraped() {
  // The gauges are read from the database once a second.
  const since = Date.now() + 1000;
  await until(
    async () => (await prometheus.samples('plant_care_build_info')).some(({ at }) => at > since) || null,
    PATIENCE_SECONDS,
    () => 'Prometheus does not scrape the server',
  );
}

/** The value of the one series that a query has. */
async function valueOf(expr) {
  const series = await prometheus.query(expr);
  assert.equal(series.length, 1, `${expr}: ${JSON.stringify(series)}`);
  return series[0].value;
}

/** Sends an operation, and does not mind its errors. */
async function send(token, query, variables, headers) {
  const answer = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}`, ...headers },
    body: JSON.stringify({ query, variables }),
  });
  return answer.json();
}

const TIMELINE = `subscription Timeline($id: ID!, $after: String) {
  careEvents(careRequestId: $id, after: $after) {
    __typename ... on CareEventDelivered { event { id } } ... on StreamCaughtUp { cursor } ... on StreamGap { reason }
  }
}`;

/** Follows a subscription by `live`. */
function followed(live, query, variables) {
  return following(({ onMessage, onEnd }) =>
    live.subscribe({ query, variables }, {
      next: ({ data, errors }) => (errors ? onEnd(errors) : onMessage(Object.values(data)[0])),
      error: onEnd,
      complete: () => {},
    }),
  );
}

/** The owner's clients by websocket and by server-sent events, gone when the test ends. */
function clients(t) {
  const url = `${server.url}/graphql`;
  const headers = { authorization: `Bearer ${care.owner.token}` };
  const connection = { webSocketImpl: WebSocket, connectionParams: headers };
  const socket = createSocketClient({ url: url.replace('http', 'ws'), ...connection });
  const events = createEventClient({ url, headers });
  t.after(() => Promise.all([socket.dispose(), events.dispose()]));
  return { socket, events };
}

const comment = (body, headers) =>
  send(
    care.caretaker.token,
    'mutation Comment($input: AddCommentInput!) { addComment(input: $input) { userErrors { code } } }',
    { input: { careRequestId: care.careRequestId, body } },
    headers,
  );

test('what members do is counted once, and the gauges are right', async () => {
  assert.deepEqual((await comment('All is well.')).data, { addComment: { userErrors: [] } });
  const values = async () => {
    await scraped();
    return Object.fromEntries(await Promise.all(STORY.map(async ([series]) => [series, await valueOf(series)])));
  };
  const expected = (at) => Object.fromEntries(STORY.map(([series, ...numbers]) => [series, numbers[at]]));
  assert.deepEqual(await values(), expected(0));
  // Two registrations, a plant, its request, an offer, its acceptance, the start and the comment.
  assert.equal(await valueOf(POSTS), 8);
  await promisify(execFile)(PROGRAM, DEMO());
  assert.deepEqual(await values(), expected(1));
  const operations = 'graphql_server_request_duration_seconds_count{operation_type=~"query|mutation"}';
  // Each operation of the demo but its subscriptions is a request of its own.
  assert.ok((await valueOf(POSTS)) > 8 + 20);
  assert.equal(await valueOf(`sum(${operations}) - on () ${POSTS}`), 0);
});

test('an exemplar leads to the trace of what it measures', async (t) => {
  const follower = followed(clients(t).socket, TIMELINE, { id: care.careRequestId });
  await follower.isCaughtUp(1);
  const past = follower.events().length;
  await comment('Look at this.', { traceparent: `00-${TRACE}-b7ad6b7169203331-01` });
  await follower.hasEvents(past + 1);
  for (const name of [
    'plant_care_live_delivery_seconds_bucket',
    'graphql_server_request_duration_seconds_bucket',
    'plant_care_request_duration_seconds_bucket',
    'plant_care_database_query_duration_seconds_bucket',
    'graphql_resolver_duration_seconds_bucket',
  ]) {
    await until(
      async () => (await prometheus.exemplars(name)).some(({ labels }) => labels.trace_id === TRACE) || null,
      PATIENCE_SECONDS,
      () => `No exemplar of ${name} has the comment's trace`,
    );
    const traces = (await prometheus.exemplars(name)).map(({ labels }) => labels.trace_id);
    for (const trace of traces) assert.match(trace, /^[0-9a-f]{32}$/, name);
    // Those that began here, of the demo.
    assert.ok(traces.some((trace) => trace !== TRACE), `${name} has none but the trace of the comment`);
  }
});

test('after a crash the gauges are right at the first scrape', async () => {
  await server.kill();
  const killed = Date.now();
  await server.start();
  for (const [gauge, expected] of [['plant_care_active_users', 5], ['plant_care_plants_in_care', 1]]) {
    const first = await until(
      async () => (await prometheus.samples(gauge)).find(({ at }) => at > killed) ?? null,
      PATIENCE_SECONDS,
      () => `${gauge} is not scraped after the restart`,
    );
    assert.equal(first.value, expected, gauge);
  }
});

/** Comes with the cursor of another log: one whose last event is not the one that stands there. */
async function comesFromAnotherLog(live) {
  const id = care.careRequestId;
  const here = followed(live, TIMELINE, { id });
  await here.isCaughtUp(1);
  const cursor = Buffer.from(here.of('StreamCaughtUp')[0].cursor, 'base64url');
  cursor[cursor.length - 1] ^= 1;
  const stranger = followed(live, TIMELINE, { id, after: cursor.toString('base64url') });
  await stranger.has('a gap', ({ of }) => of('StreamGap').length > 0);
  stranger.stop();
}

/** The demonstration again and again, until the test has ended: then it says that nothing was missed. */
function demonstration(t) {
  const child = spawn(PROGRAM, [...DEMO(), '--loop'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
  const ended = once(child, 'close');
  t.after(async () => {
    child.kill('SIGINT');
    const [code] = await ended;
    assert.equal(code, 0, output);
    assert.match(output, /no gap, no double/);
  });
}

test('every query of PromQL has an answer', async (t) => {
  demonstration(t);
  const { socket, events } = clients(t);
  for (const live of [socket, events]) followed(live, TIMELINE, { id: care.careRequestId });
  followed(socket, 'subscription Feed { myFeed { __typename } }');
  followed(events, 'subscription Board { openCareRequests { __typename } }');
  await comesFromAnotherLog(socket);
  const waiting = [...(await askedFor()), ...MOVED.map((expr) => ({ origin: 'moved', expr: `${expr} > 0` }))];
  await until(
    async () => {
      // Something happens to her care and in her feed, and somebody makes a mistake.
      await comment('Still well.');
      await send(care.owner.token, 'query Board { careRequests(first: 1, after: "nowhere") { totalCount } }');
      const without = await Promise.all(waiting.map(async ({ expr }) => {
        const series = await prometheus.query(expr);
        return !series.some(({ value }) => Number.isFinite(value));
      }));
      waiting.splice(0, waiting.length, ...waiting.filter((_, at) => without[at]));
      return waiting.length === 0 || null;
    },
    ANSWER_SECONDS,
    () => `Without an answer:\n${waiting.map(({ origin, expr }) => `${origin}: ${expr}`).join('\n')}`,
  );
  const { groups } = await prometheus.ask('rules');
  const ill = groups.flatMap(({ rules }) => rules).filter(({ health }) => health !== 'ok');
  assert.deepEqual(ill.map(({ name, lastError }) => `${name}: ${lastError}`), []);
});

/** What the queries ask for while all is well, but for what is made elsewhere. */
async function askedFor() {
  const asked = [];
  const excused = new Set();
  for (const { origin, expr, answers } of await promqlQueries({ interval: INTERVAL })) {
    const series = selectorsOf(expr).map(({ name, matchers }) => {
      const inner = matchers.map(({ label, operator, value }) => `${label}${operator}"${value}"`).join(', ');
      return [name, `${name}{${inner}}`].find((one) => ELSEWHERE.includes(one));
    });
    // One with a part that is made here has an answer of that part.
    if (series.length > 0 && series.every(Boolean)) for (const one of series) excused.add(one);
    else asked.push(...answers.map((answer) => ({ origin, expr: answer })));
  }
  assert.ok(asked.length > 150, `Only ${asked.length} queries are found`);
  assert.deepEqual([...excused].sort(), [...ELSEWHERE].sort());
  return asked;
}

test('the plain text of the metrics is as promtool wants it', async () => {
  const answer = await fetch(`http://${server.management}/metrics`);
  assert.match(answer.headers.get('content-type'), /^text\/plain; version=0\.0\.4/);
  assert.equal(await promtool(['check', 'metrics'], await answer.text()), '');
});
