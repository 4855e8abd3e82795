// Who reaches whom: every pair of services on every port, and the world outside. What may be is in a table of
// observability/README.md, and nothing else may.
import assert from 'node:assert/strict';
import { readFile, readlink } from 'node:fs/promises';
import { before, test } from 'node:test';
import { containers, file, inNetworkOf, run, started } from './stack.mjs';

const CONNECT_SECONDS = 1;
const AT_ONCE = 40;

let all;

before(async () => {
  await started();
  all = Object.values(await containers()).filter(({ state }) => state === 'running');
});

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

test('each pair of services on each port: what the table of the documents allows, and nothing else', async (t) => {
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

test('the world outside: only those reach it that must', async () => {
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

/** A listener on the far side of the engine's network; the process. */
async function listenOutside(address, port) {
  const code = `require('net').createServer((socket) => socket.end()).listen(${port}, '${address}', () => console.log('ready'))`;
  let child;
  const ended = run('nsenter', [`--net=/proc/${await outsider()}/ns/net`, process.execPath, '-e', code], {
    expect: 'any',
    onStart: (started) => (child = started),
  });
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve);
    ended.then(({ output }) => reject(new Error(output)));
  });
  return child;
}

/** The nearest of those who started this process that is not in the engine's network. */
async function outsider() {
  const network = (pid) => readlink(`/proc/${pid}/ns/net`);
  const own = await network('self');
  let pid = process.ppid;
  while ((await network(pid)) === own) {
    const [, fields] = /\) (.*)/.exec(await readFile(`/proc/${pid}/stat`, 'utf8'));
    pid = Number(fields.split(' ')[1]);
    assert.ok(pid > 0, 'all are in one network: no engine of its own');
  }
  return pid;
}
