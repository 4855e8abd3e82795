// observability/setup-observability.sh with a `docker` that only writes down how it was called.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, suite, test } from 'node:test';
import { REPOSITORY } from './server.mjs';

const PORTS = [5432, 8000, 12345, 3100, 3200, 9009, 3000, 4317, 4318];

/** Its answers are in files beside it, its calls in `calls`; `exit` lists words whose calls fail. */
const DOCKER = `#!/usr/bin/env bash
folder=$(dirname "$0")
printf '%s\\n' "$*" >>"$folder/calls"
while read -r word; do
    if [[ -n $word && " $* " == *" $word "* ]]; then echo "docker: $word failed" >&2; exit 1; fi
done <"$folder/exit"
case " $* " in
    *' info --format {{.MemTotal}} '*) cat "$folder/memory" ;;
    *' info --format {{.DockerRootDir}} '*) echo / ;;
    *' volume inspect '*) [[ -e $folder/volume ]] ;;
    *' compose '*' ps '*) cat "$folder/ids" ;;
    *' inspect '*) cat "$folder/states" ;;
    *' up --detach '*) printf 'a\\nb\\n' >"$folder/ids" ;;
    *' pg_dump '* | *' archive pack '*) printf 'bytes of %s' "$*" ;;
    *' exec '* | *' archive unpack '*) cat >>"$folder/stdin" ;;
esac
`;

/** A disk with as many GiB free as the file `disk` says: what is free on this machine is not what is tested. */
const DF = `#!/usr/bin/env bash
free=$(<"$(dirname "$0")/disk")
echo 'Filesystem 1024-blocks Used Available Capacity Mounted on'
echo "of-the-test 0 0 $((free * 1048576)) 0% /"
`;

suite('setup-observability.sh', () => {
  let repository, bin, held;

  /** A copy of the script's surroundings, for it makes files; its ports are free unless a test takes one. */
  beforeEach(async () => {
    repository = await mkdtemp(join(tmpdir(), 'plant-care-setup-'));
    bin = join(repository, 'bin');
    await mkdir(bin);
    await cp(join(REPOSITORY, 'observability'), join(repository, 'observability'), {
      recursive: true,
      filter: (path) => !/observability\/(secrets|backups|backup-keys)$/.test(path),
    });
    await cp(join(REPOSITORY, 'compose.yaml'), join(repository, 'compose.yaml'));
    // Ports that nothing else on this machine uses.
    held = createServer().listen(0, '127.0.0.1');
    await once(held, 'listening');
    const script = join(repository, 'observability/setup-observability.sh');
    const text = await readFile(script, 'utf8');
    const free = await freePorts(PORTS.length);
    await writeFile(script, text.replace(/^ports=.*$/m, `ports=(${free.join(' ')})`));
    await rm(join(repository, 'observability/grafana/notifications.sh'), { force: true });
    for (const [program, text] of Object.entries({ docker: DOCKER, df: DF })) {
      await writeFile(join(bin, program), text);
      await chmod(join(bin, program), 0o755);
    }
    for (const [name, content] of Object.entries({
      calls: '',
      disk: '10',
      exit: '',
      ids: '',
      memory: `${8 * 2 ** 30}`,
      states: HEALTHY,
    })) {
      await writeFile(join(bin, name), content);
    }
  });
  afterEach(async () => {
    held.close();
    await rm(repository, { recursive: true });
  });

  const HEALTHY = 'api running healthy 0\ninit exited none 0\nmimir running none 0\n';

  async function freePorts(count) {
    const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
    await Promise.all(servers.map((server) => once(server, 'listening')));
    const ports = servers.map((server) => server.address().port);
    await Promise.all(servers.map((server) => once(server.close(), 'close')));
    return ports;
  }

  async function run(args, { input = '', env = {} } = {}) {
    const child = spawn('bash', [join(repository, 'observability/setup-observability.sh'), ...args], {
      env: { PATH: `${bin}:${process.env.PATH}`, HOME: repository, JOURNAL_FOLDERS: '/nonexistent', ...env },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    const [code] = await once(child, 'close');
    const calls = (await readFile(join(bin, 'calls'), 'utf8')).split('\n').filter(Boolean);
    // What compose was asked, without where its files are.
    const compose = calls
      .map((call) => /^compose --project-name plant-care (?:--file \S+ )+--env-file \S+ (.*)$/.exec(call)?.[1])
      .filter(Boolean);
    return { code, output, calls, compose };
  }

  const say = (name, content) => writeFile(join(bin, name), content);
  const secrets = () => join(repository, 'observability/secrets');

  test('start makes the secrets, builds, starts, waits, and prints the addresses', async () => {
    const { code, output, compose } = await run(['start']);
    assert.equal(code, 0, output);
    assert.deepEqual(
      compose.filter((call) => !call.startsWith('ps')),
      ['build', 'up --detach --remove-orphans'],
    );
    for (const address of [8000, 3000, 12345, 3100, 3200, 9009, 5432, 4317])
      assert.ok(output.includes(`127.0.0.1:${address}`), output);
    assert.equal((await stat(secrets())).mode & 0o777, 0o700);
    const files = await readdir(secrets());
    assert.ok(files.length >= 10);
    const values = new Map();
    for (const file of files) {
      assert.equal((await stat(join(secrets(), file))).mode & 0o777, 0o600, file);
      const value = await readFile(join(secrets(), file), 'utf8');
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
    const config = join(repository, 'observability/tempo/tempo.yaml');
    await chmod(config, 0o600);
    assert.equal((await run(['start'])).code, 0);
    assert.equal((await stat(config)).mode & 0o777, 0o644);
    assert.equal((await stat(secrets())).mode & 0o777, 0o700);
  });

  test('who is told of alerts is written before Grafana starts', async () => {
    const notifications = join(repository, 'observability/grafana/notifications.sh');
    await writeFile(notifications, `#!/bin/sh\necho notifications >>${bin}/calls\n`, { mode: 0o755 });
    const { code, calls } = await run(['start']);
    assert.equal(code, 0);
    const place = calls.indexOf('notifications');
    assert.ok(place >= 0 && place < calls.findIndex((call) => call.includes(' up --detach')));
    await writeFile(notifications, '#!/bin/sh\nexit 1\n');
    assert.equal((await run(['start'])).code, 1);
  });

  test('secrets are made once', async () => {
    await run(['start']);
    const all = async () =>
      Promise.all((await readdir(secrets())).map((file) => readFile(join(secrets(), file), 'utf8')));
    const before = await all();
    await rm(join(secrets(), 'grafana_password'));
    await writeFile(join(secrets(), 'smtp_password'), 'from its owner');
    const { code } = await run(['start']);
    assert.equal(code, 0);
    const afterwards = await all();
    assert.equal(afterwards.length, before.length);
    assert.equal(afterwards.filter((value) => !before.includes(value)).length, 2);
    assert.equal(await readFile(join(secrets(), 'smtp_password'), 'utf8'), 'from its owner');
  });

  test('a new key is never made for a database that is there', async () => {
    await say('volume', '');
    const { code, output, compose } = await run(['start']);
    assert.equal(code, 1);
    assert.match(output, /encryption_key is missing/);
    assert.ok(!compose.some((call) => call.startsWith('up')));
  });

  test('a missing engine is one clear line', async () => {
    await rm(join(bin, 'docker'));
    // Only what the script itself needs.
    const { code, output } = await run(['start'], { env: { PATH: `${bin}:${await withoutDocker()}` } });
    assert.equal(code, 1);
    assert.equal(output, 'Docker is missing: install Docker Engine with the compose plugin, then run this again.\n');
  });

  /** A folder with links to the basic tools and nothing called docker. */
  async function withoutDocker() {
    const folder = join(repository, 'tools');
    await mkdir(folder);
    for (const tool of ['bash', 'dirname', 'cat', 'printf']) {
      const found = process.env.PATH.split(':').map((path) => join(path, tool));
      for (const path of found) {
        if (await stat(path).catch(() => null)) {
          await writeFile(join(folder, tool), `#!/bin/sh\nexec ${path} "$@"\n`, { mode: 0o755 });
          break;
        }
      }
    }
    return folder;
  }

  for (const [word, line] of [
    ['compose version', /^Docker's compose plugin is missing: .*\n$/],
    ['info', /^Docker's engine does not answer: .*\n$/],
  ]) {
    test(`an engine of which ${word} fails is one clear line`, async () => {
      await say('exit', `${word}\n`);
      const { code, output } = await run(['start']);
      assert.equal(code, 1);
      assert.match(output, line);
    });
  }

  test('taken ports are all named, and nothing is started', async () => {
    const script = join(repository, 'observability/setup-observability.sh');
    const text = await readFile(script, 'utf8');
    const { port } = held.address();
    await writeFile(script, text.replace(/^ports=\((\d+) /m, `ports=(${port} `));
    const { code, output, compose } = await run(['start']);
    assert.equal(code, 1);
    assert.match(output, new RegExp(`are taken: ${port}\\.`));
    assert.ok(!compose.some((call) => call.startsWith('up') || call === 'build'));
    // A second start finds its own ports taken, and that is no mistake.
    await say('ids', 'a\n');
    assert.equal((await run(['start'])).code, 0);
  });

  test('too little memory or disk stops the start', async () => {
    await say('memory', `${4 * 2 ** 30}`);
    const memory = await run(['start']);
    assert.equal(memory.code, 1);
    assert.match(memory.output, /has 4 GiB of memory, and 6 are needed/);
    await say('disk', '9');
    const disk = await run(['start']);
    assert.equal(disk.code, 1);
    assert.match(disk.output, /^9 GiB of disk are free in \., and 10 are needed \(MINIMUM_DISK_GIB\)\.$/m);
    const less = await run(['start'], { env: { MINIMUM_DISK_GIB: '9' } });
    assert.doesNotMatch(less.output, /GiB of disk/);
  });

  test('what does not get healthy is named, with how to learn why', async () => {
    await say('states', `${HEALTHY}loki running unhealthy 0\ntempo restarting starting 1\nmigrate exited none 1\n`);
    const { code, output } = await run(['start'], { env: { PATIENCE_SECONDS: '0' } });
    assert.equal(code, 1);
    for (const line of [
      'loki running unhealthy 0',
      'tempo restarting starting 1',
      'migrate exited none 1',
      'logs SERVICE',
    ]) {
      assert.ok(output.includes(line), output);
    }
    assert.ok(!/^(api|init|mimir) /m.test(output), output);
    const status = await run(['status']);
    assert.equal(status.code, 1);
  });

  test('an engine that goes away while it waits is no success', async () => {
    await say('exit', 'inspect --format\n');
    const { code, output } = await run(['start']);
    assert.notEqual(code, 0);
    assert.doesNotMatch(output, /127\.0\.0\.1:3000/);
  });

  test('a part that fails to start ends the start', async () => {
    await say('exit', 'up --detach\n');
    const { code, output } = await run(['start']);
    assert.equal(code, 1);
    assert.match(output, /A part did not start/);
  });

  test('stop, restart, status and logs', async () => {
    await say('ids', 'a\n');
    assert.deepEqual((await run(['stop'])).compose, ['down --remove-orphans']);
    await say('calls', '');
    assert.deepEqual((await run(['logs', 'api'])).compose, ['logs --follow --tail=200 api']);
    await say('calls', '');
    const { compose } = await run(['restart']);
    assert.deepEqual(
      compose.filter((call) => !call.startsWith('ps')),
      ['down --remove-orphans', 'build', 'up --detach --remove-orphans'],
    );
    const status = await run(['status']);
    assert.equal(status.code, 0, status.output);
    assert.match(status.output, /api +running +healthy/);
    // Data is never removed on the way.
    for (const call of (await run(['status'])).calls) assert.doesNotMatch(call, /--volumes/);
  });

  for (const answer of ['no\n', '', 'yes\n', 'cleaning\n']) {
    test(`clean answered with ${JSON.stringify(answer)} changes nothing`, async () => {
      await run(['start']);
      await say('calls', '');
      const { code, output, compose } = await run(['clean'], { input: answer });
      assert.equal(code, 1);
      assert.match(output, /Nothing was changed\./);
      assert.deepEqual(compose, []);
      assert.ok((await readdir(secrets())).length > 0);
    });
  }

  test('clean that is wanted removes the data and keeps the secrets', async () => {
    await run(['start']);
    await say('calls', '');
    const { code, calls, compose } = await run(['clean'], { input: 'clean\n' });
    assert.equal(code, 0);
    assert.equal(calls.at(-1), 'image rm plant-care:local');
    assert.deepEqual(compose, ['--profile tools down --volumes --remove-orphans']);
    assert.ok((await readdir(secrets())).includes('encryption_key'));
  });

  test("the journal's file is added where there is a journal", async () => {
    const journal = join(repository, 'journal');
    const without = await run(['status'], { env: { JOURNAL_FOLDERS: journal } });
    assert.ok(!without.calls.some((call) => call.includes('compose.journal.yaml')));
    await mkdir(join(journal, 'machine'), { recursive: true });
    await writeFile(join(journal, 'machine/system.journal'), '');
    const found = await run(['status'], { env: { JOURNAL_FOLDERS: `/nonexistent ${journal}` } });
    assert.ok(found.calls.some((call) => call.includes('--file compose.yaml --file compose.journal.yaml')));
  });

  test("settings come from observability/.env, never from the developer's .env", async () => {
    await writeFile(join(repository, '.env'), 'RUST_LOG=trace\n');
    assert.ok((await run(['status'])).calls.some((call) => call.includes('--env-file /dev/null')));
    await writeFile(join(repository, 'observability/.env'), 'RUST_LOG=debug\n');
    assert.ok((await run(['status'])).calls.some((call) => call.includes('--env-file observability/.env')));
  });

  test('a backup has all parts and their sums; the keys are apart', async () => {
    await run(['start']);
    await say('calls', '');
    const { code, output, compose } = await run(['backup', 'b']);
    assert.equal(code, 0, output);
    const steps = compose.filter((call) => !call.startsWith('ps'));
    assert.match(steps[0], /^exec -T postgres pg_dump .*--dbname=plant_care_db$/);
    assert.deepEqual(steps.slice(1), [
      'run --rm --no-deps -T archive pack api',
      'stop grafana',
      'run --rm --no-deps -T archive pack grafana',
      'start grafana',
    ]);
    const backup = join(repository, 'b');
    assert.equal(compose.filter((call) => call === 'start grafana').length, 1);
    assert.deepEqual((await readdir(backup)).sort(), [
      'SHA256SUMS',
      'grafana.tar.gz',
      'key',
      'photos.tar.gz',
      'postgres.dump',
    ]);
    assert.match(await readFile(join(backup, 'photos.tar.gz'), 'utf8'), /archive pack api$/);
    const key = await readFile(join(secrets(), 'encryption_key'), 'utf8');
    for (const file of await readdir(backup)) {
      assert.equal((await stat(join(backup, file))).mode & 0o077, 0, file);
      assert.ok(!(await readFile(join(backup, file), 'utf8')).includes(key), file);
    }
    const archive = join(repository, 'observability/backup-keys/b.tar');
    assert.equal((await stat(archive)).mode & 0o077, 0);
    assert.ok((await readFile(archive, 'utf8')).includes(key));
    assert.equal((await run(['backup', 'b'])).code, 1);
  });

  test('Grafana is started again when its backup fails, and no half backup looks whole', async () => {
    await run(['start']);
    await say('exit', 'pack grafana\n');
    const { code, compose } = await run(['backup', 'b']);
    assert.notEqual(code, 0);
    assert.equal(compose.at(-1), 'start grafana');
    for (const left of ['b', 'b.partial'])
      assert.equal(await stat(join(repository, left)).catch(() => null), null, left);
  });

  test('restore stops the servers first, replaces all, and starts again', async () => {
    await run(['start']);
    await run(['backup', 'b']);
    await say('calls', '');
    await say('stdin', '');
    const { code, output, compose } = await run(['restore', 'b'], { input: 'restore\n' });
    assert.equal(code, 0, output);
    const at = (words) => {
      const found = compose.findIndex((call) => call.includes(words));
      assert.ok(found >= 0, `${words} in ${compose.join('\n')}`);
      return found;
    };
    const order = [
      'stop api grafana alloy',
      'postgres-setup',
      'pg_restore',
      'RENAME TO plant_care_db_before',
      'archive unpack api',
      'archive unpack grafana',
      'up --detach',
    ];
    const places = order.map(at);
    assert.deepEqual(
      places,
      [...places].sort((one, other) => one - other),
    );
    const given = await readFile(join(bin, 'stdin'), 'utf8');
    for (const part of ['pg_dump', 'pack api', 'pack grafana']) assert.ok(given.includes(part), given);
  });

  test('restore refuses what it cannot trust, and asks', async () => {
    await run(['start']);
    await run(['backup', 'b']);
    await say('calls', '');
    const refused = async (args, complaint, options) => {
      const { code, output, compose } = await run(['restore', ...args], options);
      assert.equal(code, 1, output);
      assert.match(output, complaint);
      assert.deepEqual(compose, []);
    };
    await refused(['b'], /Nothing was changed/, { input: 'no\n' });
    await refused([], /Usage/);
    await refused(['nowhere'], /is no backup/);
    await writeFile(join(secrets(), 'encryption_key'), 'another');
    await refused(['b', '--yes'], /under another encryption key: restore with --keys/);
    await writeFile(join(repository, 'b/photos.tar.gz'), 'changed');
    await refused(['b', '--yes'], /b is damaged/);
  });

  test('on another machine the keys come back with the backup, its own passwords stay', async () => {
    await run(['start']);
    await run(['backup', 'b']);
    const read = (name) => readFile(join(secrets(), name), 'utf8');
    const [key, admin, password] = await Promise.all(
      ['encryption_key', 'grafana_password', 'postgres_password'].map(read),
    );
    await rm(secrets(), { recursive: true });
    await run(['start']);
    const own = await read('postgres_password');
    assert.notEqual(own, password);
    const archive = 'observability/backup-keys/b.tar';
    const { code, output } = await run(['restore', 'b', '--keys', archive, '--yes']);
    assert.equal(code, 0, output);
    assert.deepEqual(await Promise.all(['encryption_key', 'grafana_password', 'postgres_password'].map(read)), [
      key,
      admin,
      own,
    ]);
    // A third machine's keys do not fit.
    await writeFile(join(secrets(), 'encryption_key'), 'another');
    await run(['backup', 'c']);
    const other = await run(['restore', 'c', '--keys', archive, '--yes']);
    assert.equal(other.code, 1);
    assert.match(other.output, /keys of another backup/);
    assert.equal(await read('encryption_key'), 'another');
  });

  test('an unknown command, and none, print what there is', async () => {
    for (const args of [[], ['begin']]) {
      const { code, output, calls } = await run(args);
      assert.equal(code, 2);
      for (const command of ['start', 'stop', 'restart', 'status', 'logs', 'clean', 'backup', 'restore'])
        assert.ok(output.includes(`  ${command} `), output);
      assert.deepEqual(calls, []);
    }
  });

  test('init.sh gives each service what it reads, readable by it alone', async () => {
    const root = join(repository, 'root');
    for (const folder of ['host', 'mimir', 'secrets/api', 'secrets/postgres', 'secrets/alloy', 'secrets/grafana']) {
      await mkdir(join(root, folder), { recursive: true });
    }
    await run(['start']);
    await cp(secrets(), join(root, 'host'), { recursive: true });
    await writeFile(join(root, 'host/alert_slack'), 'https://hooks.example');
    await writeFile(join(root, 'secrets/api/old'), 'taken away on the host');
    // Owners are root's to change; what would be changed is written down.
    await writeFile(join(bin, 'chown'), `#!/bin/sh\necho "$*" >>${bin}/owners\n`, { mode: 0o755 });
    const child = spawn('sh', [join(repository, 'observability/init.sh'), root], {
      env: { PATH: `${bin}:${process.env.PATH}` },
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
    const owners = await readFile(join(bin, 'owners'), 'utf8');
    for (const line of [
      `-R 10001:10001 ${root}/secrets/api`,
      `-R 70:70 ${root}/secrets/postgres`,
      `-R 473:473 ${root}/secrets/alloy`,
      `-R 472:472 ${root}/secrets/grafana`,
      `10001:10001 ${root}/mimir`,
    ]) {
      assert.ok(owners.split('\n').includes(line), owners);
    }
    // So that the folders can be removed also by who is not root.
    for (const service of ['api', 'postgres', 'alloy', 'grafana']) await chmod(join(root, 'secrets', service), 0o700);
  });

  test('archive.sh brings a volume back as it was, or leaves it alone', async () => {
    const volumes = join(repository, 'volumes');
    await mkdir(join(volumes, 'api/photos'), { recursive: true });
    await writeFile(join(volumes, 'api/photos/one'), 'first');
    await chmod(join(volumes, 'api/photos/one'), 0o640);
    const archive = async (words, input) => {
      const child = spawn('sh', [join(repository, 'observability/archive.sh'), ...words, volumes]);
      const parts = [];
      child.stdout.on('data', (data) => parts.push(data));
      child.stdin.on('error', () => {});
      child.stdin.end(input);
      const [code] = await once(child, 'close');
      return { code, bytes: Buffer.concat(parts) };
    };
    await chmod(join(volumes, 'api'), 0o700);
    const packed = await archive(['pack', 'api']);
    await chmod(join(volumes, 'api'), 0o755);
    assert.equal(packed.code, 0);
    await writeFile(join(volumes, 'api/photos/one'), 'changed');
    await writeFile(join(volumes, 'api/later'), '');
    const cut = await archive(['unpack', 'api'], packed.bytes.subarray(0, packed.bytes.length - 30));
    assert.notEqual(cut.code, 0);
    assert.equal(await readFile(join(volumes, 'api/photos/one'), 'utf8'), 'changed');
    assert.equal((await archive(['unpack', 'api'], packed.bytes)).code, 0);
    assert.equal(await readFile(join(volumes, 'api/photos/one'), 'utf8'), 'first');
    assert.equal((await stat(join(volumes, 'api/photos/one'))).mode & 0o777, 0o640);
    assert.deepEqual((await readdir(join(volumes, 'api'))).sort(), ['photos']);
    assert.equal((await stat(join(volumes, 'api'))).mode & 0o777, 0o700);
    assert.equal((await archive(['rub', 'api'])).code, 2);
  });
});
