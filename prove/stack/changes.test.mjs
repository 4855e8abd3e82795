// What changes between two starts: settings, secrets, files, programs; and what must not.
import assert from 'node:assert/strict';
import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  API, CHECKOUT, areImagesReal, ask, containers, docker, file, isWell, replaced, run, running, script, sql, started,
} from './stack.mjs';

const recipes = join(CHECKOUT, 'target-of-the-proof');

before(async () => {
  await started();
});
after(() => script('start'));

const apiAnswers = async () => (await fetch(`${API}/health/ready`)).status;

test('nothing changed: nothing is replaced', async () => {
  const before = await running();
  await script('start');
  assert.deepEqual(replaced(before, await running()), []);
});

for (const [path, services] of [
  ['observability/loki/loki.yaml', ['loki']],
  ['observability/tempo/tempo.yaml', ['tempo']],
  ['observability/mimir/mimir.yaml', ['mimir']],
  ['observability/alloy/config.alloy', ['alloy']],
  ['observability/grafana/provisioning/datasources/datasources.yaml', ['grafana']],
  ['observability/socket-proxy/haproxy.cfg', ['socket-proxy']],
  ['observability/secrets/grafana_secret_key', ['grafana']],
  ['observability/secrets/smtp_password', ['grafana']],
]) {
  test(`${path} changed: ${services} is replaced, and nobody else`, async () => {
    const before = await running();
    const was = await file(path);
    await appendFile(join(CHECKOUT, path), path.includes('secrets') ? 'x' : path.endsWith('.alloy') ? '// x\n' : '# x\n');
    await script('start');
    assert.deepEqual(replaced(before, await running()), services);
    await writeFile(join(CHECKOUT, path), was);
    await script('start');
  });
}

test('a new secret_key arrives at the API', async () => {
  const before = await running();
  const path = join(CHECKOUT, 'observability/secrets/secret_key');
  await writeFile(path, Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64'));
  await script('start');
  const now = await running();
  assert.ok(replaced(before, now).includes('api'));
  assert.ok(!replaced(before, now).includes('postgres'));
});

/** An image instead of the API's, of a Dockerfile's lines. */
async function buildOf(name, lines) {
  await run('mkdir', ['-p', recipes]);
  const path = join(recipes, name);
  await writeFile(path, lines);
  return { API_DOCKERFILE: path };
}

/** The program in a container with a shell, which in the place of one of its commands does something else, and fails. */
const without = (command, instead) => `FROM plant-care:local AS whole
FROM ${areImagesReal ? 'debian:bookworm-slim' : 'plant-care-proof/bookworm'}
COPY --from=whole /plant-care /plant-care
ENTRYPOINT ["bash", "-c", "[[ $1 != ${command} ]] && exec /plant-care \\"$@\\"; ${instead}; exit 1", "plant-care"]
`;

for (const command of ['start', 'restart']) {
  test(`${command}: an image that cannot be built changes nothing`, async () => {
    const before = await running();
    const env = await buildOf('broken', 'FROM plant-care:local\nCOPY this-is-nowhere /\n');
    await script(command, { env, expect: 'failure' });
    assert.deepEqual(replaced(before, await running()), []);
    assert.equal(await apiAnswers(), 200);
    await script('status');
  });

  test(`${command}: a migration that fails changes nothing`, async () => {
    const before = await running();
    const env = await buildOf('unmigrated', without('migrate', 'echo the migration failed'));
    const { output } = await script(command, { env, expect: 'failure' });
    assert.match(output, /the migration failed/);
    assert.deepEqual(replaced(before, await running()), []);
    assert.equal(await apiAnswers(), 200);
    await script('status');
  });
}

test('a new program that migrates and does not serve: it is told, and rollback brings back the one before', async () => {
  const { api } = await containers();
  const env = await buildOf('lame', without('serve', 'true'));
  const { output } = await script('start', { env: { ...env, PATIENCE_SECONDS: '30' }, expect: 'failure' });
  assert.match(output, /^api /m);
  assert.match(output, /rollback/);
  await script('rollback');
  await isWell();
  assert.equal((await containers()).api.image, api.image);
  assert.equal((await ask('{ __typename }')).status, 200);
});

test('two at once: one works, the other says so and changes nothing', async () => {
  const both = await Promise.all([script('start', { expect: 'any' }), script('restart', { expect: 'any' })]);
  assert.ok(both.some(({ code }) => code === 0), both.map(({ output }) => output).join('\n'));
  await isWell();
  await script('status');
});

test('a role that was given another password by hand gets its own again', async () => {
  await sql("ALTER ROLE plant_monitor PASSWORD 'another'");
  await script('start');
  const address = (await file('observability/secrets/postgres_monitor_url')).replace('postgres:5432', '127.0.0.1:5432');
  const { alloy } = await containers();
  assert.ok(alloy.state === 'running');
  assert.equal(await docker('exec', 'plant-care-postgres-1', 'psql', address, '--no-psqlrc', '-Atc', 'SELECT 1'), '1');
});
