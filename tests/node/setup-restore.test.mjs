// Backup and restore of observability/setup-observability.sh, with databases and volumes in small: whatever fails, and
// wherever it is killed, what serves is all the old or all the backup's.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, suite, test } from 'node:test';
import { surroundings } from './setup.mjs';

const KEYS = 'observability/backup-keys/b.tar';

let world;
beforeEach(async () => {
  world = await surroundings();
});
afterEach(() => world.remove());

const inRepository = (path) => join(world.repository, path);

/** A backup `b`, and after it other data and other keys. */
async function backedUp() {
  await world.run(['start']);
  const backup = await world.run(['backup', 'b']);
  assert.equal(backup.code, 0, backup.output);
  const old = await world.secret('encryption_key');
  await world.say('databases/plant_care_db', 'new rows\nEND');
  await world.say('volumes/api/photo', 'a new photo');
  await world.say('volumes/api/later', 'a later one');
  await world.say('volumes/grafana/grafana.db', 'new dashboards');
  const key = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64');
  await writeFile(join(world.secrets, 'encryption_key'), key);
  await world.say('handed-out', key);
  return { then: old, now: key };
}

/** Which data and keys there are: each its name, `old` being the backup's. */
async function parts({ then, now }) {
  const named = (text) => ({ [then]: 'old', [now]: 'new' })[text] ?? text;
  return {
    rows: (await world.read('databases/plant_care_db')).split(' ')[0],
    photo: (await world.read('volumes/api/photo')).split(' ')[1],
    later: (await readdir(join(world.bin, 'volumes/api'))).includes('later') ? 'new' : 'old',
    dashboards: (await world.read('volumes/grafana/grafana.db')).split(' ')[0],
    key: named(await world.secret('encryption_key')),
    handedOut: named(await world.read('handed-out')),
  };
}
const ALL_OLD = { rows: 'old', photo: 'old', later: 'old', dashboards: 'old', key: 'old', handedOut: 'old' };
const ALL_NEW = { rows: 'new', photo: 'new', later: 'new', dashboards: 'new', key: 'new', handedOut: 'new' };

/** That nothing of a restore is left, and all serve. */
async function assertClean() {
  const left = [
    ...(await readdir(join(world.bin, 'databases'))).filter((name) => name !== 'plant_care_db'),
    ...(await readdir(join(world.bin, 'volumes/api'))).filter((name) => name.startsWith('.')),
    ...(await readdir(join(world.bin, 'volumes/grafana'))).filter((name) => name.startsWith('.')),
    ...(await readdir(inRepository('observability'))).filter((name) => /^(\.restore|secrets\.(restoring|spare))/.test(name)),
  ];
  assert.deepEqual(left, []);
  const down = (await world.containers()).filter(({ name, state }) => !/^(init|migrate|postgres-setup)$/.test(name) && state !== 'running');
  assert.deepEqual(down, []);
}

suite('setup-observability.sh backup', () => {
  test('it has all parts and their sums; the keys are apart', async () => {
    await world.run(['start']);
    const { code, output, steps } = await world.run(['backup', 'b']);
    assert.equal(code, 0, output);
    assert.match(steps[0], /^exec -T postgres pg_dump .*--dbname=plant_care_db$/);
    const [{ id }] = await world.containers('grafana');
    assert.deepEqual(steps.slice(1), [
      'run --rm --no-deps -T archive pack api',
      `stop --time 20 ${id}`,
      'run --rm --no-deps -T archive pack grafana',
      `start ${id}`,
    ]);
    const backup = inRepository('b');
    assert.deepEqual((await readdir(backup)).sort(), ['SHA256SUMS', 'grafana.tar.gz', 'key', 'photos.tar.gz', 'postgres.dump']);
    const key = await world.secret('encryption_key');
    for (const file of await readdir(backup)) {
      assert.equal((await stat(join(backup, file))).mode & 0o077, 0, file);
      assert.ok(!(await readFile(join(backup, file), 'utf8')).includes(key), file);
    }
    const archive = inRepository(KEYS);
    assert.equal((await stat(archive)).mode & 0o077, 0);
    assert.ok((await readFile(archive, 'utf8')).includes(key));
    assert.equal((await world.run(['backup', 'b'])).code, 1);
  });

  test('Grafana that does not run is not started', async () => {
    await world.run(['start']);
    const lines = (await world.read('containers')).split('\n').filter((line) => !line.includes(' grafana '));
    await world.say('containers', lines.join('\n'));
    const { code, steps } = await world.run(['backup', 'b']);
    assert.equal(code, 0);
    assert.ok(!steps.some((step) => /^(start|stop) /.test(step)), steps.join('\n'));
  });

  for (const words of ['pg_dump', 'pack api', 'pack grafana']) {
    test(`${words} that fails: Grafana runs, and no half backup looks whole`, async () => {
      await world.run(['start']);
      await world.say('failing', `${words}\n`);
      const { code } = await world.run(['backup', 'b']);
      assert.equal(code, 1);
      assert.equal((await world.containers('grafana'))[0].state, 'running');
      for (const left of ['b', 'b.partial', KEYS, `${KEYS}.partial`])
        assert.equal(await stat(inRepository(left)).catch(() => null), null, left);
    });
  }

  test('only those that are to be kept stay, and what has another name', async () => {
    await world.run(['start']);
    for (const name of ['20260101T000000Z', '20260102T000000Z', '20260103T000000Z', 'before-the-move']) {
      await mkdir(inRepository(`observability/backups/${name}`), { recursive: true });
      await mkdir(inRepository('observability/backup-keys'), { recursive: true });
      await writeFile(inRepository(`observability/backup-keys/${name}.tar`), '');
    }
    const { code, output } = await world.run(['backup', '--keep', '2']);
    assert.equal(code, 0, output);
    const folders = (await readdir(inRepository('observability/backups'))).sort();
    assert.deepEqual([folders[0], folders.length, folders.at(-1)], ['20260103T000000Z', 3, 'before-the-move']);
    const keys = (await readdir(inRepository('observability/backup-keys'))).sort();
    assert.deepEqual(keys, folders.map((name) => `${name}.tar`));
    assert.match((await world.run(['backup', '--keep', '0'])).output, /--keep needs how many/);
  });
});

suite('setup-observability.sh restore', () => {
  test('all is prepared while the servers serve, exchanged when they stop, and removed when they are healthy', async () => {
    const keys = await backedUp();
    const { code, output, steps } = await world.run(['restore', 'b', '--keys', KEYS], { input: 'restore\n' });
    assert.equal(code, 0, output);
    assert.deepEqual(await parts(keys), ALL_OLD);
    await assertClean();
    const order = [
      /pg_restore --file=-$/,
      /archive room api/,
      /psql/,
      /pg_restore .*--dbname=plant_care_db_restoring/,
      /PGDATABASE=plant_care_db_restoring postgres-setup/,
      /archive secrets spare/,
      /\/spare\/encryption_key migrate migrate up$/,
      /\/spare\/encryption_key migrate database check$/,
      /archive unpack api/,
      /archive unpack grafana/,
      /^stop api grafana$/,
      /psql/,
      /archive exchange api/,
      /archive exchange grafana/,
      / init$/,
      /up --detach --no-build --remove-orphans/,
      /psql/,
      /archive forget api/,
      /archive forget grafana/,
    ];
    let place = -1;
    for (const pattern of order) {
      place = steps.findIndex((step, index) => index > place && pattern.test(step));
      assert.ok(place >= 0, `${pattern} in its place of\n${steps.join('\n')}`);
    }
    // The keys before are the operator's to remove.
    const [before] = (await readdir(inRepository('observability'))).filter((name) => name.startsWith('secrets.before-'));
    assert.equal(await readFile(inRepository(`observability/${before}/encryption_key`), 'utf8'), keys.now);
    assert.equal((await stat(inRepository(`observability/${before}`))).mode & 0o777, 0o700);
  });

  test('on another machine the keys come back with the backup, its own passwords stay', async () => {
    await world.run(['start']);
    await world.run(['backup', 'b']);
    const [key, admin, password] = await Promise.all(
      ['encryption_key', 'grafana_password', 'postgres_password'].map(world.secret),
    );
    await rm(world.secrets, { recursive: true });
    await world.say('containers', '');
    for (const tag of await readdir(join(world.bin, 'images'))) await rm(join(world.bin, 'images', tag));
    const { code, output } = await world.run(['restore', 'b', '--keys', KEYS, '--yes']);
    assert.equal(code, 0, output);
    const own = await world.secret('postgres_password');
    assert.notEqual(own, password);
    assert.deepEqual([await world.secret('encryption_key'), await world.secret('grafana_password')], [key, admin]);
    assert.ok((await world.secret('database_url')).includes(await world.secret('plant_user_password')));
    await assertClean();
  });

  test('where the keys are gone and the database is there, those of the backup take their place', async () => {
    await world.run(['start']);
    await world.run(['backup', 'b']);
    const key = await world.secret('encryption_key');
    await rm(join(world.secrets, 'encryption_key'));
    await world.say('volume', '');
    assert.match((await world.run(['start'])).output, /encryption_key is missing/);
    const { code, output } = await world.run(['restore', 'b', '--keys', KEYS, '--yes']);
    assert.equal(code, 0, output);
    assert.equal(await world.secret('encryption_key'), key);
  });

  /** The backup with a part changed, and right sums. */
  async function spoil(part, content) {
    await writeFile(inRepository(`b/${part}`), content);
    const child = spawn('bash', ['-c', 'sha256sum key postgres.dump photos.tar.gz grafana.tar.gz >SHA256SUMS'], { cwd: inRepository('b') });
    await once(child, 'close');
  }

  for (const [what, prepare, args, complaint] of [
    ['an answer that is not restore', () => {}, ['b', '--keys', KEYS], /Nothing was changed/],
    ['no folder', () => {}, [], /Usage/],
    ['a folder that is none', () => {}, ['nowhere', '--yes'], /is no backup/],
    ['other keys', () => {}, ['b', '--yes'], /under another encryption key: restore with --keys/],
    ['a part that was changed', () => writeFile(inRepository('b/photos.tar.gz'), 'x'), ['b', '--yes'], /b is damaged: a sum does not fit/],
    ['a part that is missing', () => rm(inRepository('b/postgres.dump')), ['b', '--yes'], /damaged: postgres.dump is missing/],
    ['a sum that is missing', () => writeFile(inRepository('b/SHA256SUMS'), ''), ['b', '--yes'], /SHA256SUMS has no sum of key/],
    ['photos that are no archive', () => spoil('photos.tar.gz', 'x'), ['b', '--yes'], /photos.tar.gz cannot be read/],
    ['keys that are missing', () => {}, ['b', '--yes', '--keys', 'nowhere.tar'], /nowhere.tar is missing/],
    ['keys that are no archive', () => writeFile(inRepository('k.tar'), 'x'), ['b', '--yes', '--keys', 'k.tar'], /k.tar holds no encryption_key/],
    ['keys of another backup', () => spoil('key', '0123456789abcdef\n'), ['b', '--yes', '--keys', KEYS], /keys of another backup/],
  ]) {
    test(`${what}: nothing is begun`, async () => {
      const keys = await backedUp();
      await prepare();
      const { code, output, steps } = await world.run(['restore', ...args], { input: 'no\n' });
      assert.equal(code, 1, output);
      assert.match(output, complaint);
      assert.deepEqual(steps, []);
      assert.deepEqual(await parts(keys), ALL_NEW);
      await assertClean();
    });
  }

  for (const [what, prepare, complaint] of [
    ['a dump that is cut off', () => spoil('postgres.dump', 'half of the ro'), /pg_restore cannot read it/],
    ['a disk without room', () => world.say('disk', '0'), /of room, and this backup needs/],
  ]) {
    test(`${what}: no server is stopped`, async () => {
      const keys = await backedUp();
      await prepare();
      const { code, output, steps } = await world.run(['restore', 'b', '--yes', '--keys', KEYS]);
      assert.equal(code, 1, output);
      assert.match(output, complaint);
      assert.ok(!steps.some((step) => step.startsWith('stop')), steps.join('\n'));
      assert.deepEqual(await parts(keys), ALL_NEW);
      await assertClean();
    });
  }

  for (const [words, complaint] of [
    ['pg_restore --username=postgres', /could not be restored/],
    ['-e PGDATABASE=plant_care_db_restoring postgres-setup', /could not be set up/],
    ['archive secrets', /could not be handed/],
    ['migrate up', /cannot serve this backup/],
    ['database check', /cannot be read with these keys/],
    ['unpack api', /could not be unpacked/],
    ['unpack grafana', /could not be unpacked/],
    ['stop api', /could not be stopped/],
    ['exchange api', /could not be exchanged/],
    ['exchange grafana', /could not be exchanged/],
  ]) {
    test(`${words} that fails: all is as it was, and serves`, async () => {
      const keys = await backedUp();
      await world.say('failing', `${words}\n`);
      const { code, output } = await world.run(['restore', 'b', '--yes', '--keys', KEYS]);
      assert.equal(code, 1);
      assert.match(output, complaint);
      // Servers that cannot be stopped cannot be so for the undoing either.
      if (words === 'stop api') {
        await world.say('failing', '');
        assert.equal((await world.run(['start'])).code, 0);
      } else assert.match(output, /The old data and keys serve as before\./);
      assert.deepEqual(await parts(keys), ALL_NEW);
      await assertClean();
    });
  }

  test('a backup that does not get healthy: all is as it was, and serves', async () => {
    const keys = await backedUp();
    // Until the old rows are back.
    const docker = await world.read('docker');
    await writeFile(
      join(world.bin, 'docker'),
      docker.replace("*' up '*) up", `*' up '*) rm -f ill; if grep -q old databases/plant_care_db; then echo api >unhealthy; sed -i '/ api /d' containers; else : >unhealthy; sed -i '/ api .*unhealthy/d' containers; fi; up`),
    );
    const { code, output } = await world.run(['restore', 'b', '--yes', '--keys', KEYS]);
    assert.equal(code, 1);
    assert.match(output, /^api running unhealthy 0$/m);
    assert.match(output, /The old data and keys serve as before\./);
    assert.deepEqual(await parts(keys), ALL_NEW);
    await assertClean();
  });

  test('an engine that goes away leaves what start puts right', async () => {
    const keys = await backedUp();
    await world.say('failing', 'exchange grafana\nundo api\n');
    const { code, output } = await world.run(['restore', 'b', '--yes', '--keys', KEYS]);
    assert.equal(code, 1);
    assert.match(output, /Not all is put back yet: once the reason above is gone, \S+ start does it/);
    const status = await world.run(['status']);
    assert.equal(status.code, 1);
    assert.match(status.output, /A restore was interrupted/);
    assert.match((await world.run(['backup', 'c'])).output, /A restore was interrupted/);
    await world.say('failing', '');
    assert.equal((await world.run(['start'])).code, 0);
    assert.deepEqual(await parts(keys), ALL_NEW);
    await assertClean();
  });

  // At each call (of which a short run tries every sixth, each kind others): with what was called left undone, and with it
  // done by the engine, which was asked already.
  const STRIDE = process.env.PROVE ? 1 : 6;
  for (const [kind, [signal, and]] of [['KILL', 'lost'], ['KILL', 'done'], ['TERM', 'done']].entries()) {
    test(`${signal} at each step (${and}): all is the old, or all the backup's`, { timeout: 900_000 }, async () => {
      const keys = await backedUp();
      const { repository } = world;
      const start = `${repository}.start`;
      await cp(repository, start, { recursive: true });
      try {
        const seen = new Set();
        for (let step = 5 + 2 * kind; ; step += STRIDE) {
          await rm(repository, { recursive: true });
          await cp(start, repository, { recursive: true });
          await world.say('killing', `${signal} ${step} ${and}`);
          const restored = await world.run(['restore', 'b', '--yes', '--keys', KEYS]);
          await world.say('killing', '');
          if (restored.code === 0) break;
          if (signal === 'KILL') {
            assert.equal(restored.signal, 'SIGKILL', `${step}: ${restored.output}`);
            const { code, output } = await world.run(['start']);
            assert.equal(code, 0, `${step}: ${restored.output}${output}`);
          } else assert.ok(restored.code === 143 || restored.signal === 'SIGTERM', `${step}: ${restored.output}`);
          const { rows, ...others } = await parts(keys);
          const expected = rows === 'old' ? ALL_OLD : ALL_NEW;
          assert.deepEqual({ rows, ...others }, expected, `${step}: ${restored.calls.at(-1)}\n${restored.output}`);
          seen.add(rows);
          // With TERM, data that was just removed may be on its way to be so by start.
          if (signal === 'TERM' && rows === 'old') assert.equal((await world.run(['start'])).code, 0);
          await assertClean();
        }
        assert.deepEqual([...seen].sort(), ['new', 'old']);
      } finally {
        await rm(start, { recursive: true });
      }
    });
  }
});

suite('setup-observability.sh restore --drill', () => {
  for (const [name, args] of [['the present keys', []], ["the backup's keys", ['--keys', KEYS]]]) {
    test(`proves a backup with ${name}, beside what serves`, async () => {
      const keys = await backedUp();
      if (args.length === 0) await writeFile(join(world.secrets, 'encryption_key'), keys.then);
      const before = [await world.containers(), await parts(keys)];
      const { code, output, steps } = await world.run(['restore', '--drill', 'b', ...args]);
      assert.equal(code, 0, output);
      assert.match(output, /^ {2}users \(members\) +7$/m);
      assert.match(output, /^ {2}photos +1 files, 12 bytes$/m);
      assert.match(output, /^ {2}grafana +1 files, 14 bytes$/m);
      assert.match(output, /The backup can be restored/);
      assert.ok(steps.some((step) => step.endsWith('migrate database check')));
      assert.ok(!steps.some((step) => /^(up|stop|start)|archive (unpack|exchange)/.test(step)), steps.join('\n'));
      assert.deepEqual([await world.containers(), await parts(keys)], before);
      await assertClean();
    });
  }

  for (const words of ['pg_restore --username=postgres', 'migrate up', 'database check']) {
    test(`${words} that fails is told, and everything of it is removed`, async () => {
      await backedUp();
      await world.say('failing', `${words}\n`);
      const { code, output } = await world.run(['restore', '--drill', 'b', '--keys', KEYS]);
      assert.equal(code, 1);
      assert.match(output, /The drill failed/);
      await assertClean();
    });
  }

  test('what a killed one left is removed by the next start', async () => {
    const keys = await backedUp();
    await world.say('killing', 'KILL 20 done');
    assert.equal((await world.run(['restore', '--drill', 'b', '--keys', KEYS])).signal, 'SIGKILL');
    await world.say('killing', '');
    assert.equal((await world.run(['start'])).code, 0);
    assert.deepEqual(await parts(keys), ALL_NEW);
    await assertClean();
  });
});

suite('archive.sh', () => {
  const volume = () => join(world.bin, 'volumes/api');

  async function archive(words, input) {
    const child = spawn('sh', [inRepository('observability/archive.sh'), ...words, join(world.bin, 'volumes')], {
      env: { PATH: `${world.bin}:${process.env.PATH}` },
    });
    const chunks = [];
    child.stdout.on('data', (data) => chunks.push(data));
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    const [code] = await once(child, 'close');
    return { code, bytes: Buffer.concat(chunks) };
  }

  /** An archive with one photo, and a volume in which it was changed. */
  async function packed() {
    await chmod(join(volume(), 'photo'), 0o640);
    await chmod(volume(), 0o700);
    const { code, bytes } = await archive(['pack', 'api']);
    assert.equal(code, 0);
    await chmod(volume(), 0o755);
    await world.say('volumes/api/photo', 'changed');
    await world.say('volumes/api/later', '');
    return bytes;
  }

  test('brings a volume back as it was, when it is told to', async () => {
    const bytes = await packed();
    assert.equal((await archive(['unpack', 'api'], bytes)).code, 0);
    assert.equal(await world.read('volumes/api/photo'), 'changed');
    assert.equal((await archive(['exchange', 'api'])).code, 0);
    assert.equal(await world.read('volumes/api/photo'), 'an old photo');
    assert.equal((await stat(join(volume(), 'photo'))).mode & 0o777, 0o640);
    assert.equal((await stat(volume())).mode & 0o777, 0o700);
    assert.equal((await archive(['forget', 'api'])).code, 0);
    assert.deepEqual(await readdir(volume()), ['photo']);
  });

  test('an archive that is cut off touches nothing', async () => {
    const bytes = await packed();
    assert.notEqual((await archive(['unpack', 'api'], bytes.subarray(0, bytes.length - 30))).code, 0);
    assert.equal(await world.read('volumes/api/photo'), 'changed');
    assert.equal((await archive(['undo', 'api'])).code, 0);
    assert.deepEqual((await readdir(volume())).sort(), ['later', 'photo']);
  });

  test('an exchange can be undone, however far it came', async () => {
    const bytes = await packed();
    // A `mv` that fails from some call on is a container that is killed there.
    await writeFile(
      join(world.bin, 'mv'),
      `#!/bin/sh\nleft=$(cat ${world.bin}/left)\n[ "$left" -gt 0 ] || exit 1\necho $((left - 1)) >${world.bin}/left\nexec /bin/mv "$@"\n`,
      { mode: 0o755 },
    );
    for (let moves = 0; moves < 6; moves += 1) {
      await world.say('left', '99');
      assert.equal((await archive(['unpack', 'api'], bytes)).code, 0);
      await world.say('left', `${moves}`);
      await archive(['exchange', 'api']);
      await world.say('left', '99');
      assert.equal((await archive(['undo', 'api'])).code, 0);
      assert.deepEqual((await readdir(volume())).sort(), ['later', 'photo'], `${moves}`);
      assert.equal(await world.read('volumes/api/photo'), 'changed');
      assert.equal((await stat(volume())).mode & 0o777, 0o755);
    }
  });

  test('what a restore left is not packed', async () => {
    await mkdir(join(volume(), '.before'));
    assert.equal((await archive(['pack', 'api'])).code, 1);
    assert.equal((await archive(['rub', 'api'])).code, 2);
  });
});
