// What only the real images can show (STACK_IMAGES=real): that what the API tells arrives, and is found from one another.
// While the demonstration plays, every query of every dashboard has data, every rule is loaded and evaluates, a trace is
// found from its exemplar, and a log line by its trace.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { grafanaAlerts, promqlQueries, queries, rulerRules } from '../../tests/node/queries.mjs';
import { until } from '../../tests/node/server.mjs';
import { areImagesReal, ask, file, run, script, started } from './stack.mjs';

const GRAFANA = 'http://127.0.0.1:3000';
/** Until everything has come through: scraped each 15 s, a rate needs two, a trace is kept after 10 s and found after 30. */
const PATIENCE_SECONDS = 300;
/** Panels that show trouble, and are empty without it; a word of their titles. */
const TROUBLE = /Error|Failed|Failing|Slow (Traces|Events|Statements)|Gaps/;

suite('the real images', { skip: !areImagesReal }, () => {
  let authorization;
  let demonstration;

  before(async () => {
    await started();
    const password = await file('observability/secrets/grafana_password');
    authorization = `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`;
    demonstration = play();
  });
  after(() => demonstration.stop());

  /** Has the demonstration played again and again. */
  function play() {
    let isOver = false;
    const done = (async () => {
      while (!isOver) await script('demo --pace fast', { expect: 'any' });
    })();
    return { stop: () => ((isOver = true), done) };
  }

  const grafana = async (path) => {
    const answer = await fetch(`${GRAFANA}${path}`, { headers: { authorization } });
    assert.ok(answer.ok, `${path}: ${answer.status} ${await answer.clone().text()}`);
    return answer.json();
  };
  const source = (uid, path, values) => grafana(`/api/datasources/proxy/uid/${uid}${path}?${new URLSearchParams(values)}`);
  const seconds = () => Date.now() / 1000;

  /** Waits until each of them has data. */
  async function haveData(asked, of) {
    let waiting = asked;
    await until(
      async () => {
        const answers = await Promise.all(waiting.map(async (one) => ((await of(one.expr)) ? [] : [one])));
        waiting = answers.flat();
        return waiting.length === 0 ? true : null;
      },
      PATIENCE_SECONDS,
      () => `Without data:\n${waiting.map(({ origin, expr }) => `${origin}: ${expr}`).join('\n')}`,
    );
  }

  test('every panel of metrics has data', async () => {
    const all = (await promqlQueries({ interval: '1m' })).filter(({ kind }) => kind === 'panel');
    const asked = all.flatMap(({ origin, expr, answers }) =>
      TROUBLE.test(origin) ? answers.map((answer) => ({ origin, expr: answer })) : [{ origin, expr }],
    );
    await haveData(asked, async (query) => (await source('mimir', '/api/v1/query', { query })).data.result.length > 0);
  });

  test('every panel of logs has data, where there is no trouble of all levels', async () => {
    // Without trouble there is no line of these two levels; all else of the query must find something.
    const asked = (await queries('logql', { interval: '5m' }))
      .filter(({ kind }) => kind === 'panel')
      .map((query) => ({ ...query, expr: query.expr.replaceAll('WARNING|ERROR', 'INFO|WARNING|ERROR') }));
    await haveData(asked, async (query) => {
      const { data } = await source('loki', '/loki/api/v1/query_range', { query, start: seconds() - 900, end: seconds() });
      return data.result.length > 0;
    });
  });

  test('every panel of traces is answered, and finds what is fast as well', async () => {
    const asked = (await queries('traceql')).filter(({ kind }) => kind === 'panel');
    const find = async (q) => {
      const { traces = [] } = await source('tempo', '/api/search', { q, start: Math.floor(seconds() - 900), end: Math.ceil(seconds()) });
      return traces.length;
    };
    for (const { expr } of asked) await find(expr);
    const fast = asked.filter(({ origin }) => !/Failed/.test(origin));
    await haveData(fast.map((query) => ({ ...query, expr: query.expr.replace(/duration > \d+ms/, 'duration > 1us') })), find);
  });

  test('every rule of Mimir and every alert of Grafana is loaded, and none fails', async () => {
    const mimir = await source('mimir', '/api/v1/rules', {});
    const loaded = mimir.data.groups.flatMap(({ rules }) => rules);
    const names = new Set(loaded.map(({ name }) => name));
    for (const { record, alert } of await rulerRules()) assert.ok(names.has(record ?? alert), record ?? alert);
    const own = await grafana('/api/prometheus/grafana/api/v1/rules');
    const alerts = own.data.groups.flatMap(({ rules }) => rules);
    for (const { title } of await grafanaAlerts()) assert.ok(alerts.some(({ name }) => name === title), title);
    await until(
      async () => [...loaded, ...alerts].every(({ health }) => !/^err/.test(health)) || null,
      60,
      () => JSON.stringify([...loaded, ...alerts].filter(({ health }) => /^err/.test(health))),
    );
  });

  test('a trace is found from its exemplar, and its log lines by its id', async () => {
    let found;
    await until(
      async () => {
        const { data } = await source('mimir', '/api/v1/query_exemplars', {
          query: 'plant_care_request_duration_seconds_bucket', start: seconds() - 900, end: seconds(),
        });
        const ids = data.flatMap(({ exemplars }) => exemplars.map(({ labels }) => labels.trace_id));
        for (const id of ids.reverse()) {
          const trace = await fetch(`http://127.0.0.1:3200/api/traces/${id}`);
          const query = `{service="plant-care-api"} | trace_id="${id}"`;
          const lines = await source('loki', '/loki/api/v1/query_range', { query, start: seconds() - 900, end: seconds() });
          if (trace.ok && lines.data.result.length > 0) return (found = id);
        }
        return null;
      },
      PATIENCE_SECONDS,
      () => 'no exemplar whose trace and log lines are there',
    );
    assert.match(found, /^[0-9a-f]{32}$/);
  });

  test('each store is scraped, so is every replica, and the host is known', async () => {
    const asked = ['loki', 'tempo', 'mimir', 'grafana', 'plant-care-api'].map((job) => ({ origin: job, expr: `up{job="${job}"} == 1` }));
    asked.push({ origin: 'host', expr: 'node_memory_MemAvailable_bytes' }, { origin: 'postgres', expr: 'pg_up == 1' });
    await haveData(asked, async (query) => (await source('mimir', '/api/v1/query', { query })).data.result.length > 0);
  });

  test('each program took its configuration without complaint', async () => {
    for (const service of ['alloy', 'loki', 'tempo', 'mimir', 'grafana']) {
      const { output } = await run('docker', ['logs', `plant-care-${service}-1`]);
      assert.doesNotMatch(output, /unknown field|field .* not found|deprecated.*will be removed|failed to (load|parse)/i, service);
    }
    assert.equal((await ask('{ __typename }')).status, 200);
  });
});
