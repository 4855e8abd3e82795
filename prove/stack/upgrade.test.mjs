// An upgrade to a program with one more migration, and back, while four members follow and fifty records a second are
// written, through the proxy, over two replicas.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { CHECKOUT, containers, docker, file, script, sql, started } from './stack.mjs';

const URL = 'https://localhost:8443';
const MIGRATION = 'm9999_proof';
/** Between two answers to 50 writes a second: what a request that is sent again takes. */
const LONGEST_PAUSE_MS = 1000;

let folder;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plant-care-upgrade-'));
  await started({ PROXY: 'on', API_REPLICAS: 2 });
});
after(() => rm(folder, { recursive: true }));

/** Followers and writers until `stop`, which gives what they saw. */
async function load() {
  const certificate = join(folder, 'root.crt');
  const { caddy } = await containers();
  await writeFile(certificate, `${await docker('exec', caddy.id, 'cat', '/data/caddy/pki/authorities/local/root.crt')}\n`);
  const child = spawn(process.execPath, [join(import.meta.dirname, 'load.mjs'), URL], {
    env: { ...process.env, NODE_EXTRA_CA_CERTS: certificate },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const { value } = await lines.next();
  assert.deepEqual(JSON.parse(value), { ready: true });
  return async () => {
    child.stdin.end();
    const { value } = await lines.next();
    await once(child, 'exit');
    return JSON.parse(value);
  };
}

/** A migration more, in the sources that the Dockerfile builds. */
async function addMigration() {
  await writeFile(
    join(CHECKOUT, `migration/src/${MIGRATION}.rs`),
    `//! Of the proof.
use crate::dialect::SqlMigration;

pub(crate) const MIGRATION: SqlMigration = SqlMigration {
    name: "${MIGRATION}",
    up: "CREATE TABLE proofs (id {uuid} NOT NULL PRIMARY KEY);",
    down: "DROP TABLE proofs;",
};
`,
  );
  const path = 'migration/src/lib.rs';
  const source = await file(path);
  const last = [...source.matchAll(/^ *Box::new\((\w+)::MIGRATION\),$/gm)].at(-1);
  await writeFile(
    join(CHECKOUT, path),
    source
      .replace(last[0], `${last[0]}\n            Box::new(${MIGRATION}::MIGRATION),`)
      .replace(/^mod dialect;$/m, `mod dialect;\nmod ${MIGRATION};`),
  );
}

const isMigrated = async () => (await sql(`SELECT count(*) FROM seaql_migrations WHERE version = '${MIGRATION}'`)) === '1';

const replicas = async () => Object.values(await containers()).filter(({ service }) => service === 'api');

test('upgrade and rollback: nothing lost, nothing twice, no request fails beyond a repeat, never away', async (t) => {
  const old = await replicas();
  assert.equal(old.length, 2);
  const [oldImage] = new Set(old.map(({ image }) => image));
  await addMigration();

  const stop = await load();
  await script('upgrade', { env: { PATIENCE_SECONDS: '300' } });
  const upgraded = await replicas();
  assert.ok(await isMigrated());
  assert.equal(upgraded.length, 2);
  for (const { image } of upgraded) assert.notEqual(image, oldImage);

  await script('rollback');
  const back = await replicas();
  assert.deepEqual(back.map(({ image }) => image), [oldImage, oldImage]);
  assert.ok(await isMigrated(), 'rollback never migrates down');

  const told = await stop();
  t.diagnostic(JSON.stringify(told));
  assert.ok(told.written > told.seconds * 45, `${told.written} writes in ${told.seconds} s`);
  assert.ok(told.resumes >= 4, 'each follower came back at least once');
  assert.deepEqual({ ...told, failed: told.failed.slice(0, 3) }, {
    ...told, lost: 0, doubled: 0, disordered: 0, failed: [],
  });
  assert.ok(told.longestPauseMs < LONGEST_PAUSE_MS, `no answer for ${told.longestPauseMs} ms`);
  await script('status');
});
