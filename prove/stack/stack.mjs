// The stack as the proofs see it: the script, the containers, and what is tried from within them.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../../tests/node/server.mjs';

/** A copy of the repository, whose secrets and backups are the proof's own. */
export const CHECKOUT = process.env.STACK_CHECKOUT;
export const API = 'http://127.0.0.1:8000';
export const areImagesReal = process.env.STACK_IMAGES === 'real';
/** Services that end by themselves; they may have exited, with 0. */
export const RUN_ONCE = ['init', 'postgres-setup', 'migrate'];
const SCRIPT = 'observability/setup-observability.sh';

/** Runs a command in the copy: its exit `code`, and its `output`, of both streams in one. Fails unless the code is as expected. */
export async function run(command, args, { expect = 0, input, env = {}, onStart = () => {} } = {}) {
  const child = spawn(command, args, { cwd: CHECKOUT, env: { ...process.env, ...env }, detached: true });
  const ended = once(child, 'close');
  onStart(child);
  let output = '';
  let stdout = '';
  child.stdout.on('data', (data) => ((output += data), (stdout += data)));
  child.stderr.on('data', (data) => (output += data));
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const [code] = await ended;
  if (expect === 'failure') assert.notEqual(code, 0, `${command} ${args.join(' ')} went well:\n${output}`);
  else if (expect !== 'any') assert.equal(code, expect, `${command} ${args.join(' ')}:\n${output.slice(-6000)}`);
  return { code, output, stdout };
}

export const script = (args, options) => run(SCRIPT, args.split(' '), options);
export const docker = async (...args) => (await run('docker', args)).stdout.trim();

/** What the containers are: by service, or `service-number` where it has several. */
export async function containers() {
  const ids = await docker('ps', '--all', '--quiet', '--no-trunc', '--filter', 'label=com.docker.compose.project=plant-care');
  if (ids === '') return {};
  const found = {};
  for (const one of JSON.parse(await docker('inspect', ...ids.split('\n')))) {
    const labels = one.Config.Labels;
    if (labels['com.docker.compose.oneoff'] === 'True') continue;
    const service = labels['com.docker.compose.service'];
    const name = service in found ? `${service}-${labels['com.docker.compose.container-number']}` : service;
    found[name] = {
      id: one.Id,
      service,
      pid: one.State.Pid,
      state: one.State.Status,
      health: one.State.Health?.Status ?? 'none',
      exitCode: one.State.ExitCode,
      image: one.Image,
      addresses: Object.values(one.NetworkSettings.Networks).map(({ IPAddress }) => IPAddress).filter(Boolean),
      inspected: one,
    };
  }
  return found;
}

/** What is not as it must be: of each container, its state. */
export async function unwell() {
  const all = Object.entries(await containers());
  assert.ok(all.length > 0, 'no container');
  return all
    .filter(([, { service, state, health, exitCode }]) =>
      RUN_ONCE.includes(service)
        ? !(state === 'exited' && exitCode === 0)
        : !(state === 'running' && ['healthy', 'none'].includes(health)),
    )
    .map(([name, { state, health, exitCode }]) => `${name} ${state} ${health} ${exitCode}`);
}

/** Waits until all are well. */
export const isWell = (seconds = 120) => {
  let last = [];
  return until(
    async () => ((last = await unwell()).length === 0 ? true : null),
    seconds,
    () => `Not well after ${seconds} s: ${last}`,
  );
};

/** Starts the stack with these settings, and waits until it is well. */
export async function started(values = {}) {
  await settings(values);
  await script('start');
  await isWell();
}

/** Ids of the containers that run, by name: who was replaced, shows a difference. */
export async function running() {
  const all = Object.entries(await containers()).filter(([, { state }]) => state === 'running');
  return Object.fromEntries(all.map(([name, { id }]) => [name, id]));
}

/** Which of those that ran are other containers now, or gone. */
export const replaced = (before, now) => Object.keys(before).filter((name) => before[name] !== now[name]);

/** Runs a shell command in the network of a container, with the machine's own programs. */
export const inNetworkOf = ({ pid }, command, options) =>
  run('nsenter', [`--net=/proc/${pid}/ns/net`, 'bash', '-c', command], options);

/** SQL in the stack's database; lines of values. */
export const sql = (text, database = 'plant_care_db') =>
  docker('exec', 'plant-care-postgres-1', 'psql', '--username=postgres', `--dbname=${database}`, '--no-psqlrc',
    '--tuples-only', '--no-align', '--set=ON_ERROR_STOP=1', '--command', text);

/** Settings of the stack, instead of those that were there. */
export const settings = (values) =>
  writeFile(
    join(CHECKOUT, 'observability/.env'),
    Object.entries(values).map(([name, value]) => `${name}=${value}\n`).join(''),
  );

export const file = (path) => readFile(join(CHECKOUT, path), 'utf8');

/** Sends a document to the API; the status and the answer. */
export async function ask(query, { url = API, token, variables } = {}) {
  const answer = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ query, variables }),
  });
  return { status: answer.status, answer: await answer.json() };
}

export const logIn = async (email, password, url = API) => {
  const { answer } = await ask(
    `mutation ($input: LoginInput!) { login(input: $input) { session { accessToken } userErrors { code } } }`,
    { url, variables: { input: { email, password } } },
  );
  return answer.data?.login?.session?.accessToken;
};
