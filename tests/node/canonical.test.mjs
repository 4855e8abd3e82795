// What a document does is what its canonical form does (GraphQL specification, September 2025, sections 6.3.2 to 6.4.3): the
// answers are the same, and what one response key stands for is resolved once, as often as graphql-js resolves it.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { buildSchema } from 'graphql';
import { callsOf, miscounted, ownOf, resolve, since, total } from './calls.mjs';
import { Documents } from './documents.mjs';
import { LIMITS, MERGED, ask, difference, each, requests, shown } from './requests.mjs';
import { REPOSITORY, startServer } from './server.mjs';
import { members, valuesOf } from './world.mjs';

/** How many queries for each of two servers, from which seed on; many more with PROVE=1. */
const COUNT = process.env.PROVE ? 10_000 : 150;
const SEED = Number(process.env.SEED ?? 1);
/** Queries whose calls are counted together. */
const BATCH = 50;
/** How many differences are told. */
const TOLD = 5;

const schema = buildSchema(await readFile(join(REPOSITORY, 'schema.graphql'), 'utf8'));
for (const ratio of ['0', '1']) {
  suite(`queries, of which ${ratio === '0' ? 'none is' : 'all are'} looked at closely`, () => {
    let server;
    let seers;
    let documents;
    before(async () => {
      server = await startServer({ ...LIMITS, RESOLVER_SPANS_RATIO: ratio }, { isSeeded: true });
      seers = await members(server.url);
      // The limits are many, and say little.
      const selects = (_, { name }) => name !== 'serviceLimits';
      const options = { ...MERGED, kinds: ['query'], nested: 0.6, size: 90, values: valuesOf(seers), selects };
      documents = new Documents(schema, options);
    });
    after(() => server?.stop());

    /** Whether all is timed that is called for a request. What has nothing left to tell is not always. */
    const isTimed = ({ short }) => ratio === '0' || !short.query.includes('@skip');

    const answers = (all, of) => each(all, (request) => ask(server, seers[request.seed % seers.length], of(request)));

    /** The answers to requests whose `calls` are known, and which others there were: by the answers, and by the clock. */
    async function answersAndCalls(all) {
      const earlier = await callsOf(server);
      const told = await answers(all, (request) => request);
      const later = await callsOf(server);
      const expected = total(all.map(({ calls }) => calls));
      const timed = ratio === '0' ? {} : miscounted(since(earlier.timed, later.timed), expected, ownOf(schema, later.timed));
      return { told, wrong: { counted: miscounted(since(earlier.counted, later.counted), expected), timed } };
    }

    test(`${COUNT} from seed ${SEED} on`, async (t) => {
      const stream = requests(schema, documents, SEED);
      const counts = { asked: 0, complete: 0, failed: 0, limited: 0, counted: 0, merged: 0, calls: 0 };
      const otherwise = [];
      const miscounts = [];
      while (counts.asked < COUNT && otherwise.length < TOLD && miscounts.length < TOLD) {
        const batch = Array.from({ length: BATCH }, () => stream.next().value);
        const short = await answers(batch, (request) => request.short);
        const typed = await answers(batch, (request) => request.typed);
        const counted = [];
        const others = [];
        for (const [index, request] of batch.entries()) {
          const answer = short[index];
          if (answer.isLimited) counts.limited += 1;
          else if (answer.errors.length > 0) others.push({ ...request, answer });
          else (isTimed(request) ? counted : others).push({ ...request, answer, ...resolve(schema, request, typed[index]) });
        }
        const { told, wrong } = await answersAndCalls(counted);
        told.push(...(await answers(others, (request) => request)));
        for (const [index, request] of [...counted, ...others].entries()) {
          const differs = difference(told[index], request.answer, request.data);
          if (differs) otherwise.push({ ...shown(request), ...differs });
          counts[request.answer.errors.length > 0 ? 'failed' : 'complete'] += 1;
        }
        if (isAny(wrong)) miscounts.push(...(await alone(counted)), { together: wrong });
        counts.asked += batch.length;
        counts.counted += counted.length;
        counts.merged += counted.filter(({ merged }) => merged.length > 0).length;
        for (const { calls } of counted) for (const count of calls.values()) counts.calls += count;
      }
      t.diagnostic(JSON.stringify(counts));
      await t.test('the answers are those of the canonical form, and in the order of graphql-js', () => {
        assert.deepEqual(otherwise, []);
      });
      await t.test('fields are called as often as graphql-js calls them', () => assert.deepEqual(miscounts, []));
      await t.test('they show something', async () => {
        const { asked, complete, failed, limited, counted, merged, calls } = counts;
        assert.ok(complete > asked * 0.8 && failed > 0 && limited <= asked / 50, JSON.stringify(counts));
        assert.ok(counted > asked * 0.6 && merged > asked / 3 && calls > asked * 5, JSON.stringify(counts));
      });
    });

    /** Of requests of which some have other calls than expected, which ones. */
    async function alone(all) {
      const found = [];
      for (const request of all) {
        const { wrong } = await answersAndCalls([request]);
        if (isAny(wrong) && found.push({ ...shown(request), ...wrong }) === TOLD) break;
      }
      return found;
    }
  });
}

const isAny = ({ counted, timed }) => Object.keys({ ...counted, ...timed }).length > 0;
