// What the proxy before the engine's socket lets through: a real HAProxy with the stack's own file, before an engine that
// grants everything.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { connect, createServer as listen } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { read } from './compose-file.mjs';
import { ENDPOINTS } from './engine-api.mjs';
import { REPOSITORY, until } from './server.mjs';

const FILE = readFileSync(join(REPOSITORY, 'observability/socket-proxy/haproxy.cfg'), 'utf8');
const HAPROXY = ['/usr/sbin/haproxy', '/usr/local/sbin/haproxy', '/usr/local/bin/haproxy'].find(existsSync);
const ID = '0123456789abcdef'.repeat(4);
const VERSIONS = ['', '/v1.40', '/v1.41', '/v1.55'];
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'];
/** All that Alloy asks. */
const ALLOWED = new Set([
  'GET /_ping',
  'HEAD /_ping',
  'GET /containers/json',
  'GET /networks',
  'GET /containers/{id}/json',
  'GET /containers/{id}/logs',
]);

let folder;
let engine;
let port;
let proxy;
let told = '';
const asked = [];

/** The file, with these parts of it replaced. */
function written(...replacements) {
  return replacements.reduce((text, [from, to]) => {
    assert.ok(text.includes(from), from);
    return text.replaceAll(from, to);
  }, FILE);
}

async function freePort() {
  const server = listen().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  await once(server.close(), 'close');
  return port;
}

/** Sends bytes over a connection of its own, and gives the status of what comes back. */
async function send(bytes) {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  await new Promise((resolve) => {
    socket.on('data', (data) => {
      text += data;
      if (text.includes('\r\n\r\n')) resolve();
    });
    socket.on('error', resolve);
    socket.on('close', resolve);
    socket.write(bytes);
  });
  socket.destroy();
  return { status: Number(text.split(' ')[1]) };
}

const request = (line, ...headers) =>
  send([`${line} HTTP/1.1`, 'Host: socket-proxy:2375', 'Connection: close', ...headers, '', ''].join('\r\n'));

before(async () => {
  assert.ok(HAPROXY, 'haproxy is missing: scripts/setup haproxy');
  folder = await mkdtemp(join(tmpdir(), 'plant-care-socket-'));
  const socket = join(folder, 'engine.sock');
  engine = createServer((message, answer) => {
    asked.push(`${message.method} ${message.url}`);
    const isFollowed = /follow=(1|true)/.test(message.url);
    answer.writeHead(200, { 'content-type': 'application/json' });
    if (isFollowed) {
      answer.write('first\n');
      setTimeout(() => answer.end('last\n'), 1500);
    } else if (message.url.includes('networks') && message.url.includes('v1.49')) {
      setTimeout(() => answer.end('late'), 1500);
    } else answer.end('{}');
  });
  for (const event of ['upgrade', 'connect'])
    engine.on(event, (message, connection) => {
      asked.push(`${message.method} ${message.url}`);
      connection.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
    });
  engine.listen(socket);
  await once(engine, 'listening');
  port = await freePort();
  const file = join(folder, 'haproxy.cfg');
  // What is cut after a minute there is cut after half a second here.
  const text = written(
    ['unix@/var/run/docker.sock', `unix@${socket}`],
    ['bind :2375', `bind 127.0.0.1:${port}`],
    ['timeout server 60s', 'timeout server 500ms'],
  );
  await writeFile(file, text);
  proxy = spawn(HAPROXY, ['-db', '-f', file], { stdio: ['ignore', 'pipe', 'pipe'] });
  proxy.stdout.on('data', (data) => (told += data));
  await until(async () => ((await request('GET /_ping')).status === 200 ? true : null), 10, () => 'HAProxy does not answer');
  asked.length = 0;
});

after(async () => {
  proxy?.kill('SIGTERM');
  if (proxy && proxy.exitCode === null) await once(proxy, 'close');
  engine.closeAllConnections();
  engine.close();
  await rm(folder, { recursive: true });
});

suite('the proxy before the socket', () => {
  test('HAProxy has nothing to say about the file', async () => {
    const file = join(folder, 'checked.cfg');
    await writeFile(file, FILE);
    const { status, stdout, stderr } = spawnSync(HAPROXY, ['-c', '-f', file], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    assert.doesNotMatch(stdout + stderr, /WARNING|ALERT/);
    await writeFile(file, FILE.replace('deny_status 403', 'deny_statu 403'));
    assert.notEqual(spawnSync(HAPROXY, ['-c', '-f', file]).status, 0);
  });

  test("every address of the engine's interface, by every method: what Alloy asks, and nothing else", async () => {
    const paths = Object.keys(ENDPOINTS);
    assert.ok(paths.length > 75, `${paths.length}`);
    for (const one of ALLOWED) {
      const [method, path] = one.split(' ');
      assert.ok(ENDPOINTS[path].split(' ').includes(method), `${one} is nothing that the engine knows`);
    }
    let reached = 0;
    for (const path of paths) {
      for (const method of METHODS) {
        for (const version of VERSIONS) {
          const address = version + path.replace(/\{\w+\}/, ID);
          asked.length = 0;
          const { status } = await request(`${method} ${address}`);
          const allowed = ALLOWED.has(`${method} ${path}`);
          assert.equal(status, allowed ? 200 : 403, `${method} ${address}`);
          assert.equal(asked.length, allowed ? 1 : 0, `${method} ${address}`);
          reached += asked.length;
        }
      }
    }
    assert.equal(reached, ALLOWED.size * VERSIONS.length);
  });

  test('whatever else was asked of the lists, they are of this project alone', async () => {
    const { name } = read(join(REPOSITORY, 'compose.yaml'));
    for (const path of ['/v1.41/containers/json', '/networks']) {
      for (const query of ['', '?all=1&size=1', '?filters=%7B%22label%22%3A%5B%22com.docker.compose.project%3Dother%22%5D%7D']) {
        asked.length = 0;
        await request(`GET ${path}${query}`);
        const url = new URL(asked[0].split(' ')[1], 'http://engine');
        assert.equal(url.pathname, path);
        assert.deepEqual([...url.searchParams.keys()], ['filters']);
        assert.deepEqual(JSON.parse(url.searchParams.get('filters')), {
          label: { [`com.docker.compose.project=${name}`]: true },
        });
      }
    }
    // Of a log, how much of it is the reader's to say.
    asked.length = 0;
    await request(`GET /containers/${ID}/logs?stdout=1&stderr=1&since=1700000000&timestamps=1`);
    assert.deepEqual(asked, [`GET /containers/${ID}/logs?stdout=1&stderr=1&since=1700000000&timestamps=1`]);
  });

  for (const line of [
    // Another container than one whose id is known from the list.
    'GET /containers/plant-care-api-1/json',
    `GET /containers/${ID.slice(0, 12)}/logs`,
    `GET /containers/${ID.toUpperCase()}/json`,
    `GET /containers/${ID}0/json`,
    // Ways to write an address so that it looks like another one.
    `GET //containers/${ID}/json`,
    `GET /containers//${ID}/json`,
    `GET /containers/${ID}/json/`,
    `GET /containers/${ID}/json/../export`,
    `GET /containers/${ID}/logs/../../../secrets`,
    `GET /containers/json/../${ID}/archive?path=/run/secrets`,
    'GET /v1.41/../containers/create',
    `GET /containers/${ID}/json/%2e%2e/archive`,
    `GET /containers/${ID}%2farchive/json`,
    `GET /containers/${ID}/%6a%73%6f%6e`,
    'GET /%5fping',
    `GET /containers/${ID}/json;/archive`,
    `GET /containers/${ID}/json\\..\\archive`,
    `GET /containers/${ID}/archive?/containers/${ID}/json`,
    `GET /containers/${ID}/archive#/containers/json`,
    `GET /containers/json#`,
    `GET /containers/${ID}/json\u00e9`,
    'GET /v1.41/v1.41/containers/json',
    'GET /v1.12/networks',
    'GET /v1.24/containers/json',
    'GET /v1.100/containers/json',
    'GET /v2.41/containers/json',
    'GET /v1x41/containers/json',
    'GET /V1.41/containers/json',
    'GET /CONTAINERS/json',
    'GET containers/json',
    'GET *',
    'OPTIONS *',
    'GET http://socket-proxy:2375/containers/json',
    `GET http://localhost/containers/${ID}/json`,
    'GET unix:///var/run/docker.sock',
    'CONNECT socket-proxy:2375',
    'CONNECT /var/run/docker.sock',
    'TRACE /_ping',
    'get /containers/json',
    'GETX /containers/json',
    'HEAD /containers/json',
    `HEAD /containers/${ID}/json`,
  ]) {
    test(`refused: ${line.replaceAll(ID, '<id>')}`, async () => {
      asked.length = 0;
      const { status } = await request(line);
      assert.deepEqual(asked, []);
      assert.ok([400, 403].includes(status), `${status}`);
    });
  }

  for (const [what, line, ...headers] of [
    ['an upgrade', 'GET /_ping', 'Connection: Upgrade', 'Upgrade: tcp'],
    ['an upgrade that only Upgrade names', `GET /containers/${ID}/logs`, 'Upgrade: h2c'],
    ['an upgrade that only Connection names', `GET /containers/${ID}/logs`, 'Connection: keep-alive, upgrade'],
    ['a body', 'GET /containers/json', 'Content-Length: 2', '', '{}'],
    ['a body in pieces', 'GET /containers/json', 'Transfer-Encoding: chunked', '', '2', '{}', '0', ''],
    ['a body behind two lengths', 'GET /_ping', 'Content-Length: 0', 'Content-Length: 40'],
    ['a body of two kinds', 'GET /_ping', 'Content-Length: 4', 'Transfer-Encoding: chunked', '', '0', ''],
    ['a body behind a wrong kind', 'GET /_ping', 'Transfer-Encoding: xchunked', 'Content-Length: 4'],
    ['an answer before the body', 'GET /_ping', 'Expect: 100-continue'],
  ]) {
    test(`refused: ${what}`, async () => {
      asked.length = 0;
      const { status } = await send([`${line} HTTP/1.1`, 'Host: engine', ...headers, '', ''].join('\r\n'));
      assert.deepEqual(asked, []);
      assert.ok([400, 403].includes(status), `${status}`);
    });
  }

  test('a request behind another one is judged as well', async () => {
    asked.length = 0;
    const host = 'Host: engine\r\n';
    const lines = ['GET /_ping', `GET /containers/${ID}/archive?path=/`, 'POST /containers/create'];
    await send(lines.map((line) => `${line} HTTP/1.1\r\n${host}\r\n`).join(''));
    await until(() => (asked.length > 0 ? true : null), 5, () => 'nothing came');
    assert.deepEqual(asked, ['GET /_ping']);
    // One that hides in what another one seems to end with.
    asked.length = 0;
    const hidden = `POST /containers/${ID}/exec HTTP/1.1\r\n${host}\r\n`;
    await send(`GET /_ping HTTP/1.1\r\n${host}Content-Length: ${hidden.length}\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n${hidden}`);
    await send(`GET /_ping\r\n${hidden}`);
    await send(`GET /_ping HTTP/1.1\r\n${host}X: a\r\n b\nPOST /containers/create HTTP/1.1\r\n\r\n`);
    assert.deepEqual(asked.filter((one) => one !== 'GET /_ping'), []);
  });

  test('HTTP/2 is not spoken', async () => {
    asked.length = 0;
    const { status } = await send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0');
    assert.ok(!(status >= 200 && status < 300), `${status}`);
    assert.deepEqual(asked, []);
  });

  test('a log that is followed is silent for longer than anything else may be', async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/v1.41/containers/${ID}/logs?follow=1&stdout=1`);
    assert.equal(await answer.text(), 'first\nlast\n');
    const late = await fetch(`http://127.0.0.1:${port}/v1.49/networks`);
    assert.equal(late.status, 504);
  });

  test('what is refused is told, and nothing else is', async () => {
    told = '';
    await request('GET /_ping');
    await request('GET /secrets?marked');
    await until(() => (told.includes('marked') ? true : null), 5, () => told);
    assert.match(told, /^refused status=403 client=127\.0\.0\.1 request="GET \/secrets\?marked HTTP\/1\.1"$/m);
    assert.doesNotMatch(told, /_ping/);
  });
});
