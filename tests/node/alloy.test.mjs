// Alloy's configuration against Alloy's reference: no container engine runs here, so its names are looked up instead.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { parse, uses } from './alloy.mjs';
import { REPOSITORY } from './server.mjs';

const { functions, components } = JSON.parse(readFileSync(join(import.meta.dirname, 'alloy-components.json'), 'utf8'));
const read = (name) => readFileSync(join(REPOSITORY, 'observability/alloy', name), 'utf8');

/** What is wrong with a configuration, a line each. */
function complaints(...texts) {
  const found = [];
  const blocks = texts.flatMap((text) => parse(text).blocks);
  const known = new Map();
  for (const block of blocks) {
    const id = block.label === null ? block.name : `${block.name}.${block.label}`;
    if (known.has(id)) found.push(`${id} is there twice`);
    known.set(id, components[block.name]?.exports ?? []);
  }
  const names = (block, allowed, where) => {
    for (const name of Object.keys(block.attributes)) {
      if (!allowed.some((one) => one.replace('!', '') === name)) found.push(`${where} takes no ${name}`);
    }
    for (const name of allowed.filter((one) => one.endsWith('!'))) {
      if (!(name.slice(0, -1) in block.attributes)) found.push(`${where} lacks ${name.slice(0, -1)}`);
    }
  };
  const nested = (block, component, path, where) => {
    for (const inner of block.blocks) {
      const name = [...path, inner.name].join(' > ');
      const allowed = component.blocks[name];
      if (!allowed) found.push(`${where} takes no block ${name}`);
      else names(inner, allowed, `${where} > ${name}`);
      nested(inner, component, [...path, inner.name], where);
    }
  };
  for (const block of blocks) {
    const where = block.label === null ? block.name : `${block.name}.${block.label}`;
    const component = components[block.name];
    if (!component) {
      found.push(`${block.name} is no component that the table knows`);
      continue;
    }
    // What is not generally available needs a flag at the start.
    if (component.stage !== 'general-availability') found.push(`${where} is ${component.stage}`);
    names(block, component.arguments, where);
    nested(block, component, [], where);
    for (const { reference, call } of uses(block)) {
      if (call !== undefined && !functions.includes(call)) found.push(`${where} calls ${call}`);
      if (reference === undefined) continue;
      const [, target, field] = /^(.*)\.([^.]*)$/.exec(reference) ?? [, reference, ''];
      if (!known.has(target)) found.push(`${where} names ${target}, which is not there`);
      else if (!known.get(target).includes(field)) found.push(`${target} exports no ${field}`);
    }
  }
  return found;
}

/** Which components each one sends to, from references in its `forward_to` and `output`. */
function edges(text) {
  const receivers = ({ reference }) => reference && /\.(input|receiver)$/.test(reference);
  return new Map(
    parse(text).blocks.map((block) => [
      `${block.name}.${block.label}`,
      [...uses(block)].filter(receivers).map(({ reference }) => reference.replace(/\.\w+$/, '')),
    ]),
  );
}

function reaches(graph, from, to) {
  const seen = new Set();
  const walk = (name) => {
    if (seen.has(name)) return;
    seen.add(name);
    for (const next of graph.get(name) ?? []) walk(next);
  };
  walk(from);
  return seen.has(to);
}

suite("Alloy's configuration", () => {
  const config = read('config.alloy');
  const journal = read('journal.alloy');

  test('only what the reference knows, and every reference leads somewhere', () => {
    assert.deepEqual(complaints(config), []);
    assert.deepEqual(complaints(config, journal), []);
    assert.ok(parse(config).blocks.length > 20);
  });

  test('a mistake of each kind is found', () => {
    const broken = (from, to) => {
      assert.ok(config.includes(from), from);
      return complaints(config.replace(from, to));
    };
    assert.deepEqual(broken('scrape_interval          =', 'scrape_intervall ='), [
      'prometheus.scrape.api takes no scrape_intervall',
    ]);
    assert.deepEqual(broken('		endpoint = "tempo:4317"\n', ''), ['otelcol.exporter.otlp.tempo > client lacks endpoint']);
    assert.deepEqual(broken('	exemplars {', '	examples {'), [
      'otelcol.connector.spanmetrics.programs takes no block examples',
    ]);
    assert.deepEqual(
      broken('traces = [otelcol.exporter.otlp.tempo.input]', 'traces = [otelcol.exporter.otlp.tmpo.input]'),
      ['otelcol.processor.tail_sampling.programs names otelcol.exporter.otlp.tmpo, which is not there'],
    );
    assert.deepEqual(broken('[prometheus.remote_write.mimir.receiver]', '[prometheus.remote_write.mimir.input]'), [
      'prometheus.remote_write.mimir exports no input',
    ]);
    assert.deepEqual(broken('sys.env(', 'sys.var('), ['otelcol.processor.tail_sampling.programs calls sys.var']);
    assert.throws(() => parse(config.replace('loki.write "loki" {', 'loki.write "loki"')), SyntaxError);
    assert.throws(() => parse(`${config}\n}`), SyntaxError);
    assert.throws(() => parse('logging {\n\tlevel = "a"\n\tlevel = "b"\n}\n'), /level is there twice/);
  });

  test('spans are counted before they are sampled, and every signal ends where it should', () => {
    const graph = edges(config);
    const sampling = 'otelcol.processor.tail_sampling.programs';
    for (const connector of ['spanmetrics', 'servicegraph']) {
      const name = `otelcol.connector.${connector}.programs`;
      assert.ok(reaches(graph, 'otelcol.receiver.otlp.programs', name), connector);
      assert.ok(!reaches(graph, sampling, name), `${connector} is behind the sampling`);
      assert.ok(reaches(graph, name, 'prometheus.remote_write.mimir'), connector);
    }
    assert.deepEqual(graph.get(sampling), ['otelcol.exporter.otlp.tempo']);
    assert.ok(reaches(graph, 'otelcol.receiver.otlp.programs', sampling));
    for (const scrape of ['api', 'platform', 'lgtm']) {
      assert.ok(reaches(graph, `prometheus.scrape.${scrape}`, 'prometheus.remote_write.mimir'), scrape);
    }
    assert.ok(reaches(graph, 'loki.source.docker.containers', 'loki.write.loki'));
    assert.ok(reaches(edges(config + journal), 'loki.source.journal.host', 'loki.write.loki'));
  });

  test('errors, slow traces, mutations and a share of the rest are kept; health checks are not', () => {
    const sampling = parse(config).blocks.find(({ name }) => name === 'otelcol.processor.tail_sampling');
    const policies = sampling.blocks.filter(({ name }) => name === 'policy');
    assert.deepEqual(
      policies.map(({ attributes }) => [attributes.name.string, attributes.type.string]),
      [
        ['probes', 'drop'],
        ['errors', 'status_code'],
        ['slow', 'latency'],
        ['mutations', 'string_attribute'],
        ['rest', 'probabilistic'],
      ],
    );
    // A policy's type names the block that says more; one without it never applies.
    for (const { attributes, blocks } of policies)
      assert.deepEqual(
        blocks.map(({ name }) => name),
        [attributes.type.string],
      );
    const [probes] = policies;
    const dropped = probes.blocks[0].blocks[0].blocks[0].attributes.values.list.map(({ string }) => string);
    const routes = readFileSync(join(REPOSITORY, 'src/transport/server.rs'), 'utf8');
    for (const address of dropped.filter((one) => one.startsWith('/health')))
      assert.ok(routes.includes(`"${address}"`), address);
    // Trace ids are forgotten later than spans, or a late span would start a new decision.
    const { num_traces, decision_cache } = sampling.attributes;
    for (const { number } of Object.values(decision_cache.object)) assert.ok(number > num_traces.number);
  });

  test('labels have few values; ids are structured metadata', () => {
    const stages = (block) => block.blocks.flatMap((inner) => [inner, ...stages(inner)]);
    const [process] = parse(config).blocks.filter(({ name }) => name === 'loki.process');
    const values = (stage) =>
      stages(process)
        .filter(({ name }) => name === stage)
        .flatMap(({ attributes }) => Object.keys(attributes.values.object));
    assert.deepEqual(values('stage.labels'), ['level']);
    assert.deepEqual(values('stage.structured_metadata').sort(), ['span_id', 'trace_id', 'user_id']);
    const [rules] = parse(config).blocks.filter(({ name }) => name === 'discovery.relabel');
    const labels = new Set(rules.blocks.map(({ attributes }) => attributes.target_label.string));
    assert.deepEqual([...labels].sort(), ['container', 'service', 'stream']);
  });

  test('every replica of the API is scraped, by an address of its own', () => {
    const block = (name) => parse(config).blocks.find((one) => `${one.name}.${one.label}` === name).attributes;
    const { names, type, port, refresh_interval: interval } = block('discovery.dns.api');
    assert.deepEqual([names.list.map(({ string }) => string), type.string, port.number], [['api'], 'A', 8001]);
    assert.ok(Number.parseInt(interval.string, 10) <= 10);
    const { targets, job_name: job } = block('prometheus.scrape.api');
    assert.equal(targets.reference, 'discovery.dns.api.targets');
    assert.equal(job.string, 'plant-care-api');
    // Whatever gave them one name would make one series of several.
    assert.ok(!JSON.stringify(block('prometheus.scrape.api')).includes('instance'));
  });

  test('what is scraped and reached is a service of the stack, on its own port', () => {
    const addresses = [
      ...config.matchAll(
        /"__address__"\s*= "([a-z-]+):(\d+)"|url\s*= "http:\/\/([a-z]+):(\d+)|endpoint = "([a-z]+):(\d+)"/g,
      ),
    ];
    const found = addresses.map(([, ...parts]) => parts.filter(Boolean).join(':')).sort();
    assert.deepEqual(found, [
      'grafana:3000',
      'loki:3100',
      'loki:3100',
      'mimir:9009',
      'mimir:9009',
      'tempo:3200',
      'tempo:4317',
    ]);
  });
});
