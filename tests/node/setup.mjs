// The surroundings of observability/setup-observability.sh, with a `docker` that only writes down how it was called.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { REPOSITORY, freePorts } from './server.mjs';

export const PORTS = {
  POSTGRES_PORT: 5432,
  API_PORT: 8000,
  ALLOY_PORT: 12345,
  LOKI_PORT: 3100,
  TEMPO_PORT: 3200,
  MIMIR_PORT: 9009,
  GRAFANA_PORT: 3000,
  OTLP_GRPC_PORT: 4317,
  OTLP_HTTP_PORT: 4318,
  HTTP_PORT: 8080,
  HTTPS_PORT: 8443,
};
const SERVICES = ['init', 'postgres', 'postgres-setup', 'migrate', 'api', 'mimir', 'grafana'];

/** A copy of the script's surroundings, for it makes files; its ports are free unless a test takes one. */
export async function surroundings() {
  const repository = await mkdtemp(join(tmpdir(), 'plant-care-setup-'));
  const bin = join(repository, 'bin');
  await cp(join(REPOSITORY, 'tests/node/setup'), bin, { recursive: true });
  await cp(join(REPOSITORY, 'observability'), join(repository, 'observability'), {
    recursive: true,
    filter: (path) => !/observability\/(secrets.*|backups|backup-keys|\.lock|\.restore|\.env)$/.test(path),
  });
  for (const file of ['compose.yaml', 'compose.proxy.yaml']) {
    await cp(join(REPOSITORY, file), join(repository, file)).catch(() => null);
  }
  await rm(join(repository, 'observability/grafana/notifications.sh'));
  const ports = await freePorts(Object.keys(PORTS).length);
  const port = Object.fromEntries(Object.keys(PORTS).map((name, index) => [name, ports[index]]));
  for (const folder of ['images', 'databases', 'volumes/api', 'volumes/grafana', 'volumes/spare']) {
    await mkdir(join(bin, folder), { recursive: true });
  }
  const say = (name, content) => writeFile(join(bin, name), content);
  const read = (name) => readFile(join(bin, name), 'utf8');
  for (const [name, content] of Object.entries({
    built: 'first\n',
    calls: '',
    containers: '',
    'databases/plant_care_db': 'old rows\nEND',
    disk: '10',
    failing: '',
    hash: 'hash\n',
    killing: '',
    memory: `${8 * 2 ** 30}`,
    number: '0\n',
    ports: '',
    services: `${SERVICES.join('\n')}\n`,
    stdin: '',
    unhealthy: '',
    'volumes/api/photo': 'an old photo',
    'volumes/grafana/grafana.db': 'old dashboards',
  })) {
    await say(name, content);
  }

  /** Its exit code, its output, and its calls of docker, of which `compose` has those of compose without their files. */
  async function run(args, { input = '', env = {} } = {}) {
    await say('calls', '');
    const child = spawn('bash', [join(repository, 'observability/setup-observability.sh'), ...args], {
      env: {
        PATH: `${bin}:${process.env.PATH}`,
        HOME: repository,
        JOURNAL_FOLDERS: '/nonexistent',
        PATIENCE_SECONDS: '0',
        ...port,
        ...env,
      },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    const [code, signal] = await once(child, 'close');
    const calls = (await read('calls')).split('\n').filter(Boolean);
    const compose = calls
      .map((call) => /^compose --project-name plant-care (?:--file \S+ )+--env-file \S+ (?:--profile full )?(.*)$/.exec(call)?.[1])
      .filter(Boolean);
    // What changes something.
    const steps = calls
      .filter((call) => !/^(info|ps|inspect|image inspect|volume inspect|context|compose version)\b| config /.test(call))
      .map((call) => call.replace(/^compose .*--env-file \S+ (--profile full )?/, ''));
    return { code, signal, output, calls, compose, steps };
  }

  const secrets = join(repository, 'observability/secrets');
  return {
    repository,
    bin,
    port,
    run,
    say,
    read,
    secrets,
    secret: (name) => readFile(join(secrets, name), 'utf8'),
    settings: (text) => writeFile(join(repository, 'observability/.env'), text),
    exists: async (path) => (await readdir(join(repository, path, '..'))).includes(path.split('/').at(-1)),
    containers: async (service) =>
      (await read('containers'))
        .split('\n')
        .filter(Boolean)
        .map((line) => line.split(' '))
        .filter((words) => !service || words[1] === service)
        .map(([id, name, state, health, exit, image]) => ({ id, name, state, health, exit, image })),
    remove: () => rm(repository, { recursive: true }),
  };
}
