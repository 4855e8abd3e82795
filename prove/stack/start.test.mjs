// From nothing to a stack that is well, and what a new operator does first.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { API, areImagesReal, ask, containers, docker, isWell, logIn, run, script, sql, started } from './stack.mjs';
import { until } from '../../tests/node/server.mjs';

before(async () => {
  await started();
});

test('all are well, and the API answers', async () => {
  await isWell();
  await script('status');
  const { status, answer } = await ask('{ __typename }');
  assert.deepEqual([status, answer], [200, { data: { __typename: 'Query' } }]);
});

test("the API's image: small, not root, no shell, nothing to write to", async (t) => {
  const { api } = await containers();
  const [image] = JSON.parse(await docker('image', 'inspect', 'plant-care:local'));
  t.diagnostic(`${(image.Size / 1e6).toFixed(1)} MB`);
  assert.ok(image.Size < 60e6, `${image.Size} bytes`);
  assert.equal(image.Config.User, '10001:10001');
  assert.equal(api.inspected.HostConfig.ReadonlyRootfs, true);
  for (const shell of ['sh', '/bin/sh', 'bash']) {
    await run('docker', ['exec', api.id, shell, '-c', 'true'], { expect: 'failure' });
  }
});

test('what nobody sees at a terminal has no colours', async () => {
  for (const { id, service } of Object.values(await containers())) {
    if (!['api', 'migrate'].includes(service)) continue;
    const { output } = await run('docker', ['logs', id]);
    assert.ok(!output.includes('\u001b'), service);
  }
});

test('a first member, without a Rust toolchain', async () => {
  const email = `first-${Date.now()}@example.org`;
  const { stdout } = await script(`user add ${email}`);
  const password = stdout.trim().split('\n').at(-1).trim();
  assert.ok(await logIn(email, password), 'she can log in');
  await script(`user grant ${email} admin`);
  await script(`user add ${email}`, { expect: 'failure' });
});

test('the demonstration, by the image', async () => {
  const before = Number(await sql('SELECT count(*) FROM events'));
  await script('demo --pace fast');
  assert.ok(Number(await sql('SELECT count(*) FROM events')) > before);
});

test('Alloy scrapes every replica, and reads the log of every container, through the proxy', { skip: areImagesReal }, async () => {
  const told = async (page) => {
    const answer = await fetch(`http://127.0.0.1:12345/stand-in/${page}`);
    return answer.ok ? answer.json() : {};
  };
  const { api } = await containers();
  await until(
    async () => Object.entries(await told('scraped')).some(([address, samples]) => api.addresses.includes(address) && samples > 100) || null,
    20,
    () => 'Alloy does not scrape the API',
  );
  const ids = Object.values(await containers()).filter(({ state }) => state === 'running').map(({ id }) => id);
  await until(
    async () => {
      const logs = await told('logs');
      return ids.every((id) => id in logs) || null;
    },
    20,
    () => 'Alloy does not read all logs',
  );
});

test("each published port is loopback's alone", async () => {
  const { stdout } = await run('ss', ['-Hltn']);
  const open = stdout.trim().split('\n').map((line) => line.trim().split(/\s+/)[3]);
  assert.ok(open.some((address) => address.endsWith(':8000')), stdout);
  for (const address of open) assert.match(address, /^(127\.|\[::1\])/, `${API}: ${address} is open to others`);
});
