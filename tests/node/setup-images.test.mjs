// upgrade, rollback and restart of observability/setup-observability.sh: which image serves, and how replicas are replaced.
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, suite, test } from 'node:test';
import { surroundings } from './setup.mjs';

let world;
beforeEach(async () => {
  world = await surroundings();
});
afterEach(() => world.remove());

const images = async () =>
  Object.fromEntries(
    await Promise.all(
      (await readdir(join(world.bin, 'images'))).map(async (tag) => [tag, (await world.read(`images/${tag}`)).trim()]),
    ),
  );
const serving = async () => (await world.containers('api')).map(({ image, health }) => `${image} ${health}`);

async function started(settings = '') {
  await world.settings(settings);
  const { code, output } = await world.run(['start']);
  assert.equal(code, 0, output);
  await world.say('built', 'second\n');
}

suite('setup-observability.sh upgrade and rollback', () => {
  test('an upgrade backs up, builds, migrates, and keeps the image before', async () => {
    await started();
    const { code, output, steps } = await world.run(['upgrade']);
    assert.equal(code, 0, output);
    const at = (pattern) => steps.findIndex((step) => pattern.test(step));
    const order = [/pg_dump/, /^build api$/, /migrate$/, /^tag first plant-care:previous$/, /^up .*--remove-orphans/].map(at);
    assert.ok(order.every((place, index) => place > (order[index - 1] ?? -1)), steps.join('\n'));
    assert.match(output, /Without PROXY=on the API is away for some seconds/);
    assert.deepEqual(await images(), { local: 'second', previous: 'first' });
    assert.deepEqual(await serving(), ['second healthy']);
  });

  test('a rollback exchanges the two, and again', async () => {
    await started();
    assert.equal((await world.run(['rollback'])).code, 1);
    await world.run(['upgrade']);
    const { code, output, steps } = await world.run(['rollback']);
    assert.equal(code, 0, output);
    assert.deepEqual(await serving(), ['first healthy']);
    assert.deepEqual(await images(), { local: 'first', previous: 'second' });
    // Never down.
    assert.ok(!steps.some((step) => / migrate( |$)|^build|^down/.test(step)), steps.join('\n'));
    await world.run(['rollback']);
    assert.deepEqual(await serving(), ['second healthy']);
  });

  test('a backup that fails ends an upgrade', async () => {
    await started();
    await world.say('failing', 'pg_dump\n');
    const { code, steps } = await world.run(['upgrade']);
    assert.equal(code, 1);
    assert.ok(!steps.some((step) => step.startsWith('build')));
    assert.deepEqual(await serving(), ['first healthy']);
  });

  test('without the proxy, an image that does not get healthy is told, and a rollback brings the one before', async () => {
    await started();
    await world.say('built', 'bad\n');
    const { code, output } = await world.run(['upgrade']);
    assert.equal(code, 1);
    assert.match(output, /^api running unhealthy 0$/m);
    assert.match(output, /If it is the new image: \S+ rollback/);
    assert.equal((await world.run(['rollback'])).code, 0);
    assert.deepEqual(await serving(), ['first healthy']);
  });

  test('a start that changes nothing keeps the image before', async () => {
    await started();
    await world.run(['upgrade']);
    await world.run(['start']);
    assert.deepEqual(await images(), { local: 'second', previous: 'first' });
  });

  test('what served before a killed upgrade stays the image before', async () => {
    await started('PROXY=on\n');
    const { calls } = await world.run(['upgrade']);
    const place = calls.findIndex((call) => call.startsWith('tag second')) + 2;
    await world.run(['rollback']);
    await world.say('built', 'third\n');
    await world.say('killing', `KILL ${place} done`);
    assert.equal((await world.run(['upgrade'])).signal, 'SIGKILL');
    await world.say('killing', '');
    await world.say('built', 'fourth\n');
    assert.equal((await world.run(['start'])).code, 0);
    assert.deepEqual(await images(), { local: 'fourth', previous: 'first' });
  });
});

suite('setup-observability.sh with replicas', () => {
  test('each is replaced by one that is healthy, and nobody is missing meanwhile', async () => {
    await started('PROXY=on\nAPI_REPLICAS=3\n');
    const old = (await world.containers('api')).map(({ id }) => id);
    const { code, output, steps } = await world.run(['upgrade']);
    assert.equal(code, 0, output);
    assert.deepEqual(await serving(), ['second healthy', 'second healthy', 'second healthy']);
    const rolled = steps.filter((step) => /scale api=/.test(step) || old.some((id) => new RegExp(`^(stop|rm) .*\\b${id}$`).test(step)));
    const more = 'up --detach --no-recreate --no-build --scale api=4 api';
    const one = [more, /^stop --time 20 id\d+$/, /^rm id\d+$/];
    const expected = [...one, ...one, ...one, more.replace('=4', '=3'), 'up --detach --no-build --remove-orphans --scale api=3'];
    assert.equal(rolled.length, expected.length, rolled.join('\n'));
    for (const [index, step] of expected.entries()) assert.match(rolled[index], step instanceof RegExp ? step : new RegExp(`^${step}$`));
    assert.doesNotMatch(output, /away for some seconds/);
  });

  test('one that does not get healthy goes, and the old ones serve on', async () => {
    await started('PROXY=on\n');
    await world.say('built', 'bad\n');
    const servers = async () => (await world.containers()).filter(({ state }) => state === 'running');
    const before = await servers();
    const { code, output } = await world.run(['upgrade']);
    assert.equal(code, 1);
    assert.match(output, /The new replica is not healthy\..*The old replicas go on serving; nothing is to be rolled back\./s);
    assert.deepEqual(await servers(), before);
    assert.equal((await images()).local, 'first');
    // Also who rolls back all the same has what served.
    assert.equal((await world.run(['rollback'])).code, 0);
    assert.deepEqual(await serving(), ['first healthy', 'first healthy']);
    assert.deepEqual((await world.containers('api')).map(({ id }) => id), before.filter(({ name }) => name === 'api').map(({ id }) => id));
  });

  test('a start replaces none that is as it shall be', async () => {
    await started('PROXY=on\n');
    await world.say('built', 'first\n');
    const before = await world.containers('api');
    const servers = (await world.containers()).filter(({ state }) => state === 'running').map(({ id }) => id);
    const { steps } = await world.run(['start']);
    // What runs once is made anew; nobody else is stopped or removed.
    const ended = steps.filter((step) => servers.some((id) => new RegExp(`^(stop|rm) .*\\b${id}\\b`).test(step)));
    assert.deepEqual(ended, []);
    assert.deepEqual(await world.containers('api'), before);
    // Another configuration is a reason as another image is.
    await world.say('hash', 'other\n');
    await world.run(['start']);
    assert.equal((await world.containers('api')).filter(({ id }) => before.some((one) => one.id === id)).length, 0);
  });

  test('a restart makes every container anew, the replicas one by one', async () => {
    await started('PROXY=on\n');
    await world.say('built', 'first\n');
    const before = (await world.containers()).map(({ id }) => id);
    const { code, output, steps } = await world.run(['restart']);
    assert.equal(code, 0, output);
    assert.deepEqual((await world.containers()).filter(({ id }) => before.includes(id)), []);
    assert.equal(steps.filter((step) => step.startsWith('stop --time')).length, 2);
    assert.ok(!steps.some((step) => step.startsWith('down')));
  });

  test('and without them all at once, after the build', async () => {
    await started();
    const { steps } = await world.run(['restart']);
    assert.ok(steps.includes('up --detach --no-build --remove-orphans --scale api=1 --force-recreate'), steps.join('\n'));
    await world.say('failing', 'build\n');
    const before = await world.containers();
    assert.equal((await world.run(['restart'])).code, 1);
    assert.deepEqual(await world.containers(), before);
  });
});
