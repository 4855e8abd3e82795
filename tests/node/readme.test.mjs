// What the README says, against the program and the schema.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { promisify } from 'node:util';
import { buildSchema, parse, validate } from 'graphql';
import { REPOSITORY, client, until } from './server.mjs';

const PROGRAM = process.env.PLANT_CARE_BIN ?? join(REPOSITORY, 'target/debug/plant-care');
const SHOWN_PROGRAM = 'target/debug/plant-care';
const SHOWN_ADDRESS = '127.0.0.1:8000';
const SHOWN_MANAGEMENT_ADDRESS = '127.0.0.1:8001';
/** Between the outputs of two blocks. */
const SEPARATOR = '\x1e';

const read = (name) => readFile(join(REPOSITORY, name), 'utf8');
const [english, french] = [await read('README.md'), await read('README.fr.md')];

/** The fenced blocks of a text: `{language, code}`. */
function blocks(text) {
  return [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language, code]) => ({ language, code }));
}

/** What stands between two comments, which must both be there. */
function section(text, begin, end) {
  const from = text.indexOf(`<!-- ${begin}`);
  const to = text.indexOf(`<!-- ${end}`, from);
  assert.ok(0 <= from && from < to, `The README has no part from "${begin}" to "${end}"`);
  return text.slice(from, to);
}

/** The cells of a table's rows, without its head. */
function rows(text) {
  return text
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|').map((cell) => cell.trim()).slice(1, -1));
}

/** Runs the program outside the repository, whose .env is the developer's. */
async function run(...words) {
  const env = { PATH: process.env.PATH };
  const { stdout } = await promisify(execFile)(PROGRAM, words, { cwd: tmpdir(), env });
  return stdout;
}

test('every operation fits the schema', async () => {
  const schema = buildSchema(await read('schema.graphql'));
  for (const [name, text] of Object.entries({ english, french })) {
    const operations = blocks(text).filter(({ language }) => language === 'graphql');
    assert.ok(operations.length > 0, `The ${name} README shows no operation`);
    for (const { code } of operations) {
      assert.deepEqual(validate(schema, parse(code)).map(String), [], code);
    }
  }
});

test('the French README has the code of the English one', () => {
  const last = 'end of the first subscription';
  const begun = english.slice(0, english.indexOf(`<!-- ${last}`));
  assert.ok(begun.length > 0, 'The README does not say where the first subscription ends');
  assert.deepEqual(blocks(french), blocks(begun));
});

test('the configuration is what the program has', async () => {
  const shown = rows(section(english, 'config:', 'end of config')).map(([variable, value]) => {
    const held = value === '*empty*' ? '' : value.slice(1, -1);
    return `${variable.slice(1, -1)}=${held}`;
  });
  assert.deepEqual(shown, (await run('config')).trimEnd().split('\n'));
});

test('the commands are what the program has', async () => {
  const shown = rows(section(english, 'commands:', 'end of commands')).map(([commands]) =>
    [...commands.matchAll(/`(\w+)(?: ([a-z-]+))?[^`]*`/g)].map(([, name, part]) => [name, part]),
  );
  const listed = async (...words) => {
    const [, list] = (await run(...words, '--help')).split('Commands:\n');
    const names = list.split('\n\n')[0].split('\n').map((line) => line.trim().split(' ')[0]);
    return names.filter((name) => name !== 'help');
  };
  const names = shown.map(([[name]]) => name);
  assert.deepEqual(names, await listed());
  for (const group of shown.filter((commands) => commands.some(([, part]) => part))) {
    assert.deepEqual(group.map(([, part]) => part), await listed(group[0][0]));
  }
});

test('every path and every link leads somewhere', async () => {
  const tree = section(english, 'tree:', 'end of tree');
  const paths = [...tree.matchAll(/^([\w./-]+)  /gm)].map(([, path]) => path);
  assert.ok(paths.length > 10, 'The tree has no paths');
  const links = [english, french].flatMap((text) => [...text.matchAll(/\]\(([^)#:]+)\)/g)]);
  for (const path of [...paths, ...links.map(([, path]) => path)]) {
    await assert.doesNotReject(access(join(REPOSITORY, path)), path);
  }
});

suite('with demonstration data', () => {
  let folder, env, address, management, server;
  const running = [];

  const start = (program, words, options = {}) => {
    const child = spawn(program, words, { cwd: folder, env, ...options });
    child.output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data) => (child.output += data));
    }
    child.ended = once(child, 'close');
    running.push(child);
    return child;
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'plant-care-readme-'));
    env = {
      PATH: process.env.PATH,
      DATA_DIR: folder,
      DRAIN_SECONDS: '1',
      LOG_FORMAT: 'json',
    };
    const seed = start(PROGRAM, ['seed']);
    const [code] = await seed.ended;
    assert.equal(code, 0, seed.output);
    address = await serve('127.0.0.1:0');
  });

  /** Starts the server, and gives its address; where its management listener is, it says after that. */
  async function serve(at) {
    server = start(PROGRAM, ['serve'], { env: { ...env, LISTEN_ADDR: at, MANAGEMENT_ADDR: '127.0.0.1:0' } });
    const said = (path) =>
      until(
        () => new RegExp(`http://(127\\.0\\.0\\.1:\\d+)/${path}`).exec(server.output)?.[1] ?? null,
        60,
        () => `The server does not say where its ${path} is:\n${server.output}`,
      );
    management = await said('metrics');
    return said('graphql');
  }

  after(async () => {
    for (const child of running) if (child.exitCode === null) child.kill('SIGTERM');
    await Promise.all(running.map((child) => child.ended));
    await rm(folder, { recursive: true });
  });

  const asRun = (code) =>
    code
      .replaceAll(SHOWN_ADDRESS, address)
      .replaceAll(SHOWN_MANAGEMENT_ADDRESS, management)
      .replaceAll(SHOWN_PROGRAM, PROGRAM);

  /** What the README's commands set, once they have run. */
  const set = {};

  test('the commands of the README answer as it says', async () => {
    const part = english.slice(english.indexOf('<!-- try:'));
    // Each command with the answer that is shown below it.
    const steps = [];
    for (const { language, code } of blocks(part)) {
      if (language === 'bash') steps.push({ code });
      else if (language === 'json' && steps.length > 0) steps.at(-1).shown = JSON.parse(code);
    }
    assert.ok(steps.filter(({ shown }) => shown).length >= 4, 'The README shows too few answers');
    const last = { code: 'echo "$owner"; echo "$caretaker"; echo "$request"; echo "$plant"; echo "$cursor"\n' };
    const script = [...steps, last].map(({ code }) => `${asRun(code)}printf '${SEPARATOR}'\n`).join('');
    const shell = start('bash', ['-euo', 'pipefail', '-c', script]);
    const [exit] = await shell.ended;
    assert.equal(exit, 0, shell.output);
    const outputs = shell.output.split(SEPARATOR);
    assert.equal(outputs.length, steps.length + 2, shell.output);
    for (const [at, { code, shown }] of steps.entries()) {
      if (!shown) continue;
      const answers = outputs[at].split('\n').filter((line) => line.startsWith('{'));
      assert.ok(answers.length > 0, `No answer to:\n${code}\n${outputs[at]}`);
      for (const answer of answers) assert.deepEqual(masked(JSON.parse(answer)), masked(shown), code);
      // The same twice is the same, not only alike.
      assert.equal(new Set(answers).size, 1, code);
    }
    assert.match(outputs.join('\n'), /^plant_care_care_requests_total\{action="created"\} \d+$/m);
    [set.owner, set.caretaker, set.request, set.plant, set.cursor] = outputs[steps.length].split('\n');
  });

  test('the timeline that the README watches arrives, replayed and live', async () => {
    assert.ok(set.cursor, 'The commands did not run');
    const watches = blocks(english).filter(({ language, code }) => language === 'sh' && code.includes(' watch '));
    assert.equal(watches.length, 2);
    for (const { code } of watches) {
      const alone = asRun(code).replace(PROGRAM, `exec ${PROGRAM}`).replace(/ &$/m, '');
      const watch = start('bash', ['-c', alone.replace(' watch ', ` watch --url http://${address} `)], {
        env: { ...env, ...set },
      });
      const shows = (what) =>
        until(() => (what.test(watch.output) ? true : null), 30, () => `No ${what}:\n${watch.output}`);
      await shows(/^caught up/m);
      assert.equal(/ #1 +replay /.test(watch.output), !code.includes('--after'), watch.output);
      await water();
      await shows(/ live  . .* watered Little Moon/);
      watch.kill('SIGTERM');
      await watch.ended;
    }
  });

  test('the page of the README follows, and goes on after a restart of the server', async () => {
    assert.ok(set.plant, 'The commands did not run');
    const page = await follow();
    const lines = () => page.output.split('\n').map((line) => line.trim()).filter(Boolean);
    const sees = (line, times) =>
      until(
        () => (lines().filter((one) => one === line).length >= times ? true : null),
        30,
        () => `"${line}" does not come ${times} times:\n${page.output}\n${server.output}`,
      );
    await sees('StreamCaughtUp', 1);
    const before = lines().length - 1;
    await water();
    await sees(`CareEventDelivered CareRecorded ${before + 1}`, 1);
    server.kill('SIGTERM');
    await server.ended;
    await serve(address);
    await sees('StreamCaughtUp', 2);
    await water();
    await sees(`CareEventDelivered CareRecorded ${before + 2}`, 1);
    const numbers = lines().filter((line) => line !== 'StreamCaughtUp').map((line) => Number(line.split(' ').at(-1)));
    assert.deepEqual(numbers, Array.from({ length: before + 2 }, (_, at) => at + 1));
  });

  /** The README's page, in Node instead of a browser. */
  async function follow() {
    const [operation] = blocks(english).filter(({ language }) => language === 'graphql');
    const [code] = blocks(english).filter(({ language }) => language === 'js');
    const module = (name) => JSON.stringify(import.meta.resolve(name));
    const file = join(folder, 'page.mjs');
    await writeFile(
      file,
      `import WebSocket from ${module('ws')};
      globalThis.WebSocket ??= WebSocket;
      const [token, careRequestId] = ${JSON.stringify([set.owner, set.request])};
      const LiveCare = ${JSON.stringify(operation.code)};
      ${asRun(code.code).replace("'graphql-ws'", module('graphql-ws'))}`,
    );
    return start(process.execPath, [file]);
  }

  async function water() {
    const { recordCare } = await client(`http://${address}`, set.caretaker)(
      `mutation ($input: RecordCareInput!) {
        recordCare(input: $input) { event { id } userErrors { code message field } }
      }`,
      { input: { careRequestId: set.request, plantId: set.plant, kind: 'WATER' } },
    );
    return recordCare;
  }
});

/** An answer without what is different each time. */
function masked(answer) {
  const varying = ['id', 'seq', 'cursor', 'endCursor'];
  return JSON.parse(JSON.stringify(answer), (key, value) =>
    varying.includes(key) && value !== null ? `<${key}>` : value,
  );
}
