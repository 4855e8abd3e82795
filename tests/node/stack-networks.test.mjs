// The table of networks of the stack's page, against the files that make them.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { filled, merged, read } from './compose-file.mjs';
import { REPOSITORY } from './server.mjs';

const text = (path) => readFileSync(join(REPOSITORY, path), 'utf8');
const { services, networks } = filled(
  merged(read(join(REPOSITORY, 'compose.yaml')), read(join(REPOSITORY, 'compose.proxy.yaml'))),
);
const readme = text('observability/README.md');
const section = readme.slice(readme.indexOf('## Who reaches whom'), readme.indexOf('## Settings'));
const names = (cell) => [...cell.matchAll(/`([\w-]+)`/g)].map(([, name]) => name);
const list = (value) => (Array.isArray(value) ? value : Object.keys(value ?? {}));
const members = (network) =>
  Object.keys(services)
    .filter((name) => list(services[name].networks).includes(network))
    .sort();

/** Where each service listens within its networks. */
const LISTENS = {
  postgres: [5432],
  api: [8000, 8001],
  alloy: [4317, 4318, 12345],
  loki: [3100],
  tempo: [3200, 4317],
  mimir: [9009],
  grafana: [3000],
  'socket-proxy': [2375],
  caddy: [8080, 8443],
};
/** They end before anything that could be asked is there, or ask one thing and end. */
const ONCE = ['postgres-setup', 'migrate'];

suite('who reaches whom', () => {
  test('the table of networks is what the files make', () => {
    const rows = [...section.matchAll(/^\| `([\w-]+)` \| (`[^|]*) \|/gm)].filter(([, name]) => name in networks);
    const inner = Object.keys(networks).filter((name) => networks[name].internal);
    assert.deepEqual(rows.map(([, name]) => name), inner);
    for (const [, name, cell] of rows) assert.deepEqual(names(cell), members(name), name);
    for (const name of Object.keys(networks).filter((one) => !networks[one].internal)) {
      const [only, ...others] = members(name);
      assert.equal(name, `edge-${only}`);
      assert.deepEqual(others, []);
    }
  });

  test('the table of ways has each that the networks open, and no other', () => {
    const rows = [...section.matchAll(/^\| (`[^|]*) \| (`[^|]*) \| ([\d, ]+) \|/gm)];
    const told = rows.flatMap(([, from, to, ports]) =>
      names(from).flatMap((source) =>
        names(to).flatMap((target) => ports.split(', ').map((port) => `${source} ${target} ${port}`)),
      ),
    );
    const open = new Set();
    for (const network of Object.keys(networks)) {
      for (const from of members(network)) {
        for (const to of members(network)) {
          const isReplicated = from === to && Number(services[to].deploy?.replicas ?? 1) > 1;
          if (from === to && !isReplicated) continue;
          for (const port of LISTENS[to] ?? []) open.add(`${from} ${to} ${port}`);
        }
      }
    }
    // Of these, what they are there for.
    const expected = [...open].filter((way) => !ONCE.includes(way.split(' ')[0]) || way.endsWith('postgres 5432'));
    assert.deepEqual(told.toSorted(), expected.sort());
  });

  test('the table of ports is that of the files', () => {
    for (const [name, { ports = [] }] of Object.entries(services))
      for (const port of ports) assert.ok(LISTENS[name].includes(Number(port.split(':')[2])), `${name}: ${port}`);
    const config = text('observability/socket-proxy/haproxy.cfg');
    assert.ok(config.includes(`bind :${LISTENS['socket-proxy']}\n`));
    for (const port of LISTENS.caddy) assert.match(text('observability/caddy/Caddyfile'), new RegExp(`https?_port ${port}\\n`));
  });

  test('those who reach the world are told', () => {
    const [, told] = /^Out to the world: (.*)$/m.exec(section);
    const option = 'com.docker.network.bridge.enable_ip_masquerade';
    const open = Object.keys(networks).filter(
      (name) => !networks[name].internal && networks[name].driver_opts?.[option] !== 'false',
    );
    assert.deepEqual(names(told), open.map((name) => name.replace('edge-', '')));
  });
});
