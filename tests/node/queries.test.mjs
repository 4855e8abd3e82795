// Every query of the dashboards, rules, alerts and documents: understood by its language's grammar, and about what there
// is. And the dashboards themselves.
import assert from 'node:assert/strict';
import { access, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { files } from '../../observability/grafana/dashboards.mjs';
import {
  FOLDER, LOG_FIELDS, RESOURCE_ATTRIBUTES, SPAN_ATTRIBUTES, STREAM_LABELS, answersOf, dashboards, exploredBy,
  filledIn, grafanaAlerts, groupedBy, linksOf, metrics, misunderstood, nodesOf, panelsOf, promqlQueries, quantileLimits,
  queries, rulerRules, selectorsOf,
} from './queries.mjs';
import { REPOSITORY } from './server.mjs';

const known = await metrics();
const rules = await rulerRules();
const page = await readFile(join(REPOSITORY, 'docs/observability.md'), 'utf8');
const RATES = ['rate', 'irate', 'increase', 'changes', 'resets'];

/** Every series there can be: its metric, and the labels it has with the values they can have (null: any). */
const everySeries = new Map();
const scraped = Object.fromEntries(known.scrape_labels.map((label) => [label, null]));
for (const metric of known.metrics) {
  const labels = { ...scraped, ...metric.labels };
  if (metric.type !== 'histogram') everySeries.set(metric.name, { metric, counts: metric.type === 'counter', labels });
  else {
    for (const part of ['sum', 'count']) everySeries.set(`${metric.name}_${part}`, { metric, counts: true, labels });
    const le = metric.edges ? [...metric.edges.map(String), '+Inf'] : null;
    everySeries.set(`${metric.name}_bucket`, { metric, counts: true, labels: { ...labels, le } });
  }
}
for (const { record, expr } of rules.filter(({ record }) => record)) {
  const labels = Object.fromEntries(groupedBy(expr).map((label) => [label, null]));
  everySeries.set(record, { metric: { name: record }, counts: false, labels });
}

/** What is wrong with a PromQL query, in sentences. */
function faultsOf(expr) {
  const selectors = selectorsOf(expr);
  const faults = [];
  for (const { name, matchers, around } of selectors) {
    const series = everySeries.get(name);
    if (!series) {
      faults.push(`There is no ${name}`);
      continue;
    }
    const rated = around.some((one) => RATES.includes(one));
    if (series.counts !== rated && !around.includes('absent')) {
      faults.push(series.counts ? `${name} counts, and has no rate` : `${name} does not count, and has a rate`);
    }
    // Each replica reads the same from the database: a sum would count it several times.
    if (series.metric.shared && around[0] !== 'max') faults.push(`${name} is not the max of the replicas`);
    for (const { label, operator, value } of matchers) {
      if (!(label in series.labels)) {
        faults.push(`${name} has no label ${label}`);
        continue;
      }
      const possible = series.labels[label];
      const asked = operator.endsWith('~') ? value.split('|') : [value];
      if (!possible || asked.includes('.+')) continue;
      for (const one of asked) if (!possible.includes(one)) faults.push(`${label} of ${name} is never ${one}`);
    }
  }
  const made = [...expr.matchAll(/label_(?:join|replace)\(.*?\}, "(\w+)"/gs)].map(([, label]) => label);
  const labels = new Set([...made, ...selectors.flatMap(({ name }) => Object.keys(everySeries.get(name)?.labels ?? {}))]);
  for (const label of groupedBy(expr)) if (!labels.has(label)) faults.push(`Nothing in it has the label ${label}`);
  return faults;
}

const complaints = (all, faults) =>
  all.flatMap((query) => faults(query).map((fault) => `${query.origin}: ${fault}\n  ${query.expr}`)).join('\n');

for (const language of ['promql', 'logql', 'traceql']) {
  test(`every query of ${language} is understood`, async () => {
    const all = await queries(language);
    for (const kind of ['panel', 'example']) {
      assert.ok(all.some((query) => query.kind === kind), `No ${kind} has a query of ${language}`);
    }
    assert.equal(complaints(all, ({ expr }) => [misunderstood(language, expr)].filter(Boolean)), '');
  });
}

test('what the grammars do not understand is found', () => {
  assert.match(misunderstood('promql', 'sum by (le) (rate(up[5m])'), /⟂/);
  assert.match(misunderstood('logql', '{service="a"} | jsn | x=1"'), /⟂/);
  assert.match(misunderstood('traceql', '{ span.user.id = }'), /⟂/);
});

test('every metric and label that a query names is one that there is', async () => {
  const all = await promqlQueries();
  const kinds = new Set(all.map(({ kind }) => kind));
  for (const kind of ['panel', 'record', 'alert', 'example']) assert.ok(kinds.has(kind), `No ${kind} has a query`);
  assert.equal(complaints(all, ({ expr }) => faultsOf(expr)), '');
});

test('a query about what there is not is found', () => {
  for (const [expr, fault] of [
    ['plant_care_nothing', 'There is no plant_care_nothing'],
    ['sum(graphql_resolver_calls_total)', 'graphql_resolver_calls_total counts, and has no rate'],
    ['rate(plant_care_live_connections[5m])', 'plant_care_live_connections does not count, and has a rate'],
    ['sum(plant_care_active_users)', 'plant_care_active_users is not the max of the replicas'],
    ['up{nobody="x"}', 'up has no label nobody'],
    ['plant_care_dependency_up{part=~"bus|mail"}', 'part of plant_care_dependency_up is never mail'],
    ['sum by (route) (up)', 'Nothing in it has the label route'],
    [
      'rate(graphql_server_request_duration_seconds_bucket{le="0.6"}[5m])',
      'le of graphql_server_request_duration_seconds_bucket is never 0.6',
    ],
  ]) {
    assert.deepEqual(faultsOf(expr), [fault]);
  }
});

test('the parts that have an answer while all is well are found', () => {
  for (const [expr, parts] of [
    ['a / b', ['a / b']],
    ['a > 2 * 3 and on () (b == 0)', ['a', 'b']],
    ['max(a == bool 0) or absent(up{job="x"})', ['max(a == bool 0)', 'up{job="x"}']],
  ]) {
    assert.deepEqual(answersOf(expr), parts);
  }
});

test('what a quantile is compared with is an edge of its histogram', async () => {
  const all = [...rules.filter(({ alert }) => alert), ...(await grafanaAlerts()).map(({ rule }) => rule)];
  const limits = all.flatMap(({ expr }) => quantileLimits(expr));
  assert.ok(limits.length >= 3, 'No alert on a quantile is found');
  for (const { histogram, limit } of limits) {
    const { edges = [] } = known.metrics.find(({ name }) => name === histogram);
    assert.ok(edges.includes(limit), `${histogram} has no edge at ${limit}: its quantile would be a guess there`);
  }
});

test('every field and label that a query of logs names is one that there is', async () => {
  const all = await queries('logql');
  const faults = ({ expr }) => {
    const [selector] = nodesOf('logql', expr, 'Selector');
    return nodesOf('logql', expr, 'Identifier')
      .filter(({ from, to }) => {
        const inStream = selector.from < from && to < selector.to;
        return !STREAM_LABELS.includes(expr.slice(from, to)) && (inStream || !LOG_FIELDS.includes(expr.slice(from, to)));
      })
      .map(({ from, to }) => `There is no ${expr.slice(from, to)}`);
  };
  assert.equal(complaints(all, faults), '');
});

test('every attribute that a query of traces names is one that there is', async () => {
  const all = await queries('traceql');
  const possible = [...SPAN_ATTRIBUTES.map((name) => `span.${name}`), ...RESOURCE_ATTRIBUTES.map((name) => `resource.${name}`)];
  const faults = ({ expr }) =>
    nodesOf('traceql', expr, 'AttributeField')
      .map(({ from, to }) => expr.slice(from, to))
      .filter((name) => !possible.includes(name))
      .map((name) => `There is no ${name}`);
  assert.equal(complaints(all, faults), '');
});

test('the dashboards are as their script writes them', async () => {
  const folder = join(FOLDER, 'grafana/dashboards');
  assert.deepEqual((await readdir(folder)).sort(), files.map(({ name }) => name).sort());
  for (const { name, text } of files) {
    assert.equal(await readFile(join(folder, name), 'utf8'), text, `make dashboards writes ${name} anew`);
  }
});

test('the dashboards have what operators look for', async () => {
  const all = await dashboards();
  assert.deepEqual(
    all.map(({ title }) => title).sort(),
    ['GraphQL resolvers', 'Live updates', 'Plant Care - Application Overview'],
  );
  const overview = panelsOf(all.find(({ uid }) => uid === 'plant-care-overview')).map(({ title }) => title);
  for (const title of [
    'Request Rate', 'Total User Registrations', 'Response Time (P50, P95)', 'Request Methods Distribution',
    'Plant Statistics', 'Database Query Performance', 'Application Errors and Warnings',
  ]) {
    assert.ok(overview.includes(title), title);
  }
});

test('the dashboards keep the rules', async () => {
  const provisioning = join(FOLDER, 'grafana/provisioning/datasources');
  const provisioned = new Set();
  for (const name of await readdir(provisioning)) {
    for (const { uid } of parse(await readFile(join(provisioning, name), 'utf8')).datasources) provisioned.add(uid);
  }
  const all = await dashboards();
  assert.equal(new Set(all.map(({ uid }) => uid)).size, all.length);
  for (const dashboard of all) {
    const { file, id, uid, schemaVersion, templating, editable } = dashboard;
    assert.equal(id, null, file);
    assert.equal(file, `${uid}.json`);
    assert.ok(Number.isInteger(schemaVersion), file);
    assert.equal(editable, false, file);
    const variables = new Map(templating.list.map((variable) => [`\${${variable.name}}`, variable]));
    const used = new Set();
    const sourceOf = ({ type, uid: name }) => {
      const variable = variables.get(name);
      assert.equal(variable?.type, 'datasource', `${file}: ${name}`);
      assert.equal(variable.query, type, `${file}: ${name}`);
      assert.ok(provisioned.has(variable.current.value), `${file}: ${variable.current.value} is not provisioned`);
      used.add(name);
    };
    const panels = panelsOf(dashboard);
    const every = dashboard.panels;
    assert.equal(new Set(every.map((panel) => panel.id)).size, every.length, file);
    assert.equal(new Set(panels.map(({ title }) => title)).size, panels.length, `${file}: two panels have one title`);
    for (const [at, one] of every.entries()) {
      for (const other of every.slice(at + 1)) {
        const apart = (from, size) =>
          one.gridPos[from] + one.gridPos[size] <= other.gridPos[from] || other.gridPos[from] + other.gridPos[size] <= one.gridPos[from];
        assert.ok(apart('x', 'w') || apart('y', 'h'), `${file}: ${one.title} lies over ${other.title}`);
      }
      assert.ok(one.gridPos.x + one.gridPos.w <= 24, `${file}: ${one.title}`);
    }
    for (const panel of panels) {
      const where = `${file}: ${panel.title}`;
      assert.ok(panel.title && panel.description?.endsWith('.'), `${where} has no title or description`);
      assert.ok(panel.targets.length > 0, where);
      assert.equal(new Set(panel.targets.map(({ refId }) => refId)).size, panel.targets.length, where);
      sourceOf(panel.datasource);
      for (const { datasource, expr } of panel.targets) {
        sourceOf(datasource);
        if (datasource.type === 'tempo') continue;
        for (const [, range] of expr.matchAll(/\[(.*?)\]/g)) {
          assert.ok(['$__rate_interval', '$__range', '$__auto'].includes(range), `${where}: [${range}]`);
        }
      }
      // Lines of a log and lists of traces have columns of their own.
      const measured = panel.type !== 'logs' && panel.datasource.type !== 'tempo';
      if (measured) assert.ok(panel.fieldConfig.defaults.unit, `${where} has no unit`);
      for (const link of linksOf(panel)) {
        const explored = exploredBy(link);
        assert.ok(explored.length > 0, `${where}: ${link.title} shows nothing`);
        for (const { source } of explored) assert.ok(variables.has(source), `${where}: ${source}`);
        for (const { source } of explored) used.add(source);
      }
    }
    for (const [name, { type }] of variables) {
      if (type === 'datasource') assert.ok(used.has(name), `${file} does not use ${name}`);
      else sourceOf(variables.get(name).datasource);
    }
  }
});

test('a query of a link can be asked for a label that the panel has', async () => {
  for (const dashboard of await dashboards()) {
    for (const panel of panelsOf(dashboard)) {
      const labels = panel.targets.flatMap(({ expr = '' }) => groupedBy(filledIn(expr, '5m')));
      for (const link of linksOf(panel)) {
        for (const [, label] of decodeURIComponent(link.url + link.title).matchAll(/\$\{__field\.labels\.(\w+)\}/g)) {
          assert.ok(labels.includes(label), `${dashboard.file}: ${panel.title} has no label ${label}`);
        }
      }
    }
  }
});

/** The first cells of the tables of the page's section with this heading, without their quotes. */
function listed(heading) {
  const [, part] = page.split(new RegExp(`^## ${heading}$`, 'm'));
  assert.ok(part, `The page has no section ${heading}`);
  const rows = part.split(/^## /m)[0].matchAll(/^\| (`.*?)(?<!\\)\|/gm);
  return [...rows].flatMap(([, cell]) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name));
}

test('the page has every metric with its labels, and no other', () => {
  const own = known.metrics.filter(({ external }) => !external);
  assert.deepEqual(listed('Metrics'), own.map(({ name }) => name));
  for (const { name, type, labels } of own) {
    const [, row] = new RegExp(`^\\| \`${name}\` (.*)$`, 'm').exec(page);
    assert.ok(row.includes(`| ${type} |`), `${name} is a ${type}`);
    for (const label of Object.keys(labels)) assert.ok(row.includes(`\`${label}\``), `${name} has the label ${label}`);
  }
});

test('the page has every field of a log line, and every attribute of a span', () => {
  assert.deepEqual(listed('Logs').sort(), [...LOG_FIELDS].sort());
  const attributes = [...page.split(/^## Traces$/m)[1].split(/^## /m)[0].matchAll(/`([a-z_]+(?:\.[a-z_]+)+)`/g)].map(([, name]) => name);
  assert.deepEqual([...new Set(attributes)].sort(), [...SPAN_ATTRIBUTES, ...RESOURCE_ATTRIBUTES].sort());
});

test('every series that is made elsewhere is asked for', async () => {
  const all = await promqlQueries();
  const names = new Set(all.flatMap(({ expr }) => selectorsOf(expr).map(({ name }) => name)));
  for (const { name } of known.metrics.filter(({ external }) => external)) assert.ok(names.has(name), name);
});

test('every metric is on a dashboard or in a rule, and the page says where', async () => {
  const all = await promqlQueries();
  const base = (name) => known.metrics.find((metric) => [metric.name, `${metric.name}_bucket`, `${metric.name}_sum`, `${metric.name}_count`].includes(name))?.name;
  const users = new Map();
  for (const { kind, origin, expr } of all.filter(({ kind }) => kind !== 'example')) {
    const where = kind === 'panel' ? origin.split('.json')[0].replace('plant-care-', '') : kind === 'alert' ? origin.split(': ')[1] : 'objectives';
    for (const { name } of selectorsOf(expr)) {
      if (base(name)) users.set(base(name), (users.get(base(name)) ?? new Set()).add(where.toLowerCase()));
    }
  }
  for (const { name } of known.metrics.filter(({ external }) => !external)) {
    const cell = new RegExp(`^\\| \`${name}\` .*\\| ([^|]+) \\|$`, 'm').exec(page)[1];
    assert.ok(users.has(name), `${name} is used nowhere`);
    for (const claimed of cell.replace(/\[([^\]]+)\]\([^)]+\)/g, '$1').split(', ')) {
      const where = claimed.replace(/^the /, '').toLowerCase();
      assert.ok(users.get(name).has(where), `${name} is not used by ${claimed}, but by ${[...users.get(name)].join(', ')}`);
    }
  }
});

test('every link of the page leads somewhere', async () => {
  const anchors = [...page.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading.toLowerCase().replaceAll(' ', '-'));
  const links = [...page.matchAll(/\]\(([^)]+)\)/g)].map(([, link]) => link);
  assert.ok(links.length > 10, 'The page has no links');
  for (const link of links) {
    if (link.startsWith('#')) assert.ok(anchors.includes(link.slice(1)), link);
    else await assert.doesNotReject(access(join(REPOSITORY, 'docs', link)), link);
  }
});
