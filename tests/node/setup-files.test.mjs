// What the stack's containers read of the host: that a change of it is noticed, and who is given which secret.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, chmod, cp, mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, suite, test } from 'node:test';
import { parse } from 'yaml';
import { REPOSITORY } from './server.mjs';
import { surroundings } from './setup.mjs';

let world;
beforeEach(async () => {
  world = await surroundings();
  // Writes down what compose would put into labels.
  const docker = await world.read('docker');
  await writeFile(
    join(world.bin, 'docker'),
    docker.replace("*' up '*) up", `*' up '*) env | grep ^FILES_ | sort >labels; up`),
  );
});
afterEach(() => world.remove());

async function labels() {
  const { code, output } = await world.run(['start']);
  assert.equal(code, 0, output);
  return Object.fromEntries((await world.read('labels')).trim().split('\n').map((line) => line.split('=')));
}

suite('the labels by which containers are made anew', () => {
  const ALL = ['ALLOY', 'API', 'CADDY', 'GRAFANA', 'LOKI', 'MIMIR', 'SOCKET_PROXY', 'TEMPO'];

  test('nothing changed: they are the same, each its own, and nothing can be guessed from them', async () => {
    const first = await labels();
    assert.deepEqual(Object.keys(first).sort(), ALL.map((name) => `FILES_${name}`));
    for (const sum of Object.values(first)) assert.match(sum, /^[0-9a-f]{32}$/);
    assert.equal(new Set(Object.values(first)).size, ALL.length);
    assert.deepEqual(await labels(), first);
    // Another machine's are others.
    await writeFile(join(world.secrets, 'label_key'), 'another');
    const others = Object.values(await labels());
    for (const sum of Object.values(first)) assert.ok(!others.includes(sum));
  });

  for (const [path, services] of [
    ['loki/loki.yaml', ['LOKI']],
    ['tempo/tempo.yaml', ['TEMPO']],
    ['mimir/rules/anonymous/plant-care-slo.yaml', ['MIMIR']],
    ['alloy/config.alloy', ['ALLOY']],
    ['caddy/Caddyfile', ['CADDY']],
    ['socket-proxy/haproxy.cfg', ['SOCKET_PROXY']],
    ['grafana/provisioning/datasources/datasources.yaml', ['GRAFANA']],
    ['grafana/dashboards/plant-care-live.json', ['GRAFANA']],
    ['secrets/secret_key', ['API']],
    ['secrets/encryption_key', ['API']],
    ['secrets/plant_user_password', ['API']],
    ['secrets/plant_monitor_password', ['ALLOY']],
    ['secrets/alert_email', ['GRAFANA']],
    ['secrets/smtp_password', ['GRAFANA']],
    ['secrets/grafana_secret_key', ['GRAFANA']],
    // Read once, at the first start, or set by a run-once service.
    ['secrets/grafana_password', []],
    ['secrets/postgres_password', []],
    ['postgres/roles.sql', []],
    ['lib/start.sh', []],
  ]) {
    test(`${path} is read by ${services.join(', ') || 'nobody who would have to start again'}`, async () => {
      const before = await labels();
      await appendFile(join(world.repository, 'observability', path), path.includes('secrets') ? 'x' : '\n');
      const now = await labels();
      assert.deepEqual(Object.keys(now).filter((name) => now[name] !== before[name]), services.map((name) => `FILES_${name}`));
    });
  }

  test('a file that is added or renamed counts', async () => {
    const before = await labels();
    await writeFile(join(world.repository, 'observability/mimir/rules/anonymous/more.yaml'), '');
    const now = await labels();
    assert.notEqual(now.FILES_MIMIR, before.FILES_MIMIR);
  });

  test("whatever compose's files mount of configuration or hand out of secrets is counted", async () => {
    const services = {};
    for (const file of ['compose.yaml', 'compose.proxy.yaml', 'compose.journal.yaml']) {
      const text = (await readFile(join(REPOSITORY, file), 'utf8')).replaceAll('!reset', '');
      for (const [name, { volumes = [] }] of Object.entries(parse(text, { merge: true }).services))
        services[name] = [...(services[name] ?? []), ...volumes];
    }
    const once = ['init', 'postgres-setup', 'migrate', 'archive'];
    const table = await readFile(join(REPOSITORY, 'observability/lib/sums.sh'), 'utf8');
    const init = await readFile(join(REPOSITORY, 'observability/init.sh'), 'utf8');
    let counted = 0;
    for (const [name, volumes] of Object.entries(services).filter(([one]) => !once.includes(one))) {
      const line = new RegExp(`^ {8}(?:[\\w |-]*\\b)?${name}\\b[^\\n]*\\)(.*?);;`, 'ms').exec(table)?.[1] ?? '';
      for (const volume of volumes) {
        const [from] = volume.split(':');
        if (from.startsWith('./observability/')) {
          const folder = from.slice('./observability/'.length).split('/')[0];
          assert.ok(line.includes(`observability/${folder}`) || line.includes('observability/$1') && folder === name, `${name}: ${from}`);
          counted += 1;
        }
        // Of Postgres's secrets none is read again at a start.
        if (!/-secrets$/.test(from) || name === 'postgres') continue;
        const [, files] = new RegExp(`^hand_out ${from.replace('-secrets', '')} \\d+ (.*)$`, 'm').exec(init);
        for (const [, secret] of files.matchAll(/\$from\/(\w+)/g)) {
          assert.ok(line.includes(secret), `${name}: ${secret}`);
          counted += 1;
        }
      }
    }
    assert.ok(counted >= 10, `${counted}`);
  });
});

suite('init.sh', () => {
  test('gives each service what it reads, readable by it alone', async () => {
    const root = join(world.repository, 'root');
    for (const folder of ['host', 'mimir', 'caddy', 'secrets/api', 'secrets/postgres', 'secrets/alloy', 'secrets/grafana']) {
      await mkdir(join(root, folder), { recursive: true });
    }
    await world.run(['start']);
    await cp(world.secrets, join(root, 'host'), { recursive: true });
    await writeFile(join(root, 'host/alert_slack'), 'https://hooks.example');
    await writeFile(join(root, 'secrets/api/old'), 'taken away on the host');
    const child = spawn('sh', [join(world.repository, 'observability/init.sh'), root], {
      env: { PATH: `${world.bin}:${process.env.PATH}` },
    });
    const [code] = await once(child, 'close');
    assert.equal(code, 0);
    const at = async (service) => (await readdir(join(root, 'secrets', service))).sort();
    assert.deepEqual(await at('api'), ['database_url', 'encryption_key', 'secret_key']);
    assert.deepEqual(await at('alloy'), ['postgres_monitor_url']);
    assert.deepEqual(await at('postgres'), ['plant_monitor_password', 'plant_user_password', 'postgres_password']);
    assert.deepEqual(await at('grafana'), ['alert_slack', 'grafana_password', 'grafana_secret_key', 'smtp_password']);
    for (const file of await at('api')) assert.equal((await stat(join(root, 'secrets/api', file))).mode & 0o777, 0o400);
    assert.equal((await stat(join(root, 'secrets/api'))).mode & 0o777, 0o500);
    const owners = await world.read('owners');
    for (const line of [
      `-R 10001:10001 ${root}/secrets/api`,
      `-R 70:70 ${root}/secrets/postgres`,
      `-R 473:473 ${root}/secrets/alloy`,
      `-R 472:472 ${root}/secrets/grafana`,
      `10001:10001 ${root}/mimir`,
      `10002:10002 ${root}/caddy ${root}/caddy/caddy`,
    ]) {
      assert.ok(owners.split('\n').includes(line), owners);
    }
    // So that the folders can be removed also by who is not root.
    for (const service of ['api', 'postgres', 'alloy', 'grafana']) await chmod(join(root, 'secrets', service), 0o700);
  });
});
