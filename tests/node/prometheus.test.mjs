// A real Prometheus that scrapes a real server: every PromQL query of the dashboards, rules, alerts and documents has an
// answer, and the numbers are right.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createClient as createEventClient } from 'graphql-sse';
import { createClient as createSocketClient } from 'graphql-ws';
import WebSocket from 'ws';
import { startedCare } from './care.mjs';
import { promtool, startPrometheus } from './prometheus.mjs';
import { promqlQueries, selectorsOf } from './queries.mjs';
import { PATIENCE_SECONDS, PROGRAM, startServer, until } from './server.mjs';

/** Series that are made outside the API, and not by Prometheus itself. */
const ELSEWHERE = ['pg_up', 'node_memory_MemAvailable_bytes', 'node_memory_MemTotal_bytes', 'up{job="mimir"}'];
/** What a panel looks back on. */
const INTERVAL = '1m';
/** How long every query may take to have an answer: lag is sampled each 5 s, and a rate needs two samples. */
const ANSWER_SECONDS = 40;
/** Whoever sends it is traced as this. */
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
});

after(async () => {
  await prometheus?.stop();
  await server?.stop();
});

const demo = (...words) => promisify(execFile)(PROGRAM, ['demo', '--url', server.url, '--pace', 'fast', ...words]);

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

/** Follows by `live` what the owner may: what came so far, by subscription, and the `cursor` of her care's last entry. */
function followAll(live) {
  const { careRequestId } = care;
  const heard = { ends: [], careEvents: 0, myFeed: 0, openCareRequests: 0 };
  const follow = (field, query, variables) => {
    const told = ({ data, errors }) => {
      if (errors) return heard.ends.push(errors);
      heard.cursor = data.careEvents?.cursor ?? heard.cursor;
      heard[field] += 1;
    };
    const end = (problem) => heard.ends.push(problem);
    live.subscribe({ query, variables }, { next: told, error: end, complete: () => {} });
  };
  const cursor = '... on CareEventDelivered { cursor } ... on StreamCaughtUp { cursor } ... on StreamPosition { cursor }';
  const entries = `subscription Timeline($id: ID!) { careEvents(careRequestId: $id) { __typename ${cursor} } }`;
  follow('careEvents', entries, { id: careRequestId });
  follow('myFeed', 'subscription Feed { myFeed { __typename } }');
  follow('openCareRequests', 'subscription Board { openCareRequests { __typename } }');
  return heard;
}

/** A follower of all three by a websocket, and one by server-sent events. */
function followers(t) {
  const url = `${server.url}/graphql`;
  const headers = { authorization: `Bearer ${care.owner.token}` };
  const socket = createSocketClient({
    url: url.replace('http', 'ws'),
    webSocketImpl: WebSocket,
    connectionParams: headers,
  });
  const events = createEventClient({ url, headers });
  t.after(() => Promise.all([socket.dispose(), events.dispose()]));
  return [followAll(socket), followAll(events)];
}

const comment = (body, headers) =>
  send(
    care.caretaker.token,
    'mutation Comment($input: AddCommentInput!) { addComment(input: $input) { userErrors { code } } }',
    { input: { careRequestId: care.careRequestId, body } },
    headers,
  );

test('what members do is counted once, and the gauges are right', async () => {
  care = await startedCare(server.url);
  assert.deepEqual((await comment('All is well.')).data, { addComment: { userErrors: [] } });
  const values = async () => {
    await scraped();
    return Object.fromEntries(await Promise.all(STORY.map(async ([series]) => [series, await valueOf(series)])));
  };
  const expected = (at) => Object.fromEntries(STORY.map(([series, ...numbers]) => [series, numbers[at]]));
  assert.deepEqual(await values(), expected(0));
  // Two registrations, a plant, its request, an offer, its acceptance, the start and the comment.
  assert.equal(await valueOf(POSTS), 8);
  await demo();
  assert.deepEqual(await values(), expected(1));
  const operations = 'graphql_server_request_duration_seconds_count{operation_type=~"query|mutation"}';
  // Each operation of the demo but its subscriptions is a request of its own.
  assert.ok((await valueOf(POSTS)) > 8 + 20);
  assert.equal(await valueOf(`sum(${operations}) - on () ${POSTS}`), 0);
});

test('an exemplar leads to the trace of what it measures', async (t) => {
  const [heard] = followers(t);
  const comments = heard.careEvents;
  const told = (count, what) => until(
    () => heard.careEvents >= count || null,
    PATIENCE_SECONDS,
    () => `${what} is not told: ${JSON.stringify(heard)}`,
  );
  await told(comments + 1, 'The past');
  const before = heard.careEvents;
  await comment('Look at this.', { traceparent: `00-${TRACE}-b7ad6b7169203331-01` });
  await told(before + 1, 'The comment');
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
    for (const { labels } of await prometheus.exemplars(name)) assert.match(labels.trace_id, /^[0-9a-f]{32}$/, name);
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

test('every query of PromQL has an answer', async (t) => {
  const stopping = new AbortController();
  const playing = promisify(execFile)(PROGRAM, ['demo', '--url', server.url, '--pace', 'fast', '--loop'], {
    signal: stopping.signal,
    killSignal: 'SIGINT',
  });
  t.after(async () => {
    stopping.abort();
    await assert.rejects(playing, { name: 'AbortError' });
  });
  const both = followers(t);
  const asked = (await promqlQueries({ interval: INTERVAL })).flatMap(({ origin, expr, answers }) => {
    const elsewhere = ({ name, matchers }) => {
      const inner = matchers.map(({ label, operator, value }) => `${label}${operator}"${value}"`).join(', ');
      return ELSEWHERE.includes(name) || ELSEWHERE.includes(`${name}{${inner}}`);
    };
    const selectors = selectorsOf(expr);
    if (selectors.length > 0 && selectors.every(elsewhere)) return [];
    return answers.map((answer) => ({ origin, answer }));
  });
  assert.ok(asked.length > 150, `Only ${asked.length} queries are found`);
  let waiting = asked;
  await until(
    async () => {
      const hasNone = await Promise.all(waiting.map(async ({ answer }) => {
        const series = await prometheus.query(answer);
        return !series.some(({ value }) => Number.isFinite(value));
      }));
      waiting = waiting.filter((_, at) => hasNone[at]);
      return waiting.length === 0 || null;
    },
    ANSWER_SECONDS,
    () => `Without an answer:\n${waiting.map(({ origin, answer }) => `${origin}: ${answer}`).join('\n')}`,
  );
});

test('the plain text of the metrics is as promtool wants it', async () => {
  const answer = await fetch(`http://${server.management}/metrics`);
  assert.match(answer.headers.get('content-type'), /^text\/plain; version=0\.0\.4/);
  assert.equal(await promtool(['check', 'metrics'], await answer.text()), '');
});
