// Caddy's file, the networks that it is made for, and the API's own rules about who is in front of it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { filled, merged, read } from './compose-file.mjs';
import { REPOSITORY } from './server.mjs';

const text = (path) => readFileSync(join(REPOSITORY, path), 'utf8');
const lines = text('observability/caddy/Caddyfile')
  .split('\n')
  .map((line) => line.replace(/^\s*#.*/, '').trim())
  .filter(Boolean);
const { services, networks } = filled(
  merged(read(join(REPOSITORY, 'compose.yaml')), read(join(REPOSITORY, 'compose.proxy.yaml'))),
);

/** The last word of the line that begins with these. */
const value = (start) => {
  const found = lines.filter((line) => line.startsWith(`${start} `));
  assert.equal(found.length, 1, start);
  return found[0].slice(start.length + 1);
};
const seconds = (duration) =>
  duration.endsWith('ms') ? Number.parseInt(duration, 10) / 1000 : Number.parseInt(duration, 10);
/** The default of a setting of the API, in production. */
const setting = (name) => {
  const [, row, note] = new RegExp(`^\\| \`${name}\` \\| \`(\\d+)\` \\|(.*)$`, 'm').exec(text('README.md'));
  return Number(/(\d+) by default in production/.exec(note)?.[1] ?? row);
};

suite('the proxy before the replicas', () => {
  const [{ subnet, ip_range: range, gateway }] = networks.proxy.ipam.config;
  const last = (address) => Number(address.split('/')[0].split('.')[3]);
  const upstreams = lines
    .filter((line) => line.startsWith('to '))
    .flatMap((line) => line.split(' ').slice(1));

  test('every address that a replica can have is asked whether it is ready', () => {
    assert.ok(networks.proxy.internal);
    assert.match(subnet, /\.0\/28$/);
    assert.match(range, /\.8\/29$/);
    // The last of the subnet is everybody's.
    const possible = Array.from({ length: 7 }, (_, number) => `{$PROXY_NETWORK}.${last(range) + number}:8000`);
    assert.deepEqual(upstreams, possible);
    const own = services.caddy.networks.proxy.ipv4_address;
    for (const address of [own, gateway]) assert.ok(last(address) > 0 && last(address) < last(range), address);
    assert.equal(services.caddy.environment.PROXY_NETWORK, subnet.replace(/\.0\/28$/, ''));
    // While one is rolled there is one more.
    const [, most] = /`API_REPLICAS` \| `2` \|[^|]*?(\d+) at most/.exec(text('observability/README.md'));
    assert.equal(Number(most) + 1, possible.length);
  });

  test('the API believes Caddy alone, and Caddy nobody', () => {
    const { environment } = services.api;
    assert.equal(environment.TRUSTED_PROXIES, `${services.caddy.networks.proxy.ipv4_address}/32`);
    assert.equal(environment.CLIENT_ADDRESS_HEADER, 'X-Forwarded-For');
    assert.ok(!lines.some((line) => /trusted_proxies|header_up|X-Forwarded/i.test(line)));
  });

  test('a replica that leaves is noticed before it stops to listen', () => {
    assert.equal(value('health_uri'), '/health/ready');
    assert.equal(value('health_status'), '200');
    const delay = setting('DRAIN_DELAY_SECONDS');
    assert.equal(services.api.environment.DRAIN_DELAY_SECONDS, undefined);
    assert.ok(seconds(value('health_interval')) * 2 <= delay, `${delay}`);
    // Requests wait for longer than it takes to notice one that was killed.
    assert.ok(seconds(value('lb_try_duration')) > seconds(value('health_interval')) + seconds(value('health_timeout')));
  });

  test('a stranger whose requests fail takes no replica from others, and one that died not all that is new', () => {
    assert.ok(!lines.some((line) => /^(fail_duration|max_fails|unhealthy_)/.test(line)));
    assert.equal(value('lb_policy'), 'random');
  });

  test('a connection that is used again is not about to be ended by the API', () => {
    assert.ok(seconds(value('keepalive')) <= setting('LIMIT_IDLE_SECONDS') / 2);
  });

  test('nothing ends a stream that is quiet, and nothing holds it back', () => {
    for (const word of ['read_timeout', 'write_timeout', 'stream_timeout', 'response_header_timeout', 'encode', 'flush_interval', 'read_body', 'write '])
      assert.ok(!lines.some((line) => line.startsWith(word)), word);
    assert.equal(value('compression'), 'off');
  });

  test('only what changes nothing is sent again', () => {
    assert.ok(!lines.some((line) => line.startsWith('lb_retry_match')));
  });

  test('nobody can change it, and no ticket of an address is logged', () => {
    assert.equal(value('admin'), 'off');
    assert.equal(value('request>uri'), 'delete');
    assert.equal(value('request>headers'), 'delete');
    assert.ok(!lines.some((line) => /^log\b/.test(line) && line !== 'log {'));
    assert.equal(lines.filter((line) => line === 'log {').length, 1);
  });

  test('its ports, and the redirection to the one of the host', () => {
    assert.deepEqual(
      services.caddy.ports.map((port) => port.split(':')[2]),
      [value('http_port'), value('https_port')],
    );
    assert.ok(lines.includes('redir https://{host}:{$HTTPS_PORT:8443}{uri} 308'));
    assert.equal(value('auto_https'), 'disable_redirects');
    assert.ok(services.caddy.healthcheck.test.includes(`${lines.find((line) => line.startsWith('http://127')).split(' ')[0]}/`));
  });

  test('who changes owners gives Caddy its folder', () => {
    assert.ok(text('observability/init.sh').includes(`chown ${services.caddy.user} "$root/caddy"`));
  });
});
