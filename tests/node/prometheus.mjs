// Prometheus and promtool: the system's, or those that scripts/setup has fetched.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse, stringify } from 'yaml';
import { RULES } from './queries.mjs';
import { REPOSITORY, freePorts, until } from './server.mjs';

const START_SECONDS = 30;

async function find(program) {
  try {
    const { stdout } = await promisify(execFile)(join(REPOSITORY, 'scripts/prometheus'), [program]);
    return stdout.trim();
  } catch {
    assert.fail(`${program} is missing: scripts/setup promtool`);
  }
}

/** What promtool says, reading `input`; fails with it if promtool does. */
export async function promtool(words, input = '') {
  const child = spawn(process.env.PROMTOOL ?? (await find('promtool')), words);
  let [said, complained] = ['', ''];
  child.stdout.on('data', (data) => (said += data));
  child.stderr.on('data', (data) => (complained += data));
  child.stdin.end(input);
  const [code] = await once(child, 'close');
  assert.equal(code, 0, `promtool ${words.join(' ')}\n${said}${complained}`);
  return said;
}

/** The rules as they are, but evaluated each second. */
async function quickRules(folder) {
  await mkdir(folder);
  for (const name of await readdir(RULES)) {
    const file = parse(await readFile(join(RULES, name), 'utf8'));
    for (const group of file.groups) group.interval = '1s';
    await writeFile(join(folder, name), stringify(file));
  }
}

/** A Prometheus that scrapes `target` each second, and evaluates the rules: how to `ask` it, and to `stop` it. */
export async function startPrometheus(target) {
  const folder = await mkdtemp(join(tmpdir(), 'plant-care-prometheus-'));
  const [port] = await freePorts(1);
  const url = `http://127.0.0.1:${port}`;
  await quickRules(join(folder, 'rules'));
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: [join(folder, 'rules/*')],
    scrape_configs: [{ job_name: 'plant-care-api', static_configs: [{ targets: [target] }] }],
  };
  await writeFile(join(folder, 'prometheus.yml'), stringify(config));
  const child = spawn(process.env.PROMETHEUS ?? (await find('prometheus')), [
    `--config.file=${join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--enable-feature=exemplar-storage',
  ], { stdio: ['ignore', 'ignore', 'pipe'] });
  let output = '';
  child.stderr.on('data', (data) => (output += data));
  const ended = once(child, 'exit');

  /** The data of an answer of its API. */
  async function ask(path, parameters = {}) {
    const answer = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters)}`);
    const { status, data, error } = await answer.json();
    assert.equal(status, 'success', `${JSON.stringify(parameters)}: ${error}`);
    return data;
  }
  const stop = async () => {
    if (child.exitCode === null) child.kill('SIGTERM');
    await ended;
    await rm(folder, { recursive: true });
  };
  try {
    await Promise.race([
      until(
        () => fetch(`${url}/-/ready`).then((answer) => answer.ok || null, () => null),
        START_SECONDS,
        () => `Prometheus is not ready after ${START_SECONDS} s:\n${output}`,
      ),
      ended.then(([code]) => assert.fail(`Prometheus stopped with ${code}:\n${output}`)),
    ]);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    stop,
    ask,
    /** The series that a query has now: their labels, and their values as numbers. */
    async query(expr) {
      const { resultType, result } = await ask('query', { query: expr });
      if (resultType === 'scalar') return [{ metric: {}, value: Number(result[1]) }];
      return result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
    },
    /** The samples that a series has of the last minute: when they were scraped, in milliseconds, and the values. */
    async samples(series) {
      const { result } = await ask('query', { query: `${series}[1m]` });
      return result.flatMap(({ values }) => values.map(([at, value]) => ({ at: at * 1000, value: Number(value) })));
    },
    /** The exemplars that the series of a selector have. */
    async exemplars(selector) {
      const now = Date.now() / 1000;
      const found = await ask('query_exemplars', { query: selector, start: now - 600, end: now + 600 });
      return found.flatMap(({ seriesLabels, exemplars }) => exemplars.map((one) => ({ ...one, seriesLabels })));
    },
  };
}
