// Persisted queries with the links of Apollo and urql, which know a server's refusals by their messages and codes.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ApolloClient, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { Client, fetchExchange } from '@urql/core';
import { persistedExchange } from '@urql/exchange-persisted';
import { parse, print } from 'graphql';
import { startServer } from './server.mjs';

const sha256 = (text) => createHash('sha256').update(text).digest('hex');

/** How each client asks a query, by POST or by GET. */
const CLIENTS = {
  Apollo(url, fetch, byGet) {
    const persisted = new PersistedQueryLink({ sha256, useGETForHashedQueries: byGet });
    const link = persisted.concat(new HttpLink({ uri: url, fetch }));
    const client = new ApolloClient({ cache: new InMemoryCache(), link });
    return async (query) => (await client.query({ query: gql(query), fetchPolicy: 'no-cache' })).data;
  },
  urql(url, fetch, byGet) {
    const generateHash = async (text) => sha256(text);
    const persisted = persistedExchange({ generateHash, preferGetForPersistedQueries: byGet });
    const client = new Client({ url, fetch, exchanges: [persisted, fetchExchange], preferGetMethod: false });
    return async (query) => {
      const { data, error } = await client.query(query, {}, { requestPolicy: 'network-only' }).toPromise();
      if (error) throw error;
      return data;
    };
  },
};

let server;
let trusting;
let folder;

/** A query as both clients write it. */
const TRUSTED = print(parse('query Trusted { __typename viewer { __typename id } }'));

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plant-care-manifest-'));
  const manifest = join(folder, 'manifest.json');
  const operation = { id: 'trusted', name: 'Trusted', type: 'query', body: TRUSTED };
  const content = { format: 'apollo-persisted-query-manifest', version: 1, operations: [operation] };
  await writeFile(manifest, JSON.stringify(content));
  const key = Buffer.alloc(32).toString('base64');
  server = await startServer();
  trusting = await startServer({
    ENVIRONMENT: 'production',
    SECRET_KEY: key,
    ENCRYPTION_KEY: key,
    TRUSTED_DOCUMENTS: manifest,
  });
});

after(async () => {
  await server?.stop();
  await trusting?.stop();
  if (folder) await rm(folder, { recursive: true });
});

/** A `fetch` that notes the method, whether a text and a hash were sent, and the status. */
function noting(sent) {
  return async (address, init) => {
    const answer = await fetch(address, init);
    const { method = 'GET', body } = init;
    const fields = body ? JSON.parse(body) : Object.fromEntries(new URL(address).searchParams);
    const extensions = typeof fields.extensions === 'string' ? JSON.parse(fields.extensions) : fields.extensions;
    const how = [fields.query && 'text', extensions?.persistedQuery && 'hash'].filter(Boolean);
    sent.push([method, ...how, answer.status]);
    return answer;
  };
}

for (const [name, make] of Object.entries(CLIENTS)) {
  for (const byGet of [false, true]) {
    const first = byGet ? 'GET' : 'POST';

    test(`${name} sends a text once, its hash by ${first}`, async () => {
      const sent = [];
      const ask = make(`${server.url}/graphql`, noting(sent), byGet);
      const query = `query Persisted${name}${first} { __typename viewer { __typename id } }`;
      for (let time = 0; time < 3; time += 1) {
        assert.deepEqual(await ask(query), { __typename: 'Query', viewer: null });
      }
      // Another one, such as the same page in another browser.
      await make(`${server.url}/graphql`, noting(sent), byGet)(query);
      const hash = [first, 'hash', 200];
      const [[, ...text]] = sent.splice(1, 1);
      assert.deepEqual(text, ['text', 'hash', 200]);
      assert.deepEqual(sent, [hash, hash, hash, hash]);
    });

    test(`${name} sends texts where only trusted documents run, asked by ${first}`, async () => {
      const sent = [];
      const ask = make(`${trusting.url}/graphql`, noting(sent), byGet);
      for (let time = 0; time < 2; time += 1) {
        assert.deepEqual(await ask(TRUSTED), { __typename: 'Query', viewer: null });
      }
      assert.deepEqual(sent[0], [first, 'hash', 200]);
      assert.deepEqual(sent.slice(1).map(([, ...how]) => how), [['text', 200], ['text', 200]]);
      await assert.rejects(ask('query Untrusted { viewer { __typename } }'), /trusted/);
    });
  }
}
