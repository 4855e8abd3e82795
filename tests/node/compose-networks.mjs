// Who may be on a network with whom, and from which of them a way leads out.

/** Services that may speak with each other. On a bridge there is no direction: who is reached can ask back. */
const PAIRS = [
  'postgres postgres-setup',
  'postgres migrate',
  'postgres api',
  'postgres alloy',
  'api alloy',
  'api caddy',
  'alloy socket-proxy',
  'alloy loki',
  'alloy tempo',
  'alloy mimir',
  'alloy grafana',
  'grafana loki',
  'grafana tempo',
  'grafana mimir',
  'mimir mimir-ready',
  // They listen nowhere and end before the API starts, or while it goes on.
  'postgres-setup migrate',
  'postgres-setup api',
  'migrate api',
];
/** Services that must reach the world, and why. */
const OPEN = { api: 'mail, push, webhooks', grafana: 'contact points', caddy: 'certificates' };
const MASQUERADE = 'com.docker.network.bridge.enable_ip_masquerade';

const list = (value) => (Array.isArray(value) ? value : Object.keys(value ?? {}));

/** What is wrong with the networks of a compose file, a line each. */
export function networkComplaints({ services, networks = {} }) {
  const found = [];
  const members = new Map(Object.keys(networks).map((name) => [name, []]));
  for (const [name, { networks: own, network_mode: mode, ports = [], dns = [] }] of Object.entries(services)) {
    const say = (what) => found.push(`${name}: ${what}`);
    const names = list(own);
    for (const one of names) {
      if (members.has(one)) members.get(one).push(name);
      else say(`there is no network ${one}`);
    }
    if (names.length === 0 && mode !== 'none') say('is on the default network');
    const outer = names.filter((one) => networks[one] && !networks[one].internal);
    for (const port of ports) if (outer.length === 0) say(`${port} is not published: all its networks are internal`);
    const isOpen = outer.some((one) => networks[one].driver_opts?.[MASQUERADE] !== 'false');
    if (isOpen && !(name in OPEN)) say('reaches the world');
    if (!isOpen && name in OPEN) say(`does not reach the world, and needs it for ${OPEN[name]}`);
    if (outer.length > 1) say(`has ${outer.length} ways out`);
    // The engine would ask the host's resolver for it, whatever its networks are.
    if (mode !== 'none' && dns.join() !== (name in OPEN ? '' : '127.0.0.1')) say('its names are resolved by the wrong one');
  }
  for (const [network, names] of members) {
    if (names.length === 0) found.push(`nobody is on the network ${network}`);
    if (!networks[network].internal && names.length > 1) found.push(`${names.join(' and ')} share the open network ${network}`);
    for (const one of names)
      for (const other of names)
        if (one < other && !PAIRS.some((pair) => pair === `${one} ${other}` || pair === `${other} ${one}`))
          found.push(`${one} and ${other} reach each other on ${network}`);
  }
  return found;
}
