// What a compose file of this project must be, beyond the Compose Specification's schema.
import { networkComplaints } from './compose-networks.mjs';

/** Images without a shell: what is not their own program cannot be run in them. */
const WITHOUT_SHELL = /^(grafana\/(loki|tempo|mimir)|plant-care):/;
const SHELL = /^(CMD-SHELL|sh|\/bin\/sh|bash|curl|wget)$/;
/** Services that run as root, and why compose.yaml says so. */
const ROOT = { init: 'chown', archive: 'owners of packed files', 'socket-proxy': "the engine's socket" };
/** Services with a capability, and why. */
const CAPABLE = { init: 'chown', archive: 'owners of packed files', caddy: "the file's own" };
/** What a small machine starts: no telemetry. */
const SMALL = ['init', 'postgres', 'postgres-setup', 'migrate', 'api', 'caddy'];
/** The longest that a service that hangs is called healthy, in seconds. */
const NOTICED_SECONDS = 30;
const UNITS = { k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };
/** Names of what nobody may read who sees how a container is made; a path to it says nothing. */
const SECRET = /PASSWORD|SECRET|_KEY|TOKEN/;

export const bytes = (text) => Number.parseInt(text, 10) * UNITS[text.slice(-1)];
const seconds = (text) => Number.parseInt(text, 10);
const list = (value) => (Array.isArray(value) ? value : Object.keys(value ?? {}));

/** What is wrong with a compose file whose variables are filled in, a line each. */
export function complaints(file) {
  const { services, volumes = {} } = file;
  const found = networkComplaints(file);
  const built = Object.entries(services).filter(([, { build }]) => build);
  if (built.length > 1) found.push(`${built.map(([name]) => name).join(' and ')} are built apart`);
  for (const [name, service] of Object.entries(services)) {
    const say = (what) => found.push(`${name}: ${what}`);
    const { image = '', build, user, healthcheck, mem_limit: memory, ports = [], profiles = [] } = service;

    if (/^plant-care:/.test(image)) {
      if (service.pull_policy !== 'never') say(`looks for ${image} in a registry`);
      if (!build && !built.some(([, other]) => other.image === image)) say(`nobody builds ${image}`);
    } else if (!/^[^@]+:[^:@]*\d[^:@]*$/.test(image) || image.endsWith(':latest')) say(`${image} is not pinned`);

    if (user === undefined) say('has no user');
    else if (/^(0|root)\b/.test(user) && !(name in ROOT)) say('runs as root');
    if (service.privileged) say('is privileged');
    if (!service.cap_drop?.includes('ALL')) say('keeps capabilities');
    if (service.cap_add && !(name in CAPABLE)) say(`has ${service.cap_add}`);
    if (!service.security_opt?.includes('no-new-privileges:true')) say('can gain privileges');
    if (!service.read_only) say('can write to its image');
    if (!service.logging?.options?.['max-size']) say('its log has no end');

    if (!/^\d+[kmg]$/.test(memory ?? '')) say('has no memory limit');

    for (const port of ports) if (!/^127\.0\.0\.1:\d+:\d+$/.test(port)) say(`${port} is open to other machines`);
    const replicas = Number(service.deploy?.replicas ?? service.scale ?? 1);
    if (replicas > 1 && ports.length > 0) say(`${replicas} replicas cannot have one port`);

    const configured = (service.volumes ?? []).map((volume) => volume.split(':'));
    for (const [from, to, mode] of configured) {
      if (/^[\w-]+$/.test(from) && !(from in volumes)) say(`there is no volume ${from}`);
      if (/docker\.sock/.test(`${from}:${to}`) && name !== 'socket-proxy') say("has the engine's socket");
      // Of the host and of the repository nothing is written.
      if (/^[./]/.test(from) && mode !== 'ro') say(`can write to ${from}`);
      if (to === undefined) say(`${from} has no target`);
    }
    // Who runs once runs at each start; and Postgres reads its password when it makes a database, and not again.
    const isConfigured = configured.some(([from]) => /^\.\/|-secrets$/.test(from)) && name !== 'postgres';
    if (isConfigured && service.restart !== 'no' && service.labels?.['plant.care.files'] === undefined)
      say('is not made again when its files change');

    const once = service.restart === 'no';
    const checked = healthcheck?.test !== undefined;
    if (checked && WITHOUT_SHELL.test(image) && healthcheck.test.slice(0, 2).some((word) => SHELL.test(word))) {
      say('its health check needs a shell, and its image has none');
    }
    if (checked && !['CMD', 'CMD-SHELL'].includes(healthcheck.test[0])) say('its health check is no CMD');
    if (checked) {
      const { interval, timeout, retries, start_period: start } = healthcheck;
      if (!(retries <= 3 && retries * (seconds(interval) + seconds(timeout)) <= NOTICED_SECONDS))
        say('is called healthy for long after it is not');
      if (!(seconds(start) >= 120)) say('has no time to start');
    }
    // Somebody else may ask: mimir-ready asks Mimir.
    const asked = Object.values(services).some(({ healthcheck: other }) =>
      other?.test?.some((word) => word.includes(`//${name}:`)),
    );
    if (!checked && !once && !asked) say('nobody asks whether it is healthy');

    if (SMALL.includes(name) !== (profiles.length === 0)) say('is in the wrong profile');
    for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
      const target = services[other];
      if (!target) say(`depends on ${other}, which is not there`);
      else if ((target.profiles ?? []).some((profile) => !profiles.includes(profile)))
        say(`depends on ${other}, which is not always started`);
      else if (condition === 'service_healthy' && target.healthcheck?.test === undefined)
        say(`waits for ${other}, which has no health check`);
      else if (condition === 'service_completed_successfully' && target.restart !== 'no')
        say(`waits for the end of ${other}, which is started again`);
    }

    for (const what of shown(service)) say(`${what} is not read from a file`);
  }
  const limits = Object.values(services).map(
    ({ mem_limit: memory, deploy }) => bytes(memory ?? '0k') * Number(deploy?.replicas ?? 1),
  );
  const sum = limits.reduce((one, other) => one + other, 0);
  if (!(sum < 8 * UNITS.g)) found.push(`the memory limits are ${sum / UNITS.g} GiB`);
  return found;
}

/** Secrets among what an engine tells of a container to whoever may ask what it is, as the socket proxy lets Alloy. */
function* shown({ environment = {}, command = [], entrypoint = [], labels = {}, healthcheck = {} }) {
  for (const [variable, value] of Object.entries(environment))
    if (SECRET.test(variable) && !/_FILE$/.test(variable) && value) yield variable;
  const words = [environment, labels].flatMap(Object.values).concat(command, entrypoint, healthcheck.test ?? []);
  for (const word of words.map(String)) if (/:\/\/[^/\s]*:[^/\s]*@/.test(word)) yield 'the password of an address';
  for (const word of words.map(String)) if (/password=|secret=|token=/i.test(word)) yield word.split('=')[0];
}

/** Variables that would put a secret where everybody sees it, of a file whose variables are not filled in. */
export const secretVariables = (names) => [...names].filter((name) => SECRET.test(name));
