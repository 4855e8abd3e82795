// A mutation is done once for each response key, in the order of their first inclusion (GraphQL specification, September
// 2025, section 6.2.2), however often and wherever it is selected: as in its canonical form, and as graphql-js does it.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { buildSchema, getNamedType, isInterfaceType, isObjectType } from 'graphql';
import { callsOf, miscounted, ownOf, resolve, since } from './calls.mjs';
import { startedCare } from './care.mjs';
import { Documents } from './documents.mjs';
import { LIMITS, MERGED, ask, requests, shown } from './requests.mjs';
import { REPOSITORY, startServer } from './server.mjs';

/** How many documents, from which seed on; many more with PROVE=1. */
const COUNT = process.env.PROVE ? 2_000 : 50;
const SEED = Number(process.env.SEED ?? 1);
/** How many differences are told. */
const TOLD = 5;

/** What mutations are given. An empty text is refused. */
const INPUTS = {
  createPlant: [{ name: 'Ficus' }, { name: 'Aloe', speciesText: 'Aloe vera' }, { name: 'Fern' }, { name: '' }],
  addComment: ['All is well.', 'A new leaf!', ''].map((body) => ({ body })),
  recordCare: [{ kind: 'WATER', amountMl: 250 }, { kind: 'MIST' }, { kind: 'OTHER', note: 'Moved it' }],
};
/** What has come since. */
const EFFECTS = `query ($id: ID!, $plants: String, $events: String) {
  viewer { plants(first: 100, after: $plants) { pageInfo { endCursor } edges { node { name } } } }
  careRequest(id: $id) {
    timeline(first: 100, after: $events) {
      pageInfo { endCursor }
      edges { node { ... on CareRecorded { taskKind amountMl note } ... on CommentAdded { comment { body } } } }
    }
  }
}`;

const schema = buildSchema(await readFile(join(REPOSITORY, 'schema.graphql'), 'utf8'));

suite('mutations are done once for each response key, in order', () => {
  let server;
  let care;
  let documents;

  before(async () => {
    server = await startServer(LIMITS);
    care = await startedCare(server.url);
    const { careRequestId, plantId } = care;
    const ids = { createPlant: {}, addComment: { careRequestId }, recordCare: { careRequestId, plantId } };
    const inputs = Object.entries(INPUTS).map(([name, all]) => [
      `Mutation.${name}(input:)`,
      all.map((input) => ({ ...input, ...ids[name] })),
    ]);
    const options = { kinds: ['mutation'], nested: 0.3, width: 7, size: 60, values: Object.fromEntries(inputs) };
    documents = new Documents(schema, { ...MERGED, repeated: 0.5, ...options, selects });
  });
  after(() => server?.stop());

  /** Those mutations; and of what they answer, what is the same when it is done a second time. */
  function selects(type, field) {
    if (type === schema.getMutationType()) return field.name in INPUTS;
    const { name } = getNamedType(field.type);
    return !['ID', 'DateTime'].includes(name) && !name.endsWith('Connection') && !['cursor', 'seq'].includes(field.name);
  }

  /** What a request has done: its answer, the plants that are new and what the timeline tells of it, and its calls. */
  let seen = {};
  async function done(request) {
    const earlier = await callsOf(server);
    const answer = await ask(server, care.caretaker, request);
    const later = await callsOf(server);
    const { viewer, careRequest } = await care.caretaker.call(EFFECTS, { id: care.careRequestId, ...seen });
    const [plants, timeline] = [viewer.plants, careRequest.timeline];
    seen = { plants: plants.pageInfo.endCursor ?? seen.plants, events: timeline.pageInfo.endCursor };
    const nodes = (page) => page.edges.map(({ node }) => node);
    const calls = { counted: since(earlier.counted, later.counted), timed: since(earlier.timed, later.timed) };
    return { answer, effects: { plants: nodes(plants), events: nodes(timeline) }, calls };
  }

  /** What mutations do, in their order. */
  function effectsOf(mutations) {
    const done = mutations.filter(({ input }) => input.name !== '' && input.body !== '');
    const inputs = (...names) => done.filter(({ name }) => names.includes(name));
    const event = ({ input: { kind, amountMl = null, note = null, body } }) =>
      body === undefined ? { taskKind: kind, amountMl, note } : { comment: { body } };
    return {
      plants: inputs('createPlant').map(({ input: { name } }) => ({ name })),
      events: inputs('addComment', 'recordCare').map(event),
    };
  }

  test(`${COUNT} from seed ${SEED} on`, async (t) => {
    await done({ query: '{ __typename }' });
    const counts = { asked: 0, mutations: 0, refused: 0, merged: 0 };
    const otherwise = [];
    for (const request of requests(schema, documents, SEED)) {
      if (counts.asked === COUNT || otherwise.length === TOLD) break;
      const typed = await done(request.typed);
      const { data, calls, merged, mutations } = resolve(schema, request, typed.answer);
      const effects = effectsOf(mutations);
      const [short, long] = [await done(request.short), await done(request)];
      const actual = {
        text: long.answer.text,
        data: JSON.stringify(long.answer.data),
        effects: [typed.effects, short.effects, long.effects],
        counted: miscounted(long.calls.counted, calls),
        timed: miscounted(long.calls.timed, calls, ownOf(schema, long.calls.timed)),
      };
      const expected = { text: short.answer.text, data, effects: [effects, effects, effects], counted: {}, timed: {} };
      if (!isDeepStrictEqual(actual, expected)) otherwise.push({ ...shown(request), actual, expected });
      counts.asked += 1;
      counts.mutations += mutations.length;
      counts.refused += mutations.length - effects.plants.length - effects.events.length;
      counts.merged += merged.some((field) => field.startsWith('Mutation.')) ? 1 : 0;
    }
    t.diagnostic(JSON.stringify(counts));
    assert.deepEqual(otherwise, []);
    const { asked, mutations, refused, merged } = counts;
    assert.ok(mutations > asked * 2 && refused > 0 && merged > asked / 2, JSON.stringify(counts));
  });

  test('what is told of resolvers is told of fields of the schema', async () => {
    const { counted, timed } = await callsOf(server);
    const isNoField = (isOf) => (coordinate) => {
      const [type, field] = coordinate.split('.');
      return !isOf(schema.getType(type)) || !(field in schema.getType(type).getFields());
    };
    // A call counts for its object, and takes its time where it was selected: perhaps on an interface.
    assert.deepEqual([...counted.keys()].filter(isNoField(isObjectType)), []);
    const hasFields = (type) => isObjectType(type) || isInterfaceType(type);
    assert.deepEqual([...timed.keys()].filter(isNoField(hasFields)), []);
  });
});
