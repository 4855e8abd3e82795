// The audits of the GraphQL over HTTP specification's reference implementation, against the built program.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { auditServer } from 'graphql-http';
import { startServer } from './server.mjs';

/** The audits of the pinned version: one less would mean that something is no longer looked at. */
const AUDITS = 61;

suite('graphql-http audits', () => {
  let server;
  before(async () => (server = await startServer()));
  after(() => server?.stop());

  test(`all ${AUDITS} audits pass`, async () => {
    const results = await auditServer({ url: `${server.url}/graphql` });
    const failed = results.filter(({ status }) => status !== 'ok');
    const told = failed.map(({ id, name, status, reason }) => `${status} ${id} ${name}: ${reason}`);
    assert.deepEqual(told, []);
    assert.equal(results.length, AUDITS);
  });
});
