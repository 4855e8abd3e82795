// The rules of Mimir's ruler and the alerts of Grafana, by promtool: whether they are understood, and when they fire.
import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { parse, stringify } from 'yaml';
import { promtool } from './prometheus.mjs';
import { FOLDER, RULES, grafanaAlerts, rulerRules } from './queries.mjs';
import { REPOSITORY } from './server.mjs';

const TESTS = join(FOLDER, 'mimir/tests');
const alerts = await grafanaAlerts();
const rules = await rulerRules();
const tests = (await readdir(TESTS)).sort();
const page = await readFile(join(REPOSITORY, 'docs/observability.md'), 'utf8');

suite('with promtool', () => {
  let folder;

  /** A folder like observability/mimir, whose alerts have their summary alone: the tests spell it out. */
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'plant-care-rules-'));
    await mkdir(join(folder, 'rules/anonymous'), { recursive: true });
    for (const name of await readdir(RULES)) {
      const file = parse(await readFile(join(RULES, name), 'utf8'));
      for (const rule of file.groups.flatMap((group) => group.rules)) {
        if (rule.annotations) rule.annotations = { summary: rule.annotations.summary };
      }
      await writeFile(join(folder, 'rules/anonymous', name), stringify(file));
    }
    const group = { name: 'grafana', rules: alerts.map(({ rule }) => rule) };
    await writeFile(join(folder, 'rules/grafana.yaml'), stringify({ groups: [group] }));
    await cp(TESTS, join(folder, 'tests'), { recursive: true });
  });

  after(() => rm(folder, { recursive: true }));

  test('every rule and its templates are understood', async () => {
    const files = (await readdir(RULES)).map((name) => join(RULES, name));
    const said = await promtool(['check', 'rules', ...files, join(folder, 'rules/grafana.yaml')]);
    const found = [...said.matchAll(/SUCCESS: (\d+) rules found/g)].map(([, count]) => Number(count));
    assert.equal(found.reduce((sum, count) => sum + count), rules.length + alerts.length, said);
  });

  for (const name of tests) {
    test(`the rules do what ${name} says`, async () => {
      assert.match(await promtool(['test', 'rules', join(folder, 'tests', name)]), /SUCCESS/);
    });
  }
});

test('every alert is shown to fire and not to fire', async () => {
  const shown = { true: new Set(), false: new Set() };
  for (const name of tests) {
    const file = parse(await readFile(join(TESTS, name), 'utf8'));
    for (const { alertname, exp_alerts: expected } of file.tests.flatMap((one) => one.alert_rule_test)) {
      shown[expected.length > 0].add(alertname);
    }
  }
  const names = [...rules.map(({ alert }) => alert).filter(Boolean), ...alerts.map(({ title }) => title)].sort();
  assert.ok(names.length > 10, 'Too few alerts are found');
  assert.deepEqual([...shown.true].sort(), names);
  assert.deepEqual([...shown.false].sort(), names);
});

test('every alert says how bad it is, what it is, and where to read on', () => {
  const headings = [...page.matchAll(/^#+ (.*)$/gm)];
  const anchors = headings.map(([, heading]) => `docs/observability.md#${heading.toLowerCase().replaceAll(' ', '-')}`);
  const all = [...rules.filter(({ alert }) => alert), ...alerts];
  for (const { alert, title, labels, annotations } of all) {
    const name = alert ?? title;
    for (const part of ['summary', 'description', 'runbook_url']) assert.ok(annotations[part], `${name} has no ${part}`);
    // What Grafana passes on from the ruler has the severity and the page of the alert itself.
    if (name === 'Ruler Alert') continue;
    assert.ok(['critical', 'warning'].includes(labels.severity), name);
    assert.equal(annotations.runbook_url, `docs/observability.md#${name.toLowerCase().replaceAll(' ', '-')}`);
    assert.ok(anchors.includes(annotations.runbook_url), `${annotations.runbook_url} leads nowhere`);
  }
});

test('the windows of the objectives differ in nothing but the window', () => {
  const recorded = rules.filter(({ group, record }) => group === 'plant-care-slo' && record);
  const kinds = new Map();
  for (const rule of recorded) {
    const [kind] = rule.record.split('rate');
    kinds.set(kind, [...(kinds.get(kind) ?? []), rule]);
  }
  assert.equal(kinds.size, 3);
  for (const [kind, same] of kinds) {
    const windows = same.map(({ record }) => /rate(\w+)$/.exec(record)[1]);
    assert.deepEqual(windows, ['5m', '30m', '1h', '2h', '6h', '1d', '3d'], kind);
    const shapes = same.map(({ expr }, at) => expr.replaceAll(`[${windows[at]}]`, '[window]'));
    assert.equal(new Set(shapes).size, 1, kind);
  }
});

test('the alerts on the objectives have the windows and factors of the page', () => {
  const burns = { Fast: [[14.4, '1h', '5m'], [6, '6h', '30m']], Slowly: [[3, '1d', '2h'], [1, '3d', '6h']] };
  for (const [kind, budget] of [['availability', 0.005], ['latency', 0.05]]) {
    for (const [speed, pairs] of Object.entries(burns)) {
      const name = `${kind[0].toUpperCase()}${kind.slice(1)}Burns${speed}`;
      const { expr, for: time } = rules.find(({ alert }) => alert === name);
      assert.equal(time, { Fast: '2m', Slowly: '15m' }[speed]);
      const errors = `plant_care:slo_${kind}_errors:ratio_rate`;
      const parts = pairs.map(([factor, long, short]) => {
        const limit = `${factor} * ${budget}`;
        return `( ${errors}${long} > ${limit} and ${errors}${short} > ${limit} and plant_care:slo_requests:rate${long} > 0.02 )`;
      });
      assert.equal(expr.replace(/\s+/g, ' ').trim(), parts.join(' or '));
      for (const [factor, long, short] of pairs) {
        assert.match(page, new RegExp(`^\\| ${factor} times \\| ${long} and ${short} \\|.*\\| ${speed === 'Fast' ? 'critical' : 'warning'} \\|$`, 'm'));
      }
    }
  }
});

test('Grafana takes the alerts', () => {
  const unique = (values) => assert.equal(new Set(values).size, values.length, String(values));
  unique(alerts.map(({ uid }) => uid));
  unique(alerts.map(({ title }) => title));
  for (const { uid, title, condition, data, for: time, noDataState, execErrState, annotations, labels } of alerts) {
    assert.match(uid, /^[a-z0-9-]{1,40}$/, title);
    assert.deepEqual(data.map(({ refId }) => refId), ['A', 'C'], title);
    assert.equal(condition, 'C', title);
    assert.match(time, /^\d+[sm]$/, title);
    assert.ok(['OK', 'NoData'].includes(noDataState), title);
    assert.equal(execErrState, 'Error', title);
    const [query, threshold] = data;
    assert.deepEqual([query.datasourceUid, threshold.datasourceUid], ['mimir', '__expr__'], title);
    assert.equal(threshold.model.type, 'threshold', title);
    assert.equal(threshold.model.expression, 'A', title);
    for (const { refId, model, relativeTimeRange } of data) {
      assert.equal(model.refId, refId, title);
      // A range of nothing is refused at the start.
      assert.ok(relativeTimeRange.from > relativeTimeRange.to, title);
    }
    // Grafana would look for an environment variable.
    assert.doesNotMatch(JSON.stringify({ data, annotations, labels: labels ?? {} }), /\$/, title);
  }
});
