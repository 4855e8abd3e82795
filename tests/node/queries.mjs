// Every PromQL, LogQL and TraceQL query of the dashboards, the rules, the alerts and the documentation, and what can be
// said of one without asking a server.
import { readFile, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parser as logql } from '@grafana/lezer-logql';
import { parser as traceql } from '@grafana/lezer-traceql';
import { parser as promql } from '@prometheus-io/lezer-promql';
import { parse } from 'yaml';
import { REPOSITORY } from './server.mjs';

export const FOLDER = join(REPOSITORY, 'observability');
export const RULES = join(FOLDER, 'mimir/rules/anonymous');
export const DASHBOARDS = join(FOLDER, 'grafana/dashboards');
export const ALERTING = join(FOLDER, 'grafana/provisioning/alerting/alerting.yml');
const DOCUMENTS = ['README.md', 'docs/observability.md'];

/** What Alloy makes labels and structured metadata of a log line. */
export const STREAM_LABELS = ['service', 'container', 'level', 'stream'];

/** The fields of a log line. */
export const LOG_FIELDS = [
  'timestamp', 'level', 'service', 'trace_id', 'span_id', 'user_id', 'message', 'target', 'duration_ms',
  'graphql_operation_name', 'graphql_operation_type', 'outcome', 'method', 'route', 'status_code', 'part', 'error',
  'error_id',
];

/** The attributes of the spans, and those of their resource. */
export const SPAN_ATTRIBUTES = [
  'http.request.method', 'http.route', 'url.path', 'http.response.status_code',
  'graphql.operation.type', 'graphql.operation.name', 'user.id', 'error.type',
  'graphql.processing.parse_ms', 'graphql.processing.validate_ms', 'graphql.processing.execute_ms',
  'graphql.processing.database_queries',
  'graphql.selection.field.coordinate', 'graphql.selection.field.name', 'graphql.selection.field.parent_type',
  'graphql.dataloader.name', 'graphql.dataloader.batch.size',
  'db.system.name', 'db.operation.name', 'db.collection.name', 'db.query.summary', 'db.namespace',
];
export const RESOURCE_ATTRIBUTES = ['service.name', 'service.version'];

async function filesIn(folder, ending) {
  const names = (await readdir(folder)).filter((name) => name.endsWith(ending)).sort();
  return Promise.all(names.map(async (name) => ({ name, text: await readFile(join(folder, name), 'utf8') })));
}

/** What the program exposes, and what is made outside it: observability/metrics.json. */
export async function metrics() {
  return JSON.parse(await readFile(join(FOLDER, 'metrics.json'), 'utf8'));
}

/** The rules of Mimir's ruler: each as it is written, with its file and group. */
export async function rulerRules() {
  const files = await filesIn(RULES, '.yaml');
  return files.flatMap(({ name, text }) =>
    parse(text).groups.flatMap((group) => group.rules.map((rule) => ({ file: name, group: group.name, ...rule }))),
  );
}

/** The alerts of Grafana, each with the rule that says the same to Prometheus. */
export async function grafanaAlerts() {
  const { groups } = parse(await readFile(ALERTING, 'utf8'));
  return groups.flatMap(({ rules }) => rules).map((alert) => {
    const [{ model: query }, { model: condition }] = alert.data;
    const { type, params } = condition.conditions[0].evaluator;
    const comparison = { gt: '>', lt: '<' }[type];
    const summary = alert.annotations.summary;
    const rule = {
      alert: alert.title,
      expr: `(${query.expr}) ${comparison} ${params[0]}`,
      ...(alert.for === '0s' ? {} : { for: alert.for }),
      ...(alert.labels ? { labels: alert.labels } : {}),
      annotations: { summary },
    };
    return { ...alert, expr: query.expr, rule };
  });
}

/** The dashboards: each with the name of its file. */
export async function dashboards() {
  const files = await filesIn(DASHBOARDS, '.json');
  return files.map(({ name, text }) => ({ file: name, ...JSON.parse(text) }));
}

/** The panels of a dashboard that show something, also those in closed rows. */
export function panelsOf({ panels }) {
  return panels.flatMap((panel) => (panel.type === 'row' ? panelsOf({ panels: panel.panels ?? [] }) : [panel]));
}

/** The links of a panel: those of itself and those of its values. */
export function linksOf(panel) {
  const { defaults = {}, overrides = [] } = panel.fieldConfig ?? {};
  const properties = overrides.flatMap((override) => override.properties);
  return [
    ...(panel.links ?? []),
    ...(defaults.links ?? []),
    ...properties.filter(({ id }) => id === 'links').flatMap(({ value }) => value),
  ];
}

/** The queries that a link into Explore opens, by their data source. */
export function exploredBy({ url }) {
  const panes = new URL(url, 'http://grafana').searchParams.get('panes');
  if (!panes) return [];
  return Object.values(JSON.parse(panes)).flatMap(({ queries }) =>
    queries.map((query) => ({ source: query.datasource.uid, text: query.expr ?? query.query })),
  );
}

/** Fenced blocks of a language, with blank lines between their queries. */
function fenced(text, language) {
  const blocks = [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))];
  return blocks.flatMap(([, code]) => code.split(/\n\s*\n/).map((query) => query.trim()));
}

const LANGUAGES = { mimir: 'promql', loki: 'logql', tempo: 'traceql' };

/** Every query: its language, where it is from, what kind of thing asks it, and its text as it is written. */
async function everything() {
  const all = [];
  for (const { file, templating, ...dashboard } of await dashboards()) {
    const provided = templating.list.filter(({ type }) => type === 'datasource');
    const sources = Object.fromEntries(provided.map(({ name, current }) => [`\${${name}}`, current.value]));
    for (const panel of panelsOf(dashboard)) {
      const origin = `${file}: ${panel.title}`;
      for (const target of panel.targets) {
        const language = LANGUAGES[sources[target.datasource.uid]];
        all.push({ language, origin: `${origin} ${target.refId}`, kind: 'panel', text: target.expr ?? target.query });
      }
      for (const link of linksOf(panel)) {
        for (const { source, text } of exploredBy(link)) {
          all.push({ language: LANGUAGES[sources[source]], origin: `${origin}, link`, kind: 'link', text });
        }
      }
    }
  }
  for (const { file, record, alert, expr } of await rulerRules()) {
    all.push({ language: 'promql', origin: `${file}: ${record ?? alert}`, kind: record ? 'record' : 'alert', text: expr });
  }
  for (const { title, expr } of await grafanaAlerts()) {
    all.push({ language: 'promql', origin: `${basename(ALERTING)}: ${title}`, kind: 'alert', text: expr });
  }
  for (const document of DOCUMENTS) {
    const text = await readFile(join(REPOSITORY, document), 'utf8');
    for (const language of Object.values(LANGUAGES)) {
      for (const query of fenced(text, language)) all.push({ language, origin: document, kind: 'example', text: query });
    }
  }
  return all;
}

/** A query with something in the place of what Grafana fills in. */
export function filledIn(text, interval) {
  return text
    .replace(/\$__(rate_interval|interval|auto|range)\b|\$\{__(rate_interval|interval|auto|range)\}/g, interval)
    .replace(/\$\{[^}]+\}|\$\w+/g, '.+');
}

const PARSERS = { promql, logql, traceql };

/** The first place at which the grammar does not understand a query, or null. */
export function misunderstood(language, expr) {
  let at = null;
  PARSERS[language].parse(expr).iterate({
    enter({ type, from }) {
      if (type.isError) at ??= from;
    },
  });
  return at === null ? null : `${expr.slice(0, at)} ⟂ ${expr.slice(at)}`;
}

/** The nodes of a query's tree with one of these names, outermost first. */
export function nodesOf(language, expr, ...names) {
  const found = [];
  PARSERS[language].parse(expr).iterate({
    enter(node) {
      if (names.includes(node.name)) found.push(node.node);
    },
  });
  return found;
}

const children = (node) => {
  const all = [];
  for (let child = node.firstChild; child; child = child.nextSibling) all.push(child);
  return all;
};
const inside = (node, ...names) => children(node).filter(({ name }) => names.includes(name));
const unquoted = (text) => text.slice(1, -1);

/** The series that a PromQL query selects: name, matchers, and the functions and aggregations around it. */
export function selectorsOf(expr) {
  const text = ({ from, to }) => expr.slice(from, to);
  return nodesOf('promql', expr, 'VectorSelector').map((node) => {
    const [name] = inside(node, 'Identifier');
    const matchers = inside(node, 'LabelMatchers').flatMap(children).filter(({ name }) => name.endsWith('LabelMatcher'));
    const around = [];
    for (let parent = node.parent; parent; parent = parent.parent) {
      const [operator] = inside(parent, 'FunctionIdentifier', 'AggregateOp');
      if (['FunctionCall', 'AggregateExpr'].includes(parent.name)) around.push(text(operator));
    }
    return {
      name: name && text(name),
      matchers: matchers.map((matcher) => {
        const [label, operator, value] = children(matcher).map(text);
        return { label, operator, value: unquoted(value) };
      }),
      around,
    };
  });
}

/** The labels by which a PromQL query groups or matches. */
export function groupedBy(expr) {
  return nodesOf('promql', expr, 'GroupingLabels')
    .flatMap((node) => inside(node, 'LabelName'))
    .map(({ from, to }) => expr.slice(from, to));
}

const COMPARISONS = ['Eql', 'Neq', 'Gtr', 'Lss', 'Gte', 'Lte'];
const SETS = ['And', 'Or', 'Unless'];

/**
 * The parts of a PromQL query that have an answer while all is well: what is compared, without the comparison that lets
 * nothing through, both sides of `and`, and what must not be absent.
 */
export function answersOf(expr) {
  const text = ({ from, to }) => expr.slice(from, to);
  const parts = (node) => {
    const [first, ...rest] = children(node);
    if (['PromQL', 'ParenExpr'].includes(node.name)) return children(node).filter(({ name }) => !['(', ')', 'LineComment'].includes(name)).flatMap(parts);
    if (node.name === 'BinaryExpr') {
      const last = rest.at(-1);
      const names = rest.map(({ name }) => name);
      if (names.some((name) => SETS.includes(name))) return [...parts(first), ...parts(last)];
      if (names.some((name) => COMPARISONS.includes(name)) && !names.includes('BoolModifier')) return parts(first);
    }
    if (node.name === 'FunctionCall' && text(first) === 'absent') return inside(rest.at(-1), 'VectorSelector').map(text);
    return [text(node)];
  };
  return parts(promql.parse(expr).topNode);
}

/** What `histogram_quantile` is compared with, and the histogram. */
export function quantileLimits(expr) {
  const limits = [];
  for (const node of nodesOf('promql', expr, 'BinaryExpr')) {
    const [left, ...rest] = children(node);
    const right = rest.at(-1);
    const compares = rest.some(({ name }) => COMPARISONS.includes(name));
    if (!compares || right.name !== 'NumberDurationLiteral') continue;
    const side = expr.slice(left.from, left.to).replace(/^\(+/, '').trim();
    if (!side.startsWith('histogram_quantile')) continue;
    const [{ name }] = selectorsOf(expr.slice(left.from, left.to));
    limits.push({ histogram: name.replace(/_bucket$/, ''), limit: Number(expr.slice(right.from, right.to)) });
  }
  return limits;
}

/** The queries of one language. `interval` stands for what Grafana chooses, such as `$__rate_interval`. */
export async function queries(language, { interval = '5m' } = {}) {
  const all = await everything();
  return all
    .filter((query) => query.language === language)
    .map((query) => ({ ...query, expr: filledIn(query.text, interval) }));
}

/**
 * Every PromQL query: `origin`, `kind` (panel, link, record, alert, example), `text` as it is written, `expr` to be run,
 * `answers`: the parts of it that have an answer while all is well; `external` if it wants a series that is not the
 * program's own, `recorded` if it wants one that Mimir's ruler makes.
 */
export async function promqlQueries(options) {
  const known = await metrics();
  const foreign = new Set(known.metrics.filter(({ external }) => external).map(({ name }) => name));
  const made = new Set((await rulerRules()).map(({ record }) => record).filter(Boolean));
  return (await queries('promql', options)).map((query) => {
    const names = selectorsOf(query.expr).map(({ name }) => name);
    return {
      ...query,
      answers: answersOf(query.expr),
      external: names.some((name) => foreign.has(name)),
      recorded: names.some((name) => made.has(name)),
    };
  });
}
