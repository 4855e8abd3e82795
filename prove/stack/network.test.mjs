// Who reaches whom: every pair of services on every port, and the world outside. What may be is in a table of
// observability/README.md, and nothing else may.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { containers, file, inNetworkOf, run, started } from './stack.mjs';

const CONNECT_SECONDS = 1;
const AT_ONCE = 40;

/** Ports on which somebody listens in a network namespace, but for loopback's. */
async function listening({ pid }) {
  const ports = new Set();
  for (const family of ['tcp', 'tcp6']) {
    for (const line of (await readFile(`/proc/${pid}/net/${family}`, 'utf8')).split('\n').slice(1)) {
      const [, local, , state] = line.trim().split(/\s+/);
      const [address, port] = (local ?? '').split(':');
      // 0A is LISTEN; an address is written from its last byte on.
      if (state === '0A' && address !== '0100007F' && address !== '0B00007F') ports.add(Number.parseInt(port, 16));
    }
  }
  return [...ports].filter((port) => port < 32768);
}

const reaches = async (from, address, port) => {
  const command = `timeout ${CONNECT_SECONDS} bash -c 'exec 3<>/dev/tcp/${address}/${port}' 2>/dev/null`;
  return (await inNetworkOf(from, command, { expect: 'any' })).code === 0;
};

async function each(cases, of) {
  const left = [...cases];
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let one; (one = left.pop()); ) await of(one);
    }),
  );
}

/** Rows of the table: `from to port`. */
async function documented() {
  const rows = [...(await file('observability/README.md')).matchAll(/^\| (`[^|]*) \| (`[^|]*) \| ([\d, ]+) \|/gm)];
  const names = (text) => [...text.matchAll(/`([\w-]+)`/g)].map(([, name]) => name);
  return new Set(
    rows.flatMap(([, from, to, ports]) =>
      names(from).flatMap((source) =>
        names(to).flatMap((target) => ports.split(',').map((port) => `${source} ${target} ${port.trim()}`)),
      ),
    ),
  );
}

const runningNow = async () => Object.values(await containers()).filter(({ state }) => state === 'running');

for (const [name, values] of Object.entries({ 'one server': {}, 'replicas behind the proxy': { PROXY: 'on', API_REPLICAS: 2 } })) {
  test(`${name}: each pair of services on each port, as the table of the documents has it`, async (t) => {
    await started(values);
    const all = await runningNow();
    const cases = [];
    for (const to of all) {
      for (const port of await listening(to)) {
        for (const from of all) {
          if (from.id !== to.id) for (const address of to.addresses) cases.push({ from, to, address, port });
        }
      }
    }
    const found = new Set();
    await each(cases, async ({ from, to, address, port }) => {
      if (await reaches(from, address, port)) found.add(`${from.service} ${to.service} ${port}`);
    });
    const allowed = await documented();
    t.diagnostic(`${cases.length} attempts, ${found.size} of ${allowed.size} documented ways open`);
    assert.deepEqual([...found].filter((way) => !allowed.has(way)).sort(), [], 'open, and not documented');
    const count = (service) => all.filter((one) => one.service === service).length;
    // From a service to itself there is a way where it has replicas.
    const expected = [...allowed].filter((way) => {
      const [from, to] = way.split(' ');
      return count(from) > 0 && count(to) > (from === to ? 1 : 0);
    });
    assert.deepEqual(expected.filter((way) => !found.has(way)).sort(), [], 'documented, and not open');
  });

  test(`${name}: only those reach the world outside that must`, { skip: !process.env.STACK_OUTSIDE }, async () => {
    const all = await runningNow();
    // The other end of the engine's own network is the world to its containers.
    const { stdout } = await run('ip', ['route', 'show', 'default']);
    const [, outside] = /default via (\S+)/.exec(stdout);
    const port = 20000 + (process.pid % 10000);
    const world = await listenOutside(outside, port);
    try {
      const found = new Set();
      await each(all, async (from) => {
        if (await reaches(from, outside, port)) found.add(from.service);
      });
      const [, text] = /^Out to the world: (.*)$/m.exec(await file('observability/README.md'));
      const services = new Set(all.map(({ service }) => service));
      const allowed = [...text.matchAll(/`([\w-]+)`/g)].map(([, name]) => name).filter((name) => services.has(name));
      assert.deepEqual([...found].sort(), allowed.sort());
    } finally {
      world.kill('SIGKILL');
    }
  });
}

/** A listener on the far side of the engine's network; the process. */
async function listenOutside(address, port) {
  const code = `require('net').createServer((socket) => socket.end()).listen(${port}, '${address}', () => console.log('ready'))`;
  let child;
  const ended = run('nsenter', [`--net=${process.env.STACK_OUTSIDE}`, process.execPath, '-e', code], {
    expect: 'any',
    onStart: (started) => (child = started),
  });
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve);
    ended.then(({ output }) => reject(new Error(output)));
  });
  return child;
}
