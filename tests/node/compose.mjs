// What a compose file of this project must be, beyond the Compose Specification's schema.

/** Images without a shell: what is not their own program cannot be run in them. */
const WITHOUT_SHELL = /^(grafana\/(loki|tempo|mimir)|plant-care):/;
const SHELL = /^(CMD-SHELL|sh|\/bin\/sh|bash|curl|wget)$/;
/** Services that run as root, and why compose.yaml says so. */
const ROOT = { init: 'chown', archive: 'owners of packed files', 'socket-proxy': "the engine's socket" };
const UNITS = { k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

const bytes = (text) => Number.parseInt(text, 10) * UNITS[text.slice(-1)];
const list = (value) => (Array.isArray(value) ? value : Object.keys(value ?? {}));

/** What is wrong with a parsed compose file, a line each. */
export function complaints({ services, networks = {}, volumes = {} }) {
  const found = [];
  for (const [name, service] of Object.entries(services)) {
    const say = (what) => found.push(`${name}: ${what}`);
    const { image = '', build, user, healthcheck, mem_limit: memory, ports = [] } = service;

    if (!/^[^@]+:[^:@]*\d[^:@]*$/.test(image) && !build) say(`${image} is not pinned`);
    if (image.endsWith(':latest')) say(`${image} is not pinned`);

    if (user === undefined) say('has no user');
    else if (/^(0|root)\b/.test(user) && !(name in ROOT)) say('runs as root');
    if (service.privileged) say('is privileged');
    if (!service.cap_drop?.includes('ALL')) say('keeps capabilities');
    if (!service.security_opt?.includes('no-new-privileges:true')) say('can gain privileges');
    if (!service.read_only) say('can write to its image');

    if (!/^\d+[kmg]$/.test(memory ?? '')) say('has no memory limit');

    const addresses = list(service.networks);
    for (const port of ports) {
      if (!/^127\.0\.0\.1:\d+:\d+$/.test(port)) say(`${port} is open to other machines`);
      if (!addresses.some((one) => networks[one] && !networks[one].internal))
        say(`${port} is not published: all its networks are internal`);
    }
    for (const one of addresses) if (!(one in networks)) say(`there is no network ${one}`);
    if (addresses.length === 0 && service.network_mode !== 'none') say('is on the default network');

    for (const volume of service.volumes ?? []) {
      const [from, to, mode] = volume.split(':');
      if (/^[\w-]+$/.test(from) && !(from in volumes)) say(`there is no volume ${from}`);
      if (from === '/var/run/docker.sock' && name !== 'socket-proxy') say("has the engine's socket");
      // Of the host and of the repository nothing is written.
      if (/^[./]/.test(from) && mode !== 'ro') say(`can write to ${from}`);
      if (to === undefined) say(`${volume} has no target`);
    }

    const once = service.restart === 'no';
    const checked = healthcheck?.test !== undefined;
    if (checked && WITHOUT_SHELL.test(image) && healthcheck.test.slice(0, 2).some((word) => SHELL.test(word))) {
      say('its health check needs a shell, and its image has none');
    }
    if (checked && !['CMD', 'CMD-SHELL'].includes(healthcheck.test[0])) say('its health check is no CMD');
    // Somebody else may ask: mimir-ready asks Mimir.
    const asked = Object.values(services).some(({ healthcheck: other }) =>
      other?.test?.some((word) => word.includes(`//${name}:`)),
    );
    if (!checked && !once && !asked) say('nobody asks whether it is healthy');

    for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
      const target = services[other];
      if (!target) say(`depends on ${other}, which is not there`);
      else if (condition === 'service_healthy' && target.healthcheck?.test === undefined)
        say(`waits for ${other}, which has no health check`);
      else if (condition === 'service_completed_successfully' && target.restart !== 'no')
        say(`waits for the end of ${other}, which is started again`);
    }

    for (const [variable, value] of Object.entries(service.environment ?? {})) {
      if (/PASSWORD|SECRET|_KEY|TOKEN/.test(variable) && !/_FILE$/.test(variable) && value)
        say(`${variable} is not read from a file`);
    }
  }
  const limits = Object.values(services).map(({ mem_limit: memory }) => bytes(memory ?? '0k'));
  const sum = limits.reduce((one, other) => one + other, 0);
  if (!(sum < 8 * UNITS.g)) found.push(`the memory limits are ${sum / UNITS.g} GiB`);
  return found;
}
