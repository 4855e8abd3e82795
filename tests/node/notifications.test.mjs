// Who Grafana tells of alerts: what notifications.sh writes of the secrets that there are.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { FOLDER } from './queries.mjs';

/** Each channel: its file, a secret, and the setting that Grafana wants. */
const CHANNELS = {
  email: ['alert_email', 'ada@plantcare.example;bo@plantcare.example', 'addresses'],
  slack: ['alert_slack_url', 'https://hooks.example/T0/B0/secret', 'url'],
  webhook: ['alert_webhook_url', 'https://alerts.example/secret', 'url'],
  pagerduty: ['alert_pagerduty_key', '0123456789abcdef0123456789abcdef', 'integrationKey'],
};
const ALL = Object.keys(CHANNELS);

suite('notifications', () => {
  let folder;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'plant-care-notifications-'));
  });
  after(() => rm(folder, { recursive: true }));

  /** What is written when these channels have a secret, and others a blank file or none. */
  async function written(channels, blank = []) {
    for (const name of ALL) {
      const [file, secret] = CHANNELS[name];
      if (channels.includes(name)) await writeFile(join(folder, file), `${secret}\n`);
      else if (blank.includes(name)) await writeFile(join(folder, file), '\n');
      else await rm(join(folder, file), { force: true });
    }
    const output = join(folder, 'notifications.yml');
    await promisify(execFile)(join(FOLDER, 'grafana/notifications.sh'), [folder, output]);
    // Grafana is another user.
    assert.equal((await stat(output)).mode & 0o044, 0o044);
    const text = await readFile(output, 'utf8');
    for (const [, secret] of Object.values(CHANNELS)) assert.ok(!text.includes(secret), 'A secret is written');
    return parse(text);
  }

  const deleted = ({ deleteContactPoints = [] }) => deleteContactPoints.map(({ uid }) => uid);

  for (const channels of [...ALL.map((name) => [name]), ['email', 'pagerduty'], ALL]) {
    test(`by ${channels.join(' and ')}`, async () => {
      const file = await written(channels);
      assert.equal(file.apiVersion, 1);
      const [point, ...others] = file.contactPoints;
      assert.deepEqual(others, []);
      assert.deepEqual(file.policies.map(({ receiver }) => receiver), [point.name]);
      assert.ok(!file.resetPolicies);
      assert.deepEqual(point.receivers.map(({ type }) => type), channels);
      for (const { uid, type, settings } of point.receivers) {
        const [secret, , setting] = CHANNELS[type];
        assert.equal(uid, `plant-care-${type}`);
        assert.equal(settings[setting], `$__file{/run/secrets/${secret}}`);
      }
      const gone = ALL.filter((name) => !channels.includes(name));
      assert.deepEqual(deleted(file), gone.map((name) => `plant-care-${name}`));
    });
  }

  for (const [how, blank] of [['missing', []], ['blank', ALL]]) {
    test(`by nobody, all files ${how}`, async () => {
      const file = await written([], blank);
      // A contact point without an address would keep Grafana from starting; so would a policy without its contact point.
      assert.ok(!file.contactPoints && !file.policies);
      assert.deepEqual(file.resetPolicies, [1]);
      assert.deepEqual(deleted(file), ALL.map((name) => `plant-care-${name}`));
    });
  }
});
