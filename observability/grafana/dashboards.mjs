// The dashboards, and the program that writes them as Grafana reads them: node observability/grafana/dashboards.mjs
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The data sources, each behind a variable of the dashboard, so that a copy can look at another installation. */
const SOURCES = {
  metrics: { type: 'prometheus', uid: 'mimir', name: 'Mimir', label: 'Metrics' },
  logs: { type: 'loki', uid: 'loki', name: 'Loki', label: 'Logs' },
  traces: { type: 'tempo', uid: 'tempo', name: 'Tempo', label: 'Traces' },
};
const API = 'resource.service.name = "plant-care-api"';
const FULL = 24;
const RED = 'red';

const source = (name) => ({ type: SOURCES[name].type, uid: `\${${name}}` });

/** Queries of metrics over the time that is shown: `[expression, legend]`. */
const series = (...pairs) =>
  pairs.map(([expr, legendFormat, more = {}]) => ({ datasource: source('metrics'), expr, legendFormat, range: true, ...more }));
/** With the traces that stand behind single samples. */
const traced = (...pairs) => series(...pairs.map(([expr, legend]) => [expr, legend, { exemplar: true }]));
/** Queries of one value each, for the whole time that is shown. */
const values = (...pairs) => series(...pairs.map(([expr, legend]) => [expr, legend, { range: false, instant: true }]));
const logs = (expr, more = {}) => [{ datasource: source('logs'), expr, queryType: 'range', ...more }];
const traces = (query) => [
  { datasource: source('traces'), query, queryType: 'traceql', tableType: 'traces', limit: 20 },
];

/** A link into Explore, with a query in which Grafana fills in what was clicked on. */
function explore(title, name, query) {
  const target = { refId: 'A', datasource: source(name), ...query };
  const pane = { datasource: target.datasource.uid, queries: [target], range: { from: '${__from}', to: '${__to}' } };
  const panes = encodeURIComponent(JSON.stringify({ a: pane })).replace(/%24%7B(.*?)%7D/g, '${$1}');
  return { title, url: `/explore?schemaVersion=1&orgId=1&panes=${panes}`, targetBlank: true };
}
const toTraces = (title, query) => explore(title, 'traces', { queryType: 'traceql', query, limit: 20 });
const toLogs = (title, expr) => explore(title, 'logs', { queryType: 'range', expr });

const tracesOfOperation = toTraces(
  'Traces of ${__field.labels.operation_name}',
  `{ ${API} && span.graphql.operation.name = "\${__field.labels.operation_name}" }`,
);
const logsOfOperation = toLogs(
  'Log of ${__field.labels.operation_name}',
  '{service="plant-care-api"} | json | graphql_operation_name="${__field.labels.operation_name}"',
);
const tracesOfField = toTraces(
  'Traces of ${__field.labels.type}.${__field.labels.field}',
  `{ ${API} && span.graphql.selection.field.coordinate = "\${__field.labels.type}.\${__field.labels.field}" }`,
);
const tracesOfEvents = toTraces(
  'Traces of events of ${__field.labels.field}',
  `{ ${API} && name = "GraphQL Subscription Event" && span.graphql.selection.field.name = "\${__field.labels.field}" }`,
);

const panel = (type, title, description, width, targets, { unit, height = 8, links, limit, decimals, options, custom, ...defaults } = {}) => ({
  type,
  title,
  description,
  width,
  height,
  targets: targets.map((target, at) => ({ refId: String.fromCharCode(65 + at), ...target })),
  fieldConfig: {
    defaults: {
      ...(unit ? { unit } : {}),
      ...(decimals === undefined ? {} : { decimals }),
      ...(links ? { links } : {}),
      ...(custom ? { custom } : {}),
      ...(limit === undefined
        ? {}
        : { thresholds: { mode: 'absolute', steps: [{ color: 'green', value: null }, { color: RED, value: limit }] } }),
      ...defaults,
    },
    overrides: [],
  },
  options: options ?? {},
});

/** Lines over time. A `limit` is drawn as a line. */
const lines = (title, description, width, unit, targets, { stacked = false, bars = false, ...more } = {}) =>
  panel('timeseries', title, description, width, targets, {
    unit,
    min: 0,
    custom: {
      drawStyle: bars ? 'bars' : 'line',
      fillOpacity: stacked || bars ? 40 : 8,
      showPoints: 'never',
      ...(stacked ? { stacking: { mode: 'normal', group: 'A' } } : {}),
      ...(more.limit === undefined ? {} : { thresholdsStyle: { mode: 'line' } }),
    },
    options: {
      legend: { displayMode: 'table', placement: 'bottom', calcs: ['lastNotNull', 'max'] },
      tooltip: { mode: 'multi', sort: 'desc' },
    },
    ...more,
  });

const numbers = (title, description, width, unit, targets, more = {}) =>
  panel('stat', title, description, width, targets, {
    unit,
    options: {
      colorMode: more.limit === undefined && !more.thresholds ? 'none' : 'value',
      graphMode: 'none',
      textMode: 'auto',
      reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
    },
    ...more,
  });

const pie = (title, description, width, unit, targets, more = {}) =>
  panel('piechart', title, description, width, targets, {
    unit,
    options: {
      legend: { displayMode: 'table', placement: 'right', values: ['value', 'percent'] },
      reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
    },
    ...more,
  });

const ranking = (title, description, width, unit, targets, more = {}) =>
  panel('bargauge', title, description, width, targets, {
    unit,
    min: 0,
    options: {
      displayMode: 'basic',
      orientation: 'horizontal',
      reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
    },
    ...more,
  });

const heat = (title, description, width, unit, targets, more = {}) =>
  panel('heatmap', title, description, width, targets.map((target) => ({ ...target, format: 'heatmap' })), {
    unit,
    options: { calculate: false, color: { mode: 'scheme', scheme: 'Oranges', steps: 64 }, yAxis: { unit } },
    ...more,
  });

const states = (title, description, width, targets, more = {}) =>
  panel('state-timeline', title, description, width, targets, {
    unit: 'none',
    mappings: [
      { type: 'value', options: { 0: { text: 'down', color: RED }, 1: { text: 'up', color: 'green' } } },
    ],
    options: { showValue: 'never', mergeValues: true },
    ...more,
  });

const logLines = (title, description, expr) =>
  panel('logs', title, description, FULL, logs(expr), {
    height: 10,
    options: { showTime: true, wrapLogMessage: true, enableLogDetails: true, sortOrder: 'Descending' },
  });

const traceTable = (title, description, width, query) => panel('table', title, description, width, traces(query), {});

const row = (title) => ({ type: 'row', title, collapsed: false, width: FULL, height: 1, panels: [] });

/** Puts panels beside one another, and on a new line what has no room. */
function placed(panels) {
  let x = 0, y = 0, tallest = 0;
  return panels.map(({ width, height, ...panel }, at) => {
    if (x + width > FULL) [x, y, tallest] = [0, y + tallest, 0];
    const gridPos = { h: height, w: width, x, y };
    x += width;
    tallest = Math.max(tallest, height);
    const [first] = panel.targets ?? [];
    return { id: at + 1, ...panel, gridPos, ...(first ? { datasource: first.datasource } : {}) };
  });
}

const choice = (name, label, metric) => ({
  name,
  label,
  type: 'query',
  datasource: source('metrics'),
  query: { query: `label_values(${metric}, ${name})`, refId: 'A' },
  definition: `label_values(${metric}, ${name})`,
  refresh: 2,
  sort: 1,
  multi: true,
  includeAll: true,
  allValue: '.+',
  current: { text: 'All', value: '$__all' },
});

const dashboard = (uid, title, description, used, panels, variables = []) => ({
  id: null,
  uid,
  title,
  description,
  tags: ['plant-care'],
  schemaVersion: 42,
  version: 1,
  editable: false,
  graphTooltip: 1,
  timezone: 'browser',
  refresh: '30s',
  time: { from: 'now-1h', to: 'now' },
  annotations: { list: [] },
  links: [
    { type: 'dashboards', title: 'Plant Care', tags: ['plant-care'], asDropdown: false, includeVars: false, keepTime: true },
  ],
  templating: {
    list: [
      ...used.map((name) => ({
        name,
        label: SOURCES[name].label,
        type: 'datasource',
        query: SOURCES[name].type,
        refresh: 1,
        current: { text: SOURCES[name].name, value: SOURCES[name].uid },
      })),
      ...variables,
    ],
  },
  panels: placed(panels),
});

/** A quantile of a histogram, for each value of `by`. */
const quantile = (q, histogram, by = '', matchers = '') =>
  `histogram_quantile(${q}, sum by (le${by && `, ${by}`}) (rate(${histogram}_bucket${matchers && `{${matchers}}`}[$__rate_interval])))`;
const rate = (counter, by, matchers = '') =>
  `sum by (${by}) (rate(${counter}${matchers && `{${matchers}}`}[$__rate_interval]))`;
const share = (part, whole) => `${part} / clamp_min(${whole}, 1e-9)`;

const OPERATIONS = 'graphql_server_request_duration_seconds';
const ANSWERED = 'operation_type=~"query|mutation"';

const overview = dashboard(
  'plant-care-overview',
  'Plant Care - Application Overview',
  'Who asks for what, how long it takes, what fails, and how the plants are.',
  ['metrics', 'logs'],
  [
    numbers('Total User Registrations', 'Members who registered in the time that is shown, on all servers.', 4, 'short',
      values(['round(sum(increase(plant_care_user_registrations_total[$__range])))', 'registered']), { decimals: 0, height: 4 }),
    numbers('Active Members', 'Members seen in the last 15 minutes. Every server reads the same from the database.', 4, 'short',
      series(['max(plant_care_active_users)', 'active']), { decimals: 0, height: 4 }),
    numbers('Failing Operations', 'Share of the GraphQL operations that ended with a server error. Above 10 % for 5 minutes there is an alert.', 4, 'percentunit',
      series([share(`sum(rate(${OPERATIONS}_count{outcome="server_error"}[$__rate_interval]))`, `sum(rate(${OPERATIONS}_count[$__rate_interval]))`), 'fail']),
      { decimals: 2, limit: 0.1, height: 4 }),
    numbers('Availability, 3 Days', 'Share of the operations without a server error; 99.5 % is the objective over 30 days.', 4, 'percentunit',
      series(['1 - plant_care:slo_availability_errors:ratio_rate3d', 'available']),
      { decimals: 2, height: 4, thresholds: { mode: 'absolute', steps: [{ color: RED, value: null }, { color: 'green', value: 0.995 }] } }),
    numbers('In Time, 3 Days', 'Share of the queries and mutations below 500 ms; 95 % is the objective over 30 days.', 4, 'percentunit',
      series(['1 - plant_care:slo_latency_errors:ratio_rate3d', 'in time']),
      { decimals: 2, height: 4, thresholds: { mode: 'absolute', steps: [{ color: RED, value: null }, { color: 'green', value: 0.95 }] } }),
    numbers('Servers', 'Servers that answer, by version.', 4, 'short',
      series(['count by (version) (plant_care_build_info)', '{{version}}']), { decimals: 0, height: 4 }),

    lines('Request Rate', 'HTTP requests a second by route, and GraphQL operations by type: a websocket carries many operations in one request.', 12, 'reqps',
      series([rate('plant_care_request_duration_seconds_count', 'route'), '{{route}}'], [rate(`${OPERATIONS}_count`, 'operation_type'), 'GraphQL {{operation_type}}'])),
    lines('Response Time (P50, P95)', 'Half, and 19 of 20, HTTP requests and GraphQL queries and mutations are answered within this. The points are single requests with a trace. P95 above 2 s is an alert.', 12, 's',
      traced(
        [quantile(0.5, 'plant_care_request_duration_seconds'), 'HTTP P50'],
        [quantile(0.95, 'plant_care_request_duration_seconds'), 'HTTP P95'],
        [quantile(0.5, OPERATIONS, '', ANSWERED), 'GraphQL P50'],
        [quantile(0.95, OPERATIONS, '', ANSWERED), 'GraphQL P95'],
      ), { limit: 2 }),

    pie('Request Methods Distribution', 'HTTP requests by method, in the time that is shown.', 8, 'short',
      values(['sum by (method) (increase(plant_care_request_duration_seconds_count[$__range]))', '{{method}}']), { decimals: 0 }),
    lines('Outcomes', 'GraphQL operations a second by outcome. A GraphQL error answers with status 200: only the outcome tells. Client errors are what the client did wrong.', 8, 'reqps',
      series([rate(`${OPERATIONS}_count`, 'outcome'), '{{outcome}}']), { stacked: true }),
    lines('Status Codes', 'HTTP requests a second by status code.', 8, 'reqps',
      series([rate('plant_care_request_duration_seconds_count', 'status_code'), '{{status_code}}']), { stacked: true }),

    row('Plants'),
    numbers('Plant Statistics', 'Plants in care now; and in the time that is shown, plants and comments added.', 12, 'short',
      [
        ...series(['max(plant_care_plants_in_care)', 'in care']),
        ...values(
          ['round(sum(increase(plant_care_plant_creations_total[$__range])))', 'plants added'],
          ['round(sum by (kind) (increase(plant_care_comments_created_total[$__range])))', '{{kind}}'],
        ),
      ], { decimals: 0 }),
    lines('Care Requests', 'What became of care requests and offers.', 12, 'short',
      series(['sum by (action) (increase(plant_care_care_requests_total[$__rate_interval]))', '{{action}}']),
      { stacked: true, bars: true, decimals: 0 }),

    row('Database'),
    lines('Database Query Performance', '19 of 20 statements take less than this, by operation and table. The points are single statements with a trace.', 12, 's',
      traced([quantile(0.95, 'plant_care_database_query_duration_seconds', 'operation, table'), '{{operation}} {{table}}'])),
    lines('Database Statements', 'Statements a second by operation.', 6, 'ops',
      series([rate('plant_care_database_query_duration_seconds_count', 'operation'), '{{operation}}']), { stacked: true }),
    lines('Database Connections', 'Connections in use of those that a pool may open. At 1 others wait, and then get SERVER_BUSY.', 6, 'percentunit',
      series(['sum by (instance, pool) (plant_care_database_pool_connections{state="used"}) / sum by (instance, pool) (plant_care_database_pool_max_connections)', '{{instance}} {{pool}}']),
      { max: 1 }),

    row('Admission'),
    lines('Turned Away', 'Requests a second that were told at once that the server is busy, by the queue in which they would have waited too long.', 12, 'ops',
      series(['sum by (queue) (rate(plant_care_admission_refused_total[$__rate_interval]))', '{{queue}}']), { stacked: true }),
    lines('Served and Waiting', 'What the servers work on, and what waits for its turn.', 12, 'short',
      series(['sum by (queue, state) (plant_care_admission_requests)', '{{queue}} {{state}}']), { decimals: 0 }),

    row('Log'),
    lines('Log Lines by Level', 'Errors and warnings that were logged.', FULL, 'short',
      logs('sum by (level) (count_over_time({service="plant-care-api", level=~"WARNING|ERROR"}[$__auto]))', { legendFormat: '{{level}}' }),
      { stacked: true, bars: true, decimals: 0, height: 6 }),
    logLines('Application Errors and Warnings', 'The newest errors and warnings. Open a line for its fields; trace_id leads to its trace.',
      '{service="plant-care-api", level=~"WARNING|ERROR"} | json'),

    row('Servers'),
    states('Dependencies', 'What /health/ready says of the database, the migrations and the bus of each server.', 12,
      series(['min by (instance, part) (plant_care_dependency_up)', '{{instance}} {{part}}'])),
    lines('CPU', 'Processors that each server keeps busy, and the share of its workers’ time that is spent on tasks.', 6, 'percentunit',
      series(
        ['rate(process_cpu_seconds_total{job="plant-care-api"}[$__rate_interval])', '{{instance}} CPU'],
        ['rate(tokio_runtime_busy_seconds_total[$__rate_interval]) / on (instance, job) tokio_runtime_workers', '{{instance}} workers'],
      )),
    lines('Memory', 'Resident memory of each server, and what the host has left.', 6, 'bytes',
      series(
        ['process_resident_memory_bytes{job="plant-care-api"}', '{{instance}}'],
        ['node_memory_MemAvailable_bytes', 'available on {{instance}}'],
      )),
    lines('Tasks', 'Tasks that are alive in each server, and those that wait for a worker.', 6, 'short',
      series(['tokio_runtime_alive_tasks', '{{instance}} alive'], ['tokio_runtime_global_queue_depth', '{{instance}} waiting'])),
    lines('Threads', 'Threads of each server.', 6, 'short', series(['process_threads{job="plant-care-api"}', '{{instance}}'])),
    lines('File Descriptors', 'Open files and sockets, of those that a server may open.', 6, 'percentunit',
      series(['process_open_fds{job="plant-care-api"} / process_max_fds{job="plant-care-api"}', '{{instance}}'])),
    lines('Dropped Telemetry', 'Spans that could not be exported. Requests do not wait for the collector.', 6, 'short',
      series(['sum by (instance, signal) (increase(plant_care_telemetry_dropped_total[$__rate_interval]))', '{{instance}} {{signal}}']), { bars: true }),
    lines('Open Connections', 'Connections to each server, of whatever kind.', 6, 'short',
      series(['sum by (instance) (plant_care_connections)', '{{instance}}']), { stacked: true, decimals: 0 }),
    lines('New Connections', 'Connections that were let in, by server. Many while few stay open: clients that cannot keep theirs.', 6, 'short',
      series(['sum by (instance) (increase(plant_care_connections_accepted_total[$__rate_interval]))', '{{instance}}']), { decimals: 0 }),
    lines('Refused Connections', 'Connections that were not let in: too many in all (total) or of one address, sockets that were closed for newer ones (anonymous), or the server had no descriptor left (system).', 6, 'short',
      series(['sum by (reason) (increase(plant_care_connections_refused_total[$__rate_interval]))', '{{reason}}']), { stacked: true, bars: true, decimals: 0 }),
    lines('Slow Peers', 'Connections that were ended because their peers were too slow, and with what. idle is ordinary.', 6, 'short',
      series(['sum by (reason) (increase(plant_care_connections_given_up_total[$__rate_interval]))', '{{reason}}']), { stacked: true, bars: true, decimals: 0 }),
    numbers('Uptime', 'Time since each server started.', FULL, 's',
      series(['time() - process_start_time_seconds{job="plant-care-api"}', '{{instance}}']), { height: 4 }),
  ],
);

const FIELDS = 'type=~"$type"';

const graphql = dashboard(
  'plant-care-graphql',
  'GraphQL resolvers',
  'Which operations and which fields take time, fail, or ask the database too often; from each a way to its traces.',
  ['metrics', 'logs', 'traces'],
  [
    row('Operations'),
    ranking('Slowest Operations', 'The ten operations with the longest P95, in the time that is shown. Click on one for its traces.', 8, 's',
      values([`topk(10, histogram_quantile(0.95, sum by (le, operation_name) (rate(${OPERATIONS}_bucket{${ANSWERED}}[$__range]))))`, '{{operation_name}}']),
      { limit: 0.5, links: [tracesOfOperation, logsOfOperation] }),
    lines('Operation Time (P95)', '19 of 20 operations of a name take less than this. The points are single operations with a trace. 500 ms is the objective for 95 % of all.', 8, 's',
      traced([quantile(0.95, OPERATIONS, 'operation_name', ANSWERED), '{{operation_name}}']),
      { limit: 0.5, links: [tracesOfOperation, logsOfOperation] }),
    lines('Operation Errors', 'Operations a second that ended with an error, by name and outcome.', 8, 'reqps',
      series([rate(`${OPERATIONS}_count`, 'operation_name, outcome', 'outcome!="ok"'), '{{operation_name}} {{outcome}}']),
      { links: [tracesOfOperation, logsOfOperation] }),
    lines('Phases (P95)', 'Time to parse, to validate and to execute.', 8, 's',
      series(
        [quantile(0.95, 'graphql_server_request_parse_duration_seconds'), 'parse'],
        [quantile(0.95, 'graphql_server_request_validate_duration_seconds'), 'validate'],
        [quantile(0.95, 'graphql_server_request_execute_duration_seconds'), 'execute'],
      )),
    traceTable('Slow Traces', 'Requests of more than 500 ms. Click on one to see where the time went.', 8, `{ ${API} && kind = server && duration > 500ms }`),
    traceTable('Failed Traces', 'Traces with a span that failed.', 8, `{ ${API} && status = error }`),

    row('Resolvers'),
    lines('Resolver Time (P95)', 'The ten fields whose resolver takes longest: 19 of 20 calls take less than this. Only fields that do work are timed, in a sample of the operations. The points are single calls with a trace.', 12, 's',
      traced([`topk(10, ${quantile(0.95, 'graphql_resolver_duration_seconds', 'type, field', FIELDS)})`, '{{type}}.{{field}}']),
      { links: [tracesOfField] }),
    lines('Resolver Errors', 'Share of a field’s calls that failed; the ten highest.', 12, 'percentunit',
      series([`topk(10, ${share(rate('graphql_resolver_errors_total', 'type, field', FIELDS), rate('graphql_resolver_calls_total', 'type, field', FIELDS))})`, '{{type}}.{{field}}']),
      { links: [tracesOfField] }),
    lines('Resolver Calls', 'Calls a second of each field; the ten highest.', 12, 'ops',
      series([`topk(10, ${rate('graphql_resolver_calls_total', 'type, field', FIELDS)})`, '{{type}}.{{field}}']), { links: [tracesOfField] }),
    ranking('Time Spent', 'Seconds a second that the sampled calls of a field took: what is slow and often called. The ten highest, in the time that is shown.', 12, 's',
      values([`topk(10, sum by (type, field) (rate(graphql_resolver_duration_seconds_sum{${FIELDS}}[$__range])))`, '{{type}}.{{field}}']),
      { links: [tracesOfField] }),

    row('N+1'),
    lines('Database Statements per Operation (P95)', '19 of 20 operations of a name take fewer statements. A page with all that is its own takes eight; above 20 each row is asked for by itself somewhere, and there is an alert.', 12, 'short',
      series([quantile(0.95, 'graphql_database_queries_per_operation', 'operation_name'), '{{operation_name}}']),
      { limit: 20, links: [tracesOfOperation] }),
    lines('Batch Size', 'Keys that a loader fetches together, on average. Near 1 a loader does not help.', 6, 'short',
      series([share(rate('graphql_dataloader_batch_size_sum', 'loader'), rate('graphql_dataloader_batch_size_count', 'loader')), '{{loader}}'])),
    lines('Batches', 'Batches a second by loader.', 6, 'ops',
      series([rate('graphql_dataloader_batch_size_count', 'loader'), '{{loader}}'])),
    ranking('Statements per Operation', 'Database statements that an operation took on average, in the time that is shown; the ten highest.', 12, 'short',
      values([`topk(10, ${share('sum by (operation_name) (rate(graphql_database_queries_per_operation_sum[$__range]))', 'sum by (operation_name) (rate(graphql_database_queries_per_operation_count[$__range]))')})`, '{{operation_name}}']),
      { limit: 20, decimals: 1, links: [tracesOfOperation] }),
    traceTable('Traces with Slow Statements', 'Operations below which a database statement took more than 100 ms.', 12,
      `{ ${API} && span.graphql.operation.name =~ ".+" } >> { span.db.system.name =~ ".+" && duration > 100ms }`),
  ],
  [choice('type', 'Type', 'graphql_resolver_calls_total')],
);

const DELIVERY = 'plant_care_live_delivery_seconds';
const TO_SOCKET = 'stage="commit_to_socket"';

const live = dashboard(
  'plant-care-live',
  'Live updates',
  'Whether live updates come at once, to whom, by which way, and why streams end.',
  ['metrics', 'traces'],
  [
    row('Delivery'),
    lines('Delivery Time (P99)', '99 of 100 messages are written to the subscriber’s socket within this time of their commit. The points are single messages; their trace is the mutation’s. Above 1 s there is an alert.', 12, 's',
      traced([quantile(0.99, DELIVERY, 'field', TO_SOCKET), '{{field}}']), { limit: 1, links: [tracesOfEvents] }),
    lines('Stages (P50, P99)', 'From the commit until the hub of a server knows, and until the socket is written. The first is the way of the wake-up.', 12, 's',
      traced([quantile(0.5, DELIVERY, 'stage'), '{{stage}} P50'], [quantile(0.99, DELIVERY, 'stage'), '{{stage}} P99'])),
    heat('Delivery Times', 'How many messages took how long from their commit to the socket.', 12, 's',
      series([`sum by (le) (increase(${DELIVERY}_bucket{${TO_SOCKET}}[$__rate_interval]))`, '{{le}}'])),
    lines('Messages', 'Messages a second that were written to subscribers.', 6, 'ops',
      series([rate(`${DELIVERY}_count`, 'field', TO_SOCKET), '{{field}}']), { stacked: true }),
    traceTable('Slow Events', 'Events whose resolution took more than 100 ms. Each is linked to the mutation that caused it.', 6,
      `{ ${API} && name = "GraphQL Subscription Event" && duration > 100ms }`),

    row('Behind'),
    lines('Lag', 'Entries by which half, and 99 of 100, subscribers are behind their stream. A replay is behind by all it has to read.', 8, 'short',
      series([quantile(0.5, 'plant_care_live_subscriber_lag_entries'), 'P50'], [quantile(0.99, 'plant_care_live_subscriber_lag_entries'), 'P99'])),
    lines('Backfill', 'Entries a second that were read for subscribers who were behind: from memory (ring), or from the database.', 8, 'ops',
      series([rate('plant_care_live_backfill_entries_total', 'source'), '{{source}}']), { stacked: true }),
    lines('Gaps', 'Gaps that subscribers were told of: trimmed when they come back after what is kept, log_reset after a restored backup.', 8, 'short',
      series(['sum by (reason) (increase(plant_care_live_gaps_total[$__rate_interval]))', '{{reason}}']), { bars: true, decimals: 0 }),

    row('Subscribers'),
    lines('Connections', 'Open connections of subscribers, of all servers together.', 8, 'short',
      series(['sum by (transport) (plant_care_live_connections)', '{{transport}}']), { stacked: true, decimals: 0 }),
    lines('Connections by Server', 'Whether the servers share them evenly.', 8, 'short',
      series(['sum by (instance) (plant_care_live_connections)', '{{instance}}']), { stacked: true, decimals: 0 }),
    lines('Subscriptions', 'Running subscriptions, of all servers together.', 8, 'short',
      series(['sum by (field) (plant_care_live_subscriptions)', '{{field}}']), { stacked: true, decimals: 0 }),
    lines('Ends by Reason', 'Subscriptions that ended. client, complete and drain are ordinary; write_deadline is a peer that does not read, error a fault.', 16, 'short',
      series(['sum by (reason) (increase(plant_care_live_subscriptions_ended_total[$__rate_interval]))', '{{reason}}']),
      { stacked: true, bars: true, decimals: 0 }),
    pie('Ends by Field and Reason', 'Subscriptions that ended in the time that is shown.', 8, 'short',
      values(['sum by (field, reason) (increase(plant_care_live_subscriptions_ended_total[$__range]))', '{{field}} {{reason}}']), { decimals: 0 }),

    row('Bus'),
    states('Bus', 'Whether each server hears the others. Without the bus it finds what is new within a second.', 12,
      series(['min by (instance) (plant_care_dependency_up{part="bus"})', '{{instance}}'])),
    lines('Wake-ups', 'Wake-ups a second that came over the bus.', 4, 'ops',
      series([rate('plant_care_live_bus_wakeups_total', 'instance'), '{{instance}}'])),
    lines('Reconnects', 'Times that the bus was lost and came back. More than 3 in 15 minutes is an alert.', 4, 'short',
      series(['sum by (instance) (increase(plant_care_live_bus_reconnects_total[$__rate_interval]))', '{{instance}}']), { bars: true, decimals: 0 }),
    lines('Rescues', 'Streams that had moved before a wake-up came. More than 5 in 15 minutes, and than a tenth of the wake-ups, is an alert.', 4, 'short',
      series(['sum by (instance) (increase(plant_care_live_bus_rescues_total[$__rate_interval]))', '{{instance}}']), { bars: true, decimals: 0 }),
  ],
);

/** The dashboards as files: name and text. */
export const files = [overview, graphql, live].map((dashboard) => ({
  name: `${dashboard.uid}.json`,
  text: `${JSON.stringify(dashboard, null, 2)}\n`,
}));

if (process.argv[1] === import.meta.filename) {
  const folder = join(import.meta.dirname, 'dashboards');
  await mkdir(folder, { recursive: true });
  for (const { name, text } of files) await writeFile(join(folder, name), text);
}
