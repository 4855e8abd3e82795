// What `status` says when something is wrong: of each way to be wrong, that it says so, and when all is well again.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { RUN_ONCE, containers, docker, isWell, script, started } from './stack.mjs';

/** Three misses of a probe each 5 s, and what the engine takes. */
const NOTICED_SECONDS = 35;

before(async () => {
  await started();
});

/** Waits until `status` fails, and gives what it says. */
async function complaint(seconds = NOTICED_SECONDS) {
  for (const deadline = Date.now() + seconds * 1000; ; await pause(1000)) {
    const { code, output } = await script('status', { expect: 'any' });
    if (code !== 0) return output;
    assert.ok(Date.now() < deadline, `status still says well after ${seconds} s`);
  }
}

test('well is well', () => script('status'));

test('each service that has stopped, also with exit code 0', async (t) => {
  for (const { service, id } of Object.values(await containers())) {
    if (RUN_ONCE.includes(service)) continue;
    await docker('stop', '--time', '20', id);
    const said = await complaint(5);
    assert.match(said, new RegExp(`^.*\\b${service}\\b.*$`, 'm'));
    await docker('start', id);
    t.diagnostic(`${service}: noticed`);
  }
  await isWell();
  await script('status');
});

test('each service that hangs', async (t) => {
  for (const { service, id, health } of Object.values(await containers())) {
    if (RUN_ONCE.includes(service) || health === 'none') continue;
    await docker('pause', id);
    const started = Date.now();
    // Docker's own word is "paused"; who asks for health is another matter, and the API says 503 without Postgres.
    const said = await complaint();
    assert.match(said, new RegExp(`\\b${service}\\b`));
    await docker('unpause', id);
    t.diagnostic(`${service}: noticed after ${Math.round((Date.now() - started) / 1000)} s`);
    await isWell();
  }
});

test('an API that answers 503', async () => {
  const { postgres, api } = await containers();
  await docker('stop', postgres.id);
  // Postgres is put back by hand, so that only the API tells.
  const deadline = Date.now() + NOTICED_SECONDS * 1000;
  for (;;) {
    const { health } = (await containers()).api;
    if (health === 'unhealthy') break;
    assert.ok(Date.now() < deadline, `the API without its database is ${health}`);
    await pause(500);
  }
  await docker('start', postgres.id);
  await isWell();
  assert.equal((await containers()).api.id, api.id, 'it recovered without a restart');
});
