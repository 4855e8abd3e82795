// What fails under the stack: a full disk, memory, the engine. Who notices, and that nothing is lost that was acknowledged.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { until } from '../../tests/node/server.mjs';
import { recordCare, startedCare } from '../../tests/node/care.mjs';
import { API, CHECKOUT, RUN_ONCE, containers, docker, isWell, run, script, sql, started } from './stack.mjs';

const NOTICED_SECONDS = 45;
const SMALL_DISK_MIB = 600;

let care;

before(async () => {
  await started();
  const suffix = Date.now().toString(36);
  care = await startedCare(API, [`Olive${suffix}`, `Carl${suffix}`]);
});

/** Moves the data of Postgres to a small disk of its own, which can be filled up without the machine's. */
async function moveToSmallDisk() {
  await script('stop');
  const image = join(CHECKOUT, '../postgres.img');
  const shell = (command) => run('bash', ['-ec', command]);
  const copy = (from, to) =>
    docker('run', '--rm', '--network=none', '--volume', `${from}:/from`, '--volume', `${to}:/to`, 'busybox:1.37.0-musl', 'sh', '-c',
      'cp -a /from/. /to/ && chown 70:70 /to && chmod 0700 /to');
  await docker('volume', 'create', 'plant-care-proof-copy');
  await copy('plant-care_postgres-data', 'plant-care-proof-copy');
  await docker('volume', 'rm', 'plant-care_postgres-data');
  await shell(`rm -f ${image} && truncate -s ${SMALL_DISK_MIB}M ${image} && mkfs.ext4 -q ${image}`);
  const device = (await shell(`losetup --find --show ${image}`)).stdout.trim();
  await docker('volume', 'create', '--label=com.docker.compose.project=plant-care', '--label=com.docker.compose.volume=postgres-data',
    '--opt=type=ext4', `--opt=device=${device}`, 'plant-care_postgres-data');
  await copy('plant-care-proof-copy', 'plant-care_postgres-data');
  await docker('volume', 'rm', 'plant-care-proof-copy');
  return device;
}

/** Writes until `stop`; which notes were acknowledged. */
function writing() {
  const acknowledged = [];
  let isOver = false;
  const done = (async () => {
    for (let number = 0; !isOver; number += 1) {
      const note = `${Date.now()}-${number}`;
      try {
        await recordCare(care, note);
        acknowledged.push(note);
      } catch {
        // Refused is not lost.
      }
      await pause(20);
    }
  })();
  return {
    stop: async () => {
      isOver = true;
      await done;
      return acknowledged;
    },
  };
}

/** Everything that was acknowledged is stored. */
async function isStored(acknowledged) {
  const stored = new Set((await sql('SELECT note FROM care_records')).split('\n'));
  assert.deepEqual(acknowledged.filter((note) => !stored.has(note)), []);
}

test('memory: of each service the program is killed, comes back, and nothing acknowledged is lost', async (t) => {
  const writes = writing();
  for (const { service, pid, inspected } of Object.values(await containers())) {
    if (RUN_ONCE.includes(service)) continue;
    const limit = inspected.HostConfig.Memory;
    const restarts = inspected.RestartCount;
    await outOfMemory(pid, limit);
    // Postgres's own parent may live on when a child of it dies.
    await until(
      async () => {
        const now = (await containers())[service];
        return now.inspected.RestartCount > restarts || now.inspected.State.OOMKilled || service === 'postgres' || null;
      },
      NOTICED_SECONDS,
      () => `nobody killed ${service}`,
    );
    await isWell(180);
    t.diagnostic(`${service}: killed at ${Math.round(limit / 2 ** 20)} MiB, well again`);
  }
  await isStored(await writes.stop());
});

/** Uses up the memory of a container, by a process that the kernel takes last. */
async function outOfMemory(pid, limit) {
  const groups = await readFile(`/proc/${pid}/cgroup`, 'utf8');
  const [, group] = /^\d+:memory:(.*)$/m.exec(groups) ?? [];
  const [, unified] = /^0::(.*)$/m.exec(groups) ?? [];
  const folder = group ? `/sys/fs/cgroup/memory${group}` : `/sys/fs/cgroup${unified}`;
  const code = `
    const blocks = [];
    const timer = setInterval(() => {
      for (let i = 0; i < 8; i += 1) blocks.push(Buffer.alloc(1 << 20, 1));
      if (blocks.length << 20 > ${limit}) { clearInterval(timer); setTimeout(() => process.exit(), 500); }
    }, 5);`;
  const command = `echo $$ >${folder}/cgroup.procs && echo -900 >/proc/self/oom_score_adj && exec ${process.execPath} -e '${code}'`;
  await run('timeout', ['--signal=KILL', '30', 'bash', '-c', command], { expect: 'any' });
}

test("the disk of Postgres is full: the API and `status` say so, and it recovers by itself", async (t) => {
  const device = await moveToSmallDisk();
  await started();
  const writes = writing();
  // Where the engine has mounted it, seen from Postgres's own process.
  const filler = `/proc/${(await containers()).postgres.pid}/root/var/lib/postgresql/data/filler`;
  await run('bash', ['-c', `head -c ${SMALL_DISK_MIB}M /dev/zero >${filler}`], { expect: 'failure' });
  const filledAt = Date.now();
  await until(async () => (await fetch(`${API}/health/ready`)).status === 503 || null, NOTICED_SECONDS, () => 'the API is ready');
  t.diagnostic(`/health/ready says 503 after ${Math.round((Date.now() - filledAt) / 1000)} s`);
  await until(
    async () => (await script('status', { expect: 'any' })).code !== 0 || null,
    NOTICED_SECONDS,
    () => '`status` says well',
  );
  t.diagnostic(`status fails after ${Math.round((Date.now() - filledAt) / 1000)} s`);
  await run('rm', [filler]);
  await isWell(180);
  await isStored(await writes.stop());
  t.after(() => run('losetup', ['--detach', device]));
});

test('the engine is killed: it starts, and so does all that ran', { skip: !process.env.STACK_ENGINE }, async () => {
  const writes = writing();
  await pause(1000);
  const pid = await readFile(`${process.env.STACK_RUNTIME}/docker.pid`, 'utf8');
  process.kill(Number(pid), 'SIGKILL');
  await pause(2000);
  await run('prove/stack/engine', ['start', process.env.STACK_ENGINE]);
  await isWell(240);
  await isStored(await writes.stop());
  await script('status');
});
