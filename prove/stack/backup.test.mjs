// A backup brings everything back; and a restore that fails, wherever it does, leaves a stack that runs with what it had.
import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { cp, readFile, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import {
  CHECKOUT, containers, docker, file, isWell, logIn, replaced, run, running, script, sql, started,
} from './stack.mjs';

const BACKUPS = 'observability/backups';
const KEYS = 'observability/backup-keys';
const WELL_SECONDS = 180;

/** What is there now, and must be there again: a member, a photo, dashboards, the keys. */
class World {
  static async make(name) {
    const email = `${name}-${randomUUID()}@example.org`;
    const { stdout } = await script(`user add ${email}`);
    const password = stdout.trim().split('\n').at(-1).trim();
    await volume('api', `echo ${email} > /volume/photo`);
    await volume('grafana', `echo ${email} > /volume/dashboard`);
    return new World(email, password, await secrets());
  }

  constructor(email, password, keys) {
    Object.assign(this, { email, password, keys });
  }

  /** Which of its parts are there; all, or something is half done. */
  async parts() {
    return {
      member: (await logIn(this.email, this.password)) !== undefined,
      photo: (await volume('api', 'cat /volume/photo')) === this.email,
      dashboard: (await volume('grafana', 'cat /volume/dashboard')) === this.email,
      keys: (await secrets()) === this.keys,
    };
  }
}

const WHOLE = { member: true, photo: true, dashboard: true, keys: true };

/** A shell command on one of the stack's volumes. */
const volume = (name, command) =>
  docker('run', '--rm', '--network=none', '--volume', `plant-care_${name}-data:/volume`, 'busybox:1.37.0-musl', 'sh', '-c', command);

/** A sum over the keys that a restore may exchange. */
async function secrets() {
  const sum = createHash('sha256');
  for (const name of ['encryption_key', 'secret_key', 'grafana_secret_key']) {
    sum.update(await readFile(join(CHECKOUT, 'observability/secrets', name)));
  }
  return sum.digest('hex');
}

/** A copy of the backup with something changed, and right sums unless they shall be wrong. */
async function damaged(name, change, { isSummed = true } = {}) {
  const folder = join(BACKUPS, name);
  await cp(join(CHECKOUT, BACKUPS, 'good'), join(CHECKOUT, folder), { recursive: true });
  await change(join(CHECKOUT, folder));
  if (isSummed) {
    const files = (await readdir(join(CHECKOUT, folder))).filter((one) => one !== 'SHA256SUMS');
    const { stdout } = await run('bash', ['-c', `cd ${folder} && sha256sum ${files.join(' ')}`]);
    await writeFile(join(CHECKOUT, folder, 'SHA256SUMS'), stdout);
  }
  return folder;
}

const half = (name) => async (folder) => {
  const { length } = await readFile(join(folder, name));
  await truncate(join(folder, name), Math.floor(length / 2));
};
const instead = (name, text) => (folder) => writeFile(join(folder, name), text);
const without = (name) => (folder) => rm(join(folder, name));

suite('backup and restore', () => {
  let backedUp;
  let present;

  before(async () => {
    await started();
    await rm(join(CHECKOUT, BACKUPS), { recursive: true, force: true });
    await rm(join(CHECKOUT, KEYS), { recursive: true, force: true });
    backedUp = await World.make('then');
    await script(`backup ${BACKUPS}/good`);
    // Other keys than those of the backup would be another stack's; the member and the files are of now.
    present = await World.make('now');
  });
  after(() => script('start'));

  test('the drill proves it, and touches nothing', async () => {
    const before = await running();
    const { output } = await script(`restore --drill ${BACKUPS}/good`);
    assert.match(output, /members/);
    assert.deepEqual(replaced(before, await running()), []);
    assert.deepEqual(await present.parts(), WHOLE);
    assert.doesNotMatch(await sql('SELECT datname FROM pg_database', 'postgres'), /drill|restor|before/);
  });

  test('the drill finds a backup that is not good', async () => {
    for (const [name, change] of [['drill-half', half('postgres.dump')], ['drill-photos', half('photos.tar.gz')]]) {
      await script(`restore --drill ${await damaged(name, change)}`, { expect: 'failure' });
    }
    assert.deepEqual(await present.parts(), WHOLE);
  });

  /** Restores that must fail, with what they are given. */
  const FAILURES = {
    'wrong sums': async () => [await damaged('sums', half('postgres.dump'), { isSummed: false })],
    'no sums': async () => [await damaged('no-sums', without('SHA256SUMS'), { isSummed: false })],
    'a truncated dump': async () => [await damaged('half', half('postgres.dump'))],
    'an empty dump': async () => [await damaged('empty', instead('postgres.dump', ''))],
    'a dump that is none': async () => [await damaged('garbage', instead('postgres.dump', 'no dump at all\n'))],
    'no dump': async () => [await damaged('no-dump', without('postgres.dump'))],
    'truncated photos': async () => [await damaged('photos', half('photos.tar.gz'))],
    'photos that are none': async () => [await damaged('no-photos', instead('photos.tar.gz', 'none'))],
    'truncated dashboards': async () => [await damaged('grafana', half('grafana.tar.gz'))],
    'no fingerprint of the key': async () => [await damaged('no-key', without('key'))],
    'another key': async () => [await damaged('other-key', instead('key', '0123456789abcdef\n'))],
    'keys that are no archive': async () => [`${BACKUPS}/good`, await keys('none', 'no archive')],
    'keys of another backup': async () => [`${BACKUPS}/good`, await otherKeys()],
    'truncated keys': async () => [`${BACKUPS}/good`, await keys('half', (await readFile(join(CHECKOUT, KEYS, 'good.tar'))).subarray(0, 700))],
    'no keys where they are said to be': async () => [`${BACKUPS}/good`, `${KEYS}/nowhere.tar`],
    'no backup where it is said to be': async () => [`${BACKUPS}/nowhere`],
  };

  async function keys(name, content) {
    await writeFile(join(CHECKOUT, KEYS, `${name}.tar`), content);
    return `${KEYS}/${name}.tar`;
  }

  async function otherKeys() {
    const script = `
      set -e; new=$(mktemp -d); tar -xf ${KEYS}/good.tar -C "$new"
      head -c 32 /dev/urandom | base64 -w0 >"$new/encryption_key"; tar -cf ${KEYS}/other.tar -C "$new" .; rm -r "$new"`;
    await run('bash', ['-c', script]);
    return `${KEYS}/other.tar`;
  }

  for (const [name, make] of Object.entries(FAILURES)) {
    test(`fails: ${name}`, async () => {
      const [folder, keysFile] = await make();
      await script(`restore ${folder} --yes${keysFile ? ` --keys ${keysFile}` : ''}`, { expect: 'failure' });
      await isWell(WELL_SECONDS);
      assert.deepEqual(await present.parts(), WHOLE);
    });
  }

  // While it works: what is left of it must be all the old, or, once it has exchanged everything, all the new.
  for (const signal of ['SIGTERM', 'SIGKILL']) {
    for (const seconds of [1, 3, 5, 8, 12]) {
      test(`${signal} after ${seconds} s`, async (t) => {
        let child;
        const ended = script(`restore ${BACKUPS}/good --yes --keys ${KEYS}/good.tar`, { expect: 'any', onStart: (one) => (child = one) });
        await Promise.race([pause(seconds * 1000), ended]);
        // The whole group: what it has started dies with it.
        try {
          process.kill(-child.pid, signal);
        } catch (error) {
          assert.equal(error.code, 'ESRCH');
        }
        const { code } = await ended;
        if (signal === 'SIGKILL') await script('start');
        await isWell(WELL_SECONDS);
        const parts = await present.parts();
        if (parts.member) assert.deepEqual(parts, WHOLE);
        else assert.deepEqual(await backedUp.parts(), WHOLE, 'neither all the old nor all the new');
        t.diagnostic(`${parts.member ? 'the old' : 'the new'} (exit code ${code})`);
        if (!parts.member) present = await World.make('again');
      });
    }
  }

  test('a second restore at the same time is refused', async () => {
    let child;
    const first = script(`restore ${BACKUPS}/good --yes`, { expect: 'any', onStart: (one) => (child = one) });
    await Promise.race([pause(1000), first]);
    await script(`restore ${BACKUPS}/good --yes`, { expect: 'failure' });
    assert.ok(child);
    assert.equal((await first).code, 0);
    await isWell(WELL_SECONDS);
    assert.deepEqual(await backedUp.parts(), WHOLE);
    present = await World.make('after');
  });

  test('and one that does not fail brings everything back, also under other keys', async () => {
    const keysBefore = await file('observability/secrets/encryption_key');
    await script(`restore ${BACKUPS}/good --yes --keys ${KEYS}/good.tar`);
    await isWell(WELL_SECONDS);
    assert.deepEqual(await backedUp.parts(), WHOLE);
    assert.equal(await logIn(present.email, present.password), undefined);
    assert.equal(await file('observability/secrets/encryption_key'), keysBefore);
    const left = await sql('SELECT datname FROM pg_database', 'postgres');
    assert.doesNotMatch(left, /restoring|drill/);
    assert.ok((await containers()).api);
  });
});
