// Starts the built program for a test, with a database and a folder of its own.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

export const REPOSITORY = join(import.meta.dirname, '../..');
export const PROGRAM = process.env.PLANT_CARE_BIN ?? join(REPOSITORY, 'target/debug/plant-care');
const START_SECONDS = 60;
/** How long a test waits for what must happen. */
export const PATIENCE_SECONDS = 20;

/** Ports that nobody listens on, each another. */
export async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}

/** Resolves when `condition` does not return null; asks again until then. */
export async function until(condition, seconds, complaint) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const result = await condition();
    if (result !== null) return result;
    assert.ok(Date.now() < deadline, complaint());
    await pause(20);
  }
}

/**
 * A running server, with `settings` besides: its `url` and `folder`, the `management` address, and how to `stop` it;
 * or to `terminate` or `kill` it, and `start` it again at the same place. With demonstration data if it `isSeeded`.
 */
export async function startServer(settings = {}, { isSeeded = false } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'plant-care-node-'));
  const [port, managementPort] = await freePorts(2);
  const url = `http://127.0.0.1:${port}`;
  const management = `127.0.0.1:${managementPort}`;
  let running;
  const end = async (signal) => {
    if (running.child.exitCode === null) running.child.kill(signal);
    await running.ended;
  };
  const start = async () => {
    running = launch(folder, port, { MANAGEMENT_ADDR: management, ...settings });
    await running.ready;
  };
  const stop = async () => {
    await end('SIGTERM');
    await rm(folder, { recursive: true });
  };
  try {
    if (isSeeded) await seed(folder);
    await start();
  } catch (error) {
    await (running ? stop() : rm(folder, { recursive: true }));
    throw error;
  }
  return { url, folder, management, start, stop, terminate: () => end('SIGTERM'), kill: () => end('SIGKILL') };
}

const environment = (folder) => ({
  PATH: process.env.PATH,
  DATA_DIR: folder,
  DATABASE_URL: `sqlite://${folder}/plant-care.db`,
});

async function seed(folder) {
  const child = spawn(PROGRAM, ['seed'], { cwd: folder, env: environment(folder), stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
  const [code] = await once(child, 'close');
  assert.equal(code, 0, output);
}

/** The program as a process; `ready` when it serves, `ended` when it is gone. */
function launch(folder, port, settings) {
  const child = spawn(PROGRAM, ['serve'], {
    // Not in the repository, whose .env is the developer's.
    cwd: folder,
    env: {
      ...environment(folder),
      LISTEN_ADDR: `127.0.0.1:${port}`,
      DRAIN_SECONDS: '1',
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
  const ended = once(child, 'exit');
  const url = `http://127.0.0.1:${port}/health/ready`;
  const ready = Promise.race([
    until(
      () => fetch(url).then((answer) => answer.ok || null, () => null),
      START_SECONDS,
      () => `The server is not ready after ${START_SECONDS} s:\n${output}`,
    ),
    ended.then(([code]) => assert.fail(`The server stopped with ${code}:\n${output}`)),
  ]);
  return { child, ended, ready };
}

/** A client of the API at `url`; answers with the data, and fails on any error. */
export function client(url, token) {
  return async (query, variables) => {
    const answer = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token && { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = await answer.json();
    assert.equal(errors, undefined, JSON.stringify(errors));
    for (const payload of Object.values(data)) {
      if (payload?.userErrors) assert.deepEqual(payload.userErrors, []);
    }
    return data;
  };
}
