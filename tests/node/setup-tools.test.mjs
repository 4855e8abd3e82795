// alert test, user and demo of observability/setup-observability.sh.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, suite, test } from 'node:test';
import { surroundings } from './setup.mjs';

let world;
beforeEach(async () => {
  world = await surroundings();
  assert.equal((await world.run(['start'])).code, 0);
});
afterEach(() => world.remove());

// Grafana 13: apps/alerting/notifications. Its name is the contact point's, in base64.
const RECEIVER = `/apis/notifications.alerting.grafana.app/v1beta1/namespaces/default/receivers/${Buffer.from('Plant Care').toString('base64url')}`;
const EMAIL = { uid: 'plant-care-email', type: 'email', version: 'v1', settings: { addresses: 'a@example.org', message: 'a "}]" b' }, secureFields: {} };
const SLACK = { uid: 'plant-care-slack', type: 'slack', version: 'v1', settings: { text: '{"type": "other"}' }, secureFields: { url: true } };

suite('setup-observability.sh alert test', () => {
  let grafana, tests, receiver, result;
  beforeEach(async () => {
    tests = [];
    receiver = { metadata: { name: 'x' }, spec: { title: 'Plant Care', integrations: [EMAIL, SLACK] }, status: {} };
    result = () => ({ apiVersion: 'v1', kind: 'CreateReceiverIntegrationTest', status: 'success', duration: '1ms' });
    const password = await world.secret('grafana_password');
    grafana = createServer(async (request, response) => {
      const answer = (status, value) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value, null, 2));
      if (request.headers.authorization !== `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`) return answer(401, {});
      if (request.method === 'GET' && request.url === RECEIVER) return receiver ? answer(200, receiver) : answer(404, {});
      if (request.method !== 'POST' || request.url !== `${RECEIVER}/test`) return answer(404, {});
      const body = JSON.parse(Buffer.concat(await request.toArray()));
      tests.push(body);
      answer(200, result(body.integration));
    }).listen(world.port.GRAFANA_PORT, '127.0.0.1');
    await once(grafana, 'listening');
  });
  afterEach(() => grafana.close());

  test('each way of the contact point is tried with what Grafana has stored, and told', async () => {
    const { code, output, calls } = await world.run(['alert', 'test']);
    assert.equal(code, 0, output);
    assert.match(output, /^ {2}email +reached \(plant-care-email\)$/m);
    assert.match(output, /^ {2}slack +reached \(plant-care-slack\)$/m);
    assert.deepEqual(tests.map(({ integration }) => integration), [EMAIL, SLACK]);
    for (const { alert } of tests) assert.equal(alert.labels.alertname, 'Test');
    assert.deepEqual(calls, []);
    assert.ok(!output.includes(await world.secret('grafana_password')));
  });

  test('who is not reached is told, without the address, which may be a secret', async () => {
    result = ({ type }) =>
      type === 'slack' ? { status: 'failure', error: 'Post "https://hooks.example/T0/B0/secret": refused' } : { status: 'success' };
    const { code, output } = await world.run(['alert', 'test']);
    assert.equal(code, 1);
    assert.match(output, /^ {2}email +reached/m);
    assert.match(output, /^ {2}slack +NOT reached \(plant-care-slack\): answer 200, .*refused/m);
    assert.match(output, /Not everybody is told of alerts\./);
    assert.doesNotMatch(output, /hooks\.example/);
  });

  test('without a contact point it says how to set one', async () => {
    for (receiver of [null, { spec: { integrations: [] } }]) {
      const { code, output } = await world.run(['alert', 'test']);
      assert.equal(code, 1);
      assert.match(output, /Nobody is told of alerts: .* A file alert_… in observability\/secrets and a start set one\./);
    }
  });

  test('another password, and a Grafana that is away', async () => {
    await writeFile(join(world.secrets, 'grafana_password'), 'another');
    assert.match((await world.run(['alert', 'test'])).output, /Grafana does not know the password of/);
    grafana.close();
    await once(grafana, 'close');
    const { code, output } = await world.run(['alert', 'test']);
    assert.equal(code, 1);
    assert.equal(output, `Grafana does not answer at 127.0.0.1:${world.port.GRAFANA_PORT}: observability/setup-observability.sh status says how it is.\n`);
  });

  test('the small stack has none; and anything else is no command', async () => {
    await world.settings('STACK=small\n');
    assert.match((await world.run(['alert', 'test'])).output, /STACK=small has no Grafana/);
    await world.settings('');
    assert.match((await world.run(['alert'])).output, /Usage: \S+ alert test/);
  });
});

suite('setup-observability.sh user and demo', () => {
  test('they run in the container that serves, so that no log holds a password', async () => {
    const [{ id }] = await world.containers('api');
    for (const words of [['user', 'add', 'a@example.org'], ['demo', '--loop']]) {
      const { code, calls } = await world.run(words);
      assert.equal(code, 0);
      assert.equal(calls.at(-1), `exec --interactive ${id} /plant-care ${words.join(' ')}`);
    }
  });

  test('without an API it says so', async () => {
    await world.run(['stop']);
    const { code, output } = await world.run(['user', 'add', 'a@example.org']);
    assert.equal(code, 1);
    assert.match(output, /The API does not run/);
  });
});
