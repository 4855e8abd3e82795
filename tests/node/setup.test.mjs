// observability/setup-observability.sh with a `docker` that only writes down how it was called: start, stop, status, settings.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, suite, test } from 'node:test';
import { REPOSITORY } from './server.mjs';
import { PORTS, surroundings } from './setup.mjs';

let world;
beforeEach(async () => {
  world = await surroundings();
});
afterEach(() => world.remove());

const START = [
  'compose build api',
  'run --rm --no-deps -T init',
  'up --detach --no-recreate --no-build postgres',
  /^exec -T postgres psql /,
  'run --rm --no-deps -T -e PGDATABASE=plant_care_db postgres-setup',
  'run --rm --no-deps -T migrate',
  'tag first plant-care:local',
  'image rm plant-care:next',
  'up --detach --no-build --remove-orphans --scale api=1',
];

/** That calls are these, each a text or a pattern. */
function assertSteps(steps, expected) {
  const differs = expected.findIndex((step, index) =>
    step instanceof RegExp ? !step.test(steps[index] ?? '') : step.replace(/^compose build/, 'build') !== steps[index],
  );
  assert.equal(differs, -1, `${expected[differs]} in:\n${steps.join('\n')}`);
  assert.equal(steps.length, expected.length, steps.join('\n'));
}

suite('setup-observability.sh start', () => {
  test('makes the secrets, builds, migrates, starts, waits, and prints the addresses', async () => {
    const { code, output, steps } = await world.run(['start']);
    assert.equal(code, 0, output);
    assertSteps(steps, START);
    for (const name of Object.keys(PORTS).filter((one) => !/^(OTLP_)?HTTPS?_/.test(one)))
      assert.ok(output.includes(`127.0.0.1:${world.port[name]}`), `${name} in ${output}`);
    assert.equal((await stat(world.secrets)).mode & 0o777, 0o700);
    const files = await readdir(world.secrets);
    assert.ok(files.length >= 10);
    const values = new Map();
    for (const file of files) {
      assert.equal((await stat(join(world.secrets, file))).mode & 0o777, 0o600, file);
      const value = await world.secret(file);
      assert.ok(!value.includes('\n'), file);
      assert.ok(!output.includes(value) || value === '', `${file} is printed`);
      values.set(file, value);
    }
    for (const key of ['secret_key', 'encryption_key']) {
      assert.equal(Buffer.from(values.get(key), 'base64').length, 32);
      assert.equal(values.get(key).length, 44);
    }
    assert.equal(
      values.get('database_url'),
      `postgres://plant_user:${values.get('plant_user_password')}@postgres:5432/plant_care_db`,
    );
    assert.ok(values.get('postgres_monitor_url').includes(`:${values.get('plant_monitor_password')}@postgres:5432/`));
    const random = [...values].filter(([name]) => !/url$|^smtp/.test(name)).map(([, value]) => value);
    assert.ok(random.every((value) => value.length >= 24));
    assert.equal(new Set(random).size, random.length);
  });

  test('containers can read the configuration also after a checkout with a narrow umask', async () => {
    const config = join(world.repository, 'observability/tempo/tempo.yaml');
    await chmod(config, 0o600);
    assert.equal((await world.run(['start'])).code, 0);
    assert.equal((await stat(config)).mode & 0o777, 0o644);
    assert.equal((await stat(world.secrets)).mode & 0o777, 0o700);
  });

  test('who is told of alerts is written before Grafana starts', async () => {
    const notifications = join(world.repository, 'observability/grafana/notifications.sh');
    await writeFile(notifications, `#!/bin/sh\necho notifications >>${world.bin}/calls\n`, { mode: 0o755 });
    const { code, calls } = await world.run(['start']);
    assert.equal(code, 0);
    const place = calls.indexOf('notifications');
    assert.ok(place >= 0 && place < calls.findIndex((call) => call.includes(' up --detach --no-build')));
    await writeFile(notifications, '#!/bin/sh\nexit 1\n');
    assert.equal((await world.run(['start'])).code, 1);
  });

  for (const [words, complaint, done] of [
    ['build', /could not be built; what ran runs on/, 0],
    ['up --detach --no-recreate', /Postgres did not start/, 2],
    ['psql', /password of postgres could not be set/, 3],
    ['postgres-setup', /could not be set up; what ran runs on/, 4],
    ['migrate', /migration was refused.*\nWhat ran runs on/, 5],
  ]) {
    test(`${words} that fails ends it before anything is replaced`, async () => {
      await world.run(['start']);
      await world.say('built', 'second\n');
      await world.say('failing', `${words}\n`);
      const before = await world.containers();
      const { code, output, steps } = await world.run(['start']);
      assert.equal(code, 1);
      assert.match(output, complaint);
      assertSteps(steps, START.slice(0, done + 1));
      assert.deepEqual(await world.containers(), before);
      assert.equal(await world.read('images/local'), 'first\n');
    });
  }

  test('a part that fails to start ends it, and it says how to go back', async () => {
    await world.say('failing', '--remove-orphans\n');
    const { code, output } = await world.run(['start']);
    assert.equal(code, 1);
    assert.match(output, /A part did not start/);
    assert.match(output, /rollback/);
  });

  test('secrets are made once', async () => {
    await world.run(['start']);
    const all = async () => Promise.all((await readdir(world.secrets)).map((file) => world.secret(file)));
    const before = await all();
    await rm(join(world.secrets, 'grafana_password'));
    await writeFile(join(world.secrets, 'smtp_password'), 'from its owner');
    assert.equal((await world.run(['start'])).code, 0);
    const afterwards = await all();
    assert.equal(afterwards.length, before.length);
    assert.equal(afterwards.filter((value) => !before.includes(value)).length, 2);
    assert.equal(await world.secret('smtp_password'), 'from its owner');
  });

  test("a role's password can be changed in its file, and so can the superuser's", async () => {
    await world.run(['start']);
    await writeFile(join(world.secrets, 'plant_user_password'), 'its/owner @ home');
    await writeFile(join(world.secrets, 'postgres_monitor_url'), 'postgresql://of-another-server/');
    const { code, output, steps } = await world.run(['start']);
    assert.equal(code, 0);
    assert.match(output, /plant_user_password was changed, and database_url follows it/);
    assert.equal(
      await world.secret('database_url'),
      'postgres://plant_user:its%2Fowner%20%40%20home@postgres:5432/plant_care_db',
    );
    assert.equal(await world.secret('postgres_monitor_url'), 'postgresql://of-another-server/');
    // Handed out first, then set.
    assert.ok(steps.findIndex((step) => / init$/.test(step)) < steps.findIndex((step) => / psql /.test(step)));
    assert.match(await world.read('stdin'), /ALTER ROLE postgres PASSWORD/);
  });

  test('a new key is never made for a database that is there', async () => {
    await world.say('volume', '');
    const { code, output, compose } = await world.run(['start']);
    assert.equal(code, 1);
    assert.match(output, /encryption_key is missing/);
    assert.ok(!compose.some((call) => call.startsWith('up')));
  });

  test('taken ports are all named, and nothing is started; the own ones are not taken', async () => {
    const held = createServer().listen(world.port.GRAFANA_PORT, '127.0.0.1');
    await once(held, 'listening');
    try {
      const { code, output, compose } = await world.run(['start']);
      assert.equal(code, 1);
      assert.match(output, new RegExp(`are taken: ${world.port.GRAFANA_PORT} \\(GRAFANA_PORT\\)\\.`));
      assert.ok(!compose.some((call) => /^(up|build)/.test(call)));
      await world.say('containers', 'id99 grafana running healthy 0 image hash\n');
      await world.say('ports', `${world.port.GRAFANA_PORT} \n`);
      assert.equal((await world.run(['start'])).code, 0);
    } finally {
      held.close();
    }
  });

  test('too little memory or disk stops it; the small stack needs less', async () => {
    await world.say('memory', `${4 * 2 ** 30}`);
    const memory = await world.run(['start']);
    assert.equal(memory.code, 1);
    assert.match(memory.output, /has 4 GiB of memory, and 6 are needed/);
    await world.say('disk', '9');
    const disk = await world.run(['start']);
    assert.equal(disk.code, 1);
    assert.match(disk.output, /^9 GiB of disk are free in \., and 10 are needed \(MINIMUM_DISK_GIB\)\.$/m);
    const less = await world.run(['start'], { env: { MINIMUM_DISK_GIB: '9' } });
    assert.doesNotMatch(less.output, /GiB of disk/);
    await world.settings('STACK=small\n');
    assert.equal((await world.run(['start'])).code, 0);
  });

  test('what does not get healthy is named, with how to learn why', async () => {
    await world.say('unhealthy', 'grafana\n');
    const { code, output } = await world.run(['start']);
    assert.equal(code, 1);
    assert.match(output, /^grafana running unhealthy 0$/m);
    assert.match(output, /logs SERVICE/);
    assert.doesNotMatch(output, /^(api|init|mimir) /m);
  });

  test('an engine that goes away while it waits is no success', async () => {
    await world.say('failing', 'inspect --format {{index\n');
    const { code, output } = await world.run(['start']);
    assert.notEqual(code, 0);
    assert.doesNotMatch(output, /Grafana {6}http/);
  });

  test('a second one says who is at work, and a killed one holds nobody up', async () => {
    // The first waits in its build.
    await writeFile(join(world.bin, 'docker'), (await world.read('docker')).replace("*' build '*)", "*' build '*) sleep 20 >/dev/null 2>&1 9>&1;"));
    const script = join(world.repository, 'observability/setup-observability.sh');
    const env = { PATH: `${world.bin}:${process.env.PATH}`, JOURNAL_FOLDERS: '/nonexistent', ...world.port };
    const first = spawn('bash', [script, 'start'], { env, stdio: ['ignore', 'pipe', 'ignore'] });
    let told = '';
    await new Promise((resolve, reject) => {
      first.stdout.on('data', (data) => {
        told += data;
        if (told.includes('Building')) resolve();
      });
      first.once('exit', () => reject(new Error(told)));
    });
    const second = await world.run(['backup']);
    assert.equal(second.code, 1);
    assert.match(second.output, new RegExp(`start has been at work since \\S+ \\(process ${first.pid}\\)`));
    assert.deepEqual(second.calls.filter((call) => !/ build api$/.test(call)), []);
    // What it had called goes on, and is ended by the next.
    first.kill('SIGKILL');
    await once(first, 'exit');
    first.stdout.destroy();
    await writeFile(join(world.bin, 'docker'), await readFile(join(REPOSITORY, 'tests/node/setup/docker')));
    const third = await world.run(['start']);
    assert.equal(third.code, 0, third.output);
  });
});

suite('setup-observability.sh and the engine', () => {
  test('a missing engine is one clear line', async () => {
    await rm(join(world.bin, 'docker'));
    // Only what the script itself needs.
    const folder = join(world.repository, 'tools');
    await mkdir(folder);
    for (const tool of ['bash', 'cat', 'date', 'dirname', 'flock', 'sed', 'tail']) {
      for (const path of process.env.PATH.split(':').map((one) => join(one, tool))) {
        if (await stat(path).catch(() => null)) {
          await writeFile(join(folder, tool), `#!/bin/sh\nexec ${path} "$@"\n`, { mode: 0o755 });
          break;
        }
      }
    }
    const { code, output } = await world.run(['start'], { env: { PATH: `${world.bin}:${folder}` } }).catch(assert.fail);
    assert.equal(code, 1);
    assert.equal(output, 'Docker is missing: install Docker Engine with the compose plugin, then run this again.\n');
  });

  for (const [word, line] of [
    ['compose version', /^Docker's compose plugin is missing: .*\n$/],
    ['info', /^Docker's engine does not answer: .*\n$/],
  ]) {
    test(`an engine of which ${word} fails is one clear line`, async () => {
      await world.say('failing', `${word}\n`);
      const { code, output } = await world.run(['start']);
      assert.equal(code, 1);
      assert.match(output, line);
    });
  }

  test("the engine's socket is found where the engine says", async () => {
    const docker = (await world.read('docker')).replace(
      "*' config --services '*)",
      `*' config --services '*) echo "$DOCKER_SOCKET" >socket;`,
    );
    await writeFile(join(world.bin, 'docker'), docker);
    await world.run(['start'], { env: { DOCKER_HOST: 'unix:///run/user/1000/docker.sock' } });
    assert.equal(await world.read('socket'), '/run/user/1000/docker.sock\n');
  });

  test("the journal's file is added where there is a journal", async () => {
    const journal = join(world.repository, 'journal');
    const without = await world.run(['status'], { env: { JOURNAL_FOLDERS: journal } });
    assert.ok(!without.calls.some((call) => call.includes('compose.journal.yaml')));
    await mkdir(join(journal, 'machine'), { recursive: true });
    await writeFile(join(journal, 'machine/system.journal'), '');
    const found = await world.run(['logs'], { env: { JOURNAL_FOLDERS: `/nonexistent ${journal}` } });
    assert.ok(found.calls.some((call) => call.includes('--file compose.yaml --file compose.journal.yaml')));
  });

  test('an unknown command, and none, print what there is', async () => {
    for (const args of [[], ['begin']]) {
      const { code, output, calls } = await world.run(args);
      assert.equal(code, 2);
      for (const command of 'start stop restart status logs upgrade rollback backup restore user demo alert clean'.split(' '))
        assert.ok(output.includes(`  ${command} `), output);
      assert.deepEqual(calls, []);
    }
  });
});

suite('setup-observability.sh and its settings', () => {
  test("settings come from observability/.env, never from the developer's .env", async () => {
    await writeFile(join(world.repository, '.env'), 'RUST_LOG=trace\n');
    assert.ok((await world.run(['logs'])).calls.some((call) => call.includes('--env-file /dev/null')));
    await world.settings('RUST_LOG=debug\n');
    assert.ok((await world.run(['logs'])).calls.some((call) => call.includes('--env-file observability/.env')));
  });

  /** What compose is given of some settings. */
  async function given(names, settings, env) {
    const said = names.map((name) => `$${name}`).join('|');
    const docker = await readFile(join(REPOSITORY, 'tests/node/setup/docker'), 'utf8');
    await writeFile(join(world.bin, 'docker'), docker.replace('set -u\n', `echo "${said}" >"$(dirname "$0")/given"\nset -u\n`));
    await world.settings(settings);
    const { code, output } = await world.run(['logs'], { env });
    assert.equal(code, 0, output);
    return (await world.read('given')).trim().split('|');
  }

  test('they are read as compose reads them', async () => {
    const file = [
      'MIMIR_PORT=9100',
      'MIMIR_PORT = 9101 # the later line',
      'export LOKI_PORT="3101" # quoted',
      "TEMPO_PORT='3201'\r",
      'GRAFANA_PORT=',
    ].join('\n');
    const names = ['MIMIR_PORT', 'LOKI_PORT', 'TEMPO_PORT', 'GRAFANA_PORT', 'API_PORT'];
    const env = { MIMIR_PORT: '', LOKI_PORT: '', TEMPO_PORT: '', GRAFANA_PORT: '', API_PORT: '8111' };
    assert.deepEqual(await given(names, file, env), ['9101', '3101', '3201', '3000', '8111']);
  });

  test('a memory limit brings the point at which a program in Go collects', async () => {
    const names = ['LOKI_MEMORY', 'LOKI_GOMEMLIMIT', 'TEMPO_GOMEMLIMIT', 'MIMIR_GOMEMLIMIT', 'GRAFANA_GOMEMLIMIT'];
    const file = 'LOKI_MEMORY=1000m\nTEMPO_MEMORY=2g\nMIMIR_MEMORY=2G\nMIMIR_GOMEMLIMIT=1GiB\n';
    assert.deepEqual(await given(names, file), ['1000m', '900MiB', '1843MiB', '1GiB', '']);
  });

  test('the small stack leaves out the profile, and the API sends its spans nowhere', async () => {
    assert.ok((await world.run(['logs'])).calls.some((call) => call.includes(' --profile full logs')));
    const docker = await world.read('docker');
    await writeFile(join(world.bin, 'docker'), docker.replace('set -u\n', 'echo "${OTEL_ENDPOINT-unset}" >"$(dirname "$0")/given"\nset -u\n'));
    await world.run(['logs']);
    assert.equal(await world.read('given'), 'unset\n');
    await world.settings('STACK=small\n');
    const { calls } = await world.run(['logs']);
    assert.ok(!calls.some((call) => call.includes('--profile')));
    assert.equal(await world.read('given'), '\n');
  });

  test('what the settings no longer have is taken away', async () => {
    await world.run(['start']);
    await world.settings('STACK=small\n');
    await world.say('services', 'init\npostgres\npostgres-setup\nmigrate\napi\n');
    const { code, output } = await world.run(['start']);
    assert.equal(code, 0, output);
    assert.match(output, /Removing grafana/);
    assert.deepEqual((await world.containers()).map(({ name }) => name).sort(), [
      'api',
      'init',
      'migrate',
      'postgres',
      'postgres-setup',
    ]);
    assert.doesNotMatch(output, /Grafana {6}http/);
  });

  test('the proxy brings its file, its ports and two replicas', async () => {
    await world.settings('PROXY=on\n');
    const held = createServer().listen(world.port.API_PORT, '127.0.0.1');
    await once(held, 'listening');
    const { code, output, calls } = await world.run(['start']);
    held.close();
    assert.equal(code, 0, output);
    assert.ok(calls.some((call) => call.includes('--file compose.yaml --file compose.proxy.yaml ')));
    assert.equal((await world.containers('api')).length, 2);
    assert.match(output, new RegExp(`https://localhost:${world.port.HTTPS_PORT}/graphql`));
    await world.settings('API_REPLICAS=3\n');
    await world.run(['start']);
    assert.equal((await world.containers('api')).length, 1);
  });

  for (const [line, complaint] of [
    ['STACK=tiny', /^STACK=tiny is not valid: it takes full or small\.$/m],
    ['PROXY=yes', /^PROXY=yes is not valid: it takes on or off\.$/m],
    ['PROXY=on\nAPI_REPLICAS=0', /^API_REPLICAS=0 is not valid: it takes a number from 1 to 6\.$/m],
    ['PROXY=on\nPROXY_ADDRESS=everywhere', /^PROXY_ADDRESS=everywhere is not valid/m],
    ['MIMIR_PORT=0', /^MIMIR_PORT=0 is not valid: it takes a port from 1 to 65535\.$/m],
    ['MIMIR_PORT=65536', /^MIMIR_PORT=65536 is not valid/m],
    ['MIMIR_PORT=3333\nLOKI_PORT=3333', /^(MIMIR_PORT and LOKI_PORT|LOKI_PORT and MIMIR_PORT) are both 3333\.$/m],
    ['LOKI_MEMORY=much', /^LOKI_MEMORY=much is not valid: it takes a number with m or g, such as 768m\.$/m],
    ['LOKI_MEMORY=8m', /^LOKI_MEMORY=8m is not valid: it takes at least 32m\.$/m],
    ['MINIMUM_DISK_GIB=lots', /^MINIMUM_DISK_GIB=lots is not valid: it takes a whole number\.$/m],
  ]) {
    test(`${line.split('\n').at(-1)} is refused by its name`, async () => {
      await world.settings(`${line}\n`);
      const env = Object.fromEntries(Object.keys(PORTS).map((name) => [name, '']));
      const { code, output, calls } = await world.run(['start'], { env });
      assert.equal(code, 1);
      assert.match(output, complaint);
      assert.deepEqual(calls, []);
    });
  }
});

suite('setup-observability.sh status, stop, clean', () => {
  test('all that is wanted runs and is healthy', async () => {
    await world.run(['start']);
    const { code, output } = await world.run(['status']);
    assert.equal(code, 0, output);
    assert.match(output, /^SERVICE +STATE +HEALTH +EXIT$/m);
    assert.match(output, /^api +running +healthy +0$/m);
  });

  for (const [what, change, complaint] of [
    ['a service that ended well', (line) => line.replace('api running healthy 0', 'api exited none 0'), /^api exited none 0$/m],
    ['a service that is unhealthy', (line) => line.replace('api running healthy', 'api running unhealthy'), /^api running unhealthy 0$/m],
    ['a service that just starts', (line) => line.replace('api running healthy', 'api running starting'), /^api running starting 0$/m],
    ['a service that restarts', (line) => line.replace('api running healthy 0', 'api restarting none 1'), /^api restarting none 1$/m],
    ['a migration that failed', (line) => line.replace('migrate exited none 0', 'migrate exited none 1'), /^migrate exited none 1$/m],
    ['a migration that is at work', (line) => line.replace('migrate exited none 0', 'migrate running none 0'), /^migrate running none 0$/m],
    ['a service that is missing', (line) => line.replace(/^\S+ mimir .*$/m, ''), /^mimir missing - -$/m],
  ]) {
    test(`${what} is told`, async () => {
      await world.run(['start']);
      await world.say('containers', change(await world.read('containers')).replace(/^\n/gm, ''));
      const { code, output } = await world.run(['status']);
      assert.equal(code, 1);
      assert.match(output, complaint);
    });
  }

  test('a replica that is missing is told', async () => {
    await world.settings('PROXY=on\n');
    await world.run(['start']);
    const lines = (await world.read('containers')).split('\n');
    lines.splice(lines.findIndex((line) => line.includes(' api ')), 1);
    await world.say('containers', lines.join('\n'));
    const { code, output } = await world.run(['status']);
    assert.equal(code, 1);
    assert.match(output, /^api missing - -$/m);
  });

  test('nothing that runs is told', async () => {
    const { code, output } = await world.run(['status']);
    assert.equal(code, 1);
    assert.match(output, /Nothing runs/);
  });

  test('stop and logs', async () => {
    await world.run(['start']);
    assert.deepEqual((await world.run(['stop'])).steps, ['down --remove-orphans']);
    assert.deepEqual((await world.run(['logs', 'api'])).compose, ['logs --follow --tail=200 api']);
    // Also what the settings no longer have.
    await world.settings('STACK=small\n');
    assert.ok((await world.run(['stop'])).calls.some((call) => call.includes('--profile full down')));
    assert.equal((await world.run(['stop', 'api'])).code, 1);
  });

  for (const answer of ['no\n', '', 'yes\n', 'cleaning\n']) {
    test(`clean answered with ${JSON.stringify(answer)} changes nothing`, async () => {
      await world.run(['start']);
      const { code, output, compose } = await world.run(['clean'], { input: answer });
      assert.equal(code, 1);
      assert.match(output, /Nothing was changed\./);
      assert.deepEqual(compose.filter((call) => call !== 'version'), []);
      assert.ok((await readdir(world.secrets)).length > 0);
    });
  }

  test('clean that is wanted removes the data and keeps the secrets', async () => {
    await world.run(['start']);
    const { code, calls, steps } = await world.run(['clean'], { input: 'clean\n' });
    assert.equal(code, 0);
    assert.equal(calls.at(-1), 'image inspect --format {{.Id}} plant-care:previous');
    assert.deepEqual(steps, [
      '--profile tools down --volumes --remove-orphans',
      'volume rm --force plant-care_spare-secrets',
      'image rm plant-care:local',
    ]);
    assert.ok((await readdir(world.secrets)).includes('encryption_key'));
  });
});
